"""Run SOQL: the syntax tree becomes one SQL statement, its rows the records of the answer."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.soql import (
    clauses,
    groups,
    parse,
)
from provisioner.emulator.soql import (
    records as soql_records,
)
from provisioner.emulator.soql.scope import Context, Scope
from provisioner.emulator.soql.tree import Query

if TYPE_CHECKING:
    from collections.abc import Sequence


PAGE: Final = 2000  # default and most; least 200 (fact 731)
# Of rows with two or more custom fields of long text (fact 731)
_SHORT_PAGE: Final = 200
_LONG_TEXTS: Final = 2
# A locator begins with 0r8 and is good for two days; one that points beyond the last row is none
# (help article 000384958 of April 2026 [V]). Older guides have 15 minutes without use instead.
_LOCATOR: Final = "0r8"
_LOCATOR_LIFE: Final = timedelta(days=2)


def run(context: Context, text: str, *, page: int = PAGE) -> dict[str, Any]:
    """The body of the answer to a query: its first page.

    A longer result has `nextRecordsUrl`, whose last part is for `more`.
    """
    query = parse.parse(text)
    try:
        return _run(context, query, text, page)
    except (RecursionError, sqlite3.OperationalError) as error:
        # What SQLite has no room for: too many joins or columns, too deep, too long a pattern.
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
    where, params = clauses.where(query, scope)
    tail = where + clauses.order(query, scope)
    bounds = clauses.limits(query, page + 1)
    first = clauses.rows(scope, plan.sql, tail + bounds, params)
    records = soql_records.made(scope, plan, first[:page])
    kept = soql_records.fitting(plan, records, page)
    _viewed(query, scope, [row[0] for row in first[:kept]])
    if len(first) <= kept:
        return _page(context, None, kept, kept, records)
    bounds = clauses.limits(query)
    every = clauses.rows(scope, [f'{scope.root}."Id"'], tail + bounds, params)
    locator = context.org.new_id(_LOCATOR)
    context.org.execute(
        "INSERT INTO query_cursor VALUES (?, ?, ?, ?, ?, ?)",
        (locator, text, int(context.deleted), page, " ".join(row[0] for row in every),
         timestamp(context.org.now())),
    )  # fmt: skip
    return _page(context, locator, kept, len(every), records[:kept])


def more(context: Context, locator: str) -> dict[str, Any]:
    """The page behind a locator, `0r8...-2000`; INVALID_QUERY_LOCATOR when there is none."""
    id_, _, start = locator.partition("-")
    since = timestamp(context.org.now() - _LOCATOR_LIFE)
    found = context.org.execute(
        "SELECT soql, deleted, batch, row_ids FROM query_cursor WHERE id = ? AND created > ?",
        (id_, since),
    )
    if not found or not start.isdecimal() or len(start) > len("1000000000"):
        raise _no_locator()
    text, deleted, batch, row_ids = found[0]
    ids = row_ids.split(" ")
    if int(start) > len(ids):
        raise _no_locator()
    wanted = ids[int(start) : int(start) + batch]
    query = parse.parse(text)
    scope = clauses.scope_of(replace(context, deleted=bool(deleted)), query, text)
    plan = soql_records.plan_of(query, scope)
    rows = clauses.rows(scope, plan.sql, f' WHERE {scope.root}."Id" IN ({_marks(wanted)})', wanted)
    place = {id_: i for i, id_ in enumerate(wanted)}
    rows.sort(key=lambda row: place[row[0]])
    records = soql_records.made(scope, plan, rows)
    kept = len(wanted)
    fit = soql_records.fitting(plan, records, batch) if plan.children else len(records)
    if fit < len(records):  # rows that are gone leave gaps
        kept, records = place[rows[fit][0]], records[:fit]
    return _page(context, id_, int(start) + kept, len(ids), records)


def _no_locator() -> SalesforceError:
    # fact 733; text: public logs of real orgs [V]
    return SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")


def _sized(plan: soql_records.Plan, page: int) -> int:
    """How many rows a page has, of which the client wants so many; Bulk jobs have no pages."""
    long = sum(item.field.custom and item.field.is_long_text for item in plan.items)
    return min(page, _SHORT_PAGE) if long >= _LONG_TEXTS and page <= PAGE else page


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
