"""An environment file says where to log in; its secrets come from elsewhere."""

from __future__ import annotations

import pytest

from provisioner.model import hosts
from provisioner.model.credentials import (
    AccessToken,
    ClientCredentials,
    Jwt,
    Local,
    SfCli,
    UsernamePassword,
)
from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Span
from provisioner.model.resource import Address, Secret, Spec
from provisioner.spec import document as source
from provisioner.spec import environment
from provisioner.spec.environment import Environment, Policy

FILES = {"key.pem": "-----BEGIN\n-----END\n", "empty": "\n"}
ENVIRON = {"TOKEN": "t0ken", "SECRET": "s3cret", "EMPTY": "", "KEY": "c0nsumer"}
WHERE = "set it where the command runs, never in the repository"


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
            "{login: access_token, instance_url: https://acme.my.salesforce.com, token: {env: TOKEN}}",
            AccessToken("https://acme.my.salesforce.com", Secret("t0ken")),
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
                "{login: jwt, login_url: https://acme.my.salesforce.com, audience: https://login.salesforce.com,"
                " consumer_key: k, username: u, private_key: {env: SECRET}}"
            ),
            Jwt(
                "https://acme.my.salesforce.com",
                "k",
                "u",
                Secret("s3cret"),
                "https://login.salesforce.com",
            ),
        ),
        (
            (
                "{login: client_credentials, login_url: https://acme.my.salesforce.com, consumer_key: k,"
                " consumer_secret: {env: SECRET}}"
            ),
            ClientCredentials("https://acme.my.salesforce.com", "k", Secret("s3cret")),
        ),
        (
            (
                "{login: password, consumer_key: k, consumer_secret: {env: SECRET}, username: u,"
                " password: {env: TOKEN}}"
            ),
            UsernamePassword(
                "https://login.salesforce.com", "k", Secret("s3cret"), "u", Secret("t0ken")
            ),
        ),
        ("{login: sf_cli, target_org: acme}", SfCli("acme")),
    ],
)
def test_each_login_has_its_fields(org, login):
    text = f"env: [{{name: KEY, plain: true}}]\norg: {org}"
    assert parse(text) == Environment("production", login)


def test_an_environment_has_its_variables_and_policy():
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
        ("{file: none}", "the file `none` cannot be read: No such file or directory"),
        ("{file: empty}", "the file `empty` is empty"),
        ("{file: binary}", "the file `binary` is not a text file"),
    ],
)
def test_a_secret_that_cannot_be_read_is_reported_at_its_line(secret, message):
    with pytest.raises(DiagnosticError) as caught:
        parse(
            f"org:\n  login: access_token\n  instance_url: https://acme.my.salesforce.com\n  token: {secret}\n"
        )
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


def test_an_undefined_name_in_an_environment_is_reported_at_its_place():
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
    return Spec(Address("user", "jane"), data, {(): at, **spans})


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


@pytest.mark.parametrize(
    "url",
    [
        "https://evil-salesforce.com",
        "https://salesforce.com.evil.example",
        "https://salesforce.com",
        "https://login.salesforce.com@evil.example",
        "https://evil.example/.salesforce.com",
        "https://evil.example\\.salesforce.com",
        "https://evil.example#.salesforce.com",
        "https://login.salesforce.com.",
        "https://login.salesforce.com:8443",
        "https://login.salesforce.com/path",
        "https://login.salesforce.com?x",
        "https://user@login.salesforce.com",
        "https://login.salesforce.c\u043em",
        "https://login\u3002salesforce.com",
        "https://a\tb.salesforce.com",
        "http://login.salesforce.com",
        "http://localhost.evil.example",
        "https://[::1",
        "https://login.salesforce.com:99999",
        "ftp://login.salesforce.com",
        "login.salesforce.com",
    ],
)
@pytest.mark.parametrize("allowed", ["", "other.example, login.salesforce.com.evil.example"])
def test_credentials_go_only_to_hosts_of_salesforce(url, allowed):
    assert hosts.not_trusted(url, hosts.allowed_hosts({hosts.LOGIN_HOSTS: allowed}))
    assert hosts.remedy(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://login.salesforce.com",
        "https://login.salesforce.com/",
        "https://LOGIN.Salesforce.com:443",
        "https://acme--uat.sandbox.my.salesforce.com",
        "https://acme.my.salesforce.mil",
        "https://acme.my.cloudforce.com",
        "http://127.0.0.1:8787",
        "http://[::1]:8787",
        "https://localhost",
        "https://gateway.example",
        "https://proxy.example:8443",
    ],
)
def test_credentials_go_to_salesforce_to_this_machine_and_to_allowed_hosts(url):
    allowed = hosts.allowed_hosts({hosts.LOGIN_HOSTS: " Gateway.example,proxy.example:8443,"})
    assert hosts.not_trusted(url, allowed) is None


