"""A request whose response is lost may take effect minutes later: nothing is created or mailed twice.

The clock of these tests moves only when the run sleeps, so that ten minutes take no time.
"""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import requests

from provisioner.apply import executor, journal, recovery
from provisioner.apply.executor import RunControl, Unsettled
from provisioner.emulator.server import InProcessAdapter
from provisioner.model.outcome import Outcome
from provisioner.model.resource import Secret
from provisioner.org.client import SalesforceOrg
from provisioner.org.timing import Timing
from provisioner.plan import make as workflow

PEOPLE = ("amy", "ben", "eve")
SPEC = {
    "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
    "portals": {
        "Acme Portal": {
            "was": "Customer Portal",
            "active": True,
            "profiles": ["Acme User"],
            "admin": "Portal Admin",
        }
    },
    "profiles": {"Acme User": {"clone_of": "High Volume Customer Portal"}},
    "accounts": {
        "acme": {"Name": "Acme", "AccountNumber": "1", "owner": "portal.admin@acme.example"},
        "beta": {"Name": "Beta", "AccountNumber": "2", "owner": "portal.admin@acme.example"},
    },
    "contacts": {
        name: {"account": "acme", "LastName": name, "Email": f"{name}@acme.example"}
        for name in PEOPLE
    },
    "users": {
        name: {
            "contact": name,
            "profile": "Acme User",
            "Username": f"{name}@acme.example.portal",
            "on_create": {"password": "email"},
        }
        for name in PEOPLE
    },
}
# What is lost, and whether a second one would be a second record or a second e-mail.
LOST = {
    "accounts": ("POST", "/composite/sobjects", b'"Account"', True),
    "contacts": ("POST", "/composite/sobjects", b'"Contact"', True),
    "users": ("POST", "/composite/sobjects", b'"User"', False),
    "passwords": ("POST", "/composite$", b"/password", True),
    "profile": ("POST", "/Soap/m/", b"createMetadata", False),
    "layout": ("POST", "/Soap/m/", b"updateMetadata", False),
    "membership": ("POST", "PortalProfileMembershipPage", b"", False),
}


