"""OAuth with a person in a browser: the web server and user-agent flows."""

import base64
import hashlib
import re
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
import pytest

from provisioner.emulator.access import owned_sets
from provisioner.emulator.login import passwords

HERE = "http://127.0.0.1:8787"
AUTHORIZE = f"{HERE}/services/oauth2/authorize"
TOKEN = f"{HERE}/services/oauth2/token"
CALLBACK = "http://localhost:1717/OauthRedirect"
VERIFIER = "a verifier of more than forty-three characters, chosen by the client"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


class Browser:
    """Follows redirects inside the org, and stops where an app is sent back to."""

    def __init__(self, session):
        self.session = session

    def go(self, method, url, **more):
        response = self.session.request(method, url, allow_redirects=False, **more)
        while response.status_code == 302:
            target = response.headers["Location"]
            target = f"{HERE}{target}" if target.startswith("/") else target
            if not target.startswith(HERE) or "/services/oauth2/success" in target:
                return target
            response = self.session.get(target, allow_redirects=False)
        return response

    def log_in(self, page, username, password):
        start = re.search(r'name="startURL" value="([^"]*)"', page.text)[1].replace("&amp;", "&")
        form = {"un": username, "pw": password, "startURL": start}
        return self.go("POST", f"{HERE}/", data=form)

    def press(self, page, button):
        action = re.search(r'<form method="post" action="([^"]+)"', page.text)[1]
        return self.go(
            "POST", f"{HERE}{action}", data={**dict(HIDDEN.findall(page.text)), button: button}
        )


@pytest.fixture
def key(local):
    return {"client_id": local.setting("consumer key")}


@pytest.fixture
def app(local, key):
    return {**key, "client_secret": local.setting("consumer secret")}


@pytest.fixture
def browser(anonymous):
    return Browser(anonymous.session)


@pytest.fixture
def people(local, admin):
    passwords.keep(local, admin, "secret123", expired=False)
    return "portal.admin@acme.example", "secret123"


@pytest.fixture
def approved(browser, key, people):
    """Logs in, approves, and returns what the app is told."""

    def approved(**more):
        asked = {"response_type": "code", "redirect_uri": CALLBACK, **key, **more}
        page = browser.go("GET", AUTHORIZE, params=asked)
        if isinstance(page, str):  # logged in and approved before
            return page
        return browser.press(browser.log_in(page, *people), "oaapprove")

    return approved


def exchange(browser, **form):
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, **form}
    response = browser.session.post(TOKEN, data=form)
    return response.status_code, response.json()


def answer(url):
    """What an app gets: the query of the address it is sent back to."""
    return dict(parse_qsl(urlsplit(url).query))


def test_a_person_logs_in_and_approves(browser, anonymous, app, key, people):
    asked = {"response_type": "code", "redirect_uri": CALLBACK, "state": "x y", **key}
    page = browser.go("GET", AUTHORIZE, params=asked)
    assert 'id="login_form"' in page.text
    page = browser.log_in(page, *people)
    assert 'id="oaapprove"' in page.text
    assert "portal.admin@acme.example" in page.text
    url = browser.press(page, "oaapprove")
    assert url.startswith(f"{CALLBACK}?")
    told = answer(url)
    assert told.keys() == {"code", "state"}
    assert told["state"] == "x y"
    status, body = exchange(browser, code=told["code"], **app)
    assert (status, body["scope"]) == (200, "refresh_token web api")
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert anonymous("GET", "/limits", headers=headers)[0] == 200
    again = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"], **app}
    renewed = browser.session.post(TOKEN, data=again).json()
    assert renewed["scope"] == "refresh_token web api"
    assert "refresh_token" not in renewed


def test_who_approved_before_is_not_asked_again(browser, approved, key):
    assert "code=" in approved()
    asked = {"response_type": "code", "redirect_uri": CALLBACK, **key}
    assert "code=" in browser.go("GET", AUTHORIZE, params=asked)
    assert "oaapprove" in browser.go("GET", AUTHORIZE, params={**asked, "prompt": "consent"}).text
    assert "oaapprove" in browser.go("GET", AUTHORIZE, params={**asked, "scope": "full"}).text
    assert "login_form" in browser.go("GET", AUTHORIZE, params={**asked, "prompt": "login"}).text


def test_a_person_says_no(browser, key, people):
    asked = {"response_type": "code", "redirect_uri": CALLBACK, "state": "s", **key}
    page = browser.log_in(browser.go("GET", AUTHORIZE, params=asked), *people)
    told = answer(browser.press(page, "oadeny"))
    assert told == {
        "error": "access_denied",
        "error_description": "end-user denied authorization",
        "state": "s",
    }


def test_a_code_is_good_once_and_for_its_address(browser, approved, app):
    code = answer(approved())["code"]
    other = exchange(browser, code=code, **{**app, "redirect_uri": f"{CALLBACK}/"})
    assert other == (400, {"error": "redirect_uri_mismatch",
                           "error_description": "redirect_uri must match configuration"})  # fmt: skip
    again = exchange(browser, code=code, **app)
    assert again == (400, {"error": "invalid_grant",
                           "error_description": "expired authorization code"})  # fmt: skip
    unknown = exchange(browser, code="aPrx", **app)
    assert unknown[1]["error_description"] == "invalid authorization code"
    code = answer(approved())["code"]
    wrong = exchange(browser, code=code, **{**app, "client_secret": "wrong"})
    assert wrong[1]["error"] == "invalid_client"
    assert exchange(browser, code=code, **app)[0] == 200


