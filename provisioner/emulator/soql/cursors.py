"""Cursors: the ids of the rows of a query, in its order, kept in parts until they are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from provisioner.emulator.base.timestamps import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioner.emulator.store.org import Org

PART: Final = 2_000  # ids kept in one row of the table
# A locator is valid for two days; one that points beyond the last row is not (help article
# 000384958 of April 2026 [V]). Older guides have 15 minutes without use instead.
_LIFE: Final = timedelta(days=2)
# A client whose connection broke can ask for the last page again: guess.
_LIFE_AFTER_LAST_PAGE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A query whose rows are read page by page; `batch` is the size of a page."""

    id: str
    soql: str
    deleted: bool
    batch: int
    total: int


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of the rows of a query, `PART` of them in each text, and how many there are."""

    texts: tuple[str, ...]
    total: int


def collect(parts: Iterable[list[str]]) -> Ids:
    """The ids of parts that have `PART` ids each, but for the last.

    To be called before a transaction, which keeps other writers waiting.
    """
    texts, total = [], 0
    for part in parts:
        texts.append(" ".join(part))
        total += len(part)
    return Ids(tuple(texts), total)


def create(
    org: Org, id_: str, soql: str, ids: Ids, *, deleted: bool, batch: int, lasting: bool = False
) -> Cursor:
    """Keep the ids of a query's rows under an id.

    Cursors that are used up or old are removed. One that is `lasting` stays until `remove`.
    """
    expires = None if lasting else timestamp(org.now() + _LIFE)
    with org.transaction():
        _remove_expired(org)
        org.execute_quietly(
            "INSERT INTO cursor VALUES (?, ?, ?, ?, ?, ?)",
            (id_, soql, int(deleted), batch, ids.total, expires),
        )
        for number, text in enumerate(ids.texts):
            org.execute_quietly(
                "INSERT INTO cursor_ids VALUES (?, ?, ?)", (id_, number * PART, text)
            )
    return Cursor(id_, soql, deleted, batch, ids.total)


def find(org: Org, id_: str) -> Cursor | None:
    """The cursor of an id, None if there is none or it is too old."""
    rows = org.execute(
        "SELECT soql, deleted, batch, total FROM cursor"
        " WHERE id = ? AND (expires IS NULL OR expires > ?)",
        (id_, timestamp(org.now())),
    )
    for soql, deleted, batch, total in rows:
        return Cursor(id_, soql, bool(deleted), batch, total)
    return None


def read(org: Org, id_: str, start: int, count: int) -> list[str]:
    """At most `count` ids of a cursor, from place `start` on."""
    rows = org.execute(
        "SELECT first, ids FROM cursor_ids"
        " WHERE cursor_id = ? AND first > ? AND first < ? ORDER BY first",
        (id_, start - PART, start + count),
    )
    return [
        row_id
        for first, text in rows
        for row_id in text.split(" ")[max(0, start - first) : start + count - first]
    ]


def use_up(org: Org, id_: str) -> None:
    """Note that the last page of a cursor was read: it is removed a minute later."""
    with org.transaction():
        org.execute_quietly(
            "UPDATE cursor SET expires = min(expires, ?) WHERE id = ?",
            (timestamp(org.now() + _LIFE_AFTER_LAST_PAGE), id_),
        )
        _remove_expired(org)


def remove(org: Org, id_: str) -> None:
    """Remove a cursor, if there is one of that id."""
    with org.transaction():
        org.execute_quietly("DELETE FROM cursor_ids WHERE cursor_id = ?", (id_,))
        org.execute_quietly("DELETE FROM cursor WHERE id = ?", (id_,))


def _remove_expired(org: Org) -> None:
    for (id_,) in org.execute("SELECT id FROM cursor WHERE expires <= ?", (timestamp(org.now()),)):
        remove(org, id_)
