"""Carry out a plan for `apply`: one run at a time, noted down, and stopped with care."""

from __future__ import annotations

import os
import signal
import threading
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING

from provisioner.commands import observing, output
from provisioner.commands.online import home
from provisioner.events import Heartbeat, RunEnded, RunStarted, StepBegun, StepEnded
from provisioner.loader import Loaded
from provisioner.status import PARTLY
from provisioner.version import version

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.call import Call
    from provisioner.journal import Journal, Record
    from provisioner.lease import Held, Lease
    from provisioner.org.client import Org
    from provisioner.outcome import Outcome, Progress, StepResult
    from provisioner.resource import Address
    from provisioner.workflow import Planned

# More steps than this are not told one by one, but for those that went wrong.
_MANY = 200
_ASK_AGAIN = 5.0


class Interrupts:
    """Ctrl-C and SIGTERM: the first asks to begin nothing more, the second ends at once."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def came(self) -> bool:
        return self._event.is_set()

    def sleep(self, seconds: float) -> None:
        """Sleep, but not past an interrupt."""
        self._event.wait(seconds)

    def on(self, _number: int, _frame: FrameType | None) -> None:
        # Straight to the file: whoever was interrupted may hold the stream.
        if self.came:
            os.write(2, b"ended at once: what was under way is in doubt, and looked up next time\n")
            os._exit(PARTLY)
        self._event.set()
        os.write(2, b"interrupted: what is under way is finished first; once more ends at once\n")


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Take Ctrl-C and SIGTERM as a wish to stop, for as long as this lasts."""
    found = Interrupts()
    before = {n: signal.signal(n, found.on) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def journals() -> Path:
    """The folder of the journals."""
    return home() / "journal"


def in_doubt(org: Org) -> tuple[Record, ...]:
    """The runs on this org that left a write in doubt; it is waited for what they began.

    The lease of a run that died on this machine is given back for it.
    """
    import time

    from provisioner import doubts, journal, lease

    over = journal.unfinished(journals(), org.instance_url)
    for record in over:
        if record.keeps_lease and lease.remove_of(org, record.run):
            journal.released(record)
    found = tuple(record for record in over if record.doubts)
    if found:
        doubts.wait(found, org, time.sleep)
    return found


def settle(records: tuple[Record, ...], planned: Planned) -> None:
    """Say what became of the writes in doubt, and note it in their journals."""
    from provisioner import doubts, journal

    changing = frozenset(str(step.address) for step in planned.plan.steps)
    settled = doubts.settle(records, planned.reading, changing)
    for run, found in dict.fromkeys((s.run, s.found) for s in settled):
        mine = [s for s in settled if (s.run, s.found) == (run, found)]
        named = ", ".join(f"{s.doubt.address}" + (f" ({s.id})" if s.id else "") for s in mine[:5])
        more = f" and {len(mine) - 5} more" if len(mine) > 5 else ""
        output.talk(f"in doubt since run {run}: {named}{more}: {_FOUND[found]}")
    journal.settle((s.doubt, s.found, s.id) for s in settled)


_FOUND = {
    "done": "the org has it; it was done",
    "not done": "the org does not have it; it was not done, and is planned again",
    "not in the spec": "no longer in the spec, and not looked for",
}


@dataclass(slots=True)
class Ran:
    """A run: what became of its steps, and whether somebody wished to stop."""

    run: str
    started: datetime
    results: list[StepResult] = field(default_factory=list)
    counts: Counter[Outcome] = field(default_factory=Counter)
    interrupted: bool = False


def carry_out(options: Namespace, planned: Planned, loaded: Loaded, org: Org) -> Ran:
    """Run the plan.

    Raises LeaseTaken, or OrgError where the lease can not be taken.
    """
    from provisioner import journal, workflow
    from provisioner.executor import Conduct
    from provisioner.lease import LeaseTaken
    from provisioner.org.errors import Refused

    run = journal.new_run()
    about = {
        "url": org.instance_url,
        "org": planned.plan.org.id,
        "spec": str(loaded.folder),
        "environment": loaded.environment.name,
        "version": version(),
    }
    ran, before = Ran(run, datetime.now(UTC)), org.api_calls
    # The journal is there before the lease: by it the next run knows that this one died.
    writing = journal.start(journals(), run, about)
    with interrupts() as wish:
        try:
            held = None if options.no_lease else _taken(options, org, wish, writing)
        except (LeaseTaken, Refused):
            writing.discard()
            raise
        except BaseException:
            writing.close({})  # whether there is a lease is in doubt, and looked up next time
            raise
        try:
            halt = _halt(wish, held, org, loaded.environment.policy.max_api_percent)
            conduct = Conduct(halt, wish.sleep, _tell, writing)
            writing.watch = _begun
            steps = len(planned.plan.steps)
            observing.emit(RunStarted(run, planned.plan.org.id, org.instance_url, steps))
            _results(planned, workflow.apply(planned, org, conduct), ran)
        finally:
            if held:
                _given_back(held, writing)
            outcomes = {outcome.value: count for outcome, count in ran.counts.items()}
            writing.close(outcomes)
            seconds = (datetime.now(UTC) - ran.started).total_seconds()
            observing.emit(RunEnded(run, seconds, org.api_calls - before, outcomes))
    ran.interrupted = wish.came
    return ran


def _results(planned: Planned, results: Iterator[StepResult], ran: Ran) -> None:
    from provisioner.outcome import Outcome
    from provisioner.render import plan as text

    total = len(planned.plan.steps)
    with observing.heartbeat(total, _beat) as count:
        for number, result in enumerate(results, 1):
            ran.counts[result.outcome] += 1
            ran.results.append(result)
            observing.emit(_ended(result, number, total))
            count()
            if total <= _MANY or result.outcome not in (Outcome.DONE, Outcome.SKIPPED):
                output.tell(text.result(result, number, total))


def _begun(calls: Sequence[tuple[Address, Call]]) -> None:
    for address, call in calls:
        if address.kind != "lease":  # which is no step
            observing.emit(StepBegun(str(address), type(call).__name__))


def _ended(result: StepResult, number: int, total: int) -> StepEnded:
    step, span = result.step, result.span
    return StepEnded(
        str(step.address),
        step.action.name.lower(),
        result.outcome.value,
        number,
        total,
        result.id,
        result.code,
        result.reason,
        span.file if span else None,
        span.line if span else None,
    )


def _beat(beat: Heartbeat) -> None:
    observing.emit(beat)
    if not observing.as_json_lines():
        output.talk(f"applying: {beat.done} of {beat.total} steps have ended, {beat.seconds:.0f} s")


def _tell(progress: Progress) -> None:
    from provisioner.render import plan as text

    output.tell([text.progress(progress)])


def _halt(wish: Interrupts, held: Held | None, org: Org, percent: int) -> Callable[[], str | None]:
    """Why nothing more is to be begun: an interrupt, a lease that was lost, calls used up."""
    before, usage = org.api_calls, org.usage
    most = usage.left * percent // 100 if usage else None

    def reason() -> str | None:
        if wish.came:
            return "interrupted"
        if held and held.lost:
            return held.lost
        if most is not None and org.api_calls - before >= most:
            return (
                f"the run used its {most} API calls, {percent} % of what was left of the org's "
                "day (`max_api_percent`)"
            )
        return None

    return reason


def _taken(options: Namespace, org: Org, wish: Interrupts, writing: Journal) -> Held:
    from provisioner import journal, lease

    (begun,) = writing.begin([(journal.LEASE, lease.taking(writing.run, journal.host()))])
    held = _acquire(org, writing.run, options.lease_wait, wish)
    writing.end([journal.Ended(begun, "done", held.lease.id)])
    return held


def _given_back(held: Held, writing: Journal) -> None:
    from provisioner import journal, lease

    (begun,) = writing.begin([(journal.LEASE, lease.removal(held.lease))])
    gone = held.release()
    writing.end([journal.Ended(begun, "done" if gone else "unknown", held.lease.id)])


def _acquire(org: Org, run: str, patience: float, wish: Interrupts) -> Held:
    from provisioner import journal, lease

    waited = 0.0
    while True:
        try:
            return lease.acquire(org, run, journal.host(), died_here)
        except lease.LeaseTaken as taken:
            if waited >= patience or wish.came:
                raise
            if not waited:
                output.talk(f"{taken}; waiting")
        wish.sleep(_ASK_AGAIN)
        waited += _ASK_AGAIN


def died_here(lease: Lease) -> bool:
    """Whether the holder is a run of this machine, by its journal, that is not there any more."""
    from provisioner import journal

    folder = journals()
    mine = folder.glob(f"*-{lease.run}.jsonl") if lease.run.isalnum() else iter(())
    return any(not journal.alive(path) for path in mine)
