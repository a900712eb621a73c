"""SOAP 1.1 as the partner API writes it: envelopes, faults with a detail, records, results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import Response
from lxml import etree

from provisioner.emulator.base import xml_errors
from provisioner.emulator.schema.wsdl import XSI, InvalidXml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
PARTNER: Final = "urn:partner.soap.sforce.com"
_OBJECTS: Final = "urn:sobject.partner.soap.sforce.com"
_FAULTS: Final = "urn:fault.partner.soap.sforce.com"
NIL: Final = f"{{{XSI}}}nil"
TYPE: Final = f"{{{XSI}}}type"
_PLACE: Final = re.compile(r"ERROR at Row:(\d+):Column:(\d+)")
# Control characters that XML 1.0 has no way to write.
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

# Which fault element carries a code: the WSDL's fault messages; every other code is unexpected.
_KINDS: Final[Mapping[str, str]] = {
    "INVALID_LOGIN": "LoginFault", "INACTIVE_PORTAL": "LoginFault",
    "LOGIN_DURING_RESTRICTED_DOMAIN": "LoginFault", "LOGIN_DURING_RESTRICTED_TIME": "LoginFault",
    "LOGIN_MUST_USE_SECURITY_TOKEN": "LoginFault",
    "PORTAL_NO_ACCESS": "LoginFault", "INSUFFICIENT_ACCESS": "UnexpectedErrorFault",
    "INVALID_ID_FIELD": "InvalidIdFault", "MALFORMED_ID": "InvalidIdFault",
    "INVALID_CROSS_REFERENCE_KEY": "InvalidIdFault",
    "INVALID_NEW_PASSWORD": "InvalidNewPasswordFault",
    "INVALID_OLD_PASSWORD": "InvalidOldPasswordFault",
    "INVALID_QUERY_LOCATOR": "InvalidQueryLocatorFault",
    "INVALID_FIELD": "InvalidFieldFault", "INVALID_TYPE": "InvalidSObjectFault",
    "INVALID_QUERY_FILTER_OPERATOR": "MalformedQueryFault",
    "MALFORMED_QUERY": "MalformedQueryFault", "MALFORMED_SEARCH": "MalformedSearchFault",
}  # fmt: skip
_PLACED: Final = frozenset(
    {"InvalidFieldFault", "InvalidSObjectFault", "MalformedQueryFault", "MalformedSearchFault"}
)
_KNOWN: Final = frozenset(
    {*_KINDS, "API_CURRENTLY_DISABLED", "EXCEEDED_ID_LIMIT",
     "FUNCTIONALITY_NOT_ENABLED", "INVALID_OPERATION",
     "INVALID_OPERATION_WITH_EXPIRED_PASSWORD", "INVALID_REPLICATION_DATE", "INVALID_SESSION_ID",
     "LIMIT_EXCEEDED", "MISSING_ARGUMENT", "NUMBER_OUTSIDE_VALID_RANGE", "REQUEST_LIMIT_EXCEEDED",
     "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION", "UNSUPPORTED_API_VERSION"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Nil:
    """An element with `xsi:nil`, which the schema wants even when there is no value."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A value that says its type, as those of the type `anyType` do."""

    type: str
    text: str


def read(data: bytes) -> tuple[Any, dict[str, Any]]:
    """The element of the call and the header elements by name; raises InvalidXml."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InvalidXml(xml_errors.words(error, data)) from error
    body = root.find(f"{{{SOAP}}}Body")
    calls = [] if body is None else list(body.iterchildren(etree.Element))
    if root.tag != f"{{{SOAP}}}Envelope" or not calls:
        raise InvalidXml("Envelope not found or without a body")  # guess
    head = root.find(f"{{{SOAP}}}Header")
    nodes = () if head is None else head.iterchildren(etree.Element)
    return calls[0], {etree.QName(node).localname: node for node in nodes}


def text(node: Any, name: str) -> str:
    """The text of the first child of that local name, empty when it is not there."""
    return next(iter(texts(node, name)), "")


def texts(node: Any, name: str) -> list[str]:
    """The texts of all children of that local name."""
    if node is None:
        return []
    return [
        child.text or ""
        for child in node.iterchildren(etree.Element)
        if etree.QName(child).localname == name
    ]


def answer(name: str, result: Iterable[Any], *, usage: tuple[int, int] | None = None) -> Response:
    """The envelope around `<name>`, which holds one `result` for each value.

    With `usage`, calls used and allowed, there is a LimitInfoHeader.
    """
    names: dict[Any, str] = {None: PARTNER, "sf": _OBJECTS, "xsi": XSI}
    content = etree.Element(f"{{{PARTNER}}}{name}", nsmap=names)
    for value in result:
        _add(content, PARTNER, "result", value)
    head = None
    if usage is not None:
        info = {"current": usage[0], "limit": usage[1], "type": "API REQUESTS"}
        head = etree.Element(f"{{{PARTNER}}}LimitInfoHeader", nsmap=names)
        _add(head, PARTNER, "limitInfo", info)
    return _envelope(200, content, names, head)


def fault(code: str, message: str) -> Response:
    """A fault of Salesforce, HTTP 500; clients look for the literal prefix `sf:` [V]."""
    known = code if code in _KNOWN else "UNKNOWN_EXCEPTION"
    kind = _KINDS.get(known, "UnexpectedErrorFault")
    node = etree.Element(f"{{{SOAP}}}Fault", nsmap={"soapenv": SOAP, "sf": _FAULTS})
    etree.SubElement(node, "faultcode").text = f"sf:{known}"
    etree.SubElement(node, "faultstring").text = _written(f"{known}: {message}")
    detail = etree.SubElement(etree.SubElement(node, "detail"), f"{{{_FAULTS}}}{kind}")
    detail.set(TYPE, f"sf:{kind}")
    etree.SubElement(detail, f"{{{_FAULTS}}}exceptionCode").text = known
    etree.SubElement(detail, f"{{{_FAULTS}}}exceptionMessage").text = _written(message)
    if kind in _PLACED:
        # -1 where nothing in the text is to blame, as in public logs [U]
        place = _PLACE.search(message)
        etree.SubElement(detail, f"{{{_FAULTS}}}row").text = place[1] if place else "-1"
        etree.SubElement(detail, f"{{{_FAULTS}}}column").text = place[2] if place else "-1"
    return _envelope(500, node, {"sf": _FAULTS})


def client_fault(message: str) -> Response:
    """The fault for a request that does not fit the WSDL: no detail, code `soapenv:Client`."""
    node = etree.Element(f"{{{SOAP}}}Fault", nsmap={"soapenv": SOAP})
    etree.SubElement(node, "faultcode").text = "soapenv:Client"
    etree.SubElement(node, "faultstring").text = _written(message)
    return _envelope(500, node, {})


def record(row: Mapping[str, Any]) -> Any:
    """One record of a REST answer as the partner API's sObject."""
    return _Record(row)


