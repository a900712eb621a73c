"""Check documents against the JSON Schemas, with messages in the user's terms.

The schemas have annotations of our own for the messages: `x-expected` says in words what a value
must be, `x-refused` why a field cannot be managed, `x-noun` what the keys of a mapping are,
`x-help` how to fix any violation of that part, `x-unknown-help` how to fix an unknown key that
resembles no known one.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Protocol, cast

import jsonschema_rs

from provisioner.model.diagnostics import Diagnostic, Span, closest, did_you_mean, in_order
from provisioner.model.masking import Masked
from provisioner.spec.yaml_reader import Path, Yaml, is_secret

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

_TRUE = frozenset({"yes", "y", "on", "true", "1"})
_FALSE = frozenset({"no", "n", "off", "false", "0"})
_FEW = 12


Schema = dict[str, Any]
"""A JSON Schema, or a part of one."""


class Readable(Protocol):
    """What is checked: a document, or anything else whose values have places."""

    @property
    def file(self) -> str: ...

    @property
    def data(self) -> Yaml: ...

    def span(self, path: Path, *, key: bool = False) -> Span | None:
        """The place of the value at `path`, or of its key."""

    def written(self, path: Path) -> str:
        """The text that the value at `path` was read from."""

    def type_help(
        self, path: Path, value: Yaml, types: Collection[str], default: str | None
    ) -> str | None:
        """What to do about a value that has none of these types, instead of the default."""


class Validator:
    """One schema file, compiled.

    `jsonschema_rs` only says whether data is valid, and takes a microsecond where `jsonschema`
    takes a millisecond. Invalid data is checked again by `jsonschema`, whose errors have what a
    message needs.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._fast = jsonschema_rs.Draft202012Validator(
            schemas()[file], retriever=lambda uri: schemas()[uri.rpartition("/")[2]]
        )

    def is_valid(self, data: Yaml) -> bool:
        """Whether the schema accepts the data. `False` can also mean that `violations` must decide.

        The two libraries read `\\w`, `\\d` and `\\s` in a pattern differently outside of ASCII.
        """
        try:
            return self._fast.is_valid(data)
        except ValueError:  # it accepts the types of JSON only, and a `Masked` is a subtype
            return self._fast.is_valid(_unmasked(data))

    def violations(self, data: Yaml) -> tuple[Violation, ...]:
        """Every violation, found by `jsonschema`."""
        return tuple(map(_violation_of, _explaining(self._file).iter_errors(data)))


@dataclass(frozen=True, slots=True)
class Violation:
    """A value that violates a keyword of a schema; `rule` is what the keyword says.

    With `of_key`, the value is a key of the mapping at `path`. `alternatives` are the violations
    of each branch of `anyOf`.
    """

    keyword: str
    rule: Any
    schema: Schema
    path: Path
    value: Yaml
    of_key: bool
    alternatives: tuple[tuple[Violation, ...], ...]


def _violation_of(error: ValidationError) -> Violation:
    branches: dict[str | int, list[Violation]] = {}
    for sub in error.context:
        branches.setdefault(sub.relative_schema_path[0], []).append(_violation_of(sub))
    return Violation(
        str(error.validator),
        error.validator_value,
        cast("Schema", error.schema),
        tuple(error.absolute_path),
        cast("Yaml", error.instance),
        list(error.schema_path)[-2:-1] == ["propertyNames"],
        tuple(map(tuple, branches.values())),
    )


@functools.cache
def schemas() -> Mapping[str, Schema]:
    """The JSON Schemas by file name: those of the wheel, or of the checkout it runs from."""
    shipped = resources.files("provisioner") / "schemas"
    folder = shipped if shipped.is_dir() else FilePath(__file__).parents[2] / "schemas"
    return {
        entry.name: json.loads(entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".schema.json")
    }


@functools.cache
def validator(file: str) -> Validator:
    """The validator of a schema file, such as `spec.schema.json`."""
    return Validator(file)


