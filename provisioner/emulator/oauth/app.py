"""The org's one connected app: its key and secret, where it may send people back to, its scopes."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from flask import request

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

# The name of the setting, a JSON list; `/emulator/options` changes it.
CALLBACKS: Final = "callback urls"
# Where sf, CumulusCI and Salesforce's own page of success are sent back to (their sources [V]).
_USUAL_CALLBACKS: Final = (
    "http://localhost:1717/OauthRedirect",
    "http://localhost:8080/callback",
    "http://localhost:7788/callback",
    "/services/oauth2/success",
)
# What the app may ask for, in the words of Salesforce help, "OAuth tokens and scopes" [V].
SCOPES: Final = frozenset(
    {"address", "api", "chatter_api", "content", "custom_permissions", "email", "full", "id",
     "lightning", "offline_access", "openid", "phone", "profile", "refresh_token", "visualforce",
     "web"}
)  # fmt: skip
LASTING: Final = frozenset({"refresh_token", "offline_access"})
# Without a scope an app asks for all it has been given (the same help [V]); which those are: guess.
_GIVEN: Final = ("refresh_token", "web", "api")


class OAuthError(Exception):
    """A refusal in the words of OAuth."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status

    @property
    def answer(self) -> dict[str, str]:
        """The body of the token endpoint."""
        return {"error": self.error, "error_description": self.description}


def check(org: Org) -> None:
    """Refuses a request that is not the app's, by Basic authentication or in the body."""
    if request.authorization is not None and request.authorization.type == "basic":
        key = unquote(request.authorization.username or "")
        secret = unquote(request.authorization.password or "")
    else:
        key = request.form.get("client_id", "")
        secret = request.form.get("client_secret", "")
    known(org, key)
    if not hmac.compare_digest(secret.encode(), (org.setting("consumer secret") or "").encode()):
        raise OAuthError("invalid_client", "invalid client credentials")


def known(org: Org, key: str) -> None:
    """Refuses a consumer key that is not the app's (fact 619)."""
    if key != org.setting("consumer key"):
        raise OAuthError("invalid_client_id", "client identifier invalid")


def callbacks(org: Org) -> list[str]:
    """The addresses the app may send people back to."""
    return list(json.loads(org.setting(CALLBACKS) or json.dumps(_USUAL_CALLBACKS)))


def callback(org: Org, asked: str, here: str) -> str:
    """The address to send somebody back to, which must be one of the app's, letter by letter.

    Code and text as in public sources that quote real orgs [Q]; that one must be named, and its
    refusal: help, "OAuth 2.0 User-Agent Flow", as clients quote it [V].
    """
    if asked in (one if one.startswith("http") else here + one for one in callbacks(org)):
        return asked
    if not asked:
        raise OAuthError("redirect_uri_missing", "redirect_uri not provided")
    raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")


def scopes(asked: str) -> str:
    """The scopes that are granted to who asked so; the refusal: the same help page [V]."""
    wanted = asked.split() or list(_GIVEN)
    if not SCOPES.issuperset(wanted):
        raise OAuthError("invalid_scope", "requested scope is invalid, unknown, or malformed")
    return " ".join(dict.fromkeys(wanted))


def lasts(scope: str) -> bool:
    """Whether a grant of those scopes comes with a refresh token."""
    return not LASTING.isdisjoint(scope.split())
