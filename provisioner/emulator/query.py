"""Run SOQL: the syntax tree becomes one SQL statement, its rows the records of the answer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator import soql
from provisioner.emulator.columns import ADDRESS_PARTS, address, decode
from provisioner.emulator.errors import SalesforceError
from provisioner.emulator.soql import refusal
from provisioner.emulator.soql_sql import Context, Filter, Resolved, Scope
from provisioner.emulator.soql_tree import Call, Fields, Query, Ref, Selected
from provisioner.emulator.store import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provisioner.emulator.describe import Field, SObject

PAGE: Final = 2000  # default and most; least 200 (platform reference 8.1 [V])
_MOST_OFFSET: Final = 2000  # platform reference 8.1 [V]
_MOST_ALL_FIELDS: Final = 200  # FIELDS() in a query without a bound set of fields (SOQL guide)

Record = dict[str, Any]


@dataclass(slots=True)
class _Plan:
    """The SQL columns of a SELECT list, and what each item of it takes from them."""

    sql: list[str] = field(default_factory=list)
    items: list[tuple[Resolved, int]] = field(default_factory=list)
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
    scope = _scope(context, query, text)
    if query.counted:
        return _count(query, scope)
    if query.group or any(isinstance(item, Selected) and isinstance(item.what, Call)
                          for item in query.selected):  # fmt: skip
        return _aggregate(query, scope)
    plan = _plan(query, scope)
    where, params = _where(query, scope)
    tail = where + _order(query, scope)
    first = _rows(scope, plan.sql, tail + _limits(query, page + 1), params)
    if len(first) <= page:
        return _page(context, None, len(first), len(first), _records(scope, plan, first))
    every = _rows(scope, [f'{scope.root}."Id"'], tail + _limits(query), params)
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
    found = context.org.execute(
        "SELECT soql, deleted, batch, row_ids FROM query_cursor WHERE id = ?", (id_,)
    )
    if not found or not start.isdigit():
        raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
    text, deleted, batch, row_ids = found[0]
    ids = row_ids.split(" ")
    wanted = ids[int(start) : int(start) + batch]
    query = soql.parse(text)
    scope = _scope(replace(context, deleted=bool(deleted)), query, text)
    plan = _plan(query, scope)
    rows = _rows(scope, plan.sql, f' WHERE {scope.root}."Id" IN ({_marks(wanted)})', wanted)
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


# -- clauses -----------------------------------------------------------------------------------


def _scope(context: Context, query: Query, text: str) -> Scope:
    sobject = context.known.get(query.source)
    if sobject is None or "queryable" not in sobject.flags:
        raise refusal(
            "INVALID_TYPE",
            text,
            query.source_at,
            f"sObject type '{query.source}' is not supported. If you are attempting to use a"
            " custom object, be sure to append the '__c' after the entity name. Please reference"
            " your WSDL or the describe call for the appropriate names.",
        )
    return Scope(context, sobject, text, query.alias)


def _where(query: Query, scope: Scope, extra: str = "") -> tuple[str, list[Any]]:
    conditions = Filter(scope, _inner, [])
    parts = [conditions.sql(query.where)] if query.where is not None else []
    if scope.sobject.soft_delete and not scope.context.deleted:
        parts.append(f'{scope.root}."IsDeleted" = 0')
    parts += [extra] if extra else []
    return (" WHERE " + " AND ".join(parts) if parts else ""), conditions.params


def _inner(outer: Scope, query: Query) -> tuple[str, list[Any]]:
    """The SQL of a query inside IN (...)."""
    scope = _scope(outer.context, query, outer.text)
    match query.selected:
        case (Selected(what=Ref() as ref),) if not query.group:
            column = scope.resolve(ref).sql
        case _:
            raise SalesforceError(  # text: guess
                "MALFORMED_QUERY", "semi join sub-selects must select one field"
            )
    where, params = _where(query, scope)
    return f"SELECT {column} {scope.tables()}{where}{_limits(query)}", params


def _order(query: Query, scope: Scope) -> str:
    keys = []
    for sort in query.order:
        if isinstance(sort.operand, Call):
            sql, _ = scope.call(sort.operand)
        else:
            found = scope.resolve(sort.operand)
            sql = found.sql
            if not found.field.sortable:
                raise scope.refuse(
                    sort.operand.at,
                    f"field '{found.field.name}' can not be sorted in a query call",
                )
        # Nulls come first unless asked otherwise, in both directions (SOQL guide, ORDER BY).
        keys.append(
            f"{sql} {'DESC' if sort.descending else 'ASC'}"
            f" NULLS {'LAST' if sort.nulls_last else 'FIRST'}"
        )
    if not query.group:
        keys.append(f'{scope.root}."Id"')
    return " ORDER BY " + ", ".join(keys) if keys else ""


def _limits(query: Query, most: int | None = None) -> str:
    if query.offset > _MOST_OFFSET:
        raise SalesforceError(
            "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {_MOST_OFFSET}"
        )
    limits = [limit for limit in (query.limit, most) if limit is not None]
    return f" LIMIT {min(limits, default=-1)} OFFSET {query.offset}"


def _rows(scope: Scope, columns: list[str], tail: str, params: Sequence[Any]) -> list[Any]:
    sql = f"SELECT {', '.join(columns)} {scope.tables()}{tail}"
    return scope.context.org.execute(sql, params)


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


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
            case Selected(what=Ref() as ref):
                _add_field(plan, scope, ref, seen)
    return plan


def _add_field(plan: _Plan, scope: Scope, ref: Ref, seen: set[tuple[str, ...]]) -> None:
    found = scope.resolve(ref)
    if found.names in seen:
        raise scope.refuse(ref.at, f"duplicate field selected: {'.'.join(found.names)}")
    seen.add(found.names)
    for depth in range(1, len(found.names)):
        parent = found.names[:depth]
        if parent not in plan.parents:
            alias, table = scope.parent(parent)
            plan.parents[parent] = (table, plan.add(f'{alias}."Id"'))
    if found.field.type != "address":
        plan.items.append((found, plan.add(found.sql)))
        return
    prefix = found.field.name.removesuffix("Address")
    columns = [
        f'{found.alias}."{prefix}{part}"' if found.table.field(prefix + part) else "NULL"
        for part in ADDRESS_PARTS
    ]
    plan.items.append((found, plan.add(*columns)))


def _records(scope: Scope, plan: _Plan, rows: list[Any]) -> list[Record]:
    parents = [row[0] for row in rows]
    children = [
        (place, reference.child, _children(scope, child, reference, inner, parents))
        for place, child, reference, inner in plan.children
    ]
    return [_record(scope.context, plan, row, children) for row in rows]


def _record(
    context: Context,
    plan: _Plan,
    row: Any,
    children: Sequence[tuple[int, str | None, Mapping[str, Any]]],
) -> Record:
    made: dict[tuple[str, ...], Record | None] = {
        path: _shell(context, table, row[at]) if row[at] else None
        for path, (table, at) in plan.parents.items()
    }
    top = made[()]
    assert top is not None, "a row has an Id"
    waiting = list(children)
    for place, (found, at) in enumerate(plan.items):
        while waiting and waiting[0][0] <= place:
            _, name, answers = waiting.pop(0)
            top[str(name)] = answers.get(row[0])
        for depth in range(1, len(found.names)):
            above = made[found.names[: depth - 1]]
            if above is not None:
                above.setdefault(found.names[depth - 1], made[found.names[:depth]])
        owner = made[found.names[:-1]]
        if owner is not None:
            owner[found.names[-1]] = _value(found.field, row, at)
    for _, name, answers in waiting:
        top[str(name)] = answers.get(row[0])
    return top


def _shell(context: Context, table: SObject, id_: str) -> Record:
    url = f"{context.base}/sobjects/{table.name}/{id_}"
    return {"attributes": {"type": table.name, "url": url}}


def _value(found: Field, row: Any, at: int) -> Any:
    if found.type != "address":
        return decode(found, row[at])
    return address("", {part: row[at + i] for i, part in enumerate(ADDRESS_PARTS)})


def _children(
    outer: Scope, child: SObject, reference: Field, query: Query, parents: list[str]
) -> dict[str, Any]:
    """The answer of a child query for each parent that has children (null for the others [V])."""
    scope = Scope(outer.context, child, outer.text, query.alias)
    plan = _plan(query, scope)
    column = f'{scope.root}."{reference.name}"'
    key = plan.add(column)
    where, params = _where(query, scope, f"{column} IN ({_marks(parents)})")
    found: dict[str, list[Any]] = defaultdict(list)
    for row in _rows(scope, plan.sql, where + _order(query, scope), [*params, *parents]):
        found[row[key]].append(row)
    end = None if query.limit is None else query.offset + query.limit
    answers = {id_: _records(scope, plan, rows[query.offset : end]) for id_, rows in found.items()}
    return {
        id_: {"totalSize": len(records), "done": True, "records": records}
        for id_, records in answers.items()
        if records
    }


# -- groups ------------------------------------------------------------------------------------


def _count(query: Query, scope: Scope) -> dict[str, Any]:
    where, params = _where(query, scope)
    inner = f"SELECT 1 {scope.tables()}{where}{_limits(query)}"
    found = scope.context.org.execute(f"SELECT COUNT(*) FROM ({inner})", params)  # noqa: S608 - see _rows
    return {"totalSize": found[0][0], "done": True, "records": []}


def _aggregate(query: Query, scope: Scope) -> dict[str, Any]:
    groups = [_grouped(scope, ref) for ref in query.group]
    names: list[str] = []
    columns: list[str] = []
    fields: list[Field | None] = []
    for item in query.selected:
        match item:
            case Selected(what=Call() as call, alias=alias):
                sql, of = scope.call(call)
                unnamed = sum(name.startswith("expr") for name in names)
                names.append(alias or f"expr{unnamed}")
                fields.append(of if call.name in {"min", "max", "sum"} else None)
            case Selected(what=Ref() as ref, alias=alias):
                found = scope.resolve(ref)
                sql = found.sql
                if sql not in groups:
                    raise scope.refuse(
                        ref.at,
                        f"Field must be grouped or aggregated: {'.'.join(found.names)}",
                        code="MALFORMED_QUERY",
                    )
                names.append(alias or found.names[-1])
                fields.append(found.field)
            case _:
                raise SalesforceError("MALFORMED_QUERY", "Grouped query cannot have child queries")
        columns.append(sql)
    where, params = _where(query, scope)
    conditions = Filter(scope, _inner, [])
    having = f" HAVING {conditions.sql(query.having)}" if query.having is not None else ""
    group = f" GROUP BY {', '.join(groups)}" if groups else ""
    tail = where + group + having + _order(query if groups else replace(query, group=(
        Ref(("Id",), 0),)), scope) + _limits(query, PAGE + 1)  # fmt: skip
    rows = _rows(scope, columns, tail, [*params, *conditions.params])
    if len(rows) > PAGE:
        raise SalesforceError(
            "EXCEEDED_ID_LIMIT",
            "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a"
            " single batch",
        )
    records = [
        {"attributes": {"type": "AggregateResult"}}
        | {
            name: decode(of, value) if of else value
            for name, of, value in zip(names, fields, row, strict=True)
        }
        for row in rows
    ]
    return {"totalSize": len(records), "done": True, "records": records}


def _grouped(scope: Scope, ref: Ref) -> str:
    found = scope.resolve(ref)
    if not found.field.groupable:
        raise scope.refuse(ref.at, f"field '{found.field.name}' can not be grouped in a query call")
    return found.sql
