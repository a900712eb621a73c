"""What somebody did in the org by hand: seen by `drift`, mended by `apply`."""

import re

import pytest

SPEC = "specs/acme/people.yaml"
# What the walk-through leaves unsaid of the people, so that there is more to drift.
SAID = {
    "IsPartner: true\n": 'IsPartner: true\n    Fax: "+49 30 1"\n',
    "CanAllowPortalSelfReg: true\n": "CanAllowPortalSelfReg: true\n    Title: Buyer\n",
    "contact: jane\n": "contact: jane\n    IsActive: true\n",
}


@pytest.fixture
def acme(work, org, watched):
    """A folder with a spec that says more, which was applied to the served org."""
    work.copy_acme()
    text = (work.folder / SPEC).read_text("utf-8")
    for brief, more in SAID.items():
        text = text.replace(brief, more)
    work.write(SPEC, text)
    work.use(org, watched.url)
    work.portal_url = work.run("apply", "--env", "served", "--auto-approve", status=0).out
    return work


@pytest.fixture(scope="module")
def sam(org):
    """Somebody else who administers the org."""
    return org.colleague("Sam", "Hand")


def test_changes_by_hand_are_named_with_their_author_and_healed(acme, org, sam, watched):
    sam.change("Account", "Name='Acme Corporation'", Fax="+49 30 2")
    sam.change("Contact", "Email='jane.doe@acme.example'", LastName="Smith", Title=None)
    sam.change("User", "Username='jane.doe@acme.example.portal'", IsActive=False)
    portal_id = re.search(r"portalId=(\w+)", acme.portal_url)[1]
    sam.take_off("Acme Portal User", portal_id)
    watched.requests.clear()

    seen = acme.run("drift", "--env", "served", "--format", "json", status=2).json
    assert {(s["address"], s["action"]) for s in seen["steps"]} == {
        ("account/acme", "update"),
        ("contact/jane", "update"),
        ("portal/Acme Customer Portal", "update"),
        ("user/jane", "update"),
    }
    assert {(f["name"], str(f["before"]), str(f["after"])) for f in fields(seen)} == {
        ("Fax", "+49 30 2", "+49 30 1"),
        ("LastName", "Smith", "Doe"),
        ("Title", "None", "Buyer"),
        ("IsActive", "False", "True"),
        ("profiles", "[]", "['Acme Portal User']"),
    }
    lines = (acme.folder / SPEC).read_text("utf-8").splitlines()
    for field in fields(seen):
        if field["file"] == SPEC:
            assert field["name"] in lines[field["line"] - 1]
    by_address = {step["address"]: step["changed"] for step in seen["steps"]}
    assert {c["by"] for c in by_address.values()} == {"Sam Hand"}
    assert all(c["at"] for c in by_address.values())
    assert by_address["account/acme"]["source"] == "last modified"
    portal = by_address["portal/Acme Customer Portal"]
    assert portal["source"] == "setup audit trail"
    assert portal["said"] == "Changed the profiles assigned to a Customer Portal"

    told = acme.run("drift", "--env", "served", status=2)
    assert "4 of 7 resources differ" in told.out
    assert re.search(r'Fax .*\n.*spec has "\+49 30 1"\n.*org has  "\+49 30 2"', told.out)
    assert told.out.count(" UTC by Sam Hand") == 4
    assert "Changed the profiles assigned to a Customer Portal" in told.out
    assert watched.writes() == []

    acme.run("apply", "--env", "served", "--auto-approve", status=0)
    assert "No drift" in acme.run("drift", "--env", "served", status=0).out
    (jane,) = org.query("SELECT IsActive, Contact.LastName FROM User WHERE FirstName='Jane'")
    assert jane["IsActive"] is True
    assert jane["Contact"]["LastName"] == "Doe"


