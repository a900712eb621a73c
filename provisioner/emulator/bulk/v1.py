"""Bulk API 1.0, `/services/async/`: jobs and batches, in XML and in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, g, request

from provisioner.emulator.access import permissions
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.bulk import (
    expiry,
    jobs,
    v1_batches,
    v1_chunks,
    v2,
)
from provisioner.emulator.bulk.v1_batches import AsyncError
from provisioner.emulator.http import bodies, gate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provisioner.emulator.bulk.jobs import Batch, Job
    from provisioner.emulator.store.org import Org

blueprint = Blueprint("bulk1", __name__)

_OPERATIONS: Final = frozenset(
    {"insert", "update", "upsert", "delete", "hardDelete", "query", "queryAll"}
)
_CONTENT: Final = frozenset({"CSV", "JSON", "XML"})
_MOST_BYTES: Final = 10_000_000  # of a batch (Bulk API guide, "Bulk API Limits")
_ROOT: Final = "/services/async/<version>/job"
_WRITABLE: Final = frozenset(
    {"assignmentRuleId", "concurrencyMode", "contentType", "externalIdFieldName", "id", "object",
     "operation", "state"}
)  # fmt: skip


@blueprint.post(_ROOT)
def create_job(version: str) -> Response:
    """A new job."""
    return _answered(version, lambda org: (_create(org, gate.check_version("bulk1", version)), 201))


@blueprint.route(f"{_ROOT}/<id_>", methods=("GET", "POST"))
def one_job(version: str, id_: str) -> Response:
    """A job, or its end: `Closed` or `Aborted`."""

    def work(org: Org) -> tuple[Any, int]:
        job = _job(org, id_)
        if request.method == "POST":
            job = _end(org, job)
        ran = [v1_batches.ran(org, job, batch) for batch in jobs.batches(org, job)]
        return ("jobInfo", _job_info(job, ran)), 200

    return _answered(version, work)


@blueprint.route(f"{_ROOT}/<id_>/batch", methods=("GET", "POST"))
def job_batches(version: str, id_: str) -> Response:
    """The batches of a job, or a new one."""

    def work(org: Org) -> tuple[Any, int]:
        job = _job(org, id_)
        if request.method == "POST":
            return ("batchInfo", _batch_info(_add(org, job))), 201
        found = [v1_batches.ran(org, job, batch) for batch in jobs.batches(org, job)]
        return ("batchInfoList", {"batchInfo": [_batch_info(batch) for batch in found]}), 200

    return _answered(version, work)


@blueprint.get(f"{_ROOT}/<id_>/batch/<batch_id>")
def one_batch(version: str, id_: str, batch_id: str) -> Response:
    """A batch; it has run by the time it is asked for."""

    def work(org: Org) -> tuple[Any, int]:
        job = _job(org, id_)
        batch = v1_batches.ran(org, job, _batch(org, job, batch_id))
        return ("batchInfo", _batch_info(batch)), 200

    return _answered(version, work)


@blueprint.get(f"{_ROOT}/<id_>/batch/<batch_id>/request")
def batch_request(version: str, id_: str, batch_id: str) -> Response:
    """What was sent as a batch."""

    def work(org: Org) -> tuple[Any, int]:
        job = _job(org, id_)
        batch = _batch(org, job, batch_id)
        text = jobs.data(org, job.id, batch=batch.id) or ""
        return Response(text, content_type=v1_batches.MIME[job.content_type]), 200

    return _answered(version, work)


@blueprint.get(f"{_ROOT}/<id_>/batch/<batch_id>/result", defaults={"result": None})
@blueprint.get(f"{_ROOT}/<id_>/batch/<batch_id>/result/<result>")
def batch_result(version: str, id_: str, batch_id: str, result: str | None) -> Response:
    """What became of the rows of a batch, or the records that its query found."""

    def work(org: Org) -> tuple[Any, int]:
        job = _job(org, id_)
        batch = v1_batches.ran(org, job, _batch(org, job, batch_id))
        if batch.state == "Failed":
            raise AsyncError("InvalidBatch", "Records not processed")  # text of real orgs
        if batch.state != "Completed":  # as a public stand-in quotes real answers [Q]
            raise AsyncError("InvalidBatch", "Batch not completed")
        text = v1_batches.result(org, job, batch, result)
        as_query_list = job.operation in {"query", "queryAll"} and result is None
        kind = "XML" if as_query_list and job.content_type == "CSV" else job.content_type
        return Response(text, content_type=v1_batches.MIME[kind]), 200

    return _answered(version, work)


# -- jobs --------------------------------------------------------------------------------------


def _create(org: Org, version: int) -> tuple[str, dict[str, Any]]:
    body = _body("jobInfo")
    operation = str(body.get("operation", ""))
    content = str(body.get("contentType", "XML"))
    if operation not in _OPERATIONS or content not in _CONTENT:
        raise AsyncError("InvalidJob", "Unable to parse Job")  # text of real orgs
    if operation == "hardDelete" and not permissions.has(
        org, g.session.user_id, "BulkApiHardDelete"
    ):
        raise AsyncError("FeatureNotEnabled", v2.hard_delete_refused().message)
    try:
        sobject = v2.find_object(org, g.session.user_id, version, str(body.get("object", "")))
        key = None
        if operation == "upsert":
            key = v2.find_key(sobject, body.get("externalIdFieldName"))
        elif body.get("externalIdFieldName") is not None:
            raise v2.no_key()
    except SalesforceError as error:
        raise AsyncError("InvalidJob", error.message.removeprefix("InvalidJob : ")) from None
    # simple-salesforce sends the number of the mode, others its name.
    serial = str(body.get("concurrencyMode")) in {"Serial", "1"}
    chunking = None
    if operation in {"query", "queryAll"}:
        chunking = v1_chunks.asked(request.headers.get("Sforce-Enable-PKChunking", ""), version)
    job = jobs.create(
        org,
        g.session.user_id,
        "Classic",
        operation=operation,
        sobject=sobject.name,
        state=jobs.OPEN,
        version=version,
        content_type=content,
        external_id=key.name if key else None,
        concurrency="Serial" if serial else "Parallel",
        chunk_size=chunking.size if chunking else 0,
        chunk_start=chunking.start if chunking else "",
    )
    return "jobInfo", _job_info(job, [])


def _end(org: Org, job: Job) -> Job:
    state = str(_body("jobInfo").get("state"))
    if state not in {"Closed", "Aborted"}:  # text: guess
        raise AsyncError("InvalidJobState", f"Invalid job state: {state}")
    if job.state != jobs.OPEN:  # text reported from real orgs
        done = "Closing" if state == "Closed" else "Aborting"
        raise AsyncError("InvalidJobState", f"{done} already {job.state} Job not allowed")
    if state == "Closed" and job.created_by != g.session.user_id:
        # who may: "Limits", "Job close" [V]; code: guide, "Errors" [V]; text: guess
        raise AsyncError("InvalidUser", "The job was created by another user.", status=403)
    if state == "Aborted":
        for batch in jobs.batches(org, job):
            if batch.state == "Queued":
                jobs.end_batch(org, batch, None, state="NotProcessed")
    return jobs.change(org, job, state=state)


def _add(org: Org, job: Job) -> Batch:
    if job.state != jobs.OPEN:  # text: guess
        raise AsyncError("InvalidJobState", f"Job in state {job.state} takes no batches")
    # "You can't create batches associated with a job that is more than 24 hours old": "Limits and
    # Allocations" [Q]; code and text: guess
    if expiry.is_older(org, job, expiry.OPEN_FOR):
        raise AsyncError("InvalidJobState", "Job is more than 24 hours old and takes no batches")
    kind = "CSV" if request.mimetype == "text/csv" else "JSON" if _is_json() else "XML"
    if kind != job.content_type:  # text: guess
        raise AsyncError(
            "ClientInputError",
            f"Content type of the batch does not match that of the job: {job.content_type}",
        )
    raw = _bytes()
    if len(raw) > _MOST_BYTES:  # text of real orgs
        raise AsyncError(
            "ClientInputError", f"Failed to read request. Exceeded max size limit of {_MOST_BYTES}"
        )
    text = raw.decode(errors="replace")
    with org.transaction():
        batch = jobs.add_batch(org, job, text)
        if job.chunk_size:
            v1_chunks.split(org, job, batch, text)
    return batch


def _job(org: Org, id_: str) -> Job:
    job = jobs.get(org, id_, "Classic")
    job = expiry.today(org, job) if job else None
    if job is None:  # text: guess
        raise AsyncError("InvalidJob", f"Unable to find job for id: {id_}")
    g.job_kind = job.content_type
    return job


def _batch(org: Org, job: Job, id_: str) -> Batch:
    found = next((b for b in jobs.batches(org, job) if b.id[:15] == id_[:15]), None)
    if found is None:  # as a public stand-in quotes real answers [Q]
        raise AsyncError("InvalidBatch", f"Unable to find batch for id: {id_}")
    return found


def _job_info(job: Job, batches: list[Batch]) -> dict[str, Any]:
    """The properties in the order of recorded XML answers."""
    count = {
        state: sum(batch.state == state for batch in batches)
        for state in ("Queued", "InProgress", "Completed", "Failed")
    }
    spent = sum(batch.milliseconds for batch in batches)
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": job.created_by,
        "createdDate": job.created,
        "systemModstamp": job.modified,
        "state": job.state,
        **({"externalIdFieldName": job.external_id} if job.external_id else {}),
        "concurrencyMode": job.concurrency,
        "contentType": job.content_type,
        **{f"numberBatches{state}": number for state, number in count.items()},
        "numberBatchesTotal": len(batches),
        "numberRecordsProcessed": sum(batch.processed for batch in batches),
        "numberRetries": 0,
        "apiVersion": float(job.version),
        "numberRecordsFailed": sum(batch.failed for batch in batches),
        "totalProcessingTime": spent,
        "apiActiveProcessingTime": spent,
        "apexProcessingTime": 0,
    }


def _batch_info(batch: Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "jobId": batch.job_id,
        "state": batch.state,
        **({"stateMessage": batch.message} if batch.message else {}),
        "createdDate": batch.created,
        "systemModstamp": batch.modified,
        "numberRecordsProcessed": batch.processed,
        "numberRecordsFailed": batch.failed,
        "totalProcessingTime": batch.milliseconds,
        "apiActiveProcessingTime": batch.milliseconds,
        "apexProcessingTime": 0,
    }


# -- HTTP --------------------------------------------------------------------------------------


def _answered(version: str, work: Callable[[Org], tuple[Any, int]]) -> Response:
    """The answer of `work`, or its refusal in the shape of this API."""
    try:
        body, status = work(_entered(version))
    except AsyncError as error:
        refusal = {"exceptionCode": error.code, "exceptionMessage": error.message}
        return _response("error", refusal, error.status)
    if isinstance(body, Response):
        body.status_code = status
        return body
    root, properties = body
    return _response(root, properties, status)


def _entered(version: str) -> Org:
    """The org, for a session that may call this version; `g.session` is that session."""
    try:
        caller = gate.enter("bulk1", request.headers.get("X-SFDC-Session", ""), version)
    except SalesforceError as error:
        raise AsyncError(error.code, error.message, status=error.status) from None
    g.session = caller.session
    return caller.org


def _body(root: str) -> Mapping[str, Any]:
    text = _bytes().decode("utf-8", "replace")
    body = v1_batches.parsed(text, root, as_json=_is_json())
    for name in body:
        if name not in _WRITABLE:  # text: guess, after `CreatedById cannot be specified`
            raise AsyncError("InvalidJob", f"{name[:1].upper()}{name[1:]} cannot be specified")
    return body


def _bytes() -> bytes:
    try:
        return bodies.unpacked()
    except bodies.BadEncodingError as error:  # code: guess
        raise AsyncError("InvalidBatch", str(error)) from None


def _is_json() -> bool:
    return request.mimetype == "application/json"


def _response(root: str, body: dict[str, Any], status: int) -> Response:
    """The body in the kind of the request's body, or of the job that a GET asks for.

    tap-salesforce 2.8.1 says `application/json` in every GET and reads XML of its CSV jobs;
    salesforce-api 0.1.46 says nothing and reads JSON of its JSON jobs: both run on real orgs [V].
    """
    accepted = request.headers.get("Accept", "")
    if "json" in accepted or "xml" in accepted:
        as_json = "json" in accepted
    elif request.method == "GET" and "job_kind" in g:
        as_json = g.job_kind == "JSON"
    else:
        as_json = _is_json()
    text = v1_batches.printed(root, body, as_json=as_json)
    return Response(text, status, content_type=v1_batches.MIME["JSON" if as_json else "XML"])
