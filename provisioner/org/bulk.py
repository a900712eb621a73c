"""Bulk API 2.0 ingest: thousands of like writes as one job, each row with its own answer.

A job is closed only after its data has arrived, so that nothing is written by half; what is
in doubt after that is asked of the job itself. (platform reference 8.3)
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
from typing import Any, Protocol

from provisioner.call import CreateRecord, DeleteRecord, UpdateRecord
from provisioner.org.bundles import Answer, RecordCall
from provisioner.org.errors import NoAnswer, NotSent, OrgError, Refused, refusal
from provisioner.org.rest import Rest, sent

_ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
# Salesforce takes 150 MB and advises 100. (platform reference 8.3)
_LARGEST = 100_000_000
_FIRST_POLL, _SLOWEST_POLL = 0.25, 5.0
_NULL = "#N/A"
_UNTRIED = "the bulk job ended before this row was tried"
_OPERATIONS: Mapping[type, str] = {
    CreateRecord: "insert",
    UpdateRecord: "update",
    DeleteRecord: "delete",
}


class Watcher(Protocol):
    """Who is told how a job goes, and may ask that it end early."""

    @property
    def stopping(self) -> bool: ...

    def job(self, id_: str) -> None:
        """The job exists: whoever comes after a crash must wait for it."""

    def processed(self, rows: int) -> None:
        """So many rows of this job were tried by now."""


class Bulk:
    """One org's ingest jobs."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def write(self, calls: Sequence[RecordCall], watcher: Watcher) -> list[Answer]:
        """Make the calls, which are of one class and one sObject, as one job or a few.

        Raises OrgError; NoAnswer where the job may have written what it does not tell.
        """
        answers: list[Answer] = []
        for part, data in _parts(calls):
            answers += self._job(part, data, watcher)
        return answers

    def wait(self, job: str) -> str:
        """The state of a job once it has ended; `Deleted` where there is none of that Id."""
        pauses = _pauses()
        while True:
            try:
                state = str(self._rest.get(f"jobs/ingest/{job}")["state"])
            except Refused as error:
                if error.code in ("NOT_FOUND", "HTTP_404", "INVALIDJOB"):
                    return "Deleted"
                raise
            if state in _ENDED:
                return state
            if state == "Open":
                # Its data never arrived, and never will.
                self._rest.send("PATCH", f"jobs/ingest/{job}", json.dumps({"state": "Aborted"}))
                return "Aborted"
            self._rest.sleep(next(pauses))

    def _job(self, calls: Sequence[RecordCall], data: bytes, watcher: Watcher) -> list[Answer]:
        first = calls[0]
        asked = {
            "object": first.sobject,
            "operation": _OPERATIONS[type(first)],
            "contentType": "CSV",
            "lineEnding": "LF",
        }
        try:
            job = str(self._rest.send("POST", "jobs/ingest", json.dumps(asked))["id"])
            watcher.job(job)
            self._rest.send("PUT", f"jobs/ingest/{job}/batches", data, content_type="text/csv")
        except NoAnswer as error:
            # A job that was not closed writes nothing, whatever of its data arrived.
            message = f"the data of a bulk job did not arrive: {error.message}"
            raise NotSent(error.host, message) from error
        self._close(job)
        told = self._follow(job, len(calls), watcher)
        return self._results(job, calls, str(told.get("errorMessage") or ""))

    def _close(self, job: str) -> None:
        """Let the job begin. Where the answer is lost, the job says whether it did."""
        path, done = f"jobs/ingest/{job}", json.dumps({"state": "UploadComplete"})
        for _ in range(3):
            try:
                self._rest.send("PATCH", path, done)
                return
            except NoAnswer:
                if self._told(job)["state"] != "Open":
                    return
        raise NotSent(self._rest.host, f"the bulk job {job} could not be started")

    def _follow(self, job: str, rows: int, watcher: Watcher) -> Mapping[str, Any]:
        """What the job says of itself at its end."""
        pauses = _pauses()
        began, aborted = time.monotonic(), False
        while True:
            told = self._told(job)
            done = int(told.get("numberRecordsProcessed") or 0)
            watcher.processed(done)
            if told["state"] in _ENDED:
                return told
            if watcher.stopping and not aborted:
                aborted = True
                self._abort(job)
                continue
            # At the pace so far it takes so much longer: to ask sooner is a call for nothing.
            left = (time.monotonic() - began) * (rows - done) / done if done else math.inf
            self._rest.sleep(min(next(pauses), max(left, _FIRST_POLL / 2)))

    def _told(self, job: str) -> Mapping[str, Any]:
        try:
            told: Mapping[str, Any] = self._rest.get(f"jobs/ingest/{job}")
        except OrgError as error:
            raise _lost(job, error) from error
        return told

    def _abort(self, job: str) -> None:
        try:
            self._rest.send("PATCH", f"jobs/ingest/{job}", json.dumps({"state": "Aborted"}))
        except OrgError:
            return  # it has ended by itself, or goes on: the next look tells

    def _results(self, job: str, calls: Sequence[RecordCall], failure: str) -> list[Answer]:
        """The answer of each row. Results come in no promised order, so they are known by
        their contents; rows that are alike in all are one as good as the other.
        """
        try:
            done = self._rows(f"jobs/ingest/{job}/successfulResults/")
            failed = self._rows(f"jobs/ingest/{job}/failedResults/")
        except OrgError as error:
            raise _lost(job, error) from error
        columns = _columns(calls)
        found: dict[tuple[str, ...], list[Answer]] = defaultdict(list)
        for row in failed:
            found[_key(row, columns)].append(_refused(row["sf__Error"]))
        creates = isinstance(calls[0], CreateRecord)
        for row in done:
            found[_key(row, columns)].append(row["sf__Id"] if creates else None)
        # A job that was aborted left these alone; one that failed will fail again.
        code, message = ("BULK_JOB_FAILED", failure) if failure else ("UNPROCESSED", _UNTRIED)
        left = Refused(code, message, transient=not failure)
        answers: list[Answer] = []
        for call in calls:
            mine = found.get(tuple(_cells(call, columns)))
            answers.append(mine.pop() if mine else left)
        return answers

    def _rows(self, path: str) -> Iterator[Mapping[str, str]]:
        return csv.DictReader(io.StringIO(self._rest.text(path), newline=""))


