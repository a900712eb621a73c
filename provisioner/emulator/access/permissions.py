"""What a user's profile and permission sets allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.emulator.base.errors import SalesforceError

if TYPE_CHECKING:
    from sqlite3 import Row

    from provisioner.emulator.store.org import Org


def has(org: Org, user_id: str, permission: str) -> bool:
    """Whether a user's profile or an assigned permission set grants `Permissions<permission>`."""
    name = f"Permissions{permission}"
    return any(row[name] for row in _held(org, user_id))


def _held(org: Org, user_id: str) -> list[Row]:
    """The permission sets of a user, that of the profile among them."""
    sql = (
        'SELECT s.* FROM "PermissionSetAssignment" AS a'
        ' JOIN "PermissionSet" AS s ON s."Id" = a."PermissionSetId" WHERE a."AssigneeId" = ?'
    )
    return org.remember(("permission sets", user_id), lambda: org.execute(sql, (user_id,)))


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