@pytest.mark.parametrize("part", ["login_url", "instance_url"])
def test_an_untrusted_host_is_reported_with_how_to_allow_it(part):
    login = {
        "login_url": "client_credentials\n  consumer_key: k\n  consumer_secret: {env: SECRET}",
        "instance_url": "access_token\n  token: {env: TOKEN}",
    }[part]
    with pytest.raises(DiagnosticError) as caught:
        parse(f"org:\n  {part}: https://evil.example\n  login: {login}\n")
    (problem,) = caught.value.diagnostics
    column = len(part) + 5
    assert problem == Diagnostic(
        "untrusted-host",
        "credentials are not sent to `evil.example`, which is not a host of Salesforce",
        Span("specs/acme/environments/production.yaml", 2, column, 2, column + 20),
        help="write it as `https://name.my.salesforce.com`, or, if `evil.example` is yours, allow"
        " it where the command runs: PROVISIONER_LOGIN_HOSTS=evil.example",
    )


@pytest.mark.parametrize(
    ("url", "audience", "belongs"),
    [
        ("https://login.salesforce.com", "https://login.salesforce.com", True),
        ("https://login.salesforce.com/", "https://login.salesforce.com", True),
        ("https://login.salesforce.com", "https://test.salesforce.com", False),
        ("https://test.salesforce.com", "https://login.salesforce.com", False),
        ("https://acme.my.salesforce.com", "https://acme.my.salesforce.com", True),
        ("https://acme.my.salesforce.com", "https://login.salesforce.com", True),
        ("https://acme.my.salesforce.com", "https://test.salesforce.com", False),
        ("https://acme.my.salesforce.com", "https://other.my.salesforce.com", False),
        ("https://acme--uat.sandbox.my.salesforce.com", "https://test.salesforce.com", True),
        ("https://acme--uat.sandbox.my.salesforce.com", "https://login.salesforce.com", False),
        ("https://acme--uat.cs12.my.salesforce.com", "https://test.salesforce.com", True),
        ("https://x.scratch.my.salesforce.com", "https://test.salesforce.com", True),
        ("https://x-dev-ed.develop.my.salesforce.com", "https://login.salesforce.com", True),
        ("https://acme.my.salesforce.mil", "https://login.salesforce.mil", True),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787", True),
        ("http://127.0.0.1:8787", "https://login.salesforce.com", False),
    ],
)
def test_the_audience_of_a_jwt_belongs_to_its_login_host(url, audience, belongs):
    text = (
        f"org:\n  login: jwt\n  login_url: {url}\n  audience: {audience}\n"
        "  consumer_key: k\n  username: u\n  private_key: {env: SECRET}\n"
    )
    if belongs:
        assert parse(text).login.audience == audience
        return
    with pytest.raises(DiagnosticError) as caught:
        parse(text)
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.span.line, problem.span.column) == ("wrong-audience", 4, 13)
    assert problem.help.startswith(f"write `{url}`")
