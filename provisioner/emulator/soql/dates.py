"""The days that `TODAY`, `LAST_N_DAYS:7` and the other date words of SOQL mean."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from provisioner.emulator.base.timestamps import zone_of

_DIGITS: Final = 9  # more than the calendar has days


def days(word: str, today: date) -> tuple[date, date]:
    """The first day meant, and the first day after it (SOQL guide, date formats and literals).

    Raises OverflowError or ValueError when that is outside the calendar.
    """
    # The fiscal year of a Developer org is the calendar year (FiscalYearStartMonth is 1).
    name, _, number = word.lower().replace("_fiscal_", "_").partition(":")
    if number:
        return _counted(name.split("_"), int(number[-_DIGITS:]), today)
    one = timedelta(days=1)
    match name.split("_"):
        case ["today"]:
            return today, today + one
        case ["yesterday"]:
            return today - one, today
        case ["tomorrow"]:
            return today + one, today + 2 * one
        case ["last", "90", "days"]:
            return today - 90 * one, today + one
        case ["next", "90", "days"]:
            return today + one, today + 91 * one
        case [way, unit]:
            start = _move(unit, _start(unit, today), {"last": -1, "this": 0, "next": 1}[way])
            return start, _move(unit, start, 1)
        case _:
            raise AssertionError(f"the grammar knows no {word}")


def _counted(words: list[str], n: int, today: date) -> tuple[date, date]:
    one = timedelta(days=1)
    match words:
        case ["n", "days", "ago"]:
            return today - n * one, today - (n - 1) * one
        case ["n", units, "ago"]:
            start = _move(units[:-1], _start(units[:-1], today), -n)
            return start, _move(units[:-1], start, 1)
        case ["last", "n", "days"]:
            return today - n * one, today + one
        case ["next", "n", "days"]:
            return today + one, today + (n + 1) * one
        case [way, "n", units]:
            here = _start(units[:-1], today)
            if way == "last":
                return _move(units[:-1], here, -n), here
            return _move(units[:-1], here, 1), _move(units[:-1], here, n + 1)
        case _:
            raise AssertionError(f"the grammar knows no {words}")


def midnight(day: date, zone: str | None) -> datetime:
    """When a day begins in a time zone."""
    return datetime.combine(day, time(), zone_of(zone)).astimezone(UTC)


def _start(unit: str, day: date) -> date:
    match unit:
        case "week":  # weeks begin on Sunday in en_US
            return day - timedelta(days=day.isoweekday() % 7)
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case _:
            return day.replace(month=1, day=1)


def _move(unit: str, start: date, n: int) -> date:
    if unit == "week":
        return start + timedelta(weeks=n)
    months = n * {"month": 1, "quarter": 3, "year": 12}[unit]
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, 1)
