"""A step on its way through its calls, and the results that it can have."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from provisioner.apply.recheck import Verdict
from provisioner.kinds.metadata import NAME
from provisioner.kinds.user.fields import PASSWORD
from provisioner.model.diagnostics import Span
from provisioner.model.operations import (
    Call,
    CloneMetadata,
    CreateMetadata,
    CreateRecord,
    RenameMetadata,
    ResetPassword,
    SetPassword,
    UpsertRecord,
)
from provisioner.model.outcome import Outcome, StepResult
from provisioner.model.plan import Step
from provisioner.org.errors import Refused


@dataclass(slots=True)
class Work:
    """A step on its way.

    `position` is that of its next call, `tries` counts the attempts at that call. `lost` are the
    numbers in the journal of its requests that got no response, and `sent` says that one of
    those was for the next call: a refusal may then be about its effect.
    """

    step: Step
    position: int = 0
    tries: int = 0
    id: str | None = None
    lost: list[int] = field(default_factory=list)
    sent: bool = False

    @property
    def call(self) -> Call:
        return self.step.calls[self.position]


@dataclass(slots=True)
class Waiting:
    """A step whose next call may have been made: the org is asked about its effect.

    `reason` says what happened, `until` when the org can no longer be working on the request, so
    that it can be sent again: at once (`None`) for a call that may be repeated. `give_up` is when
    the outcome is reported as unknown. `job` is the bulk job that carries the call. `refusal` is
    what Salesforce said to a call that may have been made before.
    """

    work: Work
    reason: str
    until: datetime | None
    give_up: datetime
    job: str | None = None
    refusal: Refused | None = None


def used_up(error: Refused) -> bool:
    """Whether the org takes no more API calls today."""
    return error.code == "REQUEST_LIMIT_EXCEEDED" and not error.transient


def failed(work: Work, error: Refused) -> StepResult:
    """A step that Salesforce refused, with the line it blames."""
    span = _blame(work, error)
    return StepResult(
        work.step, Outcome.FAILED, id=work.id, code=error.code, reason=error.message, span=span
    )


def conflict(step: Step, verdict: Verdict) -> StepResult:
    """A step that was not written because the org has changed."""
    assert verdict.conflict is not None
    span = step.change.after.span(verdict.conflict.field or "")
    return StepResult(step, Outcome.CONFLICT, reason=str(verdict.conflict), span=span)


def unknown(work: Work, reason: str, until: datetime | None) -> StepResult:
    """A step whose outcome is not known; `until` as in `StepResult`."""
    if until is not None:
        reason += f"; the org may still act on it until {until:%H:%M:%S} UTC"
    return StepResult(
        work.step, Outcome.UNKNOWN, id=work.id, reason=reason, span=work.step.span, until=until
    )


def _blame(work: Work, error: Refused) -> Span | None:
    """Where the refused field was written; else where the resource was."""
    after = work.step.change.after
    if work.step.calls and isinstance(work.call, SetPassword | ResetPassword):
        return after.span(PASSWORD)
    written = {name.casefold(): name for name in after.spans}
    named = (written.get(f.casefold()) for f in error.fields)
    return next((after.spans[n] for n in named if n), after.span())


def was_made(call: Call, verdict: Verdict) -> bool:
    """Whether the org shows the effect of a call whose response was lost.

    Always false for a call that may be repeated and whose effect is the step's own: such a step
    is complete or its call is sent again.
    """
    match call:
        case CreateRecord() | UpsertRecord() | CreateMetadata() | CloneMetadata():
            return verdict.now is not None
        case RenameMetadata(_, _, new):
            return verdict.now is not None and verdict.now.written.get(NAME) == new
        case ResetPassword():
            return verdict.now is not None and verdict.now.fields.get(PASSWORD) is True
        case _:
            return False
