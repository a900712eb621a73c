"""Count the rows of a large group of steps, and report the progress once a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from provisioner.model.outcome import Progress
from provisioner.model.plan import Step

# The progress of a group that fits one request is not worth reporting.
_MANY = 200
_EVERY = 1.0


class ProgressMeter:
    """Reports the progress of a group of similar steps once a second, and its end."""

    def __init__(self, observe: Callable[[Progress], object]) -> None:
        self._observe = observe
        self._of: tuple[str, str, int] | None = None
        self._finished = self._in_job = 0
        self._began = self._reported = 0.0
        self._complete = False

    def start(self, steps: Sequence[Step], of: int) -> None:
        """Some steps of a wave of `of` steps begin. All slices of a wave are counted together."""
        kinds = {(step.address.kind, step.action.value) for step in steps}
        if len(kinds) != 1 or of <= _MANY:
            self._of = None
            return
        ((kind, sign),) = kinds
        if self._of != (kind, sign, of):
            self._of = kind, sign, of
            self._finished, self._complete = 0, False
            self._began = self._reported = time.monotonic()
        self._in_job = 0

    def processed(self, rows: int) -> None:
        """A bulk job processed this many more rows, with an outcome that is not known yet."""
        self._in_job += rows
        self._report()

    def finished(self, rows: int) -> None:
        """This many rows of a batch have ended, including those that its job has processed."""
        self._finished += rows
        self._in_job = 0
        self._report()

    def _report(self) -> None:
        if self._of is None:
            return
        kind, sign, total = self._of
        done = min(self._finished + self._in_job, total)
        now = time.monotonic()
        if now - self._reported >= _EVERY or (done == total and not self._complete):
            self._reported, self._complete = now, done == total
            self._observe(Progress(kind, sign, done, total, now - self._began))
