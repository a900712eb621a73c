"""The SOAP Metadata API: `/services/Soap/m/<version>`.

This module knows the protocol: envelope, session, faults and limits. The calls on single components
are in `component_calls`, those on files in `file_calls`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, request
from lxml import etree

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.http import bodies, gate, soap_metadata
from provisioner.emulator.http.soap_metadata import Fault
from provisioner.emulator.metadata import component_calls, file_calls
from provisioner.emulator.metadata.component_calls import Call
from provisioner.emulator.schema.wsdl import NAMESPACE, InvalidXml, Value, wsdl

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.emulator.store.org import Org

blueprint = Blueprint("metadata", __name__)

_LARGEST: Final = 52_428_800  # bytes of a SOAP call, fact 523
_PARTIAL_SAVE_SINCE: Final = 34  # AllOrNoneHeader, fact 516


@blueprint.post("/services/Soap/m/<version>")
@blueprint.post("/services/Soap/m/<version>/")  # simple-salesforce ends it so [V]
@blueprint.post("/services/Soap/m/<version>/<path:_rest>")
def serve(version: str, _rest: str = "") -> Response:
    """Answers one SOAP call. A path behind the version is ignored, fact 519."""
    if (request.content_length or 0) > _LARGEST:
        # text: fact 523; code of the SOAP guide's exceptions [Q]
        return soap_metadata.fault(
            "sf:EXCEEDED_MAX_SIZE_REQUEST",
            "EXCEEDED_MAX_SIZE_REQUEST: Maximum size of request reached."
            f" Maximum size of request is {_LARGEST} bytes.",
        )
    try:
        body, headers = soap_metadata.read(bodies.unpacked())
        operation = _operation(body)
        call = _admitted(version, headers, operation)
        values = file_calls.read(body, operation) if operation in _UNTYPED else {}
        answer = OPERATIONS[operation](call, body, values)
    except Fault as fault:
        return soap_metadata.fault(fault.code, fault.message)
    except SalesforceError as error:
        return soap_metadata.fault(f"sf:{error.code}", f"{error.code}: {error.message}")
    except (InvalidXml, bodies.BadEncodingError) as error:
        return soap_metadata.fault("soapenv:Client", str(error))
    return soap_metadata.answer(
        wsdl().build(f"{operation}Response", f"{operation}Response", answer)
    )


def _operation(body: Any) -> str:
    name = etree.QName(body)
    if name.namespace != NAMESPACE or name.localname not in wsdl().operations:
        # text: stubs of a real org's answers [V]
        raise InvalidXml(
            f"No operation available for request {body.tag}, please check the WSDL for the service."
        )
    if name.localname not in OPERATIONS:
        raise Fault(
            "sf:UNKNOWN_EXCEPTION", f"UNKNOWN_EXCEPTION: {name.localname} is not served by this org"
        )
    return name.localname


def _admitted(version: str, headers: dict[str, Any], operation: str) -> Call:
    token = soap_metadata.header(headers, "SessionHeader", "sessionId")
    caller = gate.enter("metadata", token, version, operation=operation)
    asked = soap_metadata.header(headers, "AllOrNoneHeader", "allOrNone")
    default = "true" if caller.version < _PARTIAL_SAVE_SINCE else "false"
    all_or_none = (asked or default) in {"true", "1"}
    return Call(caller.org, caller.session.user_id, float(caller.version), all_or_none)


def _of_files(
    answer: Callable[[Org, str, Any], Value],
) -> Callable[[Call, Any, Value], Value]:
    return lambda call, body, _: answer(call.org, call.by, body)


OPERATIONS: Final[dict[str, Callable[[Call, Any, Value], Value]]] = {
    "createMetadata": component_calls.create,
    "updateMetadata": component_calls.update,
    "upsertMetadata": component_calls.upsert,
    "deleteMetadata": component_calls.delete,
    "renameMetadata": component_calls.rename,
    "readMetadata": component_calls.read,
    "listMetadata": component_calls.list_all,
    "describeMetadata": component_calls.describe,
    "deploy": _of_files(file_calls.start_deploy),
    "checkDeployStatus": _of_files(file_calls.check_deploy),
    "checkStatus": _of_files(file_calls.check_status),
    "cancelDeploy": _of_files(file_calls.cancel_deploy),
    "retrieve": _of_files(file_calls.start_retrieve),
    "checkRetrieveStatus": _of_files(file_calls.check_retrieve),
    "describeValueType": _of_files(file_calls.describe_value_type),
}
# the calls whose arguments have one type each; the others hold components with an xsi:type
_UNTYPED: Final = frozenset(
    {"deleteMetadata", "renameMetadata", "readMetadata", "listMetadata", "describeMetadata"}
)
