"""Bulk API 2.0 query jobs: all rows of a query as CSV, in a few calls. (platform reference 8.3)"""

from __future__ import annotations

import csv
import io
import json

from provisioner.org.errors import Refused, refusal
from provisioner.org.records import Sieve
from provisioner.org.rest import Rest
from provisioner.org.ways import JOB_PAGE

_FIRST_POLL, _SLOWEST_POLL = 0.25, 5.0
_ENDED = frozenset({"JobComplete", "Failed", "Aborted"})


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
    job = rest.ask("jobs/query", json.dumps(asked))["id"]
    try:
        _wait(rest, f"jobs/query/{job}")
        _pages(rest, f"jobs/query/{job}/results?maxRecords={JOB_PAGE}", sieve)
    finally:
        _forget(rest, f"jobs/query/{job}")


def _wait(rest: Rest, path: str) -> None:
    pause = _FIRST_POLL
    while True:
        told = rest.get(path)
        if told["state"] == "JobComplete":
            return
        if told["state"] in _ENDED:
            message = told.get("errorMessage") or f"the job ended as {told['state']}"
            raise refusal("BULK_QUERY_FAILED", str(message))
        rest.sleep(pause)
        pause = min(pause * 1.5, _SLOWEST_POLL)


def _pages(rest: Rest, path: str, sieve: Sieve) -> None:
    locator = ""
    while locator != "null":
        more = f"&locator={locator}" if locator else ""
        text, locator = rest.page(path + more)
        lines = csv.reader(io.StringIO(text, newline=""))
        header = next(lines, None)
        if header is None:
            return
        sieve.add_csv(header, lines)


def _forget(rest: Rest, path: str) -> None:
    """Salesforce keeps the results for seven days, and they hold people's names."""
    try:
        rest.send("DELETE", path)
    except Refused:
        return
