"""What every surface of the local org asks Flask for: which org, and who is logged in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import current_app, g, has_request_context, request

from provisioner.emulator.base.errors import SalesforceError, session_invalid

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org
    from provisioner.emulator.store.state import Session

EXTENSION = "local org"
# The kind of a session that may only choose a new password (fact 610)
EXPIRED_KIND: Final = "Expired"


def org() -> Org:
    """The org that this app serves."""
    found: Org = current_app.extensions[EXTENSION]
    return found


def bearer_token() -> str | None:
    """The token of the Authorization header, `Bearer` or `OAuth`, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() in {"bearer", "oauth"} and token else None


def require_session() -> Session:
    """The session of the request's Authorization header.

    Raises INVALID_SESSION_ID (401) when there is none that is valid, or one of a portal's pages,
    INVALID_AUTH_HEADER for a header of another kind, and
    INVALID_OPERATION_WITH_EXPIRED_PASSWORD when its user must choose a new password first.
    """
    token = bearer_token()
    if token is None and request.headers.get("Authorization"):
        # the code: fact 705; the text as quoted on the web [Q]
        raise SalesforceError("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", status=401)
    found = org().session(token) if token else None
    if found is None:
        raise session_invalid()
    if found.kind == EXPIRED_KIND:  # may only set a password, by SOAP (fact 610); status: fact 627
        raise SalesforceError(
            "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
            "The users password has expired, you must call SetPassword before attempting any other"
            " API operations",
            status=403,
        )
    if found.kind == "Portal":
        # text and status: fact 704, of sessions that a policy keeps from the API; that those of
        # portals and sites are such: guess
        raise SalesforceError(
            "INVALID_SESSION_ID",
            "This session is not valid for use with the REST API",
            status=401,
        )
    g.session = found
    return found


def instance_url() -> str:
    """The URL the request came to, without a path."""
    return request.host_url.rstrip("/")


def site() -> dict[str, Any] | None:
    """The site whose address the request came to; None for the org's own."""
    found: dict[str, Any] | None = g.get("site")
    return found


def here() -> str:
    """The URL of the request, as links in mails begin; empty where the org works by itself."""
    return instance_url() if has_request_context() else ""
