"""Carry a plan out, in batches and side by side, and say what became of every step.

Steps run in waves: all that wait for nothing any more. Each wave is looked at in the org
before it is written, so that nothing is written over what has moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provisioner import batches
from provisioner.batches import Batch
from provisioner.executor import moved
from provisioner.executor.known import Known, UnmetError
from provisioner.executor.meter import Meter
from provisioner.executor.moved import Verdict
from provisioner.executor.sending import Item, Reply, Sender
from provisioner.executor.work import (
    Work,
    conflict,
    could_double,
    failed,
    unknown,
    used_up,
    was_made,
)
from provisioner.journal import Journal
from provisioner.org.bundles import Answer
from provisioner.org.client import Org
from provisioner.org.errors import (
    AuthenticationFailed,
    NoAnswer,
    OrgError,
    Refused,
    Unreachable,
)
from provisioner.org.wire import pause
from provisioner.outcome import Outcome, Progress, StepResult
from provisioner.plan import Plan, Step
from provisioner.reader import Reading
from provisioner.resource import Address

_TRIES = 6
UNREACHABLE = "the org can not be reached any more"


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a run behaves towards the world around it.

    `halt` gives the reason to begin nothing more, if there is one; `sleep` waits between
    tries; `observe` is told how groups of many go.
    """

    halt: Callable[[], str | None] = lambda: None
    sleep: Callable[[float], object] = time.sleep
    observe: Callable[[Progress], None] = lambda _: None
    journal: Journal | None = None


def apply(
    plan: Plan, reading: Reading, org: Org, conduct: Conduct | None = None
) -> Iterator[StepResult]:
    """Run every step whose needs were met; yield one result per step as it ends.

    `reading` is what the plan was made of. A step that fails, is in conflict, or whose outcome
    is not known skips what needs it and nothing else; a login that ends, a network that does,
    or a reason to halt skips all that is left.
    """
    return _Run(plan, reading, org, conduct or Conduct()).results()


@dataclass(slots=True)
class _Round:
    """What one round of requests left behind."""

    again: list[Work] = field(default_factory=list)
    doubtful: list[tuple[Work, NoAnswer]] = field(default_factory=list)
    wait: float = 0.0


