"""What a JSON Schema asks of one value, as a fast yes or no.

A roster has a value for every row and template: walking the schema for each would take
minutes. A rule says no to all that the schema refuses; where it can not tell it says no too,
and the schema itself has the last word, and the words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from provisioner.spec.yaml_reader import Path

Rule = Callable[[Any], bool]
Schemas = Mapping[str, Mapping[str, Any]]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
# What says nothing of a text, a number, a boolean or null.
_OF_OTHERS = frozenset(
    {"properties", "patternProperties", "additionalProperties", "propertyNames", "required"}
    | {"items", "uniqueItems", "minProperties", "maxProperties", "title", "description"}
)
_KNOWN = _OF_OTHERS | {
    "type",
    "enum",
    "const",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
}


def rule(schemas: Schemas, file: str, path: Path) -> Rule:
    """The rule for what stands at `path` of a value that the schema file `file` is for.

    The value is a text, a number, a boolean or null.
    """
    parts = [(file, schemas[file])]
    for step in path:
        parts = [inner for part in parts for inner in _inside(schemas, part, step)]
        if not parts:
            return _no
    whole = [part for found in parts for part in _resolved(schemas, found)]
    rules = [_simple(part) for _, part in whole]
    return _all(rules)


def _no(_: Any) -> bool:
    return False


def _inside(
    schemas: Schemas, part: tuple[str, Mapping[str, Any]], step: str | int
) -> list[tuple[str, Mapping[str, Any]]]:
    """The schemas of one property, or of an item."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for file, schema in _resolved(schemas, part):
        if isinstance(step, int):
            found += [(file, schema["items"])] if "items" in schema else []
            continue
        named = [schema["properties"][step]] if step in schema.get("properties", ()) else []
        named += [s for p, s in schema.get("patternProperties", {}).items() if re.search(p, step)]
        if not named and isinstance(schema.get("additionalProperties"), Mapping):
            named = [schema["additionalProperties"]]
        found += [(file, one) for one in named]
    return found


def _resolved(
    schemas: Schemas, part: tuple[str, Mapping[str, Any]]
) -> list[tuple[str, Mapping[str, Any]]]:
    """The schema, and what it refers to."""
    file, schema = part
    if "$ref" not in schema:
        return [part]
    to, _, pointer = schema["$ref"].partition("#")
    to = to or file
    target: Any = schemas[to]
    for name in filter(None, pointer.split("/")):
        target = target[name]
    own = {name: value for name, value in schema.items() if name != "$ref"}
    return [(file, own), *_resolved(schemas, (to, target))]


def _simple(schema: Mapping[str, Any]) -> Rule:
    """The rule of one schema that refers to nothing."""
    words = {name: value for name, value in schema.items() if not name.startswith(("x-", "$"))}
    if words.keys() - _KNOWN:
        return _no
    checks: list[Rule] = []
    if "type" in words:
        named = words["type"]
        names = [named] if isinstance(named, str) else named
        types = {t for name in names for t in _TYPES.get(name, ())}
        checks.append(lambda value: type(value) in types)
    if "enum" in words or "const" in words:
        listed = words["enum"] if "enum" in words else [words["const"]]
        allowed = {(type(value), value) for value in listed}
        checks.append(lambda value: (type(value), value) in allowed)
    least, most = words.get("minLength", 0), words.get("maxLength")
    if least or most is not None:
        most = float("inf") if most is None else most
        checks.append(lambda value: type(value) is not str or least <= len(value) <= most)
    if "pattern" in words:
        search = re.compile(words["pattern"]).search
        checks.append(lambda value: type(value) is not str or search(value) is not None)
    low, high = words.get("minimum"), words.get("maximum")
    if low is not None:
        checks.append(lambda value: type(value) not in (int, float) or value >= low)
    if high is not None:
        checks.append(lambda value: type(value) not in (int, float) or value <= high)
    return _all(checks)


def _all(checks: Sequence[Rule]) -> Rule:
    """Whether all of the rules say yes; a loop over few of them would take longer."""
    match checks:
        case [only]:
            return only
        case [first, second]:
            return lambda value: first(value) and second(value)
        case [first, second, third]:
            return lambda value: first(value) and second(value) and third(value)
        case _:
            return lambda value: all(check(value) for check in checks)
