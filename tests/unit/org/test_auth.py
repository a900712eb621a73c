"""Logging in: what each flow sends, and what is said when it fails."""

from __future__ import annotations

import json
import subprocess
import time
from urllib.parse import parse_qsl

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from provisioner.model.credentials import (
    AccessToken,
    ClientCredentials,
    Jwt,
    SfCli,
    UsernamePassword,
)
from provisioner.model.operations import Describe
from provisioner.model.resource import Secret
from provisioner.org.auth import connect
from provisioner.org.errors import AuthenticationFailed, NoAnswer, NotAllowed, NotSent

URL = "https://acme.my.salesforce.com"
TOKEN = "/services/oauth2/token"
GRANTED = (200, {"access_token": "00Dnew", "instance_url": URL, "token_type": "Bearer"})
REDACTED = "[REDACTED] Use 'sf org auth show-access-token' to view"


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def jwt_login(key):
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    audience = "https://login.salesforce.com"
    return Jwt(URL, "3MVG9", "deploy@acme.example", Secret(pem.decode()), audience)


def form(script):
    return dict(parse_qsl(script.requests[0].body))


def used(script, org):
    """The token that the org is asked with."""
    script.answers.append((200, {"name": "User", "fields": []}))
    org.read(Describe("User"))
    return script.requests[-1].headers["Authorization"]


def test_an_access_token_needs_no_login(script, session):
    org = connect(AccessToken(f"{URL}/", Secret("00Dgiven\n")), session=session)
    assert org.instance_url == URL
    assert script.sent == []
    assert used(script, org) == "Bearer 00Dgiven"


@pytest.mark.parametrize("token", ["", "two words", "bad\ntoken"])
def test_what_can_be_no_token_is_refused_unseen(session, token):
    with pytest.raises(AuthenticationFailed, match="the access token is empty") as caught:
        connect(AccessToken(URL, Secret(token)), session=session)
    assert caught.value.__cause__ is None


def test_a_jwt_is_signed_for_three_minutes_at_most(script, session, jwt_login, key):
    script.answers = [GRANTED]
    org = connect(jwt_login, session=session)
    sent = form(script)
    assert script.sent == [("POST", TOKEN)]
    assert sent["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(
        sent["assertion"],
        key.public_key(),
        algorithms=["RS256"],
        audience="https://login.salesforce.com",
    )
    assert (claims["iss"], claims["sub"]) == ("3MVG9", "deploy@acme.example")
    assert 170 < claims["exp"] - time.time() <= 180
    assert used(script, org) == "Bearer 00Dnew"


def test_a_key_that_is_none_is_told_without_being_shown(session):
    login = Jwt(URL, "3MVG9", "deploy@acme.example", Secret("not a key"), URL)
    with pytest.raises(AuthenticationFailed, match="private key") as caught:
        connect(login, session=session)
    assert "PEM" in (caught.value.remedy or "")


def test_client_credentials_go_in_the_form(script, session):
    script.answers = [GRANTED]
    connect(ClientCredentials(URL, "3MVG9", Secret("s3cret")), session=session)
    assert form(script) == {
        "grant_type": "client_credentials",
        "client_id": "3MVG9",
        "client_secret": "s3cret",
    }


@pytest.mark.parametrize("host", ["login.salesforce.com", "test.salesforce.com"])
def test_client_credentials_are_only_for_a_my_domain(session, script, host):
    with pytest.raises(AuthenticationFailed, match="does not take client credentials") as caught:
        connect(ClientCredentials(f"https://{host}", "3MVG9", Secret("x")), session=session)
    assert "My Domain" in (caught.value.remedy or "")


def test_a_password_login_sends_user_and_app(script, session):
    script.answers = [GRANTED]
    login = UsernamePassword(URL, "3MVG9", Secret("s3cret"), "ann@acme.example", Secret("pwTOKEN"))
    connect(login, session=session)
    assert form(script) == {
        "grant_type": "password",
        "client_id": "3MVG9",
        "client_secret": "s3cret",
        "username": "ann@acme.example",
        "password": "pwTOKEN",
    }


LOGIN = ClientCredentials(URL, "3MVG9", Secret("s3cret"))


@pytest.mark.parametrize(
    ("error", "description", "remedy"),
    [
        ("invalid_grant", "user hasn't approved this consumer", "pre-authorize"),
        ("invalid_grant", "authentication failure", "check username"),
        ("invalid_grant", "audience is invalid", "set the audience"),
        ("invalid_client_id", "client identifier invalid", "consumer key"),
        ("invalid_client", "invalid client credentials", "consumer secret"),
        ("unsupported_grant_type", "grant type not supported", "enable this flow"),
    ],
)
def test_a_refused_login_says_what_salesforce_said_and_what_helps(
    script, session, error, description, remedy
):
    script.answers = [(400, {"error": error, "error_description": description})]
    with pytest.raises(AuthenticationFailed) as caught:
        connect(LOGIN, session=session)
    said = f"`acme.my.salesforce.com` refused the login: {error} ({description})"
    assert str(caught.value) == said
    assert caught.value.code == error
    assert remedy in (caught.value.remedy or "")


