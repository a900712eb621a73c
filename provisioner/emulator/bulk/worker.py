"""Works Bulk jobs off while a local org is served, so that they end though nobody asks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from provisioner.emulator.base import faults
from provisioner.emulator.bulk import v2_query, v2_run

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

_IDLE: Final = 0.1  # seconds between two looks for a job


class Worker(threading.Thread):
    """One thread of a server; `known` are the faults that may strike the rows of its jobs."""

    def __init__(self, org: Org, known: faults.Faults | None) -> None:
        super().__init__(name="bulk jobs", daemon=True)
        self._org = org
        self._faults = known
        self._ended = threading.Event()

    def run(self) -> None:
        """Works until `end` is called."""
        with faults.aside(self._faults):
            while not self._ended.wait(_IDLE):
                while not self._ended.is_set() and (
                    v2_run.work_off(self._org) or v2_query.work_off(self._org)
                ):
                    pass

    def end(self) -> None:
        """Stops after the chunk at hand, and waits for that."""
        self._ended.set()
        if self.is_alive():
            self.join()
