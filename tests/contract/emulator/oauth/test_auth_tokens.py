"""Logging in as a pipeline does (fact 620)."""

import base64
import time

import jwt
import pytest

from provisioner.emulator.access import owned_sets
from provisioner.emulator.login import passwords
from provisioner.emulator.oauth import keys

TOKEN = "http://127.0.0.1:8787/services/oauth2/token"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture
def app(local):
    return {
        "client_id": local.setting("consumer key"),
        "client_secret": local.setting("consumer secret"),
    }


def ask(anonymous, **form):
    headers = form.pop("headers", {})
    response = anonymous.session.post(TOKEN, data=form, headers=headers)
    return response.status_code, response.json()


def assertion(local, key=None, **claims):
    claims = {
        "iss": local.setting("consumer key"),
        "sub": "portal.admin@acme.example",
        "aud": "https://login.salesforce.com",
        "exp": int(time.time()) + 120,
    } | claims
    return jwt.encode(claims, key or keys.private_key(local), algorithm="RS256")


def test_client_credentials(anonymous, app, local):
    status, body = ask(anonymous, grant_type="client_credentials", **app)
    assert status == 200
    assert body.keys() == {
        "access_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at",
    }  # fmt: skip
    organization = local.select("Organization")[0]["Id"][:15]
    assert body["access_token"].startswith(f"{organization}!AQ")
    assert body["instance_url"] == "http://127.0.0.1:8787"
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert anonymous("GET", "/limits", headers=headers)[0] == 200
    assert anonymous("GET", body["id"], headers=headers)[1]["user_id"] == body["id"][-18:]
    pair = f"{app['client_id']}:{app['client_secret']}".encode()
    basic = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    assert ask(anonymous, grant_type="client_credentials", headers=basic)[0] == 200


@pytest.mark.parametrize("host", ["login.salesforce.com", "test.salesforce.com"])
def test_client_credentials_are_for_a_my_domain(anonymous, app, host):
    answer = ask(anonymous, grant_type="client_credentials", headers={"Host": host}, **app)
    assert answer == (400, {"error": "invalid_grant",
                            "error_description": "request not supported on this domain"})  # fmt: skip


def test_a_login_is_on_record(anonymous, app, rest, admin):
    ask(anonymous, grant_type="client_credentials", **app)
    assert rest.rows("SELECT UserId, Status, LoginType, Application FROM LoginHistory") == [
        {
            "UserId": admin,
            "Status": "Success",
            "LoginType": "Remote Access 2.0",
            "Application": "provisioner",
        }
    ]
    assert rest.rows("SELECT LastLoginDate FROM User")[0]["LastLoginDate"] is not None


def test_username_and_password(anonymous, app, local, rest):
    form = {"grant_type": "password", **app, "username": "Portal.Admin@acme.example"}
    assert ask(anonymous, **form, password=local.setting("admin password"))[0] == 200
    assert ask(anonymous, **form, password="wrong") == (
        400, {"error": "invalid_grant", "error_description": "authentication failure"},
    )  # fmt: skip
    statuses = rest.rows("SELECT Status FROM LoginHistory")
    assert [row["Status"] for row in statuses] == ["Success", "Invalid password"]


def test_a_signed_assertion(anonymous, local):
    status, body = ask(anonymous, grant_type=JWT, assertion=assertion(local))
    assert (status, body["token_type"]) == (200, "Bearer")
    here = assertion(local, aud="http://127.0.0.1:8787")
    assert ask(anonymous, grant_type=JWT, assertion=here)[0] == 200


def test_an_assertion_of_the_salesforce_cli(anonymous, local):
    """It gives milliseconds where seconds are due, and is let in all the same."""
    late = assertion(local, exp=int(time.time() * 1000) + 300)
    assert ask(anonymous, grant_type=JWT, assertion=late)[0] == 200


@pytest.mark.parametrize(
    ("claims", "error", "description"),
    [
        ({"iss": "nobody"}, "invalid_client_id", "client identifier invalid"),
        ({"sub": "nobody@acme.example"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"aud": "https://example.com"}, "invalid_grant", "audience is invalid"),
        ({"exp": 1_000_000}, "invalid_grant", "expired authorization code"),
        ({"exp": "soon"}, "invalid_grant", "assertion is not valid"),
    ],
)
def test_a_wrong_assertion(anonymous, local, claims, error, description):
    assert ask(anonymous, grant_type=JWT, assertion=assertion(local, **claims)) == (
        400, {"error": error, "error_description": description},
    )  # fmt: skip


