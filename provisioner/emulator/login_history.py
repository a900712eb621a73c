"""A try to log in as the request makes it, and the rows of LoginHistory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import request

from provisioner.emulator.logins import SUCCESS, Attempt
from provisioner.emulator.store import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store import Org

_APPLICATION: Final = "provisioner"


def attempt(password: str, *, api: bool) -> Attempt:
    """What the request tries with this password."""
    return Attempt(password, str(request.remote_addr), api)


def log_in(
    org: Org,
    user_id: str,
    status: str,
    *,
    login_type: str = "Remote Access 2.0",
    more: Mapping[str, Any] | None = None,
) -> None:
    """Writes a row of LoginHistory, with `more` of its fields; a success is the last login too."""
    now = timestamp(org.now())
    org.insert(
        "LoginHistory",
        {
            "UserId": user_id,
            "LoginTime": now,
            "LoginType": login_type,
            "SourceIp": request.remote_addr,
            "LoginUrl": request.host,
            "Status": status,
            "Application": _APPLICATION,
            "Browser": "Unknown",
            "Platform": "Unknown",
            "ClientVersion": "N/A",
            "ApiType": "N/A",
            "ApiVersion": "N/A",
            **(more or {}),
        },
        by=user_id,
    )
    if status == SUCCESS:
        org.execute('UPDATE "User" SET "LastLoginDate" = ? WHERE "Id" = ?', (now, user_id))
