"""Limits of the org: what passes is waited for, what does not ends the run with the numbers."""

import itertools

import pytest

from provisioner.apply import executor
from provisioner.apply.executor import RunControl
from provisioner.emulator.base.faults import Fault
from provisioner.emulator.control.endpoint import state
from provisioner.model.outcome import Outcome
from provisioner.model.resource import Secret
from provisioner.org.client import SalesforceOrg
from provisioner.plan import make as workflow
from provisioner.plan.policy import over_budget
from provisioner.spec.environment import Policy

SPEC = {
    "accounts": {key: {"Name": key.upper(), "AccountNumber": key} for key in "ab"},
    "contacts": {"c": {"account": "a", "LastName": "C", "Email": "c@acme.example"}},
    "layouts": {"Contact-Contact Layout": {"fields": {"Email": {"behavior": "Required"}}}},
}


@pytest.fixture
def org(portal):
    return SalesforceOrg(
        portal.url, Secret(portal.token), session=portal.session, sleep=lambda _: None
    )


def test_calls_that_are_used_up_end_the_run_with_the_numbers(portal, app, org):
    planned = workflow.plan(portal.load(SPEC), org)
    state(app).faults.arm(Fault("out-of-calls", path="/composite/sobjects"))
    results = list(executor.apply(planned, org))
    failed = [r for r in results if r.outcome is Outcome.FAILED]
    skipped = [r for r in results if r.outcome is Outcome.SKIPPED]
    assert [r.code for r in failed] == ["REQUEST_LIMIT_EXCEEDED"]
    assert len(skipped) >= 2
    ended = [r.reason for r in skipped if "used up" in r.reason]
    assert ended
    usage = org.usage
    assert f"({usage.used} of {usage.total})" in ended[0]


def test_too_many_calls_at_once_are_waited_for(portal, app, org):
    planned = workflow.plan(portal.load(SPEC), org)
    refusal = {
        "code": "REQUEST_LIMIT_EXCEEDED",
        "message": "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
        "status": 403,
    }
    state(app).faults.arm(Fault("refuse", path="/composite/sobjects", times=3, **refusal))
    waits = []
    results = list(executor.apply(planned, org, RunControl(sleep=waits.append)))
    assert {r.outcome for r in results} == {Outcome.DONE}
    assert len(waits) >= 3
    assert all(earlier < later * 2 for earlier, later in itertools.pairwise(waits))
    assert max(waits) <= 8


def test_a_run_stops_at_a_reason_to_halt_and_names_it(portal, app, org):
    planned = workflow.plan(portal.load(SPEC), org)
    results = list(executor.apply(planned, org, RunControl(halt=lambda: "its share is used up")))
    assert {(r.outcome, r.reason) for r in results} == {(Outcome.SKIPPED, "its share is used up")}
    assert portal.query("SELECT Id FROM Account") == []


def test_an_estimate_over_the_share_is_refused_with_the_numbers(portal, org):
    made = workflow.plan(portal.load(SPEC), org).plan
    assert over_budget(made, Policy(), None) == ()
    assert over_budget(made, Policy(), made.writes * 2) == ()
    (said,) = over_budget(made, Policy(), made.writes)
    most = made.writes * 80 // 100
    assert f"about {made.writes} API calls" in said.message
    share = f"80 % of the {made.writes} calls that the org has left today"
    assert f"allows {most}, {share}" in said.message


def test_the_estimate_is_what_it_takes(portal, org):
    planned = workflow.plan(portal.load(SPEC), org)
    before = org.api_calls
    assert {r.outcome for r in executor.apply(planned, org)} == {Outcome.DONE}
    lease = 3
    assert planned.plan.writes - lease == org.api_calls - before