def test_an_unheard_of_error_has_no_remedy(script, session):
    script.answers = [(400, {"error": "odd", "error_description": None})]
    with pytest.raises(AuthenticationFailed, match=r"refused the login: odd$") as caught:
        connect(LOGIN, session=session)
    assert caught.value.remedy is None


def test_used_up_calls_stop_a_login_too(script, session):
    limit = {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
    script.answers = [(403, [limit])]
    with pytest.raises(NotAllowed, match="REQUEST_LIMIT_EXCEEDED"):
        connect(LOGIN, session=session)


@pytest.mark.parametrize("body", [{"access_token": "00D"}, ["x"], {}])
def test_an_answer_without_token_or_address_is_no_login(script, session, body):
    script.answers = [(200, body)]
    with pytest.raises(AuthenticationFailed, match="without a token"):
        connect(LOGIN, session=session)


@pytest.mark.parametrize("body", ["<html>Maintenance</html>", ""])
def test_a_web_page_in_answer_to_a_login_is_no_crash(script, session, body, monkeypatch):
    monkeypatch.setattr("provisioner.org.transport._FIRST_WAIT", 0)
    script.answers = [(503, body)] * 4
    with pytest.raises(NoAnswer, match=r"acme\.my\.salesforce\.com.*\(503\)"):
        connect(LOGIN, session=session)


def test_a_host_that_is_not_there_is_named(script, session, monkeypatch):
    monkeypatch.setattr("provisioner.org.transport._RETRIES", 0)
    script.answers = [requests.ConnectTimeout("no")]
    with pytest.raises(NotSent, match=r"acme\.my\.salesforce\.com"):
        connect(LOGIN, session=session)


# ---------------------------------------------------------------- the Salesforce CLI


class Cli:
    """The `sf` command: prints what it is told for `org display` and `org auth`."""

    def __init__(self, display, token=None):
        self.answers = {"display": display, "auth": token}
        self.commands = []

    def __call__(self, command, **options):
        assert options["timeout"]
        self.commands.append(command)
        answer = self.answers[command[2]]
        if isinstance(answer, Exception):
            raise answer
        status, stdout = answer
        return subprocess.CompletedProcess(command, status, stdout, "")


def printed(**result):
    return 0, json.dumps({"status": 0, "result": result, "warnings": []})


def test_the_cli_lends_its_login(script, session):
    shown = printed(instanceUrl=URL, accessToken=REDACTED, username="ann@acme.example")
    cli = Cli(shown, printed(accessToken="00Dcli"))
    org = connect(SfCli("acme-prod"), session=session, run=cli)
    assert (org.instance_url, used(script, org)) == (URL, "Bearer 00Dcli")
    assert [" ".join(command) for command in cli.commands] == [
        "sf org display --target-org acme-prod --json",
        "sf org auth show-access-token --target-org acme-prod --json --no-prompt",
    ]


def test_an_old_cli_shows_the_token_at_once(script, session):
    status, text = printed(instanceUrl=URL, accessToken="00Dold")
    cli = Cli((status, f"Warning: @salesforce/cli update available\n{text}"))
    org = connect(SfCli("acme-prod"), session=session, run=cli)
    assert used(script, org) == "Bearer 00Dold"
    assert len(cli.commands) == 1


NO_ORG = {
    "status": 1,
    "name": "NamedOrgNotFoundError",
    "message": "No authorization information found\nfor acme-prod.",
}


@pytest.mark.parametrize(
    ("display", "token", "message", "remedy"),
    [
        (FileNotFoundError("sf"), None, "is not installed, or not on the PATH", "install it"),
        (PermissionError("sf"), None, "cannot be started", None),
        (
            (1, json.dumps(NO_ORG)),
            None,
            "No authorization information found for acme-prod.",
            "sf org login web --alias acme-prod",
        ),
        ((0, "Segmentation fault"), None, "status 0 and no JSON", "run it by hand"),
        ((0, "[]"), None, "and no JSON", "run it by hand"),
        ((0, '{"a":' * 100_000), None, "and no JSON", "run it by hand"),
        ((2, ""), None, "status 2 and no JSON", "run it by hand"),
        (
            subprocess.TimeoutExpired("sf", 90, output=b"00Dsecret"),
            None,
            "`sf org display` did not end in 90 seconds",
            "waits for",
        ),
        (
            printed(instanceUrl=URL, accessToken=REDACTED),
            printed(accessToken=REDACTED),
            "did not tell the address and the token",
            "sf update",
        ),
        (printed(accessToken="00D"), None, "did not tell the address", "sf update"),
        (
            printed(instanceUrl=URL, accessToken=REDACTED),
            (127, "show-access-token is not a sf command"),
            "`sf org auth show-access-token` ended with status 127",
            "sf update",
        ),
    ],
)
def test_a_cli_that_can_not_help_says_why(session, display, token, message, remedy):
    with pytest.raises(AuthenticationFailed) as caught:
        connect(SfCli("acme-prod"), session=session, run=Cli(display, token))
    error = caught.value
    assert message in str(error)
    assert remedy is None or remedy in (error.remedy or "")
    assert "00Dsecret" not in str(error)
    assert not isinstance(error.__cause__, subprocess.TimeoutExpired)
