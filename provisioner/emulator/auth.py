"""OAuth as a connected app sees it: tokens, users, revocation (platform reference 7 [V])."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from flask import Blueprint, Response, jsonify, request

from provisioner.emulator import context, identities, ids, logins, passwords, refresh_tokens
from provisioner.emulator.rules import permissions
from provisioner.emulator.store import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store import Org

blueprint = Blueprint("auth", __name__)

# The kind of a session that may only choose a new password (platform reference 6.4 [V])
EXPIRED_KIND: Final = "Expired"
_APPLICATION: Final = "provisioner"
_JWT_LIFE: Final = 180  # seconds; platform reference 7 [V]
_SKEW: Final = 30  # seconds a clock may differ: guess
_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
# Where people of every org log in: no My Domain (platform reference 7 [V])
_SHARED_HOSTS: Final = frozenset({"login.salesforce.com", "test.salesforce.com"})
_PUBLIC_AUDIENCES: Final = ("https://login.salesforce.com", "https://test.salesforce.com")


class _Refused(Exception):  # noqa: N818 - the OAuth word for it
    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.answer = {"error": error, "error_description": description}
        self.status = status


@blueprint.route("/services/oauth2/token", methods=_METHODS)
def token() -> Response:
    """A token for one of the flows that a pipeline uses."""
    org = context.org()
    kept = None
    try:
        if request.method != "POST":
            raise _Refused("invalid_request", "must use HTTP POST")  # general knowledge [U]
        match request.form.get("grant_type"):
            case "client_credentials":
                if request.host.lower() in _SHARED_HOSTS:  # reported from real orgs [Q]
                    raise _Refused("invalid_grant", "request not supported on this domain")
                _client(org)
                user_id = org.setting("run as") or ""
            case "password":
                _client(org)
                user_id = _by_password(org)
            case grant if grant == _JWT_GRANT:
                user_id = _by_jwt(org)
            case "refresh_token":
                _client(org)
                kept = request.form.get("refresh_token", "")
                user_id = _by_refresh_token(org, kept)
            case _:
                raise _Refused("unsupported_grant_type", "grant type not supported")
    except _Refused as refused:
        response = jsonify(refused.answer)
        response.status_code = refused.status
    else:
        response = jsonify(_granted(org, user_id, kept))
    response.headers["Cache-Control"] = "no-cache, no-store"
    return response


@blueprint.post("/services/oauth2/introspect")
def introspect() -> Response:
    """Whether a token is good, for the connected app itself (RFC 7662, as Salesforce has it)."""
    org = context.org()
    try:
        _client(org)
    except _Refused as refused:
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
        "scope": "api" if found else "api refresh_token",
        "client_id": org.setting("consumer key"),
        "username": user["Username"],
        "sub": f"{context.instance_url()}/id/{organization_id(org)}/{user['Id']}",
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
    found = org.session(given)
    if found is None:
        return _forbidden(given)
    return jsonify(
        identities.userinfo(org, organization_id(org), found.user_id, context.instance_url())
    )


@blueprint.get("/id/<_organization>/<user_id>")
def identity(_organization: str, user_id: str) -> Response:
    """The identity URL of a token answer; only the token's own user is told."""
    org = context.org()
    given = context.bearer_token() or request.args.get("oauth_token", "")
    found = org.session(given)
    if found is None or found.user_id != ids.normal(user_id):
        return _forbidden(given)
    if ids.normal(_organization) != organization_id(org):
        # "Wrong_Org": identity URL documentation, remembered [U]
        return Response("Wrong_Org", 403, content_type="text/plain")
    return jsonify(
        identities.identity(org, organization_id(org), found.user_id, context.instance_url())
    )


@blueprint.route("/services/oauth2/revoke", methods=["GET", "POST"])
def revoke() -> Response:
    """Ends the session of a token; of a refresh token, every session that came of it too."""
    value = request.values.get("token", "")
    if refresh_tokens.revoke(context.org(), value):
        return Response(b"", 200)
    if context.org().session(value) is None:
        refusal = {"error": "invalid_token", "error_description": "invalid token"}  # guess
        response = jsonify(refusal)
        response.status_code = 400
        return response
    context.org().end_sessions(token=value)
    return Response(b"", 200)


