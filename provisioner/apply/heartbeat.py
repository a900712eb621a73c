"""Tell a listener every 30 seconds that a run is alive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from provisioner.model.events import Heartbeat

_INTERVAL = 30.0


@contextmanager
def heartbeat(
    total: int, listener: Callable[[Heartbeat], object], interval: float = _INTERVAL
) -> Iterator[Callable[[], None]]:
    """Send heartbeats from a thread inside the `with` block.

    Yields a function to call after each of the `total` steps.
    """
    started, over = time.monotonic(), threading.Event()
    done = 0

    def beat() -> None:
        while not over.wait(interval):
            listener(Heartbeat(done, total, time.monotonic() - started))

    def count() -> None:
        nonlocal done
        done += 1

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield count
    finally:
        over.set()
        thread.join()
