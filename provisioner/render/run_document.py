"""What an apply did, as plain data: its plan's view, and what became of every step. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.model.masking import MaskedData, masked, masked_data
from provisioner.model.outcome import Outcome, StepResult
from provisioner.plan.document import place


def ran(view: MaskedData, results: Iterable[StepResult], about: Mapping[str, Any]) -> MaskedData:
    """The view of the plan that was run, with `result` in each step and `run` of the whole.

    `about` names the run, by whom, when, and how it ended.
    """
    results = tuple(results)
    addresses = (str(r.step.address) for r in results)
    by_address = dict(zip(addresses, masked([_result(r) for r in results]), strict=True))
    nothing = {"outcome": Outcome.SKIPPED.value, "reason": "the run ended before it"}
    blank = {"id": None, "code": None, "already": False, **place(None)}
    steps = [
        {**step, "result": by_address.get(step["address"], {**blank, **nothing})}
        for step in view["steps"]
    ]
    counted = Counter(step["result"]["outcome"] for step in steps)
    outcomes = {outcome.value: counted[outcome.value] for outcome in Outcome}
    run = {**masked_data(about), "outcomes": outcomes}
    return MaskedData({**view, "report": "apply", "steps": steps, "run": run})


def _result(found: StepResult) -> dict[str, Any]:
    return {
        "outcome": found.outcome.value,
        "id": found.id,
        "code": found.code,
        "reason": found.reason,
        "already": found.already,
        **place(found.span),
    }