@functools.cache
def _explaining(file: str) -> Draft202012Validator:
    # Imported here: most specs are valid, and it takes longer than everything else at the start.
    from jsonschema import Draft202012Validator
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    contents = ((name, DRAFT202012.create_resource(s)) for name, s in schemas().items())
    registry: Registry[bool | Mapping[str, Any]] = Registry().with_resources(contents)
    return Draft202012Validator(schemas()[file], registry=registry)


def _unmasked(value: Yaml) -> Yaml:
    match value:
        case str():
            return str(value)
        case dict():
            return {key: _unmasked(item) for key, item in value.items()}
        case list():
            return [_unmasked(item) for item in value]
        case _:
            return value


def check(document: Readable, validator: Validator) -> tuple[Diagnostic, ...]:
    """Every violation, in the order of the file. Empty when the document is valid."""
    if validator.is_valid(document.data):
        return ()
    violations = validator.violations(document.data)
    misspelled = frozenset(key for violation in violations for key in _misspelled(violation))
    return in_order(d for v in violations for d in _explain(document, v, misspelled))


_Misspelled = frozenset[tuple[Path, str]]


def _misspelled(violation: Violation) -> Iterator[tuple[Path, str]]:
    """The keys that unknown ones most likely stand for, each with the path of its mapping.

    The report of the unknown key suggests the other one, which is then not reported as missing.
    """
    for branch in violation.alternatives:
        for sub in branch:
            yield from _misspelled(sub)
    if violation.keyword == "additionalProperties":
        properties = list(violation.schema.get("properties", {}))
        unknown = [key for key in _mapping(violation.value) if key not in properties]
        meant = (
            properties if len(properties) == 1 else [closest(key, properties) for key in unknown]
        )
        yield from ((violation.path, name) for name in meant if unknown and name)


def _explain(
    document: Readable, violation: Violation, misspelled: _Misspelled
) -> Iterator[Diagnostic]:
    path, value, schema = violation.path, violation.value, violation.schema
    if violation.of_key:
        yield _wrong_key(document, violation)
        return
    match violation.keyword:
        case "additionalProperties":
            yield from _unknown(document, path, _mapping(value), schema)
        case "required":
            present = _mapping(value)
            names = (n for n in violation.rule if n not in present and (path, n) not in misspelled)
            yield from (_missing(document, path, name, schema) for name in names)
        case "anyOf":
            yield from _alternatives(document, violation, misspelled)
        case "not":
            what = f"{_name(path)} cannot be managed: {schema['x-refused']}"
            help_ = schema.get("x-help", "remove it")
            yield Diagnostic("refused-field", what, _key(document, path), help=help_)
        case "uniqueItems":
            yield from _repeated(document, path, value if isinstance(value, list) else ())
        case "type":
            yield _wrong_type(document, violation)
        case _:
            yield _wrong_value(document, violation)


def _mapping(value: Yaml) -> Mapping[str, Yaml]:
    assert isinstance(value, dict), "the keyword is about mappings"
    return value


# ---------------------------------------------------------------- keys


def _unknown(
    document: Readable, path: Path, instance: Mapping[str, Yaml], schema: Schema
) -> Iterator[Diagnostic]:
    properties = list(schema.get("properties", {}))
    patterns = list(schema.get("patternProperties", {}))
    noun = schema.get("x-noun", "a known field")
    some = f"known: {_listed(properties)}" if len(properties) <= _FEW else None
    for key in instance:
        if key in properties or any(re.search(pattern, key) for pattern in patterns):
            continue
        span = document.span((*path, key), key=True)
        if is_secret(path) and closest(key, properties) is None:
            # The key may be the secret itself.
            what = f"{_name(path)} has a key that is not {noun}"
            yield Diagnostic("unknown-field", what, document.span(path), help=some, secret=True)
            continue
        help_ = did_you_mean(key, properties, schema.get("x-unknown-help", some))
        yield Diagnostic("unknown-field", f"`{key}` is not {noun}", span, help=help_)


