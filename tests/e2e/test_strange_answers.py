"""The installed command and an org that gives strange answers: a report and a status, always."""

import pytest

from provisioner.emulator.local import LocalOrg
from tests.contract.org.strange import SHAPES, serving

QUERY, COMPOSITE, SOAP = "GET .*/query", "POST .*/composite$", "POST .*/Soap/m/"
READS = [
    ("plan", COMPOSITE, "null"),
    ("plan", COMPOSITE, "a redirect elsewhere"),
    ("plan", SOAP, "an empty 200"),
    ("plan", "_ui/core/portal", "deep HTML"),
    ("drift", COMPOSITE, "deep JSON"),
    ("url", SOAP, "SOAP with another answer"),
    ("url", "/communities", "a list of lists"),
    ("explain login jane", COMPOSITE, "a gzip bomb"),
    ("explain login jane", "/Soap/m/", "a body cut short"),
    ("lease show", QUERY, "a number"),
    ("password reset jane --auto-approve", QUERY, "invalid gzip"),
    ("verify login jane --password-env PW", COMPOSITE, "a 204"),
]
WRITES = [
    ("password reset jane --auto-approve", "DELETE .*/password", "an empty object"),
    ("verify login jane --password-env PW", "GET /secur/login", "a redirect elsewhere"),
    ("verify login jane --password-env PW", "POST /secur/login", "null"),
]


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    local = LocalOrg(tmp_path_factory.mktemp("org"))
    credentials = local.credentials()
    with serving(local.app()) as strange:
        strange.token = credentials.access_token
        yield strange
    local.close()


@pytest.fixture
def acme(work, strange):
    work.copy_acme()
    variables = {"ORG_URL": strange.url, "ORG_TOKEN": strange.token, "PW": "not-hers-4711"}
    work.variables |= variables | {"PROVISIONER_TIME_SCALE": "0.01"}
    work.run("apply", "specs/acme", "--env", "served", "--auto-approve", status=0)
    return work


def run(acme, command, status):
    words = command.split()
    spec = ["--spec", "specs/acme"] if words[0] in ("explain", "verify", "password") else []
    spec = ["specs/acme"] if words[0] in ("plan", "drift") else spec
    return acme.run(*words, *spec, "--env", "served", status=status)


def test_every_command_reports_what_it_does_not_understand(acme, strange):
    for command, pattern, shape in READS:
        with strange.answering(pattern, SHAPES[shape]):
            ran = run(acme, command, 3)
        assert ran.err.startswith("error"), (command, shape)
    for command, pattern, shape in WRITES:
        with strange.answering(pattern, SHAPES[shape]):
            ran = run(acme, command, 5)
        assert "not-hers-4711" not in ran.said
