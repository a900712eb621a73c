"""Every command works where the terminal or the pipe cannot hold every character."""

# ruff: noqa: RUF001 - characters that look alike are what this is about

import json
import subprocess
from xml.etree import ElementTree

import pytest
from lxml import html

from .conftest import COMMAND

NAME = "Müller – Ærø „Øl“ 日本 😀"
ASCII = 'Muller - AEro "Ol" \\u65e5\\u672c \\U0001f600'
SPEC = f"""\
settings: {{OrgSettings: {{enableCustomerSuccessPortal: true}}}}
portals:
  Customer Portal:
    {{type: CustomerSuccess, active: true, emailSenderAddress: a@acme.example, emailSenderName: A}}
accounts: {{acme: {{Name: "{NAME}", owner: portal.admin@acme.example}}}}
contacts: {{jane: {{account: acme, LastName: "{NAME}", Email: jane@x.example}}}}
users: {{jane: {{contact: jane, profile: High Volume Customer Portal, Username: jane@x.example.portal}}}}
"""
ENCODINGS = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "ascii-strict": {"PYTHONIOENCODING": "ascii:strict"},
    "C": {"LC_ALL": "C"},
    "C without UTF-8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


def ran(work, *arguments, **variables):
    done = subprocess.run(
        [COMMAND, *arguments],
        cwd=work.folder,
        env=work.environ(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode("utf-8", "replace")
    return done


@pytest.fixture(scope="module")
def work(new_work):
    work = new_work()
    work.write("x/portal.yaml", SPEC)
    work.write("wrong/portal.yaml", f'accounts: {{a: {{Name: "{NAME}", find: "{NAME}"}}}}\n')
    work.write("applied/portal.yaml", SPEC)
    return work


COMMANDS = (
    *[("plan", "x", "--format", f) for f in ("text", "markdown", "github")],
    ("plan", "x", "--log-format", "json"),
    ("validate", "wrong"),
    ("plan", "wrong"),
    ("drift", "x"),
    ("graph", "x"),
    ("explain", "login", "jane", "--spec", "x"),
    ("org", "show"),
    ("org", "coverage"),
    ("--help",),
    ("plan", "--help"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("variables", ENCODINGS.values(), ids=ENCODINGS)
def test_a_command_ends_as_it_does_elsewhere(work, command, variables):
    usual = ran(work, *command)
    there = ran(work, *command, **variables)
    assert there.returncode == usual.returncode
    assert there.stdout.count(b"\n") == usual.stdout.count(b"\n")


def test_what_is_lacking_is_replaced_by_what_people_can_read(work):
    ascii_ = ran(work, "plan", "x", PYTHONIOENCODING="ascii").stdout.decode("ascii")
    assert f"Name: {ASCII}" in ascii_
    cp1252 = ran(work, "plan", "x", PYTHONIOENCODING="cp1252").stdout.decode("cp1252")
    assert "Name: Müller – Ærø „Øl“ \\u65e5\\u672c \\U0001f600" in cp1252
    assert f"Name: {NAME}" in ran(work, "plan", "x", PYTHONIOENCODING="utf-8").stdout.decode()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_document_loses_nothing(work, encoding):
    def document(format_, *command):
        done = ran(
            work, *(command or ("plan", "x")), "--format", format_, PYTHONIOENCODING=encoding
        )
        return done.stdout

    usual = json.loads(ran(work, "plan", "x", "--format", "json").stdout)
    found = json.loads(document("json"))
    assert found["steps"] == usual["steps"]
    assert NAME in json.dumps(found, ensure_ascii=False)
    assert json.loads(document("sarif"))
    assert NAME in html.fromstring(document("html")).text_content()
    ElementTree.fromstring(document("junit"))
    ElementTree.fromstring(document("svg", "graph", "x"))
    assert json.loads(document("json", "explain", "login", "jane", "--spec", "x"))


def test_a_patch_has_the_bytes_of_the_files(work):
    work.run("apply", "applied", "--auto-approve", status=0)
    work.write("applied/portal.yaml", SPEC.replace(NAME, "Øl"))
    patch = ran(work, "drift", "applied", "--adopt", "-", PYTHONIOENCODING="ascii").stdout
    assert NAME.encode() in patch
    work.write("applied.patch", "")
    (work.folder / "applied.patch").write_bytes(patch)
    subprocess.run(["patch", "-p1", "-i", "applied.patch"], cwd=work.folder, check=True)
    assert NAME in (work.folder / "applied/portal.yaml").read_text("utf-8")


def test_a_folder_whose_name_is_no_text_is_named(work):
    done = ran(work, "validate", b"no-\xff-text")
    assert done.returncode == 1
    assert b"no-\\udcff-text" in done.stderr
