"""Convergence: from state to state, the plan is exactly what is expected, then nothing is left.

Each case of `cases/*.yaml` starts on a new local org with the `custom` fields and `seats`, applies
`start`, sends the requests of `hand`, and plans `spec`. The plan must be `plan` (left open where only `problems` are given) and `problems`; without problems it is
applied, the next plan is empty, and applying again sends no write.
"""

from pathlib import Path

import pytest
import yaml

from provisioner.emulator.lifecycle import first_day
from provisioner.model.plan import NoteKind

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
WRITES = {"POST", "PATCH", "PUT", "DELETE"}


def cases():
    for file in CASES:
        for case in yaml.safe_load(file.read_text("utf-8")):
            yield pytest.param(case, id=f"{file.stem}: {case['case']}")


@pytest.mark.parametrize("case", list(cases()))
def test_converges(case, portal):
    for sobject, line in case.get("custom", {}).items():
        portal.local.open().add_custom_field(sobject, line)
    if seats := case.get("seats"):
        org = portal.local.open()
        first_day.set_seats(org, seats, first_day.admin_id(org))
    if "start" in case:
        portal.apply(case["start"])
    for request in case.get("hand", ()):
        portal.by_hand(request)

    planned = portal.plan(case["spec"])
    gained, mailed = map(planned.plan.people, (NoteKind.GAINS_LOGIN, NoteKind.EMAIL))
    assert mailed - gained == sum(e.difference for e in planned.plan.emails)
    if "plan" in case or "problems" not in case:
        assert lines(planned.plan) == case.get("plan", [])
    problems = [f"{p.severity.value} {p.code}" for p in planned.plan.problems]
    assert problems == case.get("problems", [])
    assert all(p.span for p in planned.plan.problems), "a problem without a place"
    if planned.plan.errors:
        return

    results = list(portal.apply_plan(planned))
    assert [(r.code, r.reason) for r in results if r.outcome.value != "done"] == []
    assert len(results) == len(planned.plan.steps)
    portal.requests.clear()
    again = portal.plan(case["spec"])
    assert lines(again.plan) == []
    assert list(portal.apply_plan(again)) == []
    assert portal.writes() == []


def lines(plan):
    """A plan as a case writes it: sign and address, then each field with before and after."""
    return [
        {f"{step.action.value} {step.address}": [field(step, f) for f in step.change.fields]}
        if step.change.fields
        else f"{step.action.value} {step.address}"
        for step in plan.steps
    ]


def field(step, changed):
    mark = " (default)" if changed.default else ""
    if step.change.before is None:
        return f"{changed.name}: {shown(changed.after)}{mark}"
    return f"{changed.name}: {shown(changed.before)} -> {shown(changed.after)}"


def shown(value):
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
