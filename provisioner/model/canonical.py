"""The form in which a field's value is compared, by the type its describe gives it.

Text is as Salesforce stores it (trimmed, empty is null), email addresses and usernames in
lower case, picklists without case, numbers by value, dates and times by instant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from provisioner.model.resource import Value

TRUTH_VALUES: Mapping[str, bool] = {
    **dict.fromkeys(("true", "True", "TRUE", "1"), True),
    **dict.fromkeys(("false", "False", "FALSE", "0"), False),
}
"""The texts that are read as a boolean, because common exports write them."""

_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def canonical(value: Value, type_: str) -> Value:
    """The value as it is compared; `type_` is the field type in the describe. Idempotent."""
    if isinstance(value, str):
        text = (value.replace("\r\n", "\n") if "\r" in value else value).strip()
        if not text:
            return False if type_ == "boolean" else None
        form = _FORMS.get(type_)
        return form(text) if form else text
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(value)
    if value is None and type_ == "boolean":
        return False
    return value


def long_id(value: str) -> str:
    """The 18-character form of an Id; anything else as it is.

    The last three characters encode which of the first fifteen are capitals, five at a time.
    (terraform-provider-salesforce, `normalizeId`)
    """
    if len(value) != 15 or not value.isalnum() or not value.isascii():
        return value
    groups = (value[i : i + 5] for i in (0, 5, 10))
    bits = (sum(1 << i for i, c in enumerate(group) if c.isupper()) for group in groups)
    return value + "".join(_CHECKSUM[b] for b in bits)


def _multiple(text: str) -> Value:
    return ";".join(sorted({p.strip().casefold() for p in text.split(";")} - {""})) or None


def _parsed_number(text: str) -> Value:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return _number(float(number)) if number.is_finite() else text


def _number(value: int | float) -> int | float:
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else value


def _instant(text: str) -> str:
    try:
        instant = datetime.fromisoformat(text)
        aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        return text


_FORMS: Mapping[str, Callable[[str], Value]] = {
    **dict.fromkeys(("picklist", "combobox", "email"), str.casefold),
    **dict.fromkeys(("int", "double", "currency", "percent", "long"), _parsed_number),
    **dict.fromkeys(("reference", "id"), long_id),
    "multipicklist": _multiple,
    "datetime": _instant,
}
"""The form of a trimmed text that is not empty, by type; texts of other types do not change."""
