"""OAuth as a connected app sees it: tokens, users, revocation (fact 620)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, jsonify, request

from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.http import context, gate, refusals
from provisioner.emulator.http.context import EXPIRED_KIND
from provisioner.emulator.http.gate import Check
from provisioner.emulator.login import identities, login_history, passwords
from provisioner.emulator.oauth import (
    answers,
    app,
    grants,
    keys,
    refresh_tokens,
)
from provisioner.emulator.oauth.app import OAuthError
from provisioner.emulator.settings import editions
from provisioner.emulator.sites import networks

if TYPE_CHECKING:
    from provisioner.emulator.oauth.grants import Grant
    from provisioner.emulator.store.org import Org

blueprint = Blueprint("auth", __name__)


METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


@blueprint.route("/services/oauth2/token", methods=METHODS)
def token() -> Response:
    """A token for one of the flows."""
    org = context.org()
    if org.api_calls() >= editions.daily_calls(org):  # here, too, as REST says it: fact 708
        return refusals.refusal(request.path, gate.error("rest", Check.DAILY_CALLS))
    try:
        if request.method != "POST":
            raise OAuthError("invalid_request", "must use HTTP POST")  # general knowledge [U]
        return answers.answer(_issued(grants.granted(org)))
    except OAuthError as refused:
        return answers.answer(refused.answer, refused.status)


@blueprint.post("/services/oauth2/introspect")
def introspect() -> Response:
    """Whether a token is good, for the connected app itself (RFC 7662, as Salesforce has it)."""
    org = context.org()
    try:
        app.check(org)
    except OAuthError as refused:
        response = jsonify(refused.answer)
        response.status_code = 401
        return response
    value = request.form.get("token", "")
    found, held = org.session(value), refresh_tokens.owner(org, value)
    if found is None and held is None:
        return jsonify({"active": False})
    user = org.get("User", found.user_id if found else str(held))
    assert user is not None, "users are never removed"
    answer: dict[str, Any] = {
        "active": True,
        "scope": "api" if found else refresh_tokens.scope(org, value),
        "client_id": org.setting("consumer key"),
        "username": user["Username"],
        "sub": f"{context.instance_url()}/id/{org.organization_id()}/{user['Id']}",
        "token_type": "access_token" if found else "refresh_token",
    }
    if found:
        answer["exp"] = int(found.expires.timestamp())
    return jsonify(answer)


@blueprint.route("/services/oauth2/userinfo", methods=["GET", "POST"])
def userinfo() -> Response:
    """Who the token belongs to."""
    org = context.org()
    given = context.bearer_token() or request.values.get("access_token", "")
    try:
        found = gate.enter("identity", given).session
    except SalesforceError as error:
        return _forbidden(given, error)
    return jsonify(
        identities.userinfo(org, org.organization_id(), found.user_id, context.instance_url())
    )


@blueprint.get("/id/<_organization>/<user_id>")
def identity(_organization: str, user_id: str) -> Response:
    """The identity URL of a token answer; only the token's own user is told."""
    org = context.org()
    given = context.bearer_token() or request.args.get("oauth_token", "")
    try:
        found = gate.enter("identity", given).session
    except SalesforceError as error:
        return _forbidden(given, error)
    if found.user_id != ids.normal(user_id):
        return _forbidden(given, gate.error("identity", Check.SESSION))
    if ids.normal(_organization) != org.organization_id():
        # "Wrong_Org": identity URL documentation, remembered [U]
        return Response("Wrong_Org", 403, content_type="text/plain")
    return jsonify(
        identities.identity(org, org.organization_id(), found.user_id, context.instance_url())
    )


@blueprint.route("/services/oauth2/revoke", methods=["GET", "POST"])
def revoke() -> Response:
    """Ends the session of a token; of a refresh token, every session that came of it too."""
    value = request.values.get("token", "")
    if refresh_tokens.revoke(context.org(), value):
        return Response(b"", 200)
    if context.org().session(value) is None:
        # as WWW-Salesforce's tests have it [Q]
        text = f"invalid token: {value}"
        refusal = {"error": "unsupported_token_type", "error_description": text}
        response = jsonify(refusal)
        response.status_code = 400
        return response
    context.org().end_sessions(token=value)
    return Response(b"", 200)


def _issued(grant: Grant) -> dict[str, str]:
    return issue(context.org(), grant.user_id, grant.scope, kept=grant.kept, nonce=grant.nonce)


def issue(org: Org, user_id: str, scope: str, *, kept: str = "", nonce: str = "") -> dict[str, str]:
    """Starts a session and tells the app, with a refresh token where the scope has one."""
    with org.transaction():
        login_history.log_in(org, user_id, "Success")
        expired = passwords.is_expired(org, user_id)
        started = org.start_session(user_id, EXPIRED_KIND if expired else "API")
        made = ""
        if not kept and app.lasts(scope):
            made = refresh_tokens.issue(org, user_id, scope)
        if made or kept:
            refresh_tokens.remember(org, made or kept, started.token)
    url = f"{context.instance_url()}/id/{org.organization_id()}/{user_id}"
    issued = str(int(org.now().timestamp() * 1000))
    secret = (org.setting("consumer secret") or "").encode()
    signature = hmac.new(secret, (url + issued).encode(), hashlib.sha256).digest()
    identified = "openid" in scope.split()
    site = context.site()
    return {
        "access_token": started.token,
        **({"refresh_token": made} if made else {}),
        **({} if site is None else _of_site(site)),
        "signature": base64.b64encode(signature).decode(),
        "scope": scope,
        **({"id_token": keys.id_token(org, url, started.token, nonce)} if identified else {}),
        "instance_url": context.instance_url(),
        "id": url,
        "token_type": "Bearer",
        "issued_at": issued,
    }


def _of_site(site: dict[str, Any]) -> dict[str, str]:
    """What the answer tells of the site that it was asked at, as a public tool shows it [V]."""
    url = networks.address(context.instance_url(), site)
    return {"sfdc_community_url": url, "sfdc_community_id": site["Id"]}


def _forbidden(given: str, error: SalesforceError) -> Response:
    # fact 625; "Missing_OAuth_Token": identity URL documentation, remembered [U]
    text = error.message if given else "Missing_OAuth_Token"
    return Response(text, error.status, content_type="text/plain")
