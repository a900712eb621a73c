"""Run a plan for `apply`: one run at a time in an org, recorded in a journal, stopped with care."""

from __future__ import annotations

import os
import signal
import threading
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING

from provisioner.cli import event_sinks as observing
from provisioner.cli import output
from provisioner.cli.exit_status import PARTLY
from provisioner.cli.session import home
from provisioner.cli.version import version
from provisioner.model.events import Heartbeat, RunEnded, RunStarted, StepBegun, StepEnded
from provisioner.render.terminal import Line
from provisioner.spec.load import LoadedSpec

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.apply.executor import Unsettled
    from provisioner.apply.journal import Journal, Record
    from provisioner.apply.lease import Held
    from provisioner.apply.recovery import Finding
    from provisioner.model.operations import Call
    from provisioner.model.outcome import Outcome, Progress, StepResult, Waits
    from provisioner.model.resource import Address
    from provisioner.org.client import Org
    from provisioner.plan.make import Planned

# With more steps than this, only those that went wrong are reported one by one.
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
        # Written straight to the file: the interrupted code may hold the stream.
        if self.came:
            os.write(2, b"stopped at once: the next apply looks up what was being sent\n")
            os._exit(PARTLY)
        self._event.set()
        os.write(2, b"interrupted: finishing what was sent; interrupt again to stop at once\n")


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Take Ctrl-C and SIGTERM as a request to stop, for as long as this lasts."""
    interrupted = Interrupts()
    before = {n: signal.signal(n, interrupted.on) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def journals() -> Path:
    """The folder of the journals."""
    return home() / "journal"


def unfinished(org: Org) -> tuple[Record, ...]:
    """The runs of this machine on this org that left unknown writes or their lease."""
    from provisioner.apply import journal

    return journal.unfinished(journals(), org.instance_url)


def look_up(
    records: Sequence[Record], planned: Planned, org: Org, *, assume_settled: bool
) -> tuple[Finding, ...]:
    """Report what became of the writes that earlier runs left unknown; those that are still open.

    The rest is recorded in the journals of those runs. Nothing is sent to the org.
    """
    from provisioner.apply import journal, recovery
    from provisioner.org.timing import timing_for

    changing = frozenset(step.address for step in planned.plan.steps)
    findings = recovery.find(
        records,
        planned.reading,
        changing,
        datetime.now(UTC),
        timing_for(org.instance_url),
        assume_settled=assume_settled,
    )
    groups: dict[tuple[str, str | None], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.run, finding.result), []).append(finding)
    for (run, result), members in groups.items():
        output.talk(f"unknown since run {run}: {_named(members)}: {_told(result, members)}")
    settled = [(f.write, f.result, f.id) for f in findings if f.result is not None]
    try:
        journal.settle(settled)
    except OSError as error:
        output.warn(f"the journal cannot be written: {error.strerror}")
    return tuple(finding for finding in findings if finding.result is None)


def _named(findings: Sequence[Finding]) -> str:
    shown = (f"{f.write.address}" + (f" ({f.id})" if f.id else "") for f in findings[:5])
    more = f" and {len(findings) - 5} more" if len(findings) > 5 else ""
    return ", ".join(shown) + more


def _told(result: str | None, findings: Sequence[Finding]) -> str:
    if result is not None:
        return _RESULTS[result]
    if any(finding.write.job for finding in findings):
        return "its bulk job may still be running; the run waits for the job before it writes"
    until = max(finding.until for finding in findings if finding.until)
    return (
        f"the org may still act on the request until {until:%H:%M:%S} UTC; until then it is not "
        "sent again (pass `--assume-settled` if you know that it was not carried out)"
    )


_RESULTS = {
    "done": "the org has it; it was done",
    "not done": "the org does not have it; it was not done, and is planned again",
    "not in the spec": "no longer in the spec, and not looked up",
}


def clean_up(records: Sequence[Record], org: Org) -> None:
    """Delete what ended runs of this machine left in the org: a lease, or a marker."""
    from provisioner.apply import journal, lease

    if not records:
        return
    keeping = [record for record in records if record.keeps_lease]
    if lease.clean(org, [record.run for record in keeping], _is_settled):
        for record in keeping:
            journal.released(record)


@dataclass(slots=True)
class Ran:
    """A run: the outcome of its steps, whether somebody asked to stop, and what ended it."""

    run: str
    started: datetime
    results: list[StepResult] = field(default_factory=list)
    counts: Counter[Outcome] = field(default_factory=Counter)
    interrupted: bool = False
    error: Exception | None = None

    @property
    def unsettled_until(self) -> datetime | None:
        """Until when the org may act on a request of which nobody knows the outcome."""
        return max((r.until for r in self.results if r.until), default=None)


def carry_out(
    options: Namespace, planned: Planned, loaded: LoadedSpec, org: Org, earlier: Sequence[Finding]
) -> Ran:
    """Run the plan; `earlier` are the writes of earlier runs that are still open.

    Raises LeaseTaken, OrgError where the lease cannot be taken, and OSError where no journal can
    be written; nothing was written to the org then but perhaps a lease. Once steps have begun,
    nothing is raised: `Ran.error` has what ended the run.
    """
    from provisioner.apply import journal

    run = journal.new_run()
    about = {
        "url": org.instance_url,
        "org": planned.plan.org.id,
        "spec": str(loaded.folder),
        "environment": loaded.environment.name,
        "version": version(),
    }
    ran, before = Ran(run, datetime.now(UTC)), org.api_calls
    # The journal exists before the lease: it tells the next run that this one died.
    writing = journal.start(journals(), run, about)
    with interrupts() as interrupted:
        held = None if options.no_lease else _taken(options, org, interrupted, writing)
        steps = len(planned.plan.steps)
        observing.emit(RunStarted(run, planned.plan.org.id, org.instance_url, steps))
        try:
            _run(options, planned, loaded, org, earlier, ran, held, interrupted, writing)
        except Exception as error:  # noqa: BLE001 - reported by whoever asked for the run
            ran.error = error
        _close(ran, earlier, held, writing)
        outcomes = {outcome.value: count for outcome, count in ran.counts.items()}
        seconds = (datetime.now(UTC) - ran.started).total_seconds()
        observing.emit(RunEnded(run, seconds, org.api_calls - before, outcomes))
    ran.interrupted = interrupted.came
    return ran


def _run(
    options: Namespace,
    planned: Planned,
    loaded: LoadedSpec,
    org: Org,
    earlier: Sequence[Finding],
    ran: Ran,
    held: Held | None,
    interrupted: Interrupts,
    writing: Journal,
) -> None:
    from provisioner.apply import executor
    from provisioner.apply.executor import Conduct

    conduct = Conduct(
        _halt(interrupted, held, org, loaded.environment.policy.max_api_percent),
        interrupted.sleep,
        _tell,
        writing,
        waits=_Waiting(),
        unsettled=_unsettled(earlier, held, org, assume_settled=options.assume_settled),
        patience=options.settle_wait,
    )
    writing.watch = _begun
    _results(planned, executor.apply(planned, org, conduct), ran)


def _unsettled(
    earlier: Sequence[Finding], held: Held | None, org: Org, *, assume_settled: bool
) -> Unsettled:
    """What must not be sent yet. Bulk jobs of earlier runs are waited for: their end is final."""
    from provisioner.apply import recovery
    from provisioner.org.errors import OrgError

    everything = None
    if held and held.unsettled_until and not assume_settled:
        everything = held.unsettled_until
        output.talk(
            "an earlier run on another machine ended without the outcome of its requests: what "
            f"could be created twice waits until {everything:%H:%M:%S} UTC (pass "
            "`--assume-settled` if you know that nothing of it is open)"
        )
    try:
        for job in recovery.open_jobs(earlier):
            output.talk(f"waiting for the bulk job {job} of an earlier run")
            org.wait_for(job)
        earlier = recovery.without_jobs(earlier)
    except OrgError as error:
        output.talk(f"the bulk jobs of an earlier run could not be read: {error}")
    return recovery.unsettled(earlier, everything)


def _results(planned: Planned, results: Iterator[StepResult], ran: Ran) -> None:
    from provisioner.model.outcome import Outcome
    from provisioner.render import text

    total = len(planned.plan.steps)
    numbers = {step.address: number for number, step in enumerate(planned.plan.steps, 1)}
    with observing.heartbeat(total, _beat) as count:
        for result in results:
            number = numbers[result.step.address]
            ran.counts[result.outcome] += 1
            ran.results.append(result)
            observing.emit(_ended(result, number, total))
            count()
            if total <= _MANY or result.outcome not in (Outcome.DONE, Outcome.SKIPPED):
                _show(text.result(result, number, total))
    if total > _MANY:
        _show(text.skipped(ran.results))


def _show(lines: Iterable[Line]) -> None:
    """Show lines while a run writes: a terminal that is gone, or a full disk, ends no run."""
    try:
        output.tell(lines)
    except OSError:
        return


def _close(ran: Ran, earlier: Sequence[Finding], held: Held | None, writing: Journal) -> None:
    """Record how the run ended, and give the lease back."""
    try:
        _close_earlier(ran, earlier)
        if held:
            _given_back(held, writing, _until(ran, earlier))
        writing.close({outcome.value: count for outcome, count in ran.counts.items()})
    except OSError as error:
        ran.error = ran.error or error
        if held:
            held.release(_until(ran, earlier))


def _until(ran: Ran, earlier: Sequence[Finding]) -> datetime | None:
    """Until when the org may act on a request of this run, or of an earlier one."""
    from provisioner.model.outcome import Outcome

    done = {r.step.address for r in ran.results if r.outcome is Outcome.DONE}
    open_ = (f.until for f in earlier if f.until and f.write.address not in done)
    return max((m for m in (ran.unsettled_until, *open_) if m), default=None)


def _close_earlier(ran: Ran, earlier: Sequence[Finding]) -> None:
    """Record in the journals of earlier runs what this run found out about their writes."""
    from provisioner.apply import journal
    from provisioner.model.outcome import Outcome

    ids = {r.step.address: r.id for r in ran.results if r.outcome is Outcome.DONE}
    journal.settle(
        (f.write, "done", ids[f.write.address]) for f in earlier if f.write.address in ids
    )


def settle(ran: Ran, again: Planned) -> tuple[StepResult, ...]:
    """Record the writes of this run that were unknown and that the second plan found done.

    The results that are still unknown.
    """
    from provisioner.apply import journal
    from provisioner.model.outcome import Outcome

    changing = {step.address for step in again.plan.steps}
    unknown = [r for r in ran.results if r.outcome is Outcome.UNKNOWN]
    if not unknown:
        return ()  # the journal of a large run takes long to read
    done = {r.step.address for r in unknown if r.step.address not in changing}
    record = journal.read(journals() / f"{ran.run}.jsonl")
    try:
        journal.settle((w, "done", None) for w in record.unknown if w.address in done)
    except OSError as error:
        output.warn(f"the journal cannot be written: {error.strerror}")
    return tuple(r for r in unknown if r.step.address not in done)


def _begun(calls: Sequence[tuple[Address, Call]]) -> None:
    for address, call in calls:
        if address.kind != "lease":  # which is no step
            observing.emit(StepBegun(str(address), call.operation))


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
    from provisioner.render import text

    _show([text.progress(progress)])


class _Waiting:
    """Tells what a run waits for, once for each set of steps."""

    def __init__(self) -> None:
        self._told: frozenset[Address] = frozenset()

    def __call__(self, waits: Waits) -> None:
        new = frozenset(waits.addresses)
        if new <= self._told:
            return
        self._told = new
        shown = ", ".join(map(str, waits.addresses[:3]))
        more = f" and {len(new) - 3} more" if len(new) > 3 else ""
        output.talk(
            f"waiting until {waits.until:%H:%M:%S} UTC for the outcome of {shown}{more}: "
            f"{waits.reason}"
        )


def _halt(
    interrupted: Interrupts, held: Held | None, org: Org, percent: int
) -> Callable[[], str | None]:
    """Why nothing more is to be begun: an interrupt, a lost lease, or API calls used up."""
    before, usage = org.api_calls, org.usage
    most = usage.left * percent // 100 if usage else None

    def reason() -> str | None:
        if interrupted.came:
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


def _taken(options: Namespace, org: Org, interrupted: Interrupts, writing: Journal) -> Held:
    """The lease of this run. Leaves no journal behind where it is certain that nothing was done."""
    from provisioner.apply import journal, lease
    from provisioner.apply.lease import LeaseTaken
    from provisioner.org.errors import Refused

    uncertain = threading.Event()
    try:
        (begun,) = writing.begin([(journal.LEASE, lease.creation(writing.run, journal.host()))])
        held = _acquire(org, writing, options.lease_wait, interrupted, uncertain.set)
        writing.end([journal.Ended(begun, "done", held.lease.id)])
    except BaseException as error:
        if isinstance(error, LeaseTaken | Refused) and not uncertain.is_set():
            writing.discard()
        else:
            writing.close({})  # the next run looks up whether there is a lease
        raise
    return held


def _given_back(held: Held, writing: Journal, until: datetime | None) -> None:
    from provisioner.apply import journal, lease

    (begun,) = writing.begin([(journal.LEASE, lease.removal(held.lease))])
    gone = held.release(until, _is_settled)
    writing.end([journal.Ended(begun, "done" if gone else "unknown", held.lease.id)])


def _acquire(
    org: Org,
    writing: Journal,
    patience: float,
    interrupted: Interrupts,
    uncertain: Callable[[], object],
) -> Held:
    from provisioner.apply import journal, lease

    waited = 0.0
    while True:
        try:
            return lease.acquire(
                org,
                writing.run,
                journal.host(),
                died_here,
                beat=_beating(writing),
                uncertain=uncertain,
                sleep=interrupted.sleep,
            )
        except lease.LeaseTaken as taken:
            if waited >= patience or interrupted.came:
                raise
            if not waited:
                output.talk(f"{taken}; waiting")
        interrupted.sleep(_ASK_AGAIN)
        waited += _ASK_AGAIN


def _beating(writing: Journal) -> Callable[[], None]:
    def beat() -> None:
        try:
            writing.beat()
        except OSError:
            return  # the next write to the journal says so

    return beat


def died_here(run: str) -> bool:
    """Whether a run of that short name is one of this machine that has ended."""
    from provisioner.apply import journal

    return any(not journal.alive(path) for path in _journals_of(run))


def _is_settled(run: str) -> bool:
    """Whether a run of this machine has ended and left no unknown write."""
    from provisioner.apply import journal

    paths = _journals_of(run)
    return bool(paths) and not any(journal.read(path).unknown for path in paths)


def _journals_of(run: str) -> list[Path]:
    return list(journals().glob(f"*-{run}.jsonl")) if run.isalnum() else []
