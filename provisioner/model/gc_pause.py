"""Hold Python's collector of cycles still while very much is made and nearly all of it is kept.

It goes through all that there is again and again, in search of garbage that is not there: at
50,000 people it takes as long as all the rest of a plan.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_MANY = 20_000


@contextmanager
def gc_paused() -> Iterator[None]:
    """Collect nothing within; what is much and was kept is passed over from then on."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > _MANY:
            gc.freeze()
        if enabled:
            gc.enable()
