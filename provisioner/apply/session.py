"""Apply a plan: look up what earlier runs left unknown, hold the lease, run the steps, record it.

Everything that happens is an event for a listener. Nothing here prints or reads the command line.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from provisioner.apply import executor, journal, lease, recovery
from provisioner.apply.executor import RunControl, Unsettled
from provisioner.apply.heartbeat import heartbeat
from provisioner.apply.journal import Journal, Record
from provisioner.apply.lease import HeldLease, LeaseTaken
from provisioner.apply.recovery import EarlierWrite
from provisioner.model.events import Heartbeat, Message, RunEnded, RunStarted, StepBegun
from provisioner.model.operations import Call
from provisioner.model.outcome import Outcome, Progress, StepResult, Waits
from provisioner.model.resource import Address
from provisioner.org.client import Org
from provisioner.org.errors import OrgError, Refused
from provisioner.org.timing import timing_for
from provisioner.plan.make import Planned

_LEASE_POLL = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class StepFinished:
    """The result of a step; `number` is its number in the plan, which has `total` steps."""

    result: StepResult
    number: int
    total: int


RunEvent = RunStarted | StepBegun | StepFinished | Progress | Waits | Heartbeat | Message | RunEnded
RunListener = Callable[[RunEvent], object]


class Interrupts(Protocol):
    """A request from outside to start nothing more, and a sleep that ends with it."""

    @property
    def requested(self) -> bool: ...

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class ApplySettings:
    """How a run behaves, and what its journal says of it.

    `journals` is the folder of the journals; `spec`, `environment` and `version` are recorded in
    the journal. Without `take_lease`, other runs can write at the same time. `lease_wait` and
    `settle_wait` are seconds: for the lease, and for the effect of a request whose response was
    lost (`None`: the default). `assume_settled`: nothing of earlier runs is open. `max_api_percent`
    is the share of the org's remaining API calls that the run may use.
    """

    journals: Path
    spec: str
    environment: str
    version: str
    take_lease: bool = True
    lease_wait: float = 0.0
    settle_wait: float | None = None
    assume_settled: bool = False
    max_api_percent: int = 80


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run: its steps' results, whether it was interrupted, and the exception that ended it."""

    run: str
    started: datetime
    results: tuple[StepResult, ...]
    counts: Mapping[Outcome, int]
    interrupted: bool
    error: Exception | None
    api_calls: int


def unfinished_runs(journals: Path, org: Org) -> tuple[Record, ...]:
    """The runs of this machine on this org that left unknown writes or their lease."""
    return journal.unfinished(journals, org.instance_url)


def look_up(
    records: Sequence[Record],
    planned: Planned,
    org: Org,
    listener: RunListener,
    *,
    assume_settled: bool = False,
) -> tuple[EarlierWrite, ...]:
    """Report what became of the writes that earlier runs left unknown; return those still open.

    The others are recorded in the journals of those runs. Nothing is sent to the org.
    """
    writes = recovery.find(
        records,
        planned.reading,
        frozenset(step.address for step in planned.plan.steps),
        datetime.now(UTC),
        timing_for(org.instance_url),
        assume_settled=assume_settled,
    )
    for text in recovery.described(writes):
        listener(Message("info", text))
    _record(((w.write, w.result, w.id) for w in writes if w.result is not None), listener)
    return tuple(write for write in writes if write.result is None)


def clean_up(records: Sequence[Record], org: Org, journals: Path) -> None:
    """Delete what ended runs of this machine left in the org: a lease or a marker."""
    if not records:
        return
    keeping = [record for record in records if record.keeps_lease]
    if lease.clean(org, [record.run for record in keeping], _OwnRuns(journals).is_settled):
        for record in keeping:
            journal.released(record)


def run(
    planned: Planned,
    org: Org,
    settings: ApplySettings,
    listener: RunListener,
    interrupts: Interrupts,
    earlier: Sequence[EarlierWrite] = (),
) -> RunResult:
    """Run the plan; `earlier` are the writes of earlier runs that are still open.

    Raises LeaseTaken, OrgError if the lease cannot be taken, and OSError if no journal can be
    written; nothing was written to the org then except perhaps a lease. Once steps have begun,
    nothing is raised: `RunResult.error` is what ended the run.
    """
    return _Run(planned, org, settings, listener, interrupts, earlier).result()


