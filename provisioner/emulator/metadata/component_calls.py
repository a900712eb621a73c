"""The Metadata API's calls on single components: create, read, update, rename, list, describe.

`endpoint` knows the protocol, and `registry` what each type means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.http.soap_metadata import Fault
from provisioner.emulator.metadata.types import registry
from provisioner.emulator.schema.wsdl import (
    NAMESPACE,
    Component,
    InvalidXml,
    Value,
    type_attribute,
    wsdl,
)
from provisioner.emulator.store.database import Rollback

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.emulator.store.components import Listed
    from provisioner.emulator.store.org import Org

_COMPONENTS_PER_CALL: Final = 10  # fact 515
_MORE_PER_CALL: Final = dict.fromkeys(("CustomApplication", "CustomMetadata"), 200)  # as above
_LISTS_PER_CALL: Final = 3  # fact 515


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who asks, in which version, and with which headers."""

    org: Org
    by: str
    version: float
    all_or_none: bool


def create(call: Call, body: Any, _: Value) -> Value:
    """createMetadata: makes components of one type."""

    def write(kind: registry.Kind, values: Value) -> Value:
        return _written(call, kind, values, kind.create)

    return {"result": _saved(call, _parts(call, body), write)}


def update(call: Call, body: Any, _: Value) -> Value:
    """updateMetadata: replaces components of one type."""

    def write(kind: registry.Kind, values: Value) -> Value:
        return _written(call, kind, values, kind.update)

    return {"result": _saved(call, _parts(call, body), write)}


def upsert(call: Call, body: Any, _: Value) -> Value:
    """upsertMetadata: makes those that are new, and replaces the others."""

    def write(kind: registry.Kind, values: Value) -> Value:
        # fact 518: matched by fullName [V]
        created = kind.read(call.org, values["fullName"]) is None
        _written(call, kind, values, kind.create if created else kind.update)
        return {"created": created}

    results = _saved(call, _parts(call, body), write)
    return {"result": [{"created": False} | result for result in results]}


def _written(
    call: Call, kind: registry.Kind, values: Value, write: Callable[[Org, Value, str], None]
) -> Value:
    """Writes one component that has all it needs, and gives nothing to add to its result."""
    _check_required(kind, values)
    write(call.org, values, call.by)
    registry.settle(call.org, kind, values["fullName"])
    return {}


def delete(call: Call, _: Any, values: Value) -> Value:
    """deleteMetadata: removes components by name."""

    def write(kind: registry.Kind, named: Value) -> Value:
        kind.delete(call.org, named["fullName"], call.by)
        return {}

    names = values.get("fullNames", [])
    _check_count(names, values["type"])
    kind = _kind(call, values["type"])
    parts = [(kind, Component(values["type"], {"fullName": name})) for name in names]
    return {"result": _saved(call, parts, write)}


def rename(call: Call, _: Any, values: Value) -> Value:
    """renameMetadata: gives a component another name."""

    def write(kind: registry.Kind, named: Value) -> Value:
        kind.rename(call.org, named["fullName"], values["newFullName"], call.by)
        return {}

    kind = _kind(call, values["type"])
    parts = [(kind, Component(values["type"], {"fullName": values["oldFullName"]}))]
    (result,) = _saved(call, parts, write)
    return {"result": result}


def read(call: Call, _: Any, values: Value) -> Value:
    """readMetadata: components by name, None for those that are not there."""
    names = values.get("fullNames", [])
    _check_count(names, values["type"])
    kind = _kind(call, values["type"])
    found = [kind.read(call.org, name) for name in names]
    records = [None if one is None else Component(values["type"], one) for one in found]
    return {"result": {"records": records}}


def list_all(call: Call, _: Any, values: Value) -> Value:
    """listMetadata: what there is of up to three types."""
    queries = values.get("queries", [])
    if len(queries) > _LISTS_PER_CALL:
        raise Fault(
            "sf:EXCEEDED_ID_LIMIT",
            "EXCEEDED_ID_LIMIT: record limit reached. cannot submit more than"
            f" {_LISTS_PER_CALL} records in this operation",  # as of other calls below [I]
        )
    listed: list[Value] = []
    for query in queries:
        folder = registry.folder(call.org, query["type"])
        if folder is None:
            raise _unusable(query["type"])
        listed += [_file_properties(call.org, folder, one) for one in folder.list(call.org)]
    return {"result": listed}


