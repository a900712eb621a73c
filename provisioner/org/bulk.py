"""Bulk API 2.0 ingest: thousands of similar writes as one job, with an answer for each row.

A job is closed only after its data has arrived: until then, Salesforce writes nothing. Once it is
closed, the job reports its outcome. The rows of a job are sent again only if it has ended, or if it
was aborted before it started. (fact 807)
"""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Protocol

from provisioner.model.json_value import Json
from provisioner.model.operations import CreateRecord, DeleteRecord, UpdateRecord, UpsertRecord
from provisioner.model.resource import Scalar
from provisioner.org import shapes
from provisioner.org.bulk_query import JobState, job_id, job_state
from provisioner.org.collections import Answer, RecordCall
from provisioner.org.errors import NoAnswer, NotSent, OrgError, Refused, refusal
from provisioner.org.rest import Rest, request_fields, request_value

Cells = tuple[str, ...]
"""A row as it is sent, or the names of its columns."""
# Salesforce takes 150 MB and advises 100. (fact 801)
_LARGEST = 100_000_000
_FIRST_POLL, _SLOWEST_POLL = 0.25, 5.0
_NULL = "#N/A"
_UNPROCESSED = "the bulk job ended before this row was processed"
_OPERATIONS: Mapping[type, str] = {
    CreateRecord: "insert",
    UpsertRecord: "upsert",
    UpdateRecord: "update",
    DeleteRecord: "delete",
}


class Watcher(Protocol):
    """Follows a job, and can ask to end it early."""

    @property
    def stopping(self) -> bool: ...

    def job(self, id_: str) -> None:
        """The job was created: after a crash, the next run must wait for it."""

    def processed(self, rows: int) -> None:
        """The number of rows of this job that were processed so far."""


