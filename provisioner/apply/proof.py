"""Prove an apply: read the org again. A second plan must be empty, or its steps are explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.apply.session import RunListener, RunResult, record_late_outcomes
from provisioner.kinds.contact.checks import REPEATED
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.outcome import Outcome, StepResult
from provisioner.model.plan import Step
from provisioner.org.client import Org
from provisioner.plan import make
from provisioner.plan.make import Planned
from provisioner.plan.run_options import RunOptions
from provisioner.spec.load import LoadedSpec


@dataclass(frozen=True, slots=True)
class Proof:
    """What a second plan shows after a run.

    `again` is that plan, or `None` if the run was interrupted or ended by an error, or if the org
    could not be read (`error`). `unknown` are the steps whose outcome is still not known. `failed`
    says that the run did not do every step. If it did, the steps of `again` are `changed`, which
    somebody changed since, and `not_kept`, for which the org does not keep what it was sent.
    """

    again: Planned | None
    error: Exception | None = None
    unknown: tuple[StepResult, ...] = ()
    failed: bool = False
    repeated: bool = False
    changed: tuple[Step, ...] = ()
    not_kept: tuple[Step, ...] = ()

    @property
    def in_sync(self) -> bool:
        """Whether the org is as the spec says."""
        if self.again is None or self.error or self.unknown or self.repeated:
            return False
        return not self.again.plan and not self.again.plan.errors


def prove(
    result: RunResult,
    planned: Planned,
    spec: LoadedSpec,
    org: Org,
    options: RunOptions,
    journals: Path,
    listener: RunListener,
) -> Proof:
    """Make a second plan and compare it with what was done. Never raises: steps were applied."""
    if result.error is not None or result.interrupted:
        return Proof(None)
    try:
        again = make.plan(spec, org, options)
        unknown = record_late_outcomes(result, again, journals, listener)
    except Exception as error:  # noqa: BLE001 - the report of the run must be written
        return Proof(None, error)
    explained = {Outcome.DONE, Outcome.UNKNOWN} | ({Outcome.SKIPPED} if unknown else set())
    failed = bool(set(result.counts) - explained)
    repeated = bool(_repeated(again) - _repeated(planned))
    changed: tuple[Step, ...] = ()
    not_kept: tuple[Step, ...] = ()
    if not failed and not unknown and not again.plan.errors:
        changed, not_kept = _differences(planned.plan.steps, again.plan.steps)
    return Proof(again, None, unknown, failed, repeated, changed, not_kept)


def _repeated(planned: Planned) -> set[Diagnostic]:
    """The problems about records that exist twice."""
    return {problem for problem in planned.plan.problems if problem.code == REPEATED}


def _differences(
    done: Sequence[Step], left: Sequence[Step]
) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """The steps of a second plan that somebody caused since, and those that the org caused."""
    by_address = {step.address: step for step in done}
    changed = tuple(step for step in left if _was_changed(by_address.get(step.address), step))
    return changed, tuple(step for step in left if step not in changed)


def _was_changed(before: Step | None, now: Step) -> bool:
    """Whether a difference was made in the org since the run.

    What the run did not write was in sync when it was planned. If a field that it wrote has
    neither the value from before nor the new one, somebody gave it a third value.
    """
    if before is None or now.change.before is None:
        return True
    old, live = before.change.before, now.change.before
    return any(
        live.fields.get(field.name) != (None if old is None else old.fields.get(field.name))
        for field in now.change.fields
    )