def describe(call: Call, _: Any, __: Value) -> Value:
    """describeMetadata: the types that this org has."""
    children = {name for names in registry.CHILDREN.values() for name in names}
    described: list[Value] = [
        {
            "childXmlNames": list(registry.CHILDREN.get(folder.name, ())),
            "directoryName": folder.directory,
            "inFolder": False,
            "metaFile": folder.name in registry.META_FILES,
            "suffix": folder.suffix,
            "xmlName": folder.name,
        }
        for folder in registry.folders(call.org)
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


def _parts(call: Call, body: Any) -> list[tuple[registry.Kind, Component]]:
    """The components of a create, update or upsert, each with its kind."""
    nodes = list(body.iterchildren(etree.Element))
    for node in nodes:
        if node.tag != f"{{{NAMESPACE}}}metadata":
            name = etree.QName(body).localname
            raise InvalidXml(f"Element {node.tag} invalid at this location in type {name}")
    _check_count(nodes, _type_of(nodes))
    read = [wsdl().read_component(node) for node in nodes]
    if len({component.type for component in read}) > 1:
        # fact 515: one type per call [V], text guess
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
    call: Call,
    parts: list[tuple[registry.Kind, Component]],
    save: Callable[[registry.Kind, Value], Value],
) -> list[Value]:
    """Saves each part and gives its result; with all-or-none, one failure takes back the rest."""
    results: list[Value] = []
    try:
        with call.org.transaction():
            for kind, component in parts:
                results.append(_save_one(call, kind, component, save))
            if call.all_or_none and not all(result["success"] for result in results):
                raise Rollback
    except Rollback:
        results = [result if not result["success"] else _rolled_back(result) for result in results]
    return results


def _check_required(kind: registry.Kind, values: Value) -> None:
    for name in wsdl().missing(values, kind.name):
        # the wording of certinia/apex-mdapi issue 41 [V]
        raise SalesforceError(
            "REQUIRED_FIELD_MISSING", f"Required field is missing: {name}", (name,)
        )


def _save_one(
    call: Call,
    kind: registry.Kind,
    component: Component,
    save: Callable[[registry.Kind, Value], Value],
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


def _rolled_back(result: Value) -> Value:
    # fact 737: the code; text: recorded of collections, amp-labs/connectors [V]
    problem = {
        "message": "Record rolled back because not all records were valid and the request was"
        " using AllOrNone header",
        "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    }
    return {"errors": [problem], "fullName": result["fullName"], "success": False}


def _check_count(items: list[Any], type_name: str) -> None:
    most = _MORE_PER_CALL.get(type_name, _COMPONENTS_PER_CALL)
    if len(items) > most:
        # certinia/apex-mdapi issue 105 [V]
        raise Fault(
            "sf:EXCEEDED_ID_LIMIT",
            "EXCEEDED_ID_LIMIT: record limit reached. cannot submit more than"
            f" {most} records in this operation",
        )


def _kind(call: Call, type_name: str) -> registry.Kind:
    kind = registry.kind(call.org, type_name)
    if kind is not None and not registry.knows(call.version, type_name):
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


def _file_properties(org: Org, folder: registry.Folder, listed: Listed) -> Value:
    stamp = listed.stamp
    return {
        "createdById": stamp.created_by,
        "createdByName": registry.user_name(org, stamp.created_by),
        "createdDate": stamp.created_date,
        "fileName": registry.file_name(folder, listed.full_name),
        "fullName": listed.full_name,
        "id": listed.id,
        "lastModifiedById": stamp.modified_by,
        "lastModifiedByName": registry.user_name(org, stamp.modified_by),
        "lastModifiedDate": stamp.modified_date,
        "manageableState": "unmanaged",
        "type": folder.name,
    }
