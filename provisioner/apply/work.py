"""The state of a step between its calls, and the results that it can have."""

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
    """A step that is being carried out.

    `position` is the index of its next call, `tries` counts the attempts at that call. `lost` are
    the journal numbers of its requests that got no response. `sent` says that one of them was for
    the next call, so that an error can be caused by its effect.
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
    """A step whose next call may have been carried out, so that its effect is looked up.

    `reason` says what happened. `until` is when the call can be sent again, because the org can no
    longer act on the first request; `None` if the call can be repeated at any time. `give_up` is
    when the outcome is reported as unknown. `job` is the bulk job with the call. `refusal` is the
    error for a call that may have been carried out before.
    """

    work: Work
    reason: str
    until: datetime | None
    give_up: datetime
    job: str | None = None
    refusal: Refused | None = None


def used_up(error: Refused) -> bool:
    """Whether the org accepts no more API calls today."""
    return error.code == "REQUEST_LIMIT_EXCEEDED" and not error.transient


def failed(work: Work, error: Refused) -> StepResult:
    """The result of a step that Salesforce rejected, with the line that caused it."""
    span = _blame(work, error)
    return StepResult(
        work.step, Outcome.FAILED, id=work.id, code=error.code, reason=error.message, span=span
    )


def conflict(step: Step, verdict: Verdict) -> StepResult:
    """The result of a step that was not written because the org has changed."""
    assert verdict.conflict is not None
    span = step.change.after.span(verdict.conflict.field or "")
    return StepResult(step, Outcome.CONFLICT, reason=str(verdict.conflict), span=span)


def unknown(work: Work, reason: str, until: datetime | None) -> StepResult:
    """The result of a step whose outcome is not known; `until` as in `StepResult`."""
    if until is not None:
        reason += f"; the org may still act on it until {until:%H:%M:%S} UTC"
    return StepResult(
        work.step, Outcome.UNKNOWN, id=work.id, reason=reason, span=work.step.span, until=until
    )


def _blame(work: Work, error: Refused) -> Span | None:
    """The line of the rejected field, or else of the resource."""
    after = work.step.change.after
    if work.step.calls and isinstance(work.call, SetPassword | ResetPassword):
        return after.span(PASSWORD)
    written = {name.casefold(): name for name in after.spans}
    fields = (written.get(f.casefold()) for f in error.fields)
    return next((after.spans[field] for field in fields if field), after.span())


def was_carried_out(call: Call, verdict: Verdict) -> bool:
    """Whether the org shows the effect of a call whose response was lost.

    Always false for a call that can be repeated: its step is complete, or the call is sent again.
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
