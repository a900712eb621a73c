"""OAuth as a connected app sees it: tokens, who the user is, revocation (platform reference 7)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from flask import Blueprint, Response, jsonify, request

from provisioner.emulator import context, passwords
from provisioner.emulator.rules import permissions
from provisioner.emulator.store import timestamp

if TYPE_CHECKING:
    from provisioner.emulator.store import Org

blueprint = Blueprint("auth", __name__)

_APPLICATION: Final = "provisioner"
_JWT_LIFE: Final = 180  # seconds; platform reference 7
_SKEW: Final = 30  # seconds a clock may differ: guess
_PUBLIC_AUDIENCES: Final = ("https://login.salesforce.com", "https://test.salesforce.com")


class _Refused(Exception):  # noqa: N818 - the OAuth word for it
    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.answer = {"error": error, "error_description": description}
        self.status = status


@blueprint.post("/services/oauth2/token")
def token() -> Response:
    """A token for one of the flows that a pipeline uses."""
    org = context.org()
    try:
        match request.form.get("grant_type"):
            case "client_credentials":
                _client(org)
                user_id = org.setting("run as") or ""
            case "password":
                _client(org)
                user_id = _by_password(org)
            case "urn:ietf:params:oauth:grant-type:jwt-bearer":
                user_id = _by_jwt(org)
            case _:
                raise _Refused("unsupported_grant_type", "grant type not supported")
    except _Refused as refused:
        response = jsonify(refused.answer)
        response.status_code = refused.status
    else:
        response = jsonify(_granted(org, user_id))
    response.headers["Cache-Control"] = "no-cache, no-store"
    return response


@blueprint.route("/services/oauth2/userinfo", methods=["GET", "POST"])
def userinfo() -> Response:
    """Who the token belongs to."""
    org = context.org()
    found = org.session(context.bearer_token() or "")
    if found is None:
        return Response("Bad_OAuth_Token", 403, content_type="text/plain")  # [U]
    return jsonify(_identity(org, found.user_id))


@blueprint.get("/id/<_organization>/<user_id>")
def identity(_organization: str, user_id: str) -> Response:
    """The identity URL of a token answer; only the token's own user is told."""
    org = context.org()
    found = org.session(context.bearer_token() or request.args.get("oauth_token", ""))
    if found is None or found.user_id != user_id:
        return Response("Bad_OAuth_Token", 403, content_type="text/plain")  # [U]
    return jsonify(_identity(org, user_id))


@blueprint.route("/services/oauth2/revoke", methods=["GET", "POST"])
def revoke() -> Response:
    """Ends the session of a token."""
    value = request.values.get("token", "")
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


def log_in(org: Org, user_id: str, status: str, *, login_type: str = "Remote Access 2.0") -> None:
    """Writes a row of LoginHistory; a success is also the user's last login."""
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
    if not passwords.matches(org, id_, request.form.get("password", "")):
        log_in(org, id_, "Invalid Password")
        raise _Refused("invalid_grant", "authentication failure")
    _may_log_in(org, user)
    return id_


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
    if not user["IsActive"]:
        log_in(org, user["Id"], "User is inactive")
        raise _Refused("invalid_grant", "inactive user")  # text: guess
    if any(login["IsFrozen"] for login in org.select("UserLogin", UserId=user["Id"])):
        log_in(org, user["Id"], "User is frozen")
        raise _Refused("invalid_grant", "user is frozen")  # text: guess


def _granted(org: Org, user_id: str) -> dict[str, str]:
    with org.transaction():
        log_in(org, user_id, "Success")
        started = org.start_session(user_id)
    url = f"{context.instance_url()}/id/{_organization_id(org)}/{user_id}"
    issued = str(int(org.now().timestamp() * 1000))
    secret = (org.setting("consumer secret") or "").encode()
    signature = hmac.new(secret, (url + issued).encode(), hashlib.sha256).digest()
    return {
        "access_token": started.token,
        "signature": base64.b64encode(signature).decode(),
        "scope": "api",
        "instance_url": context.instance_url(),
        "id": url,
        "token_type": "Bearer",
        "issued_at": issued,
    }


def _identity(org: Org, user_id: str) -> dict[str, Any]:
    user = org.get("User", user_id)
    assert user is not None, "users are never removed"
    here = context.instance_url()
    return {
        "sub": f"{here}/id/{_organization_id(org)}/{user_id}",
        "user_id": user_id,
        "organization_id": _organization_id(org),
        "preferred_username": user["Username"],
        "nickname": user["CommunityNickname"],
        "name": user["Name"],
        "email": user["Email"],
        "email_verified": True,
        "given_name": user["FirstName"],
        "family_name": user["LastName"],
        "zoneinfo": user["TimeZoneSidKey"],
        "urls": {
            "rest": f"{here}/services/data/v{{version}}/",
            "sobjects": f"{here}/services/data/v{{version}}/sobjects/",
            "query": f"{here}/services/data/v{{version}}/query/",
            "metadata": f"{here}/services/Soap/m/{{version}}/{_organization_id(org)}",
        },
        "active": user["IsActive"],
        "user_type": user["UserType"].upper(),
        "language": user["LanguageLocaleKey"],
        "locale": user["LocaleSidKey"],
        "utcOffset": 0,
        "updated_at": user["LastModifiedDate"],
    }


def _organization_id(org: Org) -> str:
    return str(org.execute('SELECT "Id" FROM "Organization"')[0][0])
