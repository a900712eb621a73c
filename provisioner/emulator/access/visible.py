"""What a user sees: objects and fields by permission, rows by sharing, profiles by filtering.

Whoever has "Modify All Data" sees the org as it is, and nothing is worked out.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from provisioner.emulator.access import definitions, object_rights, permissions, person, sharing
from provisioner.emulator.schema import versions
from provisioner.emulator.schema.objects import Catalog
from provisioner.emulator.soql.scope import Context
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import Field, SObject
    from provisioner.emulator.schema.virtual import Rows
    from provisioner.emulator.store.org import Org

SETTINGS: Final = "UserManagementSettings"
SETTINGS_NAME: Final = "UserManagement"

# "only users with Manage Users or Monitor Login History permissions can access this object", others
# their own rows from version 37 on (object reference, LoginHistory [V]). The second permission is
# not served; before that version: the same (guess)
_HISTORY: Final = "LoginHistory"
# "Customer Portal and Partner Portal users can't access this object" (object reference, Profile
# [V], and Group [V]); that it is so of what else tells of an org's setup: guess.
_CLOSED: Final = frozenset(
    {"BackgroundOperation", "EmailTemplate", "FieldPermissions", "Group", "NetworkMemberGroup",
     "NetworkSelfRegistration", "ObjectPermissions", "PermissionSet",
     "PermissionSetAssignment", "PersonAccountOwnerPowerUser", "Profile", "SetupAuditTrail",
     "UserLicense", "UserLogin"}
)  # fmt: skip
# Any of these permissions opens an object: "View Roles and Role Hierarchy" roles (fact 412), the
# others as their pages say (object reference, "Special Access Rules" [V]).
_OPENED_BY: Final = {
    "UserRole": ("ViewRoles",),
    "FieldPermissions": ("ViewSetup",),
    "ObjectPermissions": ("ViewSetup",),
    "PermissionSetAssignment": ("ViewSetup", "AssignPermissionSets", "ManageUsers"),
}
_FLAGS: Final = {
    "createable": "Create", "updateable": "Edit", "deletable": "Delete", "undeletable": "Delete",
}  # fmt: skip


def catalog(org: Org, user_id: str, version: int | None = None) -> Catalog:
    """The objects and fields that exist for a user, in a version of the API or the newest.

    Without the right to read an object it is not there, and a field is not there that field-level
    security hides: "No such column" (measured in public tests of a JDBC driver [Q]).
    """
    whole = org.catalog(version=version)
    if object_rights.may_all(org, user_id):
        return whole
    key = ("catalog of", user_id, versions.era(version))
    return org.remember(key, lambda: _narrowed(org, user_id, whole))


def sources(org: Org, user_id: str) -> dict[str, Rows]:
    """The SQL of the rows of objects of which a user does not see every row."""
    found: dict[str, Rows] = {
        name: _rows(name, rows) for name, rows in _conditions(org, user_id).items()
    }
    if _filtered(org, user_id):
        own = org.some("User", user_id, "ProfileId")
        # An id, so that nothing in it needs a quote.
        id_ = own["ProfileId"] if own else ""
        found["Profile"] = _rows("Profile", f"\"Id\" = '{id_}'")
    if not _sees_history(org, user_id):
        found[_HISTORY] = _rows(_HISTORY, f"\"UserId\" = '{user_id}'")
    return found


def context(org: Org, user_id: str, version: int, *, deleted: bool = False) -> Context:
    """Where the queries of a user run: on the objects, fields and rows that the user sees."""
    seen, base = catalog(org, user_id, version), f"/services/data/v{version}.0"
    made = {**sources(org, user_id), **definitions.sources(org, seen)}
    return Context(org, definitions.added(seen), base, user_id, deleted, made)


def sees(org: Org, user_id: str, sobject: str, id_: str) -> bool:
    """Whether a user sees one row."""
    if sobject == "Profile":
        if not _filtered(org, user_id):
            return True
        own = org.some("User", user_id, "ProfileId")
        return own is not None and own["ProfileId"] == id_
    if sobject == _HISTORY and not _sees_history(org, user_id):
        return bool(org.find(_HISTORY, Id=id_, UserId=user_id))
    if not (object_rights.governed(sobject) or sobject == "User") or object_rights.sees_all(
        org, user_id
    ):
        return True
    if sobject != "User":
        if not object_rights.may(org, user_id, sobject, "Read"):
            return False
        return sharing.may(org, user_id, sobject, id_, "Read")
    rows = sharing.users(org, person.person(org, user_id))
    return rows is None or bool(
        org.execute(f'SELECT 1 FROM "User" WHERE "Id" = ? AND ({rows})', (id_,))  # noqa: S608
    )


def rows(org: Org, user_id: str, sobject: str) -> str:
    """The SQL of the rows of one object that a user sees."""
    found = None if object_rights.sees_all(org, user_id) else _condition(org, user_id, sobject)
    return f'"{sobject}"' if found is None else _rows(sobject, found)


def _sees_history(org: Org, user_id: str) -> bool:
    return permissions.has(org, user_id, "ManageUsers")


def _rows(name: str, condition: str) -> str:
    return f'(SELECT * FROM "{name}" WHERE {condition})'  # noqa: S608 - our names and ids


def _conditions(org: Org, user_id: str) -> dict[str, str]:
    if object_rights.sees_all(org, user_id):
        return {}
    named = (sobject.name for sobject in org.catalog().sobjects.values())
    found = {name: _condition(org, user_id, name) for name in named}
    return {name: rows for name, rows in found.items() if rows is not None}


def _condition(org: Org, user_id: str, name: str) -> str | None:
    if name == "User":
        return sharing.users(org, person.person(org, user_id))
    if not object_rights.governed(name):
        return None
    held = object_rights.rights(org, user_id).get(name, frozenset())
    if not held & {"Read"}:
        return "0"
    if held & {"ViewAllRecords", "ModifyAllRecords"}:
        return None
    return sharing.condition(org, person.person(org, user_id), name, "Read")


# -- objects and fields -------------------------------------------------------------------------


def _narrowed(org: Org, user_id: str, whole: Catalog) -> Catalog:
    external = person.person(org, user_id).external
    found = {}
    for key, sobject in whole.sobjects.items():
        if object_rights.governed(sobject.name):
            if object_rights.may(org, user_id, sobject.name, "Read"):
                found[key] = _permitted(org, user_id, sobject)
        elif _is_open(org, user_id, sobject.name) and not (external and sobject.name in _CLOSED):
            found[key] = sobject
    return Catalog(found)


def _is_open(org: Org, user_id: str, name: str) -> bool:
    wanted = _OPENED_BY.get(name)
    return wanted is None or any(permissions.has(org, user_id, one) for one in wanted)


def _permitted(org: Org, user_id: str, sobject: SObject) -> SObject:
    held = object_rights.rights(org, user_id).get(sobject.name, frozenset())
    lost = {flag for flag, right in _FLAGS.items() if right not in held}
    fields = {
        key: kept
        for key, field in sobject.fields.items()
        if (kept := _secured(org, user_id, sobject, field)) is not None
    }
    return replace(sobject, flags=sobject.flags - lost, fields=fields)


def _secured(org: Org, user_id: str, sobject: SObject, field: Field) -> Field | None:
    """The field as field-level security leaves it; parts of an address are as the whole [U]."""
    if not field.permissionable:
        return field
    if not field.custom and object_rights.of_standard_profile(org, user_id):
        return field
    readable, editable = object_rights.fields(org, user_id)
    names = {f"{sobject.name}.{name}" for name in (field.name, field.compound) if name}
    if field.type == "address":
        parts = (part for part in sobject.fields.values() if part.compound == field.name)
        names |= {f"{sobject.name}.{part.name}" for part in parts}
    if not names & readable:
        return None
    return field if names & editable else replace(field, createable=False, updateable=False)


def _filtered(org: Org, user_id: str) -> bool:
    """Profile filtering hides the others from users without "View All Profiles" (fact 513)."""
    if permissions.has(org, user_id, "ViewAllProfiles"):
        return False
    row = components.by_name(org, SETTINGS, SETTINGS_NAME)
    return row is not None and bool(json.loads(row.body).get("enableProfileFiltering"))
