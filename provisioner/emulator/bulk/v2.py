"""Bulk API 2.0: `/jobs/ingest` and `/jobs/query` of the REST API."""

from __future__ import annotations

from email.parser import BytesParser
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import permissions, visible
from provisioner.emulator.base import json_input
from provisioner.emulator.base.errors import SalesforceError, media_type, not_found
from provisioner.emulator.bulk import (
    csv_text,
    expiry,
    jobs,
    quota,
    v2_info,
    v2_query,
    v2_run,
)
from provisioner.emulator.bulk.jobs import ABORTED, COMPLETE, FAILED, OPEN, UPLOADED, Job
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.http.routes import Route, each

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.objects import Field, SObject
    from provisioner.emulator.store.org import Org

_OPERATIONS: Final = frozenset({"insert", "update", "upsert", "delete", "hardDelete"})
_INGEST: Final = frozenset(
    {"assignmentRuleId", "columnDelimiter", "contentType", "externalIdFieldName", "lineEnding",
     "object", "operation"}
)  # fmt: skip
_QUERY: Final = frozenset({"columnDelimiter", "contentType", "lineEnding", "operation", "query"})
_MOST_BYTES: Final = 150_000_000  # fact 801
_MOST_IN_PARTS: Final = 100_000  # characters of a multipart request (guide, "Create a Job")
_LIST_PAGE: Final = 1000  # guide, "Get Information About All Jobs"
_DIGITS: Final = 10  # of a place in a list, at most
_CSV: Final = {"Content-Type": "text/csv"}


def takes_text(path: str) -> bool:
    """Whether the bodies of a path below a version need not be JSON."""
    return path.startswith("jobs/")


# -- ingest ------------------------------------------------------------------------------------


def _create_ingest(call: Call) -> Answer:
    kind = call.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        body, content = _multipart(call.text, kind)
    else:
        _expect(call, "application/json")
        body, content = call.json(), None
    _known(body, _INGEST, call.text)
    operation = _one_of(body, "operation", _OPERATIONS)
    if operation == "hardDelete" and not permissions.has(call.org, call.by, "BulkApiHardDelete"):
        raise hard_delete_refused()
    quota.check(call.org, "V2Ingest")
    sobject = find_object(call.org, call.by, call.version, str(body.get("object", "")))
    key = None
    if operation == "upsert":
        key = find_key(sobject, body.get("externalIdFieldName"))
    elif body.get("externalIdFieldName") is not None:
        raise no_key()
    with call.org.transaction():
        job = jobs.create(
            call.org,
            call.by,
            "V2Ingest",
            operation=operation,
            sobject=sobject.name,
            state=OPEN,
            version=call.version,
            external_id=key.name if key else None,
            **_dialect(body),
        )
        if content is not None:
            jobs.put_data(call.org, job.id, content)
            job = jobs.change(call.org, job, state=UPLOADED)
    return Answer(200, v2_info.described(job))


def _list_ingest(call: Call) -> Answer:
    return _list(call, "V2Ingest")


def _ingest(call: Call, id_: str) -> Answer:
    job = _job(call, id_, "V2Ingest")
    if call.method == "DELETE":
        return v2_info.deleted(call, job, UPLOADED, COMPLETE, ABORTED, FAILED)
    if call.method == "PATCH":
        return Answer(200, v2_info.described(_patched(call, job)))
    job = v2_run.asked(call.org, job)
    return Answer(200, v2_info.described(job, whole=True) | v2_info.counted(job))


def _batches(call: Call, id_: str) -> Answer:
    return _upload(call, _job(call, id_, "V2Ingest"))


def _successful(call: Call, id_: str) -> Answer:
    return _results(call, _job(call, id_, "V2Ingest"), "done", "sf__Id", "sf__Created")


def _failed(call: Call, id_: str) -> Answer:
    return _results(call, _job(call, id_, "V2Ingest"), "failed", "sf__Id", "sf__Error")


def _unprocessed(call: Call, id_: str) -> Answer:
    job = _job(call, id_, "V2Ingest")
    _ended(job)
    return Answer(200, v2_run.unprocessed(call.org, job).encode(), _CSV)


def _patched(call: Call, job: Job) -> Job:
    _expect(call, "application/json")
    body = call.json()
    _known(body, frozenset({"state"}), call.text)
    match _one_of(body, "state", frozenset({UPLOADED, ABORTED})):
        case "Aborted":
            return v2_info.aborted(call, job)
        case _ if job.state != OPEN:  # reported from real orgs
            raise v2_info.wrong_state("Closing already Completed Job not allowed")
        case _:
            v2_info.only_its_own(call.by, job)
            return jobs.change(call.org, job, state=UPLOADED)


