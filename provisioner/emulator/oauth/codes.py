"""Pending and approved authorizations: requests of apps, codes, one-time passwords, approvals."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from provisioner.emulator.base.timestamps import timestamp

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

# A code is valid for 15 minutes (Salesforce help, "OAuth 2.0 Web Server Flow" [V]); how long a page
# waits for an answer, and how long a browser may take to open: guess.
_MINUTES: Final = {"request": 60, "code": 15, "otp": 1}


@dataclass(frozen=True, slots=True)
class Request:
    """What an app asked for; `user_id` is the user who approved it, empty before that."""

    response_type: str
    scope: str
    redirect_uri: str = ""
    state: str | None = None
    challenge: str = ""
    nonce: str = ""
    user_id: str = ""


def keep(org: Org, kind: str, asked: Request) -> str:
    """Keeps a request under a new code of that kind."""
    # codes of real orgs begin so [U]
    code = f"aPrx{secrets.token_urlsafe(54)}"
    until = org.now() + timedelta(minutes=_MINUTES[kind])
    org.execute(
        "INSERT INTO oauth_code VALUES (?, ?, ?, ?)",
        (code, kind, json.dumps(asdict(asked)), timestamp(until)),
    )
    return code


def find(org: Org, kind: str, code: str) -> Request | None:
    """The request of a code, unless its time is over."""
    rows = org.execute(
        "SELECT body FROM oauth_code WHERE code = ? AND kind = ? AND expires > ?",
        (code, kind, timestamp(org.now())),
    )
    return Request(**json.loads(rows[0][0])) if rows else None


def take(org: Org, kind: str, code: str) -> Request | None:
    """As `find`, and nobody finds it again."""
    with org.transaction():
        found = find(org, kind, code)
        org.execute("UPDATE oauth_code SET expires = '' WHERE code = ? AND kind = ?", (code, kind))
    return found


def was_used(org: Org, code: str) -> bool:
    """Whether a code was given out, and its time is over."""
    return bool(org.execute("SELECT 1 FROM oauth_code WHERE code = ?", (code,)))


def approve(org: Org, user_id: str, scope: str) -> None:
    """Notes that a user lets the app do what those scopes allow."""
    both = {*approved(org, user_id), *scope.split()}
    org.execute("INSERT OR REPLACE INTO oauth_approval VALUES (?, ?)", (user_id, " ".join(both)))


def approved(org: Org, user_id: str) -> frozenset[str]:
    """The scopes that a user has let the app have."""
    rows = org.execute("SELECT scopes FROM oauth_approval WHERE user_id = ?", (user_id,))
    return frozenset(rows[0][0].split()) if rows else frozenset()
