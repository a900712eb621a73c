"""Thousands of people travel in bulk jobs; whatever happens to a job, nobody is made twice."""

from datetime import UTC, datetime, timedelta

import pytest

from provisioner.apply import executor
from provisioner.apply.executor import RunControl
from provisioner.emulator.base.faults import Fault
from provisioner.emulator.control.endpoint import state
from provisioner.model.outcome import Outcome
from provisioner.model.resource import Secret
from provisioner.org.client import SalesforceOrg
from provisioner.plan import make as workflow

COUNT = 2_100


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self):
        return self.moment

    def sleep(self, seconds):
        self.moment += timedelta(seconds=seconds)


SPEC = {
    "accounts": {f"a{n}": {"Name": f"A{n}", "AccountNumber": f"{n}"} for n in range(3)},
    "contacts": {
        f"p{n}": {"account": f"a{n % 3}", "LastName": f"L{n}", "Email": f"p{n}@acme.example"}
        for n in range(COUNT)
    },
}


def apply(portal, **conduct):
    org = SalesforceOrg(
        portal.url, Secret(portal.token), session=portal.session, sleep=lambda _: None
    )
    planned = workflow.plan(portal.load(SPEC), org)
    clock = Clock()
    conduct = RunControl(sleep=clock.sleep, now=clock.now, **conduct)
    results = list(executor.apply(planned, org, conduct))
    assert len(results) == len(planned.plan.steps)
    return results


def contacts(portal):
    (row,) = portal.query("SELECT COUNT(Id) n FROM Contact")
    return row["n"]


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        ({"method": "POST", "path": "/jobs/ingest$"}, 2),
        ({"method": "PUT", "path": "/batches"}, 2),
        ({"method": "PATCH", "path": "/jobs/ingest/"}, 2),
        ({"method": "GET", "path": r"/jobs/ingest/\w+$"}, 5),
        ({"method": "GET", "path": "/successfulResults"}, 5),
        ({"method": "GET", "path": "/failedResults"}, 5),
    ],
)
@pytest.mark.parametrize("kind", ["drop", "commit-then-drop"])
def test_a_job_that_is_cut_off_anywhere_ends_with_everybody_once(portal, app, fault, times, kind):
    state(app).faults.arm(Fault(kind, times=times, **fault))
    assert {r.outcome for r in apply(portal)} == {Outcome.DONE}
    assert contacts(portal) == COUNT
    assert apply(portal) == []


def test_rows_that_are_locked_are_tried_again_and_a_bad_one_fails_alone(portal, app):
    faults = state(app).faults
    faults.arm(Fault("lock-row", sobject="Contact", times=1, rows=40))
    faults.arm(
        Fault(
            "refuse-row",
            sobject="Contact",
            rows=1,
            code="FIELD_INTEGRITY_EXCEPTION",
            times=1,
            skip=1,
        )
    )
    results = apply(portal)
    failed = [r for r in results if r.outcome is not Outcome.DONE]
    assert [(r.outcome, r.code) for r in failed] == [(Outcome.FAILED, "FIELD_INTEGRITY_EXCEPTION")]
    assert contacts(portal) == COUNT - 1
    faults.clear()
    assert {r.outcome for r in apply(portal)} == {Outcome.DONE}
    assert contacts(portal) == COUNT


def test_a_wish_to_stop_ends_a_job_and_what_was_not_tried_is_skipped(portal, app):
    told = []

    def halt():
        return "interrupted" if told else None

    results = apply(portal, halt=halt, observe=told.append)
    outcomes = {r.outcome for r in results}
    assert outcomes <= {Outcome.DONE, Outcome.SKIPPED}
    made = sum(r.outcome is Outcome.DONE and r.step.address.kind == "contact" for r in results)
    assert contacts(portal) == made
    assert {r.outcome for r in apply(portal)} <= {Outcome.DONE}
    assert contacts(portal) == COUNT
