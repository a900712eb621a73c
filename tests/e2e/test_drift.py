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


@pytest.fixture
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
    for step in seen["steps"]:
        if step["file"] == SPEC:
            assert step["last_modified"]["by"] == "Sam Hand"
            assert step["last_modified"]["at"]

    told = acme.run("drift", "--env", "served", status=2)
    assert "4 of 7 resources differ" in told.out
    assert re.search(r'Fax .*\n.*spec has "\+49 30 1"\n.*org has  "\+49 30 2"', told.out)
    assert "Sam Hand" in told.out
    assert watched.writes() == []

    acme.run("apply", "--env", "served", "--auto-approve", status=0)
    assert "No drift" in acme.run("drift", "--env", "served", status=0).out
    (jane,) = org.query("SELECT IsActive, Contact.LastName FROM User WHERE FirstName='Jane'")
    assert jane["IsActive"] is True
    assert jane["Contact"]["LastName"] == "Doe"


def fields(drift):
    return [field for step in drift["steps"] for field in step["fields"]]
