"""SOAP 1.1 envelopes as Salesforce reads and writes them for the Metadata API."""

from __future__ import annotations

from typing import Any, Final

from flask import Response
from lxml import etree

from provisioner.emulator.base import xml_errors
from provisioner.emulator.schema.wsdl import NAMESPACE, XSI, InvalidXml

_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"


class Fault(Exception):  # noqa: N818 - named after the SOAP element it becomes
    """Refuses a whole call; `code` has its prefix, as in `sf:INVALID_TYPE`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def read(data: bytes) -> tuple[Any, dict[str, Any]]:
    """The element of the call and the header elements by name; raises InvalidXml."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        remove_comments=True,
        huge_tree=True,  # a package in base64 is one text of more than 10 MB
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidXml(xml_errors.words(error, data)) from error
    body = root.find(f"{{{_SOAP}}}Body")
    if root.tag != f"{{{_SOAP}}}Envelope" or body is None or len(body) == 0:
        raise InvalidXml("Envelope not found or without a body")  # guess
    head = root.find(f"{{{_SOAP}}}Header")
    found = {} if head is None else {etree.QName(node).localname: node for node in head}
    return body[0], found


def header(headers: dict[str, Any], name: str, element: str) -> str:
    """The text of one element of a header, empty when it is not there."""
    node = headers.get(name)
    text = None if node is None else node.findtext(f"{{{NAMESPACE}}}{element}")
    return (text or "").strip()


def answer(content: Any) -> Response:
    """The envelope around a call's answer."""
    return _envelope(200, content, {None: NAMESPACE})


def fault(code: str, message: str) -> Response:
    """A fault, which comes with HTTP 500 and, from this API, without a detail element."""
    node = etree.Element(f"{{{_SOAP}}}Fault", nsmap={"soapenv": _SOAP})
    etree.SubElement(node, "faultcode").text = code
    etree.SubElement(node, "faultstring").text = message
    return _envelope(500, node, {"sf": NAMESPACE})


def _envelope(status: int, content: Any, names: dict[Any, str]) -> Response:
    # an answer's elements have no prefix, a fault knows `sf`: clients look for just that
    root = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"soapenv": _SOAP, "xsi": XSI} | names)
    etree.SubElement(root, f"{{{_SOAP}}}Body").append(content)
    data = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return Response(data, status, content_type="text/xml;charset=UTF-8")
