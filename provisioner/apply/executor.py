"""Apply a plan: send its calls in batches and side by side, and report the outcome of every step.

Steps run in waves: all that depend on nothing that is left. The org is read again before each
wave is written, so that nothing is written over what has changed since the plan was made.
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
from provisioner.apply.work import Waiting, Work, conflict, failed, unknown, used_up, was_made
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
UNREACHABLE = "the org cannot be reached any more"
_SETTLED = datetime(1970, 1, 1, tzinfo=UTC)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What the org may still do with requests of earlier runs.

    `by_address` says until when it may act on a request about that resource, `everything` until
    when on a request about any. Until then, a call that may duplicate something is not sent.
    """

    by_address: Mapping[Address, datetime] = field(default_factory=dict)
    everything: datetime | None = None

    def until(self, step: Step) -> datetime:
        """Until when this step cannot be made; a moment in the past when it can."""
        if not any(map(may_duplicate, step.calls)):
            return _SETTLED
        return max(self.by_address.get(step.address, _SETTLED), self.everything or _SETTLED)


@dataclass(frozen=True, slots=True)
class RunControl:
    """How a run behaves towards the world around it.

    `halt` gives the reason to begin nothing more, if there is one; `sleep` waits for some seconds
    of the clock that `now` shows. `observe` is told how groups of many steps proceed, `waits` what
    the run waits for. `patience` is how many seconds a run waits for the effect of a request whose
    response was lost; `None` for the usual minute.
    """

    halt: Callable[[], str | None] = lambda: None
    sleep: Callable[[float], object] = time.sleep
    observe: Callable[[Progress], object] = lambda _: None
    journal: Journal | None = None
    now: Callable[[], datetime] = _utc_now
    waits: Callable[[Waits], object] = lambda _: None
    unsettled: Unsettled = Unsettled()
    patience: float | None = None


def apply(planned: Planned, org: Org, conduct: RunControl | None = None) -> Iterator[StepResult]:
    """Run every step whose dependencies were met; yield one result per step as it ends.

    A step that fails, is in conflict, or whose outcome is
    not known skips what depends on it and nothing else. A login that ends, a network that fails,
    or a reason to halt skips all that is left. An exception that is no OrgError is raised after
    every step has its result.
    """
    return _Run(planned.plan, planned.reading, org, conduct or RunControl()).results()


@dataclass(slots=True)
class _Round:
    """What one round of requests left behind."""

    again: list[Work] = field(default_factory=list)
    wait: float = 0.0