def _missing(document: Readable, path: Path, name: str, schema: Schema) -> Diagnostic:
    what = f"{_name(path)} has no `{name}`"
    help_ = schema.get("x-help", f"add `{name}`")
    missing = _diagnostic("missing-field", what, _key(document, path), schema, path, help_)
    # The same for all resources without the field.
    return replace(missing, cause=f"{path[:-1]} {name}")


def _wrong_key(document: Readable, violation: Violation) -> Diagnostic:
    key, schema = str(violation.value), violation.schema
    span = document.span((*violation.path, key), key=True)
    if violation.keyword == "enum":
        names = [str(name) for name in schema["enum"]]
        help_ = did_you_mean(key, names, f"known: {_listed(names)}")
        return Diagnostic("unknown-field", f"`{key}` is not {schema['x-noun']}", span, help=help_)
    what = f"`{key}` is not {schema['x-expected']}"
    return Diagnostic("wrong-key", what, span, help=schema.get("x-help"))


def _repeated(document: Readable, path: Path, items: Sequence[Yaml]) -> Iterator[Diagnostic]:
    for i, item in enumerate(items):
        if item in items[:i]:
            first = document.span((*path, items.index(item)))
            what = f"{_shown(item)} is listed twice in {_name(path)}"
            span = document.span((*path, i))
            yield Diagnostic("repeated-item", what, span, notes=(f"first listed at {first}",))


# ---------------------------------------------------------------- values


def _wrong_type(document: Readable, violation: Violation) -> Diagnostic:
    path, value, schema = violation.path, violation.value, violation.schema
    types = [violation.rule] if isinstance(violation.rule, str) else list(violation.rule)
    expected = schema.get("x-expected") or _or(_TYPES[t] for t in types if t != "null")
    fraction = isinstance(value, float) and "integer" in types
    shown = _quoted(path, value) if fraction else _kind(value)
    what = f"{_name(path)} must be {expected}, not {shown}"
    help_ = schema.get("x-help") or _type_help(document, path, value, types)
    help_ = document.type_help(path, value, types, help_)
    notes = _filled_in(document, path, value)
    return _diagnostic(
        "wrong-type", what, _place(document, path, value), schema, path, help_, notes
    )


def _type_help(document: Readable, path: Path, value: Yaml, types: Sequence[str]) -> str | None:
    if is_secret(path) or isinstance(value, Masked):
        return None
    if "boolean" in types and isinstance(value, str | int):
        word = str(value).lower()
        if word in _TRUE | _FALSE:
            return f"write `{'true' if word in _TRUE else 'false'}`, without quotes"
    if "string" in types and isinstance(value, bool | int | float):
        return f'write "{document.written(path)}", with quotes'
    number = isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d+)?", value)
    if {"number", "integer"} & set(types) and number:
        return f"write {value}, without quotes"
    if "array" in types and isinstance(value, str | int | float):
        return f"write [{document.written(path)}]"
    if value is None:
        return "give it a value, or remove it"
    if "object" in types and "string" not in types and isinstance(value, list):
        return "write each item under a key of its own, as `KEY: {...}`"
    if {"number", "integer"} & set(types) and isinstance(value, str):
        return "write a number, without quotes"
    return None


