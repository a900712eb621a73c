"""The recycle bin: what was deleted together, comes back together, and is gone for good one day.

A deleted record stays for 15 days, and one that was emptied out of the bin can be queried by
`queryAll` for 24 hours more (SOAP guide, `emptyRecycleBin` [V]).
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.base.timestamps import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

_STAYS: Final = timedelta(days=15)
_LINGERS: Final = timedelta(hours=24)
_ROOT: ContextVar[str | None] = ContextVar("root", default=None)


@contextmanager
def together(id_: str) -> Iterator[None]:
    """What is deleted or let go inside the block comes back with the record of that id."""
    token = _ROOT.set(_ROOT.get() or id_)
    try:
        yield
    finally:
        _ROOT.reset(token)


def delete(org: Org, by: str, sobject: str, id_: str) -> None:
    """Deletes a record, and puts it into the bin unless its object has none."""
    with org.transaction():
        if org.delete(sobject, id_, by=by):
            id_ = ids.normal(id_) or id_
            org.execute_quietly(
                "INSERT OR REPLACE INTO recycled VALUES (?, ?, ?, ?)",
                (id_, sobject, _ROOT.get() or id_, _in(org, _STAYS)),
            )


def let_go(org: Org, by: str, sobject: str, id_: str, field: str) -> None:
    """Empties a lookup to a record that is about to be deleted."""
    row = org.some(sobject, id_, field)
    if row is not None and _ROOT.get() is not None:
        org.execute_quietly(
            "INSERT INTO recycled_link VALUES (?, ?, ?, ?, ?)",
            (_ROOT.get(), sobject, id_, field, row[field]),
        )
    org.update(sobject, id_, {field: None}, by=by)


def undelete(org: Org, by: str, sobject: SObject, id_: str) -> None:
    """Brings a record back, what was deleted with it, and the lookups that still are empty.

    "The following relationships are restored" (SOAP guide, `undelete` [V]). What went along with
    its parent is not in the bin by itself, and the text for it is as public posts quote it [Q].
    """
    if not _in_bin(org, id_):
        raise SalesforceError("UNDELETE_FAILED", "Entity is not in the recycle bin", ())
    _still_unique(org, sobject, id_)
    for one, kind in org.execute("SELECT id, sobject FROM recycled WHERE root = ?", (id_,)):
        org.update(kind, one, {"IsDeleted": False}, by=by)
    for kind, one, field, value in org.execute(
        "SELECT sobject, id, field, value FROM recycled_link WHERE root = ?", (id_,)
    ):
        row = org.some(kind, one, field)
        if row is not None and row[field] is None:
            org.update(kind, one, {field: value}, by=by)
    _forget(org, id_)


def empty(org: Org, id_: str) -> None:
    """Takes a record out of the bin, with what went along; nothing brings it back.

    Records that went along with another are an error (SOAP guide [V]), in the words of logs of
    real orgs [V].
    """
    if not _in_bin(org, id_):
        raise SalesforceError(
            "INVALID_ID_FIELD", "invalid record id; no recycle bin entry found", ()
        )
    org.execute("UPDATE recycled SET root = '', gone = ? WHERE root = ?", (_in(org, _LINGERS), id_))
    org.execute("DELETE FROM recycled_link WHERE root = ?", (id_,))


def remove(org: Org, id_: str) -> None:
    """Removes a deleted record at once, and what went along, as a hard delete does."""
    for one, kind in org.execute("SELECT id, sobject FROM recycled WHERE root = ?", (id_,)):
        org.execute(f'DELETE FROM "{kind}" WHERE "Id" = ?', (one,))  # noqa: S608 - our names
    _forget(org, id_)


# the rows that make `expire` due
DUE: Final = "SELECT 1 FROM recycled WHERE gone <= :now"


def expire(org: Org) -> None:
    """Removes what has been deleted for long enough by the org's clock."""
    now = timestamp(org.now())
    if not org.execute("SELECT 1 FROM recycled WHERE gone <= ? LIMIT 1", (now,)):
        return
    with org.transaction():
        tables = {sobject.name for sobject in org.catalog().sobjects.values()}
        for id_, kind in org.execute("SELECT id, sobject FROM recycled WHERE gone <= ?", (now,)):
            if kind in tables:
                org.execute(f'DELETE FROM "{kind}" WHERE "Id" = ? AND "IsDeleted" = 1', (id_,))  # noqa: S608 - our names
        org.execute("DELETE FROM recycled WHERE gone <= ?", (now,))
        org.execute("DELETE FROM recycled_link WHERE root NOT IN (SELECT root FROM recycled)")


def _in_bin(org: Org, id_: str) -> bool:
    return bool(org.execute("SELECT 1 FROM recycled WHERE id = ? AND root = id", (id_,)))


def _forget(org: Org, root: str) -> None:
    org.execute("DELETE FROM recycled WHERE root = ?", (root,))
    org.execute("DELETE FROM recycled_link WHERE root = ?", (root,))


def _still_unique(org: Org, sobject: SObject, id_: str) -> None:
    row = org.get(sobject.name, id_) or {}
    for field in sobject.fields.values():
        if field.custom and "unique" in field.flags and row.get(field.name) is not None:
            for other in org.find(sobject.name, **{field.name: row[field.name]}):
                raise SalesforceError(  # the text is fact 744
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {field.name} duplicates value on record with id:"
                    f" {other[:15]}",
                    (),
                )


def _in(org: Org, span: timedelta) -> str:
    return timestamp(org.now() + span)
