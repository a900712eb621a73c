"""The outcome of a step, and the progress of a long group of steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from provisioner.model.diagnostics import Span
from provisioner.model.plan import Step
from provisioner.model.resource import Address


class Outcome(Enum):
    """What became of a step.

    CONFLICT: the org has changed since the plan was made, and nothing was written. UNKNOWN: the
    response was lost, and the org did not show whether the request had an effect.
    """

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step's outcome; `code` and `reason` are Salesforce's own, `span` the line it blames.

    `already`: there was nothing left to do, because somebody else had done it. `until`: the
    outcome is unknown, and until then the org may act on a request that must not be repeated.
    """

    step: Step
    outcome: Outcome
    id: str | None = None
    code: str | None = None
    reason: str | None = None
    span: Span | None = None
    already: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """What a run waits for: the outcome of these steps, until `until` at the latest."""

    addresses: tuple[Address, ...]
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a group of like steps is, that travel together: `sign` is their action's."""

    kind: str
    sign: str
    done: int
    total: int
    seconds: float

    @property
    def rate(self) -> float:
        """Rows a second so far."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds until the group is through, at the rate so far; `None` before there is one."""
        return (self.total - self.done) / self.rate if self.rate else None
