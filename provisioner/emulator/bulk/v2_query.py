"""Query jobs of Bulk API 2.0: what they refuse, how they run, and their results in pages."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base.errors import SalesforceError, not_found
from provisioner.emulator.bulk import csv_text, jobs, v2_info
from provisioner.emulator.bulk.jobs import ABORTED, COMPLETE, FAILED, UPLOADED, Job
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.soql import parse, run
from provisioner.emulator.soql import scope as soql_sql
from provisioner.emulator.soql.scope import Resolved
from provisioner.emulator.soql.tree import Call as Function
from provisioner.emulator.soql.tree import Fields, Query, Ref, Selected, TypeOf

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

_PAGE: Final = 50_000  # rows of a page when the client names no number: guess
_PART: Final = 2_000  # rows kept together
_URLS: Final = 5  # of one answer of resultPages (fact 804)
_PAGES_SINCE: Final = 58  # fact 804
# By whether the job is of Bulk 1.0: texts of real orgs for child queries (haoide#137, OpenFn#395
# [V]), for aggregates [I]
_AGGREGATES: Final = {
    True: "Aggregate Relationships not supported in Bulk Query",
    False: "Aggregate Relationships not supported in Bulk V2 Query with CSV content type.",
}
_NO_LIMIT: Final = 1 << 40
_DIGITS: Final = 10  # of a number that a client sends, at most


def answer(call: Call, job: Job, rest: list[str]) -> Answer:
    """The answer to a call below `/jobs/query/<id>`."""
    match rest:
        case []:
            call.allow("DELETE", "GET", "PATCH")
            if call.method == "DELETE":
                return v2_info.deleted(call, job, COMPLETE, ABORTED, FAILED)
            if call.method == "PATCH":
                state = call.json().get("state")
                if state != ABORTED:
                    raise SalesforceError(  # the wording of `v2._one_of` [Q]; of this: guess
                        "API_ERROR", f"Invalid value: '{state}' supplied for property: 'state'"
                    )
                return Answer(200, v2_info.described(v2_info.aborted(call, job)))
            job = _queried(call.org, job)
            return Answer(200, v2_info.described(job, whole=True) | v2_info.counted(job))
        case ["results"]:
            call.allow("GET")
            _ready(call, job)
            return _results(call, job)
        case ["resultPages"] if call.version >= _PAGES_SINCE:
            call.allow("GET")
            _ready(call, job)
            return _result_pages(call, job)
        case _:
            raise not_found()


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


def rows(org: Org, job: Job) -> tuple[list[Resolved], list[dict[str, Any]]]:
    """The columns of a job's query and every record of it."""
    assert job.query is not None, "a query job has a query"
    deleted = job.operation == "queryAll"
    classic = job.kind == "Classic"
    _, found = checked(
        org, job.created_by, job.version, job.query, deleted=deleted, classic=classic
    )
    context = visible.context(org, job.created_by, job.version, deleted=deleted)
    return found, run.run(context, job.query, page=_NO_LIMIT)["records"]


def cells(found: list[Resolved], record: dict[str, Any]) -> list[str]:
    """The cells of a record: parents' fields too, empty where there is no parent."""
    texts = []
    for column in found:
        value: Any = record
        for name in column.names:
            value = None if value is None else value[name]
        texts.append(csv_text.shown(value, column.field.type))
    return texts


def header(found: list[Resolved]) -> list[str]:
    """The names of the columns, `Account.Name` for a parent's field."""
    return [".".join(column.names) for column in found]


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
            run.run(context, f"{text} LIMIT 1")
        except SalesforceError:
            pass  # perhaps of the LIMIT: the words must be those for the query itself
        else:
            return
    run.run(context, text, page=_NO_LIMIT)


def _unsupported(message: str) -> SalesforceError:
    # which: fact 803; code: recorded in public code, of compound data [V]
    return SalesforceError("API_ERROR", message)


def _queried(org: Org, job: Job) -> Job:
    """The job once it has run."""
    if job.state != UPLOADED:
        return job
    started = time.perf_counter()
    with org.transaction():
        now = jobs.get(org, job.id, job.kind)
        if now is None or now.state != UPLOADED:
            return now or job
        try:
            found, records = rows(org, job)
        except SalesforceError as error:
            message = f"InvalidBatch : Failed to process query: {error.code}: {error.message}"
            return jobs.change(org, job, state=FAILED, error=message)
        writer = csv_text.Writer(job.delimiter, job.line_ending)
        size = 0
        for start in range(0, len(records), _PART):
            part = records[start : start + _PART]
            lines = json.dumps([writer.quoted(cells(found, record)) for record in part])
            size += len(lines)
            jobs.put_results(org, job, start, len(part), lines)
        jobs.put_data(org, job.id, writer.quoted(header(found)))
        return jobs.change(
            org,
            job,
            state=COMPLETE,
            processed=len(records),
            size=size,
            milliseconds=int((time.perf_counter() - started) * 1000),
        )


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
