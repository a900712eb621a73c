"""Deployments as the Metadata API's two doors see them: started, asked for, called off.

SOAP and REST give the same `DeployResult`; only its spelling as XML or JSON is theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata import (
    deploy_run,
    jobs,
    package,
)
from provisioner.emulator.metadata.jobs import xsd_date
from provisioner.emulator.metadata.package import Unreadable
from provisioner.emulator.metadata.types import registry

if TYPE_CHECKING:
    from provisioner.emulator.metadata.jobs import Job
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.org import Org

_FLAGS: Final = (
    "allowMissingFiles",
    "autoUpdatePackage",
    "checkOnly",
    "ignoreWarnings",
    "performRetrieve",
    "purgeOnDelete",
    "rollbackOnError",
    "singlePackage",
)
_NO_TESTS: Final = "NoTestRun"
_SPECIFIED: Final = "RunSpecifiedTests"


def start(org: Org, by: str, data: bytes, given: Value) -> Job:
    """Queues a deployment of a zip; `given` are the `DeployOptions`, whatever of them is there.

    A zip that can not be read is the result's business, not a refusal.
    """
    options: Value = dict.fromkeys(_FLAGS, False) | {
        name: bool(given[name]) for name in _FLAGS if name in given
    }
    tests = list(given.get("runTests", []))
    level = given.get("testLevel")
    # a list of tests belongs to RunSpecifiedTests (the guide); texts: the CLI's tests, plugins [V]
    if level == _SPECIFIED and not tests:
        raise SalesforceError(
            "INVALID_OPERATION",
            f"runTests must not be empty when a testLevel of {_SPECIFIED} is used.",
        )
    if tests and level != _SPECIFIED:
        raise SalesforceError(
            "INVALID_OPERATION", f"runTests can be used only with a testLevel of {_SPECIFIED}."
        )
    options |= {"runTests": tests} | ({"testLevel": level} if level else {})
    return jobs.add(org, "deploy", by, options, data)


def check(org: Org, id_: str) -> Job:
    """The deployment as it is now; asking moves it on, from Pending over InProgress to its end."""
    with org.transaction():
        job = _existing(org, id_)
        advance(org, job)
        return job


def cancel(org: Org, by: str, id_: str) -> Job:
    """Calls a deployment off: a queued one at once, one in progress by the next time it is asked.

    INVALID_ID_FIELD for both refusals is the guide's (cancelDeploy [V]); the text for a completed
    one is, too, the other's first words [V], the rest of it [U].
    """
    with org.transaction():
        job = jobs.get(org, "deploy", id_)
        if job is None:
            raise SalesforceError("INVALID_ID_FIELD", "Invalid deploy ID")
        if job.done:
            raise SalesforceError("INVALID_ID_FIELD", "Deployment already completed")
        status = "Canceled" if job.status == "Pending" else "Canceling"
        return jobs.canceled(org, job, by, status)


def finish(org: Org, job: Job) -> None:
    """Brings a job that nobody asks for to its end."""
    while not job.done:
        job = advance(org, job)


def advance(org: Org, job: Job) -> Job:
    """The next state of a deployment; the caller holds a transaction."""
    match job.status:
        case "Pending":
            return jobs.started(org, job)
        case "InProgress":
            return _run(org, job)
        case "Canceling":
            assert job.canceled_by is not None, "somebody called it off"
            return jobs.canceled(org, job, job.canceled_by, "Canceled")
        case _:
            return job


def result(org: Org, job: Job, *, details: bool) -> Value:
    """The `DeployResult` of a job; without `details` no component is told of."""
    options = job.options
    told = job.result.get("details", {}) if details else {}
    level = options.get("testLevel", _NO_TESTS)
    answer: Value = {
        "canceledBy": job.canceled_by,
        "canceledByName": registry.user_name(org, job.canceled_by) if job.canceled_by else None,
        "checkOnly": options["checkOnly"],
        "completedDate": xsd_date(job.completed),
        "createdBy": job.created_by,
        "createdByName": registry.user_name(org, job.created_by),
        "createdDate": xsd_date(job.created),
        "details": {"runTestResult": {"numFailures": 0, "numTestsRun": 0, "totalTime": 0.0}} | told,
        "done": job.done,
        "errorMessage": job.result.get("errorMessage"),
        "errorStatusCode": job.result.get("errorStatusCode"),
        "id": job.id,
        "ignoreWarnings": options["ignoreWarnings"],
        "lastModifiedDate": xsd_date(job.modified),
        "numberComponentErrors": job.result.get("errors", 0),
        "numberComponentsDeployed": job.result.get("deployed", 0),
        "numberComponentsTotal": job.result.get("total", 0),
        "numberTestErrors": 0,
        "numberTestsCompleted": 0,
        "numberTestsTotal": 0,
        "rollbackOnError": options["rollbackOnError"],
        "runTestsEnabled": level != _NO_TESTS,
        "startDate": xsd_date(job.started),
        "status": job.status,
        # a partial success is one: guess from "Succeeded*" and public logs
        "success": job.status in {"Succeeded", "SucceededPartial"},
    }
    return {name: value for name, value in answer.items() if value is not None}


def _existing(org: Org, id_: str) -> Job:
    job = jobs.get(org, "deploy", id_)
    if job is None:
        # code and text: a test of the Salesforce CLI's deploy report [V]
        raise SalesforceError(
            "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", status=404
        )
    return job


def _run(org: Org, job: Job) -> Job:
    options = deploy_run.Options(
        allow_missing_files=job.options["allowMissingFiles"],
        check_only=job.options["checkOnly"],
        ignore_warnings=job.options["ignoreWarnings"],
        rollback_on_error=job.options["rollbackOnError"],
        tests=tuple(job.options["runTests"]),
    )
    try:
        packages = package.read(job.zip, single=job.options["singlePackage"])
    except Unreadable as error:
        code = str(error).partition(":")[0]
        wrong = {"errorMessage": str(error), "errorStatusCode": code}  # form: jsforce issue 239 [V]
        return jobs.finished(org, job, "Failed", wrong)
    outcome = deploy_run.run(org, packages, options, job.created_by)
    details: dict[str, Any] = {
        "componentFailures": list(outcome.failures),
        "componentSuccesses": list(outcome.successes),
    }
    summary = {
        "deployed": outcome.total - outcome.errors,
        "details": details,
        "errors": outcome.errors,
        "total": outcome.total,
    }
    return jobs.finished(org, job, outcome.status, summary)
