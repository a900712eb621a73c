"""What a portal's user may see: the objects that profile and permission sets let it read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator import describe

if TYPE_CHECKING:
    from provisioner.emulator.describe import SObject
    from provisioner.emulator.store import Org

_MOST: Final = 25  # records on a tab: guess
# Whose records a portal's user sees: its account's, itself, its cases. Stands for sharing sets
# and for the sharing of portal roles, of which this org has none: guess
_MINE: Final = {
    "Account": ("Id", "AccountId"),
    "Contact": ("Id", "ContactId"),
    "Case": ("ContactId", "ContactId"),
    "Opportunity": ("AccountId", "AccountId"),
}
_RIGHTS: Final = ("Read", "Create", "Edit", "Delete")


@dataclass(frozen=True, slots=True)
class Tab:
    """One object that a user may read; `rights` are all they may do with it."""

    name: str
    label: str
    prefix: str
    rights: tuple[str, ...]


def tabs(org: Org, user: dict[str, Any]) -> list[Tab]:
    """The objects that the user may read, by label."""
    columns = ", ".join(f'MAX(p."Permissions{right}")' for right in _RIGHTS)
    rows = org.execute(
        f'SELECT p."SobjectType", {columns} FROM "ObjectPermissions" AS p'  # noqa: S608 - our names
        ' JOIN "PermissionSetAssignment" AS a ON a."PermissionSetId" = p."ParentId"'
        ' WHERE a."AssigneeId" = ? GROUP BY p."SobjectType"',
        (user["Id"],),
    )
    found = []
    for name, *held in rows:
        sobject = describe.catalog(org).get(name)
        rights = tuple(right for right, on in zip(_RIGHTS, held, strict=True) if on)
        if sobject is not None and sobject.prefix and "Read" in rights:
            found.append(Tab(sobject.name, sobject.plural, sobject.prefix, rights))
    return sorted(found, key=lambda one: one.label)


def records(org: Org, user: dict[str, Any], sobject: SObject) -> list[str]:
    """The names of the first records of an object that the user may see."""
    field, own = _MINE.get(sobject.name, ("OwnerId", "Id"))
    if sobject.field(field) is None or not user[own]:
        return []
    named = sobject.name_field
    found = org.select(sobject.name, **{field: user[own]})[:_MOST]
    return [str(row[named.name] if named else row["Id"]) for row in found]
