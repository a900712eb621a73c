"""Users' passwords: the policy, keeping them, checking them."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.base.timestamps import parse_timestamp, timestamp
from provisioner.emulator.login import reset_links, security_tokens
from provisioner.emulator.settings import security

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

_LETTERS: Final = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGITS: Final = "23456789"
_DAY: Final = timedelta(days=1)


def set_password(org: Org, user_id: str, password: str, *, own: bool = False) -> None:
    """Gives a user a password that holds; `own` says that the user chooses it.

    Raises INVALID_NEW_PASSWORD when it breaks the policy. Who chooses a password gets a security
    token with it by mail (SOAP guide, `login` [V]); nobody does whose password another set [I].
    """
    check_policy(org, user_id, password, own=own)
    keep(org, user_id, password, expired=False)
    if own:
        security_tokens.renew(org, user_id)


def keep(org: Org, user_id: str, password: str, *, expired: bool) -> None:
    """Stores a password that needs no check, such as one the org made up.

    `expired` makes the next login ask for a new one. Security token and reset link are void
    from now on.
    """
    security_tokens.forget(org, user_id)
    reset_links.forget(org, user_id)
    salt = secrets.token_hex(16)
    digest = _digest(salt, password)
    org.execute(
        "INSERT OR REPLACE INTO password VALUES (?, ?, ?, ?)", (user_id, salt, digest, int(expired))
    )
    org.execute(
        "INSERT INTO password_history (user_id, salt, digest) VALUES (?, ?, ?)",
        (user_id, salt, digest),
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
    """Whether the next login must choose a new password: it was made up, or is too old.

    Passwords of users who may keep them for ever (PermissionsPasswordNeverExpires) do not age.
    """
    rows = org.execute("SELECT expired FROM password WHERE user_id = ?", (user_id,))
    if any(row[0] for row in rows):
        return True
    return bool(rows) and _is_old(org, user_id)


def temporary() -> str:
    """A password as Salesforce makes them up: nine letters and digits, both kinds in it."""
    chars = [secrets.choice(_LETTERS + _DIGITS) for _ in range(7)]
    chars += [secrets.choice(_LETTERS), secrets.choice(_DIGITS)]
    secrets.SystemRandom().shuffle(chars)
    return "".join(chars)


def check_policy(org: Org, user_id: str, password: str, *, own: bool = False) -> None:
    """Raises INVALID_NEW_PASSWORD if the org's policy refuses it (fact 603; other texts [U])."""
    policy = security.policy(org)
    if len(password) < policy.shortest:
        # Wording as on the change-password page [U]
        raise _refused(f"Your password must be at least {policy.shortest} characters long.")
    complaint = security.complaint(policy.complexity, password)
    if complaint is not None:
        raise _refused(complaint)
    user = org.get("User", user_id)
    assert user is not None, "users are never removed"
    if password.lower() in {str(user["Username"]).lower(), str(user["LastName"]).lower()}:
        raise _refused("Your password cannot be easy to guess. Please choose a different one.")
    if _was_used(org, user_id, password, policy.history):
        # text: public clients of POST .../password look for it, with 500 [V]
        raise _refused("invalid repeated password")
    if own and policy.once_a_day and not is_expired(org, user_id) and _age(org, user) < _DAY:
        # "can't change a password more than once in a 24-hour period" (META [V]); text: guess
        raise _refused("You can change your password only once in 24 hours.")


def _was_used(org: Org, user_id: str, password: str, history: int) -> bool:
    """Whether it is the present password, or one of the last ones that the policy remembers."""
    if matches(org, user_id, password):
        return True
    rows = org.execute(
        "SELECT salt, digest FROM password_history WHERE user_id = ? ORDER BY id DESC LIMIT ?",
        (user_id, history),
    )
    return any(secrets.compare_digest(digest, _digest(salt, password)) for salt, digest in rows)


def _is_old(org: Org, user_id: str) -> bool:
    policy = security.policy(org)
    user = org.get("User", user_id)
    assert user is not None, "users are never removed"
    if policy.expires is None or _age(org, user) < policy.expires:
        return False
    profile = org.get("Profile", user["ProfileId"])
    return not (profile and profile["PermissionsPasswordNeverExpires"])


def _age(org: Org, user: dict[str, Any]) -> timedelta:
    return org.now() - parse_timestamp(user["LastPasswordChangeDate"])


def _digest(salt: str, password: str) -> str:
    return hashlib.sha256(f"{salt}:{password}".encode()).hexdigest()


def _refused(message: str) -> SalesforceError:
    # code: fact 603; 500: what public clients of POST .../password look for [V]
    return SalesforceError("INVALID_NEW_PASSWORD", message, status=500)