class Bulk:
    """One org's ingest jobs."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def write(self, calls: Sequence[RecordCall], watcher: Watcher) -> list[Answer]:
        """Make the calls, which are of one class and one sObject, as one or more jobs.

        Raises OrgError; NoAnswer if the job may have written rows that it does not report.
        """
        answers: list[Answer] = []
        columns = _columns(calls)
        for part, data in _parts(columns, [_cells(call, columns) for call in calls]):
            answers += self._job(calls[0], columns, part, data, watcher)
        return answers

    def wait(self, job: str) -> str:
        """The state of a job once it has ended; `Deleted` if no job has that Id."""
        pauses = _pauses()
        while True:
            try:
                current = self._rest.get(f"jobs/ingest/{job}", job_state)
            except Refused as error:
                if error.code in ("NOT_FOUND", "HTTP_404", "INVALIDJOB"):
                    return "Deleted"
                raise
            if current.has_ended:
                return current.state
            if current.state == "Open":
                # Its data never arrived, and never will arrive.
                self._abort_now(job)
                return "Aborted"
            self._rest.sleep(next(pauses))

    def _job(
        self,
        first: RecordCall,
        columns: Cells,
        rows: Sequence[Cells],
        data: bytes,
        watcher: Watcher,
    ) -> list[Answer]:
        asked = {
            "object": first.sobject,
            "operation": _OPERATIONS[type(first)],
            "contentType": "CSV",
            "lineEnding": "LF",
        }
        if isinstance(first, UpsertRecord):
            asked["externalIdFieldName"] = first.key
        job = None
        try:
            job = self._rest.send("POST", "jobs/ingest", json.dumps(asked), job_id)
            watcher.job(job)
            path = f"jobs/ingest/{job}/batches"
            self._rest.send("PUT", path, data, _uploaded, content_type="text/csv")
        except NoAnswer as error:
            # A job that was not closed writes nothing, even if some of its data arrived.
            if job is not None:
                self._abort(job)
            message = f"the data of a bulk job did not arrive: {error.message}"
            raise NotSent(error.host, message) from error
        self._close(job)
        ended = self._follow(job, len(rows), watcher)
        answers = self._results(job, ended, columns, rows)
        if isinstance(first, CreateRecord | UpsertRecord):
            return answers
        return [None if isinstance(answer, str) else answer for answer in answers]

    def _close(self, job: str) -> None:
        """Start the job. Raises NotSent if it was aborted instead, and NoAnswer if neither is
        certain: a request to start it may still arrive.
        """
        path, done = f"jobs/ingest/{job}", json.dumps({"state": "UploadComplete"})
        for _ in range(3):
            try:
                self._rest.send("PATCH", path, done, job_state)
                return
            except NoAnswer:
                if self._state(job).state != "Open":
                    return
        self._abort(job)
        state = self._state(job).state
        if state == "Open":
            raise _lost(job, NoAnswer(self._rest.host, "it could neither be started nor aborted"))
        if state in ("Aborted", "Failed"):
            raise NotSent(self._rest.host, f"the bulk job {job} could not be started")

    def _follow(self, job: str, rows: int, watcher: Watcher) -> JobState:
        """The state of the job once it has ended."""
        pauses = _pauses()
        began, aborted = time.monotonic(), False
        while True:
            current = self._state(job)
            done = current.processed or 0
            watcher.processed(done)
            if current.has_ended:
                return current
            if watcher.stopping and not aborted:
                aborted = True
                self._abort(job)
                continue
            # The estimated time left: to poll sooner would waste a call.
            left = (time.monotonic() - began) * (rows - done) / done if done else math.inf
            self._rest.sleep(min(next(pauses), max(left, _FIRST_POLL / 2)))

    def _state(self, job: str) -> JobState:
        try:
            return self._rest.get(f"jobs/ingest/{job}", job_state)
        except OrgError as error:
            raise _lost(job, error) from error

    def _abort_now(self, job: str) -> None:
        aborted = json.dumps({"state": "Aborted"})
        self._rest.send("PATCH", f"jobs/ingest/{job}", aborted, job_state)

    def _abort(self, job: str) -> None:
        try:
            self._abort_now(job)
        except OrgError:
            return  # it has ended or continues: the next poll shows which

    def _results(
        self, job: str, ended: JobState, columns: Cells, rows: Sequence[Cells]
    ) -> list[Answer]:
        """The Id of each row, or its error. The order of results is not defined, so rows are
        matched by their contents; equal rows can have each other's result.
        """
        answers: dict[Cells, list[Answer]] = defaultdict(list)
        done, failed = ended.processed, ended.failed
        expected = None if done is None or failed is None else done - failed
        results = f"jobs/ingest/{job}"
        try:
            for id_, key in self._rows(
                f"{results}/successfulResults/", "sf__Id", columns, expected
            ):
                answers[key].append(id_)
            # If the job reports that no row failed, the list of failures would waste a call.
            if ended.state != "JobComplete" or failed != 0:
                path = f"{results}/failedResults/"
                for text, key in self._rows(path, "sf__Error", columns, failed):
                    answers[key].append(_refused(text))
        except OrgError as error:
            raise _lost(job, error) from error
        left = self._left(job, ended)
        empty: list[Answer] = []
        return [mine.pop() if (mine := answers.get(row, empty)) else left for row in rows]

    def _left(self, job: str, ended: JobState) -> OrgError:
        """Why a row is in neither result."""
        if ended.state == "JobComplete":
            message = f"the bulk job {job} has ended and does not report the outcome of this row"
            return NoAnswer(self._rest.host, message, job=job)
        # A job that was aborted left these alone; one that failed will fail again.
        if ended.error:
            return Refused("BULK_JOB_FAILED", ended.error)
        return Refused("UNPROCESSED", _UNPROCESSED, transient=True)

    def _rows(
        self, path: str, name: str, columns: Cells, count: int | None
    ) -> list[tuple[str, Cells]]:
        """The column `name` of each row of a result, and the row's cells as they were sent.

        A result with fewer than `count` rows, if that is known, is an unexpected answer: missing
        rows must not be treated as rows that were not written.
        """

        def read(text: str) -> list[tuple[str, Cells]]:
            reader = csv.reader(io.StringIO(text, newline=""), strict=True)
            header = next(reader, [])
            if not header and count == 0:
                return []
            place = {column: number for number, column in enumerate(header)}
            at, places = place[name], [place.get(column, len(header)) for column in columns]
            rows = []
            for row in reader:
                if len(row) != len(header):
                    raise shapes.UnexpectedError(
                        "a row of the CSV has other columns than its header"
                    )
                if name == "sf__Id":
                    shapes.record_id(row[at])
                row.append("")  # the value of a column that the result does not have
                rows.append((row[at], tuple([row[n] for n in places])))
            if count is not None and len(rows) < count:
                raise shapes.UnexpectedError(f"the CSV has {len(rows)} rows for {count}")
            return rows

        return self._rest.page(path, read)[0]


def _parts(columns: Cells, rows: Sequence[Cells]) -> Iterator[tuple[Sequence[Cells], bytes]]:
    """The rows with their CSV, in as few parts as Salesforce accepts."""
    data = _csv(columns, rows)
    if len(data) <= _LARGEST or len(rows) == 1:
        yield rows, data
        return
    half = len(rows) // 2
    yield from chain(_parts(columns, rows[:half]), _parts(columns, rows[half:]))


def _columns(calls: Sequence[RecordCall]) -> Cells:
    fields = dict.fromkeys(
        name for call in calls if not isinstance(call, DeleteRecord) for name in call.fields
    )
    match calls[0]:
        case CreateRecord():
            return tuple(fields)
        case UpsertRecord(_, key):
            return (key, *fields)
        case _:
            return ("Id", *fields)


def _csv(columns: Cells, rows: Sequence[Cells]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def _cells(call: RecordCall, columns: Cells) -> Cells:
    fields = {} if isinstance(call, DeleteRecord) else request_fields(call.fields)
    match call:
        case UpdateRecord(_, id_) | DeleteRecord(_, id_):
            fields = {**fields, "Id": request_value(id_)}
        case UpsertRecord(_, key, value):
            fields = {**fields, key: value}
    return tuple([_cell(fields[name]) if name in fields else "" for name in columns])


def _cell(value: Scalar) -> str:
    """A value for Bulk: an empty cell does not change the field, `#N/A` clears it."""
    if value is None or value == "":
        return _NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _refused(text: str) -> OrgError:
    """The refusal in a cell of `sf__Error`: `CODE:message:fields --`."""
    code, _, rest = text.partition(":")
    message, _, fields = rest.rpartition(":")
    named = fields.removesuffix("--").strip()
    if not message or not all(part.strip().replace("_", "").isalnum() for part in named.split(",")):
        message, named = rest.removesuffix("--").strip().removesuffix(":"), ""
    return refusal(code, message, [part.strip() for part in named.split(",") if part.strip()])


def _uploaded(answer: Json) -> None:
    # Bulk API 2.0 guide, "Upload Job Data": 201 and no body
    if answer is not None:
        raise shapes.UnexpectedError("it has a body")


def _lost(job: str, error: OrgError) -> NoAnswer:
    message = f"the bulk job {job} was started, and its outcome cannot be read: {error}"
    return NoAnswer(getattr(error, "host", ""), message, job=job)


def _pauses() -> Iterator[float]:
    pause = _FIRST_POLL
    while True:
        yield pause
        pause = min(pause * 1.5, _SLOWEST_POLL)
