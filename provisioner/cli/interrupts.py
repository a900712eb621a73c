"""Ctrl-C and SIGTERM during an apply: the first stops it in order, the second at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from provisioner.cli.exit_status import PARTLY


class SignalInterrupts:
    """The `Interrupts` of `apply.session`, set by signals."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def sleep(self, seconds: float) -> None:
        """Sleep until an interrupt or for this long."""
        self._event.wait(seconds)

    def handle(self, _number: int, _frame: FrameType | None) -> None:
        # Written to the file descriptor: the interrupted code may hold the lock of the stream.
        if self.requested:
            os.write(2, b"stopped at once: the next apply looks up what was being sent\n")
            os._exit(PARTLY)
        self._event.set()
        os.write(2, b"interrupted: finishing what was sent; interrupt again to stop at once\n")


@contextmanager
def interrupts() -> Iterator[SignalInterrupts]:
    """Handle Ctrl-C and SIGTERM as a request to stop, inside the `with` block."""
    interrupts = SignalInterrupts()
    before = {n: signal.signal(n, interrupts.handle) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
