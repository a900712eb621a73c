"""Apply a plan: send its calls in batches and side by side, and report the outcome of every step.

Steps run in waves: a wave has the steps whose dependencies are done. The org is read again before
each wave is written, so that no change since the plan is overwritten.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from provisioner.apply import recheck
from provisioner.apply.id_resolver import IdResolver, UnmetError
from provisioner.apply.journal import Journal
from provisioner.apply.progress import ProgressMeter
from provisioner.apply.recheck import Verdict
from provisioner.apply.sender import Item, Reply, Sender
from provisioner.apply.work import (
    Waiting,
    Work,
    conflict,
    failed,
    unknown,
    used_up,
    was_carried_out,
)
from provisioner.model.operations import may_duplicate
from provisioner.model.outcome import Outcome, Progress, StepResult, Waits
from provisioner.model.plan import Plan, Step
from provisioner.model.resource import Address
from provisioner.org.client import Org
from provisioner.org.collections import Answer
from provisioner.org.errors import (
    AuthenticationFailed,
    NoAnswer,
    NotSent,
    OrgError,
    Refused,
    Unreachable,
)
from provisioner.org.timing import timing_for
from provisioner.org.transport import pause
from provisioner.plan import batches
from provisioner.plan.batches import Batch
from provisioner.plan.make import Planned
from provisioner.plan.read import Reading

_TRIES = 6
_SLOWEST_POLL = 15.0
UNREACHABLE = "the org can no longer be reached"
_SETTLED = datetime(1970, 1, 1, tzinfo=UTC)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Until when the org may act on requests of earlier runs.

    `by_address` is for requests about one resource, `everything` for requests about any. Until
    then, a call that could create a duplicate is not sent.
    """

    by_address: Mapping[Address, datetime] = field(default_factory=dict)
    everything: datetime | None = None

    def until(self, step: Step) -> datetime:
        """When the calls of this step can be sent; in the past if they can be sent now."""
        if not any(map(may_duplicate, step.calls)):
            return _SETTLED
        return max(self.by_address.get(step.address, _SETTLED), self.everything or _SETTLED)


@dataclass(frozen=True, slots=True)
class RunControl:
    """The clock, the journal and the listeners of a run.

    `halt` returns the reason to start nothing more, or `None`. `sleep` waits for some seconds of
    the clock that `now` shows. `observe` gets the progress of large groups of steps, `waits` what
    the run waits for. `patience` is how many seconds the run waits for the effect of a request
    whose response was lost (`None`: a minute).
    """

    halt: Callable[[], str | None] = lambda: None
    sleep: Callable[[float], object] = time.sleep
    observe: Callable[[Progress], object] = lambda _: None
    journal: Journal | None = None
    now: Callable[[], datetime] = _utc_now
    waits: Callable[[Waits], object] = lambda _: None
    unsettled: Unsettled = Unsettled()
    patience: float | None = None


def apply(planned: Planned, org: Org, control: RunControl | None = None) -> Iterator[StepResult]:
    """Run every step whose dependencies are done; yield one result per step as it ends.

    If a step fails, is in conflict, or has an unknown outcome, the steps that depend on it are
    skipped, and no others. If the login expires, the network fails, or `halt` returns a reason, all
    remaining steps are skipped. An exception that is not an OrgError is raised after every step has
    its result.
    """
    return _Run(planned.plan, planned.reading, org, control or RunControl()).results()


@dataclass(slots=True)
class _Round:
    """The work to repeat or continue after one round of requests, and how long to wait first."""

    again: list[Work] = field(default_factory=list)
    wait: float = 0.0


