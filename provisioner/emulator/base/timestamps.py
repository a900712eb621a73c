"""Moments as Salesforce writes them, and time zones."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def timestamp(moment: datetime) -> str:
    """A moment as Salesforce writes it: `2026-05-01T10:00:00.000+0000` (fact 729)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def parse_timestamp(text: str) -> datetime:
    """The moment that `timestamp` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)


def zone_of(key: str | None) -> tzinfo:
    """The time zone of a TimeZoneSidKey; UTC where the machine has no time zone data."""
    if not key or key == "GMT":
        return UTC
    try:
        return ZoneInfo(key)
    except ZoneInfoNotFoundError:
        return UTC


def name_of(key: str | None) -> str:
    """The name of a time zone that `zone_of` knows, safe within SQL."""
    return key if key and re.fullmatch(r"[\w/+-]+", key) else "GMT"


def parse_moment(text: str) -> datetime:
    """A date and time as SOQL and JSON write them, with `Z` or an offset."""
    plain = text.strip().replace("Z", "+0000").replace("z", "+0000")
    form = "%Y-%m-%dT%H:%M:%S.%f%z" if "." in plain else "%Y-%m-%dT%H:%M:%S%z"
    return datetime.strptime(plain, form).astimezone(UTC)
