"""XML in place of JSON, where a client of the REST API asks for it or sends it.

The forms are those of the examples in the REST guide: rows, queries, results, errors, versions and
the password resource. Resources whose XML no example shows are refused with 406, not guessed.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator import bulk_csv, describe
from provisioner.emulator.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.emulator.describe import SObject
    from provisioner.emulator.store import Org

MIME: Final = "application/xml;charset=UTF-8"
_KINDS: Final = ("application/xml", "text/xml")
_JSON: Final = ("application/json", "application/*", "*/*")
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_DEEPEST: Final = 5


def is_xml(kind: str) -> bool:
    """Whether a body of that media type is read as XML."""
    return kind.partition(";")[0].strip().lower() == _KINDS[0]


def wanted(accept: str) -> bool:
    """Whether an `Accept` header takes XML and names no JSON before it."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return next((kind in _KINDS for kind in kinds if kind in (*_KINDS, *_JSON)), False)


def shows(method: str, parts: Sequence[str]) -> bool:
    """Whether the guide shows the answer to a call in XML."""
    match parts:
        case ["sobjects", _] if method == "POST":
            return True
        case ["query" | "queryAll", *_] | ["sobjects", _, _, "password"]:
            return True
        case ["sobjects", _, "describe", *_] | ["sobjects"]:
            return False
        case ["sobjects", _, *rest]:
            return bool(rest)
        case _:
            return not parts


def written(body: Any, parts: Sequence[str]) -> bytes:
    """An answer's data as XML."""
    match body:
        case [{"errorCode": _}, *_]:
            root = _list("Errors", "Error", body)
        case {"errorCode": _}:  # of the password resource: an object
            root = _list("Errors", "Error", [body])
        case [{"version": _}, *_]:
            root = _list("Versions", "Version", body)
        case [*urls]:  # several matches of a key
            root = ET.Element("urls")
            _fill(root, {"url": urls})
        case {"attributes": {"type": str() as kind}}:
            root = ET.Element(kind)
            _record(root, body)
        case _:
            root = ET.Element(_kind(body, parts))
            _fill(root, body)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode("utf-8", "replace")


def _kind(body: dict[str, Any], parts: Sequence[str]) -> str:
    names = ("totalSize", "QueryResult"), ("isExpired", "Password"), ("NewPassword", "Password")
    found = next((name for key, name in names if key in body), "Result")
    return found if parts else "urls"


def _list(name: str, item: str, found: list[dict[str, Any]]) -> ET.Element:
    root = ET.Element(name)
    for one in found:
        _fill(ET.SubElement(root, item), one)
    return root


def as_json(org: Org, parts: Sequence[str], text: str) -> str:
    """A body in XML as the JSON that means the same; values get the type of their field."""
    try:
        if "<!" in text:  # no document types, no entities
            raise ET.ParseError
        root = ET.fromstring(text)  # noqa: S314 - without document types
    except (ET.ParseError, ValueError):
        raise SalesforceError("XML_PARSER_ERROR", "the body is no valid XML") from None  # guess
    sobject = describe.catalog(org).get(parts[1]) if parts[:1] == ("sobjects",) else None
    if sobject is None or parts[-1:] == ("password",):
        return json.dumps({_name(child): child.text or "" for child in root})
    return json.dumps(_values(sobject, root, 1))


def _values(sobject: SObject, element: ET.Element, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in element:
        name = _name(child)
        field = sobject.field(name)
        if child.get(f"{{{_XSI}}}nil") in {"true", "1"}:
            found[name] = None
        elif len(child) and depth < _DEEPEST:
            found[name] = {_name(part): part.text or "" for part in child}
        elif field is None:
            found[name] = child.text or ""  # refused as in JSON
        else:
            try:
                found[name] = bulk_csv.converter(field)(child.text) if child.text else None
            except ValueError:
                found[name] = child.text
    return found


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _fill(element: ET.Element, values: dict[str, Any]) -> None:
    for name, value in values.items():
        match value:
            case [*items]:
                for item in items:
                    _add(element, name, item)
            case _:
                _add(element, name, value)


def _add(element: ET.Element, name: str, value: Any) -> None:
    child = ET.SubElement(element, name)
    match value:
        case None:
            child.set(f"{{{_XSI}}}nil", "true")
        case {"attributes": _}:
            _record(child, value)
        case {"totalSize": _} | dict():
            _fill(child, value)
        case bool():
            child.text = "true" if value else "false"
        case _:
            child.text = "".join(char for char in str(value) if char >= " " or char in "\t\n\r")


def _record(element: ET.Element, record: dict[str, Any]) -> None:
    """A row: its attributes are those of its element."""
    for name, value in record["attributes"].items():
        element.set(name, str(value))
    _fill(element, {name: value for name, value in record.items() if name != "attributes"})


ET.register_namespace("xsi", _XSI)