def test_the_tools_own_writes_name_nobody(acme, org):
    # The org's own user is the one that the tool logs in as.
    org.change("Account", "Name='Acme Corporation'", Fax="+49 30 3")
    seen = acme.run("drift", "--env", "served", "--format", "json", status=2).json
    (step,) = seen["steps"]
    assert step["changed"] is None
    assert step["last_modified"]["by"]
    assert "this tool's own user" in acme.run("drift", "--env", "served", status=2).out


def test_who_deleted_a_record_is_named(acme, sam, org):
    account = org.id("Account", "Name='Acme Corporation'")
    text = (acme.folder / SPEC).read_text("utf-8")
    more = "contacts:\n  joe: {account: acme, LastName: Joe, Email: Joe@acme.example}\n"
    acme.write(SPEC, text.replace("contacts:\n", more))
    acme.run("apply", "--env", "served", "--auto-approve", status=0)
    contact = org.id("Contact", f"LastName='Joe' AND AccountId='{account}'")
    sam.send("DELETE", f"/sobjects/Contact/{contact}")
    seen = acme.run("drift", "--env", "served", "--format", "json", status=2).json
    (step,) = seen["steps"]
    assert (step["address"], step["action"]) == ("contact/joe", "create")
    assert (step["changed"]["by"], step["changed"]["source"]) == ("Sam Hand", "deleted")
    told = acme.run("drift", "--env", "served", status=2).out
    assert re.search(
        r"contact/joe  is missing.*\n    deleted [0-9-]+ [0-9:]+ UTC by Sam Hand", told
    )


def test_what_no_spec_names_is_listed_with_the_share_that_is_managed(acme, org):
    account = org.id("Account", "Name='Acme Corporation'")
    contact = org.create("Contact", LastName="Stranger", AccountId=account)
    username = org.user("Sue", "Stranger", "Acme Portal User", ContactId=contact)
    profile = org.id("Profile", "Name='Acme Portal User'")
    licence = org.query(f"SELECT UserLicenseId FROM Profile WHERE Id='{profile}'")
    licence = licence[0]["UserLicenseId"]
    org.create("Profile", Name="Made By Hand", UserLicenseId=licence)
    acme.run("apply", "--env", "served", "--auto-approve")

    seen = acme.run("drift", "--env", "served", "--format", "json", status=0).json
    found = {(u["kind"], u["name"]): u["detail"] for u in seen["unmanaged"]}
    assert found["user", username] == "Sue Stranger, Acme Portal User"
    assert ("profile", "Made By Hand") in found
    assert ("profile", "Acme Portal User") not in found
    assert {s["kind"]: (s["managed"], s["unmanaged"]) for s in seen["shares"]}["user"] == (1, 1)
    told = acme.run("drift", "--env", "served", status=0).out
    assert (
        f"In the org, but not in the specs: user {username}, Sue Stranger, Acme Portal User."
        in told
    )
    assert "1 of 2 users" in told

    inactive = org.id("User", f"Username='{username}'")
    org.send("PATCH", f"/sobjects/User/{inactive}", {"IsActive": False})
    seen = acme.run("drift", "--env", "served", "--format", "json", status=0).json
    assert [u["name"] for u in seen["unmanaged"]] == ["Made By Hand"]


def test_a_portal_that_leaves_its_members_open_has_them_listed(acme):
    text = (acme.folder / "specs/acme/portal.yaml").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("    profiles:")]
    acme.write("specs/acme/portal.yaml", "\n".join(lines) + "\n")
    seen = acme.run("drift", "--env", "served", "--format", "json", status=0).json
    members = [(u["name"], u["detail"]) for u in seen["unmanaged"] if u["kind"] == "member"]
    assert members == [("Acme Portal User", "of portal/Acme Customer Portal")]


def test_the_differences_are_taken_back_by_a_saved_plan(acme, sam, org):
    sam.change("Account", "Name='Acme Corporation'", Fax="+49 30 4")
    drifted = acme.run("drift", "--env", "served", "--revert", "back.json", status=2)
    assert "saved to back.json" in drifted.err
    assert "+49 30 4" in acme.run("show", "back.json", status=0).out
    acme.run("apply", "back.json", "--auto-approve", status=0)
    (account,) = org.query("SELECT Fax FROM Account WHERE Name='Acme Corporation'")
    assert account["Fax"] == "+49 30 1"


