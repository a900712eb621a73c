"""Who may log in with a password: user, lock-out, portal, profile, hours, addresses and token."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.login import passwords, security_tokens
from provisioner.emulator.schema import licenses
from provisioner.emulator.settings import my_domain, profile_login_limits, security
from provisioner.emulator.store import portals

if TYPE_CHECKING:
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

# LoginHistory.Status, fact 617; the text of a success: fact 618
SUCCESS: Final = "Success"
INACTIVE: Final = "User is inactive"
FROZEN: Final = "User is frozen"
LOCKED: Final = "Password lockout"
WRONG_PASSWORD: Final = "Invalid password"  # noqa: S105 - a status
PORTAL_OFF: Final = "Invalid - Portal disabled"
NOT_MEMBER: Final = "Invalid profile association"
SITE_OFF: Final = "Invalid - Experience Cloud site offline"
NO_SITE: Final = "No Experience Cloud site access"
BAD_TIME: Final = "Restricted time"
BAD_ADDRESS: Final = "Restricted IP"
BAD_HOST: Final = "Restricted domain"
TOO_OFTEN: Final = "Login rate exceeded"
NO_TOKEN: Final = "Failed: API security token required"  # noqa: S105 - a status
CHALLENGED: Final = "Failed: Computer activation required"  # object reference, LOGIN_STATUS [V]
TOO_OLD: Final = "Failed: API Version Removed"

_HOUR: Final = timedelta(hours=1)
_MOST_AN_HOUR: Final = 3600  # of one user (Salesforce knowledge article 000381578 [V])


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to log in: with what, from where and at which host; `api` where no person does."""

    password: str = field(repr=False)
    address: str
    host: str
    api: bool = False


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


def by_password(org: Org, user: dict[str, Any], attempt: Attempt) -> str:
    """A login that has no scope: the user's standing, the password, hours, addresses, the token.

    That limits come before the trusted addresses: Salesforce help, "Restrict Where and When Users
    Can Log In" [V]; the rest of the order is a guess.
    """
    status = _known(org, user, attempt)
    return _admitted(org, user, attempt) if status == SUCCESS else status


def by_scope(
    org: Org,
    user: dict[str, Any],
    attempt: Attempt,
    *,
    in_org: bool,
    portal: Row | None,
) -> str:
    """`by_password`, and in between whether the login scope fits the user (facts 608 and 617).

    A portal's user names organisation and portal, by SOAP or by the page it comes to, and the
    profile must be one of the portal's; people of the company name no portal (guess).
    """
    status = _known(org, user, attempt)
    if status == SUCCESS:
        status = _scope(org, user, in_org=in_org, portal=portal)
    return _admitted(org, user, attempt) if status == SUCCESS else status


def by_site(org: Org, user: dict[str, Any], attempt: Attempt, site: str) -> str:
    """`by_password`, and in between the status that the site itself gives the user."""
    status = _known(org, user, attempt)
    if status == SUCCESS:
        status = site
    return _admitted(org, user, attempt) if status == SUCCESS else status


def by_link(org: Org, user: dict[str, Any], address: str, portal: Row | None) -> str:
    """As `by_scope` without a password: the user follows the link of a mail (guess).

    Customers come into their portal, or as members of a site.
    """
    status = standing(org, user)
    joined = portal is None and bool(org.find("NetworkMember", MemberId=user["Id"]))
    if status == SUCCESS and not joined:
        status = _scope(org, user, in_org=True, portal=portal)
    return by_limits(org, user, address) if status == SUCCESS else status


def by_limits(org: Org, user: dict[str, Any], address: str) -> str:
    """Whether the profile lets its users in now, and from there."""
    if not profile_login_limits.in_hours(org, user["ProfileId"]):
        return BAD_TIME
    if not profile_login_limits.in_ranges(org, user["ProfileId"], address):
        return BAD_ADDRESS
    return SUCCESS


