"""What Salesforce reports about a failed login, and the causes that can be behind it."""

from __future__ import annotations

from enum import Enum


class Cause(Enum):
    """One thing a login needs; the value is its name in a report."""

    USER = "user exists"
    ACTIVE = "user is active"
    FROZEN = "user is not frozen"
    LOCKED = "user is not locked out"
    PASSWORD = "password"  # noqa: S105 - a name
    LICENCE = "licence"
    PROFILE = "profile is for portals"
    PERSON = "contact, account, owner"
    ROLE = "role and user type"
    ENABLED = "Customer Portal is on"
    PORTAL = "portal"
    OPEN = "portal is active"
    MEMBER = "profile is one of the portal's"
    HOURS = "login hours"
    ADDRESS = "login IP ranges"
    URL = "login page"
    HISTORY = "last attempts"


# The status of LoginHistory. (fact 617)
STATUS = {
    Cause.ACTIVE: "User is inactive",
    Cause.FROZEN: "User is frozen",
    Cause.LOCKED: "Password lockout",
    Cause.PASSWORD: "Invalid password",
    Cause.PROFILE: "Invalid profile association",
    Cause.OPEN: "Invalid - Portal disabled",
    Cause.MEMBER: "Invalid profile association",
    Cause.HOURS: "Restricted time",
    Cause.ADDRESS: "Restricted IP",
}
# The status if the login was to a site.
STATUS_OF_SITE = {
    Cause.OPEN: "Invalid - Experience Cloud site offline",
    Cause.MEMBER: "No Experience Cloud site access",
}
SUCCESS = "Success"

# Statuses that no check is about: what they mean, and what to do. Nothing can be done here about
# single sign-on. (fact 617)
_ELSE = {
    "Failed: API security token required": (
        "an API login from an address that the org does not trust, without the security token",
        "add the token that Settings > Reset My Security Token emails, or trust the address",
    ),
    "Failed: Computer activation required": (
        "an unknown browser, from an address that the org does not trust",
        "enter the code that was emailed, or trust the address: Setup > Network Access",
    ),
    "Restricted domain": (
        "the login came to the wrong host",
        "log in at the org's My Domain, or allow the other: Setup > My Domain > Policies",
    ),
    "Failed: API Version Removed": (
        "a client with an API version that is retired",
        "update the client, or raise its API version to one that is supported",
    ),
    "Login rate exceeded": (
        "too many logins: one user can log in 3,600 times an hour",
        "wait an hour, and let the client reuse its session",
    ),
    "Failed: Invalid Portal Id": ("single sign-on named a portal that does not exist", None),
    "Failed: Missing Portal Id": ("single sign-on named no portal", None),
}

# Texts of pages, APIs and logs: a part in lower case, and the possible causes. The portal shows
# the first to a user whose profile is not one of the portal's. (fact 616)
_TEXTS: tuple[tuple[str, tuple[Cause, ...]], ...] = (
    ("not associated with this service", (Cause.MEMBER, Cause.PROFILE)),
    ("location or login time may be restricted", (
        Cause.USER, Cause.ACTIVE, Cause.FROZEN, Cause.LOCKED, Cause.PASSWORD, Cause.OPEN,
        Cause.HOURS, Cause.ADDRESS)),
    ("check your username and password", (
        Cause.USER, Cause.ACTIVE, Cause.FROZEN, Cause.LOCKED, Cause.PASSWORD, Cause.URL)),
    # The last attempt shows what to do about these three.
    ("are you at a new location", (Cause.HISTORY,)),
    ("login rate exceeded", (Cause.HISTORY,)),
    ("invalid api version specified", (Cause.HISTORY,)),
    ("cannot log in from current domain", (Cause.ADDRESS,)),
    ("cannot log in during restricted time", (Cause.HOURS,)),
    ("ip restricted", (Cause.ADDRESS, Cause.HOURS)),
    ("self-service portal is not enabled", (
        Cause.USER, Cause.ACTIVE, Cause.FROZEN, Cause.LOCKED, Cause.PASSWORD, Cause.MEMBER)),
    ("invalid username, password, security token", (
        Cause.USER, Cause.ACTIVE, Cause.FROZEN, Cause.LOCKED, Cause.PASSWORD, Cause.MEMBER)),
    ("portal does not exist", (Cause.URL, Cause.PORTAL, Cause.ENABLED)),
    ("password has expired", (Cause.PASSWORD,)),
    ("user is locked", (Cause.LOCKED,)),
    ("inactive user", (Cause.ACTIVE,)),
    ("portal is not active", (Cause.OPEN,)),
    ("referenced portal is inactive", (Cause.OPEN,)),
    ("access to the specified portal is not available", (Cause.MEMBER, Cause.PROFILE)),
)  # fmt: skip


def of_status(status: str) -> Cause | None:
    """The check that a status of LoginHistory is about; the more likely one if there are two."""
    text = status.strip().casefold()
    statuses = (*STATUS.items(), *STATUS_OF_SITE.items())
    causes = [cause for cause, name in statuses if name.casefold() == text]
    return causes[-1] if causes else None


def explained(status: str) -> str:
    """What a status of LoginHistory means."""
    if status == STATUS_OF_SITE[Cause.OPEN]:
        return "the site was not live"
    if status == STATUS_OF_SITE[Cause.MEMBER]:
        return "the user was not a member of the site"
    cause = of_status(status)
    if cause is not None:
        return {
            Cause.ACTIVE: "the user was inactive",
            Cause.FROZEN: "the user was frozen",
            Cause.LOCKED: "the user was locked out after too many wrong passwords",
            Cause.PASSWORD: "the password was wrong, or the user had none",
            Cause.OPEN: "the portal was not active",
            Cause.MEMBER: "the profile was not one of the portal's",
            Cause.HOURS: "outside the profile's login hours",
            Cause.ADDRESS: "from an address outside the profile's login IP ranges",
        }[cause]
    if status == SUCCESS:
        return "logged in"
    return _ELSE[status][0] if status in _ELSE else "an unknown status"


def remedy(status: str) -> str | None:
    """What to do about a status that no check is about; `None` if nothing can be done."""
    return _ELSE[status][1] if status in _ELSE else None


def of_error(text: str) -> tuple[Cause, ...]:
    """The possible causes of an error text, in the order in which Salesforce checks them."""
    plain = " ".join(text.split()).casefold()
    for part, causes in _TEXTS:
        if part in plain:
            return causes
    status = of_status(text)
    return (status,) if status else ()
