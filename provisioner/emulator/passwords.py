"""Users' passwords: the policy, keeping them, checking them."""

from __future__ import annotations

import hashlib
import secrets
import string
from typing import TYPE_CHECKING, Final

from provisioner.emulator.errors import SalesforceError
from provisioner.emulator.store import timestamp

if TYPE_CHECKING:
    from provisioner.emulator.store import Org

_SHORTEST: Final = 8  # the default policy of an org
_LETTERS: Final = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGITS: Final = "23456789"


def set_password(org: Org, user_id: str, password: str, *, expired: bool = False) -> None:
    """Gives a user a password; `expired` makes the next login ask for a new one.

    Raises INVALID_NEW_PASSWORD when it breaks the policy.
    """
    check_policy(org, user_id, password)
    keep(org, user_id, password, expired=expired)


def keep(org: Org, user_id: str, password: str, *, expired: bool) -> None:
    """Stores a password that needs no check, such as one the org made up."""
    salt = secrets.token_hex(16)
    org.execute(
        "INSERT OR REPLACE INTO password VALUES (?, ?, ?, ?)",
        (user_id, salt, _digest(salt, password), int(expired)),
    )
    # Not `Org.update`: a password change is no modification of the user record.
    org.execute(
        'UPDATE "User" SET "LastPasswordChangeDate" = ? WHERE "Id" = ?',
        (timestamp(org.now()), user_id),
    )


def matches(org: Org, user_id: str, password: str) -> bool:
    """Whether this is the user's password; a user without one matches nothing."""
    rows = org.execute("SELECT salt, digest FROM password WHERE user_id = ?", (user_id,))
    return any(secrets.compare_digest(digest, _digest(salt, password)) for salt, digest in rows)


def is_expired(org: Org, user_id: str) -> bool:
    """Whether the next login must choose a new password."""
    rows = org.execute("SELECT expired FROM password WHERE user_id = ?", (user_id,))
    return any(row[0] for row in rows)


def temporary() -> str:
    """A password as Salesforce makes them up: nine letters and digits, both kinds in it."""
    chars = [secrets.choice(_LETTERS + _DIGITS) for _ in range(7)]
    chars += [secrets.choice(_LETTERS), secrets.choice(_DIGITS)]
    secrets.SystemRandom().shuffle(chars)
    return "".join(chars)


def mail_temporary(org: Org, user_id: str, password: str) -> None:
    """Sends a user the password that the API made up; the text of the mail is a guess."""
    user = org.get("User", user_id)
    assert user is not None, "users are never removed"
    text = f"Username: {user['Username']}\nPassword: {password}\n"
    org.mail(user["Email"], "Your new Salesforce password", text)


def check_policy(org: Org, user_id: str, password: str) -> None:
    """Raises INVALID_NEW_PASSWORD when the org's policy refuses the password (6.1 [V], [U])."""
    if len(password) < _SHORTEST:
        # Wording as on the change-password page; HTTP 400 is a guess.
        raise _refused(f"Your password must be at least {_SHORTEST} characters long.")
    kinds = set(password)
    if not kinds & set(string.ascii_letters) or not kinds & set(string.digits):
        raise _refused("Your password must have a mix of letters and numbers.")
    user = org.get("User", user_id)
    if user is not None and password.lower() in {
        str(user["Username"]).lower(), str(user["LastName"]).lower()
    }:  # fmt: skip
        raise _refused("Your password cannot be easy to guess. Please choose a different one.")
    if matches(org, user_id, password):
        raise _refused("invalid repeated password")  # reuse is refused: 6.2 [V], text: guess


def _digest(salt: str, password: str) -> str:
    return hashlib.sha256(f"{salt}:{password}".encode()).hexdigest()


def _refused(message: str) -> SalesforceError:
    return SalesforceError("INVALID_NEW_PASSWORD", message)  # code: 6.1 [V]
