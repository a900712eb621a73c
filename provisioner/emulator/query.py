"""Run SOQL: the syntax tree becomes one SQL statement, its rows the records of the answer."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator import soql, soql_clauses, soql_functions, soql_groups
from provisioner.emulator.columns import ADDRESS_PARTS, address, decode
from provisioner.emulator.errors import SalesforceError
from provisioner.emulator.soql_sql import Context, Scope
from provisioner.emulator.soql_tree import Call, Fields, Query, Ref, Selected
from provisioner.emulator.store import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provisioner.emulator.describe import Field, SObject

PAGE: Final = 2000  # default and most; least 200 (platform reference 8.1 [V])
_LOCATOR_LIFE: Final = timedelta(days=2)  # platform reference 8.1 [U]
_MOST_ALL_FIELDS: Final = 200  # FIELDS() in a query without a bound set of fields (SOQL guide)

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Item:
    """One value of a record: its path in the answer, its field, its first column."""

    names: tuple[str, ...]
    field: Field
    at: int
    formatted: bool = False


@dataclass(slots=True)
class _Plan:
    """The SQL columns of a SELECT list, and what each item of it takes from them."""

    sql: list[str] = field(default_factory=list)
    items: list[_Item] = field(default_factory=list)
    parents: dict[tuple[str, ...], tuple[SObject, int]] = field(default_factory=dict)
    children: list[tuple[int, SObject, Field, Query]] = field(default_factory=list)

    def add(self, *sql: str) -> int:
        """Adds columns; returns the number of the first."""
        self.sql += sql
        return len(self.sql) - len(sql)


def run(context: Context, text: str, *, page: int = PAGE) -> dict[str, Any]:
    """The body of the answer to a query: its first page.

    A longer result has `nextRecordsUrl`, whose last part is for `more`.
    """
    query = soql.parse(text)
    try:
        return _run(context, query, text, page)
    except (RecursionError, sqlite3.OperationalError) as error:
        # What SQLite has no room for: too many joins or columns, too deep, too long a pattern.
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            raise
        raise soql.too_complicated() from None


def _run(context: Context, query: Query, text: str, page: int) -> dict[str, Any]:
    scope = soql_clauses.scope_of(context, query, text)
    if query.counted:
        return soql_groups.count(query, scope)
    if soql_groups.applies(query):
        return soql_groups.aggregate(query, scope, most=PAGE)
    if query.having is not None:  # text: guess
        raise SalesforceError("MALFORMED_QUERY", "HAVING needs GROUP BY")
    plan = _plan(query, scope)
    where, params = soql_clauses.where(query, scope)
    tail = where + soql_clauses.order(query, scope)
    bounds = soql_clauses.limits(query, page + 1)
    first = soql_clauses.rows(scope, plan.sql, tail + bounds, params)
    _viewed(query, scope, [row[0] for row in first[:page]])
    if len(first) <= page:
        return _page(context, None, len(first), len(first), _records(scope, plan, first))
    bounds = soql_clauses.limits(query)
    every = soql_clauses.rows(scope, [f'{scope.root}."Id"'], tail + bounds, params)
    locator = context.org.new_id("01g")
    context.org.execute(
        "INSERT INTO query_cursor VALUES (?, ?, ?, ?, ?, ?)",
        (locator, text, int(context.deleted), page, " ".join(row[0] for row in every),
         timestamp(context.org.now())),
    )  # fmt: skip
    return _page(context, locator, page, len(every), _records(scope, plan, first[:page]))


def more(context: Context, locator: str) -> dict[str, Any]:
    """The page behind a locator, `01g...-2000`; INVALID_QUERY_LOCATOR when there is none."""
    id_, _, start = locator.partition("-")
    since = timestamp(context.org.now() - _LOCATOR_LIFE)
    found = context.org.execute(
        "SELECT soql, deleted, batch, row_ids FROM query_cursor WHERE id = ? AND created > ?",
        (id_, since),
    )
    if not found or not start.isdecimal() or len(start) > len("1000000000"):
        # the code: platform reference 2.4 [V]; text as remembered of real orgs [U]
        raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
    text, deleted, batch, row_ids = found[0]
    ids = row_ids.split(" ")
    wanted = ids[int(start) : int(start) + batch]
    query = soql.parse(text)
    scope = soql_clauses.scope_of(replace(context, deleted=bool(deleted)), query, text)
    plan = _plan(query, scope)
    rows = soql_clauses.rows(
        scope, plan.sql, f' WHERE {scope.root}."Id" IN ({_marks(wanted)})', wanted
    )
    place = {id_: i for i, id_ in enumerate(wanted)}
    rows.sort(key=lambda row: place[row[0]])
    end = int(start) + batch
    return _page(context, id_, min(end, len(ids)), len(ids), _records(scope, plan, rows))


def _page(
    context: Context, locator: str | None, end: int, total: int, records: list[Record]
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


# -- records -----------------------------------------------------------------------------------


def _plan(query: Query, scope: Scope) -> _Plan:
    plan = _Plan()
    plan.parents[()] = (scope.sobject, plan.add(f'{scope.root}."Id"'))
    seen: set[tuple[str, ...]] = set()
    for item in query.selected:
        match item:
            case Fields(which, at):
                if which != "standard" and not 0 < (query.limit or 0) <= _MOST_ALL_FIELDS:
                    raise SalesforceError(
                        "MALFORMED_QUERY",
                        "The SOQL FIELDS function must have a LIMIT of at most 200",
                    )
                for found in scope.sobject.fields.values():
                    if which == "all" or found.custom == (which == "custom"):
                        _add_field(plan, scope, Ref((found.name,), at), seen)
            case Selected(what=Query() as inner):
                plan.children.append((len(plan.items), *scope.child(inner), inner))
            case Selected(what=Call() as call, alias=alias):
                _add_call(plan, scope, call, alias, seen)
            case Selected(what=Ref() as ref, alias=alias):
                if alias is not None:  # words as remembered [U]
                    raise scope.refuse(
                        ref.at,
                        "only aggregate expressions use field aliasing",
                        code="MALFORMED_QUERY",
                    )
                _add_field(plan, scope, ref, seen)
    return plan


def _add_field(plan: _Plan, scope: Scope, ref: Ref, seen: set[tuple[str, ...]]) -> None:
    found = scope.resolve(ref)
    if found.names in seen:
        raise scope.refuse(ref.at, f"duplicate field selected: {'.'.join(found.names)}")
    seen.add(found.names)
    _add_parents(plan, scope, found.names)
    if found.field.type != "address":
        plan.items.append(_Item(found.names, found.field, plan.add(found.sql)))
        return
    prefix = found.field.name.removesuffix("Address")
    columns = [
        f'{found.alias}."{prefix}{part}"' if found.table.field(prefix + part) else "NULL"
        for part in ADDRESS_PARTS
    ]
    plan.items.append(_Item(found.names, found.field, plan.add(*columns)))


def _add_call(
    plan: _Plan, scope: Scope, call: Call, alias: str | None, seen: set[tuple[str, ...]]
) -> None:
    """A function of one value; without an alias it stands in its field's place (SOQL guide)."""
    if call.aggregates:  # in a child query; text: guess
        raise scope.refuse(
            call.at, "Aggregate functions are not allowed in child queries", code="MALFORMED_QUERY"
        )
    sql, made = scope.call(call)
    if call.name in soql_functions.DATE_PARTS:  # SOQL guide: only with GROUP BY; text: guess
        raise scope.refuse(call.at, f"{call.name.upper()} needs GROUP BY", code="MALFORMED_QUERY")
    inner = call
    while isinstance(inner.of, Call):
        inner = inner.of
    names = (alias,) if alias else scope.resolve(inner.of).names
    if made.type == "address" or names in seen:
        raise scope.refuse(call.at, f"duplicate field selected: {'.'.join(names)}")
    seen.add(names)
    _add_parents(plan, scope, names)
    plan.items.append(_Item(names, made, plan.add(sql), call.name == "format"))


