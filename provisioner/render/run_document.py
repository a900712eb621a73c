"""The run document: the document of the plan that was applied, and the outcome of every step. Pure.

`schemas/run.schema.json` publishes the format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, TypedDict, cast

from provisioner.model.masking import MaskedData, masked
from provisioner.model.outcome import Outcome, StepResult
from provisioner.plan.document import OrgReport, PlaceDocument, PlanDocument, StepDocument, place


class ResultDocument(PlaceDocument):
    outcome: Annotated[str, Outcome]
    id: str | None
    code: str | None
    reason: str | None
    already: bool


class RunStepDocument(StepDocument):
    result: ResultDocument


class OutcomesDocument(TypedDict):
    done: int
    failed: int
    skipped: int
    unknown: int
    conflict: int


class RunFacts(TypedDict):
    """Which run it was, who started it, when, and how it ended."""

    id: str
    identity: str | None
    started: str
    finished: str
    seconds: float
    version: str
    api_calls: int
    interrupted: bool
    in_sync: bool


class RunInfoDocument(RunFacts):
    outcomes: OutcomesDocument


class RunDocument(OrgReport):
    report: Literal["apply"]
    steps: list[RunStepDocument]
    run: RunInfoDocument


def run_document(
    plan: MaskedData[PlanDocument], results: Iterable[StepResult], facts: RunFacts
) -> MaskedData[RunDocument]:
    """The document of the plan, with `result` in each step and `run` for the whole run."""
    results = tuple(results)
    addresses = (str(r.step.address) for r in results)
    by_address = dict(zip(addresses, masked([_result(r) for r in results]), strict=True))
    steps: list[RunStepDocument] = [
        {**step, "result": by_address.get(step["address"], _NOT_STARTED)}
        for step in plan.document["steps"]
    ]
    outcomes = Counter(step["result"]["outcome"] for step in steps)
    run: RunInfoDocument = {
        **masked(facts),
        "outcomes": {
            "done": outcomes[Outcome.DONE.value],
            "failed": outcomes[Outcome.FAILED.value],
            "skipped": outcomes[Outcome.SKIPPED.value],
            "unknown": outcomes[Outcome.UNKNOWN.value],
            "conflict": outcomes[Outcome.CONFLICT.value],
        },
    }
    common: OrgReport = plan.document
    return MaskedData({**common, "report": "apply", "steps": steps, "run": run})


def result_of(step: StepDocument) -> ResultDocument | None:
    """The outcome of a step of a run; `None` for a step of a plan."""
    return cast("RunStepDocument", step).get("result")


def _result(result: StepResult) -> ResultDocument:
    return {
        "outcome": result.outcome.value,
        "id": result.id,
        "code": result.code,
        "reason": result.reason,
        "already": result.already,
        **place(result.span),
    }


_NOT_STARTED: ResultDocument = {
    "id": None,
    "code": None,
    "already": False,
    **place(None),
    "outcome": Outcome.SKIPPED.value,
    "reason": "the run ended before this step",
}
