"""Jobs of Bulk API 2.0 as the API shows them, and what ends or deletes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.emulator.access import permissions
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.bulk import jobs
from provisioner.emulator.bulk.jobs import ABORTED, COMPLETE, FAILED, OPEN, Job
from provisioner.emulator.http.call import Answer
from provisioner.emulator.soql import cursors

if TYPE_CHECKING:
    from provisioner.emulator.http.call import Call


def described(job: Job, *, whole: bool = False) -> dict[str, Any]:
    """A job as the API shows it; the property order is that of recorded answers."""
    body: dict[str, Any] = {
        "id": job.id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": job.created_by,
        "createdDate": job.created,
        "systemModstamp": job.modified,
        "state": job.state,
    }
    if job.external_id is not None:
        body["externalIdFieldName"] = job.external_id
    body |= {
        "concurrencyMode": job.concurrency,
        "contentType": job.content_type,
        "apiVersion": float(job.version),
    }
    if whole:
        body["jobType"] = job.kind
    if job.state == OPEN and job.kind == "V2Ingest":
        body["contentUrl"] = f"services/data/v{job.version}.0/jobs/ingest/{job.id}/batches"
    if whole or job.state == OPEN or job.kind == "V2Query":
        body |= {"lineEnding": job.line_ending, "columnDelimiter": job.delimiter}
    return body


def counted(job: Job) -> dict[str, Any]:
    """The numbers of a job that may have run, as `Get Information` shows them."""
    body: dict[str, Any] = {"numberRecordsProcessed": job.processed}
    if job.kind == "V2Ingest":
        body["numberRecordsFailed"] = job.failed
    if job.error is not None:
        body["errorMessage"] = job.error
    body |= {"retries": 0, "totalProcessingTime": job.milliseconds}
    if job.kind == "V2Ingest":
        body |= {"apiActiveProcessingTime": job.milliseconds, "apexProcessingTime": 0}
    else:  # guide, "Get Information About a Query Job" [V]
        body["isPkChunkingSupported"] = jobs.can_be_split(job.sobject)
    return body


def aborted(call: Call, job: Job) -> Job:
    """The job, aborted; INVALIDJOBSTATE when it has ended."""
    if job.state in {COMPLETE, FAILED, ABORTED}:
        raise wrong_state("Aborting already Completed Job not allowed")  # reported from real orgs
    if not permissions.has(call.org, call.by, "ManageDataIntegrations"):
        only_its_own(call.by, job)  # who may: guide, "Abort a Job"
    with call.org.transaction():
        cursors.remove(call.org, job.id)
        return jobs.change(call.org, job, state=ABORTED)


def only_its_own(by: str, job: Job) -> None:
    """Refuses a job of another user: nobody else can close it ("Limits", "Job close" [V]).

    The code: guide, "Errors" [V]; status and text: guess.
    """
    if job.created_by != by:
        raise SalesforceError("INVALIDUSER", "The job was created by another user.", status=403)


def wrong_state(message: str) -> SalesforceError:
    """A request that the job's state does not allow."""
    return SalesforceError("INVALIDJOBSTATE", message)


def deleted(call: Call, job: Job, *states: str) -> Answer:
    """Deletes a job that is in one of the states."""
    if job.state not in states:  # states: guide, "Delete a Job"; text: guess
        raise wrong_state(f"Deleting a Job in state {job.state} not allowed")
    jobs.forget(call.org, job)
    return Answer(204)
