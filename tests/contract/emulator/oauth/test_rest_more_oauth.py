"""OAuth beyond the first token: refreshing, introspection, revocation, expiry, wrong requests."""

import re
import time
from datetime import timedelta
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import jwt
import pytest

from provisioner.emulator.access import owned_sets
from provisioner.emulator.login import passwords
from provisioner.emulator.oauth import keys

HERE = "http://127.0.0.1:8787/services/oauth2"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ADMIN = "portal.admin@acme.example"


@pytest.fixture
def app(local):
    return {
        "client_id": local.setting("consumer key"),
        "client_secret": local.setting("consumer secret"),
    }


@pytest.fixture
def ask(anonymous, app):
    def post(path, **form):
        answer = anonymous.session.post(f"{HERE}/{path}", data=app | form)
        return answer.status_code, answer.json() if answer.content else None

    return post


@pytest.fixture
def granted(ask, local):
    form = {"username": ADMIN, "password": local.setting("admin password")}
    return ask("token", grant_type="password", scope="api refresh_token", **form)[1]


def test_a_refresh_token_is_good_until_revoked(ask, local, granted, anonymous):
    first = granted["refresh_token"]
    status, again = ask("token", grant_type="refresh_token", refresh_token=first)
    assert (status, again["scope"]) == (200, "api refresh_token")
    assert "refresh_token" not in again
    assert local.session(again["access_token"]).user_id == granted["id"][-18:]
    assert ask("revoke", token=first) == (200, None)
    assert local.session(again["access_token"]) is None
    assert local.session(granted["access_token"]) is None
    assert ask("token", grant_type="refresh_token", refresh_token=first) == (
        400, {"error": "invalid_grant", "error_description": "expired access/refresh token"},
    )  # fmt: skip


def test_revoking_an_access_token_leaves_the_refresh_token(ask, granted):
    assert ask("revoke", token=granted["access_token"])[0] == 200
    form = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
    assert ask("token", **form)[0] == 200
    assert ask("token", **form, client_secret="wrong")[1]["error"] == "invalid_client"


def test_an_assertion_may_ask_for_one_too(ask, local):
    claims = {"iss": local.setting("consumer key"), "sub": ADMIN,
              "aud": "https://login.salesforce.com", "exp": int(time.time()) + 60}  # fmt: skip
    signed = jwt.encode(claims, keys.private_key(local), algorithm="RS256")
    status, body = ask("token", grant_type=JWT, assertion=signed, scope="offline_access")
    assert status == 200
    assert body["refresh_token"].startswith("5Aep")


def test_without_the_scope_there_is_none(ask, local):
    form = {"username": ADMIN, "password": local.setting("admin password")}
    assert "refresh_token" not in ask("token", grant_type="password", **form)[1]
    assert "refresh_token" not in ask("token", grant_type="client_credentials")[1]


def test_introspection(ask, local, granted):
    status, body = ask("introspect", token=granted["access_token"])
    assert (status, body["active"], body["username"]) == (200, True, ADMIN)
    assert body["exp"] - local.now().timestamp() == pytest.approx(7200, abs=60)
    assert ask("introspect", token=granted["refresh_token"])[1]["token_type"] == "refresh_token"
    assert ask("introspect", token="nonsense") == (200, {"active": False})
    assert ask("introspect", token="x", client_secret="wrong")[0] == 401


def test_a_session_ends_after_two_hours(anonymous, local, granted):
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    local.set_clock(local.now() + timedelta(minutes=119))
    assert anonymous("GET", "/limits", headers=headers)[0] == 200
    local.set_clock(local.now() + timedelta(minutes=2))
    assert anonymous.refusal("GET", "/limits", headers=headers)[:2] == (401, "INVALID_SESSION_ID")


def test_wrong_requests(anonymous, app):
    for method in ("GET", "PUT", "DELETE"):
        answer = anonymous.session.request(method, f"{HERE}/token", params=app)
        assert (answer.status_code, answer.json()) == (
            400, {"error": "invalid_request", "error_description": "must use HTTP POST"},
        )  # fmt: skip
    answer = anonymous.session.post(f"{HERE}/token", json={**app, "grant_type": "password"})
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_the_identity_url(anonymous, local, granted):
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    assert anonymous("GET", granted["id"], headers=headers)[1]["active"] is True
    other = re.sub(r"/id/00D\w{12}", "/id/00DLo0000000009", granted["id"])
    for url, given, text in (
        (granted["id"], {}, "Missing_OAuth_Token"),
        (granted["id"], {"Authorization": "Bearer nonsense"}, "Bad_OAuth_Token"),
        (other, headers, "Wrong_Org"),
        (f"{HERE}/userinfo", {"Authorization": "Bearer nonsense"}, "Bad_OAuth_Token"),
    ):
        answer = anonymous.session.get(url, headers=given)
        assert (answer.status_code, answer.text) == (403, text)


def test_ten_wrong_passwords_lock_out_here_too(ask, local):
    form = {"grant_type": "password", "username": ADMIN}
    for _ in range(10):
        assert ask("token", **form, password="wrong")[1]["error_description"] == (
            "authentication failure"
        )
    right = ask("token", **form, password=local.setting("admin password"))
    assert right == (400, {"error": "invalid_grant", "error_description": "user is locked"})


def test_a_token_got_with_an_expired_password_is_good_for_nothing_else(
    ask, anonymous, local, admin
):
    passwords.keep(local, admin, "temporary1", expired=True)
    form = {"grant_type": "password", "username": ADMIN, "password": "temporary1"}
    token = ask("token", **form)[1]["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert anonymous.refusal("GET", "/limits", headers=headers)[1] == (
        "INVALID_OPERATION_WITH_EXPIRED_PASSWORD"
    )


def test_the_user_that_the_app_runs_as_must_be_let_in(ask, local, admin):
    values = {"Username": "run@acme.example", "LastName": "Run", "IsActive": True}
    run = owned_sets.insert_user(local, values, by=admin)
    local.put_setting("run as", run)
    assert ask("token", grant_type="client_credentials")[0] == 200
    local.update("User", run, {"IsActive": False}, by=admin)
    assert ask("token", grant_type="client_credentials") == (
        400, {"error": "invalid_grant", "error_description": "inactive user"},
    )  # fmt: skip


def test_a_token_comes_in_the_format_that_is_asked_for(anonymous, app):
    def got(headers=None, **more):
        form = app | {"grant_type": "client_credentials"} | more
        answer = anonymous.session.post(f"{HERE}/token", data=form, headers=headers)
        return answer.status_code, answer.headers["Content-Type"], answer.text

    status, kind, text = got()
    assert (status, kind, text[:16]) == (200, "application/json;charset=UTF-8", '{"access_token":')
    for asked in ({"format": "xml"}, {"headers": {"Accept": "application/xml"}}):
        status, kind, text = got(**asked)
        assert (status, kind) == (200, "application/xml;charset=UTF-8")
        assert ET.fromstring(text.encode()).findtext("token_type") == "Bearer"
    status, kind, text = got(format="urlencoded")
    assert (status, dict(parse_qsl(text))["token_type"]) == (200, "Bearer")
    status, _, text = got(format="xml", client_secret="wrong")
    assert (status, ET.fromstring(text.encode()).findtext("error")) == (400, "invalid_client")