def _upload(call: Call, job: Job) -> Answer:
    _expect(call, "text/csv")
    with call.org.transaction():
        if job.state != OPEN or jobs.data(call.org, job.id) is not None:
            # Code and text, with its misspelling, as reported from real orgs.
            raise SalesforceError(
                "BULK_API_ERROR",
                f"Found multipe contents for job: <{job.id[:15]}>, please 'Close' / 'Abort' /"
                " 'Delete' the current Job then create a new Job and make sure you only do 'PUT'"
                " once on a given Job.",
            )
        if len(call.text) > _MOST_BYTES // 4 and len(call.text.encode()) > _MOST_BYTES:
            raise SalesforceError(  # as of Bulk 1.0, jsforce issue 31 [I]
                "CLIENTINPUTERROR",
                f"Failed to read request. Exceeded max size limit of {_MOST_BYTES}",
            )
        jobs.put_data(call.org, job.id, call.text)
    return Answer(201)


def _results(call: Call, job: Job, column: str, *names: str) -> Answer:
    _ended(job)
    header = v2_run.results_header(call.org, job, *names)
    rows = jobs.results(call.org, job, column)
    return Answer(200, (header + rows).encode(), _CSV)


def _ended(job: Job) -> None:
    if job.state not in {COMPLETE, FAILED, ABORTED}:  # guess
        raise v2_info.wrong_state(f"Results of a Job in state {job.state} not available")


def _multipart(text: str, kind: str) -> tuple[dict[str, Any], str]:
    """The job and the data of a request in two parts (guide, "Create a Job")."""
    if len(text) > _MOST_IN_PARTS:  # text: guess
        raise SalesforceError(
            "BULK_API_ERROR",
            f"A multipart request may have at most {_MOST_IN_PARTS} characters",
        )
    message = BytesParser().parsebytes(f"Content-Type: {kind}\n\n{text}".encode())
    parts: dict[str, str] = {}
    if message.is_multipart():
        for part in message.get_payload():
            name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
            content = part.get_payload(decode=True)  # type: ignore[union-attr]
            parts[str(name)] = (
                content.decode(errors="replace") if isinstance(content, bytes) else ""
            )
    if parts.keys() != {"job", "content"}:
        raise SalesforceError(  # guess
            "BULK_API_ERROR", "A multipart request must have the parts `job` and `content`"
        )
    return json_input.read(parts["job"]), parts["content"]


# -- query -------------------------------------------------------------------------------------


def _create_query(call: Call) -> Answer:
    _expect(call, "application/json")
    body = call.json()
    _known(body, _QUERY, call.text)
    operation = _one_of(body, "operation", frozenset({"query", "queryAll"}))
    text = body.get("query")
    if not isinstance(text, str) or not text.strip():
        raise SalesforceError("API_ERROR", "The query is required.")  # guess
    if any("\ud800" <= char <= "\udfff" for char in text):  # half a character: guess
        raise SalesforceError("MALFORMED_QUERY", "The query is no valid text")
    deleted = operation == "queryAll"
    quota.check(call.org, "V2Query")
    sobject, _ = v2_query.checked(call.org, call.by, call.version, text, deleted=deleted)
    job = jobs.create(
        call.org,
        call.by,
        "V2Query",
        operation=operation,
        sobject=sobject.name,
        state=UPLOADED,
        version=call.version,
        query=text,
        **_dialect(body),
    )
    return Answer(200, v2_info.described(job))


# -- both --------------------------------------------------------------------------------------


def find_object(org: Org, by: str, version: int, name: str) -> SObject:
    """The object of a job; refusals as reported from real orgs."""
    sobject = visible.catalog(org, by, version).get(name)
    if sobject is None:
        raise SalesforceError("INVALIDJOB", f"InvalidJob : Unable to find object: {name}")
    return sobject


def find_key(sobject: SObject, name: object) -> Field:
    """The key of an upsert; refusals as reported from real orgs."""
    if name is None:
        raise SalesforceError(
            "INVALIDJOB",
            f"InvalidJob : External ID was blank for {sobject.name}. An External ID must be"
            " specified for upsert.",
        )
    key = sobject.field(str(name))
    if key is None or not key.is_key:
        raise SalesforceError(
            "INVALIDJOB",
            f"InvalidJob : Field name provided, {name} does not match an External ID for"
            f" {sobject.name}",
        )
    return key


