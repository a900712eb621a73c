"""The SOAP calls of the Metadata API that move files, and describeValueType.

`endpoint` knows the protocol; these functions take the element of a call and give the values of
its answer. Refusals are SalesforceErrors or InvalidXml.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata import deploy, jobs, retrieve
from provisioner.emulator.metadata.types import registry
from provisioner.emulator.schema.wsdl import NAMESPACE, InvalidXml, wsdl

if TYPE_CHECKING:
    from provisioner.emulator.metadata.jobs import Job
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.org import Org

_DEEPEST: Final = 4  # nesting that describeValueType spells out: guess, real ones end somewhere too
_STATES: Final = {"Pending": "Queued", "Succeeded": "Completed"}
_MOST_BYTES: Final = 52_428_800  # of a SOAP request, fact 523


def start_deploy(org: Org, by: str, body: Any) -> Value:
    """deploy: queues the zip."""
    values = read(body, "deploy")
    zipped = values.get("ZipFile", "").strip()
    if not zipped:
        # forcedotcom/cli issue 284 [V]
        raise SalesforceError("INVALID_OPERATION", "No zip file content passed in")
    if "DeployOptions" not in values:
        raise InvalidXml("Required field is missing: DeployOptions")  # guess
    job = deploy.start(org, by, _decoded(zipped), values["DeployOptions"])
    return {"result": _async_result(job)}


def check_deploy(org: Org, _: str, body: Any) -> Value:
    """checkDeployStatus: the DeployResult, with its details when they are asked for."""
    values = read(body, "checkDeployStatus")
    job = deploy.check(org, values.get("asyncProcessId", ""))
    return {"result": deploy.result(org, job, details=values.get("includeDetails", False))}


def check_status(org: Org, _: str, body: Any) -> Value:
    """checkStatus: how far deployments and retrieves are, as before checkDeployStatus was."""
    ids = read(body, "checkStatus").get("asyncProcessId", [])
    return {"result": [_async_result(_of_either(org, id_)) for id_ in ids]}


def _of_either(org: Org, id_: str) -> Job:
    if jobs.get(org, "deploy", id_) is not None:
        return deploy.check(org, id_)
    return retrieve.check(org, id_)


def cancel_deploy(org: Org, by: str, body: Any) -> Value:
    """cancelDeploy: whether it is over already."""
    job = deploy.cancel(org, by, _only(body, "cancelDeploy", "String") or "")
    return {"result": {"done": job.done, "id": job.id}}


def start_retrieve(org: Org, by: str, body: Any) -> Value:
    """retrieve: queues it."""
    request = _only(body, "retrieve", "retrieveRequest") or {}
    return {"result": _async_result(retrieve.start(org, by, request))}


def _only(body: Any, operation: str, name: str) -> Any:
    """The only argument of a call, whatever the client calls it.

    jsforce says `request` to `retrieve` and `id` to `cancelDeploy`, not what the WSDL says, and
    Salesforce's own tools use it with real orgs [I].
    """
    for child in body.iterchildren(etree.Element):
        child.tag = f"{{{NAMESPACE}}}{name}"
    return read(body, operation).get(name)


def check_retrieve(org: Org, _: str, body: Any) -> Value:
    """checkRetrieveStatus: the RetrieveResult, with the zip when it is asked for and done."""
    values = read(body, "checkRetrieveStatus")
    job = retrieve.check(org, values.get("asyncProcessId", ""))
    wanted = job.done and values.get("includeZip", True)
    result: Value = {
        "done": job.done,
        "id": job.id,
        "status": job.status,
        "success": job.status == "Succeeded",
        "zipFile": base64.b64encode(job.zip).decode() if wanted else "",
    }
    return {"result": result | job.result}


def describe_value_type(org: Org, _: str, body: Any) -> Value:
    """describeValueType: the elements of a type, which is written as `{namespace}Name`."""
    written = read(body, "describeValueType").get("type", "")
    name = etree.QName(written) if written.startswith("{") else None
    if name is None or name.namespace != NAMESPACE or not wsdl().is_component(name.localname):
        raise SalesforceError("INVALID_TYPE", f"Unknown type:{written}")  # guess
    changeable = registry.kind(org, name.localname) is not None
    settings = name.localname.endswith("Settings")
    return {
        "result": {
            "apiCreatable": changeable and not settings,
            "apiDeletable": changeable and not settings,
            "apiReadable": changeable,
            "apiUpdatable": changeable,
            "valueTypeFields": _fields(name.localname, _DEEPEST),
        }
    }


def run_forgotten(org: Org) -> None:
    """Brings to their end the jobs that nobody has asked for in a while."""
    if not jobs.forgotten(org):
        return
    with org.transaction():
        for job in jobs.forgotten(org):
            (deploy.finish if job.kind == "deploy" else retrieve.finish)(org, job)


def _fields(type_name: str, depth: int) -> list[Value]:
    found: list[Value] = []
    for element in wsdl().elements(type_name):
        picklist = wsdl().enum(element.type)
        value: Value = {
            "isForeignKey": False,
            "isNameField": element.name == "fullName",
            "minOccurs": int(element.required),
            "name": element.name,
            "soapType": element.type.removeprefix("xsd:"),
            "valueRequired": element.required,
        }
        if picklist:
            value["picklistValues"] = [
                {"active": True, "defaultValue": False, "label": one, "value": one}
                for one in picklist
            ]
        elif wsdl().is_complex(element.type) and depth:
            value["fields"] = _fields(element.type, depth - 1)
        found.append(value)
    return found


def read(body: Any, operation: str) -> Value:
    """The values of a call, with the liberties that clients take with real orgs.

    simple-salesforce writes booleans as Python does, and the types of a retrieve without their
    namespace; CumulusCI the version of a describe [V].
    """
    for node in body.iter(etree.Element):
        if etree.QName(node).namespace is None:
            node.tag = f"{{{NAMESPACE}}}{node.tag}"
        if not len(node) and (node.text or "").strip() in {"True", "False"}:
            node.text = node.text.strip().lower()
    return wsdl().read(body, operation)


def _decoded(text: str) -> bytes:
    if len(text) > _MOST_BYTES:
        # fact 523
        raise SalesforceError(
            "LIMIT_EXCEEDED",
            "Maximum size of request reached. Maximum size of request is 52428800 bytes.",
        )
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        # the SOAP parser's wording for a wrong simple value: guess
        raise InvalidXml("The ZipFile is not a valid value for the type xsd:base64Binary") from None


def _async_result(job: Job) -> Value:
    state = _STATES.get(job.status, "Error" if job.done else "InProgress")
    return {"done": job.done, "id": job.id, "state": state}