def count(org: Org, user: dict[str, Any], status: str) -> None:
    """Counts wrong passwords and locks the user out at the policy's number; a success starts anew.

    The count starts anew with a lock-out, too (Salesforce help, "Password policies" [Q]).
    """
    if status not in {SUCCESS, WRONG_PASSWORD}:
        return
    policy = security.policy(org)
    failures = 0 if status == SUCCESS else (user["NumberOfFailedLogins"] or 0) + 1
    locked = policy.attempts is not None and failures >= policy.attempts
    # not `Org.update`: a login is no modification of the user record
    org.execute(
        'UPDATE "User" SET "NumberOfFailedLogins" = ? WHERE "Id" = ?',
        (0 if locked else failures, user["Id"]),
    )
    if not locked:
        return
    if policy.lockout is not None:
        until = timestamp(org.now() + policy.lockout)
        org.execute("INSERT OR REPLACE INTO lockout VALUES (?, ?)", (user["Id"], until))
    for login in org.select("UserLogin", UserId=user["Id"]):
        org.update("UserLogin", login["Id"], {"IsPasswordLocked": True}, by=user["Id"])


def unlock(org: Org, user_id: str, by: str) -> None:
    """Ends a lock-out, and forgets the wrong passwords.

    A reset password does, too (Salesforce help, "Reset Passwords for Your Users" [V]).
    """
    org.execute("DELETE FROM lockout WHERE user_id = ?", (user_id,))
    org.execute('UPDATE "User" SET "NumberOfFailedLogins" = 0 WHERE "Id" = ?', (user_id,))
    for login in org.select("UserLogin", UserId=user_id, IsPasswordLocked=True):
        org.update("UserLogin", login["Id"], {"IsPasswordLocked": False}, by=by)


# the rows that make `end_lockouts` due
DUE: Final = "SELECT 1 FROM lockout WHERE until <= :now"


def end_lockouts(org: Org) -> None:
    """Ends every lock-out whose time is over by the org's clock.

    The box of a user goes off by itself (fact 630); that it does so at that moment, not at the
    next login, is a guess.
    """
    now = timestamp(org.now())
    if not org.execute("SELECT 1 FROM lockout WHERE until <= ? LIMIT 1", (now,)):
        return
    with org.transaction():
        for (user_id,) in org.execute("SELECT user_id FROM lockout WHERE until <= ?", (now,)):
            unlock(org, user_id, user_id)


def is_too_often(org: Org, user: dict[str, Any]) -> bool:
    """Whether the user tried as often in the last hour as one may, by the org's clock."""
    (count,) = org.execute(
        'SELECT COUNT(*) FROM "LoginHistory" WHERE "UserId" = ? AND "LoginTime" > ?',
        (user["Id"], timestamp(org.now() - _HOUR)),
    )[0]
    return bool(count >= _MOST_AN_HOUR)


def _known(org: Org, user: dict[str, Any], attempt: Attempt) -> str:
    if is_too_often(org, user):
        return TOO_OFTEN
    status = standing(org, user)
    if status == SUCCESS and not _is_right(org, user, attempt):
        return WRONG_PASSWORD
    return status


def _is_right(org: Org, user: dict[str, Any], attempt: Attempt) -> bool:
    """Whether it is the password, or before a token the password.

    The token may come along where none is needed. A wrong one is a wrong password where none is
    needed, else a missing one (guesses).
    """
    if passwords.matches(org, user["Id"], attempt.password):
        return True
    if not attempt.api:
        return False
    password, _ = security_tokens.split(attempt.password)
    return passwords.matches(org, user["Id"], password) and (
        _has_token(org, user, attempt) or security_tokens.is_needed(org, user, attempt.address)
    )


def _admitted(org: Org, user: dict[str, Any], attempt: Attempt) -> str:
    if my_domain.keeps_out(org, attempt.host, api=attempt.api):
        return BAD_HOST
    status = by_limits(org, user, attempt.address)
    if status != SUCCESS or not attempt.api or _has_token(org, user, attempt):
        return status
    return NO_TOKEN if security_tokens.is_needed(org, user, attempt.address) else SUCCESS


def _has_token(org: Org, user: dict[str, Any], attempt: Attempt) -> bool:
    """Whether the token is in what was given; the password before it is right already."""
    return security_tokens.matches(org, user["Id"], security_tokens.split(attempt.password)[1])


def _scope(org: Org, user: dict[str, Any], *, in_org: bool, portal: Row | None) -> str:
    if user["UserType"] in licenses.STAFF:
        return NOT_MEMBER if portal is not None else SUCCESS
    if not in_org or portal is None:
        return NOT_MEMBER
    if not portals.stored(portal)["active"]:
        return PORTAL_OFF
    if user["ProfileId"] not in portals.profiles(org, portal.id):
        return NOT_MEMBER
    return SUCCESS
