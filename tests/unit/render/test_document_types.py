"""The published JSON Schemas and the types of the documents describe the same format."""

import copy
import json
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

import pytest

from provisioner.plan.plan_file import SavedPlanDocument
from provisioner.render.run_document import RunDocument
from provisioner.render.validation import ValidationDocument

FOLDER = Path(__file__).parents[3] / "schemas"
SCHEMAS = {p.name: json.loads(p.read_text("utf-8")) for p in FOLDER.glob("*.schema.json")}
DOCUMENTS = {
    "plan.schema.json": SavedPlanDocument,
    "run.schema.json": RunDocument,
    "validation.schema.json": ValidationDocument,
}
SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number", NoneType: "null"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_schema_and_type_agree(name):
    assert list(differences(DOCUMENTS[name], SCHEMAS[name], SCHEMAS[name], "")) == []


@pytest.mark.parametrize(
    ("path", "change", "expected"),
    [
        (("properties",), lambda p: p.pop("org"), ".org: only the type has it"),
        (("properties",), lambda p: p.update(more={}), ".more: only the schema has it"),
        (("required",), lambda r: r.remove("org"), ".org: required only by the type"),
        (("required",), lambda r: r.append("refusals"), ".refusals: required only by the schema"),
        (
            ("properties", "spec"),
            lambda p: p.update(type="integer"),
            ".spec: the type is string, the schema has integer",
        ),
        (
            ("$defs", "step", "properties", "id"),
            lambda p: p.update(type="string"),
            ".steps[].id: the type is null, string, the schema has string",
        ),
        (
            ("$defs", "step", "properties", "action", "enum"),
            lambda e: e.remove("delete"),
            (
                ".steps[].action: the type is create, deactivate, delete, update, "
                "the schema has create, deactivate, update"
            ),
        ),
        (
            ("$defs", "step", "properties", "fields", "items", "properties"),
            lambda p: p.pop("after"),
            ".steps[].fields[].after: only the type has it",
        ),
    ],
)
def test_a_difference_is_found(path, change, expected):
    schema = copy.deepcopy(SCHEMAS["plan.schema.json"])
    at = schema
    for part in path:
        at = at[part]
    change(at)
    assert expected in list(differences(SavedPlanDocument, schema, schema, ""))


def differences(type_, schema, root, path):
    """How a type and a schema differ, each with the path of the value."""
    schema, root = resolved(schema, root)
    options, nullable = alternatives(type_)
    if any(get_origin(option) is Sequence for option in options):  # only `Json` has one
        yield from compared(set(), schema.keys() & {"type", "enum", "const"}, path)
        return
    if len(options) == 1 and (fields := fields_of(options[0])) is not None:
        names = {"object"} | ({"null"} if nullable else set())
        yield from compared(names, types_of(schema), path)
        yield from fields_differ(fields, schema, root, path)
    elif len(options) == 1 and get_origin(options[0]) is list:
        yield from compared({"array"}, types_of(schema), path)
        yield from differences(get_args(options[0])[0], schema["items"], root, f"{path}[]")
    else:
        allowed = set(schema.get("enum", [schema["const"]] if "const" in schema else []))
        values = {str(value) for option in options for value in values_of(option)}
        if allowed and values:
            yield from compared(values, allowed, path)
        elif "const" in schema:
            yield from compared(
                {SCALARS[o] for o in options}, {SCALARS[type(schema["const"])]}, path
            )
        else:
            names = {SCALARS[plain(option)] for option in options} | (
                {"null"} if nullable else set()
            )
            yield from compared(names, types_of(schema), path)


def fields_differ(fields, schema, root, path):
    properties, required = schema.get("properties", {}), set(schema.get("required", ()))
    for name in sorted(fields.keys() | properties.keys()):
        here = f"{path}.{name}"
        if name not in properties or name not in fields:
            yield f"{here}: only the {'type' if name in fields else 'schema'} has it"
            continue
        type_, optional = fields[name]
        if optional == (name in required):
            yield f"{here}: required only by the {'schema' if optional else 'type'}"
        yield from differences(type_, properties[name], root, here)


def compared(of_type, of_schema, path):
    if of_type != of_schema:
        told = (", ".join(sorted(map(str, names))) for names in (of_type, of_schema))
        yield f"{path}: the type is {next(told)}, the schema has {next(told)}"


def resolved(schema, root):
    """The schema with its references and `allOf` merged, and the document that it is in."""
    merged = {k: v for k, v in schema.items() if k not in ("$ref", "allOf")}
    parts = [(part, root) for part in schema.get("allOf", ())]
    if "$ref" in schema:
        name, _, pointer = schema["$ref"].partition("#")
        root = SCHEMAS[name] if name else root
        target = root
        for step in filter(None, pointer.split("/")):
            target = target[step]
        parts.append((target, root))
    for part, of in parts:
        whole, root = resolved(part, of)
        for key, value in whole.items():
            if key == "properties":
                merged[key] = {**value, **merged.get(key, {})}
            elif key == "required":
                merged[key] = [*value, *merged.get(key, ())]
            else:
                merged.setdefault(key, value)
    return merged, root


def alternatives(type_):
    """The members of a union without `None`, and whether `None` is one of them."""
    union = get_origin(type_) in (Union, UnionType)
    members = get_args(type_) if union else (type_,)
    return [m for m in members if m is not NoneType], NoneType in members


def fields_of(type_):
    """The keys of a TypedDict: the type of each, and whether it may be missing."""
    if not hasattr(type_, "__required_keys__"):
        return None
    hints = get_type_hints(type_, include_extras=True)
    return {
        name: (get_args(hint)[0], True) if get_origin(hint) is NotRequired else (hint, False)
        for name, hint in hints.items()
    }


def values_of(type_):
    if get_origin(type_) is Literal:
        return get_args(type_)
    if get_origin(type_) is Annotated and issubclass(enum := get_args(type_)[1], Enum):
        return [member.value for member in enum]
    return ()


def plain(type_):
    return get_args(type_)[0] if get_origin(type_) is Annotated else type_


def types_of(schema):
    types = schema.get("type", [])
    return {types} if isinstance(types, str) else set(types)
