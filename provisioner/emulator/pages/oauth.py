"""OAuth in a browser: where an app sends people to, and where they say yes or no to it.

The web server flow (with PKCE) and the user-agent flow. Addresses and parameters: Salesforce help,
"OAuth 2.0 Web Server Flow" and "User-Agent Flow" [V].
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, jsonify, redirect, request

from provisioner.emulator.http import context
from provisioner.emulator.oauth import app, codes
from provisioner.emulator.oauth import endpoints as oauth
from provisioner.emulator.oauth import (
    keys as oauth_keys,
)
from provisioner.emulator.oauth.app import OAuthError
from provisioner.emulator.oauth.codes import Request
from provisioner.emulator.pages import browser

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org
    from provisioner.emulator.store.state import Session

blueprint = Blueprint("oauth_pages", __name__)

_AUTHORIZE: Final = "/services/oauth2/authorize"
APPROVAL_PAGE: Final = "/setup/secur/RemoteAccessAuthorizationPage.apexp"
# What the page says the app may do (help, "OAuth tokens and scopes" [V]; the words: guess).
_WORDS: Final = {
    "api": "Manage user data via APIs",
    "web": "Manage user data via Web browsers",
    "full": "Full access",
    "refresh_token": "Perform requests at any time",
    "offline_access": "Perform requests at any time",
    "id": "Access the identity URL service",
    "openid": "Access unique user identifiers",
}


@blueprint.route(_AUTHORIZE, methods=["GET", "POST"])
def authorize() -> Response:
    """Asks somebody to log in and to approve what the app wants, and sends back to the app."""
    org, given = context.org(), request.values
    try:
        app.known(org, given.get("client_id", ""))
        target = app.callback(org, given.get("redirect_uri", ""), context.instance_url())
    except OAuthError as refused:
        return _told(refused)
    asked = Request(given.get("response_type", ""), "", target, given.get("state"))
    try:
        asked = _wanted(asked)
    except OAuthError as refused:
        return _back(asked, {"error": refused.error, "error_description": refused.description})
    session, prompt = browser.staff_session(), given.get("prompt", "").split()
    if session is None or "login" in prompt:
        if "none" in prompt or given.get("immediate") == "true":
            text = "immediate unsuccessful"  # help, "OAuth 2.0 User-Agent Flow" [V]
            return _back(asked, {"error": "immediate_unsuccessful", "error_description": text})
        again = {**given, "prompt": " ".join(one for one in prompt if one != "login")}
        start = f"{_AUTHORIZE}?{urlencode({name: value for name, value in again.items() if value})}"
        return _go(f"/?{urlencode({'ec': 302, 'startURL': start})}")
    known = codes.approved(org, session.user_id)
    if "consent" not in prompt and known.issuperset(asked.scope.split()):
        return _approved(org, session, asked)
    source = codes.keep(org, "request", asked)
    return _go(f"{APPROVAL_PAGE}?{urlencode({'source': source})}")


@blueprint.get(APPROVAL_PAGE)
def approval() -> Response:
    """Asks whether the app may do what it asked for."""
    source = request.args.get("source", "")
    session, asked = browser.staff_session(), codes.find(context.org(), "request", source)
    if session is None:
        return browser.to_login()
    if asked is None:
        return _gone()
    return _ask(session, APPROVAL_PAGE, source, asked)


@blueprint.post(APPROVAL_PAGE)
def answer() -> Response:
    """Sends the answer to the app."""
    org, session = context.org(), browser.staff_session()
    if session is None:
        return browser.to_login()
    if not browser.is_confirmed(session, APPROVAL_PAGE):
        return browser.not_confirmed()
    asked = codes.take(org, "request", request.form.get("source", ""))
    if asked is None:
        return _gone()
    if "oadeny" in request.form:  # code and text as public sources quote real orgs [Q]
        text = "end-user denied authorization"
        return _back(asked, {"error": "access_denied", "error_description": text})
    codes.approve(org, session.user_id, asked.scope)
    return _approved(org, session, asked)


@blueprint.get("/services/oauth2/success")
def success() -> Response:
    """Where apps without a server of their own send people back to, and read the address."""
    title = "Authorization Denied" if "error" in request.args else "Authorization Succeeded"
    return browser.page("oauth_done.html", title=title)


@blueprint.route("/services/oauth2/singleaccess", methods=["GET", "POST"])
def single_access() -> Response:
    """An address that logs a browser in once, for who has a token (help, "UI Bridge API" [V]).

    `sf org open` asks for it; an expired token is refused with 403 (@salesforce/core, org.js [V]).
    """
    org = context.org()
    given = context.bearer_token() or request.values.get("access_token", "")
    found = org.session(given)
    if found is None:
        return Response("Bad_OAuth_Token", 403, content_type="text/plain")  # 7 [U]
    target = request.values.get("redirect_uri", browser.STAFF_HOME)
    asked = Request("otp", "", redirect_uri=target, user_id=found.user_id)
    otp = codes.keep(org, "otp", asked)
    here = context.instance_url()
    return jsonify({"frontdoor_uri": f"{here}/secur/frontdoor.jsp?{urlencode({'otp': otp})}"})


@blueprint.get("/id/keys")
def keys() -> Response:
    """The keys that ID tokens are signed with."""
    return jsonify(oauth_keys.json_keys(context.org()))


@blueprint.get("/.well-known/openid-configuration")
def discovery() -> Response:
    """Where OpenID Connect finds everything; the properties are those of real orgs [U]."""
    here = context.instance_url()
    base = f"{here}/services/oauth2"
    return jsonify(
        {
            "issuer": here,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "revocation_endpoint": f"{base}/revoke",
            "userinfo_endpoint": f"{base}/userinfo",
            "jwks_uri": f"{here}/id/keys",
            "introspection_endpoint": f"{base}/introspect",
            "scopes_supported": sorted(app.SCOPES),
            "response_types_supported": ["code", "token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "display_values_supported": ["page", "popup", "touch"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        }
    )


def _wanted(asked: Request) -> Request:
    """What the request asks for; the refusal of a type: help, "User-Agent Flow" [V]."""
    given = request.values
    if asked.response_type not in {"code", "token"}:
        raise OAuthError("unsupported_response_type", "response type not supported")
    challenge = given.get("code_challenge", "")
    if challenge and given.get("code_challenge_method", "S256") != "S256":
        # "the code challenge is the SHA256 hash" (help, "Web Server Flow" [V]); text: guess
        raise OAuthError("invalid_request", "code challenge method must be S256")
    scope = app.scopes(given.get("scope", ""))
    return replace(asked, scope=scope, challenge=challenge, nonce=given.get("nonce", ""))


def _ask(session: Session, page: str, source: str, asked: Request) -> Response:
    user = context.org().get("User", session.user_id)
    words = dict.fromkeys(_WORDS.get(one, one) for one in asked.scope.split())
    return browser.page(
        "oauth_approval.html",
        action=page,
        source=source,
        words=list(words),
        user=user,
        token_field=browser.TOKEN_FIELD,
        token=browser.confirmation_token(session, page),
    )


def _approved(org: Org, session: Session, asked: Request) -> Response:
    if asked.response_type == "token":
        return _back(asked, oauth.issue(org, session.user_id, asked.scope, nonce=asked.nonce))
    code = codes.keep(org, "code", replace(asked, user_id=session.user_id))
    return _back(asked, {"code": code})


def _back(asked: Request, values: dict[str, str]) -> Response:
    """To the app, with the answer in the query; in the user-agent flow behind the `#`."""
    named = values if asked.state is None else {**values, "state": asked.state}
    mark = "#" if asked.response_type == "token" else "&" if "?" in asked.redirect_uri else "?"
    return _go(f"{asked.redirect_uri}{mark}{urlencode(named)}")


def _told(refused: OAuthError) -> Response:
    """What people see when there is nowhere to send them back to: as remembered [U]."""
    text = f"error={refused.error}&error_description={quote(refused.description)}"
    return Response(text, 400, content_type="text/plain;charset=UTF-8")


def _gone() -> Response:
    return browser.refusal(
        "Authorization Error", "This request is over. Go back to the application and try again."
    )


def _go(target: str) -> Response:
    response = redirect(target, 302)
    assert isinstance(response, Response), "the app answers with Flask's own responses"
    return response