def _parts(calls: Sequence[RecordCall]) -> Iterator[tuple[Sequence[RecordCall], bytes]]:
    """The calls with their CSV, in as few parts as Salesforce takes."""
    columns = _columns(calls)
    data = _csv(calls, columns)
    if len(data) <= _LARGEST or len(calls) == 1:
        yield calls, data
        return
    half = len(calls) // 2
    yield from chain(_parts(calls[:half]), _parts(calls[half:]))


def _columns(calls: Sequence[RecordCall]) -> list[str]:
    fields = dict.fromkeys(
        name for call in calls if not isinstance(call, DeleteRecord) for name in call.fields
    )
    return list(fields) if isinstance(calls[0], CreateRecord) else ["Id", *fields]


def _csv(calls: Sequence[RecordCall], columns: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(_cells(call, columns) for call in calls)
    return text.getvalue().encode()


def _cells(call: RecordCall, columns: Sequence[str]) -> list[str]:
    fields = {} if isinstance(call, DeleteRecord) else sent(call.fields)
    if not isinstance(call, CreateRecord):
        fields = {**fields, "Id": call.id}
    return [_cell(fields[name]) if name in fields else "" for name in columns]


def _cell(value: Any) -> str:
    """A value as Bulk reads it: an empty cell says nothing, `#N/A` clears the field."""
    match value:
        case None | "":
            return _NULL
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _key(row: Mapping[str, str], columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(row.get(name) or "" for name in columns)


def _refused(text: str) -> OrgError:
    """The refusal that `sf__Error` tells: `CODE:message:fields --`."""
    code, _, rest = text.partition(":")
    message, _, fields = rest.rpartition(":")
    named = fields.removesuffix("--").strip()
    if not message or not all(part.strip().replace("_", "").isalnum() for part in named.split(",")):
        message, named = rest.removesuffix("--").strip().removesuffix(":"), ""
    return refusal(code, message, [part.strip() for part in named.split(",") if part.strip()])


def _lost(job: str, error: OrgError) -> NoAnswer:
    message = f"the bulk job {job} was started, and what became of it could not be read: {error}"
    return NoAnswer(getattr(error, "host", ""), message, job=job)


def _pauses() -> Iterator[float]:
    pause = _FIRST_POLL
    while True:
        yield pause
        pause = min(pause * 1.5, _SLOWEST_POLL)
