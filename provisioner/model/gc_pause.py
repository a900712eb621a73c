"""Pause Python's garbage collector while many objects are created and nearly all are kept.

It would search all objects again and again for garbage that does not exist: for 50,000 people it
takes as long as the rest of a plan.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_MANY = 20_000


@contextmanager
def gc_paused() -> Iterator[None]:
    """Collect nothing inside. If many objects were kept, the collector ignores them afterwards."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > _MANY:
            gc.freeze()
        if enabled:
            gc.enable()