def private_key(org: Org) -> str:
    """The private key of the connected app, in PEM; made when first asked for."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    with org.transaction():
        kept = org.setting("private key")
        if kept is None:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            kept = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode()
            org.put_setting("private key", kept)
    return kept


def log_in(
    org: Org,
    user_id: str,
    status: str,
    *,
    login_type: str = "Remote Access 2.0",
    more: Mapping[str, Any] | None = None,
) -> None:
    """Writes a row of LoginHistory, with `more` of its fields; a success is the last login too."""
    now = timestamp(org.now())
    org.insert(
        "LoginHistory",
        {
            "UserId": user_id,
            "LoginTime": now,
            "LoginType": login_type,
            "SourceIp": request.remote_addr,
            "LoginUrl": request.host,
            "Status": status,
            "Application": _APPLICATION,
            "Browser": "Unknown",
            "Platform": "Unknown",
            "ClientVersion": "N/A",
            "ApiType": "N/A",
            "ApiVersion": "N/A",
            **(more or {}),
        },
        by=user_id,
    )
    if status == "Success":
        org.execute('UPDATE "User" SET "LastLoginDate" = ? WHERE "Id" = ?', (now, user_id))


def _client(org: Org) -> None:
    """The connected app, by Basic authentication or in the body."""
    if request.authorization is not None and request.authorization.type == "basic":
        key = unquote(request.authorization.username or "")
        secret = unquote(request.authorization.password or "")
    else:
        key = request.form.get("client_id", "")
        secret = request.form.get("client_secret", "")
    if key != org.setting("consumer key"):
        raise _Refused("invalid_client_id", "client identifier invalid")
    if not hmac.compare_digest(secret, org.setting("consumer secret") or ""):
        raise _Refused("invalid_client", "invalid client credentials")


def _by_password(org: Org) -> str:
    found = org.select("User", Username=request.form.get("username", "").strip())
    if not found:
        raise _Refused("invalid_grant", "authentication failure")
    user = found[0]
    id_ = str(user["Id"])
    given, address = request.form.get("password", ""), str(request.remote_addr)
    status = logins.by_password(org, user, given, address)
    with org.transaction():
        logins.count(org, user, status)
        if status != logins.SUCCESS:
            log_in(org, id_, status)
    if status != logins.SUCCESS:
        raise _out(status)
    return id_


def _by_refresh_token(org: Org, given: str) -> str:
    owner = refresh_tokens.owner(org, given)
    if owner is None:  # platform reference 7 [V]
        raise _Refused("invalid_grant", "expired access/refresh token")
    user = org.get("User", owner)
    assert user is not None, "users are never removed"
    _may_log_in(org, user)
    return owner


def _by_jwt(org: Org) -> str:
    import jwt

    assertion = request.form.get("assertion", "")
    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
        if claims.get("iss") != org.setting("consumer key"):
            raise _Refused("invalid_client_id", "client identifier invalid")
        jwt.decode(
            assertion,
            _public_key(org),
            algorithms=["RS256"],
            # The org's clock decides, and what is said of the audience, below.
            options={"verify_exp": False, "verify_aud": False, "verify_iat": False},
        )
    except jwt.PyJWTError:
        raise _Refused("invalid_grant", "invalid assertion") from None
    allowed = {*_PUBLIC_AUDIENCES, context.instance_url()}
    if str(claims.get("aud", "")).rstrip("/") not in allowed | {
        f"{scheme}://{request.host}" for scheme in ("http", "https")
    }:
        raise _Refused("invalid_grant", "audience is invalid")
    left = float(claims.get("exp", 0)) - org.now().timestamp()
    if not -_SKEW < left <= _JWT_LIFE + _SKEW:
        raise _Refused("invalid_grant", "assertion is not valid")  # text: guess
    found = org.select("User", Username=str(claims.get("sub", "")))
    # The app is pre-authorised for the profiles that may manage users.
    if not found or not permissions.has(org, found[0]["Id"], "ManageUsers"):
        raise _Refused("invalid_grant", "user hasn't approved this consumer")
    _may_log_in(org, found[0])
    return str(found[0]["Id"])


def _public_key(org: Org) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(private_key(org).encode(), None).public_key()


def _may_log_in(org: Org, user: dict[str, Any]) -> None:
    status = logins.standing(org, user)
    if status in {logins.SUCCESS, logins.LOCKED}:  # no password is asked for: guess
        status = logins.by_limits(org, user, str(request.remote_addr))
    if status != logins.SUCCESS:
        log_in(org, user["Id"], status)
        raise _out(status)


def _out(status: str) -> _Refused:
    """The refusal for a status of LoginHistory: "user is locked" [V]; the others: guess.

    The two restrictions as remembered of the token endpoint [U].
    """
    texts = {
        logins.INACTIVE: "inactive user",
        logins.FROZEN: "user is frozen",
        logins.LOCKED: "user is locked",
        logins.BAD_ADDRESS: "ip restricted",
        logins.BAD_TIME: "login hours restricted",
    }
    return _Refused("invalid_grant", texts.get(status, "authentication failure"))


def _forbidden(given: str) -> Response:
    # platform reference 7 [U]; "Missing_OAuth_Token": identity URL documentation, remembered [U]
    text = "Bad_OAuth_Token" if given else "Missing_OAuth_Token"
    return Response(text, 403, content_type="text/plain")


def _granted(org: Org, user_id: str, kept: str | None) -> dict[str, str]:
    """The answer to a grant. `kept` is the refresh token that was shown, which stays good.

    Salesforce hands refresh tokens out in flows with a browser; here, where there is none, any
    user's flow gets one by asking for the scope `refresh_token` (guess).
    """
    wanted = request.form.get("scope", "").split()
    asks = request.form.get("grant_type") in {"password", _JWT_GRANT}
    with org.transaction():
        log_in(org, user_id, "Success")
        expired = passwords.is_expired(org, user_id)
        started = org.start_session(user_id, EXPIRED_KIND if expired else "API")
        made = None
        if asks and {"refresh_token", "offline_access"}.intersection(wanted):
            made = refresh_tokens.issue(org, user_id)
        if made or kept:
            refresh_tokens.remember(org, str(made or kept), started.token)
    url = f"{context.instance_url()}/id/{organization_id(org)}/{user_id}"
    issued = str(int(org.now().timestamp() * 1000))
    secret = (org.setting("consumer secret") or "").encode()
    signature = hmac.new(secret, (url + issued).encode(), hashlib.sha256).digest()
    return {
        "access_token": started.token,
        **({"refresh_token": made} if made else {}),
        "signature": base64.b64encode(signature).decode(),
        "scope": "api refresh_token" if made or kept else "api",
        "instance_url": context.instance_url(),
        "id": url,
        "token_type": "Bearer",
        "issued_at": issued,
    }


def organization_id(org: Org) -> str:
    """The id of the organisation, in 18 characters."""
    return str(org.execute('SELECT "Id" FROM "Organization"')[0][0])