def test_the_verifier_must_be_the_one_of_the_challenge(browser, approved, app):
    for verifier, status in ((None, 400), ("another", 400), (VERIFIER, 200)):
        told = answer(approved(code_challenge=CHALLENGE.decode(), code_challenge_method="S256"))
        sent = {} if verifier is None else {"code_verifier": verifier}
        found, body = exchange(browser, code=told["code"], **app, **sent)
        assert found == status, body
        if status == 400:
            assert body == {"error": "invalid_grant", "error_description": "invalid code verifier"}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "unknown"}, "invalid_client_id"),
        ({"redirect_uri": "https://evil.example/"}, "redirect_uri_mismatch"),
        ({"redirect_uri": ""}, "redirect_uri_missing"),
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_the_apps(browser, key, changed, error):
    asked = {"response_type": "code", "redirect_uri": CALLBACK, **key, **changed}
    page = browser.go("GET", AUTHORIZE, params=asked)
    assert page.status_code == 400
    assert page.text.startswith(f"error={error}&error_description=")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "nope"}, "unsupported_response_type"),
        ({"scope": "api nope"}, "invalid_scope"),
        ({"code_challenge": "x", "code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none"}, "immediate_unsuccessful"),
    ],
)
def test_the_app_is_told_what_it_asked_wrongly(browser, key, changed, error):
    asked = {"response_type": "code", "redirect_uri": CALLBACK, "state": "s", **key, **changed}
    told = answer(browser.go("GET", AUTHORIZE, params=asked))
    assert (told["error"], told["state"]) == (error, "s")


def test_the_user_agent_flow_tells_behind_the_hash(anonymous, approved):
    url = approved(response_type="token", state="s")
    told = {name: value for name, (value,) in parse_qs(urlsplit(url).fragment).items()}
    assert told["state"] == "s"
    assert {"access_token", "refresh_token", "instance_url", "id", "signature"} <= told.keys()
    headers = {"Authorization": f"Bearer {told['access_token']}"}
    assert anonymous("GET", "/limits", headers=headers)[0] == 200


def test_an_id_token_is_signed_by_the_published_key(browser, approved, app):
    code = answer(approved(scope="openid api", nonce="n"))["code"]
    _, body = exchange(browser, code=code, **app)
    assert "refresh_token" not in body
    found = browser.session.get(f"{HERE}/.well-known/openid-configuration").json()
    (jwk,) = browser.session.get(found["jwks_uri"]).json()["keys"]
    claims = jwt.decode(
        body["id_token"],
        jwt.PyJWK(jwk).key,
        algorithms=["RS256"],
        audience=app["client_id"],
        issuer=found["issuer"],
    )
    assert (claims["sub"], claims["nonce"]) == (body["id"], "n")


def test_other_addresses_are_added_by_the_controls(browser, anonymous, approved):
    mine = "https://app.example/callback"
    url = f"{HERE}/emulator/options"
    assert anonymous("PATCH", url, {"CallbackUrls": [mine]})[1]["CallbackUrls"] == [mine]
    assert approved(redirect_uri=mine).startswith(f"{mine}?code=")


def test_a_form_without_its_token_approves_nothing(browser, key, people):
    asked = {"response_type": "code", "redirect_uri": CALLBACK, **key}
    page = browser.log_in(browser.go("GET", AUTHORIZE, params=asked), *people)
    sent = dict(HIDDEN.findall(page.text)) | {"_CONFIRMATIONTOKEN": "forged", "oaapprove": "Allow"}
    action = re.search(r'action="([^"]+)"', page.text)[1]
    refused = browser.go("POST", f"{HERE}{action}", data=sent)
    assert "can&#39;t be confirmed" in refused.text


def test_who_approved_may_be_acted_for_by_a_signed_assertion(local, admin, browser, approved, key):
    """An earlier approval with a refresh token lets the JWT flow in (fact 622)."""
    from provisioner.emulator.oauth import codes, keys

    (profile,) = local.find("Profile", Name="Standard User")
    user = owned_sets.insert_user(
        local,
        {"Username": "jo@acme.example", "LastName": "Jo", "ProfileId": profile, "IsActive": True},
        by=admin,
    )

    def asked():
        claims = {
            "iss": key["client_id"],
            "sub": "jo@acme.example",
            "aud": "https://login.salesforce.com",
            "exp": int(local.now().timestamp()) + 60,
        }
        assertion = jwt.encode(claims, keys.private_key(local), algorithm="RS256")
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": assertion,
        }
        return browser.session.post(TOKEN, data=form).json()

    assert asked()["error_description"] == "user hasn't approved this consumer"
    codes.approve(local, user, "api refresh_token")
    assert asked()["id"].endswith(user)


def test_a_token_opens_a_browser_once(browser, anonymous, local, admin):
    token = local.start_session(admin).token
    url = f"{HERE}/services/oauth2/singleaccess"
    target = "/_ui/core/portal/CustomerSuccessPortalSetup/e"
    headers = {"Authorization": f"Bearer {token}"}
    found = browser.session.get(url, params={"redirect_uri": target}, headers=headers).json()
    assert found["frontdoor_uri"].startswith(f"{HERE}/secur/frontdoor.jsp?otp=")
    assert 'id="penabled"' in browser.go("GET", found["frontdoor_uri"]).text
    browser.session.cookies.clear()
    assert 'id="login_form"' in browser.go("GET", found["frontdoor_uri"]).text
    refused = browser.session.get(url, headers={"Authorization": "Bearer nonsense"})
    assert (refused.status_code, refused.text) == (403, "Bad_OAuth_Token")
