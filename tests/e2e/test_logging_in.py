"""A login that fails is reported once, at the setting of the environment that is at fault."""

import re
from pathlib import Path

import pytest

SPEC = "accounts: {acme: {Name: Acme}}\n"
TOKEN = """\
org:
  login: access_token
  instance_url: "{{ env.ORG_URL }}"
  token: {env: ORG_TOKEN}
"""
CLIENT = """\
org:
  login: client_credentials
  login_url: "{{ env.ORG_URL }}"
  consumer_key: "{{ env.KEY }}"
  consumer_secret: {env: SECRET}
"""
PASSWORD = """\
org:
  login: password
  login_url: "{{ env.ORG_URL }}"
  consumer_key: "{{ env.KEY }}"
  consumer_secret: {env: SECRET}
  username: portal.admin@acme.example
  password: {env: PASSWORD}
"""
JWT = """\
org:
  login: jwt
  login_url: "{{ env.ORG_URL }}"
  consumer_key: "{{ env.KEY }}"
  username: portal.admin@acme.example
  private_key: {file: "{{ env.KEY_FILE }}"}
"""


def planned(work, org, environment, variables):
    work.write("x/portal.yaml", SPEC)
    held = org.credentials
    usual = {
        "ORG_URL": org.url,
        "ORG_TOKEN": org.token,
        "KEY": held["consumer_key"],
        "SECRET": held["consumer_secret"],
        "PASSWORD": held["password"],
        "KEY_FILE": "FOLDER/key.pem",
    }
    work.write("empty", "")
    work.write("key.pem", Path(held["private_key_file"]).read_text("ascii"))
    values = usual | variables
    for name, value in values.items():
        environment = environment.replace(f"{{{{ env.{name} }}}}", value)
    environment = environment.replace("FOLDER", str(work.folder))
    work.write("x/environments/e.yaml", environment)
    secrets = {name: values[name] for name in ("ORG_TOKEN", "SECRET", "PASSWORD")}
    secrets["PROVISIONER_SECRETS_DIR"] = str(work.folder)
    return work.run("plan", "x", "--env", "e", **secrets)


WRONG = {
    "a missing variable": (TOKEN, {"ORG_TOKEN": ""}, "token", "is not set"),
    "a missing file": (JWT, {"KEY_FILE": "FOLDER/missing"}, "private_key", "No such file"),
    "an empty file": (JWT, {"KEY_FILE": "FOLDER/empty"}, "private_key", "is empty"),
    "a refused connection": (TOKEN, {"ORG_URL": "http://127.0.0.1:9"}, "instance_url", "refused"),
    "a refused login": (CLIENT, {"ORG_URL": "http://127.0.0.1:9"}, "login_url", "refused"),
    "an expired token": (TOKEN, {"ORG_TOKEN": "00D!expired"}, "token", "Session expired"),
    "a wrong consumer key": (PASSWORD, {"KEY": "nobody"}, "consumer_key", "invalid_client_id"),
    "a wrong consumer secret": (PASSWORD, {"SECRET": "no"}, "consumer_secret", "invalid_client"),
    "a general host": (
        CLIENT,
        {"ORG_URL": "https://login.salesforce.com"},
        "login_url",
        "does not take client credentials",
    ),
    "a wrong password": (PASSWORD, {"PASSWORD": "no"}, "password", "authentication failure"),
}


@pytest.mark.parametrize(("environment", "variables", "setting", "said"), WRONG.values(), ids=WRONG)
def test_the_setting_at_fault_is_named(work, org, environment, variables, setting, said):
    ran = planned(work, org, environment, variables)
    assert ran.status == 3
    line = next(n for n, text in enumerate(environment.splitlines(), 1) if f"  {setting}:" in text)
    (message, place) = re.findall(r"^error.*?: (.*)\n +--> (.*)$", ran.err, re.MULTILINE)[0]
    assert said in message
    column = len(f"  {setting}: ") + 1
    assert place.startswith(f"x/environments/e.yaml:{line}:{column}")
    assert ran.err.count(message) == 1
    assert "= help: " in ran.err


@pytest.mark.parametrize("environment", [TOKEN, CLIENT, PASSWORD, JWT])
def test_the_settings_of_these_tests_are_right(work, org, environment):
    ran = planned(work, org, environment, {})
    assert ran.status == 0 or "client credentials" in ran.err, ran.said
