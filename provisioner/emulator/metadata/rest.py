"""Deployments over REST: `/services/data/vXX.0/metadata/deployRequest`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from flask import request

from provisioner.emulator.base.errors import SalesforceError, not_found
from provisioner.emulator.http.call import Answer
from provisioner.emulator.http.routes import Route, read
from provisioner.emulator.metadata import deploy
from provisioner.emulator.schema.wsdl import wsdl

if TYPE_CHECKING:
    from provisioner.emulator.http.call import Call
    from provisioner.emulator.metadata.jobs import Job

_MULTIPART: Final = "multipart/form-data"
# CumulusCI names the part `json` (fact 520), jsforce `entity_content` [U]
_OPTION_PARTS: Final = ("json", "entity_content")
_FILE_PART: Final = "file"


def takes_parts(path: str) -> bool:
    """Whether a path below a version takes a body of several parts."""
    return path.strip("/") == "metadata/deployRequest" and request.mimetype == _MULTIPART


def _start(call: Call) -> Answer:
    """POST: 201 with the id (CumulusCI, fact 520); the rest as in the guide."""
    if not takes_parts("/".join(call.parts)):
        if "validatedDeployRequestId" in call.json():
            # the guide: 404 when no validation has passed its tests; there are no tests here [V]
            raise not_found()
        raise SalesforceError("INVALID_MULTIPART_REQUEST", "The zip file is missing")  # guess
    data = request.files.get(_FILE_PART)
    if data is None:
        raise SalesforceError("INVALID_MULTIPART_REQUEST", "The zip file is missing")  # guess
    given = _options()
    job = deploy.start(call.org, call.by, data.read(), given)
    body = {
        "validatedDeployRequestId": None,
        "id": job.id,
        "url": _url(call, job),
        "deployOptions": job.options,
        "deployResult": None,
    }
    return Answer(201, body)


def _options() -> dict[str, Any]:
    """The deploy options of the part that holds them; without one, all defaults."""
    text = next((found for name in _OPTION_PARTS if (found := _part(name)) is not None), "{}")
    try:
        body = json.loads(text)
    except ValueError:
        raise SalesforceError("JSON_PARSER_ERROR", "The json part is not valid JSON") from None
    options = body.get("deployOptions", {}) if isinstance(body, dict) else None
    if not isinstance(options, dict):
        raise SalesforceError("JSON_PARSER_ERROR", "deployOptions must be an object")  # guess
    tests = options.get("runTests") or []
    if not isinstance(tests, list) or not all(isinstance(test, str) for test in tests):
        raise SalesforceError("JSON_PARSER_ERROR", "runTests must be a list of texts")  # guess
    level, levels = options.get("testLevel"), wsdl().enum("TestLevel") or ()
    if level is not None and level not in levels:
        # the levels: fact 521; code and text: guess
        message = f"testLevel must be one of {', '.join(levels)}: {level}"
        raise SalesforceError("JSON_PARSER_ERROR", message)
    return {**options, "runTests": tests}


def _part(name: str) -> str | None:
    """The text of a part, whether it has a file name or not."""
    if name in request.files:
        data: bytes = request.files[name].read()
        return data.decode("utf-8", "replace")
    return request.form.get(name)


def _status(call: Call, id_: str) -> Answer:
    job = deploy.check(call.org, id_)
    details = call.params.get("includeDetails", "").lower() == "true"
    return Answer(200, _body(call, job, details=details))


def _cancel(call: Call, id_: str) -> Answer:
    """PATCH: `{"deployResult": {"status": "Canceling"}}` and nothing else (the guide [V])."""
    wanted = call.json().get("deployResult")
    if wanted != {"status": "Canceling"}:
        raise SalesforceError(
            "INVALID_FIELD_FOR_INSERT_UPDATE", "Only the status can be set, to Canceling"
        )  # guess
    job = deploy.cancel(call.org, call.by, id_)
    return Answer(202, _body(call, job, details=False))


def _body(call: Call, job: Job, *, details: bool) -> dict[str, Any]:
    result = deploy.result(call.org, job, details=details)
    given = result.pop("details") if details else None
    if given is not None:
        empty: dict[str, Any] = {"componentFailures": [], "componentSuccesses": []}
        given = {"allComponentMessages": [], **empty, "retrieveResult": None} | given
        given["allComponentMessages"] = given["componentSuccesses"] + given["componentFailures"]
    else:
        result.pop("details", None)
    always = {"canceledBy": None, "canceledByName": None, "completedDate": None,
              "errorMessage": None, "errorStatusCode": None, "startDate": None}  # fmt: skip
    return {
        "id": job.id,
        "url": _url(call, job),
        "deployResult": always | result | {"details": given},
    }


def _url(call: Call, job: Job) -> str:
    return f"{call.instance}{call.base}/metadata/deployRequest/{job.id}"


# the gate has checked the permission
ROUTES: Final = (
    Route("/metadata/deployRequest", {"POST": _start}),
    Route("/metadata/deployRequest/<id_>", read(_status) | {"PATCH": _cancel}),
)
