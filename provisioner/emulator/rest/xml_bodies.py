"""XML in place of JSON, where a client of the REST API asks for it or sends it.

The forms of rows, queries, results, errors, versions, the password resource and trees are those of
the examples in the REST guide. Those of describes and batches are what Apache Camel's XStream
classes read from real orgs [Q]: a global describe is a `DescribeGlobal`, other describes are named
after their object, a batch has `batchResults`. Limits are there in XML by an example of the
Salesforce CLI, `sf api request rest` [Q]; that they are a `LimitsSnapshot` is from its tests [I].
Resources that the guide has in JSON only, such as composite requests, graphs and collections, are
refused with 406.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.bulk import csv_text
from provisioner.emulator.http import bodies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

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
    taken = bodies.kinds(accept)
    return next((kind in _KINDS for kind in taken if kind in (*_KINDS, *_JSON)), False)


def accepted(path: str, accept: str) -> tuple[str, str]:
    """A path without its `.json` or `.xml`, and the media types that the client takes by it.

    "Append .json or .xml to the URI" (REST guide, "Response Format" [V]); the Bulk API has no XML.
    """
    if path.endswith((".json", ".xml")) and not path.startswith(("jobs/", "metadata/")):
        path, _, kind = path.rpartition(".")
        return path, f"application/{kind}"
    return path, accept


def shows(parts: Sequence[str]) -> bool:
    """Whether the answer to a call is written in XML ("Formats: JSON, XML" in the REST guide)."""
    match parts:
        case ["sobjects", _, "describe", _, *_]:  # layouts and the like: nobody shows their XML
            return False
        case ["sobjects" | "query" | "queryAll", *_] | ["limits"]:
            return True
        case ["composite", "tree", _] | ["composite", "batch"]:
            return True
        case _:
            return not parts


def written(body: Any, parts: Sequence[str]) -> bytes:
    """An answer's data as XML."""
    text = ET.tostring(_root(body, parts), encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode("utf-8", "replace")


def _root(body: Any, parts: Sequence[str]) -> ET.Element:
    match body:
        case [{"errorCode": _}, *_]:
            return _list("Errors", "Error", body)
        case {"errorCode": _}:  # of the password resource: an object
            return _list("Errors", "Error", [body])
        case [{"version": _}, *_]:
            return _list("Versions", "Version", body)
        case {"hasErrors": failed, "results": [*results]} if parts[-1:] == ("batch",):
            return _batch(results, failed=failed)
        case [*urls]:  # several matches of a key
            body = {"url": urls}
            root = ET.Element("urls")
        case {"attributes": {"type": str() as kind}}:
            root = ET.Element(kind)
            _record(root, body)
            return root
        case _:
            root = ET.Element(_kind(body, parts))
    _fill(root, body)
    return root


def _kind(body: dict[str, Any], parts: Sequence[str]) -> str:
    match body:
        case {"maxBatchSize": _, "sobjects": _}:
            return "DescribeGlobal"
        case {"fields": _, "childRelationships": _, "name": str() as name}:
            return name
        case {"objectDescribe": {"name": str() as name}}:
            return name
    if tuple(parts) == ("limits",):
        return "LimitsSnapshot"
    if tuple(parts[:2]) == ("composite", "tree"):  # older versions: `Result` [Q, Camel]
        return "SObjectTreeResponse"
    names = ("totalSize", "QueryResult"), ("isExpired", "Password"), ("NewPassword", "Password")
    found = next((name for key, name in names if key in body), "Result")
    return found if parts else "urls"


def _batch(results: list[dict[str, Any]], *, failed: bool) -> ET.Element:
    """The results, each with its data as it would be alone; which a describe has not: guess."""
    root = ET.Element("batchResults")
    _add(root, "hasErrors", failed)
    inner = ET.SubElement(root, "results")
    for one in results:
        result = ET.SubElement(inner, "batchResult")
        _add(result, "statusCode", one["statusCode"])
        data = ET.SubElement(result, "result")
        if one["result"] is not None:
            data.append(_root(one["result"], ("sobjects",)))
    return root


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
    sobject = org.catalog().get(parts[1]) if parts[:1] == ("sobjects",) else None
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
                found[name] = csv_text.converter(field)(child.text) if child.text else None
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
