"""SOQL's functions of one value: parts of dates, labels of picklists, formatted values."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base import timestamps
from provisioner.emulator.base.timestamps import parse_timestamp
from provisioner.emulator.schema.objects import Field

if TYPE_CHECKING:
    from collections.abc import Mapping

# The parts of a date, which SOQL takes in UTC (SOQL guide, date functions). A week of the month or
# year is counted from its first day; the fiscal year is the calendar year.
_MONTH: Final = "CAST(strftime('%m', {}) AS INTEGER)"
_QUARTER: Final = "((CAST(strftime('%m', {}) AS INTEGER) + 2) / 3)"
_YEAR: Final = "CAST(strftime('%Y', {}) AS INTEGER)"
DATE_PARTS: Final[Mapping[str, str]] = {
    "calendar_month": _MONTH, "calendar_quarter": _QUARTER, "calendar_year": _YEAR,
    "fiscal_month": _MONTH, "fiscal_quarter": _QUARTER, "fiscal_year": _YEAR,
    "day_in_month": "CAST(strftime('%d', {}) AS INTEGER)",
    "day_in_week": "(CAST(strftime('%w', {}) AS INTEGER) + 1)",
    "day_in_year": "CAST(strftime('%j', {}) AS INTEGER)",
    "day_only": "substr({}, 1, 10)",
    "hour_in_day": "CAST(strftime('%H', {}) AS INTEGER)",
    "week_in_month": "((CAST(strftime('%d', {}) AS INTEGER) + 6) / 7)",
    "week_in_year": "((CAST(strftime('%j', {}) AS INTEGER) + 6) / 7)",
}  # fmt: skip
OF_MOMENTS: Final = frozenset({"day_only", "hour_in_day"})
LABELLED: Final = frozenset({"picklist", "multipicklist"})


def part(name: str, of: Field, sql: str) -> tuple[str, Field]:
    """The SQL of a part of a date, and a field of the type it has."""
    moment = f"substr({sql}, 1, 19)" if of.type == "datetime" else sql
    kind = "date" if name == "day_only" else "int"
    return DATE_PARTS[name].format(moment), Field(name=of.name, type=kind, label=of.label)


def label(of: Field, sql: str) -> tuple[str, Field]:
    """The SQL of a picklist value's label."""
    cases = " ".join(
        f"WHEN {_literal(value.value)} THEN {_literal(value.label)}"
        for value in of.values
        if value.label != value.value
    )
    shown = f"CASE {sql} {cases} ELSE {sql} END" if cases else sql
    return shown, Field(name=of.name, type="string", label=of.label, length=255)


def formatted(field: Field, value: Any, zone: str | None) -> Any:
    """A value as FORMAT() shows it to a user of the locale en_US; other locales alike (guess)."""
    if value is None:
        return None
    match field.type:
        case "currency":
            sign = "-" if value < 0 else ""
            return f"{sign}${abs(value):,.2f}"
        case "percent":
            return f"{value:,.{field.scale}f}%"
        case "double":
            return f"{value:,.{field.scale}f}"
        case "int":
            return f"{value:,}"
        case "date":
            day = date.fromisoformat(value)
            return f"{day.month}/{day.day}/{day.year}"
        case "datetime":
            moment = parse_timestamp(value).astimezone(timestamps.zone_of(zone))
            hour = moment.hour % 12 or 12
            half = "AM" if moment.hour < 12 else "PM"
            day_text = f"{moment.month}/{moment.day}/{moment.year}"
            return f"{day_text}, {hour}:{moment.minute:02} {half}"
        case _:
            return value


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
