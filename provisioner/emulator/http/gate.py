"""The gate of every surface: who may call, checked in one order from one table.

`enter` runs the checks of `Check` in their order. `TABLE` has a cell for each surface and check:
the answer when the check fails, or that the surface does not make the check, and the source of
either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from flask import g, request

from provisioner.emulator.access import metadata_rights, permissions
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.http import context, middleware, quota
from provisioner.emulator.schema.versions import NEWEST, OLDEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.emulator.http.quota import Usage
    from provisioner.emulator.store.org import Org
    from provisioner.emulator.store.state import Session


class Check(StrEnum):
    """The checks, in the order in which they are made; that order is a guess on every surface."""

    KNOWN_VERSION = "known version"
    CURRENT_VERSION = "version not retired"
    CREDENTIALS = "credentials are a session"
    SESSION = "valid session"
    PORTAL = "not a portal session"
    PASSWORD = "password not expired"  # noqa: S105 - the name of a check
    DAILY_CALLS = "calls left today"
    CONCURRENT_CALLS = "calls left at once"
    API_ENABLED = "API Enabled"
    METADATA = "permission for metadata"
    CATCH_UP = "run pending Bulk jobs"


@dataclass(frozen=True, slots=True)
class Cell:
    """One check on one surface: the answer when it fails, and the source.

    It is made for all operations but those in `exempt`, or for those in `only` if there are any.
    """

    source: str
    code: str = ""
    message: str = ""
    status: int = 400
    checked: bool = True
    exempt: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()

    def applies(self, operation: str) -> bool:
        """Whether the check is made for an operation."""
        only = not self.only or operation in self.only
        return self.checked and only and operation not in self.exempt


@dataclass(frozen=True, slots=True)
class Caller:
    """An admitted call.

    `version` is 0 on a surface without versions, `usage` is None if the call is not counted.
    """

    org: Org
    session: Session
    version: int
    usage: Usage | None


def enter(surface: str, token: str | None, version: str = "", *, operation: str = "") -> Caller:
    """The caller with this session token, after all checks of the surface.

    `token` is None if the request has credentials of another kind, and empty if it has none. Raises
    SalesforceError with the code and text of the first cell whose check fails.
    """
    org, number = context.org(), check_version(surface, version)
    session = _session(surface, token, operation)
    usage = _counted(surface, operation)
    if _applies(surface, Check.API_ENABLED, operation) and not permissions.has(
        org, session.user_id, "ApiEnabled"
    ):
        raise error(surface, Check.API_ENABLED)
    if _applies(surface, Check.METADATA, operation) and not metadata_rights.may_modify_metadata(
        org, session.user_id
    ):
        raise error(surface, Check.METADATA)
    if _applies(surface, Check.CATCH_UP, operation):
        context.catch_up()
    return Caller(org, session, number, usage)


def check_version(surface: str, text: str) -> int:
    """The number of the version that a path names; refuses one that is unknown or retired."""
    if not _applies(surface, Check.KNOWN_VERSION):
        return 0
    number = version_number(surface, text)
    if number is None or number > NEWEST:
        raise error(surface, Check.KNOWN_VERSION, version=text)
    if number < OLDEST:
        raise error(surface, Check.CURRENT_VERSION, version=f"{number}.0")
    return number


def version_number(surface: str, text: str) -> int | None:
    """The number in the version of a path, None if it is not written as this surface has it."""
    match = _VERSIONS[surface].fullmatch(text)
    return int(match[1]) if match else None


def error(surface: str, check: Check, **values: str) -> SalesforceError:
    """The answer of one cell."""
    cell = TABLE[surface][check]
    return SalesforceError(cell.code, cell.message.format(**values), status=cell.status)


def usage() -> Usage | None:
    """The API calls of the day, if the request at hand was counted."""
    counted: Usage | None = g.get("usage")
    return counted


def cells() -> Iterator[tuple[str, Check, Cell]]:
    """Every cell of the table, by surface and in the order of the checks."""
    for surface, column in TABLE.items():
        for check, cell in column.items():
            yield surface, check, cell


def _applies(surface: str, check: Check, operation: str = "") -> bool:
    return TABLE[surface][check].applies(operation)


def _session(surface: str, token: str | None, operation: str) -> Session:
    if token is None and _applies(surface, Check.CREDENTIALS, operation):
        raise error(surface, Check.CREDENTIALS)
    session = context.org().session(token) if token else None
    if session is None:
        raise error(surface, Check.SESSION)
    for kind, check in _KINDS.items():
        if session.kind == kind and _applies(surface, check, operation):
            raise error(surface, check)
    return session


def _counted(surface: str, operation: str) -> Usage | None:
    """Counts the call, and refuses one in excess: of the day, or of those that run now."""
    if not _applies(surface, Check.DAILY_CALLS, operation):
        return None
    org = context.org()
    counted: Usage = quota.count(org)
    g.usage = counted
    if counted.used > counted.most:
        raise error(surface, Check.DAILY_CALLS)
    if middleware.is_crowded(org, request.environ):
        raise error(surface, Check.CONCURRENT_CALLS)
    return counted


def _unchecked(source: str) -> Cell:
    return Cell(source, checked=False)


# the checks that refuse a kind of session
_KINDS: Final = {
    context.PORTAL_KIND: Check.PORTAL,
    context.EXPIRED_KIND: Check.PASSWORD,
}
_VERSIONS: Final[Mapping[str, re.Pattern[str]]] = {
    "rest": re.compile(r"v([0-9]{1,3})\.0"),
    "partner": re.compile(r"([0-9]{1,3})\.0"),
    "metadata": re.compile(r"([0-9]{1,3})(?:\.0)?"),
    "bulk1": re.compile(r"([0-9]{1,3})(?:\.0)?"),
}
_EXPIRED: Final = (
    "The users password has expired, you must call SetPassword before attempting any other API"
    " operations"
)
_DAILY: Final = "TotalRequests Limit exceeded."
_CONCURRENT: Final = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
_DISABLED: Final = "API is disabled for this User"
_METADATA: Final = (
    "use of the Metadata API requires a user with the ModifyAllData or ModifyMetadata permissions"
)
# sources that several cells share
_LIMITS: Final = "facts 708 and 746"
_LONG_CALLS: Final = "facts 709 and 746"
_LOGIN_RESULT: Final = "fact 610"
_SOAP_VERSION: Final = "fact 613; text: answers to the Salesforce CLI [V]"
_SOAP_POLICY: Final = "text: fact 628; that a portal session gets it: guess"
_ASYNCHRONOUS: Final = "fact 809"
_NO_CREDENTIALS: Final = "a session id is all that the surface takes (SOAP API Developer Guide)"
_BROWSERFORCE: Final = "browserforce finds `ec=302` in the address of the login page [V]"
_NOT_API: Final = "fact 746; that this is no such call [I]"
_NO_VERSION: Final = "the address has no version (Salesforce documentation)"
_TO_LOGIN: Final = "LOGIN_REQUIRED"  # our name: a page answers with a redirect
_NO_API: Final[dict[Check, Cell]] = {
    Check.KNOWN_VERSION: _unchecked(_NO_VERSION),
    Check.CURRENT_VERSION: _unchecked(_NO_VERSION),
    Check.DAILY_CALLS: _unchecked(_NOT_API),
    Check.CONCURRENT_CALLS: _unchecked(_NOT_API),
    Check.API_ENABLED: _unchecked(_NOT_API),
    Check.METADATA: _unchecked(_NOT_API),
    Check.CATCH_UP: _unchecked(_NOT_API),
}

TABLE: Final[Mapping[str, Mapping[Check, Cell]]] = {
    "rest": {
        Check.KNOWN_VERSION: Cell(
            "fact 710",
            "NOT_FOUND", "The requested resource does not exist", 404,
        ),
        Check.CURRENT_VERSION: Cell(
            "fact 613; text: guess",
            "GONE", "API version {version} is retired", 410,
        ),
        Check.CREDENTIALS: Cell(
            "fact 705; text as quoted on the web [Q]",
            "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", 401,
        ),
        Check.SESSION: Cell(
            "fact 703",
            "INVALID_SESSION_ID", "Session expired or invalid", 401,
        ),
        Check.PORTAL: Cell(
            "text: fact 704; that a portal session gets it: guess",
            "INVALID_SESSION_ID", "This session is not valid for use with the REST API", 401,
        ),
        Check.PASSWORD: Cell(
            "facts 610 and 707; status: fact 627",
            "INVALID_OPERATION_WITH_EXPIRED_PASSWORD", _EXPIRED, 403,
        ),
        Check.DAILY_CALLS: Cell(
            _LIMITS, "REQUEST_LIMIT_EXCEEDED", _DAILY, 403
        ),
        Check.CONCURRENT_CALLS: Cell(
            _LONG_CALLS, "REQUEST_LIMIT_EXCEEDED", _CONCURRENT, 403
        ),
        Check.API_ENABLED: Cell(
            "logs of real orgs [V]", "API_CURRENTLY_DISABLED", _DISABLED, 403
        ),
        Check.METADATA: Cell(
            "fact 517; code and text as of the SOAP call [I]",
            "INSUFFICIENT_ACCESS", _METADATA, 403, only=frozenset({"metadata"}),
        ),
        Check.CATCH_UP: Cell(_ASYNCHRONOUS, exempt=frozenset({"jobs"})),
    },
    "partner": {
        Check.KNOWN_VERSION: Cell(
            _SOAP_VERSION,
            "UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL", 500,
        ),
        Check.CURRENT_VERSION: Cell(
            "fact 613; text: superfell/SoqlX issue 10 [V]",
            "UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL", 500,
        ),
        Check.CREDENTIALS: _unchecked(_NO_CREDENTIALS),
        Check.SESSION: Cell(
            "fact 718", "INVALID_SESSION_ID",
            "Invalid Session ID found in SessionHeader: Illegal Session", 500,
        ),
        Check.PORTAL: Cell(
            _SOAP_POLICY,
            "INVALID_SESSION_ID", "This session is not valid for use with the API", 500,
        ),
        Check.PASSWORD: Cell(
            _LOGIN_RESULT,
            "INVALID_OPERATION_WITH_EXPIRED_PASSWORD", _EXPIRED, 500,
            exempt=frozenset({"setPassword", "logout"}),
        ),
        Check.DAILY_CALLS: Cell(
            _LIMITS, "REQUEST_LIMIT_EXCEEDED", _DAILY, 500
        ),
        Check.CONCURRENT_CALLS: Cell(
            _LONG_CALLS, "REQUEST_LIMIT_EXCEEDED", _CONCURRENT, 500
        ),
        Check.API_ENABLED: Cell(
            "logs of real orgs [V]; which calls are exempt: guess",
            "API_CURRENTLY_DISABLED", _DISABLED, 500,
            exempt=frozenset({"setPassword", "logout", "changeOwnPassword", "getUserInfo"}),
        ),
        Check.METADATA: _unchecked("another API (SOAP API Developer Guide)"),
        Check.CATCH_UP: Cell(_ASYNCHRONOUS),
    },
    "metadata": {
        Check.KNOWN_VERSION: Cell(
            _SOAP_VERSION,
            "UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL", 500,
        ),
        Check.CURRENT_VERSION: Cell(
            _SOAP_VERSION,
            "UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL", 500,
        ),
        Check.CREDENTIALS: _unchecked(_NO_CREDENTIALS),
        Check.SESSION: Cell(
            "fact 718", "INVALID_SESSION_ID",
            "Invalid Session ID found in SessionHeader: Illegal Session", 500,
        ),
        Check.PORTAL: Cell(
            _SOAP_POLICY,
            "INVALID_SESSION_ID", "This session is not valid for use with the API", 500,
        ),
        Check.PASSWORD: Cell(
            _LOGIN_RESULT,
            "INVALID_OPERATION_WITH_EXPIRED_PASSWORD", _EXPIRED, 500,
        ),
        Check.DAILY_CALLS: Cell(
            "facts 708 and 746; checkDeployStatus() does not count (Metadata API Developer Guide)",
            "REQUEST_LIMIT_EXCEEDED", _DAILY, 500,
            exempt=frozenset({"checkDeployStatus"}),
        ),
        Check.CONCURRENT_CALLS: Cell(
            _LONG_CALLS, "REQUEST_LIMIT_EXCEEDED", _CONCURRENT, 500
        ),
        Check.API_ENABLED: Cell(
            "fact 531; code and text as of the SOAP API [I]",
            "API_CURRENTLY_DISABLED", _DISABLED, 500,
        ),
        Check.METADATA: Cell(
            "fact 517; text: forcedotcom/code-builder-feedback issue 66 [V]",
            "INSUFFICIENT_ACCESS", _METADATA, 500,
        ),
        Check.CATCH_UP: Cell(_ASYNCHRONOUS),
    },
    "bulk1": {
        Check.KNOWN_VERSION: Cell(
            "text reported from real orgs [V]",
            "InvalidUrl", "unknown version: {version}", 400,
        ),
        Check.CURRENT_VERSION: Cell(
            "fact 613; text: guess",
            "InvalidVersion", "Api version {version} is not supported", 400,
        ),
        Check.CREDENTIALS: _unchecked(_NO_CREDENTIALS),
        Check.SESSION: Cell(
            "fact 706",
            "InvalidSessionId", "Invalid session id", 400,
        ),
        Check.PORTAL: Cell(
            "fact 706; that a portal session gets it: guess",
            "InvalidSessionId", "Invalid session id", 400,
        ),
        Check.PASSWORD: Cell(
            "fact 610; code and text: guess",
            "InvalidSessionId", "Invalid session id", 400,
        ),
        Check.DAILY_CALLS: Cell(
            "code: fact 810; text as of the REST API [I]",
            "ExceededQuota", _DAILY, 403,
        ),
        Check.CONCURRENT_CALLS: Cell(
            "code: fact 810; text as of the REST API [I]",
            "ExceededQuota", _CONCURRENT, 403,
        ),
        Check.API_ENABLED: Cell(
            "code: fact 810; text: guess",
            "InvalidUser", _DISABLED, 403,
        ),
        Check.METADATA: _unchecked("another API (Bulk API guide)"),
        Check.CATCH_UP: Cell(_ASYNCHRONOUS),
    },
    # the identity URL and `userinfo`
    "identity": _NO_API | {
        Check.CREDENTIALS: _unchecked("another header is no token: guess"),
        Check.SESSION: Cell(
            "fact 625",
            "Bad_OAuth_Token", "Bad_OAuth_Token", 403,
        ),
        Check.PORTAL: _unchecked("the identity URL is also there for users of sites: guess"),
        Check.PASSWORD: Cell(
            "fact 610; that it applies here [I]", "Bad_OAuth_Token", "Bad_OAuth_Token", 403
        ),
    },
    # pages that portal users see, too, and those of Setup; a refused browser is sent to the login
    "pages": _NO_API | {
        Check.CREDENTIALS: _unchecked("a page reads the cookie only [I]"),
        Check.SESSION: Cell(_BROWSERFORCE, _TO_LOGIN, "", 302),
        Check.PORTAL: _unchecked("the session began on such a page [I]"),
        Check.PASSWORD: Cell("fact 610; that it applies here [I]", _TO_LOGIN, "", 302),
    },
    "setup": _NO_API | {
        Check.CREDENTIALS: _unchecked("a page reads the cookie only [I]"),
        Check.SESSION: Cell(_BROWSERFORCE, _TO_LOGIN, "", 302),
        Check.PORTAL: Cell("portal users have no Setup: guess", _TO_LOGIN, "", 302),
        Check.PASSWORD: Cell("fact 610; that it applies here [I]", _TO_LOGIN, "", 302),
    },
}  # fmt: skip
