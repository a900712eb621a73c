"""Check documents against the JSON Schemas, reporting in the user's own terms.

The schemas carry what a message needs in annotations of ours: `x-expected` says in words
what a value must be, `x-refused` why a field can not be managed, `x-noun` what the keys of
a mapping are, `x-help` what to do about any violation of that part, `x-unknown-help` about
a key that resembles no known one.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Protocol

import jsonschema_rs

from provisioner.model.diagnostics import Diagnostic, Span, closest, did_you_mean, in_order
from provisioner.model.masking import Masked
from provisioner.spec.yaml_reader import Path, is_secret

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

_TRUE = frozenset({"yes", "y", "on", "true", "1"})
_FALSE = frozenset({"no", "n", "off", "false", "0"})
_FEW = 12


class Readable(Protocol):
    """What is checked: a document, or anything else whose values have places."""

    @property
    def file(self) -> str: ...

    @property
    def data(self) -> Any: ...

    def span(self, path: Path, *, key: bool = False) -> Span | None:
        """Where the value at `path` stands, or its key."""

    def written(self, path: Path) -> str:
        """The text that the value at `path` was read from."""

    def type_help(
        self, path: Path, value: Any, types: Collection[str], default: str | None
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

    def is_valid(self, data: Any) -> bool:
        """Whether the schema accepts the data. `False` can also mean that `errors` must decide.

        The two libraries read `\\w` and `\\s` in a pattern differently outside of ASCII.
        """
        try:
            return self._fast.is_valid(data)
        except ValueError:  # it accepts the types of JSON only, and a `Masked` is a subtype
            return self._fast.is_valid(_unmasked(data))

    def errors(self, data: Any) -> Iterator[ValidationError]:
        """Every violation, as `jsonschema` reports it."""
        return _explaining(self._file).iter_errors(data)


@functools.cache
def schemas() -> Mapping[str, dict[str, Any]]:
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
    registry: Registry[Any] = Registry().with_resources(contents)
    return Draft202012Validator(schemas()[file], registry=registry)


def _unmasked(value: Any) -> Any:
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
    errors = tuple(validator.errors(document.data))
    misspelled = frozenset(found for error in errors for found in _misspelled(error))
    return in_order(d for error in errors for d in _explain(document, error, misspelled))


_Misspelled = frozenset[tuple[Path, str]]


def _misspelled(error: ValidationError) -> Iterator[tuple[Path, str]]:
    """The keys that are meant by unknown ones, each with the path of its mapping.

    The unknown key is reported and names the one that is meant, which is then not missing too.
    """
    for sub in error.context or ():
        yield from _misspelled(sub)
    if error.validator == "additionalProperties":
        schema: Any = error.schema
        instance: Any = error.instance
        known = list(schema.get("properties", {}))
        unknown = [key for key in instance if key not in known]
        meant = known if len(known) == 1 else [closest(key, known) for key in unknown]
        yield from ((tuple(error.absolute_path), name) for name in meant if unknown and name)


def _explain(
    document: Readable, error: ValidationError, misspelled: _Misspelled = frozenset()
) -> Iterator[Diagnostic]:
    path = tuple(error.absolute_path)
    instance: Any = error.instance
    rule: Any = error.validator_value
    schema: Any = error.schema
    if list(error.schema_path)[-2:-1] == ["propertyNames"]:
        yield _key_refused(document, path, error)
        return
    match error.validator:
        case "additionalProperties":
            yield from _unknown(document, path, instance, schema)
        case "required":
            names = (n for n in rule if n not in instance and (path, n) not in misspelled)
            yield from (_missing(document, path, name, schema) for name in names)
        case "anyOf":
            yield from _alternatives(document, path, error, schema, misspelled)
        case "not":
            what = f"{_name(path)} can not be managed: {schema['x-refused']}"
            help_ = schema.get("x-help", "remove it")
            yield Diagnostic("refused-field", what, _key(document, path), help=help_)
        case "uniqueItems":
            yield from _repeated(document, path, instance)
        case "type":
            yield _wrong_type(document, path, error, schema)
        case _:
            yield _wrong_value(document, path, error, schema)


# ---------------------------------------------------------------- keys


def _unknown(
    document: Readable, path: Path, instance: Mapping[str, Any], schema: Mapping[str, Any]
) -> Iterator[Diagnostic]:
    known = list(schema.get("properties", {}))
    patterns = list(schema.get("patternProperties", {}))
    noun = schema.get("x-noun", "a known field")
    some = f"known: {_listed(known)}" if len(known) <= _FEW else None
    for key in instance:
        if key in known or any(re.search(pattern, key) for pattern in patterns):
            continue
        span = document.span((*path, key), key=True)
        if is_secret(path) and closest(key, known) is None:
            # Whatever it is, it stands where a secret was expected.
            what = f"{_name(path)} has a key that is not {noun}"
            yield Diagnostic("unknown-field", what, document.span(path), help=some, secret=True)
            continue
        help_ = did_you_mean(key, known, schema.get("x-unknown-help", some))
        yield Diagnostic("unknown-field", f"`{key}` is not {noun}", span, help=help_)


def _missing(document: Readable, path: Path, name: str, schema: Mapping[str, Any]) -> Diagnostic:
    what = f"{_name(path)} has no `{name}`"
    help_ = schema.get("x-help", f"add `{name}`")
    missing = _violation("missing-field", what, _key(document, path), schema, path, help_)
    # However the resources are called that lack the field.
    return replace(missing, cause=f"{path[:-1]} {name}")


def _key_refused(document: Readable, path: Path, error: ValidationError) -> Diagnostic:
    # jsonschema points at the mapping; the key is the instance of the error.
    key = str(error.instance)
    schema: Any = error.schema
    span = document.span((*path, key), key=True)
    if error.validator == "enum":
        names = [str(name) for name in schema["enum"]]
        help_ = did_you_mean(key, names, f"known: {_listed(names)}")
        return Diagnostic("unknown-field", f"`{key}` is not {schema['x-noun']}", span, help=help_)
    what = f"`{key}` is not {schema['x-expected']}"
    return Diagnostic("wrong-key", what, span, help=schema.get("x-help"))


def _repeated(document: Readable, path: Path, items: Sequence[Any]) -> Iterator[Diagnostic]:
    for i, item in enumerate(items):
        if item in items[:i]:
            first = document.span((*path, items.index(item)))
            what = f"{_shown(item)} is listed twice in {_name(path)}"
            span = document.span((*path, i))
            yield Diagnostic("repeated-item", what, span, notes=(f"first listed at {first}",))


# ---------------------------------------------------------------- values


def _wrong_type(
    document: Readable, path: Path, error: ValidationError, schema: Mapping[str, Any]
) -> Diagnostic:
    allowed: Any = error.validator_value
    types = [allowed] if isinstance(allowed, str) else list(allowed)
    expected = schema.get("x-expected") or _or(_TYPES[t] for t in types if t != "null")
    fraction = isinstance(error.instance, float) and "integer" in types
    given = _given(path, error.instance) if fraction else _kind(error.instance)
    what = f"{_name(path)} must be {expected}, not {given}"
    help_ = schema.get("x-help") or _type_help(document, path, error.instance, types)
    help_ = document.type_help(path, error.instance, types, help_)
    notes = _filled_in(document, path, error.instance)
    place = _place(document, path, error.instance)
    return _violation("wrong-type", what, place, schema, path, help_, notes)


def _type_help(document: Readable, path: Path, value: Any, types: Sequence[str]) -> str | None:
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
        return "give it a value, or leave it out"
    if "object" in types and "string" not in types and isinstance(value, list):
        return "write each item under a key of its own, as `KEY: {...}`"
    if {"number", "integer"} & set(types) and isinstance(value, str):
        return "write a number, without quotes"
    return None


def _wrong_value(
    document: Readable, path: Path, error: ValidationError, schema: Mapping[str, Any]
) -> Diagnostic:
    name = _name(path)
    value: Any = error.instance
    limit: Any = error.validator_value
    help_ = None
    code = "wrong-value"
    match error.validator:
        case "maxLength":
            code = "too-long"
            what = f"{name} has {len(value)} characters, and Salesforce keeps at most {limit}"
            help_ = "shorten it"
        case "minLength":
            what = f"{name} must not be empty"
        case "enum":
            what = f"{name} must be {_or(map(_shown, limit))}, not {_given(path, value)}"
            near = None if _is_hidden(path, value) else closest(str(value), map(str, limit))
            help_ = f"did you mean `{near}`?" if near else None
        case "minProperties" | "maxProperties" if "maxProperties" in schema:
            names = _or(f"`{part}`" for part in schema["properties"])
            what = f"{name} must have exactly one of {names}"
        case _ if "x-expected" in schema:
            what = f"{name} must be {schema['x-expected']}, not {_given(path, value)}"
        case "minimum":
            what = f"{name} must be {limit} or more, not {_given(path, value)}"
        case "maximum":
            what = f"{name} must be {limit} or less, not {_given(path, value)}"
        case "minProperties" | "minItems":
            what = f"{name} must not be empty"
        case keyword:
            raise AssertionError(f"the schemas use `{keyword}`, for which there are no words")
    notes = _filled_in(document, path, value)
    return _violation(code, what, _place(document, path, value), schema, path, help_, notes)


def _alternatives(
    document: Readable,
    path: Path,
    error: ValidationError,
    schema: Mapping[str, Any],
    misspelled: _Misspelled,
) -> Iterator[Diagnostic]:
    """What is wrong with the only alternative that has the right type; else one message."""
    branches: dict[Any, list[ValidationError]] = {}
    for sub in error.context:
        branches.setdefault(sub.relative_schema_path[0], []).append(sub)
    fitting = [
        subs
        for subs in branches.values()
        if not any(s.validator in ("type", "const") and not s.relative_path for s in subs)
    ]
    if len(fitting) == 1:
        for sub in fitting[0]:
            yield from _explain(document, sub, misspelled)
        return
    # What stands here may be a secret: its kind is all that is said of it.
    what = f"{_name(path)} must be {schema['x-expected']}, not {_kind(error.instance)}"
    yield _violation("wrong-value", what, _place(document, path, error.instance), schema, path)


def _violation(
    code: str,
    message: str,
    span: Span | None,
    schema: Mapping[str, Any],
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


def _kind(value: Any) -> str:
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


def _shown(value: Any) -> str:
    match value:
        case str():
            return f"`{value if len(value) <= 60 else value[:57] + '...'}`"
        case int() | float() if not isinstance(value, bool):
            return f"`{value}`"
        case _:
            return _kind(value)


def _given(path: Path, value: Any) -> str:
    """A value as a message quotes it; of one that is not to be shown, its kind."""
    if is_secret(path):
        return _kind(value)
    return "a masked value" if isinstance(value, Masked) else _shown(value)


def _is_hidden(path: Path, value: Any) -> bool:
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
    """Where the key of `path` stands; of a whole file, its first line."""
    if not path:
        return Span(document.file, 1, 1, 1, 1)
    return document.span(path, key=True)


def _place(document: Readable, path: Path, value: Any) -> Span | None:
    """The value; the key instead, where the value spans lines or is not written at all."""
    span = document.span(path)
    if not path or (span and isinstance(value, dict | list) and span.end_line > span.line):
        return _key(document, path)
    if span and (span.line, span.column) == (span.end_line, span.end_column):
        return _key(document, path)
    return span


def _filled_in(document: Readable, path: Path, value: Any) -> tuple[str, ...]:
    if "{{" in document.written(path) and not isinstance(value, dict | list):
        return (f"the template gives {_given(path, value)}",)
    return ()
