"""The life of a change: planned for review, stale, planned again, applied, drifted, adopted."""

import json
import re
import subprocess

import pytest

PEOPLE = "specs/acme/people.yaml"


@pytest.fixture
def acme(work, org):
    """The walk-through as it is in production, in a repository."""
    work.copy_acme()
    work.use(org)
    work.run("apply", "--env", "served", "--auto-approve", status=0)
    git(work, "init", "-q", "-b", "main")
    commit(work, "The portal")
    return work


def git(work, *arguments):
    done = subprocess.run(
        ["git", "-c", "user.name=T", "-c", "user.email=t@acme.example", *arguments],
        cwd=work.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(work, subject):
    git(work, "add", "specs")
    git(work, "commit", "-q", "-m", subject)


def phone(org):
    (account,) = org.query("SELECT Phone, Fax FROM Account WHERE Name='Acme Corporation'")
    return account["Phone"], account["Fax"]


def test_a_change_from_pull_request_to_adoption(acme, org):
    sam = org.colleague("Sam", "Hand")

    # A pull request: two values, planned for review and saved.
    text = (acme.folder / PEOPLE).read_text("utf-8")
    more = '    Name: Acme Corporation\n    Phone: "+49 30 1"   # the front desk\n    Fax: "+49 30 2"\n'
    acme.write(PEOPLE, text.replace("    Name: Acme Corporation\n", more))
    comment = acme.run(
        "plan", "--env", "served", "--out", "plan.json", "--format", "markdown", status=0
    )
    assert "account/acme" in comment.out
    reviewed = json.loads((acme.folder / "plan.json").read_text("utf-8"))
    assert [(s["address"], [f["name"] for f in s["fields"]]) for s in reviewed["steps"]] == [
        ("account/acme", ["Phone", "Fax"])
    ]
    commit(acme, "Give Acme a front desk")

    # Meanwhile somebody changes one of them by hand: the plan is stale.
    sam.change("Account", "Name='Acme Corporation'", Phone="+49 30 9")
    stale = acme.run("apply", "plan.json", "--auto-approve", status=4)
    assert 'account/acme.Phone: was null, is "+49 30 9" now' in stale.err
    assert phone(org) == ("+49 30 9", None)

    # A new plan shows that value, is reviewed, and is what happens.
    again = acme.run("plan", "--env", "served", "--out", "plan.json", status=0)
    assert 'Phone: "+49 30 9" -> "+49 30 1"' in again.out
    applied = acme.run("apply", "plan.json", "--auto-approve", status=0)
    assert "Applied: 1 done" in applied.out
    assert "In sync" in applied.out
    assert phone(org) == ("+49 30 1", "+49 30 2")

    # The schedule finds drift, and says by whom.
    sam.change("Account", "Name='Acme Corporation'", Phone="+49 30 8")
    drifted = acme.run("drift", "--env", "served", "--adopt", "adopt.patch", status=2)
    assert re.search(r"Phone .*\n.*spec has \"\+49 30 1\"\n.*org has  \"\+49 30 8\"", drifted.out)
    assert re.search(r"last modified [0-9-]+ [0-9:]+ UTC by Sam Hand", drifted.out)
    assert "1 of 7 resources differ" in drifted.out

    # It is right: it is adopted by a patch, and the plan is empty.
    git(acme, "apply", "adopt.patch")
    assert git(acme, "diff", "--numstat").split() == ["1", "1", PEOPLE]
    assert '    Phone: "+49 30 8"   # the front desk\n' in (acme.folder / PEOPLE).read_text("utf-8")
    commit(acme, "Adopt the new number")
    assert "In sync" in acme.run("plan", "--env", "served", "--detailed-exitcode", status=0).out
    assert "No drift" in acme.run("drift", "--env", "served", status=0).out
