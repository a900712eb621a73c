"""Send batches of calls side by side, each recorded in the journal before and after."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from provisioner.apply.journal import Ended, Journal
from provisioner.model.operations import Call
from provisioner.model.resource import Address
from provisioner.org.client import Org, travels_as_job
from provisioner.org.collections import Answer
from provisioner.org.errors import NoAnswer, NotSent, OrgError
from provisioner.plan.batches import AT_ONCE, Batch


@dataclass(frozen=True, slots=True)
class Item:
    """One call of one step, with every reference in it resolved."""

    address: Address
    call: Call


class Reply(NamedTuple):
    """The answer to an item, and the number of its request in the journal, if there is one."""

    item: Item
    answer: Answer
    begun: int | None


class Sender:
    """Carries batches to one org.

    `stopping` is asked before each, and while a job runs; `processed` is told of the rows of a job
    that were tried since it was told last. `journal_error` is why the journal could not be
    written; nothing more is sent then.
    """

    def __init__(
        self,
        org: Org,
        journal: Journal | None,
        stopping: Callable[[], bool],
        processed: Callable[[int], None],
    ) -> None:
        self._org = org
        self._journal = journal
        self._stopping = stopping
        self._processed = processed
        self.journal_error: OSError | None = None

    def send(self, turns: Sequence[Sequence[Batch[Item]]]) -> Iterator[list[Reply]]:
        """Send all batches; the replies of each as they come, in no order.

        The batches of a turn go one after the other, turns side by side within the limit of
        their lane. A batch that was not sent any more has no reply.
        """
        if sum(map(len, turns)) == 1:
            if not self._stops():
                yield self._one(turns[0][0])
            return
        done: queue.SimpleQueue[list[Reply] | BaseException | None] = queue.SimpleQueue()
        pools = {lane: ThreadPoolExecutor(most, lane.value) for lane, most in AT_ONCE.items()}
        try:
            for turn in turns:
                pools[turn[0].family.lane].submit(self._turn, turn, done)
            left = len(turns)
            while left:
                got = done.get()
                if got is None:
                    left -= 1
                elif isinstance(got, BaseException):
                    raise got
                else:
                    yield got
        finally:
            for pool in pools.values():
                pool.shutdown(wait=True, cancel_futures=True)

    def _stops(self) -> bool:
        return self.journal_error is not None or self._stopping()

    def _turn(
        self,
        turn: Sequence[Batch[Item]],
        done: queue.SimpleQueue[list[Reply] | BaseException | None],
    ) -> None:
        try:
            for batch in turn:
                if self._stops():
                    break
                done.put(self._one(batch))
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            done.put(error)
        finally:
            done.put(None)

    def _one(self, batch: Batch[Item]) -> list[Reply]:
        calls = [item.call for item in batch.items]
        numbers: Sequence[int | None] = [None] * len(calls)
        begun = range(0)
        if self._journal:
            try:
                begun = self._journal.begin(
                    [(item.address, item.call) for item in batch.items],
                    in_job=travels_as_job(calls),
                )
                numbers = begun
            except OSError as error:
                self.journal_error = error
                message = f"not sent: the journal cannot be written ({error.strerror})"
                not_sent = NotSent("", message, transient=False)
                return [Reply(item, not_sent, None) for item in batch.items]
        watching = _Watching(self._stopping, self._processed, self._journal, begun)
        try:
            answers = self._org.call_all(calls, watching)
        except OrgError as error:
            answers = [error] * len(calls)
        if self._journal:
            try:
                self._journal.end(
                    _ended(number, answer) for number, answer in zip(begun, answers, strict=True)
                )
            except OSError as error:
                self.journal_error = error
        return [Reply(*three) for three in zip(batch.items, answers, numbers, strict=True)]


class _Watching:
    """What a bulk job tells, on its way to the journal and to whoever looks on."""

    def __init__(
        self,
        stopping: Callable[[], bool],
        processed: Callable[[int], None],
        journal: Journal | None,
        begun: range,
    ) -> None:
        self._stopping = stopping
        self._processed = processed
        self._journal = journal
        self._begun = begun
        self._lock = threading.Lock()
        self._seen = 0

    @property
    def stopping(self) -> bool:
        return self._stopping()

    def job(self, id_: str) -> None:
        """Raises NotSent where the job cannot be recorded: it has no data yet."""
        if self._journal:
            try:
                self._journal.job(id_, self._begun)
            except OSError as error:
                message = f"not sent: the journal cannot be written ({error.strerror})"
                raise NotSent("", message, transient=False) from error
        self._seen = 0

    def processed(self, rows: int) -> None:
        with self._lock:
            more, self._seen = rows - self._seen, rows
        if more > 0:
            self._processed(more)


def _ended(number: int, answer: Answer) -> Ended:
    match answer:
        case NoAnswer():
            return Ended(number, "unknown", reason=str(answer))
        case NotSent():
            return Ended(number, "not sent", reason=str(answer))
        case OrgError():
            return Ended(number, "refused", code=getattr(answer, "code", ""), reason=answer.message)
        case _:
            return Ended(number, "done", id=answer)