def record_late_outcomes(
    result: RunResult, again: Planned, journals: Path, listener: RunListener
) -> tuple[StepResult, ...]:
    """Record the unknown writes of this run that a second plan shows as done.

    Returns the results that are still unknown.
    """
    changing = {step.address for step in again.plan.steps}
    unknown = [r for r in result.results if r.outcome is Outcome.UNKNOWN]
    if not unknown:
        return ()  # reading the journal of a large run takes long
    done = {r.step.address for r in unknown if r.step.address not in changing}
    record = journal.read(journals / f"{result.run}.jsonl")
    _record(((w, "done", None) for w in record.unknown if w.address in done), listener)
    return tuple(r for r in unknown if r.step.address not in done)


def _record(
    outcomes: Iterable[tuple[journal.UnknownWrite, str, str | None]], listener: RunListener
) -> None:
    try:
        journal.settle(outcomes)
    except OSError as error:
        listener(Message("warning", f"the journal cannot be written: {error.strerror}"))


class _Run:
    """One run from its journal to its last event."""

    def __init__(
        self,
        planned: Planned,
        org: Org,
        settings: ApplySettings,
        listener: RunListener,
        interrupts: Interrupts,
        earlier: Sequence[EarlierWrite],
    ) -> None:
        self._planned = planned
        self._org = org
        self._settings = settings
        self._listener = listener
        self._interrupts = interrupts
        self._earlier = earlier
        self._own_runs = _OwnRuns(settings.journals)
        self._results: list[StepResult] = []
        self._api_calls_before = org.api_calls

    def result(self) -> RunResult:
        name, started = journal.new_run(), datetime.now(UTC)
        org, plan = self._org, self._planned.plan
        about = {
            "url": org.instance_url,
            "org": plan.org.id,
            "spec": self._settings.spec,
            "environment": self._settings.environment,
            "version": self._settings.version,
        }
        # The journal exists before the lease: it tells the next run that this one died.
        own = journal.start(self._settings.journals, name, about)
        held = self._lease(own) if self._settings.take_lease else None
        self._listener(RunStarted(name, plan.org.id, org.instance_url, len(plan.steps)))
        error: Exception | None = None
        try:
            self._execute(own, held)
        except Exception as raised:  # noqa: BLE001 - it is part of the result
            error = raised
        counts = Counter(result.outcome for result in self._results)
        closing_error = self._close(own, held, counts)
        outcomes = {outcome.value: count for outcome, count in counts.items()}
        seconds = (datetime.now(UTC) - started).total_seconds()
        calls = org.api_calls - self._api_calls_before
        self._listener(RunEnded(name, seconds, calls, outcomes))
        results = tuple(self._results)
        requested = self._interrupts.requested
        return RunResult(name, started, results, counts, requested, error or closing_error, calls)

    def _execute(self, own: Journal, held: HeldLease | None) -> None:
        own.watch = self._step_begun
        control = RunControl(
            halt=self._halt(held),
            sleep=self._interrupts.sleep,
            observe=self._listener,
            journal=own,
            waits=self._listener,
            unsettled=self._unsettled(held),
            patience=self._settings.settle_wait,
        )
        steps = self._planned.plan.steps
        numbers = {step.address: number for number, step in enumerate(steps, 1)}
        with heartbeat(len(steps), self._listener) as count:
            for result in executor.apply(self._planned, self._org, control):
                self._results.append(result)
                number = numbers[result.step.address]
                self._listener(StepFinished(result, number, len(steps)))
                count()

    def _step_begun(self, calls: Sequence[tuple[Address, Call]]) -> None:
        for address, call in calls:
            if address != journal.LEASE:  # which is not a step
                self._listener(StepBegun(str(address), call.operation))

    def _halt(self, held: HeldLease | None) -> Callable[[], str | None]:
        """Why nothing more is started: an interrupt, a lost lease, or API calls used up."""
        org, percent = self._org, self._settings.max_api_percent
        before, usage = org.api_calls, org.usage
        limit = usage.left * percent // 100 if usage else None

        def reason() -> str | None:
            if self._interrupts.requested:
                return "interrupted"
            if held and held.lost:
                return held.lost
            if limit is not None and org.api_calls - before >= limit:
                return (
                    f"the run used its {limit} API calls, {percent} % of what was left of the "
                    "org's day (`max_api_percent`)"
                )
            return None

        return reason

    def _unsettled(self, held: HeldLease | None) -> Unsettled:
        """What must not be sent yet, after the bulk jobs of earlier runs have ended."""
        everything, earlier = None, self._earlier
        if held and held.unsettled_until and not self._settings.assume_settled:
            everything = held.unsettled_until
            self._info(
                "an earlier run on another machine ended without the outcome of its requests: "
                f"what could be created twice waits until {everything:%H:%M:%S} UTC (pass "
                "`--assume-settled` if you know that none of them is open)"
            )
        try:
            for job in recovery.open_jobs(earlier):
                self._info(f"waiting for the bulk job {job} of an earlier run")
                self._org.wait_for(job)
            earlier = recovery.without_jobs(earlier)
        except OrgError as error:
            self._info(f"the bulk jobs of an earlier run could not be read: {error}")
        return recovery.unsettled(earlier, everything)

    def _close(
        self, own: Journal, held: HeldLease | None, counts: Mapping[Outcome, int]
    ) -> OSError | None:
        """Record how the run ended and give the lease back; the error if the journal is lost."""
        try:
            ids = {r.step.address: r.id for r in self._results if r.outcome is Outcome.DONE}
            journal.settle(
                (w.write, "done", ids[w.write.address])
                for w in self._earlier
                if w.write.address in ids
            )
            if held:
                self._release(own, held)
            own.close({outcome.value: count for outcome, count in counts.items()})
        except OSError as error:
            if held:
                held.release(self._open_until())
            return error
        return None

    def _open_until(self) -> datetime | None:
        """Until when the org may act on a request of this run or of an earlier one."""
        done = {r.step.address for r in self._results if r.outcome is Outcome.DONE}
        own = [r.until for r in self._results if r.until]
        earlier = [w.until for w in self._earlier if w.until and w.write.address not in done]
        return max([*own, *earlier], default=None)

    # ---------------------------------------------------------------- the lease

    def _lease(self, own: Journal) -> HeldLease:
        """Take the lease. Deletes the journal if it is certain that nothing was done."""
        uncertain = threading.Event()
        try:
            creation = lease.creation(own.run, journal.host())
            (begun,) = own.begin([(journal.LEASE, creation)])
            held = self._acquire(own, uncertain.set)
            own.end([journal.Ended(begun, "done", held.lease.id)])
        except BaseException as error:
            if isinstance(error, LeaseTaken | Refused) and not uncertain.is_set():
                own.discard()
            else:
                own.close({})  # the next run looks up whether there is a lease
            raise
        return held

    def _acquire(self, own: Journal, uncertain: Callable[[], object]) -> HeldLease:
        def beat() -> None:
            try:
                own.beat()
            except OSError:
                return  # the next write to the journal fails too, and is reported

        waited = 0.0
        while True:
            try:
                return lease.acquire(
                    self._org,
                    own.run,
                    journal.host(),
                    self._own_runs.has_died,
                    beat=beat,
                    uncertain=uncertain,
                    sleep=self._interrupts.sleep,
                )
            except LeaseTaken as taken:
                if waited >= self._settings.lease_wait or self._interrupts.requested:
                    raise
                if not waited:
                    self._info(f"{taken}; waiting")
            self._interrupts.sleep(_LEASE_POLL)
            waited += _LEASE_POLL

    def _release(self, own: Journal, held: HeldLease) -> None:
        (begun,) = own.begin([(journal.LEASE, lease.removal(held.lease))])
        is_gone = held.release(self._open_until(), self._own_runs.is_settled)
        own.end([journal.Ended(begun, "done" if is_gone else "unknown", held.lease.id)])

    def _info(self, text: str) -> None:
        self._listener(Message("info", text))


class _OwnRuns:
    """The runs of this machine, by the short name that a lease has."""

    def __init__(self, journals: Path) -> None:
        self._journals = journals

    def has_died(self, run: str) -> bool:
        """Whether it is a run of this machine that has ended."""
        return any(not journal.alive(path) for path in self._paths(run))

    def is_settled(self, run: str) -> bool:
        """Whether it is a run of this machine that has ended and left no unknown write."""
        paths = self._paths(run)
        return bool(paths) and not any(journal.read(path).unknown for path in paths)

    def _paths(self, run: str) -> list[Path]:
        return list(self._journals.glob(f"*-{run}.jsonl")) if run.isalnum() else []
