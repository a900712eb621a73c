"""Query jobs of Bulk API 2.0: what they refuse, how they run, and their results in pages.

A job runs while somebody asks for it, and `worker` continues it afterwards. First it keeps the ids
of its rows in a cursor; then it reads and prints them part by part. Each part is written in one
short transaction, so that other writers need not wait, and any process may continue a job.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.bulk import csv_text, jobs, v2_info
from provisioner.emulator.bulk.jobs import ABORTED, COMPLETE, FAILED, RUNNING, UPLOADED, Job
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.soql import clauses, cursors, parse, records, run
from provisioner.emulator.soql import scope as soql_sql
from provisioner.emulator.soql.scope import Resolved
from provisioner.emulator.soql.tree import Call as Function
from provisioner.emulator.soql.tree import Fields, Query, Ref, Selected, TypeOf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.soql.records import Record
    from provisioner.emulator.store.org import Org

_PAGE: Final = 50_000  # rows of a page when the client names no number: guess
_LOCK: Final = "bulk queries"
_URLS: Final = 5  # of one answer of resultPages (fact 804)
PAGES_SINCE: Final = 58  # fact 804
# By whether the job is of Bulk 1.0: texts of real orgs for child queries (haoide#137, OpenFn#395
# [V]), for aggregates [I]
_AGGREGATES: Final = {
    True: "Aggregate Relationships not supported in Bulk Query",
    False: "Aggregate Relationships not supported in Bulk V2 Query with CSV content type.",
}
_DIGITS: Final = 10  # of a number that a client sends, at most


def answer(call: Call, job: Job) -> Answer:
    """`/jobs/query/<id>`: how the job is doing, its end, or its removal."""
    if call.method == "DELETE":
        return v2_info.deleted(call, job, COMPLETE, ABORTED, FAILED)
    if call.method == "PATCH":
        state = call.json().get("state")
        if state != ABORTED:
            raise SalesforceError(  # the wording of `v2._one_of` [Q]; of this: guess
                "API_ERROR", f"Invalid value: '{state}' supplied for property: 'state'"
            )
        return Answer(200, v2_info.described(v2_info.aborted(call, job)))
    job = asked(call.org, job)
    return Answer(200, v2_info.described(job, whole=True) | v2_info.counted(job))


def results(call: Call, job: Job) -> Answer:
    """`results`: one page of the rows."""
    _ready(call, job)
    return _results(call, job)


def pages(call: Call, job: Job) -> Answer:
    """`resultPages`: the addresses of the pages."""
    _ready(call, job)
    return _result_pages(call, job)


def checked(
    org: Org, by: str, version: int, text: str, *, deleted: bool = False, classic: bool = False
) -> tuple[SObject, list[Resolved]]:
    """The object and the columns of a query that a bulk job may run, one of Bulk 1.0 if `classic`.

    What is refused: fact 803. The texts are Salesforce's where they are said to
    be so; the code of both is reported from real orgs.
    """
    parsed = parse.parse(text)
    context = visible.context(org, by, version, deleted=deleted)
    if parsed.counted or parsed.group:
        raise _unsupported(_AGGREGATES[classic])
    if parsed.offset:
        raise _unsupported("OFFSET clause not supported in Bulk Query")  # text: guess
    _refuse(context, text, parsed)
    sobject = context.known.get(parsed.source)
    assert sobject is not None, "the query ran"
    scope = soql_sql.Scope(context, sobject, text, parsed.alias)
    found: list[Resolved] = []
    for item in parsed.selected:
        match item:
            case Selected(what=Ref() as ref):
                found.append(scope.resolve(ref))
            case TypeOf():  # refused [V], fact 803; text: guess
                raise _unsupported("TYPEOF clause not supported in Bulk Query")
            case Fields():  # text: as Apex has it, IlluminatedCloud issue 2281 [I]
                raise _unsupported(
                    "The SOQL FIELDS function is not supported with an unbounded set of fields in"
                    " this API."
                )
            case Selected(what=Function() as call, alias=alias) if not call.aggregates:
                found.append(_called(scope, call, alias))
            case _:  # a child query or an aggregate
                raise _unsupported(_AGGREGATES[classic])
    if any(one.field.type == "address" for one in found):  # text of real orgs
        raise _unsupported("Selecting compound data not supported in Bulk Query")
    return sobject, found


class Export:
    """What a bulk query gives: its columns, the ids of its rows, and any of these rows."""

    def __init__(self, org: Org, job: Job, text: str) -> None:
        deleted, classic = job.operation == "queryAll", job.kind == "Classic"
        self.sobject, self.columns = checked(
            org, job.created_by, job.version, text, deleted=deleted, classic=classic
        )
        self._text = text
        self._context = visible.context(org, job.created_by, job.version, deleted=deleted)
        query = parse.parse(text)
        self._scope = clauses.scope_of(self._context, query, text)
        self._plan = records.plan_of(query, self._scope)
        self._values = records.values(self._scope, self._plan)

    @property
    def header(self) -> list[str]:
        """The names of the columns, `Account.Name` for a parent's field."""
        return [".".join(column.names) for column in self.columns]

    def ids(self) -> Iterator[list[str]]:
        """The ids of the rows, in the order of the query, in parts."""
        return run.ids(self._context, self._text)

    def cells(self, ids: list[str]) -> list[list[str]]:
        """The rows of those ids that are still there, as text."""
        kinds = [column.field.type for column in self.columns]
        return [
            list(map(csv_text.shown, self._values(row), kinds))
            for row in run.by_ids(self._scope, self._plan, ids)
        ]

    def records(self, ids: list[str]) -> list[Record]:
        """The rows of those ids that are still there, as REST shows them."""
        rows = run.by_ids(self._scope, self._plan, ids)
        return records.made(self._scope, self._plan, rows)


