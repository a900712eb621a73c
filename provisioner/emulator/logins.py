"""Who may log in with a password: the state of the user and of the portal, and the lock-out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator import passwords, portal_rows

if TYPE_CHECKING:
    from provisioner.emulator.component_rows import Row
    from provisioner.emulator.store import Org

# LoginHistory.Status, platform reference 6.5 [V]; the text of a success [U]
SUCCESS: Final = "Success"
INACTIVE: Final = "User is inactive"
FROZEN: Final = "User is frozen"
LOCKED: Final = "Password lockout"
WRONG_PASSWORD: Final = "Invalid password"  # noqa: S105 - a status
PORTAL_OFF: Final = "Invalid - Portal disabled"
NOT_MEMBER: Final = "Invalid profile association"

_TRIES: Final = 10  # the default lockout policy of an org, general knowledge [U]
_STAFF: Final = frozenset({"Standard", "CsnOnly"})


def standing(org: Org, user: dict[str, Any]) -> str:
    """What keeps a user out whatever the password, as LoginHistory says it; else Success."""
    logins = org.select("UserLogin", UserId=user["Id"])
    if not user["IsActive"]:
        return INACTIVE
    if any(login["IsFrozen"] for login in logins):
        return FROZEN
    if any(login["IsPasswordLocked"] for login in logins):
        return LOCKED
    return SUCCESS


def by_password(org: Org, user: dict[str, Any], password: str) -> str:
    """`standing`, then the password; the order of the checks is a guess."""
    status = standing(org, user)
    if status == SUCCESS and not passwords.matches(org, user["Id"], password):
        return WRONG_PASSWORD
    return status


def by_scope(org: Org, user: dict[str, Any], *, in_org: bool, portal: Row | None) -> str:
    """Whether the scope of a login by SOAP or at a portal's page fits the user (6.4, 6.5).

    A portal's user names organisation and portal, and the profile must be one of the portal's;
    people of the company name no portal (guess).
    """
    if user["UserType"] in _STAFF:
        return NOT_MEMBER if portal is not None else SUCCESS
    if not in_org or portal is None:
        return NOT_MEMBER
    if not portal_rows.stored(portal)["active"]:
        return PORTAL_OFF
    if user["ProfileId"] not in portal_rows.profiles(org, portal.id):
        return NOT_MEMBER
    return SUCCESS


def count(org: Org, user: dict[str, Any], status: str) -> None:
    """Counts failed tries and locks the user out at the tenth; a success starts anew."""
    failures = 0 if status == SUCCESS else user["NumberOfFailedLogins"] or 0
    failures += status == WRONG_PASSWORD
    # not `Org.update`: a login is no modification of the user record
    org.execute(
        'UPDATE "User" SET "NumberOfFailedLogins" = ? WHERE "Id" = ?', (failures, user["Id"])
    )
    if failures >= _TRIES:
        for login in org.select("UserLogin", UserId=user["Id"]):
            org.update("UserLogin", login["Id"], {"IsPasswordLocked": True}, by=user["Id"])
