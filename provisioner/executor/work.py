"""A step on its way through its calls, and the results it can have."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.call import (
    Call,
    CloneMetadata,
    CreateMetadata,
    CreateRecord,
    RenameMetadata,
    ResetPassword,
    SetPassword,
)
from provisioner.diagnostics import Span
from provisioner.executor.moved import Verdict
from provisioner.kinds.metadata import NAME
from provisioner.kinds.user import PASSWORD
from provisioner.org.errors import Refused
from provisioner.outcome import Outcome, StepResult
from provisioner.plan import Step


@dataclass(slots=True)
class Work:
    """A step on its way: its next call, and how often that was tried in vain."""

    step: Step
    position: int = 0
    tries: int = 0
    id: str | None = None

    @property
    def call(self) -> Call:
        return self.step.calls[self.position]


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
    """A step that was not written, for the org has moved."""
    assert verdict.moved is not None
    span = step.change.after.span(verdict.moved.field or "")
    return StepResult(step, Outcome.CONFLICT, reason=str(verdict.moved), span=span)


def unknown(work: Work, reason: str) -> StepResult:
    """A step of which nobody knows yet whether it was written."""
    return StepResult(work.step, Outcome.UNKNOWN, id=work.id, reason=reason, span=work.step.span)


def _blame(work: Work, error: Refused) -> Span | None:
    """Where the refused field was written; else where the resource was."""
    after = work.step.change.after
    if work.step.calls and isinstance(work.call, SetPassword | ResetPassword):
        return after.span(PASSWORD)
    written = {name.casefold(): name for name in after.spans}
    named = (written.get(f.casefold()) for f in error.fields)
    return next((after.spans[n] for n in named if n), after.span())


def was_made(call: Call, verdict: Verdict) -> bool:
    """Whether the org shows that a call was made whose answer was lost.

    Of the others it is not asked: they write the same thing twice to the same end.
    """
    match call:
        case CreateRecord() | CreateMetadata() | CloneMetadata():
            return verdict.now is not None
        case RenameMetadata(_, _, new):
            return verdict.now is not None and verdict.now.written.get(NAME) == new
        case ResetPassword():
            return verdict.now is not None and verdict.now.fields.get(PASSWORD) is True
        case _:
            return False


def could_double(call: Call) -> bool:
    """Whether a second copy of the call would make a second record.

    Of usernames and of components there is one each, whoever comes second.
    """
    return isinstance(call, CreateRecord) and call.sobject not in ("User", "Profile")
