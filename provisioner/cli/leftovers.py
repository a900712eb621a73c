"""What a second plan still has after an apply, and why: change the explanation here."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from provisioner.cli import output
from provisioner.spec.load import LoadedSpec

if TYPE_CHECKING:
    from provisioner.cli.running import Ran
    from provisioner.model.outcome import StepResult
    from provisioner.model.plan import Step
    from provisioner.plan.make import Planned


def tell(
    planned: Planned, again: Planned, ran: Ran, unknown: Sequence[StepResult], loaded: LoadedSpec
) -> None:
    """Say what is left to do after a run, whether it failed, is unknown, or was undone since."""
    from provisioner.model.outcome import Outcome
    from provisioner.render import text

    if unknown:
        _tell_unknown(unknown)
    done = {Outcome.DONE, Outcome.UNKNOWN} | ({Outcome.SKIPPED} if unknown else set())
    if set(ran.counts) - done:
        left = _steps(len(again.plan.steps))
        output.say(f"{left} left to do", "fix what failed, and apply again")
    elif not unknown and again.plan.steps and not again.plan.errors:
        _tell_changed(planned, again.plan.steps)
    if again.plan.steps:
        output.tell(text.plan(output.plan_document(again.plan, loaded).document))
    output.problems(again.plan.problems, loaded, sys.stderr)


def _tell_unknown(unknown: Sequence[StepResult]) -> None:
    names = _listed(str(result.step.address) for result in unknown)
    until = max((result.until for result in unknown if result.until), default=None)
    remedy = "apply again: the next run looks up what became of it"
    if until:
        remedy = (
            f"apply again after {until:%H:%M:%S} UTC; an earlier apply does everything else and "
            "does not send this again"
        )
    output.say(f"the outcome of {names} is unknown", remedy)


def _tell_changed(planned: Planned, left: Sequence[Step]) -> None:
    """Every step was done, and yet something differs: say whether it was changed since."""
    written = {step.address: step for step in planned.plan.steps}
    changed = [step for step in left if _was_changed(written.get(step.address), step)]
    kept_not = [step for step in left if step not in changed]
    if changed:
        output.say(
            "changed in the org since this run wrote it, by a person or by automation there: "
            + _listed(map(_who, changed)),
            "look at the change; apply again to restore what the spec says",
        )
    if kept_not:
        names = _listed(str(step.address) for step in kept_not)
        output.say(
            f"every step was done, but the org does not keep what it was sent for {names}",
            "check the value in the spec; if it is right, this is a bug in provisioner: please "
            "report it",
        )


def _was_changed(before: Step | None, now: Step) -> bool:
    """Whether a difference after a run was made in the org, and is not a value it did not keep.

    What the run did not write was in sync when it was planned. What it wrote and that holds
    neither the value from before nor the one that was sent got a third one.
    """
    if before is None or now.change.before is None:
        return True
    old, live = before.change.before, now.change.before
    for field in now.change.fields:
        kept = None if old is None else old.fields.get(field.name)
        if live.fields.get(field.name) != kept:
            return True
    return False


def _author(step: Step) -> str | None:
    live = step.change.before
    by = live.written.get("LastModifiedBy.Name") if live else None
    return None if by is None else str(by)


def _who(step: Step) -> str:
    fields = ", ".join(field.name for field in step.change.fields)
    by = _author(step)
    return f"{step.address}" + (f" ({fields})" if fields else "") + (f" by {by}" if by else "")


def _listed(names: Iterable[str]) -> str:
    all_ = list(names)
    more = f" and {len(all_) - 5} more" if len(all_) > 5 else ""
    return ", ".join(all_[:5]) + more


def _steps(count: int) -> str:
    return "1 step is" if count == 1 else f"{count} steps are"