class Network:
    """The way to the org, where requests that match get no response and arrive later, or never."""

    def __init__(self, app):
        self.app = app
        self.door = InProcessAdapter(app)
        self.moment = datetime.now(UTC)
        self.lose = None
        self.late = []
        self.sent = []

    def now(self):
        return self.moment

    def sleep(self, seconds):
        self.moment += timedelta(seconds=seconds)
        self.arrive()

    def arrive(self):
        """What is due by now reaches the org."""
        due = [request for when, request in self.late if when <= self.moment]
        self.late = [(when, request) for when, request in self.late if when > self.moment]
        for request in due:
            self.door.send(request)

    def lost(self, what, seconds):
        """Lose the next such request, which arrives after so many seconds."""
        self.lose = (*LOST[what][:3], seconds)

    def adapter(self):
        network = self

        class Adapter(InProcessAdapter):
            def send(self, request, *args, **kwargs):
                return network.send(request)

        return Adapter(self.app)

    def send(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        self.sent.append((request.method, request.url, body))
        if self.lose:
            method, path, part, seconds = self.lose
            if request.method == method and re.search(path, request.url) and part in body:
                self.lose = None
                self.late.append((self.moment + timedelta(seconds=seconds), request))
                raise requests.ConnectionError("closed")
        return self.door.send(request)


@pytest.fixture
def network(portal):
    network = Network(portal.local.app())
    for url in (portal.url, portal.url.replace("http:", "https:")):
        portal.session.mount(url, network.adapter())
    return network


def run(portal, network, tmp_path, spec=SPEC, **conduct):
    """Plan and apply as the command does, with a journal; the results by address."""
    org = SalesforceOrg(
        portal.url, Secret(portal.token), session=portal.session, sleep=network.sleep
    )
    folder = tmp_path / "journal"
    records = journal.unfinished(folder, "org")
    planned = workflow.plan(portal.load(spec), org)
    changing = frozenset(step.address for step in planned.plan.steps)
    findings = recovery.find(records, planned.reading, changing, network.moment, Timing())
    journal.settle((f.write, f.result, f.id) for f in findings if f.result)
    unsettled = recovery.unsettled(findings, None)
    writing = journal.start(folder, journal.new_run(), {"url": "org"})
    conduct = {"unsettled": unsettled, "sleep": network.sleep, "now": network.now} | conduct
    results = list(executor.apply(planned, org, RunControl(journal=writing, **conduct)))
    writing.close({})
    assert len(results) == len(planned.plan.steps)
    return {str(result.step.address): result for result in results}


def outcomes(results):
    return {result.outcome for result in results.values()}


def everything(portal):
    counts = {
        "Account": 2,
        "Contact": 3,
        "User WHERE ContactId != null": 3,
        "Profile WHERE Name = 'Acme User'": 1,
    }
    found = {of: len(portal.query(f"SELECT Id FROM {of}")) for of in counts}
    mails = [mail.recipient for mail in portal.local.open().outbox()]
    assert sorted(set(mails)) == sorted(mails), mails
    return found == counts and len(mails) == 3


@pytest.mark.parametrize("seconds", [1, 20, 50])
@pytest.mark.parametrize("what", sorted(LOST))
def test_an_effect_within_the_minute_ends_the_step(portal, network, tmp_path, what, seconds):
    if what == "layout":
        spec = SPEC | {
            "layouts": {"Contact-Contact Layout": {"fields": {"Email": {"behavior": "Required"}}}}
        }
    else:
        spec = SPEC
    network.lost(what, seconds)
    results = run(portal, network, tmp_path, spec)
    assert network.lose is None, "the request was sent"
    assert outcomes(results) == {Outcome.DONE}
    network.sleep(3600)
    assert everything(portal)
    assert run(portal, network, tmp_path, spec) == {}


@pytest.mark.parametrize("seconds", [90, 300, 540])
@pytest.mark.parametrize("what", sorted(name for name, (*_, twice) in LOST.items() if twice))
def test_what_could_exist_twice_is_not_sent_again_for_ten_minutes(
    portal, network, tmp_path, what, seconds
):
    network.lost(what, seconds)
    first = run(portal, network, tmp_path)
    assert Outcome.UNKNOWN in outcomes(first)
    assert outcomes(first) <= {Outcome.DONE, Outcome.UNKNOWN, Outcome.SKIPPED}
    unknown = [r for r in first.values() if r.outcome is Outcome.UNKNOWN]
    assert all("the org may still act on it until" in r.reason for r in unknown)
    assert first["portal/Acme Portal"].outcome is Outcome.DONE
    second = run(portal, network, tmp_path)
    assert Outcome.FAILED not in outcomes(second)
    network.sleep(600)
    third = run(portal, network, tmp_path)
    assert outcomes(third) <= {Outcome.DONE}
    assert everything(portal)
    assert run(portal, network, tmp_path) == {}


@pytest.mark.parametrize("what", sorted(name for name, (*_, twice) in LOST.items() if twice))
def test_what_never_arrived_is_sent_again_after_ten_minutes(portal, network, tmp_path, what):
    network.lost(what, 10_000_000)
    assert Outcome.UNKNOWN in outcomes(run(portal, network, tmp_path))
    network.sleep(600)
    assert outcomes(run(portal, network, tmp_path)) == {Outcome.DONE}
    assert everything(portal)


def test_a_longer_wait_ends_in_the_same_run(portal, network, tmp_path):
    network.lost("contacts", 10_000_000)
    assert outcomes(run(portal, network, tmp_path, patience=700)) == {Outcome.DONE}
    assert everything(portal)


def test_the_run_continues_with_what_does_not_depend_on_it(portal, network, tmp_path):
    spec = json.loads(json.dumps(SPEC))
    spec["contacts"]["zoe"] = {"account": "beta", "LastName": "Zoe", "Email": "zoe@acme.example"}
    network.lost("passwords", 10_000_000)
    waits = []
    results = run(portal, network, tmp_path, spec, waits=waits.append)
    assert results["contact/zoe"].outcome is Outcome.DONE
    unknown = {a for a, r in results.items() if r.outcome is Outcome.UNKNOWN}
    assert unknown == {"user/amy", "user/ben", "user/eve"}
    assert {str(a) for a in waits[0].addresses} == unknown
    assert (waits[0].until - network.moment).total_seconds() < 60


def test_after_a_dead_run_of_another_machine_everything_waits_until_it_is_settled(
    portal, network, tmp_path
):
    until = network.moment + timedelta(seconds=300)
    unsettled = Unsettled(everything=until)
    results = run(portal, network, tmp_path, unsettled=unsettled)
    unknown = {a for a, r in results.items() if r.outcome is Outcome.UNKNOWN}
    assert unknown == {"account/acme", "account/beta"}
    assert results["profile/Acme User"].outcome is Outcome.DONE
    assert portal.query("SELECT Id FROM Account") == []
    network.sleep(300)
    assert outcomes(run(portal, network, tmp_path, unsettled=unsettled)) == {Outcome.DONE}
    assert everything(portal)


def test_an_unexpected_error_leaves_every_step_with_its_outcome(portal, network, tmp_path):
    org = portal.org
    planned = workflow.plan(portal.load(SPEC), org)
    results = []
    with pytest.raises(ValueError, match="a bug"):
        # Keeps the results that came before the exception.
        results.extend(executor.apply(planned, org, RunControl(halt=_bug, now=network.now)))
    assert {r.outcome for r in results} == {Outcome.SKIPPED}
    assert len(results) == len(planned.plan.steps)
    assert all("ended by an unexpected error: ValueError: a bug" in r.reason for r in results)


def _bug():
    raise ValueError("a bug")
