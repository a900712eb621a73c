"""Writes that a dead run left in doubt: wait until they are over, and see what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from provisioner.journal import Doubt, Record
from provisioner.org.client import Org
from provisioner.reader import Reading

# A request whose sender died goes on in the org for a moment. What could be made twice is not
# looked for before that is over.
QUIET = 3.0


@dataclass(frozen=True, slots=True)
class Settled:
    """A doubt, and what the org shows of it: `done`, `not done`, or `not in the spec` any more."""

    doubt: Doubt
    run: str
    found: str
    id: str | None = None


def wait(records: Sequence[Record], org: Org, sleep: Callable[[float], object]) -> None:
    """Wait until nothing that these runs began is at work any more. Raises OrgError."""
    for record in records:
        for job in record.open_jobs():
            org.wait_for(job)
    begun = [doubt.at for record in records for doubt in record.doubts if _makes(doubt)]
    if begun:
        left = QUIET - (datetime.now(UTC) - max(begun)).total_seconds()
        if left > 0:
            sleep(min(left, QUIET))


def settle(records: Sequence[Record], reading: Reading, changing: frozenset[str]) -> list[Settled]:
    """What became of each doubt, by a reading taken since.

    `changing` are the addresses of the plan made of that reading.
    """
    found: list[Settled] = []
    for record in records:
        for doubt in record.doubts:
            live = reading.live.get(doubt.address)
            if doubt.address not in reading.desired:
                said = "not in the spec"
            elif _makes(doubt):
                said = "done" if live else "not done"
            else:
                said = "not done" if str(doubt.address) in changing else "done"
            found.append(Settled(doubt, record.run, said, live.id if live else None))
    return found


def _makes(doubt: Doubt) -> bool:
    """Whether the write was to make something new."""
    return doubt.call.startswith(("Create", "Clone"))