def test_an_assertion_signed_by_another_key(anonymous, local):
    from cryptography.hazmat.primitives.asymmetric import rsa

    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    keys.private_key(local)
    assert ask(anonymous, grant_type=JWT, assertion=assertion(local, key=other))[1] == {
        "error": "invalid_grant", "error_description": "invalid assertion",
    }  # fmt: skip
    assert ask(anonymous, grant_type=JWT, assertion="nonsense")[0] == 400


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "client_id": "x"}, "invalid_client_id"),
        ({"grant_type": "client_credentials", "client_secret": "x"}, "invalid_client"),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_client(anonymous, app, form, error):
    status, body = ask(anonymous, **{**app, **form})
    assert (status, body["error"]) == (400, error)


def test_who_am_i_and_goodbye(anonymous, rest, local):
    here = "http://127.0.0.1:8787/services/oauth2"
    status, body = rest("GET", f"{here}/userinfo")
    assert (status, body["preferred_username"], body["user_type"]) == (
        200, "portal.admin@acme.example", "STANDARD",
    )  # fmt: skip
    token = rest.session.headers["Authorization"].removeprefix("Bearer ")
    assert rest.session.post(f"{here}/revoke", data={"token": token}).status_code == 200
    assert local.session(token) is None
    gone = rest.send("GET", f"{here}/userinfo")
    assert (gone.status_code, gone.text) == (403, "Bad_OAuth_Token")
    assert rest.session.post(f"{here}/revoke", data={"token": token}).status_code == 400


def test_an_inactive_user_does_not_get_in(anonymous, app, local, admin):
    values = {"Username": "x@acme.example", "LastName": "X", "IsActive": False}
    idle = owned_sets.insert_user(local, values, by=admin)
    passwords.keep(local, idle, "secret99", expired=False)
    form = {"grant_type": "password", **app, "username": "x@acme.example", "password": "secret99"}
    assert ask(anonymous, **form)[1]["error"] == "invalid_grant"
    (row,) = local.select("LoginHistory", UserId=idle)
    assert row["Status"] == "User is inactive"


IDENTITY = (
    "id asserted_user user_id organization_id username nick_name display_name email email_verified"
    " first_name last_name timezone photos addr_street addr_city addr_state addr_country addr_zip"
    " mobile_phone mobile_phone_verified is_lightning_login_user status urls active user_type"
    " language locale utcOffset last_modified_date is_app_installed"
)
USERINFO = (
    "sub user_id organization_id preferred_username nickname name email email_verified given_name"
    " family_name zoneinfo photos profile picture address urls active user_type language locale"
    " utcOffset updated_at is_app_installed"
)


def test_the_identity_url_and_userinfo_tell_who_it_is(anonymous, app, local, admin):
    _, granted = ask(anonymous, grant_type="client_credentials", **app)
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    local.update("User", admin, {"TimeZoneSidKey": "America/Los_Angeles"}, by=admin)
    told = anonymous("GET", granted["id"], headers=headers)[1]
    assert " ".join(told) == IDENTITY
    here = "http://127.0.0.1:8787"
    organization = granted["id"].split("/")[-2]
    assert (told["id"], told["username"]) == (granted["id"], "portal.admin@acme.example")
    assert (told["user_type"], told["utcOffset"]) == ("STANDARD", -28800000)
    assert told["urls"]["partner"] == f"{here}/services/Soap/u/{{version}}/{organization[:15]}"
    assert told["urls"]["custom_domain"] == here
    known = anonymous("GET", f"{here}/services/oauth2/userinfo", headers=headers)[1]
    assert " ".join(known) == USERINFO
    assert (known["sub"], known["preferred_username"]) == (told["id"], told["username"])
    assert known["urls"] == told["urls"]


def test_a_session_of_a_portal_is_not_for_the_rest_api(rest, local, admin):
    token = local.start_session(admin, "Portal").token
    headers = {"Authorization": f"Bearer {token}"}
    assert rest.refusal("GET", "/limits", headers=headers) == (
        401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API", None,
    )  # fmt: skip
