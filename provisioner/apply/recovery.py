"""Writes that earlier runs left unknown: what the org shows of them, and what may still happen.

Change here how a run deals with the writes of an earlier run that ended without their outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from provisioner.apply.executor import Unsettled
from provisioner.apply.journal import Record, UnknownWrite
from provisioner.kinds.user.fields import PASSWORD
from provisioner.model.resource import Address
from provisioner.org.timing import Timing
from provisioner.plan.read import Reading

DONE, NOT_DONE, NOT_IN_SPEC = "done", "not done", "not in the spec"


@dataclass(frozen=True, slots=True)
class Finding:
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
) -> tuple[Finding, ...]:
    """What a reading shows of each unknown write; `changing` are the steps of a plan made of it.

    A write that could create a duplicate is open until ten minutes after its run last waited for
    it, unless its effect shows. `assume_settled` takes every such write for over.
    """
    return tuple(
        _find(write, record.run, reading, changing, now, timing, assume_settled=assume_settled)
        for record in records
        for write in record.unknown
    )


def unsettled(findings: Iterable[Finding], everything: datetime | None) -> Unsettled:
    """What a run must not send yet; `everything` as in `Unsettled`."""
    by_address: dict[Address, datetime] = {}
    for finding in findings:
        if finding.result is None and finding.until is not None:
            address = finding.write.address
            by_address[address] = max(finding.until, by_address.get(address, finding.until))
    return Unsettled(by_address, everything)


def open_jobs(findings: Sequence[Finding]) -> tuple[str, ...]:
    """The bulk jobs that carry writes that are open, and may be at work even now."""
    return tuple(dict.fromkeys(f.write.job for f in findings if f.result is None and f.write.job))


def without_jobs(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings once the bulk jobs have ended: nothing more becomes of what those carried.

    Whether a row of such a job was written shows when its step is compared before it is made.
    """
    return tuple(f for f in findings if not (f.result is None and f.write.job))


def _find(
    write: UnknownWrite,
    run: str,
    reading: Reading,
    changing: frozenset[Address],
    now: datetime,
    timing: Timing,
    *,
    assume_settled: bool,
) -> Finding:
    live = reading.live.get(write.address)
    id_ = live.id if live else None
    if write.address not in reading.desired:
        return Finding(write, run, NOT_IN_SPEC)
    if write.call == "ResetPassword":
        is_done = live is not None and live.fields.get(PASSWORD) is True
    elif write.call.startswith(("Create", "Clone", "Upsert")):
        is_done = live is not None
    else:
        is_done = write.address not in changing
    until = write.at + timedelta(seconds=timing.unsettled)
    if is_done:
        return Finding(write, run, DONE, id_)
    if write.may_duplicate and not assume_settled and (until > now or write.job):
        return Finding(write, run, None, None, until)
    return Finding(write, run, NOT_DONE)
