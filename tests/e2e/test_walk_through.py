"""The main job: `specs/acme` on a local org that another process serves, from plan to drift."""

import re

import pytest
import requests
from lxml import html

STEPS = [
    "settings/OrgSettings",
    "profile/Acme Portal User",
    "portal/Acme Customer Portal",
    "layout/Contact-Contact Layout",
    "account/acme",
    "contact/jane",
    "user/jane",
]
EMPTY_PLAN_CALLS = 12


@pytest.fixture
def acme(work, org, watched):
    """A folder with the walk-through's spec, for the served org behind the proxy."""
    work.copy_acme()
    work.use(org, watched.url)
    return work


def test_from_the_first_plan_to_a_login_page_and_no_drift(acme, org, watched):
    planned = acme.run("plan", "--env", "served", "--detailed-exitcode", status=2)
    numbered = re.findall(r"^ *(\d+)  [+~] (\S+/.*?)  (create|update)", planned.out, re.MULTILINE)
    assert [(int(n), address) for n, address, _ in numbered] == list(enumerate(STEPS, 1))
    assert "enableCustomerSuccessPortal: false -> true  line 5" in planned.out
    assert "specs/acme/portal.yaml:4" in planned.out
    assert "5 to create, 2 to update, 0 to deactivate, 0 to delete" in planned.out
    assert "0 -> 1 of 100 used, 99 left" in planned.out
    assert watched.writes() == []

    applied = acme.run("apply", "--env", "served", "--auto-approve", status=0)
    assert "7 done, 0 failed, 0 skipped, 0 unknown" in applied.out
    progress = re.findall(r"^\[(\d)/7\] . (.+?)  (\w+)$", applied.err, re.MULTILINE)
    # Steps that do not need each other go side by side; each has its number in the plan.
    assert {(int(n), address, outcome) for n, address, outcome in progress} == {
        (n, address, "done") for n, address in enumerate(STEPS, 1)
    }
    assert watched.writes() != []

    url = applied.out.rstrip("\n").splitlines()[-1].partition(": ")[2]
    page = requests.get(url, timeout=30)
    assert page.status_code == 200
    assert url.startswith(watched.url)
    (form,) = html.fromstring(page.text).forms
    assert {"un", "pw"} <= set(form.fields)
    assert "Acme Customer Portal" in page.text

    (mail,) = org.outbox()
    assert "jane.doe@acme.example" in str(mail)
    (jane,) = org.query("SELECT Profile.Name, Contact.Account.Name FROM User WHERE LastName='Doe'")
    assert jane["Profile"]["Name"] == "Acme Portal User"
    assert jane["Contact"]["Account"]["Name"] == "Acme Corporation"

    watched.requests.clear()
    again = acme.run("plan", "--env", "served", "--detailed-exitcode", "--format", "json", status=0)
    assert again.json["steps"] == []
    assert again.json["problems"] == []
    assert again.json["summary"]["api_calls_read"] <= EMPTY_PLAN_CALLS
    counted = [path for _, path, _ in watched.requests if path.startswith("/services/")]
    assert len(counted) <= EMPTY_PLAN_CALLS

    drift = acme.run("drift", "--env", "served", status=0)
    assert "No drift" in drift.out
    nothing = acme.run("apply", "--env", "served", status=0)
    assert url in nothing.out
    assert watched.writes() == []