@dataclass(frozen=True, slots=True)
class _Record:
    row: Mapping[str, Any]


def _add(parent: Any, space: str, name: str, value: Any) -> None:
    """Adds an element; a list is one for each of its values, None is no element at all."""
    match value:
        case None:
            return
        case list():
            for one in value:
                _add(parent, space, name, one)
            return
    node = etree.SubElement(parent, f"{{{space}}}{name}")
    match value:
        case Nil():
            node.set(NIL, "true")
        case Typed(kind, written):
            node.set(TYPE, kind)
            node.text = _written(written)
        case _Record(row):
            _fill(node, row)
        case dict():
            for key, inner in value.items():
                _add(node, space, key, inner)
        case bool():
            node.text = "true" if value else "false"
        case _:
            node.text = _written(str(value))


def _fill(node: Any, row: Mapping[str, Any]) -> None:
    node.set(TYPE, "sf:sObject")
    _add(node, _OBJECTS, "type", row["attributes"]["type"])
    # The Id has a place of its own, empty when it was not asked for, and comes again among the
    # fields when it was: seen in many public answers [U].
    _add(node, _OBJECTS, "Id", row.get("Id") or Nil())
    for name, value in row.items():
        match value:
            case _ if name == "attributes":
                continue
            case {"attributes": _}:
                _fill(etree.SubElement(node, f"{{{_OBJECTS}}}{name}"), value)
            case {"records": list() as records}:
                inner = etree.SubElement(node, f"{{{_OBJECTS}}}{name}")
                inner.set(TYPE, "QueryResult")
                for key, part in query_result(records, len(records)).items():
                    _add(inner, PARTNER, key, part)
            case dict():
                _address(etree.SubElement(node, f"{{{_OBJECTS}}}{name}"), value)
            case None:
                _add(node, _OBJECTS, name, Nil())
            case int() if not isinstance(value, bool) and row["attributes"]["type"] == _GROUP:
                _add(node, _OBJECTS, name, Typed("xsd:int", str(value)))
            case _:
                _add(node, _OBJECTS, name, value)


_GROUP: Final = "AggregateResult"
_ADDRESS: Final = (
    "latitude", "longitude", "city", "country", "countryCode", "geocodeAccuracy", "postalCode",
    "state", "stateCode", "street",
)  # fmt: skip


def _address(node: Any, value: Mapping[str, Any]) -> None:
    node.set(TYPE, "address")
    for name in _ADDRESS:
        part = value.get(name)
        _add(node, PARTNER, name, Nil() if part is None else part)


def query_result(
    records: list[dict[str, Any]], size: int, locator: str | None = None
) -> dict[str, Any]:
    """A QueryResult in the order of the schema."""
    return {
        "done": locator is None,
        "queryLocator": locator or Nil(),
        "records": [record(row) for row in records],
        "size": size,
    }


def _written(content: str) -> str:
    return _UNWRITABLE.sub("", content)


def _envelope(status: int, content: Any, names: dict[Any, str], head: Any = None) -> Response:
    spaces = {"soapenv": SOAP, "xsi": XSI, "xsd": "http://www.w3.org/2001/XMLSchema"}
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap=spaces | names)
    if head is not None:
        etree.SubElement(root, f"{{{SOAP}}}Header").append(head)
    etree.SubElement(root, f"{{{SOAP}}}Body").append(content)
    data = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return Response(data, status, content_type="text/xml;charset=UTF-8")
