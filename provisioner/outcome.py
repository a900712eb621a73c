"""What became of a step, and how a long group of steps goes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from provisioner.diagnostics import Span
from provisioner.plan import Step


class Outcome(Enum):
    """What became of a step.

    CONFLICT: the org moved since the plan was made, and nothing was written. UNKNOWN: the
    answer was lost, and the org could not be asked; the next run finds out.
    """

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step's outcome; `code` and `reason` are Salesforce's own, `span` the line it blames.

    `already` says that there was nothing left to do: somebody else had done it.
    """

    step: Step
    outcome: Outcome
    id: str | None = None
    code: str | None = None
    reason: str | None = None
    span: Span | None = None
    already: bool = False


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
