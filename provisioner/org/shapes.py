"""Read the parts of an answer: each function returns a value of the type it names, or raises.

They raise UnexpectedError, which `failures.understood` turns into a NoAnswer. So does every other
error of a program that reads an answer: what it cannot read is not what Salesforce documents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


class UnexpectedError(ValueError):
    """An answer does not have the form that Salesforce documents; the message says where."""


def parse_json(content: bytes) -> Any:
    """The JSON value of a body. Raises ValueError, or RecursionError if it nests too deep.

    The `attributes` of records, their type and address, are left out: nothing reads them, and they
    take much of the memory of a large page.
    """
    return _DECODER.decode(content.decode("utf-8"))


def mapping(value: Any, what: str = "the answer") -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UnexpectedError(f"{what} is not a JSON object")
    return value


def mappings(value: Any, what: str, *, count: int | None = None) -> Sequence[Mapping[str, Any]]:
    """A list of JSON objects; exactly `count` of them, if given."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise UnexpectedError(f"{what} is not a list of JSON objects")
    if count is not None and len(value) != count:
        raise UnexpectedError(f"{what} has {len(value)} rows for {count}")
    return value


def text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise UnexpectedError(f"{what} is not a text")
    return value


def flag(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise UnexpectedError(f"{what} is not true or false")
    return value


def plain(value: Any, what: str) -> str | int | float | bool | None:
    """A value that is not a list or an object."""
    if value is not None and not isinstance(value, (str, int, float)):
        raise UnexpectedError(f"{what} is not a plain value")
    return value


def whole(value: Any, what: str) -> int:
    """A number of things: not negative."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UnexpectedError(f"{what} is not a number")
    return value


def record_id(value: Any, what: str = "the Id") -> str:
    """An Id with 15 or 18 characters."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise UnexpectedError(f"{what} is not an Id")
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _without_attributes(value: dict[str, Any]) -> dict[str, Any]:
    value.pop("attributes", None)
    return value


# NaN and Infinity are not JSON, and break whatever computes with them.
_DECODER = json.JSONDecoder(parse_constant=_no_number, object_hook=_without_attributes)
