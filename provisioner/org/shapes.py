"""Check the form of a response: each function returns a value of the type it names, or raises.

They raise UnexpectedError, which `error_mapping.understood` turns into a NoAnswer. It does the same
with every other error of code that reads a response: what cannot be read is not what Salesforce
documents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn, cast

from provisioner.model.json_value import Json
from provisioner.model.operations import ObjectDescribe
from provisioner.model.resource import Scalar

JsonObject = Mapping[str, Json]

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


class UnexpectedError(ValueError):
    """A response does not have the form that Salesforce documents; the message says where."""


def parse_json(content: bytes) -> Json:
    """The JSON value of a body. Raises ValueError, or RecursionError if it nests too deep.

    The `attributes` of records, their type and address, are left out: nothing reads them, and they
    take much of the memory of a large page.
    """
    return cast("Json", _DECODER.decode(content.decode("utf-8")))


def mapping(value: Json, what: str = "the answer") -> JsonObject:
    if not isinstance(value, dict):
        raise UnexpectedError(f"{what} is not a JSON object")
    return value


def mappings(value: Json, what: str, *, count: int | None = None) -> Sequence[JsonObject]:
    """A list of JSON objects; exactly `count` of them, if given."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise UnexpectedError(f"{what} is not a list of JSON objects")
    if count is not None and len(value) != count:
        raise UnexpectedError(f"{what} has {len(value)} rows for {count}")
    return value


def text(value: Json, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise UnexpectedError(f"{what} is not a text")
    return value


def flag(value: Json, what: str) -> bool:
    if not isinstance(value, bool):
        raise UnexpectedError(f"{what} is not true or false")
    return value


def scalar(value: Json, what: str) -> Scalar:
    """A value that is not a list or an object."""
    if value is not None and not isinstance(value, (str, int, float)):
        raise UnexpectedError(f"{what} is not a plain value")
    return value


def count(value: Json, what: str) -> int:
    """A number of things: not negative."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UnexpectedError(f"{what} is not a number")
    return value


def record_id(value: Json, what: str = "the Id") -> str:
    """An Id with 15 or 18 characters."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise UnexpectedError(f"{what} is not an Id")
    return value


def describe(value: Json) -> ObjectDescribe:
    """A describe whose fields have a name and a type."""
    described = mapping(value)
    for field in mappings(described.get("fields"), "`fields`"):
        text(field.get("name"), "the name of a field")
        text(field.get("type"), "the type of a field")
    return cast("ObjectDescribe", described)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _without_attributes(value: dict[str, Json]) -> dict[str, Json]:
    value.pop("attributes", None)
    return value


# NaN and Infinity are not JSON, and break whatever computes with them.
_DECODER = json.JSONDecoder(parse_constant=_no_number, object_hook=_without_attributes)
