"""The SOAP Metadata API: `/services/Soap/m/<version>`.

This module knows the protocol (envelope, session, faults, results, limits) and the calls on single
components; what each type means is in `components`, the calls on files are in `metadata_files`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, request
from lxml import etree

from provisioner.emulator import (
    components,
    context,
    limits,
    metadata_files,
    soap,
    transport,
    type_versions,
)
from provisioner.emulator.errors import SalesforceError
from provisioner.emulator.rest import NEWEST, OLDEST
from provisioner.emulator.soap import Fault
from provisioner.emulator.wsdl import (
    NAMESPACE,
    Component,
    InvalidXml,
    Value,
    type_attribute,
    wsdl,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.emulator.component_rows import Listed
    from provisioner.emulator.store import Org

blueprint = Blueprint("metadata", __name__)

_COMPONENTS_PER_CALL: Final = 10  # platform reference 4.4 [V]
_MORE_PER_CALL: Final = dict.fromkeys(("CustomApplication", "CustomMetadata"), 200)  # as above
_LISTS_PER_CALL: Final = 3  # platform reference 4.4 [V]
_LARGEST: Final = 52_428_800  # bytes of a SOAP call, platform reference 4.5 [V]
_PARTIAL_SAVE_SINCE: Final = 34  # AllOrNoneHeader, platform reference 4.4 [V]


@dataclass(frozen=True, slots=True)
class _Call:
    """One request: who asks, in which version, and with which headers."""

    org: Org
    by: str
    version: float
    all_or_none: bool


@blueprint.before_app_request
def run_forgotten_jobs() -> None:
    """Deployments and retrieves end by themselves, too."""
    metadata_files.run_forgotten(context.org())


@blueprint.post("/services/Soap/m/<version>")
@blueprint.post("/services/Soap/m/<version>/")  # simple-salesforce ends it so [V]
@blueprint.post("/services/Soap/m/<version>/<path:_rest>")
def serve(version: str, _rest: str = "") -> Response:
    """Answers one SOAP call. A path behind the version is ignored, platform reference 4.5 [V]."""
    if (request.content_length or 0) > _LARGEST:
        # text: platform reference 4.5 [V]; code of the SOAP guide's exceptions [Q]
        return soap.fault(
            "sf:EXCEEDED_MAX_SIZE_REQUEST",
            "EXCEEDED_MAX_SIZE_REQUEST: Maximum size of request reached."
            f" Maximum size of request is {_LARGEST} bytes.",
        )
    try:
        body, headers = soap.read(transport.unpacked())
        operation = _operation(body)
        call = _authorise(version, headers, counted=operation not in _FREE)
        values = metadata_files.read(body, operation) if operation in _UNTYPED else {}
        answer = _OPERATIONS[operation](call, body, values)
    except Fault as fault:
        return soap.fault(fault.code, fault.message)
    except SalesforceError as error:
        return soap.fault(f"sf:{error.code}", f"{error.code}: {error.message}")
    except (InvalidXml, transport.BadEncodingError) as error:
        return soap.fault("soapenv:Client", str(error))
    return soap.answer(wsdl().build(f"{operation}Response", f"{operation}Response", answer))


def _operation(body: Any) -> str:
    name = etree.QName(body)
    if name.namespace != NAMESPACE or name.localname not in wsdl().operations:
        # what the SOAP endpoints answer to an unknown call, general knowledge [U]
        # text: stubs of a real org's answers [V]
        raise InvalidXml(
            f"No operation available for request {body.tag}, please check the WSDL for the service."
        )
    if name.localname not in _OPERATIONS:
        raise Fault(
            "sf:UNKNOWN_EXCEPTION", f"UNKNOWN_EXCEPTION: {name.localname} is not served by this org"
        )
    return name.localname


def _authorise(version: str, headers: dict[str, Any], *, counted: bool) -> _Call:
    """Checks version, session and permission, in this order [U]."""
    try:
        number = float(version)
    except ValueError:
        number = 0.0
    if not OLDEST <= number <= NEWEST:
        # platform reference 6.4: 500 UNSUPPORTED_API_VERSION; text: answers to the sf CLI [V]
        raise Fault(
            "sf:UNSUPPORTED_API_VERSION",
            "UNSUPPORTED_API_VERSION: Invalid Api version specified on URL",
        )
    org = context.org()
    session = org.session(soap.header(headers, "SessionHeader", "sessionId"))
    if session is None:
        # platform reference 2.4, last rows [V]
        raise Fault(
            "sf:INVALID_SESSION_ID",
            "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session",
        )
    if session.kind == "Expired":  # platform reference 6.4 [V]
        code = "INVALID_OPERATION_WITH_EXPIRED_PASSWORD"
        raise Fault(
            f"sf:{code}",
            f"{code}: The users password has expired, you must call SetPassword before attempting"
            " any other API operations",
        )
    if counted:
        limits.check(org, org.api_call(), request.environ)
    if not components.may_modify_metadata(org, session.user_id):
        # platform reference 4.4: needs one of the two permissions [V], text general knowledge [U]
        raise Fault(
            "sf:INSUFFICIENT_ACCESS",
            "INSUFFICIENT_ACCESS: use of the Metadata API requires a user with the"
            " ModifyAllData or ModifyMetadata permissions",
        )
    asked = soap.header(headers, "AllOrNoneHeader", "allOrNone")
    default = "true" if number < _PARTIAL_SAVE_SINCE else "false"
    return _Call(org, session.user_id, number, (asked or default) in {"true", "1"})


def _create(call: _Call, body: Any, _: Value) -> Value:
    def create(kind: components.Kind, values: Value) -> Value:
        return _written(call, kind, values, kind.create)

    return {"result": _saved(call, _parts(call, body), create)}


def _update(call: _Call, body: Any, _: Value) -> Value:
    def update(kind: components.Kind, values: Value) -> Value:
        return _written(call, kind, values, kind.update)

    return {"result": _saved(call, _parts(call, body), update)}


def _upsert(call: _Call, body: Any, _: Value) -> Value:
    def upsert(kind: components.Kind, values: Value) -> Value:
        # platform reference 4.4: matched by fullName [V]
        created = kind.read(call.org, values["fullName"]) is None
        _written(call, kind, values, kind.create if created else kind.update)
        return {"created": created}

    results = _saved(call, _parts(call, body), upsert)
    return {"result": [{"created": False} | result for result in results]}


def _written(
    call: _Call, kind: components.Kind, values: Value, write: Callable[[Org, Value, str], None]
) -> Value:
    """Writes one component that has all it needs, and gives nothing to add to its result."""
    _check_required(kind, values)
    write(call.org, values, call.by)
    components.settle(call.org, kind, values["fullName"])
    return {}


def _delete(call: _Call, _: Any, values: Value) -> Value:
    def delete(kind: components.Kind, named: Value) -> Value:
        kind.delete(call.org, named["fullName"], call.by)
        return {}

    names = values.get("fullNames", [])
    _check_count(names, values["type"])
    kind = _kind(call, values["type"])
    parts = [(kind, Component(values["type"], {"fullName": name})) for name in names]
    return {"result": _saved(call, parts, delete)}


def _rename(call: _Call, _: Any, values: Value) -> Value:
    def rename(kind: components.Kind, named: Value) -> Value:
        kind.rename(call.org, named["fullName"], values["newFullName"], call.by)
        return {}

    kind = _kind(call, values["type"])
    parts = [(kind, Component(values["type"], {"fullName": values["oldFullName"]}))]
    (result,) = _saved(call, parts, rename)
    return {"result": result}


def _read(call: _Call, _: Any, values: Value) -> Value:
    names = values.get("fullNames", [])
    _check_count(names, values["type"])
    kind = _kind(call, values["type"])
    found = [kind.read(call.org, name) for name in names]
    records = [None if one is None else Component(values["type"], one) for one in found]
    return {"result": {"records": records}}


def _list(call: _Call, _: Any, values: Value) -> Value:
    queries = values.get("queries", [])
    if len(queries) > _LISTS_PER_CALL:
        raise Fault(
            "sf:EXCEEDED_ID_LIMIT",
            "EXCEEDED_ID_LIMIT: record limit reached. cannot submit more than"
            f" {_LISTS_PER_CALL} queries in this operation",  # guess
        )
    listed: list[Value] = []
    for query in queries:
        folder = components.folder(call.org, query["type"])
        if folder is None:
            raise _unusable(query["type"])
        listed += [_file_properties(call.org, folder, one) for one in folder.list(call.org)]
    return {"result": listed}


def _describe(call: _Call, _: Any, __: Value) -> Value:
    children = {name for names in components.CHILDREN.values() for name in names}
    described: list[Value] = [
        {
            "childXmlNames": list(components.CHILDREN.get(folder.name, ())),
            "directoryName": folder.directory,
            "inFolder": False,
            "metaFile": folder.name in components.META_FILES,
            "suffix": folder.suffix,
            "xmlName": folder.name,
        }
        for folder in components.folders(call.org)
        if folder.name not in children
    ]
    return {
        "result": {
            "metadataObjects": described,
            "organizationNamespace": "",
            "partialSaveAllowed": True,
            "testRequired": False,
        }
    }


def _of_files(
    answer: Callable[[Org, str, Any], Value],
) -> Callable[[_Call, Any, Value], Value]:
    return lambda call, body, _: answer(call.org, call.by, body)


_OPERATIONS: Final[dict[str, Callable[[_Call, Any, Value], Value]]] = {
    "createMetadata": _create,
    "updateMetadata": _update,
    "upsertMetadata": _upsert,
    "deleteMetadata": _delete,
    "renameMetadata": _rename,
    "readMetadata": _read,
    "listMetadata": _list,
    "describeMetadata": _describe,
    "deploy": _of_files(metadata_files.start_deploy),
    "checkDeployStatus": _of_files(metadata_files.check_deploy),
    "checkStatus": _of_files(metadata_files.check_status),
    "cancelDeploy": _of_files(metadata_files.cancel_deploy),
    "retrieve": _of_files(metadata_files.start_retrieve),
    "checkRetrieveStatus": _of_files(metadata_files.check_retrieve),
    "describeValueType": _of_files(metadata_files.describe_value_type),
}
# "Calls to checkDeployStatus() don't count against the API request limits" (Metadata guide [V])
_FREE: Final = frozenset({"checkDeployStatus"})
# the calls whose arguments have one type each; the others hold components with an xsi:type
_UNTYPED: Final = frozenset(
    {"deleteMetadata", "renameMetadata", "readMetadata", "listMetadata", "describeMetadata"}
)


def _parts(call: _Call, body: Any) -> list[tuple[components.Kind, Component]]:
    """The components of a create, update or upsert, each with its kind."""
    nodes = list(body.iterchildren(etree.Element))
    for node in nodes:
        if node.tag != f"{{{NAMESPACE}}}metadata":
            name = etree.QName(body).localname
            raise InvalidXml(f"Element {node.tag} invalid at this location in type {name}")
    _check_count(nodes, _type_of(nodes))
    read = [wsdl().read_component(node) for node in nodes]
    if len({component.type for component in read}) > 1:
        # platform reference 4.4: one type per call [V], text guess
        raise Fault("sf:INVALID_TYPE", "INVALID_TYPE: All components must be of the same type")
    for component in read:
        if not component.values.get("fullName"):
            # certinia/apex-mdapi issue 41 [V]
            raise Fault("sf:UNKNOWN_EXCEPTION", "null: Required field is missing: fullName")
    return [(_kind(call, component.type), component) for component in read]


def _type_of(nodes: list[Any]) -> str:
    """The type that the first component says it is of, without its prefix."""
    written = str(nodes[0].get(type_attribute, "")) if nodes else ""
    return written.rpartition(":")[2]


def _saved(
    call: _Call,
    parts: list[tuple[components.Kind, Component]],
    save: Callable[[components.Kind, Value], Value],
) -> list[Value]:
    """Saves each part and gives its result; with all-or-none, one failure takes back the rest."""
    results: list[Value] = []
    try:
        with call.org.transaction():
            for kind, component in parts:
                results.append(_save_one(call, kind, component, save))
            if call.all_or_none and not all(result["success"] for result in results):
                raise _RolledBack
    except _RolledBack:
        results = [result if not result["success"] else _rolled_back(result) for result in results]
    return results


def _check_required(kind: components.Kind, values: Value) -> None:
    for name in wsdl().missing(values, kind.name):
        # the wording of certinia/apex-mdapi issue 41 [V]
        raise SalesforceError(
            "REQUIRED_FIELD_MISSING", f"Required field is missing: {name}", (name,)
        )


def _save_one(
    call: _Call,
    kind: components.Kind,
    component: Component,
    save: Callable[[components.Kind, Value], Value],
) -> Value:
    full_name = component.values["fullName"]
    try:
        with call.org.attempt():
            extra = save(kind, component.values)
    except SalesforceError as error:
        known = error.code in (wsdl().enum("StatusCode") or ())
        code = error.code if known else "UNKNOWN_EXCEPTION"
        problem: Value = {"message": error.message, "statusCode": code}
        if error.fields:
            problem["fields"] = list(error.fields)
        return {"errors": [problem], "fullName": full_name, "success": False}
    return {"fullName": full_name, "success": True} | extra


class _RolledBack(Exception):  # noqa: N818 - leaves the transaction, never the module
    pass


def _rolled_back(result: Value) -> Value:
    # platform reference 8.2: the code [V], the text [U]
    problem = {
        "message": "Record rolled back because not all records were valid and the request was"
        " using AllOrNone header",
        "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    }
    return {"errors": [problem], "fullName": result["fullName"], "success": False}


def _check_count(items: list[Any], type_name: str) -> None:
    most = _MORE_PER_CALL.get(type_name, _COMPONENTS_PER_CALL)
    if len(items) > most:
        # text quoted in a public Java client of this API [V]
        raise Fault(
            "sf:EXCEEDED_ID_LIMIT",
            "EXCEEDED_ID_LIMIT: record limit reached. cannot submit more than"
            f" {most} records in this operation",
        )


def _kind(call: _Call, type_name: str) -> components.Kind:
    kind = components.kind(call.org, type_name)
    if kind is not None and not type_versions.knows(call.version, type_name):
        # as a type that the version does not know, below [I]
        raise Fault("sf:INVALID_TYPE", f"INVALID_TYPE: Unknown type:{type_name}")
    if kind is None:
        raise _unusable(type_name)
    return kind


def _unusable(type_name: str) -> Fault:
    if wsdl().is_component(type_name):
        # alan-morey/force-meta-backup issue 9 [V]
        return Fault(
            "sf:INVALID_TYPE", f"INVALID_TYPE: Cannot use: {type_name} in this organization"
        )
    # alan-morey/force-meta-backup issue 1 [V]
    return Fault("sf:INVALID_TYPE", f"INVALID_TYPE: Unknown type:{type_name}")


def _file_properties(org: Org, folder: components.Folder, listed: Listed) -> Value:
    stamp = listed.stamp
    return {
        "createdById": stamp.created_by,
        "createdByName": components.user_name(org, stamp.created_by),
        "createdDate": stamp.created_date,
        "fileName": components.file_name(folder, listed.full_name),
        "fullName": listed.full_name,
        "id": listed.id,
        "lastModifiedById": stamp.modified_by,
        "lastModifiedByName": components.user_name(org, stamp.modified_by),
        "lastModifiedDate": stamp.modified_date,
        "manageableState": "unmanaged",
        "type": folder.name,
    }
