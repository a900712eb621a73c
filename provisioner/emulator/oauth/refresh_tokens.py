"""Refresh tokens: whose they are, and which sessions came of them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org


def issue(org: Org, user_id: str, scope: str) -> str:
    """A new refresh token of a user; it is good until it is revoked, and not rotated."""
    token = f"5Aep861{secrets.token_urlsafe(48)}"
    org.execute("INSERT INTO refresh_token VALUES (?, ?)", (token, user_id))
    org.execute("INSERT INTO oauth_scope VALUES (?, ?)", (token, scope))
    return token


def remember(org: Org, token: str, session: str) -> None:
    """Notes that a session came of a refresh token."""
    org.execute("INSERT INTO refreshed VALUES (?, ?)", (token, session))


def owner(org: Org, token: str) -> str | None:
    """The id of the user whose refresh token this is, or None."""
    rows = org.execute("SELECT user_id FROM refresh_token WHERE token = ?", (token,))
    return str(rows[0][0]) if rows else None


def scope(org: Org, token: str) -> str:
    """The scopes that a refresh token was issued with."""
    rows = org.execute("SELECT scope FROM oauth_scope WHERE token = ?", (token,))
    return str(rows[0][0]) if rows else "api refresh_token"


def revoke(org: Org, token: str) -> bool:
    """Ends a refresh token and its sessions; False when there is none."""
    if owner(org, token) is None:
        return False
    with org.transaction():
        for row in org.execute("SELECT session FROM refreshed WHERE token = ?", (token,)):
            org.end_sessions(token=row[0])
        org.execute("DELETE FROM refreshed WHERE token = ?", (token,))
        org.execute("DELETE FROM refresh_token WHERE token = ?", (token,))
        org.execute("DELETE FROM oauth_scope WHERE token = ?", (token,))
    return True