def _add_parents(plan: _Plan, scope: Scope, names: tuple[str, ...]) -> None:
    for depth in range(1, len(names)):
        parent = names[:depth]
        if parent not in plan.parents:
            alias, table = scope.parent(parent)
            plan.parents[parent] = (table, plan.add(f'{alias}."Id"'))


def _records(scope: Scope, plan: _Plan, rows: list[Any]) -> list[Record]:
    parents = [row[0] for row in rows]
    children = [
        (place, reference.child, _children(scope, child, reference, inner, parents))
        for place, child, reference, inner in plan.children
    ]
    zone = scope.zone if any(item.formatted for item in plan.items) else None
    return [_record(scope.context, plan, row, children, zone) for row in rows]


def _record(
    context: Context,
    plan: _Plan,
    row: Any,
    children: Sequence[tuple[int, str | None, Mapping[str, Any]]],
    zone: str | None,
) -> Record:
    made: dict[tuple[str, ...], Record | None] = {
        path: _shell(context, table, row[at]) if row[at] else None
        for path, (table, at) in plan.parents.items()
    }
    top = made[()]
    assert top is not None, "a row has an Id"
    waiting = list(children)
    for place, item in enumerate(plan.items):
        while waiting and waiting[0][0] <= place:
            _, name, answers = waiting.pop(0)
            top[str(name)] = answers.get(row[0])
        for depth in range(1, len(item.names)):
            above = made[item.names[: depth - 1]]
            if above is not None:
                above.setdefault(item.names[depth - 1], made[item.names[:depth]])
        owner = made[item.names[:-1]]
        if owner is not None:
            value = _value(item.field, row, item.at)
            if item.formatted:
                value = soql_functions.formatted(item.field, value, zone)
            owner[item.names[-1]] = value
    for _, name, answers in waiting:
        top[str(name)] = answers.get(row[0])
    return top


