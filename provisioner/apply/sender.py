"""Send batches of calls in parallel, and record each in the journal before and after."""

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
from provisioner.org.client import Org, is_bulk_job
from provisioner.org.collections import Answer
from provisioner.org.errors import NoAnswer, NotSent, OrgError
from provisioner.plan.batches import AT_ONCE, Batch


@dataclass(frozen=True, slots=True)
class Item:
    """A call of a step, with every reference replaced by an Id."""

    address: Address
    call: Call


class Reply(NamedTuple):
    """The response to an item, and the number of its request in the journal, if it has one."""

    item: Item
    answer: Answer
    begun: int | None


class Sender:
    """Sends batches to one org.

    `stopping` is called before each batch and while a job runs, and returns whether to stop.
    `processed` is called with the number of rows that a job processed since the last call.
    `journal_error` is the reason why the journal could not be written; nothing is sent after that.
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
        """Send all batches; yield the replies of each batch when they arrive, in no fixed order.

        The batches of a turn are sent one after the other. Turns are sent in parallel, as many as
        the limit of their lane allows. A batch that was not sent has no replies.
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
            running = len(turns)
            while running:
                replies = done.get()
                if replies is None:
                    running -= 1
                elif isinstance(replies, BaseException):
                    raise replies
                else:
                    yield replies
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
        except BaseException as error:  # noqa: BLE001 - raised again in `send`
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
                    in_job=is_bulk_job(calls),
                )
                numbers = begun
            except OSError as error:
                self.journal_error = error
                message = f"not sent: the journal cannot be written ({error.strerror})"
                not_sent = NotSent("", message, transient=False)
                return [Reply(item, not_sent, None) for item in batch.items]
        watcher = _JobWatcher(self._stopping, self._processed, self._journal, begun)
        try:
            answers = self._org.call_all(calls, watcher)
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


class _JobWatcher:
    """Passes what a bulk job reports to the journal and to `processed`."""

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
        """Record the job. Raises NotSent if that fails: no data of the job was sent yet."""
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
