"""Every way to log in works on the served org, and each failure says what is wrong."""

import json
import stat
import sys
from dataclasses import replace

import pytest

SPEC = "accounts: {acme: {Name: Acme Corporation, AccountNumber: '10001'}}\n"

# How an environment writes each login; `org` is what `provisioner org show` prints.
LOGINS = {
    "access_token": "instance_url: '{org[instance_url]}', token: {{env: THE_SECRET}}",
    "client_credentials": (
        "login_url: '{org[instance_url]}', consumer_key: '{org[consumer_key]}',"
        " consumer_secret: {{env: THE_SECRET}}"
    ),
    "password": (
        "login_url: '{org[instance_url]}', consumer_key: '{org[consumer_key]}',"
        " consumer_secret: {{env: APP_SECRET}}, username: '{org[username]}',"
        " password: {{env: THE_SECRET}}"
    ),
    "jwt": (
        "login_url: '{org[instance_url]}', consumer_key: '{org[consumer_key]}',"
        " username: '{org[username]}', private_key: {{env: THE_SECRET}}"
    ),
    "jwt_file": (
        "login_url: '{org[instance_url]}', consumer_key: '{org[consumer_key]}',"
        " username: '{org[username]}', private_key: {{file: '{org[private_key_file]}'}}"
    ),
}
SECRETS = {
    "access_token": "access_token",
    "client_credentials": "consumer_secret",
    "password": "password",
}

# Answers as the Salesforce CLI does since May 2026: the token is not in `org display`.
SF = """\
#!{python}
import json, sys
match sys.argv[1:]:
    case ["org", "display", "--target-org", "acme", "--json"]:
        result = {{"instanceUrl": {url!r}, "accessToken": "[REDACTED] use show-access-token"}}
    case ["org", "auth", "show-access-token", "--target-org", "acme", "--json", "--no-prompt"]:
        result = {{"accessToken": {token!r}}}
    case _:
        answer = {{"status": 1, "name": "NamedOrgNotFoundError", "message": "No authorization"
                  " information found for nobody."}}
        sys.exit(print(json.dumps(answer)) or 1)
print("Warning: there is a new version of the CLI", file=sys.stderr)
print(json.dumps({{"status": 0, "result": result, "warnings": []}}))
"""


@pytest.fixture
def shop(work):
    """A folder with a spec of one account."""
    work.write("specs/shop/accounts.yaml", SPEC)
    return work


def environment(shop, login, org):
    flow = login.removesuffix("_file")
    fields = LOGINS[login].format(org=org.credentials)
    shop.write("specs/shop/environments/there.yaml", f"org: {{login: {flow}, {fields}}}\n")


def key(org):
    with open(org.credentials["private_key_file"], encoding="utf-8") as file:
        return file.read()


def secret(login, org):
    return key(org) if login == "jwt" else org.credentials.get(SECRETS.get(login), "unused")


def plan(shop, **options):
    return shop.run("plan", "--env", "there", **options)


@pytest.mark.parametrize("login", LOGINS)
def test_login(login, shop, org):
    environment(shop, login, org)
    secrets = {
        "THE_SECRET": secret(login, org),
        "APP_SECRET": org.credentials["consumer_secret"],
    }
    folder = {"PROVISIONER_SECRETS_DIR": str(org.folder)}
    planned = plan(shop, **secrets, **folder, status=0)
    assert "account/acme" in planned.out
    assert org.url in planned.out
    assert not any(value in planned.said for value in secrets.values())


def test_login_of_the_salesforce_cli(shop, org):
    install_sf(shop, org)
    shop.write("specs/shop/environments/there.yaml", "org: {login: sf_cli, target_org: acme}\n")
    planned = plan(shop, status=0)
    assert "account/acme" in planned.out
    assert org.token not in planned.said


def test_the_salesforce_cli_knows_no_such_org(shop, org):
    install_sf(shop, org)
    shop.write("specs/shop/environments/there.yaml", "org: {login: sf_cli, target_org: nobody}\n")
    refused = plan(shop, status=3)
    assert "No authorization information found for nobody" in refused.err
    assert "sf org login web --alias nobody" in refused.err


def test_the_salesforce_cli_is_not_there(shop):
    shop.write("specs/shop/environments/there.yaml", "org: {login: sf_cli, target_org: acme}\n")
    assert "not installed" in plan(shop, status=3, PATH="/nonexistent").err


def install_sf(shop, org):
    script = SF.format(python=sys.executable, url=org.url, token=org.token)
    shop.write("bin/sf", script).chmod(stat.S_IRWXU)
    shop.variables["PATH"] = f"{shop.folder / 'bin'}:{shop.environ()['PATH']}"


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize("login", ["access_token", "client_credentials", "password", "jwt"])
def test_a_missing_secret_is_named_at_its_line(login, shop, org):
    environment(shop, login, org)
    missing = plan(shop, status=3, APP_SECRET="x")
    assert "`THE_SECRET` is not set" in missing.err
    assert "specs/shop/environments/there.yaml:1:" in missing.err
    assert missing.out == ""


