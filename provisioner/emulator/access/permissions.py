"""What a user's profile and permission sets allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.emulator.base.errors import SalesforceError

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org


def has(org: Org, user_id: str, permission: str) -> bool:
    """Whether a user's profile or an assigned permission set grants `Permissions<permission>`."""
    assert permission.isalnum()
    sql = (
        'SELECT 1 FROM "PermissionSetAssignment" AS a'  # noqa: S608 - asserted above
        ' JOIN "PermissionSet" AS s'
        f' ON s."Id" = a."PermissionSetId" AND s."Permissions{permission}" = 1'
        ' WHERE a."AssigneeId" = ? LIMIT 1'
    )
    return org.remember(
        ("permission", user_id, permission), lambda: bool(org.execute(sql, (user_id,)))
    )


def may_set_password(org: Org, by: str, user_id: str) -> bool:
    """Whether `by` may set and reset that user's password: its own, or with a permission.

    There is one for it, and the one to edit users is as good (Salesforce help, "Reset Passwords for
    Your Users" [V]).
    """
    return by == user_id or has(org, by, "ResetPasswords") or has(org, by, "ManageUsers")


def no_access() -> SalesforceError:
    """The refusal of a write to who may not: logs of real orgs [V]."""
    return SalesforceError(
        "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", (), status=403
    )
