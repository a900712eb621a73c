"""The outcome of a step, and the progress of a long group of steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from provisioner.model.diagnostics import Span
from provisioner.model.plan import Step
from provisioner.model.resource import Address


class Outcome(Enum):
    """How a step ended.

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
    """A step's outcome; `code` and `reason` come from Salesforce, `span` is their line.

    `already`: there was nothing to do, because the org already had these values. `until`: the
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
    """A run waits for the outcome of these steps, until `until` at the latest."""

    addresses: tuple[Address, ...]
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a group of similar steps; `sign` is the sign of their action."""

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
        """Seconds until the group is done, at the rate so far; `None` if there is no rate yet."""
        return (self.total - self.done) / self.rate if self.rate else None
