"""The link in the mail about a new password, which lets its user choose one (fact 604).

It is good until a password is chosen, for 24 hours at most (salesforce.stackexchange.com, question
136193 [Q]). Its address: a public test of such a mail [Q].
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode
from uuid import uuid4

from provisioner.emulator.base.timestamps import timestamp

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

PARAMETER: Final = "c"
_GOOD_FOR: Final = timedelta(hours=24)


def link(org: Org, base: str, user_id: str) -> str:
    """A new link for the user, in place of the one before."""
    code = secrets.token_urlsafe(48)
    until = timestamp(org.now() + _GOOD_FOR)
    row = (user_id, _digest(code), until)
    org.execute("INSERT OR REPLACE INTO reset_link VALUES (?, ?, ?)", row)
    return f"{base}/?{urlencode({PARAMETER: code, 'display': 'page', 'fpot': uuid4()})}"


def user_of(org: Org, code: str) -> str | None:
    """Whose link has this code, as long as it is good."""
    sql = "SELECT user_id FROM reset_link WHERE digest = ? AND until > ?"
    rows = org.execute(sql, (_digest(code), timestamp(org.now())))
    return str(rows[0][0]) if rows else None


def forget(org: Org, user_id: str) -> None:
    """Ends the user's link, as a new password does."""
    org.execute("DELETE FROM reset_link WHERE user_id = ?", (user_id,))


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
