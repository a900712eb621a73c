"""What a user may do with which object and field: profile and permission sets together.

Only the objects that have object permissions are meant, those of customers' data; who may do what
with the others is told by user permissions, in `rules` and `visible`. For a user with "Modify All
Data" nothing is looked up but that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from provisioner.emulator.access import permissions
from provisioner.emulator.base.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

_RIGHTS: Final = ("Read", "Create", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords")
_STANDARD: Final = frozenset({"Account", "Case", "Contact", "Lead", "Opportunity"})
_HELD: Final = (
    ' AS p JOIN "PermissionSetAssignment" AS a ON a."PermissionSetId" = p."ParentId"'
    ' WHERE a."AssigneeId" = ?'
)
DONE: Final = {"Create": "inserted", "Edit": "updated"}


def governed(name: str) -> bool:
    """Whether object permissions decide about the object."""
    return name in _STANDARD or name.endswith("__c")


def may_all(org: Org, user_id: str) -> bool:
    """Whether a user may change every record ("Modify All Data")."""
    return permissions.has(org, user_id, "ModifyAllData")


def sees_all(org: Org, user_id: str) -> bool:
    """Whether a user sees every record ("View All Data", which "Modify All Data" needs)."""
    return permissions.has(org, user_id, "ViewAllData") or may_all(org, user_id)


def rights(org: Org, user_id: str) -> Mapping[str, frozenset[str]]:
    """What the user may do with each object: any of Read, Create, Edit, Delete, ViewAllRecords.

    ModifyAllRecords, too; "View All Data" is the right to read every object.
    """

    def work() -> dict[str, frozenset[str]]:
        columns = ", ".join(f'MAX(p."Permissions{right}")' for right in _RIGHTS)
        rows = org.execute(
            f'SELECT p."SobjectType", {columns} FROM "ObjectPermissions"{_HELD}'  # noqa: S608 - ours
            ' GROUP BY p."SobjectType"',
            (user_id,),
        )
        return {
            name: frozenset(right for right, on in zip(_RIGHTS, held, strict=True) if on)
            for name, *held in rows
        }

    return org.remember(("rights", user_id), work)


def may(org: Org, user_id: str, name: str, right: str) -> bool:
    """Whether object permissions give the user that right on a governed object."""
    if may_all(org, user_id) or (right == "Read" and sees_all(org, user_id)):
        return True
    return right in rights(org, user_id).get(name, ())


def check(org: Org, user_id: str, sobject: SObject, right: str) -> None:
    """Refuses whom the object permissions do not give a right of Create, Edit or Delete.

    Codes and texts as measured in real orgs by public repositories (EPGL payload review, of
    Create; sf-jdbc-driver's GrantTests, of all three) [Q].
    """
    if may(org, user_id, sobject.name, right):
        return
    if right not in DONE:
        raise permissions.no_access()
    raise cannot(sobject, DONE[right])


def cannot(sobject: SObject, done: str) -> SalesforceError:
    """The refusal to insert or update records of an object (as measured, see `check`) [Q]."""
    message = f"entity type cannot be {done}: {sobject.label}"
    return SalesforceError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, ())


def fields(org: Org, user_id: str) -> tuple[frozenset[str], frozenset[str]]:
    """The fields, as `Object.Field`, that field-level security lets the user read, and edit."""

    def work() -> tuple[frozenset[str], frozenset[str]]:
        rows = org.execute(
            'SELECT p."Field", p."PermissionsRead", p."PermissionsEdit"'  # noqa: S608 - ours
            f' FROM "FieldPermissions"{_HELD}',
            (user_id,),
        )
        return (
            frozenset(name for name, read, edit in rows if read or edit),
            frozenset(name for name, _, edit in rows if edit),
        )

    return org.remember(("field security", user_id), work)


def of_standard_profile(org: Org, user_id: str) -> bool:
    """Whether Salesforce made the user's profile, which then has the standard fields open.

    A standard profile comes with them, while a new one "starts without any permission" (fact 501);
    that it comes with all of them is a guess.
    """
    sql = (
        'SELECT 1 FROM "User" AS u JOIN "PermissionSet" AS s ON s."ProfileId" = u."ProfileId"'
        ' WHERE u."Id" = ? AND s."IsCustom" = 0'
    )
    return org.remember(("standard profile", user_id), lambda: bool(org.execute(sql, (user_id,))))