def _called(scope: soql_sql.Scope, call: Function, alias: str | None) -> Resolved:
    """The column of a function: what of it the REST API shows, under the same name [I]."""
    _, field = scope.call(call)
    inner = call
    while isinstance(inner.of, Function):
        inner = inner.of
    names = (alias,) if alias else scope.resolve(inner.of).names
    shown = replace(field, type="string") if call.name == "format" else field
    return Resolved(names, shown, scope.sobject, scope.root)


def _refuse(context: soql_sql.Context, text: str, parsed: Query) -> None:
    """Refuses what the REST API refuses, without reading every row."""
    if parsed.limit is None:
        try:
            run.check(context, f"{text} LIMIT 1")
        except SalesforceError:
            pass  # perhaps of the LIMIT: the words must be those for the query itself
        else:
            return
    run.check(context, text)


def _unsupported(message: str) -> SalesforceError:
    # which: fact 803; code: recorded in public code, of compound data [V]
    return SalesforceError("API_ERROR", message)


def asked(org: Org, job: Job) -> Job:
    """The job as it is after it has run for a while, here or in another thread."""
    return jobs.asked(org, job, _LOCK, _run)


def work_off(org: Org) -> bool:
    """Runs the oldest job that was asked for, for a while; whether there was one."""
    job = jobs.running_query(org)
    if job is None:
        return False
    with org.lock(_LOCK):
        _run(org, job)
    return True


def _run(org: Org, job: Job) -> Job:
    """The job after it has run for some seconds, or to its end; other jobs as they are."""
    if job.state not in {UPLOADED, RUNNING}:
        return job
    end = time.perf_counter() + jobs.ASKED
    try:
        export = Export(org, job, job.query or "")
        if job.state == UPLOADED:
            job = _begun(org, job, export)
        while job.state == RUNNING:
            job = _continued(org, job, export)
            if time.perf_counter() >= end:
                break
    except SalesforceError as error:
        message = f"InvalidBatch : Failed to process query: {error.code}: {error.message}"
        with org.transaction():
            cursors.remove(org, job.id)
            return _overtaken(org, job) or jobs.change(org, job, state=FAILED, error=message)
    return job


def _begun(org: Org, job: Job, export: Export) -> Job:
    """The job once the ids of its rows are kept."""
    started = time.perf_counter()
    ids = cursors.collect(export.ids())
    with org.transaction():
        other = _overtaken(org, job)
        if other is not None:
            return other
        deleted, text = job.operation == "queryAll", job.query or ""
        if ids.total:
            cursors.create(
                org, job.id, text, ids, deleted=deleted, batch=cursors.PART, lasting=True
            )
        jobs.put_data(org, job.id, _writer(job).quoted(export.header))
        state = RUNNING if ids.total else COMPLETE
        return jobs.change(org, job, state=state, milliseconds=_milliseconds(job, started))


