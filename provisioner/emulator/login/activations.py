"""Browsers that people of the company proved to be theirs, and the codes that prove it.

Whoever logs in with a browser that is not known, from outside of the org's trusted ranges, gets a
code by mail and enters it; the browser is known from then on, unless its user says otherwise
(Salesforce help, "Activations" [V]). Users of a profile with login IP ranges, and customers, are
never asked (help, "Restrict Where and When Users Can Log In", and knowledge article 000204521 [V]).
Text messages, authenticator apps and keys, which come before a mail, are not served.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.login import security_tokens
from provisioner.emulator.settings import deliverability

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

_DIGITS: Final = 6  # the field of the page takes six characters (a copy of the page on the web [V])
_GOOD_FOR: Final = timedelta(minutes=15)  # guess
_TRIES: Final = 5  # guess


def is_needed(org: Org, user: dict[str, Any], address: str, browser: str) -> bool:
    """Whether this user has to prove its identity with this browser, from this address."""
    if not security_tokens.is_needed(org, user, address):
        return False
    known = "SELECT 1 FROM activation WHERE user_id = ? AND browser = ?"
    return not org.execute(known, (user["Id"], _digest(browser)))


def challenge(org: Org, user: dict[str, Any]) -> str:
    """Mails the user a code, and returns what the page that takes it must send along.

    The mail's subject and text: guess.
    """
    code = "".join(secrets.choice("0123456789") for _ in range(_DIGITS))
    ticket = secrets.token_urlsafe(48)
    until = timestamp(org.now() + _GOOD_FOR)
    row = (_digest(ticket), user["Id"], _digest(ticket + code), 0, until)
    org.execute("INSERT INTO challenge VALUES (?, ?, ?, ?, ?)", row)
    deliverability.send(
        org,
        deliverability.Mail.LOGIN,
        user["Email"],
        "Verify your identity in Salesforce",
        f"You recently logged in to Salesforce from a browser or app that we don't recognize.\n\n"
        f"Username: {user['Username']}\nVerification Code: {code}\n",
    )
    return ticket


def challenged(org: Org, ticket: str) -> str | None:
    """Whose challenge this is, while it can be answered."""
    sql = "SELECT user_id FROM challenge WHERE ticket = ? AND until > ? AND tries < ?"
    rows = org.execute(sql, (_digest(ticket), timestamp(org.now()), _TRIES))
    return str(rows[0][0]) if rows else None


def is_answered(org: Org, ticket: str, code: str) -> bool:
    """Whether this is the code of a challenge, which is over then; a wrong one counts."""
    digest = _digest(ticket)
    rows = org.execute("SELECT code FROM challenge WHERE ticket = ?", (digest,))
    if not any(secrets.compare_digest(kept, _digest(ticket + code)) for (kept,) in rows):
        org.execute("UPDATE challenge SET tries = tries + 1 WHERE ticket = ?", (digest,))
        return False
    org.execute("DELETE FROM challenge WHERE ticket = ?", (digest,))
    return True


def remember(org: Org, user_id: str) -> str:
    """Knows a browser of the user from now on by what it is given to keep."""
    browser = secrets.token_urlsafe(48)
    org.execute("INSERT INTO activation VALUES (?, ?)", (user_id, _digest(browser)))
    return browser


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
