"""Runs the ingest jobs of Bulk API 2.0: chunk by chunk, for a while at each call to the org.

Every chunk is one transaction that also keeps its results and how far the job is, so that any
process may go on with a job, and an abort takes effect between two chunks. A call that asks how a
job is doing lets it run longer than one that is about something else; neither waits for its end.
Where the org is served, `worker` goes on with the jobs in between.
"""

from __future__ import annotations

import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base import faults
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.bulk import csv_text, jobs
from provisioner.emulator.bulk.csv_text import BatchError
from provisioner.emulator.bulk.jobs import COMPLETE, FAILED, RUNNING, UPLOADED, Job
from provisioner.emulator.bulk.rows import CHUNK, Outcome, Work

if TYPE_CHECKING:
    from provisioner.emulator.bulk.csv_text import Column, Writer
    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org


_ASKED: Final = 1.0  # seconds that a job runs while somebody asks how it is doing
_ASIDE: Final = 0.2  # seconds that it runs before another call is answered
_ROOM: Final = 0.2  # of the time of a chunk, for other writers
_LEAST_ROOM: Final = 0.005  # seconds
_RUNNING: Final = threading.Lock()


def catch_up(org: Org) -> None:
    """Runs the oldest job that waits, if no other thread runs one, and not for long."""
    job = jobs.waiting(org)
    if job is not None and _RUNNING.acquire(blocking=False):
        try:
            ingested(org, job, seconds=_ASIDE)
        finally:
            _RUNNING.release()


def work_off(org: Org) -> bool:
    """Runs the oldest job that waits for a while, leaving room for others; whether one waited."""
    job = jobs.waiting(org)
    if job is None:
        return False
    with _RUNNING:
        ingested(org, job, pause=_ROOM)
    return True


def asked(org: Org, job: Job) -> Job:
    """The job as it is after some seconds: run in them, or by another thread."""
    if job.state not in {UPLOADED, RUNNING}:
        return job
    if not _RUNNING.acquire(timeout=_ASKED):
        return jobs.get(org, job.id, job.kind) or job
    try:
        return ingested(org, jobs.get(org, job.id, job.kind) or job)
    finally:
        _RUNNING.release()


def ingested(org: Org, job: Job, *, seconds: float | None = None, pause: float = 0) -> Job:
    """The job after it has run for some seconds, or to its end; other jobs as they are.

    `pause` is how long others may write after each chunk, as a share of its time.
    """
    if job.state not in {UPLOADED, RUNNING}:
        return job
    try:
        header, rows = _parsed(org, job)
        sobject = _object(org, job)
        layout = csv_text.columns(sobject, header)
        _needed(job, layout)
    except BatchError as error:
        return jobs.change(org, job, state=FAILED, error=str(error))
    key = sobject.field(job.external_id) if job.external_id else None
    work = Work(org, job.created_by, job.operation, sobject, key)
    writer = csv_text.Writer(job.delimiter, job.line_ending)
    upload = f"/services/data/v{job.version}.0/jobs/ingest/{job.id}/batches"
    end = time.perf_counter() + (_ASKED if seconds is None else seconds)
    while job.state in {UPLOADED, RUNNING}:
        started = time.perf_counter()
        with faults.on_behalf("PUT", upload), org.transaction():
            now = jobs.get(org, job.id, job.kind)
            if now is None:
                return job
            job = now
            if job.state in {UPLOADED, RUNNING}:
                job = _chunk(org, job, work, layout, rows, writer, started)
        if time.perf_counter() >= end:
            break
        if pause:
            time.sleep(max(_LEAST_ROOM, pause * (time.perf_counter() - started)))
    if job.state == COMPLETE:
        _read.cache_clear()
    return job


def unprocessed(org: Org, job: Job) -> str:
    """The rows that were never tried, as they were sent."""
    try:
        header, rows = _parsed(org, job)
    except BatchError:
        return jobs.data(org, job.id) or ""
    writer = csv_text.Writer(job.delimiter, job.line_ending)
    left = rows[job.processed :]
    return "".join(writer.echoed((), row) for row in (header, *left))


def results_header(org: Org, job: Job, *names: str) -> str:
    """The first line of results: our columns, then those of the data."""
    try:
        header, _ = _parsed(org, job)
    except BatchError:
        header = []
    return csv_text.Writer(job.delimiter, job.line_ending).echoed(names, header)


def _chunk(
    org: Org,
    job: Job,
    work: Work,
    layout: list[Column],
    rows: list[list[str]],
    writer: Writer,
    started: float,
) -> Job:
    start = job.processed
    chunk = rows[start : start + CHUNK]
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
    end = start + len(chunk)
    return jobs.change(
        org,
        job,
        state=COMPLETE if end >= len(rows) else RUNNING,
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


def _parsed(org: Org, job: Job) -> tuple[list[str], list[list[str]]]:
    text = jobs.data(org, job.id)
    if text is None:
        raise BatchError("InvalidBatch : No data was uploaded")  # guess
    return _read(text, job.delimiter, job.line_ending)


# A job of many rows is read once, not again at each call that lets it run.
_read = lru_cache(maxsize=2)(csv_text.read)


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
