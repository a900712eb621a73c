"""What an apply did, as plain data: its plan's view, and what became of every step. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.model.outcome import Outcome, StepResult
from provisioner.plan.document import place


def ran(
    view: Mapping[str, Any], results: Iterable[StepResult], about: Mapping[str, Any]
) -> dict[str, Any]:
    """The view of the plan that was run, with `result` in each step and `run` of the whole.

    `about` names the run, by whom, when, and how it ended.
    """
    by_address = {str(r.step.address): _result(r) for r in results}
    nothing = {"outcome": Outcome.SKIPPED.value, "reason": "the run ended before it"}
    blank = {"id": None, "code": None, "already": False, **place(None)}
    steps = [
        {**step, "result": by_address.get(step["address"], {**blank, **nothing})}
        for step in view["steps"]
    ]
    counted = Counter(step["result"]["outcome"] for step in steps)
    outcomes = {outcome.value: counted[outcome.value] for outcome in Outcome}
    return {**view, "report": "apply", "steps": steps, "run": {**about, "outcomes": outcomes}}


def _result(found: StepResult) -> dict[str, Any]:
    return {
        "outcome": found.outcome.value,
        "id": found.id,
        "code": found.code,
        "reason": found.reason,
        "already": found.already,
        **place(found.span),
    }
