"""Refuses the writes that a user's object permissions or the sharing of records do not allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import object_rights, permissions, sharing, visible
from provisioner.emulator.base.errors import SalesforceError, not_found
from provisioner.emulator.schema import objects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

_PROFILES: Final = "ManageProfilesPermissionsets"
# Since Summer '20 only "Manage Roles" may edit roles (fact 412); "To create
# profiles: Manage Profiles and Permission Sets" (help, "Create or Clone Profiles" [V]), what they
# and permission sets hold, too [I]; "Assign Permission Sets" is for what it says [I]. That a
# site's or the org's other setup takes "Manage Users", and all else "Modify All Data": guess.
_BY_OBJECT: Final = {
    "UserRole": "ManageRoles",
    **dict.fromkeys(
        ("Profile", "PermissionSet", "ObjectPermissions", "FieldPermissions"), _PROFILES
    ),
    "PermissionSetAssignment": "AssignPermissionSets",
}


def check(org: Org, by: str, sobject: SObject, right: str) -> bool:
    """Refuses whoever may not do this with any record; whether the user may do it with all."""
    if object_rights.governed(sobject.name):
        object_rights.check(org, by, sobject, right)
        return object_rights.may_all(org, by)
    # what a user's record asks for depends on the licence: `users`
    if sobject.name != "User":
        setup = sobject.name in objects.SETUP_OBJECTS
        wanted = _BY_OBJECT.get(sobject.name, "ManageUsers" if setup else "ModifyAllData")
        if not permissions.has(org, by, wanted):
            raise permissions.no_access()
    return True


def check_record(org: Org, by: str, sobject: SObject, id_: str, way: sharing.Way) -> None:
    """Refuses a record that the user may not edit or delete.

    What one does not see is not there; else it is the sharing that does not give enough. Which of
    the two codes comes when: guess.
    """
    if not visible.sees(org, by, sobject.name, id_):
        raise not_found()
    if not sharing.may(org, by, sobject.name, id_, way):
        raise permissions.no_access()


def check_references(
    org: Org, by: str, sobject: SObject, row: Mapping[str, Any], current: Mapping[str, Any] | None
) -> None:
    """Refuses to refer to a record that the user does not see (fact 723).

    A detail asks to edit its master (help, "Master-Detail Relationships" [U]).
    """
    for name, value in row.items():
        field = sobject.field(name)
        if field is None or field.type != "reference" or value is None or value == by:
            continue
        if current is not None and current.get(name) == value:
            continue
        parent = org.catalog().by_prefix(value[:3])
        seen = parent is None or visible.sees(org, by, parent.name, value)
        if seen and parent is not None and "master" in field.flags:
            seen = object_rights.may_all(org, by) or sharing.may(
                org, by, parent.name, value, "Edit"
            )
        if not seen:
            raise SalesforceError(
                "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
                f"insufficient access rights on cross-reference id: {value[:15]}",
                (),
            )
