"""Run SOQL: the syntax tree becomes one SQL statement, its rows the records of the answer."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.soql import (
    clauses,
    cursors,
    groups,
    parse,
)
from provisioner.emulator.soql import (
    records as soql_records,
)
from provisioner.emulator.soql.scope import Context, Scope
from provisioner.emulator.soql.tree import Query

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


PAGE: Final = 2000  # default and most; least 200 (fact 731)
# Of rows with two or more custom fields of long text (fact 731)
_SHORT_PAGE: Final = 200
_LONG_TEXTS: Final = 2
_LOCATOR: Final = "0r8"  # what a locator begins with (help article 000384958 [V])


def run(context: Context, text: str, *, page: int = PAGE) -> dict[str, Any]:
    """The body of the answer to a query: its first page.

    A longer result has `nextRecordsUrl`, whose last part is for `more`.
    """
    query = parse.parse(text)
    with _too_complicated():
        return _run(context, query, text, page)


def check(context: Context, text: str) -> None:
    """Raises what `run` would raise; reads one row at most, and keeps nothing."""
    query = parse.parse(text)
    with _too_complicated():
        if query.counted or groups.applies(query) or query.having is not None:
            _run(context, query, text, PAGE)
            return
        scope = clauses.scope_of(context, query, text)
        plan = soql_records.plan_of(query, scope)
        soql_records.made(scope, plan, _first(query, scope, plan, 1))


def ids(context: Context, text: str) -> Iterator[list[str]]:
    """The ids of the rows of a query without groups, in its order, in parts of `cursors.PART`."""
    query = parse.parse(text)
    scope = clauses.scope_of(context, query, text)
    where, params = clauses.where(query, scope)
    tail = where + clauses.order(query, scope) + clauses.limits(query)
    sql = f'SELECT {scope.root}."Id" {scope.tables()}{tail}'
    for rows in context.org.stream(sql, params, size=cursors.PART):
        yield [row[0] for row in rows]


def by_ids(scope: Scope, plan: soql_records.Plan, wanted: Sequence[str]) -> list[Any]:
    """The rows with those ids, in their order, that have the columns of `plan`.

    Rows that are gone are left out.
    """
    rows = clauses.rows(scope, plan.sql, f' WHERE {scope.root}."Id" IN ({_marks(wanted)})', wanted)
    place = {id_: i for i, id_ in enumerate(wanted)}
    rows.sort(key=lambda row: place[row[0]])
    return rows


@contextmanager
def _too_complicated() -> Iterator[None]:
    """What SQLite has no room for: too many joins or columns, too deep, too long a pattern."""
    try:
        yield
    except (RecursionError, sqlite3.OperationalError) as error:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            raise
        raise parse.too_complicated() from None


def _run(context: Context, query: Query, text: str, page: int) -> dict[str, Any]:
    scope = clauses.scope_of(context, query, text)
    if query.counted:
        return groups.count(query, scope)
    if groups.applies(query):
        return groups.aggregate(query, scope, most=PAGE)
    if query.having is not None:  # text: guess
        raise SalesforceError("MALFORMED_QUERY", "HAVING needs GROUP BY")
    plan = soql_records.plan_of(query, scope)
    page = _sized(plan, page)
    first = _first(query, scope, plan, page + 1)
    records = soql_records.made(scope, plan, first[:page])
    kept = soql_records.fitting(plan, records, page)
    _viewed(query, scope, [row[0] for row in first[:kept]])
    if len(first) <= kept:
        return _page(context, None, kept, kept, records)
    org = context.org
    every = cursors.collect(ids(context, text))
    cursor = cursors.create(
        org, org.new_id(_LOCATOR), text, every, deleted=context.deleted, batch=page
    )
    return _page(context, cursor.id, kept, cursor.total, records[:kept])


def _first(query: Query, scope: Scope, plan: soql_records.Plan, most: int) -> list[Any]:
    """The first rows of a query, at most so many."""
    where, params = clauses.where(query, scope)
    tail = where + clauses.order(query, scope) + clauses.limits(query, most)
    return clauses.rows(scope, plan.sql, tail, params)


def more(context: Context, locator: str) -> dict[str, Any]:
    """The page behind a locator, `0r8...-2000`; INVALID_QUERY_LOCATOR when there is none."""
    id_, _, place = locator.partition("-")
    cursor = cursors.find(context.org, id_)
    if cursor is None or not place.isdecimal() or len(place) > len("1000000000"):
        raise _no_locator()
    start = int(place)
    if start > cursor.total:
        raise _no_locator()
    wanted = cursors.read(context.org, id_, start, cursor.batch)
    query = parse.parse(cursor.soql)
    scope = clauses.scope_of(replace(context, deleted=cursor.deleted), query, cursor.soql)
    plan = soql_records.plan_of(query, scope)
    rows = by_ids(scope, plan, wanted)
    records = soql_records.made(scope, plan, rows)
    kept = len(wanted)
    fit = soql_records.fitting(plan, records, cursor.batch) if plan.children else len(records)
    if fit < len(records):  # rows that are gone leave gaps
        kept, records = wanted.index(rows[fit][0]), records[:fit]
    end = start + kept
    if end >= cursor.total:
        cursors.use_up(context.org, id_)
    return _page(context, id_, end, cursor.total, records)


def _no_locator() -> SalesforceError:
    # fact 733; text: public logs of real orgs [V]
    return SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")


def _sized(plan: soql_records.Plan, page: int) -> int:
    """How many rows a page has, of which the client wants so many."""
    long = sum(item.field.custom and item.field.is_long_text for item in plan.items)
    return min(page, _SHORT_PAGE) if long >= _LONG_TEXTS else page


def _page(
    context: Context, locator: str | None, end: int, total: int, records: list[soql_records.Record]
) -> dict[str, Any]:
    if end >= total:
        return {"totalSize": total, "done": True, "records": records}
    url = f"{context.base}/query/{locator}-{end}"
    return {"totalSize": total, "done": False, "nextRecordsUrl": url, "records": records}


def _viewed(query: Query, scope: Scope, ids: list[str]) -> None:
    """FOR VIEW and FOR REFERENCE note when rows were looked at (SOQL guide)."""
    names = []
    if "view" in query.purposes:
        names = ["LastViewedDate", "LastReferencedDate"]
    elif "reference" in query.purposes:
        names = ["LastReferencedDate"]
    names = [name for name in names if scope.sobject.field(name)]
    if names and ids:
        now = timestamp(scope.context.org.now())
        sets = ", ".join(f'"{name}" = ?' for name in names)
        scope.context.org.execute(
            f'UPDATE "{scope.sobject.name}" SET {sets}'  # noqa: S608 - our names
            ' WHERE "Id" IN (SELECT value FROM json_each(?))',
            [*(now for _ in names), json.dumps(ids)],
        )


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
