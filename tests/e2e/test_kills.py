"""Killed at any request, before it is done or after, an apply is gone on with: nothing is lost.

A sample of the places is tried; `pytest tests/e2e/test_kills.py --sweep` tries every one.
"""

import csv
import json
import random
import subprocess
import time
from collections import Counter

import pytest

DEADLINE = 120
# A run waits 1.2 seconds for what was lost, and the org may act on it for 12.
SCALE = 0.02
SETTLED = 600 * SCALE
APPLY = ("apply", "--env", "served", "--auto-approve")
WALK_THROUGH = {
    "Account": 1,
    "Contact": 1,
    "Profile WHERE Name LIKE 'Acme%'": 1,
    "User WHERE ContactId != null": 1,
    "Group WHERE DeveloperName = 'provisioner_lease'": 0,
}
# More than one collection, so that a request among others can be the one that is cut.
PEOPLE = 450
FAULTS = ("unavailable", "drop", "commit-then-drop", "cut-answer", "lock-row")
ROSTER = """\
settings: {OrgSettings: {enableCustomerSuccessPortal: true}}
rosters:
  people:
    file: people.csv
    key: "{{ row.Email }}"
    account: {Name: "{{ row.Company }}", AccountNumber: "{{ row.Company }}", owner: portal.admin@acme.example}
    contact: {LastName: "{{ row.Last }}", Email: "{{ row.Email }}"}
    user: {profile: High Volume Customer Portal, Username: "{{ row.Email }}.portal"}
"""


@pytest.fixture(scope="module")
def served(org, watched):
    """One org for all places, put back to its first day before each."""
    org.control("POST", "/snapshots/new")
    return org, watched


@pytest.fixture
def acme(work, served):
    org, watched = served
    org.control("POST", "/snapshots/new/restore")
    org.control("DELETE", "/faults")
    watched.arrived = watched.answered = None
    watched.requests.clear()
    work.copy_acme()
    work.use(org, watched.url)
    work.variables["PROVISIONER_TIME_SCALE"] = str(SCALE)
    return work, org, watched


def kill_at(work, watched, place, *, after):
    """Run apply and kill it at its request of that number; whether it was still there."""
    watched.requests.clear()
    process = work.start(*APPLY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def strike(number):
        if number == place:
            process.kill()
        return number == place

    watched.arrived, watched.answered = (None, strike) if after else (strike, None)
    process.wait(timeout=DEADLINE)
    watched.arrived = watched.answered = None
    return process.returncode == -9


def assert_completes(work, org, counts):
    """A clean apply, an empty second plan, nothing twice, no line of a journal without its end.

    What was cut off and could be created twice may be unknown until it is settled.
    """
    if work.run(*APPLY, timeout=DEADLINE).status != 0:
        time.sleep(SETTLED)
        work.run(*APPLY, status=0, timeout=DEADLINE)
    work.run("plan", "--env", "served", "--detailed-exitcode", status=0)
    found = {of: len(rows(org, f"SELECT Id FROM {of}")) for of in counts}
    assert found == counts
    for file in (work.home / "journal").glob("*.jsonl"):
        lines = [json.loads(line) for line in file.read_text("utf-8").splitlines() if is_json(line)]
        ends = {line.get("end", line.get("settled")) for line in lines}
        assert {line["begin"] for line in lines if "begin" in line} <= ends, file.read_text()


def rows(org, soql):
    page = org.send("GET", "/query", params={"q": soql}).json()
    found = page["records"]
    while not page["done"]:
        path = page["nextRecordsUrl"].removeprefix("/services/data/v62.0")
        page = org.send("GET", path).json()
        found += page["records"]
    return found


def is_json(line):
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_the_walk_through_killed_at_any_request_goes_on(acme, sweep):
    work, org, watched = acme
    work.run(*APPLY, status=0)
    count = len(watched.requests)
    places = [(place, after) for place in range(count) for after in (False, True)]
    # The same sample each time, spread over the whole run.
    for place, after in places if sweep else random.Random(5).sample(places, 6):
        org.control("POST", "/snapshots/new/restore")
        died = kill_at(work, watched, place, after=after)
        assert died, f"request {place} of {count} was never sent"
        assert_completes(work, org, WALK_THROUGH)
        mails = Counter(mail["recipient"] for mail in org.outbox())
        assert mails["jane.doe@acme.example"] == 1, (place, after)


def test_a_roster_killed_anywhere_with_faults_on_goes_on(acme, sweep):
    work, org, watched = acme
    environment = (work.folder / "specs/acme/environments/served.yaml").read_text("utf-8")
    work.write("specs/people/environments/served.yaml", environment)
    work.write("specs/people/people.yaml", ROSTER)
    with (work.folder / "specs/people/people.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Email", "Last", "Company"])
        writer.writerows([f"p{n}@acme.example", f"Last {n}", f"C{n % 7}"] for n in range(PEOPLE))
    counts = {
        "Account": 7,
        "Contact": PEOPLE,
        "User WHERE ContactId != null": PEOPLE,
        "Group WHERE DeveloperName = 'provisioner_lease'": 0,
    }
    for number in range(200 if sweep else 3):
        org.control("POST", "/snapshots/new/restore")
        org.control("PUT", "/licenses", {"PID_High_Volume_Customer_Portal": 1000})
        chance = random.Random(number)
        for kind in FAULTS:
            fault = {"kind": kind, "probability": 0.05, "seed": number, "path": "/services/data"}
            org.control("POST", "/faults", fault | ({"rows": 3} if kind == "lock-row" else {}))
        people = work_on(work, "specs/people")
        kill_at(people, watched, chance.randrange(35), after=chance.random() < 0.5)
        org.control("DELETE", "/faults")
        assert_completes(people, org, counts)


def work_on(work, spec):
    """The same folder, where `apply` and `plan` are about another spec."""

    class On(type(work)):
        def run(self, command, *arguments, **more):
            return super().run(command, spec, *arguments, **more)

        def start(self, command, *arguments, **more):
            return super().start(command, spec, *arguments, **more)

    return On(work.folder, work.variables)