def _wrong_value(document: Readable, violation: Violation) -> Diagnostic:
    path, value, schema = violation.path, violation.value, violation.schema
    name, limit = _name(path), violation.rule
    help_ = None
    code = "wrong-value"
    match violation.keyword:
        case "maxLength":
            code = "too-long"
            what = f"{name} has {len(str(value))} characters, and Salesforce keeps at most {limit}"
            help_ = "shorten it"
        case "minLength":
            what = f"{name} must not be empty"
        case "enum":
            what = f"{name} must be {_or(map(_shown, limit))}, not {_quoted(path, value)}"
            near = None if _is_hidden(path, value) else closest(str(value), map(str, limit))
            help_ = f"did you mean `{near}`?" if near else None
        case "minProperties" | "maxProperties" if "maxProperties" in schema:
            names = _or(f"`{part}`" for part in schema["properties"])
            what = f"{name} must have exactly one of {names}"
        case _ if "x-expected" in schema:
            what = f"{name} must be {schema['x-expected']}, not {_quoted(path, value)}"
        case "minimum":
            what = f"{name} must be {limit} or more, not {_quoted(path, value)}"
        case "maximum":
            what = f"{name} must be {limit} or less, not {_quoted(path, value)}"
        case "minProperties" | "minItems":
            what = f"{name} must not be empty"
        case keyword:
            raise AssertionError(f"the schemas use `{keyword}`, for which there are no words")
    notes = _filled_in(document, path, value)
    return _diagnostic(code, what, _place(document, path, value), schema, path, help_, notes)


def _alternatives(
    document: Readable, violation: Violation, misspelled: _Misspelled
) -> Iterator[Diagnostic]:
    """What is wrong with the alternative that has the right type; if none has, one message."""
    path, value, schema = violation.path, violation.value, violation.schema
    fitting = [
        branch
        for branch in violation.alternatives
        if not any(v.keyword in ("type", "const") and v.path == path for v in branch)
    ]
    if len(fitting) == 1:
        for sub in fitting[0]:
            yield from _explain(document, sub, misspelled)
        return
    # The value may be a secret, so only its kind is shown.
    what = f"{_name(path)} must be {schema['x-expected']}, not {_kind(value)}"
    yield _diagnostic("wrong-value", what, _place(document, path, value), schema, path)


def _diagnostic(
    code: str,
    message: str,
    span: Span | None,
    schema: Schema,
    path: Path,
    help_: str | None = None,
    notes: tuple[str, ...] = (),
) -> Diagnostic:
    secret = schema.get("x-secret", False) or is_secret(path)
    help_ = help_ or schema.get("x-help")
    return Diagnostic(code, message, span, help=help_, notes=notes, secret=secret)


# ---------------------------------------------------------------- words and places

_TYPES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def _kind(value: Yaml) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _shown(value: Yaml) -> str:
    match value:
        case str():
            return f"`{value if len(value) <= 60 else value[:57] + '...'}`"
        case int() | float() if not isinstance(value, bool):
            return f"`{value}`"
        case _:
            return _kind(value)


def _quoted(path: Path, value: Yaml) -> str:
    """A value as a message quotes it; of a secret, only its kind."""
    if is_secret(path):
        return _kind(value)
    return "a masked value" if isinstance(value, Masked) else _shown(value)


def _is_hidden(path: Path, value: Yaml) -> bool:
    return is_secret(path) or isinstance(value, Masked)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _or(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _name(path: Path) -> str:
    match path:
        case ():
            return "the file"
        case (*above, int() as index):
            return f"item {index + 1} of {_name(tuple(above))}"
    return f"`{path[-1]}`"


def _key(document: Readable, path: Path) -> Span | None:
    """The place of the key of `path`; for a whole file, its first line."""
    if not path:
        return Span(document.file, 1, 1, 1, 1)
    return document.span(path, key=True)


def _place(document: Readable, path: Path, value: Yaml) -> Span | None:
    """The place of the value, or of its key if the value has many lines or none."""
    span = document.span(path)
    if not path or (span and isinstance(value, dict | list) and span.end_line > span.line):
        return _key(document, path)
    if span and (span.line, span.column) == (span.end_line, span.end_column):
        return _key(document, path)
    return span


def _filled_in(document: Readable, path: Path, value: Yaml) -> tuple[str, ...]:
    if "{{" in document.written(path) and not isinstance(value, dict | list):
        return (f"the template gives {_quoted(path, value)}",)
    return ()
