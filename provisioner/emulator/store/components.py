"""Where metadata components without an sObject of their own are kept: one table, by type.

`body` is the kind's business: the XML of a layout, the JSON of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from provisioner.emulator.base.timestamps import timestamp

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

_COLUMNS = "id, full_name, body, created_by, created_date, modified_by, modified_date"


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who made a component and who touched it last, as `FileProperties` tells it."""

    created_by: str
    created_date: str
    modified_by: str
    modified_date: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One component of any type as `listMetadata` tells of it."""

    id: str
    full_name: str
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Row:
    """One stored component."""

    id: str
    full_name: str
    body: str
    stamp: Stamp


def rows(org: Org, type_name: str) -> list[Row]:
    """All components of a type, by name."""
    found = _query(org, "WHERE type = ? ORDER BY full_name", (type_name,))
    return [_row(one) for one in found]


def by_name(org: Org, type_name: str, full_name: str) -> Row | None:
    """The component of that name, without regard to case or percent-encoding."""
    found = _query(
        org, "WHERE type = ? AND full_name = ?", (type_name, encoded(unquote(full_name)))
    )
    return _row(found[0]) if found else None


def by_id(org: Org, type_name: str, id_: str) -> Row | None:
    """The component with that 18 character id."""
    found = _query(org, "WHERE type = ? AND id = ?", (type_name, id_))
    return _row(found[0]) if found else None


def add(org: Org, type_name: str, id_: str, full_name: str, body: str, by: str) -> None:
    """Stores a new component; the caller has seen to it that the name is free."""
    now = stamp_date(org)
    org.execute(
        "INSERT INTO metadata_component VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (type_name, id_, encoded(unquote(full_name)), body, by, now, by, now),
    )


def change(org: Org, type_name: str, id_: str, full_name: str, body: str, by: str) -> None:
    """Stores a component's new name and body."""
    org.execute(
        "UPDATE metadata_component SET full_name = ?, body = ?, modified_by = ?, modified_date = ?"
        " WHERE type = ? AND id = ?",
        (encoded(unquote(full_name)), body, by, stamp_date(org), type_name, id_),
    )


def remove(org: Org, type_name: str, id_: str) -> None:
    """Forgets a component."""
    org.execute("DELETE FROM metadata_component WHERE type = ? AND id = ?", (type_name, id_))


def stamp_date(org: Org) -> str:
    """Now, in the form of an xsd:dateTime as Salesforce writes it."""
    return xsd_date(timestamp(org.now()))


def xsd_date(written: str) -> str:
    """A moment as REST writes it, as an xsd:dateTime."""
    return written.replace("+0000", "Z")


def encoded(name: str) -> str:
    """The full name of a display name: percent-encoded, except spaces.

    Facts 512 and 525: `Force%2Ecom - Free User`, `Contact %28Marketing%29 Layout`.
    """
    return quote(name, safe=" ").replace(".", "%2E")


def _query(org: Org, where: str, parameters: tuple[str, ...]) -> list[tuple[str, ...]]:
    statement = f"SELECT {_COLUMNS} FROM metadata_component {where}"  # noqa: S608 - constants
    return [tuple(row) for row in org.execute(statement, parameters)]


def _row(columns: tuple[str, ...]) -> Row:
    id_, full_name, body, *stamp = columns
    return Row(id_, full_name, body, Stamp(*stamp))


def display_name(full_name: str) -> str:
    """The name people see: a full name without its percent-encoding."""
    return unquote(full_name)
