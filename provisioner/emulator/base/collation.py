"""Text compared as Salesforce does, without case in every script, and sorted as people do.

SQLite's NOCASE knows the letters of ASCII only. It stays the collation of columns and indexes;
where a text has other letters, these functions of ours help out.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Final

from provisioner.emulator.base import timestamps

if TYPE_CHECKING:
    import sqlite3

_MOST_SPELLINGS: Final = 32  # of one text; with more of them every row is looked at


def register(connection: sqlite3.Connection) -> None:
    """Adds `fold(text)`, `sortkey(text)` and `zoned(moment, zone)` to what SQL knows."""
    connection.create_function("fold", 1, fold, deterministic=True)
    connection.create_function("sortkey", 1, sortkey, deterministic=True)
    connection.create_function("zoned", 2, zoned, deterministic=True)


def fold(text: str | None) -> str | None:
    """The text in lower case."""
    return text if text is None else text.lower()


def sortkey(text: str | float | None) -> str | float | None:
    """What a text is sorted by: letters without case and marks first, then with them.

    As in the order of Unicode that Salesforce sorts text by; the whole of it is not here (guess).
    """
    if not isinstance(text, str) or text.isascii():
        return text.lower() if isinstance(text, str) else text
    whole = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(char for char in whole if not unicodedata.combining(char))
    return f"{plain}\x01{whole}"


def spellings(text: str) -> list[str] | None:
    """Every spelling of the text's letters beyond ASCII in either case; None when too many."""
    ways = [{char, char.lower(), char.upper()} if not char.isascii() else {char} for char in text]
    ways = [{way for way in some if len(way) == 1} for some in ways]
    count = 1
    for some in ways:
        count *= len(some)
        if count > _MOST_SPELLINGS:
            return None
    return sorted("".join(chars) for chars in product(*ways))


def zoned(moment: str | None, zone: str | None) -> str | None:
    """A stored moment by the clock of a time zone, `2026-05-01T12:00:00`."""
    if moment is None:
        return None
    local = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(timestamps.zone_of(zone))
    return f"{local:%Y-%m-%dT%H:%M:%S}"
