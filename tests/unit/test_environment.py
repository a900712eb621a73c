"""An environment file says where to log in; its secrets come from elsewhere."""

from __future__ import annotations

import pytest

from provisioner import environment, source
from provisioner.diagnostics import Diagnostic, DiagnosticError, Span
from provisioner.environment import (
    AccessToken,
    ClientCredentials,
    Environment,
    Jwt,
    Local,
    Password,
    Policy,
    SfCli,
)
from provisioner.resource import Address, Secret, Spec

FILES = {"key.pem": "-----BEGIN\n-----END\n", "empty": "\n"}
ENVIRON = {"TOKEN": "t0ken", "SECRET": "s3cret", "EMPTY": "", "KEY": "c0nsumer"}
WHERE = "set it where the command runs; it never stands in the repository"


def read_file(path):
    if path == "binary":
        return b"\xff".decode()
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


def parse(text):
    document = source.parse(text, "specs/acme/environments/production.yaml")
    return environment.parse(document, ENVIRON, read_file)


@pytest.mark.parametrize(
    ("org", "login"),
    [
        ("{login: local}", Local()),
        (
            "{login: access_token, instance_url: https://a.b, token: {env: TOKEN}}",
            AccessToken("https://a.b", Secret("t0ken")),
        ),
        (
            (
                "{login: jwt, username: u, private_key: {file: key.pem},"
                " consumer_key: '{{ env.KEY }}'}"
            ),
            Jwt(
                "https://login.salesforce.com",
                "c0nsumer",
                "u",
                Secret("-----BEGIN\n-----END"),
                "https://login.salesforce.com",
            ),
        ),
        (
            (
                "{login: jwt, login_url: https://a.b, audience: https://c.d, consumer_key: k,"
                " username: u, private_key: {env: SECRET}}"
            ),
            Jwt("https://a.b", "k", "u", Secret("s3cret"), "https://c.d"),
        ),
        (
            (
                "{login: client_credentials, login_url: https://a.b, consumer_key: k,"
                " consumer_secret: {env: SECRET}}"
            ),
            ClientCredentials("https://a.b", "k", Secret("s3cret")),
        ),
        (
            (
                "{login: password, consumer_key: k, consumer_secret: {env: SECRET}, username: u,"
                " password: {env: TOKEN}}"
            ),
            Password("https://login.salesforce.com", "k", Secret("s3cret"), "u", Secret("t0ken")),
        ),
        ("{login: sf_cli, target_org: acme}", SfCli("acme")),
    ],
)
def test_each_login_has_its_fields(org, login):
    text = f"env: [{{name: KEY, plain: true}}]\norg: {org}"
    assert parse(text) == Environment("production", login)


def test_variables_and_policy_come_along():
    text = (
        "org: {login: local}\nenv: [KEY]\nvars: {a: [1], b: '{{ env.KEY }}'}\n"
        "policy: {max_emails: 5}\n"
    )
    expected = Environment("production", Local(), {"a": [1], "b": "c0nsumer"}, Policy(max_emails=5))
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ("{env: NONE}", "the environment variable `NONE` is not set"),
        ("{env: EMPTY}", "the environment variable `EMPTY` is not set"),
        ("{file: none}", "the file `none` can not be read: No such file or directory"),
        ("{file: empty}", "the file `empty` is empty"),
        ("{file: binary}", "the file `binary` holds no text"),
    ],
)
def test_a_secret_that_can_not_be_had_is_named_with_its_line(secret, message):
    with pytest.raises(DiagnosticError) as caught:
        parse(f"org:\n  login: access_token\n  instance_url: https://a.b\n  token: {secret}\n")
    span = Span("specs/acme/environments/production.yaml", 4, 10, 4, 10 + len(secret))
    expected = Diagnostic("missing-secret", message, span, help=WHERE)
    assert caught.value.diagnostics == (expected,)


def test_every_missing_secret_is_reported():
    with pytest.raises(DiagnosticError) as caught:
        parse(
            "org: {login: password, consumer_key: k, consumer_secret: {env: A}, username: u,"
            " password: {env: B}}"
        )
    assert [d.message for d in caught.value.diagnostics] == [
        "the environment variable `A` is not set",
        "the environment variable `B` is not set",
    ]


def test_an_undefined_name_in_an_environment_is_pointed_at():
    with pytest.raises(DiagnosticError) as caught:
        parse("env: [KEY]\norg: {login: sf_cli, target_org: '{{ env.KYE }}'}")
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.message, problem.help) == (
        "undefined-name",
        "`env.KYE` is not listed under `env:`",
        "did you mean `env.KEY`?",
    )


def spec(**data):
    at = Span("f.yaml", 1, 1, 1, 2)
    spans = {("on_create", "password"): Span("f.yaml", 2, 3, 2, 9)}
    return Spec(Address("user", "jane"), data, at, spans)


def test_passwords_of_specs_become_secrets():
    mailed, plain = spec(on_create={"password": "email"}), spec(Username="a@b.io")
    given = spec(on_create={"password": {"env": "SECRET"}})
    found = environment.with_secrets([mailed, given, plain], ENVIRON, read_file)
    assert found == (mailed, spec(on_create={"password": Secret("s3cret")}), plain)
    assert "s3cret" not in repr(found)


def test_a_missing_password_points_at_the_spec():
    with pytest.raises(DiagnosticError) as caught:
        environment.with_secrets([spec(on_create={"password": {"env": "X"}})], ENVIRON, read_file)
    (problem,) = caught.value.diagnostics
    assert (problem.code, str(problem.span)) == ("missing-secret", "f.yaml:2:3")