class _Run:
    def __init__(self, plan: Plan, reading: Reading, org: Org, conduct: RunControl) -> None:
        self._plan = plan
        self._reading = reading
        self._org = org
        self._conduct = conduct
        self._timing = timing_for(org.instance_url)
        self._known = IdResolver({a: r.id for a, r in reading.live.items() if r.id}, org)
        self._broken: set[Address] = set()
        self._stopped: str | None = None
        self._meter = ProgressMeter(conduct.observe)
        self._sender = Sender(org, conduct.journal, self._halted, self._meter.processed)
        self._sent: set[Address] = set()
        self._waiting: dict[Address, Waiting] = {}
        self._next_poll = _SETTLED
        self._polls = 0

    def results(self) -> Iterator[StepResult]:
        left = {step.address: step for step in self._plan.steps}
        try:
            yield from self._waves(left)
        except Exception as error:
            reason = f"the run was ended by an unexpected error: {type(error).__name__}: {error}"
            for step in list(left.values()):
                yield self._unfinished(step, reason)
            raise

    def _waves(self, left: dict[Address, Step]) -> Iterator[StepResult]:
        while left and not self._halted():
            yield from self._noted(self._polled(), left)
            yield from self._noted(self._skipped(left), left)
            wave = batches.ready(left, self._waiting)
            for start in range(0, len(wave), batches.SLICE):
                if self._halted():
                    break
                part = wave[start : start + batches.SLICE]
                yield from self._noted(self._part(part, len(wave)), left)
                yield from self._noted(self._polled(), left)
            if not wave and self._waiting:
                self._sleep((self._next_poll - self._conduct.now()).total_seconds())
        unknowns = [self._given_up(w, f"; {self._reason()}") for w in self._waiting.values()]
        yield from self._noted(unknowns, left)
        yield from self._noted(self._skipped(left), left)
        for step in list(left.values()):
            yield self._unfinished(step, self._reason())

    def _unfinished(self, step: Step, reason: str) -> StepResult:
        """The result of a step that has none when the run ends."""
        if step.address not in self._sent:
            return StepResult(step, Outcome.SKIPPED, reason=reason)
        until = self._window() if any(map(may_duplicate, step.calls)) else None
        return unknown(Work(step), reason, until)

    def _noted(
        self, results: Iterable[StepResult], left: dict[Address, Step]
    ) -> Iterator[StepResult]:
        """The results as they come, each known to whatever depends on its step."""
        for result in results:
            address = result.step.address
            if result.outcome is not Outcome.DONE:
                self._broken.add(address)
            if result.id:
                self._known.ids[address] = result.id
            self._waiting.pop(address, None)
            del left[address]
            yield result

    def _skipped(self, left: Mapping[Address, Step]) -> Iterator[StepResult]:
        """The steps that need what was not applied; those come after it in the plan."""
        for step in list(left.values()):
            if blocked := sorted(step.needs & self._broken):
                reason = f"needs {blocked[0]}, which was not applied"
                yield StepResult(step, Outcome.SKIPPED, reason=reason)

    def _halted(self) -> bool:
        if self._stopped is None and (error := self._sender.journal_error):
            self._stopped = f"the journal cannot be written: {error.strerror}"
        self._stopped = self._stopped or self._conduct.halt()
        return self._stopped is not None

    def _reason(self) -> str:
        return self._stopped or UNREACHABLE

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._conduct.sleep(seconds)

    # ---------------------------------------------------------------- one part of a wave

    def _part(self, steps: Sequence[Step], of: int) -> Iterator[StepResult]:
        works: list[Work] = []
        yield from self._judged(steps, works)
        self._meter.start([work.step for work in works], of)
        yield from self._carried(works)

    def _carried(self, works: list[Work]) -> Iterator[StepResult]:
        """Make the calls of these steps, round by round, but for those that have to wait."""
        while works:
            round_ = _Round()
            yield from self._round(works, round_)
            works = round_.again
            if works and self._halted():
                yield from map(self._left, works)
                return
            if works:
                self._sleep(round_.wait)

    def _judged(self, steps: Sequence[Step], works: list[Work]) -> Iterator[StepResult]:
        """Read the org once more: `works` are the steps that may be made."""
        try:
            verdicts = self._look([step for step in steps if batches.looked_at(step)])
        except OrgError as error:
            yield from (self._refused(Work(step), error) for step in steps)
            return
        now = self._conduct.now()
        for step in steps:
            verdict, work = verdicts.get(step.address, Verdict()), Work(step)
            if verdict.already or not step.calls:
                yield StepResult(step, Outcome.DONE, id=verdict.id, already=True)
            elif (until := self._conduct.unsettled.until(step)) > now:
                # An earlier run sent this, or may have: its effect counts as this run's own.
                waiting = self._wait_for(work, _EARLIER, until)
                if outcome := self._outcome(waiting, verdict):
                    if isinstance(outcome, Work):
                        works.append(outcome)
                    else:
                        yield outcome
            elif verdict.conflict:
                yield conflict(step, verdict)
            else:
                works.append(work)

    def _look(self, steps: Sequence[Step], *, lists: bool = False) -> dict[Address, Verdict]:
        if not steps:
            return {}
        return recheck.look(steps, self._reading, self._known.ids, self._org, lists=lists)

    def _left(self, work: Work) -> StepResult:
        """A step that was begun, or was to be, and that the run does not continue."""
        begun = f"; {work.position} of its {len(work.step.calls)} calls were made"
        reason = self._reason() + (begun if work.position else "")
        return StepResult(work.step, Outcome.SKIPPED, id=work.id, reason=reason)

    def _round(self, works: Sequence[Work], round_: _Round) -> Iterator[StepResult]:
        """Make the next call of each of these, in as few requests as can be."""
        by_address = {work.step.address: work for work in works}
        items: list[Item] = []
        for work in works:
            try:
                items.append(Item(work.step.address, self._known.resolve(work.call)))
            except UnmetError as error:
                yield StepResult(work.step, Outcome.FAILED, reason=str(error), span=work.step.span)
            except OrgError as error:
                yield self._refused(work, error)
        unsent = {item.address for item in items}
        self._sent |= unsent
        for replies in self._sender.send(self._turns(items, by_address)):
            unsent -= {reply.item.address for reply in replies}
            self._meter.finished(sum(_is_final(reply.answer) for reply in replies))
            yield from self._answered(replies, by_address, round_)
        self._sent -= unsent
        round_.again += [by_address[address] for address in sorted(unsent)]

    def _turns(
        self, items: Sequence[Item], works: Mapping[Address, Work]
    ) -> tuple[tuple[Batch[Item], ...], ...]:
        desired = self._reading.desired

        def sibling_of(item: Item) -> Any:
            return batches.sibling(works[item.address].step.change, desired.get)

        return batches.form(items, lambda item: item.call, sibling_of)

    def _answered(
        self, replies: Sequence[Reply], works: Mapping[Address, Work], round_: _Round
    ) -> Iterator[StepResult]:
        for item, answer, begun in replies:
            work = works[item.address]
            match answer:
                case NoAnswer():
                    self._lost(work, answer, begun)
                    continue
                case OrgError() if self._may_try_again(work, answer):
                    round_.again.append(work)
                    round_.wait = max(round_.wait, pause(work.tries - 1, answer.retry_after))
                case Refused() if work.sent or answer.code.startswith("DUPLICATE"):
                    # Perhaps an earlier request for the same call was carried out by now.
                    self._wait_for(work, str(answer), None).refusal = answer
                    continue
                case OrgError():
                    yield self._refused(work, answer)
                case _:
                    if (result := self._made(work, answer)) is None:
                        round_.again.append(work)
                    else:
                        yield result
            self._sent.discard(item.address)

    def _may_try_again(self, work: Work, error: OrgError) -> bool:
        """Whether the same call may work in a moment, and nothing of it was done."""
        if not error.transient or work.tries + 1 >= _TRIES:
            return False
        work.tries += 1
        return True

    def _made(self, work: Work, new: str | None) -> StepResult | None:
        """The result of a step whose call was made; `None` while it has more of them."""
        if new and work.id is None:
            work.id = self._known.ids[work.step.address] = new
        self._settle(work, "sent again")
        work.position += 1
        work.tries, work.sent = 0, False
        if work.position < len(work.step.calls):
            return None
        return StepResult(work.step, Outcome.DONE, id=work.id)

    def _refused(self, work: Work, error: OrgError) -> StepResult:
        if isinstance(error, NotSent) and self._halted():
            return self._left(work)
        if (reason := self._ends_all(error)) is not None:
            if self._stopped:
                return self._left(work)
            self._stopped = reason
        if isinstance(error, Refused):
            return failed(work, error)
        return StepResult(
            work.step, Outcome.FAILED, id=work.id, reason=str(error), span=work.step.span
        )

    def _ends_all(self, error: OrgError) -> str | None:
        """Why every step after this one would fail in the same way, if that is so."""
        if isinstance(error, AuthenticationFailed | Unreachable):
            return UNREACHABLE
        if isinstance(error, Refused) and used_up(error):
            usage = self._org.usage
            numbers = f" ({usage.used} of {usage.total})" if usage else ""
            return f"the org's API calls of the last 24 hours are used up{numbers}"
        return None

    # ---------------------------------------------------------------- lost responses

    def _lost(self, work: Work, lost: NoAnswer, begun: int | None) -> None:
        """Wait for the effect of a call whose response was lost."""
        work.tries += 1
        work.sent = True
        if begun is not None:
            work.lost.append(begun)
        until = self._window() if may_duplicate(work.call) else None
        self._wait_for(work, str(lost), until).job = lost.job

    def _window(self) -> datetime:
        """When the org can no longer be working on a request that was lost just now."""
        return self._conduct.now() + timedelta(seconds=self._timing.unsettled)

    def _wait_for(self, work: Work, reason: str, until: datetime | None) -> Waiting:
        now = self._conduct.now()
        patience = self._conduct.patience
        seconds = self._timing.wait if patience is None else patience
        waiting = Waiting(work, reason, until, now + timedelta(seconds=seconds))
        self._waiting[work.step.address] = waiting
        # It may be at work just now: give it a moment, and then more time after each look.
        self._polls = 0
        self._next_poll = now + timedelta(seconds=pause(0))
        return waiting

    def _polled(self) -> Iterator[StepResult]:
        """Look at the effects of all calls that the run waits for, when it is time for that."""
        if not self._waiting or self._conduct.now() < self._next_poll:
            return
        waiting = list(self._waiting.values())
        problem, verdicts = "", dict[Address, Verdict]()
        try:
            self._wait_for_jobs(waiting)
            verdicts = self._look([one.work.step for one in waiting], lists=True)
        except OrgError as error:
            problem = f"; the org could not be read: {error}"
        again: list[Work] = []
        for one in waiting:
            verdict = verdicts.get(one.work.step.address)
            outcome = self._outcome(one, verdict) if verdict else None
            if isinstance(outcome, Work):
                again.append(outcome)
            elif outcome:
                yield outcome
            elif self._conduct.now() >= one.give_up:
                yield self._given_up(one, problem)
        self._polls += 1
        seconds = min(pause(self._polls), self._timing.times(_SLOWEST_POLL))
        self._next_poll = self._conduct.now() + timedelta(seconds=seconds)
        yield from self._carried(again)
        self._tell_of_waiting()

    def _wait_for_jobs(self, waiting: Sequence[Waiting]) -> None:
        """Once a bulk job has ended, nothing more becomes of its rows. Raises OrgError."""
        for job in sorted({one.job for one in waiting if one.job}):
            self._org.wait_for(job)
            for one in waiting:
                if one.job == job:
                    one.job, one.until = None, None

    def _outcome(self, waiting: Waiting, verdict: Verdict) -> StepResult | Work | None:
        """The result of a step that waits, the step to continue; `None` to wait on."""
        work, step = waiting.work, waiting.work.step
        if verdict.id and work.id is None and step.change.before is None:
            work.id = self._known.ids[step.address] = verdict.id
        now = self._conduct.now()
        if verdict.already:
            self._settle(work, "done", verdict.id)
            return StepResult(step, Outcome.DONE, id=verdict.id or work.id)
        if was_made(work.call, verdict):
            self._settle(work, "done", verdict.id)
            return self._made(work, verdict.id) or self._continued(work)
        if waiting.refusal is not None:
            self._settle(work, "not done")
            return failed(work, waiting.refusal)
        if verdict.conflict and step.change.before is not None:
            return conflict(step, verdict)
        if waiting.until is not None and now < waiting.until:
            return None
        if work.tries >= _TRIES:
            return unknown(work, waiting.reason, None)
        if waiting.until is not None:
            self._settle(work, "not done")
        return self._continued(work)

    def _continued(self, work: Work) -> Work:
        self._waiting.pop(work.step.address, None)
        return work

    def _given_up(self, waiting: Waiting, problem: str) -> StepResult:
        is_open = waiting.until is not None and waiting.until > self._conduct.now()
        reason = f"{waiting.reason}{problem}"
        return unknown(waiting.work, reason, waiting.until if is_open else None)

    def _settle(self, work: Work, result: str, id_: str | None = None) -> None:
        """Close what this step left open in the journal."""
        if self._conduct.journal and work.lost:
            try:
                self._conduct.journal.settle(work.lost, result, id_)
            except OSError as error:
                self._sender.journal_error = error
        work.lost.clear()

    def _tell_of_waiting(self) -> None:
        if self._waiting:
            one = max(self._waiting.values(), key=lambda waiting: waiting.give_up)
            self._conduct.waits(Waits(tuple(sorted(self._waiting)), one.reason, one.give_up))


_EARLIER = "an earlier run may have sent this already"


def _is_final(answer: Answer) -> bool:
    return not isinstance(answer, OrgError) or not answer.transient
