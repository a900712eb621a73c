"""Count the rows of a group of many steps, and tell now and then how it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from provisioner.model.outcome import Progress
from provisioner.model.plan import Step

# A group that fits one request is over before there is anything to tell.
_MANY = 200
_EVERY = 1.0


class ProgressMeter:
    """Tells `observe` of a group of like steps once a second, and when it is through."""

    def __init__(self, observe: Callable[[Progress], object]) -> None:
        self._observe = observe
        self._of: tuple[str, str, int] | None = None
        self._finished = self._in_job = 0
        self._began = self._told = 0.0
        self._through = False

    def start(self, steps: Sequence[Step], of: int) -> None:
        """Some steps of a wave of `of` begin; the count goes on through the parts of a wave."""
        kinds = {(step.address.kind, step.action.value) for step in steps}
        if len(kinds) != 1 or of <= _MANY:
            self._of = None
            return
        ((kind, sign),) = kinds
        if self._of != (kind, sign, of):
            self._of = kind, sign, of
            self._finished, self._through = 0, False
            self._began = self._told = time.monotonic()
        self._in_job = 0

    def processed(self, rows: int) -> None:
        """So many more rows of a bulk job were tried; how they ended is not known yet."""
        self._in_job += rows
        self._tell()

    def finished(self, rows: int) -> None:
        """So many rows of a batch ended, with all that the batch's job had told of before."""
        self._finished += rows
        self._in_job = 0
        self._tell()

    def _tell(self) -> None:
        if self._of is None:
            return
        kind, sign, total = self._of
        done = min(self._finished + self._in_job, total)
        now = time.monotonic()
        if now - self._told >= _EVERY or (done == total and not self._through):
            self._told, self._through = now, done == total
            self._observe(Progress(kind, sign, done, total, now - self._began))
