"""Security tokens: what people of the company add to their password where the org does not trust.

A login through an API from an address outside the org's trusted ranges needs password and token in
one; the token is sent by mail when its user chooses a password, or asks for one at the page "Reset
My Security Token", and is void as soon as the password changes (SOAP guide, `login` [V]). A profile
with login IP ranges has no tokens (Salesforce knowledge article 000182450 [V]), and customers need
none: their logins are never challenged (000204521 [V]; that it holds for APIs, too [I]).
"""

from __future__ import annotations

import hashlib
import secrets
import string
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.schema import licenses
from provisioner.emulator.settings import (
    deliverability,
    profile_login_limits,
    security,
)

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

# "24 characters, alphanumeric", public tutorials [Q]; case counts: SOAP guide [V]
_LENGTH: Final = 24
_LETTERS: Final = string.ascii_letters + string.digits


def is_needed(org: Org, user: dict[str, Any], address: str) -> bool:
    """Whether this user's login through an API needs a token from this address."""
    return has_one(org, user) and not security.trusts(org, address)


def has_one(org: Org, user: dict[str, Any]) -> bool:
    """Whether the user is one of those who have security tokens."""
    return user["UserType"] in licenses.STAFF and not profile_login_limits.has_ranges(
        org, user["ProfileId"]
    )


def split(given: str) -> tuple[str, str]:
    """Password and token of what a client gives as one."""
    return given[:-_LENGTH], given[-_LENGTH:]


def matches(org: Org, user_id: str, token: str) -> bool:
    """Whether this is the user's token; a user without one matches nothing."""
    rows = org.execute("SELECT digest FROM security_token WHERE user_id = ?", (user_id,))
    return any(secrets.compare_digest(digest, _digest(token)) for (digest,) in rows)


def renew(org: Org, user_id: str) -> None:
    """Gives the user a new token and mails it; nothing for those who have none.

    Subject: public guides [Q]; the text: guess.
    """
    user = org.get("User", user_id)
    assert user is not None, "users are never removed"
    if not has_one(org, user):
        return
    token = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    org.execute("INSERT OR REPLACE INTO security_token VALUES (?, ?)", (user_id, _digest(token)))
    deliverability.send(
        org,
        deliverability.Mail.LOGIN,
        user["Email"],
        "Your new Salesforce security token",
        f"We've reset your Salesforce security token.\n\nUsername: {user['Username']}\n"
        f"Security token (case-sensitive): {token}\n\n"
        "Add it to your password where you log in with an app or an API from outside of your"
        " company's trusted networks.\n",
    )


def forget(org: Org, user_id: str) -> None:
    """Voids the user's token, as a new password does."""
    org.execute("DELETE FROM security_token WHERE user_id = ?", (user_id,))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
