"""What Salesforce says of a failed login, and the causes that it may stand for."""

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
# What it says where the login was to a site.
STATUS_OF_SITE = {
    Cause.OPEN: "Invalid - Experience Cloud site offline",
    Cause.MEMBER: "No Experience Cloud site access",
}
SUCCESS = "Success"

# Other statuses that stand for no check of ours: in words, and what mends them; single sign-on is
# not ours to mend. (fact 617)
_ELSE = {
    "Failed: API security token required": (
        "an API login from an address that the org does not trust, without the security token",
        "add the token that Settings > Reset My Security Token mails, or trust the address",
    ),
    "Failed: Computer activation required": (
        "a browser that the org does not know, from an address that it does not trust",
        "enter the code that was mailed, or trust the address: Setup > Network Access",
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
        "too many logins: 3,600 an hour is what one user may do",
        "wait an hour, and let the client keep its session",
    ),
    "Failed: Invalid Portal Id": ("single sign-on named a portal that is not there", None),
    "Failed: Missing Portal Id": ("single sign-on named no portal", None),
}

# What a page, an API or a log says: part of the text in lower case, and what may be behind it.
# The first is what Salesforce's portal says to a profile outside it. (fact 616)
_TEXTS: tuple[tuple[str, tuple[Cause, ...]], ...] = (
    ("not associated with this service", (Cause.MEMBER, Cause.PROFILE)),
    ("location or login time may be restricted", (
        Cause.USER, Cause.ACTIVE, Cause.FROZEN, Cause.LOCKED, Cause.PASSWORD, Cause.OPEN,
        Cause.HOURS, Cause.ADDRESS)),
    ("check your username and password", (
        Cause.USER, Cause.ACTIVE, Cause.FROZEN, Cause.LOCKED, Cause.PASSWORD, Cause.URL)),
    # The last attempt says what to do about these three.
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
    """The check that a status of LoginHistory is about, the likeliest where there are two."""
    wanted = status.strip().casefold()
    known = (*STATUS.items(), *STATUS_OF_SITE.items())
    found = [cause for cause, text in known if text.casefold() == wanted]
    return found[-1] if found else None


def explained(status: str) -> str:
    """A status of LoginHistory in words that say what to look at."""
    if status == STATUS_OF_SITE[Cause.OPEN]:
        return "the site was not live"
    if status == STATUS_OF_SITE[Cause.MEMBER]:
        return "the user was no member of the site"
    cause = of_status(status)
    if cause is not None:
        return {
            Cause.ACTIVE: "the user was inactive",
            Cause.FROZEN: "the user was frozen",
            Cause.LOCKED: "the user was locked out after too many wrong passwords",
            Cause.PASSWORD: "the password was wrong, or there was none",
            Cause.OPEN: "the portal was not active",
            Cause.MEMBER: "the profile was not one of the portal's",
            Cause.HOURS: "outside the profile's login hours",
            Cause.ADDRESS: "from an address outside the profile's login IP ranges",
        }[cause]
    if status == SUCCESS:
        return "logged in"
    return _ELSE[status][0] if status in _ELSE else "a status that is not known here"


def remedy(status: str) -> str | None:
    """What mends a status that no check is about; `None` where there is nothing, or a check."""
    return _ELSE[status][1] if status in _ELSE else None


def of_error(text: str) -> tuple[Cause, ...]:
    """The causes that an error text may stand for, in the order in which they bite; none known."""
    plain = " ".join(text.split()).casefold()
    for part, causes in _TEXTS:
        if part in plain:
            return causes
    status = of_status(text)
    return (status,) if status else ()
