"""What a field's description asks of one value: its type, its size, the values it may have."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import JsonKindError, SalesforceError
from provisioner.emulator.base.timestamps import parse_moment, timestamp
from provisioner.emulator.schema import objects

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provisioner.emulator.schema.objects import Field

_EMAIL: Final = re.compile(r"[^@\s,;:<>()\[\]\"\\]+@[^@\s.,;:<>()]+(\.[^@\s.,;:<>()]+)+")
_JSON_KIND: Final = {
    bool: "VALUE_{}", int: "VALUE_NUMBER_INT", float: "VALUE_NUMBER_FLOAT", str: "VALUE_STRING",
    dict: "START_OBJECT", list: "START_ARRAY",
}  # fmt: skip


def converter(field: Field) -> Callable[[Field, Any], Any]:
    """What gives a value in the type of the field; JSON of another kind is a parser error."""
    return _CONVERTERS.get(field.type, _no_kind)


def bound(field: Field) -> Callable[[Field, Any], None] | None:
    """What refuses a value that is too large for the field, if any can be."""
    if field.is_text:
        return _fits_text
    return _fits_number if field.type in objects.NUMBER_TYPES else None


def choice(field: Field) -> Callable[[Field, Any], Any]:
    """What gives the value of a restricted picklist as the picklist spells it, or refuses it."""
    return _known_values if field.type == "multipicklist" else _known_value


def email(field: Field, value: str | None) -> str | None:
    """An e-mail address as it is stored; refuses what is none."""
    if value is None:
        return None
    if not _EMAIL.fullmatch(value):
        raise SalesforceError(  # fact 320
            "INVALID_EMAIL_ADDRESS",
            f"{field.label}: invalid email address: {value}",
            (field.name,),
        )
    return value.lower()


def malformed_id(label: str, text: object, name: str) -> SalesforceError:
    """The refusal of an id of the wrong form or kind (fact 319)."""
    message = f"{label}: id value of incorrect type: {text}"
    return SalesforceError("MALFORMED_ID", message, (name,))


def _text(field: Field, value: Any) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    if value is None:
        return None
    raise _wrong_kind(field, value)


def _boolean(field: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value is None:
        raise SalesforceError(  # notes of real answers in public code, whose value is empty [V]
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            f"{field.label}: value not of required type: ",
            (field.name,),
        )
    raise _wrong_kind(field, value)


def _number(field: Field, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise _wrong_kind(field, value)


def _integer(field: Field, value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise _wrong_kind(field, value)


def _moment(field: Field, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong_kind(field, value)
    if not value.strip():
        return None
    try:
        if field.type == "date":
            return date.fromisoformat(value).isoformat()
        return timestamp(parse_moment(value))
    except ValueError:
        raise _wrong_kind(field, value) from None


def _no_kind(field: Field, value: Any) -> None:
    if value is not None:
        raise _wrong_kind(field, value)


_CONVERTERS: Final[Mapping[str, Callable[[Field, Any], Any]]] = {
    **dict.fromkeys((*objects.TEXT_TYPES, "id", "reference"), _text),
    **dict.fromkeys(("double", "currency", "percent"), _number),
    **dict.fromkeys(("date", "datetime"), _moment),
    "boolean": _boolean,
    "int": _integer,
}


def _wrong_kind(field: Field, value: Any) -> SalesforceError:
    kind = _JSON_KIND[type(value)].format(str(value).upper())
    shown = "" if isinstance(value, dict | list) else f" value {_json(value)}"
    return JsonKindError(
        f"Cannot deserialize instance of {field.type} from {kind}{shown} or request may be missing"
        " a required field",
        field.name,
    )


def _json(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fits_text(field: Field, value: str | None) -> None:
    if value is not None and len(value) > field.length:
        raise SalesforceError(  # fact 322
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {value} (max length={field.length})",
            (field.name,),
        )


def _fits_number(field: Field, value: float | None) -> None:
    whole = field.digits or (field.precision - field.scale)
    if value is not None and abs(value) >= 10**whole:
        raise SalesforceError(  # text: public tests of real orgs' pages, code: those of tools [V]
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on numeric field: {value}",
            (field.name,),
        )


def _known_values(field: Field, value: str | None) -> str | None:
    parts = value.split(";") if value else ()
    return ";".join(str(_known_value(field, part)) for part in parts) or None


def _known_value(field: Field, value: str | None) -> str | None:
    if value is None:
        return None
    known = _spellings(field).get(value.lower())
    if known is None:
        raise SalesforceError(  # fact 323
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{field.label}: bad value for restricted picklist field: {value}",
            (field.name,),
        )
    return known


@lru_cache(maxsize=512)
def _spellings(field: Field) -> dict[str, str]:
    return {known.value.lower(): known.value for known in reversed(field.values)}
