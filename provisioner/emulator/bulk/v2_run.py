"""Runs the ingest jobs of Bulk API 2.0: chunk by chunk, for a while at each call to the org.

Every chunk is one transaction that also keeps its results and how far the job is, so that any
process may go on with a job, and an abort takes effect between two chunks. A call that asks how a
job is doing lets it run longer than one that is about something else; neither waits for its end.
Where the org is served, `worker` continues the jobs in between. The data of a job is split into
chunks when it first runs, so that each call reads no more than it writes.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base import faults
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.bulk import csv_text, jobs
from provisioner.emulator.bulk.csv_text import BatchError
from provisioner.emulator.bulk.jobs import ABORTED, COMPLETE, FAILED, RUNNING, UPLOADED, Job
from provisioner.emulator.bulk.rows import CHUNK, Outcome, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.emulator.bulk.csv_text import Column, Writer
    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org


_ASIDE: Final = 0.2  # seconds that it runs before another call is answered
_ROOM: Final = 0.2  # of the time of a chunk, for other writers
_LEAST_ROOM: Final = 0.005  # seconds
_LOCK: Final = "bulk ingest"


def catch_up(org: Org) -> None:
    """Runs the oldest job that waits, if no other thread runs one, and not for long."""
    job = jobs.waiting(org)
    lock = org.lock(_LOCK)
    if job is not None and lock.acquire(blocking=False):
        try:
            ingested(org, job, seconds=_ASIDE)
        finally:
            lock.release()


def work_off(org: Org) -> bool:
    """Runs the oldest job that waits for a while, leaving room for others; whether one waited."""
    job = jobs.waiting(org)
    if job is None:
        return False
    with org.lock(_LOCK):
        ingested(org, job, pause=_ROOM)
    return True


def asked(org: Org, job: Job) -> Job:
    """The job as it is after some seconds: run in them, or by another thread."""
    return jobs.asked(org, job, _LOCK, ingested)


def ingested(org: Org, job: Job, *, seconds: float | None = None, pause: float = 0) -> Job:
    """The job after it has run for some seconds, or to its end; other jobs as they are.

    `pause` is how long others may write after each chunk, as a share of its time.
    """
    if job.state not in {UPLOADED, RUNNING}:
        return job
    try:
        job = _split(org, job)
        if job.state not in {UPLOADED, RUNNING}:
            return job
        sobject = _object(org, job)
        layout = csv_text.columns(sobject, job.header or ())
        _needed(job, layout)
    except BatchError as error:
        return jobs.change(org, job, state=FAILED, error=str(error))
    key = sobject.field(job.external_id) if job.external_id else None
    work = Work(org, job.created_by, job.operation, sobject, key)
    writer = csv_text.Writer(job.delimiter, job.line_ending)
    upload = f"/services/data/v{job.version}.0/jobs/ingest/{job.id}/batches"
    end = time.perf_counter() + (jobs.ASKED if seconds is None else seconds)
    while job.state in {UPLOADED, RUNNING}:
        started = time.perf_counter()
        with faults.on_behalf("PUT", upload), org.transaction():
            now = jobs.get(org, job.id, job.kind)
            if now is None:
                return job
            job = now
            if job.state in {UPLOADED, RUNNING}:
                job = _chunk(org, job, work, layout, writer, started)
        if time.perf_counter() >= end:
            break
        if pause:
            time.sleep(max(_LEAST_ROOM, pause * (time.perf_counter() - started)))
    return job


def unprocessed(org: Org, job: Job) -> str:
    """The rows that were never tried, as they were sent."""
    echoed = partial(csv_text.Writer(job.delimiter, job.line_ending).echoed, ())
    if job.header is None:
        try:
            return "".join(map(echoed, _read(org, job)))
        except BatchError:
            return jobs.data(org, job.id) or ""
    lines = [echoed(job.header)]
    for first in range(job.processed, job.total, CHUNK):
        lines += map(echoed, jobs.rows(org, job.id, first))
    return "".join(lines)


def results_header(org: Org, job: Job, *names: str) -> str:
    """The first line of results: our columns, then those of the data."""
    header = job.header
    if header is None:
        try:
            header, *_ = _read(org, job)
        except BatchError:
            header = ()
    return csv_text.Writer(job.delimiter, job.line_ending).echoed(names, header)


def _split(org: Org, job: Job) -> Job:
    """The job with its data split into chunks of rows; raises BatchError.

    If a process ends in the middle, the next one starts again.
    """
    if job.header is not None:
        return job
    total = 0
    try:
        rows = _read(org, job)
        header = next(rows)
        while chunk := list(islice(rows, CHUNK)):
            jobs.put_rows(org, job.id, total, chunk)
            total += len(chunk)
    except BatchError:
        now = jobs.get(org, job.id, job.kind)
        if now is not None and now.header is not None:  # another process was faster
            return now
        jobs.remove_rows(org, job.id)
        raise
    with org.transaction():
        now = jobs.get(org, job.id, job.kind)
        if now is None or now.state not in {UPLOADED, RUNNING}:
            jobs.remove_rows(org, job.id)
            return now or replace(job, state=ABORTED)
        if now.header is not None:
            return now
        jobs.remove_data(org, job.id)
        return jobs.change(org, now, header=header, total=total)


def _chunk(
    org: Org, job: Job, work: Work, layout: list[Column], writer: Writer, started: float
) -> Job:
    start = job.processed
    chunk = jobs.rows(org, job.id, start)
    outcomes = work.write([_record(row, layout) for row in chunk])
    done, failed = [], []
    for row, outcome in zip(chunk, outcomes, strict=True):
        if outcome.error is None:
            done.append(writer.echoed((outcome.id or "", _word(outcome)), row))
        else:
            text = csv_text.error_text(outcome.error)
            failed.append(writer.echoed((outcome.id or "", text), row))
    if chunk:
        jobs.put_results(org, job, start, len(chunk), "".join(done), "".join(failed))
        jobs.remove_rows(org, job.id, start)
    end = start + len(chunk)
    return jobs.change(
        org,
        job,
        state=COMPLETE if end >= job.total else RUNNING,
        processed=end,
        failed=job.failed + len(failed),
        milliseconds=job.milliseconds + int((time.perf_counter() - started) * 1000),
    )


def _word(outcome: Outcome) -> str:
    return "true" if outcome.created else "false"


def _record(row: list[str], layout: list[Column]) -> dict[str, Any] | SalesforceError:
    try:
        return csv_text.values(row, layout)
    except SalesforceError as error:
        return error


def _read(org: Org, job: Job) -> Iterator[list[str]]:
    text = jobs.data(org, job.id)
    if text is None:
        raise BatchError("InvalidBatch : No data was uploaded")  # guess
    return csv_text.read(text, job.delimiter, job.line_ending)


def _object(org: Org, job: Job) -> SObject:
    sobject = visible.catalog(org, job.created_by, job.version).get(job.sobject)
    if sobject is None:
        raise BatchError(f"InvalidJob : Unable to find object: {job.sobject}")
    return sobject


def _needed(job: Job, layout: list[Column]) -> None:
    """The column that an operation can not do without; text as reported from real orgs."""
    needed = job.external_id if job.operation == "upsert" else "Id"
    if job.operation == "insert" or needed is None or needed == "Id" == job.external_id:
        return
    if needed not in {column.name for column in layout}:
        raise BatchError(f"InvalidBatch : Field name not found : {needed}")