def _continued(org: Org, job: Job, export: Export) -> Job:
    """The job once the next part of its rows is printed."""
    started = time.perf_counter()
    cursor = cursors.find(org, job.id)
    ids = cursors.read(org, job.id, job.place, cursors.PART)
    quoted = _writer(job).quoted
    lines = [quoted(row) for row in export.cells(ids)]
    text = json.dumps(lines)
    place = job.place + len(ids)
    with org.transaction():
        other = _overtaken(org, job)
        if other is not None:
            return other
        assert cursor is not None, "a job that runs has its cursor"
        if lines:
            jobs.put_results(org, job, job.processed, len(lines), text)
        done = place >= cursor.total
        if done:
            cursors.remove(org, job.id)
        return jobs.change(
            org,
            job,
            state=COMPLETE if done else RUNNING,
            place=place,
            processed=job.processed + len(lines),
            size=job.size + len(text),
            milliseconds=_milliseconds(job, started),
        )


def _overtaken(org: Org, job: Job) -> Job | None:
    """The job as another thread or process has left it; None when it is as it was."""
    now = jobs.get(org, job.id, job.kind)
    if now is None:
        return replace(job, state=ABORTED)
    return None if (now.state, now.place) == (job.state, job.place) else now


def _milliseconds(job: Job, started: float) -> int:
    return job.milliseconds + int((time.perf_counter() - started) * 1000)


def _writer(job: Job) -> csv_text.Writer:
    return csv_text.Writer(job.delimiter, job.line_ending)


def _ready(call: Call, job: Job) -> None:
    if call.version != job.version:  # 409: fact 805; code and text: guess
        raise SalesforceError(
            "CONFLICT", f"The job was created with API version {job.version}.0", status=409
        )
    if job.state != COMPLETE:  # guess
        raise v2_info.wrong_state(f"Results of a Job in state {job.state} not available")


def _results(call: Call, job: Job) -> Answer:
    start = _place(call.params.get("locator"))
    size = _size(call.params.get("maxRecords"))
    end = min(start + size, job.processed)
    lines: list[str] = []
    for first, text in jobs.result_parts(call.org, job, start, end):
        part = json.loads(text)
        lines += part[max(0, start - first) : end - first]
    body = (jobs.data(call.org, job.id) or "") + "".join(lines)
    headers = {
        "Content-Type": "text/csv",
        "Sforce-Locator": "null" if end >= job.processed else _locator(end),
        "Sforce-NumberOfRecords": str(len(lines)),
    }
    return Answer(200, body.encode(), headers)


def _result_pages(call: Call, job: Job) -> Answer:
    """`resultPages`: the URLs of up to five pages (guide, "Get Parallel Results")."""
    start = _place(call.params.get("locator"))
    size = _size(call.params.get("maxRecords"))
    base = f"{call.base}/jobs/query/{job.id}"
    more = f"&maxRecords={size}" if "maxRecords" in call.params else ""
    places = list(range(start, max(job.processed, 1), size))
    body: dict[str, Any] = {
        "resultPages": [
            {"resultUrl": f"{base}/results?locator={_locator(place)}{more}"}
            for place in places[:_URLS]
        ],
        "done": len(places) <= _URLS,
    }
    if len(places) > _URLS:
        next_ = _locator(places[_URLS])
        body["nextRecordsUrl"] = f"{base}/resultPages?locator={next_}{more}"
    return Answer(200, body)


def _locator(place: int) -> str:
    # `MTAwMDA` is the example of the guide, which is base64 of 10000.
    return base64.b64encode(str(place).encode()).decode().rstrip("=")


def _place(locator: str | None) -> int:
    if not locator:
        return 0
    try:
        text = base64.b64decode(locator + "=" * (-len(locator) % 4), validate=True).decode()
    except ValueError:  # no base64, or no text
        text = ""
    if not (text.isdecimal() and len(text) < _DIGITS):  # guess
        raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
    return int(text)


def _size(text: str | None) -> int:
    if text is None:
        return _PAGE
    if not (text.isdecimal() and len(text) < _DIGITS) or int(text) == 0:  # guess
        raise SalesforceError("API_ERROR", f"Invalid value for maxRecords: {text}")
    return int(text)
