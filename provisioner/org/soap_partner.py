"""The SOAP partner API, for the one thing that no other surface tells: the org's own time."""

from __future__ import annotations

from datetime import UTC, datetime

import requests
from lxml import etree

from provisioner.org.error_mapping import refused
from provisioner.org.rest import VERSION
from provisioner.org.transport import Transport

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_PARTNER = "urn:partner.soap.sforce.com"


class Partner:
    """One org's partner API."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._url = f"{transport.instance_url}/services/Soap/u/{VERSION}"

    def server_time(self) -> datetime:
        """The time by the org's clock, in UTC. (SOAP API guide, `getServerTimestamp`)"""
        headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}

        def send() -> requests.Response:
            data = _envelope(self._transport.token.reveal())
            return self._transport.session.post(self._url, data=data, headers=headers)

        def read(reply: requests.Response) -> datetime:
            text = _text(reply.content, "timestamp") if reply.status_code < 300 else None
            if text is None:
                code, message = (_text(reply.content, n) for n in ("faultcode", "faultstring"))
                fault = {"errorCode": (code or "").rpartition(":")[2], "message": message or ""}
                raise refused(reply.status_code, [fault] if code else "", self._transport.host)
            return datetime.fromisoformat(text).astimezone(UTC)

        return self._transport.read(send, read)


def _envelope(token: str) -> bytes:
    root = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"soapenv": _SOAP, "p": _PARTNER})
    header = etree.SubElement(root, f"{{{_SOAP}}}Header")
    session = etree.SubElement(header, f"{{{_PARTNER}}}SessionHeader")
    etree.SubElement(session, f"{{{_PARTNER}}}sessionId").text = token
    body = etree.SubElement(root, f"{{{_SOAP}}}Body")
    etree.SubElement(body, f"{{{_PARTNER}}}getServerTimestamp")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _text(content: bytes, name: str) -> str | None:
    try:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError:
        return None
    texts = root.xpath("//*[local-name() = $name]/text()", name=name)
    return str(texts[0]) if isinstance(texts, list) and texts else None
