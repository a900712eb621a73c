"""A try to log in as the request makes it, and the rows of LoginHistory."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from flask import request

from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.http import context
from provisioner.emulator.login.password_login import SUCCESS, TOO_OFTEN, Attempt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store.org import Org

_APPLICATION: Final = "provisioner"


def attempt(password: str, *, api: bool) -> Attempt:
    """What the request tries with this password."""
    return Attempt(password, str(request.remote_addr), request.host, api)


def log_in(
    org: Org,
    user_id: str,
    status: str,
    *,
    login_type: str = "Remote Access 2.0",
    more: Mapping[str, Any] | None = None,
) -> None:
    """Writes a row of LoginHistory, with `more` of its fields; a success is the last login too.

    Of tries that are too many, one row is written: Salesforce knowledge article 000381578 says "one
    at least" [V], this org means one an hour (guess).
    """
    now = timestamp(org.now())
    site = context.site()
    if status == TOO_OFTEN and _is_noted(org, user_id):
        return
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
            **({} if site is None else {"NetworkId": site["Id"]}),
            **(more or {}),
        },
        by=user_id,
    )
    if status == SUCCESS:
        org.execute('UPDATE "User" SET "LastLoginDate" = ? WHERE "Id" = ?', (now, user_id))


def _is_noted(org: Org, user_id: str) -> bool:
    since = timestamp(org.now() - timedelta(hours=1))
    sql = 'SELECT 1 FROM "LoginHistory" WHERE "UserId" = ? AND "LoginTime" > ? AND "Status" = ?'
    return bool(org.execute(f"{sql} LIMIT 1", (user_id, since, TOO_OFTEN)))