def no_key() -> SalesforceError:
    """A key of a job that is no upsert (guide, "Job external ID" [V]); text: guess."""
    return SalesforceError("INVALIDJOB", "InvalidJob : External ID is only for upsert")


def hard_delete_refused() -> SalesforceError:
    """No permission to delete without the recycle bin; the text is that of real orgs."""
    return SalesforceError(
        "FEATURENOTENABLED",
        "hardDelete operation requires special user profile permission, please contact your"
        " system administrator",
    )


def _job(call: Call, id_: str, kind: str) -> Job:
    job = jobs.get(call.org, id_, kind)
    job = expiry.today(call.org, job) if job else None
    if job is None:  # one deleted for its age is as one that never was: guess
        raise not_found()
    return job


def _list(call: Call, kind: str) -> Answer:
    kinds = (kind, "Classic")
    wanted = call.params.get("jobType", "")
    chunked = call.params.get("isPkChunkingEnabled", "").lower()
    found = [
        job
        for one in jobs.every(call.org, *kinds)
        if (job := expiry.today(call.org, one)) is not None
        and wanted in {"", job.kind}
        and chunked in {"", str(job.chunk_size > 0).lower()}
        and (job.operation in {"query", "queryAll"}) == (kind == "V2Query")
    ]
    _, _, place = call.params.get("queryLocator", "").rpartition("-")
    if "queryLocator" in call.params and not (place.isdecimal() and len(place) < _DIGITS):
        # the code: fact 733; text: public logs of real orgs [V]
        raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
    start = int(place or 0)
    end = start + _LIST_PAGE
    done = end >= len(found)
    url = f"{call.base}/jobs/{call.parts[1]}?queryLocator={call.org.new_id('01g')}-{end}"
    return Answer(
        200,
        {
            "done": done,
            "records": [v2_info.described(job, whole=True) for job in found[start:end]],
            "nextRecordsUrl": None if done else url,
        },
    )


def _expect(call: Call, kind: str) -> None:
    given = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != kind:
        raise media_type(given)


def _known(body: Mapping[str, Any], names: frozenset[str], text: str) -> None:
    for name in body:
        if name not in names:
            raise json_input.unrecognized(name, text)


def _one_of(body: Mapping[str, Any], name: str, values: frozenset[str]) -> str:
    value = body.get(name, "")
    if str(value) not in values:  # reported from real orgs [Q]
        raise SalesforceError(
            "API_ERROR", f"Invalid value: '{value}' supplied for property: '{name}'"
        )
    return str(value)


def _dialect(body: Mapping[str, Any]) -> dict[str, str]:
    given = {"contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA"} | dict(body)
    _one_of(given, "contentType", frozenset({"CSV"}))
    return {
        "line_ending": _one_of(given, "lineEnding", frozenset(csv_text.LINE_ENDINGS)),
        "delimiter": _one_of(given, "columnDelimiter", frozenset(csv_text.DELIMITERS)),
    }


def _list_query(call: Call) -> Answer:
    return _list(call, "V2Query")


def _query(call: Call, id_: str) -> Answer:
    return v2_query.answer(call, _job(call, id_, "V2Query"))


def _query_results(call: Call, id_: str) -> Answer:
    return v2_query.results(call, _job(call, id_, "V2Query"))


def _query_pages(call: Call, id_: str) -> Answer:
    return v2_query.pages(call, _job(call, id_, "V2Query"))


_ONE: Final = "/jobs/ingest/<id_>"
ROUTES: Final = (
    Route("/jobs/ingest", {"GET": _list_ingest, "POST": _create_ingest}),
    Route(_ONE, each(_ingest, "DELETE", "GET", "PATCH")),
    Route(f"{_ONE}/<word(batches):_part>", {"PUT": _batches}),
    Route(f"{_ONE}/<word(successfulResults):_part>", {"GET": _successful}),
    Route(f"{_ONE}/<word(failedResults):_part>", {"GET": _failed}),
    Route(f"{_ONE}/<word(unprocessedRecords):_part>", {"GET": _unprocessed}),
    Route("/jobs/query", {"GET": _list_query, "POST": _create_query}),
    Route("/jobs/query/<id_>", each(_query, "DELETE", "GET", "PATCH")),
    Route("/jobs/query/<id_>/results", {"GET": _query_results}),
    Route("/jobs/query/<id_>/resultPages", {"GET": _query_pages}, since=v2_query.PAGES_SINCE),
)