class _Run:
    def __init__(self, plan: Plan, reading: Reading, org: Org, control: RunControl) -> None:
        self._plan = plan
        self._reading = reading
        self._org = org
        self._control = control
        self._timing = timing_for(org.instance_url)
        self._resolver = IdResolver({a: r.id for a, r in reading.live.items() if r.id}, org)
        self._broken: set[Address] = set()
        self._stopped: str | None = None
        self._progress = ProgressMeter(control.observe)
        self._sender = Sender(org, control.journal, self._halted, self._progress.processed)
        self._sent: set[Address] = set()
        self._waiting: dict[Address, Waiting] = {}
        self._next_poll = _SETTLED
        self._polls = 0

    def results(self) -> Iterator[StepResult]:
        remaining = {step.address: step for step in self._plan.steps}
        try:
            yield from self._waves(remaining)
        except Exception as error:
            reason = f"the run was ended by an unexpected error: {type(error).__name__}: {error}"
            for step in list(remaining.values()):
                yield self._unfinished(step, reason)
            raise

    def _waves(self, remaining: dict[Address, Step]) -> Iterator[StepResult]:
        while remaining and not self._halted():
            yield from self._recorded(self._poll(), remaining)
            yield from self._recorded(self._skipped(remaining), remaining)
            wave = batches.ready(remaining, self._waiting)
            for start in range(0, len(wave), batches.SLICE):
                if self._halted():
                    break
                part = wave[start : start + batches.SLICE]
                yield from self._recorded(self._slice(part, len(wave)), remaining)
                yield from self._recorded(self._poll(), remaining)
            if not wave and self._waiting:
                self._sleep((self._next_poll - self._control.now()).total_seconds())
        unknowns = [self._given_up(w, f"; {self._reason()}") for w in self._waiting.values()]
        yield from self._recorded(unknowns, remaining)
        yield from self._recorded(self._skipped(remaining), remaining)
        for step in list(remaining.values()):
            yield self._unfinished(step, self._reason())

    def _unfinished(self, step: Step, reason: str) -> StepResult:
        """The result of a step that has no result when the run ends."""
        if step.address not in self._sent:
            return StepResult(step, Outcome.SKIPPED, reason=reason)
        until = self._window() if any(map(may_duplicate, step.calls)) else None
        return unknown(Work(step), reason, until)

    def _recorded(
        self, results: Iterable[StepResult], remaining: dict[Address, Step]
    ) -> Iterator[StepResult]:
        """Yield the results, and record each for the steps that depend on its step."""
        for result in results:
            address = result.step.address
            if result.outcome is not Outcome.DONE:
                self._broken.add(address)
            if result.id:
                self._resolver.ids[address] = result.id
            self._waiting.pop(address, None)
            del remaining[address]
            yield result

    def _skipped(self, remaining: Mapping[Address, Step]) -> Iterator[StepResult]:
        """The steps that depend on a step that was not applied; they follow it in the plan."""
        for step in list(remaining.values()):
            if blocked := sorted(step.needs & self._broken):
                reason = f"needs {blocked[0]}, which was not applied"
                yield StepResult(step, Outcome.SKIPPED, reason=reason)

    def _halted(self) -> bool:
        if self._stopped is None and (error := self._sender.journal_error):
            self._stopped = f"the journal cannot be written: {error.strerror}"
        self._stopped = self._stopped or self._control.halt()
        return self._stopped is not None

    def _reason(self) -> str:
        return self._stopped or UNREACHABLE

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._control.sleep(seconds)

    # ---------------------------------------------------------------- one slice of a wave

    def _slice(self, steps: Sequence[Step], of: int) -> Iterator[StepResult]:
        works: list[Work] = []
        yield from self._recheck_all(steps, works)
        self._progress.start([work.step for work in works], of)
        yield from self._execute(works)

    def _execute(self, works: list[Work]) -> Iterator[StepResult]:
        """Send the calls of these steps, round by round, except of those that have to wait."""
        while works:
            round_ = _Round()
            yield from self._round(works, round_)
            works = round_.again
            if works and self._halted():
                yield from map(self._not_continued, works)
                return
            if works:
                self._sleep(round_.wait)

    def _recheck_all(self, steps: Sequence[Step], works: list[Work]) -> Iterator[StepResult]:
        """Read the org again, and add the steps that can be sent to `works`."""
        try:
            verdicts = self._recheck([step for step in steps if batches.looked_at(step)])
        except OrgError as error:
            yield from (self._failed(Work(step), error) for step in steps)
            return
        now = self._control.now()
        for step in steps:
            verdict, work = verdicts.get(step.address, Verdict()), Work(step)
            if verdict.already or not step.calls:
                yield StepResult(step, Outcome.DONE, id=verdict.id, already=True)
            elif (until := self._control.unsettled.until(step)) > now:
                # An earlier run may have sent this: its effect counts as the effect of this run.
                waiting = self._start_waiting(work, _EARLIER, until)
                if outcome := self._outcome(waiting, verdict):
                    if isinstance(outcome, Work):
                        works.append(outcome)
                    else:
                        yield outcome
            elif verdict.conflict:
                yield conflict(step, verdict)
            else:
                works.append(work)

    def _recheck(self, steps: Sequence[Step], *, lists: bool = False) -> dict[Address, Verdict]:
        if not steps:
            return {}
        return recheck.look(steps, self._reading, self._resolver.ids, self._org, lists=lists)

    def _not_continued(self, work: Work) -> StepResult:
        """The result of a step that the run does not continue."""
        begun = f"; {work.position} of its {len(work.step.calls)} calls were made"
        reason = self._reason() + (begun if work.position else "")
        return StepResult(work.step, Outcome.SKIPPED, id=work.id, reason=reason)

    def _round(self, works: Sequence[Work], round_: _Round) -> Iterator[StepResult]:
        """Send the next call of each of these, in as few requests as possible."""
        by_address = {work.step.address: work for work in works}
        items: list[Item] = []
        for work in works:
            try:
                items.append(Item(work.step.address, self._resolver.resolve(work.call)))
            except UnmetError as error:
                yield StepResult(work.step, Outcome.FAILED, reason=str(error), span=work.step.span)
            except OrgError as error:
                yield self._failed(work, error)
        unsent = {item.address for item in items}
        self._sent |= unsent
        for replies in self._sender.send(self._batches(items, by_address)):
            unsent -= {reply.item.address for reply in replies}
            self._progress.finished(sum(_is_final(reply.answer) for reply in replies))
            yield from self._handle(replies, by_address, round_)
        self._sent -= unsent
        round_.again += [by_address[address] for address in sorted(unsent)]

    def _batches(
        self, items: Sequence[Item], works: Mapping[Address, Work]
    ) -> tuple[tuple[Batch[Item], ...], ...]:
        desired = self._reading.desired

        def sibling_of(item: Item) -> Any:
            return batches.sibling(works[item.address].step.change, desired.get)

        return batches.form(items, lambda item: item.call, sibling_of)

    def _handle(
        self, replies: Sequence[Reply], works: Mapping[Address, Work], round_: _Round
    ) -> Iterator[StepResult]:
        for item, answer, begun in replies:
            work = works[item.address]
            match answer:
                case NoAnswer():
                    self._response_lost(work, answer, begun)
                    continue
                case OrgError() if self._may_try_again(work, answer):
                    round_.again.append(work)
                    round_.wait = max(round_.wait, pause(work.tries - 1, answer.retry_after))
                case Refused() if work.sent or answer.code.startswith("DUPLICATE"):
                    # An earlier request for the same call may have been carried out since.
                    self._start_waiting(work, str(answer), None).refusal = answer
                    continue
                case OrgError():
                    yield self._failed(work, answer)
                case _:
                    if (result := self._done(work, answer)) is None:
                        round_.again.append(work)
                    else:
                        yield result
            self._sent.discard(item.address)

    def _may_try_again(self, work: Work, error: OrgError) -> bool:
        """Whether the call was not carried out, and may succeed if it is sent again."""
        if not error.transient or work.tries + 1 >= _TRIES:
            return False
        work.tries += 1
        return True

    def _done(self, work: Work, new: str | None) -> StepResult | None:
        """The result of a step after one of its calls succeeded; `None` if it has more calls."""
        if new and work.id is None:
            work.id = self._resolver.ids[work.step.address] = new
        self._record_outcome(work, "sent again")
        work.position += 1
        work.tries, work.sent = 0, False
        if work.position < len(work.step.calls):
            return None
        return StepResult(work.step, Outcome.DONE, id=work.id)

    def _failed(self, work: Work, error: OrgError) -> StepResult:
        if isinstance(error, NotSent) and self._halted():
            return self._not_continued(work)
        if (reason := self._reason_to_end(error)) is not None:
            if self._stopped:
                return self._not_continued(work)
            self._stopped = reason
        if isinstance(error, Refused):
            return failed(work, error)
        return StepResult(
            work.step, Outcome.FAILED, id=work.id, reason=str(error), span=work.step.span
        )

    def _reason_to_end(self, error: OrgError) -> str | None:
        """Why every later step would fail in the same way; `None` if it would not."""
        if isinstance(error, AuthenticationFailed | Unreachable):
            return UNREACHABLE
        if isinstance(error, Refused) and used_up(error):
            usage = self._org.usage
            numbers = f" ({usage.used} of {usage.total})" if usage else ""
            return f"the org's API calls of the last 24 hours are used up{numbers}"
        return None

    # ---------------------------------------------------------------- lost responses

    def _response_lost(self, work: Work, lost: NoAnswer, begun: int | None) -> None:
        """Wait for the effect of a call whose response was lost."""
        work.tries += 1
        work.sent = True
        if begun is not None:
            work.lost.append(begun)
        until = self._window() if may_duplicate(work.call) else None
        self._start_waiting(work, str(lost), until).job = lost.job

    def _window(self) -> datetime:
        """When the org can no longer act on a request whose response was lost now."""
        return self._control.now() + timedelta(seconds=self._timing.unsettled)

    def _start_waiting(self, work: Work, reason: str, until: datetime | None) -> Waiting:
        now = self._control.now()
        patience = self._control.patience
        seconds = self._timing.wait if patience is None else patience
        waiting = Waiting(work, reason, until, now + timedelta(seconds=seconds))
        self._waiting[work.step.address] = waiting
        # The org may be acting on it now: look soon, and then after longer and longer pauses.
        self._polls = 0
        self._next_poll = now + timedelta(seconds=pause(0))
        return waiting

    def _poll(self) -> Iterator[StepResult]:
        """Look for the effects of all calls that the run waits for, if it is time."""
        if not self._waiting or self._control.now() < self._next_poll:
            return
        waiting = list(self._waiting.values())
        problem, verdicts = "", dict[Address, Verdict]()
        try:
            self._wait_for_jobs(waiting)
            verdicts = self._recheck([w.work.step for w in waiting], lists=True)
        except OrgError as error:
            problem = f"; the org could not be read: {error}"
        again: list[Work] = []
        for step in waiting:
            verdict = verdicts.get(step.work.step.address)
            outcome = self._outcome(step, verdict) if verdict else None
            if isinstance(outcome, Work):
                again.append(outcome)
            elif outcome:
                yield outcome
            elif self._control.now() >= step.give_up:
                yield self._given_up(step, problem)
        self._polls += 1
        seconds = min(pause(self._polls), self._timing.times(_SLOWEST_POLL))
        self._next_poll = self._control.now() + timedelta(seconds=seconds)
        yield from self._execute(again)
        self._report_waiting()

    def _wait_for_jobs(self, waiting: Sequence[Waiting]) -> None:
        """Wait for the bulk jobs: after its end, a job changes nothing. Raises OrgError."""
        for job in sorted({step.job for step in waiting if step.job}):
            self._org.wait_for(job)
            for step in waiting:
                if step.job == job:
                    step.job, step.until = None, None

    def _outcome(self, waiting: Waiting, verdict: Verdict) -> StepResult | Work | None:
        """The result of a waiting step, or the work to continue; `None` to wait longer."""
        work, step = waiting.work, waiting.work.step
        if verdict.id and work.id is None and step.change.before is None:
            work.id = self._resolver.ids[step.address] = verdict.id
        now = self._control.now()
        if verdict.already:
            self._record_outcome(work, "done", verdict.id)
            return StepResult(step, Outcome.DONE, id=verdict.id or work.id)
        if was_carried_out(work.call, verdict):
            self._record_outcome(work, "done", verdict.id)
            return self._done(work, verdict.id) or self._resume(work)
        if waiting.refusal is not None:
            self._record_outcome(work, "not done")
            return failed(work, waiting.refusal)
        if verdict.conflict and step.change.before is not None:
            return conflict(step, verdict)
        if waiting.until is not None and now < waiting.until:
            return None
        if work.tries >= _TRIES:
            return unknown(work, waiting.reason, None)
        if waiting.until is not None:
            self._record_outcome(work, "not done")
        return self._resume(work)

    def _resume(self, work: Work) -> Work:
        self._waiting.pop(work.step.address, None)
        return work

    def _given_up(self, waiting: Waiting, problem: str) -> StepResult:
        is_open = waiting.until is not None and waiting.until > self._control.now()
        reason = f"{waiting.reason}{problem}"
        return unknown(waiting.work, reason, waiting.until if is_open else None)

    def _record_outcome(self, work: Work, result: str, id_: str | None = None) -> None:
        """Record in the journal the outcome of this step's requests that got no response."""
        if self._control.journal and work.lost:
            try:
                self._control.journal.settle(work.lost, result, id_)
            except OSError as error:
                self._sender.journal_error = error
        work.lost.clear()

    def _report_waiting(self) -> None:
        if self._waiting:
            last = max(self._waiting.values(), key=lambda waiting: waiting.give_up)
            self._control.waits(Waits(tuple(sorted(self._waiting)), last.reason, last.give_up))


_EARLIER = "an earlier run may have sent this already"


def _is_final(answer: Answer) -> bool:
    return not isinstance(answer, OrgError) or not answer.transient
