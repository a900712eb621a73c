"""What somebody did by hand, taken over into the spec by a patch that keeps what people wrote."""

import subprocess

import pytest

PEOPLE = """\
# Who uses the portal.
accounts:
  acme:   # the first customer
    Name: "Acme Corporation"   # as in the contract
    AccountNumber: "10001"
    IsPartner: true
    Fax: '+49 30 1'
    NumberOfEmployees: 10
    Description: |
      A company.
      Of two lines.
    owner: portal.admin@{{ vars.domain }}
  globex: {Name: Globex, AccountNumber: "10002", Phone: "1"}   # on one line
contacts:
  jane:
    account: acme
    FirstName: Jane
    LastName: Doe
    Email: jane.doe@{{ vars.domain }}   # her address
    Title: Buyer
users:
  jane:
    contact: jane
    profile: Acme Portal User
    Username: jane.doe@{{ vars.domain }}.{{ vars.suffix }}
    Email: "jane.doe+portal@{{ vars.domain }}"
    IsActive: true
    on_create: {password: email}
"""
PORTAL = {
    "    active: true\n": "    active: true   # open to all\n",
    "      Case: [read, create, edit]\n": "      Case: [read, create, edit]   # their own\n",
    "    profiles: [Acme Portal User]          # who may log in\n": (
        "    profiles:\n      # who may log in\n      - Acme Portal User\n      - High Volume Customer Portal\n"
    ),
}
FILES = ("specs/acme/people.yaml", "specs/acme/portal.yaml")


@pytest.fixture
def acme(work, org):
    """A spec with comments and templates, applied to an org that a colleague knows too."""
    work.copy_acme()
    work.write(FILES[0], PEOPLE)
    text = (work.folder / FILES[1]).read_text("utf-8")
    for before, after in PORTAL.items():
        assert before in text
        text = text.replace(before, after)
    work.write(FILES[1], text)
    work.use(org)
    work.run("apply", "--env", "served", "--auto-approve", status=0)
    git(work, "init", "-q")
    return work


@pytest.fixture(scope="module")
def sam(org):
    return org.colleague("Sam", "Adopts")


def git(work, *arguments):
    done = subprocess.run(
        ["git", *arguments], cwd=work.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def changed(patch):
    """The lines that a patch takes and gives."""
    lines = [line for line in patch.splitlines() if line[:3] not in ("---", "+++")]
    return [line for line in lines if line[:1] in "+-"]


def test_the_org_is_adopted_and_a_plan_is_empty(acme, sam, org):
    sam.change(
        "Account",
        "AccountNumber='10001'",
        Name="Acme: Corp",
        Fax=None,
        NumberOfEmployees=12,
        Description="A company.",
    )
    sam.change("Account", "AccountNumber='10002'", Phone="2")
    sam.change("Contact", "FirstName='Jane'", LastName="Smith", Title="Head of: Buying")
    sam.change("User", "FirstName='Jane'", Email="jane.smith@acme.example", IsActive=False)

    drifted = acme.run("drift", "--env", "served", "--adopt", "p.patch", status=2)
    assert "saved to p.patch, for 1 file: run `git apply p.patch`" in drifted.err
    assert "not adopted" not in drifted.err
    patch = (acme.folder / "p.patch").read_text("utf-8")
    assert patch.startswith("--- a/specs/acme/people.yaml\n+++ b/specs/acme/people.yaml\n@@ ")
    assert changed(patch) == [
        '-    Name: "Acme Corporation"   # as in the contract',
        '+    Name: "Acme: Corp"   # as in the contract',
        "-    Fax: '+49 30 1'",
        "-    NumberOfEmployees: 10",
        "-    Description: |",
        "-      A company.",
        "-      Of two lines.",
        "+    Fax: null",
        "+    NumberOfEmployees: 12",
        "+    Description: A company.",
        '-  globex: {Name: Globex, AccountNumber: "10002", Phone: "1"}   # on one line',
        '+  globex: {Name: Globex, AccountNumber: "10002", Phone: "2"}   # on one line',
        "-    LastName: Doe",
        "+    LastName: Smith",
        "-    Title: Buyer",
        '+    Title: "Head of: Buying"',
        '-    Email: "jane.doe+portal@{{ vars.domain }}"',
        "-    IsActive: true",
        '+    Email: "jane.smith@{{ vars.domain }}"',
        "+    IsActive: false",
    ]
    git(acme, "apply", "--check", "p.patch")
    git(acme, "apply", "p.patch")
    assert "No drift" in acme.run("drift", "--env", "served", status=0).out
    assert "In sync" in acme.run("plan", "--env", "served", status=0).out

    # Taken back, for whoever comes next.
    git(acme, "apply", "-R", "p.patch")
    acme.run("apply", "--env", "served", "--auto-approve", status=0)


def test_settings_of_the_portal_are_adopted_too(acme, sam, org):
    portal = acme.run("apply", "--env", "served", "--auto-approve", status=0).out
    sam.take_off("High Volume Customer Portal", portal.split("portalId=")[1].strip())
    patch = acme.run("drift", "--env", "served", "--adopt", "-", status=2).out
    assert changed(patch) == ["-      - High Volume Customer Portal"]
    acme.write("p.patch", patch)
    subprocess.run(
        ["patch", "-p1", "-i", "p.patch"], cwd=acme.folder, check=True, capture_output=True
    )
    assert "No drift" in acme.run("drift", "--env", "served", status=0).out


def test_what_has_no_place_in_the_spec_is_named(acme, sam, org):
    sam.change("Account", "AccountNumber='10002'", Phone="3")
    text = (acme.folder / FILES[0]).read_text("utf-8")
    more = '  initech: {Name: Initech, AccountNumber: "10003"}\ncontacts:'
    acme.write(
        FILES[0], text.replace("contacts:", more).replace('Phone: "1"', "Phone: '{{ vars.phone }}'")
    )
    environment = (acme.folder / "specs/acme/environments/served.yaml").read_text("utf-8")
    acme.write("specs/acme/environments/served.yaml", environment + '  phone: "1"\n')
    drifted = acme.run("drift", "--env", "served", "--adopt", "-", status=2)
    assert "not adopted: account/initech: it is not in the org" in drifted.err
    assert (
        "{{ vars.phone }} is replaced by a plain value, which is the same in every environment"
        in drifted.err
    )
    assert "+  globex: {Name: Globex, AccountNumber: \"10002\", Phone: '3'}" in drifted.out


def test_there_is_an_empty_patch_where_nothing_differs(acme):
    acme.run("apply", "--env", "served", "--auto-approve")
    drifted = acme.run("drift", "--env", "served", "--adopt", "p.patch", status=0)
    assert "there is nothing to adopt" in drifted.err
    assert (acme.folder / "p.patch").read_text("utf-8") == ""


def test_a_file_that_is_taken_over_whole_keeps_its_ends(acme, sam):
    """Windows line ends, a byte order mark, and no line break at the end."""
    file = acme.folder / FILES[0]
    raw = file.read_bytes().replace(b"\n", b"\r\n").rstrip()
    file.write_bytes(b"\xef\xbb\xbf" + raw)
    sam.change("Account", "AccountNumber='10002'", Phone="4")
    sam.change("User", "FirstName='Jane'", IsActive=False)
    acme.run("drift", "--env", "served", "--adopt", "p.patch", status=2)
    git(acme, "apply", "p.patch")
    after = file.read_bytes()
    assert after == b"\xef\xbb\xbf" + raw.replace(b'Phone: "1"', b'Phone: "4"').replace(
        b"IsActive: true", b"IsActive: false"
    )
