"""Writes of earlier runs with an unknown outcome: what the org shows, and what can still happen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from provisioner.apply.executor import Unsettled
from provisioner.apply.journal import Record, UnknownWrite
from provisioner.kinds.user.fields import PASSWORD
from provisioner.model.operations import (
    CloneMetadata,
    CreateMetadata,
    CreateRecord,
    ResetPassword,
    UpsertRecord,
)
from provisioner.model.resource import Address
from provisioner.org.timing import Timing
from provisioner.plan.read import Reading

DONE, NOT_DONE, NOT_IN_SPEC = "done", "not done", "not in the spec"
_FEW = 5
_CREATIONS = frozenset(
    call.operation for call in (CreateRecord, UpsertRecord, CreateMetadata, CloneMetadata)
)


@dataclass(frozen=True, slots=True)
class EarlierWrite:
    """An unknown write of `run` and what the org shows of it.

    `result` is `done`, `not done` or `not in the spec`; `None` while the org may still act on it,
    until `until` or as long as the write's bulk job runs.
    """

    write: UnknownWrite
    run: str
    result: str | None
    id: str | None = None
    until: datetime | None = None


def find(
    records: Iterable[Record],
    reading: Reading,
    changing: frozenset[Address],
    now: datetime,
    timing: Timing,
    *,
    assume_settled: bool = False,
) -> tuple[EarlierWrite, ...]:
    """What a reading shows of each unknown write; `changing` are the steps of its plan.

    A write that could create a duplicate is open until ten minutes after its run last waited for
    it, unless its effect is visible. With `assume_settled`, no write is open.
    """
    return tuple(
        _find(write, record.run, reading, changing, now, timing, assume_settled=assume_settled)
        for record in records
        for write in record.unknown
    )


def described(writes: Iterable[EarlierWrite]) -> Iterator[str]:
    """What became of the writes, one sentence for each run and result."""
    groups: dict[tuple[str, str | None], list[EarlierWrite]] = {}
    for write in writes:
        groups.setdefault((write.run, write.result), []).append(write)
    for (run, result), members in groups.items():
        what = _open(members) if result is None else _RESULTS[result]
        yield f"unknown since run {run}: {_named(members)}: {what}"


_RESULTS = {
    DONE: "the org has it; it was done",
    NOT_DONE: "the org does not have it; it was not done, and is planned again",
    NOT_IN_SPEC: "no longer in the spec, and not looked up",
}


def _named(writes: Sequence[EarlierWrite]) -> str:
    shown = (f"{w.write.address}" + (f" ({w.id})" if w.id else "") for w in writes[:_FEW])
    more = f" and {len(writes) - _FEW} more" if len(writes) > _FEW else ""
    return ", ".join(shown) + more


def _open(writes: Sequence[EarlierWrite]) -> str:
    if any(w.write.job for w in writes):
        return "its bulk job may still be running; the run waits for the job before it writes"
    until = max(w.until for w in writes if w.until)
    return (
        f"the org may still act on the request until {until:%H:%M:%S} UTC; until then it is not "
        "sent again (pass `--assume-settled` if you know that it was not carried out)"
    )


def unsettled(writes: Iterable[EarlierWrite], everything: datetime | None) -> Unsettled:
    """What a run must not send yet; `everything` as in `Unsettled`."""
    by_address: dict[Address, datetime] = {}
    for write in writes:
        if write.result is None and write.until is not None:
            address = write.write.address
            by_address[address] = max(write.until, by_address.get(address, write.until))
    return Unsettled(by_address, everything)


def open_jobs(writes: Sequence[EarlierWrite]) -> tuple[str, ...]:
    """The bulk jobs of open writes, which can still be running."""
    return tuple(dict.fromkeys(w.write.job for w in writes if w.result is None and w.write.job))


def without_jobs(writes: Iterable[EarlierWrite]) -> tuple[EarlierWrite, ...]:
    """The writes after the bulk jobs have ended: the rows of those jobs are no longer open.

    Whether such a row was written is found when its step is rechecked before it is sent.
    """
    return tuple(w for w in writes if not (w.result is None and w.write.job))


def _find(
    write: UnknownWrite,
    run: str,
    reading: Reading,
    changing: frozenset[Address],
    now: datetime,
    timing: Timing,
    *,
    assume_settled: bool,
) -> EarlierWrite:
    live = reading.live.get(write.address)
    id_ = live.id if live else None
    if write.address not in reading.desired:
        return EarlierWrite(write, run, NOT_IN_SPEC)
    if write.call == ResetPassword.operation:
        is_done = live is not None and live.fields.get(PASSWORD) is True
    elif write.call in _CREATIONS:
        is_done = live is not None
    else:
        is_done = write.address not in changing
    until = write.at + timedelta(seconds=timing.unsettled)
    if is_done:
        return EarlierWrite(write, run, DONE, id_)
    if write.may_duplicate and not assume_settled and (until > now or write.job):
        return EarlierWrite(write, run, None, None, until)
    return EarlierWrite(write, run, NOT_DONE)
