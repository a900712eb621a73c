"""Bulk API 2.0 query jobs: all rows of a query as CSV, in a few calls. (fact 808)"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from provisioner.model.json_value import Json
from provisioner.org import shapes
from provisioner.org.errors import OrgError, refusal
from provisioner.org.read_strategy import JOB_PAGE
from provisioner.org.rest import Rest
from provisioner.org.rows import RowCollector

_FIRST_POLL, _SLOWEST_POLL = 0.25, 5.0
_ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
# Bulk API 2.0 guide, "Get Information About a Job"
_STATES = _ENDED | {"Open", "UploadComplete", "InProgress"}


def read(rest: Rest, query: str, rows: RowCollector) -> None:
    """Add all rows of a query to `rows`, a page at a time. Raises OrgError.

    If the answer to a new job is lost, the job costs the org a little work and nothing else.
    """
    asked = {
        "operation": "query",
        "query": query,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    job = rest.ask("jobs/query", json.dumps(asked), job_id)
    try:
        ended = _wait(rest, f"jobs/query/{job}")
        results = f"jobs/query/{job}/results?maxRecords={JOB_PAGE}"
        _pages(rest, results, rows, ended.processed)
    finally:
        _delete(rest, f"jobs/query/{job}")


def job_id(answer: Json) -> str:
    """The Id in the answer to a new job."""
    return shapes.record_id(shapes.mapping(answer).get("id"), "the Id of the job")


@dataclass(frozen=True, slots=True)
class JobState:
    """The state of a job; `None` where the job does not say a number."""

    state: str
    processed: int | None
    failed: int | None
    error: str

    @property
    def has_ended(self) -> bool:
        return self.state in _ENDED


def job_state(answer: Json) -> JobState:
    """The state in the answer about a job."""
    job = shapes.mapping(answer)
    state = job.get("state")
    if not isinstance(state, str) or state not in _STATES:
        raise shapes.UnexpectedError("`state` is not the state of a job")
    processed, failed = (
        None if job.get(name) is None else shapes.count(job[name], f"`{name}`")
        for name in ("numberRecordsProcessed", "numberRecordsFailed")
    )
    return JobState(state, processed, failed, str(job.get("errorMessage") or ""))


def _wait(rest: Rest, path: str) -> JobState:
    pause = _FIRST_POLL
    while True:
        job = rest.get(path, job_state)
        if job.state == "JobComplete":
            return job
        if job.has_ended:
            message = job.error or f"the job ended as {job.state}"
            raise refusal("BULK_QUERY_FAILED", message)
        rest.sleep(pause)
        pause = min(pause * 1.5, _SLOWEST_POLL)


def _pages(rest: Rest, path: str, rows: RowCollector, total: int | None) -> None:
    locator, count = "", 0
    seen: set[str] = set()
    while locator != "null":
        more = f"&locator={quote(locator, safe='')}" if locator else ""
        lines, locator = rest.page(path + more, _lines)
        with rest.understanding("a Bulk query"):
            count += rows.add_csv(next(lines), lines)
            complete = total is None or count == total
            if locator in seen or (locator == "null" and not complete):
                raise shapes.UnexpectedError("its pages do not have the rows of the job")
        seen.add(locator)


def _lines(text: str) -> Iterator[list[str]]:
    """The header and the rows of a result, read lazily."""
    return csv.reader(io.StringIO(text, newline=""), strict=True)


def _delete(rest: Rest, path: str) -> None:
    """Delete the job: Salesforce would keep its results, with personal data, for seven days."""
    try:
        rest.send("DELETE", path, "", lambda _: None)
    except OrgError:
        return