class _Run:
    def __init__(self, plan: Plan, reading: Reading, org: Org, conduct: Conduct) -> None:
        self._plan = plan
        self._reading = reading
        self._org = org
        self._conduct = conduct
        self._known = Known({a: r.id for a, r in reading.live.items() if r.id}, org)
        self._broken: set[Address] = set()
        self._stopped: str | None = None
        self._meter = Meter(conduct.observe)
        self._sender = Sender(org, conduct.journal, self._halted, self._meter.processed)

    def results(self) -> Iterator[StepResult]:
        left = {step.address: step for step in self._plan.steps}
        while left and not self._halted():
            yield from self._noted(self._skipped(left), left)
            wave = batches.ready(left)
            for start in range(0, len(wave), batches.SLICE):
                if self._halted():
                    break
                part = wave[start : start + batches.SLICE]
                yield from self._noted(self._part(part, len(wave)), left)
        yield from self._noted(self._skipped(left), left)
        for step in list(left.values()):
            yield StepResult(step, Outcome.SKIPPED, reason=self._reason())

    def _noted(
        self, results: Iterator[StepResult], left: dict[Address, Step]
    ) -> Iterator[StepResult]:
        """The results as they come, each known to whatever needs its step."""
        for result in results:
            address = result.step.address
            if result.outcome is not Outcome.DONE:
                self._broken.add(address)
            if result.id:
                self._known.ids[address] = result.id
            del left[address]
            yield result

    def _skipped(self, left: Mapping[Address, Step]) -> Iterator[StepResult]:
        """The steps that need what was not applied; those come after it in the plan."""
        for step in list(left.values()):
            if blocked := sorted(step.needs & self._broken):
                reason = f"needs {blocked[0]}, which was not applied"
                yield StepResult(step, Outcome.SKIPPED, reason=reason)

    def _halted(self) -> bool:
        self._stopped = self._stopped or self._conduct.halt()
        return self._stopped is not None

    def _reason(self) -> str:
        return self._stopped or UNREACHABLE

    # ---------------------------------------------------------------- one part of a wave

    def _part(self, steps: Sequence[Step], of: int) -> Iterator[StepResult]:
        works: list[Work] = []
        yield from self._judged(steps, works)
        self._meter.start([work.step for work in works], of)
        while works:
            round_ = _Round()
            yield from self._round(works, round_)
            yield from self._settled(round_)
            works = round_.again
            if works and self._halted():
                yield from map(self._left, works)
                return
            if works and round_.wait:
                self._conduct.sleep(round_.wait)

    def _judged(self, steps: Sequence[Step], works: list[Work]) -> Iterator[StepResult]:
        """Look at the org once more: `works` are the steps that may be made."""
        try:
            verdicts = self._look([step for step in steps if batches.looked_at(step)])
        except OrgError as error:
            yield from (self._refused(Work(step), error) for step in steps)
            return
        for step in steps:
            verdict = verdicts.get(step.address, Verdict())
            if verdict.already or not step.calls:
                yield StepResult(step, Outcome.DONE, id=verdict.id, already=True)
            elif verdict.moved:
                yield conflict(step, verdict)
            else:
                works.append(Work(step))

    def _look(self, steps: Sequence[Step], *, lists: bool = False) -> dict[Address, Verdict]:
        if not steps:
            return {}
        return moved.look(steps, self._reading, self._known.ids, self._org, lists=lists)

    def _left(self, work: Work) -> StepResult:
        """A step that was begun, or was to be, and is not gone on with."""
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
        for replies in self._sender.send(self._turns(items, by_address)):
            unsent -= {item.address for item, _ in replies}
            self._meter.finished(sum(_is_final(answer) for _, answer in replies))
            yield from self._answered(replies, by_address, round_)
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
        for item, answer in replies:
            work = works[item.address]
            match answer:
                case NoAnswer():
                    round_.doubtful.append((work, answer))
                case OrgError() if self._may_try_again(work, answer):
                    round_.again.append(work)
                    round_.wait = max(round_.wait, pause(work.tries - 1, answer.retry_after))
                case OrgError():
                    yield self._refused(work, answer)
                case _:
                    if (result := self._made(work, answer)) is None:
                        round_.again.append(work)
                    else:
                        yield result

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
        work.position += 1
        work.tries = 0
        if work.position < len(work.step.calls):
            return None
        return StepResult(work.step, Outcome.DONE, id=work.id)

    def _refused(self, work: Work, error: OrgError) -> StepResult:
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
        """Why every step after this one would fail alike, if that is so."""
        if isinstance(error, AuthenticationFailed | Unreachable):
            return UNREACHABLE
        if isinstance(error, Refused) and used_up(error):
            usage = self._org.usage
            numbers = f" ({usage.used} of {usage.total})" if usage else ""
            return f"the org's API calls of the last 24 hours are used up{numbers}"
        return None

    # ---------------------------------------------------------------- lost answers

    def _settled(self, round_: _Round) -> Iterator[StepResult]:
        """Ask the org about the calls whose answer was lost, and go on from what it says."""
        doubtful = round_.doubtful
        if not doubtful:
            return
        # What was cut off may still be at work: give it a moment, and more each time.
        self._conduct.sleep(max(pause(work.tries) for work, _ in doubtful))
        try:
            for job in sorted({lost.job for _, lost in doubtful if lost.job}):
                self._org.wait_for(job)
            verdicts = self._look([work.step for work, _ in doubtful], lists=True)
        except OrgError as error:
            for work, _ in doubtful:
                yield unknown(work, f"{error}: what became of it could not be read")
            return
        for work, lost in doubtful:
            work.tries += 1
            if result := self._after(work, lost, verdicts[work.step.address]):
                yield result
            else:
                round_.again.append(work)

    def _after(self, work: Work, lost: NoAnswer, verdict: Verdict) -> StepResult | None:
        """The result of a step after a lost answer; `None` to go on with it."""
        step = work.step
        if verdict.id and work.id is None and step.change.before is None:
            work.id = self._known.ids[step.address] = verdict.id
        if verdict.already:
            return StepResult(step, Outcome.DONE, id=verdict.id or work.id)
        if was_made(work.call, verdict):
            return self._made(work, verdict.id)
        if verdict.moved and step.change.before is not None:
            return conflict(step, verdict)
        if work.tries >= _TRIES or (lost.timed_out and could_double(work.call)):
            return unknown(work, str(lost))
        return None


def _is_final(answer: Answer) -> bool:
    return not isinstance(answer, OrgError) or not answer.transient
