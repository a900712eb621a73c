"""The Tooling API: `/tooling/query` and `/tooling/sobjects`, for the entities this org has."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from provisioner.emulator.access import metadata_rights
from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError, not_found
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.http.routes import Route, each, read
from provisioner.emulator.metadata.types import registry
from provisioner.emulator.rest import tooling_entities
from provisioner.emulator.schema import describe_json
from provisioner.emulator.schema.wsdl import NAMESPACE, InvalidXml, type_attribute, wsdl

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.emulator.schema.objects import Catalog, SObject
    from provisioner.emulator.schema.wsdl import Value

_WRITABLE: Final = "CustomField"


def catalog(call: Call) -> Catalog:
    """The entities of the Tooling API: some setup objects of the org, and four of its own."""
    return tooling_entities.catalog(call.org, call.by, call.version)


def routes(query: Callable[[Call], Answer]) -> tuple[Route, ...]:
    """The routes below `/tooling`; `query` runs SOQL over `catalog`."""
    row = partial(_row, query=query)
    return (
        Route("/tooling", read(_resources)),
        Route("/tooling/query", read(query)),
        Route("/tooling/sobjects", read(_all)),
        Route("/tooling/sobjects/<name>", each(_entity, "GET", "HEAD", "POST")),
        Route("/tooling/sobjects/<name>/describe", read(_describe)),
        Route("/tooling/sobjects/<name>/<id_>", each(row, "DELETE", "GET", "HEAD", "PATCH")),
    )


def _resources(call: Call) -> Answer:
    here = f"{call.base}/tooling"
    return Answer(200, {name: f"{here}/{name}" for name in ("query", "sobjects")})


def _all(call: Call) -> Answer:
    here = f"{call.base}/tooling"
    brief = [
        describe_json.brief(sobject, here)
        for sobject in sorted(catalog(call).sobjects.values(), key=lambda s: s.name)
    ]
    return Answer(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": brief})


def _describe(call: Call, name: str) -> Answer:
    known, sobject = catalog(call), _sobject(call, name)
    here = f"{call.base}/tooling"
    return Answer(200, describe_json.whole(known, sobject, here, call.instance))


def one_full_name(text: str, body: dict[str, Any]) -> None:
    """Refuses more than one row with FullName or Metadata (fact 511)."""
    words = text.lower()
    if body["totalSize"] > 1 and ("fullname" in words or "metadata" in words):
        raise SalesforceError(
            "MALFORMED_QUERY",
            "When retrieving results with Metadata or FullName fields, the query qualifications"
            f" must specify no more than one row for retrieval. Result size: {body['totalSize']}",
        )


def _sobject(call: Call, name: str) -> SObject:
    found = catalog(call).get(name)
    if found is None:
        raise not_found()
    return found


def _entity(call: Call, name: str) -> Answer:
    sobject = _sobject(call, name)
    here = f"{call.base}/tooling"
    if call.method != "POST":
        brief = describe_json.brief(sobject, here)
        return Answer(200, {"objectDescribe": brief, "recentItems": []})
    kind = _kind(call, sobject)
    full_name, values = _component(call, None)
    with call.org.atomic():
        kind.create(call.org, values, call.by)
        id_ = _custom_fields(call)[full_name.lower()]
    body = {"id": id_, "success": True, "errors": [], "warnings": [], "infos": []}
    return Answer(201, body, {"Location": f"{here}/sobjects/{sobject.name}/{id_}"})


def _row(call: Call, name: str, id_: str, query: Callable[[Call], Answer]) -> Answer:
    sobject, text = _sobject(call, name), id_
    if call.method in {"DELETE", "PATCH"}:
        kind = _kind(call, sobject)
        found = {one: field for field, one in _custom_fields(call).items()}
        full_name = found.get(ids.normal(text) or "")
        if full_name is None:
            raise not_found()
        with call.org.transaction(), call.org.attempt():
            if call.method == "DELETE":
                kind.delete(call.org, full_name, call.by)
            else:
                kind.update(call.org, _component(call, full_name)[1], call.by)
        return Answer(204)
    key = "DurableId" if sobject.field("DurableId") else "Id"
    if key == "Id" and ids.normal(text) is None:
        raise not_found()
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    soql = f"SELECT FIELDS(ALL) FROM {sobject.name} WHERE {key} = '{quoted}' LIMIT 1"  # noqa: S608 - SOQL
    records = query(replace(call, parts=("tooling", "query"), params={"q": soql})).body["records"]
    if not records:
        raise not_found()
    if sobject.name == _WRITABLE:
        fields = registry.kind(call.org, _WRITABLE)
        assert fields is not None, "every org has custom fields"
        stored = fields.read(call.org, records[0]["FullName"]) or {}
        records[0]["Metadata"] = {n: v for n, v in stored.items() if n != "fullName"}
    return Answer(200, records[0])


def _kind(call: Call, sobject: SObject) -> registry.Kind:
    """The kind of component behind an entity that may be written here."""
    if sobject.name != _WRITABLE:  # code and text as of objects that can not be written: guess
        raise SalesforceError(
            "INVALID_TYPE_FOR_OPERATION",
            f"entity type cannot be written with the Tooling API: {sobject.label}",
            (),
        )
    if not metadata_rights.may_modify_metadata(call.org, call.by):
        raise SalesforceError(
            "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", (),
            status=403,
        )  # fmt: skip
    found = registry.kind(call.org, _WRITABLE)
    assert found is not None, "every org has custom fields"
    return found


def _custom_fields(call: Call) -> dict[str, str]:
    """The ids of the custom fields by full name, in lower case."""
    return {name.lower(): id_ for id_, name in tooling_entities.custom_fields(call.org)}


def _component(call: Call, full_name: str | None) -> tuple[str, Value]:
    """FullName and Metadata of the body, checked by the schema of the Metadata API."""
    body = call.json()
    name, metadata = full_name or body.get("FullName"), body.get("Metadata")
    if not isinstance(name, str) or not name or not isinstance(metadata, dict):
        missing = "FullName" if not isinstance(name, str) or not name else "Metadata"
        raise SalesforceError(
            "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{missing}]", (missing,)
        )
    names: Any = {None: NAMESPACE}
    node = etree.Element(f"{{{NAMESPACE}}}metadata", nsmap=names)
    node.set(type_attribute, _WRITABLE)
    try:
        for key, value in ({"fullName": name} | metadata).items():
            _append(node, key, value)
        return name, wsdl().read_component(node).values
    except (InvalidXml, ValueError) as error:
        raise SalesforceError("JSON_PARSER_ERROR", str(error)) from None  # text: guess


def _append(parent: Any, name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, list):
        for one in value:
            _append(parent, name, one)
        return
    node = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if isinstance(value, dict):
        for key, inner in value.items():
            _append(node, key, inner)
    else:
        node.text = json.dumps(value) if isinstance(value, bool) else str(value)
