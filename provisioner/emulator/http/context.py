"""What every surface of the local org asks Flask for: the org, the token, the site, the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import current_app, g, has_request_context, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.emulator.store.org import Org

EXTENSION: Final = "local org"
CATCH_UP: Final = "catch up"
# The kind of a session that may only choose a new password (fact 610)
EXPIRED_KIND: Final = "Expired"
# The kind of a session that a portal user began at a login page
PORTAL_KIND: Final = "Portal"


def org() -> Org:
    """The org that this app serves."""
    found: Org = current_app.extensions[EXTENSION]
    return found


def bearer_token() -> str | None:
    """The token of the Authorization header, `Bearer` or `OAuth`, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() in {"bearer", "oauth"} and token else None


def catch_up() -> None:
    """Runs pending Bulk jobs for a short time, as `create_app` was told to."""
    work: Callable[[Org], None] = current_app.extensions[CATCH_UP]
    work(org())


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
