"""What a portal's user may see: the objects that profile and permission sets let it read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import object_rights, visible
from provisioner.emulator.rules import portal_objects

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

_MOST: Final = 25  # records on a tab: guess
_RIGHTS: Final = ("Read", "Create", "Edit", "Delete")


@dataclass(frozen=True, slots=True)
class Tab:
    """One object that a user may read; `rights` are all they may do with it."""

    name: str
    label: str
    prefix: str
    rights: tuple[str, ...]


def tabs(org: Org, user: dict[str, Any]) -> list[Tab]:
    """The objects that the user may read and that are there for portals, by label."""
    found = []
    for name, held in object_rights.rights(org, user["Id"]).items():
        sobject = visible.catalog(org, user["Id"]).get(name)
        if sobject is None or not portal_objects.is_available(org, sobject.name):
            continue
        if sobject.prefix:
            rights = tuple(right for right in _RIGHTS if right in held)
            found.append(Tab(sobject.name, sobject.plural, sobject.prefix, rights))
    return sorted(found, key=lambda one: one.label)


def records(org: Org, user: dict[str, Any], sobject: SObject) -> list[str]:
    """The names of the first records of an object that the user may see."""
    named = sobject.name_field.name if sobject.name_field else "Id"
    rows = visible.rows(org, user["Id"], sobject.name)
    found = org.execute(
        f'SELECT "{named}" FROM {rows} WHERE "IsDeleted" = 0 ORDER BY "Id" LIMIT {_MOST}'  # noqa: S608
    )
    return [str(row[0]) for row in found]
