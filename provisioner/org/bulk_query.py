"""Bulk API 2.0 query jobs: all rows of a query as CSV, in a few calls. (platform reference 8.3)"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from provisioner.org import shapes
from provisioner.org.errors import OrgError, refusal
from provisioner.org.read_strategy import JOB_PAGE
from provisioner.org.rest import Rest
from provisioner.org.rows import Sieve

_FIRST_POLL, _SLOWEST_POLL = 0.25, 5.0
_ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
# Bulk API 2.0 guide, "Get Information About a Job"
_STATES = _ENDED | {"Open", "UploadComplete", "InProgress"}


def read(rest: Rest, query: str, sieve: Sieve) -> None:
    """Put all rows of a query through the sieve, a page at a time. Raises OrgError.

    A job that is made and lost costs the org a little work and nothing else.
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
        told = _wait(rest, f"jobs/query/{job}")
        results = f"jobs/query/{job}/results?maxRecords={JOB_PAGE}"
        _pages(rest, results, sieve, told.get("numberRecordsProcessed"))
    finally:
        _forget(rest, f"jobs/query/{job}")


def job_id(answer: Any) -> str:
    """The Id in the answer to a new job."""
    return shapes.record_id(shapes.mapping(answer).get("id"), "the Id of the job")


def job_state(answer: Any) -> Mapping[str, Any]:
    """What a job says of itself, with a known `state`."""
    told = shapes.mapping(answer)
    if told.get("state") not in _STATES:
        raise shapes.UnexpectedError("`state` is not the state of a job")
    for name in ("numberRecordsProcessed", "numberRecordsFailed"):
        if told.get(name) is not None:
            shapes.whole(told[name], f"`{name}`")
    return told


def _wait(rest: Rest, path: str) -> Mapping[str, Any]:
    pause = _FIRST_POLL
    while True:
        told = rest.get(path, job_state)
        if told["state"] == "JobComplete":
            return told
        if told["state"] in _ENDED:
            message = told.get("errorMessage") or f"the job ended as {told['state']}"
            raise refusal("BULK_QUERY_FAILED", str(message))
        rest.sleep(pause)
        pause = min(pause * 1.5, _SLOWEST_POLL)


def _pages(rest: Rest, path: str, sieve: Sieve, total: int | None) -> None:
    locator, rows = "", 0
    seen: set[str] = set()
    while locator != "null":
        more = f"&locator={quote(locator, safe='')}" if locator else ""
        lines, locator = rest.page(path + more, _lines)
        with rest.understanding("a Bulk query"):
            rows += sieve.add_csv(next(lines), lines)
            complete = total is None or rows == total
            if locator in seen or (locator == "null" and not complete):
                raise shapes.UnexpectedError("its pages do not have the rows of the job")
        seen.add(locator)


def _lines(text: str) -> Iterator[list[str]]:
    """The header and the rows of a result, which are read later."""
    return csv.reader(io.StringIO(text, newline=""), strict=True)


def _forget(rest: Rest, path: str) -> None:
    """Salesforce keeps the results for seven days, and they hold people's names."""
    try:
        rest.send("DELETE", path, "", lambda _: None)
    except OrgError:
        return