def test_a_missing_key_file_is_named(shop, org):
    credentials = {**org.credentials, "private_key_file": "/nonexistent/key.pem"}
    text = LOGINS["jwt_file"].format(org=credentials)
    shop.write("specs/shop/environments/there.yaml", f"org: {{login: jwt, {text}}}\n")
    missing = plan(shop, status=3, PROVISIONER_SECRETS_DIR="/nonexistent")
    assert "`/nonexistent/key.pem` cannot be read: No such file or directory" in missing.err


# What Salesforce says to each wrong secret. (facts 619 and 703)
@pytest.mark.parametrize(
    ("login", "wrong", "words"),
    [
        ("access_token", "00D000000000000!wrong", "Session expired or invalid"),
        ("client_credentials", "wrong-secret-4711", "invalid client credentials"),
        ("password", "wrong-secret-4711", "authentication failure"),
        ("jwt", "another key", "invalid assertion"),
        ("jwt", "wrong-secret-4711", "the private key of the JWT login cannot be used"),
    ],
)
def test_a_wrong_secret_is_refused_in_the_words_of_salesforce(login, wrong, words, shop, org):
    environment(shop, login, org)
    given = another_key() if wrong == "another key" else wrong
    refused = plan(shop, status=3, THE_SECRET=given, APP_SECRET=org.credentials["consumer_secret"])
    assert words in refused.err
    assert given not in refused.said
    assert refused.out == ""


def another_key():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.mark.parametrize("login", ["access_token", "client_credentials"])
def test_an_unreachable_host_is_named(login, shop, org, port):
    closed = f"http://127.0.0.1:{port}"
    text = LOGINS[login].format(org={**org.credentials, "instance_url": closed})
    shop.write("specs/shop/environments/there.yaml", f"org: {{login: {login}, {text}}}\n")
    unreachable = plan(shop, status=3, THE_SECRET="secret-4711")
    assert f"`127.0.0.1:{port}` refused the connection" in unreachable.err


def test_a_host_that_does_not_exist_is_named(shop, org):
    text = LOGINS["access_token"].format(org={"instance_url": "https://no-such-org.invalid"})
    shop.write("specs/shop/environments/there.yaml", f"org: {{login: access_token, {text}}}\n")
    variables = {"THE_SECRET": "secret-4711", "PROVISIONER_LOGIN_HOSTS": "no-such-org.invalid"}
    unreachable = plan(shop, status=3, **variables)
    assert "no-such-org.invalid" in unreachable.err


def test_a_host_that_nobody_allowed_gets_no_credentials(shop):
    text = LOGINS["access_token"].format(org={"instance_url": "https://no-such-org.invalid"})
    shop.write("specs/shop/environments/there.yaml", f"org: {{login: access_token, {text}}}\n")
    refused = plan(shop, status=1, THE_SECRET="secret-4711")
    assert "error[untrusted-host]: credentials are not sent to `no-such-org.invalid`" in refused.err
    assert "specs/shop/environments/there.yaml:1:" in refused.err
    assert "PROVISIONER_LOGIN_HOSTS=no-such-org.invalid" in refused.err


@pytest.mark.parametrize("written", ["http://acme.example", "{{ env.WHERE }}"])
def test_plain_http_to_another_machine_is_wrong_at_its_line(written, shop):
    text = LOGINS["access_token"].format(org={"instance_url": written})
    listed = "env: [{name: WHERE, plain: true}]\n"
    shop.write(
        "specs/shop/environments/there.yaml", f"{listed}org: {{login: access_token, {text}}}\n"
    )
    refused = plan(shop, status=1, THE_SECRET="secret-4711", WHERE="http://acme.example")
    assert "specs/shop/environments/there.yaml:2:42" in refused.err
    assert "(https is required, except for this machine), not `http://acme.example`" in refused.err


def test_plain_http_that_the_salesforce_cli_answers_is_refused(shop, org):
    install_sf(shop, replace(org, url="http://acme.example"))
    shop.write("specs/shop/environments/there.yaml", "org: {login: sf_cli, target_org: acme}\n")
    refused = plan(shop, status=3)
    assert "credentials would be sent to `acme.example` in plain http" in refused.err
    assert org.token not in refused.said


def test_an_unknown_environment_lists_the_known_ones(shop):
    for name in ("production", "sandbox"):
        shop.write(f"specs/shop/environments/{name}.yaml", "org: {login: local}\n")
    for command in ("plan", "apply", "drift", "validate"):
        unknown = shop.run(command, "--env", "prodution", status=1)
        assert "`prodution`" in unknown.err
        assert "`production`, `sandbox`" in unknown.err


def test_a_login_that_lacks_a_field_is_wrong_offline(shop):
    shop.write("specs/shop/environments/there.yaml", "org: {login: jwt, username: a@b.example}\n")
    problems = shop.run("validate", "--env", "there", "--format", "json", status=1)
    problems = problems.json["problems"]
    assert {p["file"] for p in problems} == {"specs/shop/environments/there.yaml"}
    assert "consumer_key" in json.dumps(problems)
    assert "private_key" in json.dumps(problems)
