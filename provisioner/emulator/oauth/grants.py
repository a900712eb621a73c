"""The grants of the token endpoint: what shows that an app may act for which user."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from flask import request

from provisioner.emulator.access import permissions
from provisioner.emulator.base.errors import not_served
from provisioner.emulator.http import context
from provisioner.emulator.login import login_history, password_login, site_admission
from provisioner.emulator.oauth import (
    app,
    codes,
    keys,
    refresh_tokens,
)
from provisioner.emulator.oauth.app import OAuthError
from provisioner.emulator.settings import my_domain
from provisioner.emulator.sites import networks

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

_SKEW: Final = 30  # seconds a clock may differ: guess
_JWT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_PUBLIC_AUDIENCES: Final = ("https://login.salesforce.com", "https://test.salesforce.com")


@dataclass(frozen=True, slots=True)
class Grant:
    """For whom, with which scopes; `kept` is the refresh token that was shown, and stays good."""

    user_id: str
    scope: str
    kept: str = ""
    nonce: str = ""


def granted(org: Org) -> Grant:
    """What the request shows that it may have; raises OAuthError."""
    if request.form.get("response_type") == "device_code":
        raise _not_served("the OAuth device flow")
    match request.form.get("grant_type"):
        case "client_credentials":
            if request.host.lower() in my_domain.SHARED_HOSTS:  # reported from real orgs [Q]
                raise OAuthError("invalid_grant", "request not supported on this domain")
            app.check(org)
            return Grant(_run_as(org), "api")
        case "password":
            app.check(org)
            return Grant(_by_password(org), _asked())
        case grant if grant == _JWT:
            return Grant(_by_jwt(org), _asked())
        case "refresh_token":
            app.check(org)
            token = request.form.get("refresh_token", "")
            user_id = _by_refresh_token(org, token)
            return Grant(user_id, refresh_tokens.scope(org, token), token)
        case "authorization_code":
            app.check(org)
            return _by_code(org)
        case "device":
            raise _not_served("the OAuth device flow")
        case "assertion" | "urn:ietf:params:oauth:grant-type:saml2-bearer":
            raise _not_served("SAML assertions")
        case _:
            raise OAuthError("unsupported_grant_type", "grant type not supported")


def _not_served(name: str) -> OAuthError:
    """The refusal of a flow that Salesforce has and the local org does not serve; code: guess."""
    return OAuthError("unsupported_grant_type", not_served(name).message)


def _asked() -> str:
    """The scopes of a flow without a browser.

    Salesforce hands refresh tokens out in flows with a browser; here any user's flow gets one by
    asking for the scope `refresh_token` (guess).
    """
    wanted = request.form.get("scope", "").split()
    return "api refresh_token" if app.LASTING.intersection(wanted) else "api"


def _by_code(org: Org) -> Grant:
    """The code of the web server flow, once, at the address it was sent to (texts [V], [Q])."""
    code = request.form.get("code", "")
    found = codes.take(org, "code", code)
    if found is None:
        word = "expired" if codes.was_used(org, code) else "invalid"
        raise OAuthError("invalid_grant", f"{word} authorization code")
    if request.form.get("redirect_uri", "") != found.redirect_uri:
        raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
    if found.challenge:
        verifier = request.form.get("code_verifier", "")
        digest = hashlib.sha256(verifier.encode()).digest()
        shown = base64.urlsafe_b64encode(digest).rstrip(b"=")
        if not hmac.compare_digest(shown, found.challenge.rstrip("=").encode()):
            raise OAuthError("invalid_grant", "invalid code verifier")
    _may_log_in(org, _user(org, found.user_id))
    return Grant(found.user_id, found.scope, nonce=found.nonce)


def _user(org: Org, user_id: str) -> dict[str, Any]:
    user = org.get("User", user_id)
    assert user is not None, "users are never removed"
    return user


def _by_password(org: Org) -> str:
    found = org.select("User", Username=request.form.get("username", "").strip())
    if not found:
        raise OAuthError("invalid_grant", "authentication failure")
    user = found[0]
    id_ = str(user["Id"])
    attempt = login_history.attempt(request.form.get("password", ""), api=True)
    site = context.site()
    if site is None:
        status = password_login.by_password(org, user, attempt)
    else:
        status = site_admission.status_of(org, site, user, attempt)
    with org.transaction():
        password_login.count(org, user, status)
        if status != password_login.SUCCESS:
            login_history.log_in(org, id_, status)
    if status != password_login.SUCCESS:
        raise _out(status)
    return id_


def _by_refresh_token(org: Org, given: str) -> str:
    owner = refresh_tokens.owner(org, given)
    if owner is None:  # fact 624
        raise OAuthError("invalid_grant", "expired access/refresh token")
    _may_log_in(org, _user(org, owner))
    return owner


def _run_as(org: Org) -> str:
    """The user that the app runs as (fact 623), who must be able to log in [I]."""
    user = _user(org, org.setting("run as") or "")
    _may_log_in(org, user)
    return str(user["Id"])


def _by_jwt(org: Org) -> str:
    import jwt

    assertion = request.form.get("assertion", "")
    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
        if claims.get("iss") != org.setting("consumer key"):
            raise OAuthError("invalid_client_id", "client identifier invalid")
        jwt.decode(
            assertion,
            keys.public_key(org),
            algorithms=["RS256"],
            # The org's clock decides, and what is said of the audience, below.
            options={"verify_exp": False, "verify_aud": False, "verify_iat": False},
        )
    except jwt.PyJWTError:
        raise OAuthError("invalid_grant", "invalid assertion") from None
    if str(claims.get("aud", "")).rstrip("/") not in _audiences():
        raise OAuthError("invalid_grant", "audience is invalid")
    # Within three minutes, says the guide (fact 621); a later one is taken, too, as
    # the Salesforce CLI asks with milliseconds for seconds (authInfo.js of @salesforce/core [V]).
    until = _instant(claims.get("exp"))
    if until is None:
        raise OAuthError("invalid_grant", "assertion is not valid")  # text: guess
    if until <= org.now().timestamp() - _SKEW:  # as seen in a real org (stackexchange 282513 [V])
        raise OAuthError("invalid_grant", "expired authorization code")
    found = org.select("User", Username=str(claims.get("sub", "")))
    if not found or not _may_use(org, found[0]["Id"]):
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    _may_log_in(org, found[0])
    return str(found[0]["Id"])


def _audiences() -> set[str]:
    """Whom an assertion may be meant for; at a site, that alone (fact 614)."""
    hosts = {context.instance_url(), f"http://{request.host}", f"https://{request.host}"}
    site = context.site()
    if site is None:
        return {*_PUBLIC_AUDIENCES, *hosts}
    return {networks.address(host, site) for host in hosts}


def _instant(claim: Any) -> float | None:
    """Seconds as JSON has them; also as digits, which simple-salesforce sends (login.py [V])."""
    try:
        seconds = float(claim)
    except (TypeError, ValueError):
        return None
    return seconds if isfinite(seconds) else None


def _may_use(org: Org, user_id: str) -> bool:
    """Whether the app may act for a user who is not there to be asked.

    It is pre-authorised for those who may manage users (guess), and by an earlier approval that
    came with a refresh token (fact 622).
    """
    if permissions.has(org, user_id, "ManageUsers"):
        return True
    return app.lasts(" ".join(codes.approved(org, user_id)))


def _may_log_in(org: Org, user: dict[str, Any]) -> None:
    status = password_login.standing(org, user)
    if status in {password_login.SUCCESS, password_login.LOCKED}:  # no password is asked for: guess
        status = password_login.by_limits(org, user, str(request.remote_addr))
    site = context.site()
    if status == password_login.SUCCESS and site is not None:
        status = site_admission.admits(org, site, user)
    if password_login.is_too_often(org, user):
        status = password_login.TOO_OFTEN
    if status != password_login.SUCCESS:
        login_history.log_in(org, user["Id"], status)
        raise _out(status)


def _out(status: str) -> OAuthError:
    """The refusal for a status of LoginHistory.

    "user is locked" [V], "ip restricted": answers that MetaDeploy's tests quote [V], "inactive
    user": a list of errors at VMware [Q], "ip restricted or invalid login hours": Salesforce's
    help and clients that match it [V]; "login rate exceeded": a public guide [Q]; that of a frozen
    user: guess.
    """
    texts = {
        password_login.INACTIVE: "inactive user",
        password_login.FROZEN: "user is frozen",
        password_login.LOCKED: "user is locked",
        password_login.BAD_ADDRESS: "ip restricted",
        password_login.BAD_TIME: "ip restricted or invalid login hours",
        password_login.TOO_OFTEN: "login rate exceeded",
    }
    return OAuthError("invalid_grant", texts.get(status, "authentication failure"))