def test_it_takes_at_most_five_calls_more_than_a_plan(acme, sam):
    sam.change("Account", "Name='Acme Corporation'", Fax="+49 30 5")
    sam.change("User", "Username='jane.doe@acme.example.portal'", IsActive=False)

    def calls(command, status):
        done = acme.run(command, "--env", "served", "--format", "json", status=status)
        return done.json["summary"]["api_calls_read"]

    assert calls("drift", 2) <= calls("plan", 0) + 5


IGNORE = "specs/acme/drift-ignore.yaml"


def test_a_difference_is_left_alone_for_a_reason_and_a_time(acme, sam, org):
    sam.change("Account", "Name='Acme Corporation'", Fax="+49 30 6")
    where = ["--env", "served"]
    why = ["--reason", "sales: a test line", "--until", "2999-12-31"]
    added = acme.run("drift", "--ignore", "account/acme.Fax", *why, status=0)
    assert "is ignored through 2999-12-31" in added.err
    assert (
        (acme.folder / IGNORE)
        .read_text("utf-8")
        .endswith(
            """\
ignore:
  - address: account/acme
    field: Fax
    reason: "sales: a test line"
    until: 2999-12-31
"""
        )
    )
    seen = acme.run("drift", *where, status=0)
    assert "Ignored: account/acme.Fax until 2999-12-31: sales: a test line." in seen.out
    applied = acme.run("apply", *where, "--auto-approve", status=0)
    assert "Ignored: account/acme.Fax" in applied.out
    (account,) = org.query("SELECT Fax FROM Account WHERE Name='Acme Corporation'")
    assert account["Fax"] == "+49 30 6"

    acme.run("drift", "--ignore", "contact/jane", "--ignore", "user/jane", *why, status=0)
    assert "resources in" in acme.run("validate", status=0).out
    text = (acme.folder / IGNORE).read_text("utf-8")
    acme.write(IGNORE, text.replace("2999-12-31", "2020-12-31", 1))
    again = acme.run("drift", *where, status=2)
    assert "account/acme" in again.out
    assert "warning[expired-ignore]: `account/acme.Fax` is no longer ignored" in again.err
    assert f"{IGNORE}:6:12" in again.err


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["--ignore", "account/acme"], "for a reason and until a day"),
        (["--ignore", "account/acme", "--reason", " ", "--until", "2999-01-01"], "for a reason"),
        (["--ignore", "account/acme", "--reason", "x"], "--until YYYY-MM-DD"),
        (["--ignore", "account/acme", "--reason", "x", "--until", "soon"], "`soon` is not a day"),
        (["--ignore", "account/acme", "--reason", "x", "--until", "2020-01-01"], "is in the past"),
        (["--ignore", "account/acm", "--reason", "x", "--until", "2999-01-01"], "did you mean `account/acme`?"),
    ],
)  # fmt: skip
def test_nothing_is_ignored_without_reason_end_and_address(call, said, work):
    work.copy_acme()
    assert said in work.run("drift", *call, status=1).err
    assert not (work.folder / IGNORE).exists()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ignore: [{address: account/acme}]\n", ":1:10"),
        ("ignored: []\n", ":1:1"),
        ("ignore:\n  - {address: a, reason: '', until: 2999-01-01}\n", ":2:26"),
        ("ignore:\n  - {address: a, reason: x, until: soon}\n", ":2:36"),
    ],
)
def test_a_file_of_ignores_that_is_wrong_is_an_error_in_its_place(text, place, work):
    work.copy_acme()
    work.write(IGNORE, text)
    assert IGNORE + place in work.run("validate", status=1).out


def fields(drift):
    return [field for step in drift["steps"] for field in step["fields"]]
