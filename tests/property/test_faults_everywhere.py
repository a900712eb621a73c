"""Every fault of the local org, at every request of the walk-through: the next apply ends it.

A sample of the requests is tried; `pytest tests/property/test_faults_everywhere.py --sweep`
tries every one.
"""

from pathlib import Path

import pytest
import yaml

from provisioner.emulator.base.faults import KINDS, Fault
from provisioner.emulator.control.endpoint import state
from provisioner.model.outcome import Outcome
from provisioner.org.errors import OrgError

ACME = Path(__file__).parents[2] / "specs" / "acme"
STRIDE = 9


@pytest.fixture(scope="module")
def spec():
    """The walk-through's spec as one document."""
    variables = {"{{ vars.domain }}": "acme.example", "{{ vars.suffix }}": "portal"}
    found = {}
    for file in sorted(ACME.glob("*.yaml")):
        text = file.read_text("utf-8")
        for name, value in variables.items():
            text = text.replace(name, value)
        found |= yaml.safe_load(text)
    return {name: part for name, part in found.items() if name != "verify"}


def requests_of(rehearse, spec):
    """How many requests a plan and an apply take that nothing disturbs."""
    at = rehearse()
    try:
        assert {r.outcome for r in at.apply(at.plan(spec))} == {Outcome.DONE}
        return len(at.door.app.extensions["request log"])
    finally:
        at.close()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "slow"])
def test_a_fault_at_any_request_is_gone_on_from(rehearse, spec, sweep, kind):
    count = requests_of(rehearse, spec)
    start = KINDS.index(kind) % STRIDE
    for skip in range(count) if sweep else range(start, count, STRIDE):
        at = rehearse()
        faults = state(at.door.app).faults
        faults.arm(Fault(kind, skip=skip, times=1, status=500 if skip % 2 else 400))
        try:
            outcomes = {r.outcome for r in at.apply(at.plan(spec))}
        except OrgError:
            outcomes = set()  # the plan was hit, and nothing was begun
        faults.clear()
        results = at.apply(at.plan(spec))
        assert {r.outcome for r in results} <= {Outcome.DONE}, (skip, outcomes)
        assert at.plan(spec).plan.steps == (), skip
        assert at.doubled() == [], skip
        assert len(at.local.outbox()) == 1, skip
        at.close()
