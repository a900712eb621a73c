"""The answers of the token endpoint, in the format that a client asks for.

"format: urlencoded, json (default), xml", or the same by `Accept`: Salesforce help, the parameters
of the OAuth flows, as remembered [U], like the element that the XML is in.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from flask import Response, request

from provisioner.emulator.http import bodies, refusals

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS: Final = {
    "json": "application/json;charset=UTF-8",
    "urlencoded": "application/x-www-form-urlencoded;charset=UTF-8",
    "xml": "application/xml;charset=UTF-8",
}


def answer(body: Mapping[str, Any], status: int = 200) -> Response:
    """What a request of the token endpoint gets."""
    kind = _asked()
    response = Response(_written(body, kind), status, content_type=_KINDS[kind])
    response.headers["Cache-Control"] = "no-cache, no-store"
    return response


def _asked() -> str:
    given = request.form.get("format", "").lower()
    if given in _KINDS:
        return given
    named = {text.partition(";")[0]: kind for kind, text in _KINDS.items()}
    taken = bodies.kinds(request.headers.get("Accept", ""))
    return next((named[kind] for kind in taken if kind in named), "json")


def _written(body: Mapping[str, Any], kind: str) -> bytes:
    if kind == "json":
        return refusals.as_json(body)
    if kind == "urlencoded":
        return urlencode(body).encode()
    root = ET.Element("OAuth")
    for name, value in body.items():
        ET.SubElement(root, name).text = str(value)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
