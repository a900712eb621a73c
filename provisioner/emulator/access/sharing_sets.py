"""What sharing sets give the users of their profiles, as SQL conditions on the rows they give.

A mapping gives the records whose `objectField` leads to the account or contact that `userField`
of the user leads to (META SharingSet [V]).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.store import components

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.emulator.access.person import Person
    from provisioner.emulator.store.org import Org

# "Edit" is "Read/Write" on the page: it is to read as well.
_LEVELS: Final = {"Read": ("Read", "Edit"), "Edit": ("Edit",)}


def of_sets(org: Org, who: Person, name: str, way: str) -> list[str]:
    """One condition for each mapping that gives the person records of that object."""
    if not who.external:
        return []
    found = []
    for mapping in _mappings(org, who.profile):
        if mapping["object"].lower() != name.lower() or mapping["accessLevel"] not in _LEVELS[way]:
            continue
        target = _target(org, who, mapping["userField"])
        sobject = org.catalog().get(name)
        if target is None or sobject is None:
            continue
        lookup = mapping["objectField"]
        field = sobject.field(lookup) or sobject.relationship(lookup)
        if field is not None:
            found.append(f"\"{field.name}\" = '{target}'")
    return found


def _mappings(org: Org, profile_id: str) -> Iterator[dict[str, str]]:
    for row in components.rows(org, "SharingSet"):
        body = json.loads(row.body)
        if profile_id in body["profileIds"]:
            yield from body.get("accessMappings", [])


def _target(org: Org, who: Person, path: str) -> str | None:
    """The id of the account or contact that `userField` leads to.

    `Contact.RelatedAccount` is the account of the contact: this org relates contacts to no other.
    """
    start, _, name = path.partition(".")
    match start, name:
        case "Account", "":
            return who.account
        case "Contact", "":
            return who.contact
        case "Contact", "RelatedAccount":
            return who.account
        case "Manager", _:
            manager = org.some("User", who.manager, f"{name}Id") if who.manager else None
            return manager[f"{name}Id"] if manager else None
        case _:
            return _followed(org, start, who.account if start == "Account" else who.contact, name)


def _followed(org: Org, kind: str, id_: str | None, name: str) -> str | None:
    row: dict[str, Any] | None = org.get(kind, id_) if id_ else None
    sobject = org.catalog().get(kind)
    assert sobject is not None, "accounts and contacts are always there"
    field = sobject.field(name) or sobject.relationship(name)
    value = row.get(field.name) if row and field else None
    return str(value) if value else None