def _shell(context: Context, table: SObject, id_: str) -> Record:
    # A parent of several kinds is a `Name`; its URL is that of what it really is [U].
    real = table if id_[:3] == table.prefix else context.known.by_prefix(id_[:3]) or table
    url = f"{context.base}/sobjects/{real.name}/{id_}"
    return {"attributes": {"type": table.name, "url": url}}


def _value(found: Field, row: Any, at: int) -> Any:
    if found.type != "address":
        return decode(found, row[at])
    return address("", {part: row[at + i] for i, part in enumerate(ADDRESS_PARTS)})


def _children(
    outer: Scope, child: SObject, reference: Field, query: Query, parents: list[str]
) -> dict[str, Any]:
    """The answer of a child query for each parent that has children (null for the others [V])."""
    if query.group or query.counted:  # text: guess
        raise outer.refuse(
            query.source_at, "Grouping is not allowed in child queries", code="MALFORMED_QUERY"
        )
    scope = Scope(outer.context, child, outer.text, query.alias)
    scope.own(query.source)
    plan = _plan(query, scope)
    column = f'{scope.root}."{reference.name}"'
    key = plan.add(column)
    within = f"{column} IN (SELECT value FROM json_each(?))"  # noqa: S608 - our names
    where, params = soql_clauses.where(query, scope, within)
    order = soql_clauses.order(query, scope)
    soql_clauses.limits(query)
    found: dict[str, list[Any]] = defaultdict(list)
    for row in soql_clauses.rows(scope, plan.sql, where + order, [*params, json.dumps(parents)]):
        found[row[key]].append(row)
    end = None if query.limit is None else query.offset + query.limit
    answers = {id_: _records(scope, plan, rows[query.offset : end]) for id_, rows in found.items()}
    return {
        id_: {"totalSize": len(records), "done": True, "records": records}
        for id_, records in answers.items()
        if records
    }


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
