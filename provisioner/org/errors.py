"""The errors of an org, in our own words. Imports nothing that sends requests.

OrgError
├── Refused                 Salesforce refused the request; nothing was done
│   ├── NotAllowed          ... because of the user's permissions or the org's limits
│   └── Conflict            ... because another request has locked the record
├── AuthenticationFailed    no login, or the session is not valid (any more)
└── Unreachable
    ├── NotSent             the request was not sent; nothing was done
    └── NoAnswer            it was sent, and its outcome is unknown
"""

from __future__ import annotations

import re
from collections.abc import Iterable


class OrgError(Exception):
    """An org refused a request or did not answer.

    `message` is for people, `remedy` what they can do, if that is known. `transient` says that the
    same request may succeed later, `retry_after` after how many seconds, if the server said so.
    """

    def __init__(self, message: str, *, remedy: str | None = None, transient: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.transient = transient
        self.retry_after: float | None = None


class Refused(OrgError):  # noqa: N818 - the name says what happened, as in the tree above
    """Salesforce refused the request, and did nothing.

    `code` is its errorCode or statusCode, `fields` are the API names of the fields at fault.
    """

    def __init__(
        self,
        code: str,
        message: str,
        fields: Iterable[str] = (),
        *,
        remedy: str | None = None,
        transient: bool = False,
    ) -> None:
        super().__init__(message, remedy=remedy, transient=transient)
        self.code = code
        self.fields = tuple(fields)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class NotAllowed(Refused):
    """The user lacks a permission, or the org's limits are used up."""


class Conflict(Refused):
    """Another request is changing the same record."""


class AuthenticationFailed(OrgError):  # noqa: N818 - as above
    """There is no session, or the org does not accept it. `code` is Salesforce's, if any.

    `setting` is the setting of the login that is wrong, if it is known.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        remedy: str | None = None,
        setting: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code
        self.setting = setting


class Unreachable(OrgError):  # noqa: N818 - as above
    """The org did not answer. `host` is its host."""

    def __init__(
        self, host: str, message: str, *, remedy: str | None = None, transient: bool = True
    ) -> None:
        super().__init__(message, remedy=remedy, transient=transient)
        self.host = host


class NotSent(Unreachable):
    """The request never reached the org, so nothing was done."""


class NoAnswer(Unreachable):
    """The request may have reached the org: it is unknown whether it was done.

    `timed_out` says that the org may still be executing it, `job` is the bulk job that may be.
    """

    def __init__(
        self,
        host: str,
        message: str,
        *,
        remedy: str | None = None,
        transient: bool = True,
        timed_out: bool = False,
        job: str | None = None,
    ) -> None:
        super().__init__(host, message, remedy=remedy, transient=transient)
        self.timed_out = timed_out
        self.job = job


def refusal(
    code: str, message: str, fields: Iterable[str] = (), *, status: int = 400
) -> Refused | AuthenticationFailed:
    """The error for a refusal by Salesforce; `status` is the HTTP status of the response."""
    message = tidied(message) or code
    remedy = _remedy(code, message)
    if code in _LOGIN or (status == 401 and not code):
        return AuthenticationFailed(message, code=code, remedy=remedy)
    kind = Refused
    if code in _CONFLICTS or _GROUP_MEMBERSHIP in message:
        kind = Conflict
    elif code in _NOT_ALLOWED or code.startswith("INSUFFICIENT_ACCESS") or status == 403:
        kind = NotAllowed
    return kind(code, message, fields, remedy=remedy, transient=_passes(code, message))


def tidied(message: str) -> str:
    """A message for people: on one line, without tags and without the query.

    Salesforce puts `<br>` into messages made for its pages, and the text of the query with
    a caret under it before "ERROR at Row:1:Column:8". (facts 312 and 713)
    """
    message = re.sub(r"\A.*ERROR at Row:\d+:Column:\d+", "", message, flags=re.DOTALL)
    message = re.sub(r"<br\s*/?>", " ", message, flags=re.IGNORECASE)
    return " ".join(message.split())


# Facts 703 to 705, and fact 707 for the expired password.
_LOGIN = frozenset(
    {
        "INVALID_AUTH_HEADER",
        "INVALID_LOGIN",
        "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
        "INVALID_SESSION_ID",
    }
)
_NOT_ALLOWED = frozenset(
    {"API_CURRENTLY_DISABLED", "API_DISABLED_FOR_ORG", "REQUEST_LIMIT_EXCEEDED"}
)
_CONFLICTS = frozenset({"UNABLE_TO_LOCK_ROW"})
# An UNKNOWN_EXCEPTION that only its text tells apart. (fact 326)
_GROUP_MEMBERSHIP = "group membership operation already in progress"
# Those that pass when they are tried again. (fact 722)
_TRANSIENT = frozenset(
    {
        "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE",
        "REQUEST_RUNNING_TOO_LONG",
        "SERVER_UNAVAILABLE",
        "UNABLE_TO_LOCK_ROW",
    }
)


def _passes(code: str, message: str) -> bool:
    # Of the limits only the one on concurrent requests is over in a moment.
    return (
        code in _TRANSIENT
        or _GROUP_MEMBERSHIP in message
        or (code == "REQUEST_LIMIT_EXCEEDED" and message.startswith("ConcurrentRequests"))
    )


def _remedy(code: str, message: str) -> str | None:
    match code:
        case "INVALID_SESSION_ID" if "not valid for use with" in message:
            return "allow API access for this user or connected app; a new login will not help"
        case "INVALID_SESSION_ID":
            return "log in again: the token has expired or was revoked"
        case "INVALID_AUTH_HEADER":
            return "check the access token: it may be cut short, or redacted by the tool it is from"
        case "INVALID_OPERATION_WITH_EXPIRED_PASSWORD":
            return "set a new password for the user that logs in"
        case "REQUEST_LIMIT_EXCEEDED" if message.startswith("TotalRequests"):
            return "the org's API calls of the last 24 hours are used up; try again later"
        case "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED":
            return "give the user the permission `API Enabled`"
        case _:
            return None
