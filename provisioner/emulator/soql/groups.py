"""Queries whose answer is no records: counts, and groups with their aggregates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.soql import (
    clauses,
    functions,
)
from provisioner.emulator.soql.conditions import Filter
from provisioner.emulator.soql.scope import Scope
from provisioner.emulator.soql.tree import Call, Query, Ref, Selected
from provisioner.emulator.store.tables import decode

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import Field


def applies(query: Query) -> bool:
    """Whether a query gives groups."""
    return bool(query.group) or any(
        isinstance(item, Selected) and isinstance(item.what, Call) and item.what.aggregates
        for item in query.selected
    )


def count(query: Query, scope: Scope) -> dict[str, Any]:
    """The answer to `SELECT COUNT()`."""
    if query.group or query.having is not None:  # text: guess
        raise SalesforceError("MALFORMED_QUERY", "COUNT() can not be used with GROUP BY")
    clauses.order(query, scope)
    where, params = clauses.where(query, scope)
    inside = f"SELECT 1 {scope.tables()}{where}{clauses.limits(query)}"
    found = scope.context.org.execute(f"SELECT COUNT(*) FROM ({inside})", params)  # noqa: S608 - see clauses.rows
    return {"totalSize": found[0][0], "done": True, "records": []}


def aggregate(query: Query, scope: Scope, *, most: int) -> dict[str, Any]:
    """The answer to a query with groups, which has no further pages."""
    groups = [_grouped(scope, operand) for operand in query.group]
    columns, shown = _columns(query, scope, groups)
    if not query.group and query.limit is not None:  # public tests of what real orgs said [V]
        raise SalesforceError(
            "MALFORMED_QUERY",
            "Non-grouped query that uses overall aggregate functions cannot also use LIMIT",
        )
    where, params = clauses.where(query, scope)
    conditions = Filter(scope, clauses.inner, [], groups)
    having = ""
    if query.having is not None:
        if not groups:  # text: guess
            raise SalesforceError("MALFORMED_QUERY", "HAVING needs GROUP BY")
        having = f" HAVING {conditions.sql(query.having)}"
    group = f" GROUP BY {', '.join(groups)}" if groups else ""
    order = clauses.order(query, scope, groups)
    tail = where + group + having + order + clauses.limits(query, most + 1)
    rows = clauses.rows(scope, columns, tail, [*params, *conditions.params])
    return _answered(scope, shown, rows, most)


def _answered(
    scope: Scope, shown: list[tuple[str, Field, bool]], rows: list[Any], most: int
) -> dict[str, Any]:
    if len(rows) > most:
        raise SalesforceError(  # the limit: fact 732; words: public notes, logs [V]
            "EXCEEDED_ID_LIMIT",
            "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a"
            " single batch",
        )
    zone = scope.zone if any(formatted for _, _, formatted in shown) else None
    records = [
        {"attributes": {"type": "AggregateResult"}}
        | {
            name: functions.formatted(field, decode(field, value), zone)
            if formatted
            else decode(field, value)
            for (name, field, formatted), value in zip(shown, row, strict=True)
        }
        for row in rows
    ]
    return {"totalSize": len(records), "done": True, "records": records}


def _columns(
    query: Query, scope: Scope, groups: list[str]
) -> tuple[list[str], list[tuple[str, Field, bool]]]:
    """The SQL of each selected item; its name, field, and whether it is shown formatted."""
    columns: list[str] = []
    shown: list[tuple[str, Field, bool]] = []
    unnamed = 0
    for item in query.selected:
        match item:
            case Selected(what=Ref() | Call() as what, alias=alias):
                sql, field = scope.value(what)
            case _:  # text: guess
                raise SalesforceError("MALFORMED_QUERY", "Grouped query cannot have child queries")
        if isinstance(what, Call) and what.aggregates:
            _not_grouped(scope, what, groups)
        elif sql not in groups:
            raise scope.ungrouped(what)
        name = alias
        if name is None and isinstance(what, Ref):
            name = scope.resolve(what).names[-1]
        if name is None:
            name, unnamed = f"expr{unnamed}", unnamed + 1
        if any(name.lower() == other.lower() for other, _, _ in shown):  # words: guess
            raise scope.refuse(what.at, f"duplicate alias: {name}", code="MALFORMED_QUERY")
        columns.append(sql)
        shown.append((name, field, isinstance(what, Call) and what.name == "format"))
    return columns, shown


def _not_grouped(scope: Scope, call: Call, groups: list[str]) -> None:
    of = call.of
    if isinstance(of, Ref) and scope.resolve(of).sql in groups:  # notes of real queries [V]
        raise SalesforceError(
            "MALFORMED_QUERY", f"Grouped field should not be aggregated: {'.'.join(of.path)}"
        )


def _grouped(scope: Scope, operand: Ref | Call) -> str:
    if isinstance(operand, Call):
        if operand.name not in functions.DATE_PARTS:  # text: guess
            raise scope.refuse(
                operand.at, f"{operand.name} can not be grouped by", code="MALFORMED_QUERY"
            )
        return scope.call(operand)[0]
    found = scope.resolve(operand)
    if not found.field.groupable:
        raise scope.refuse(
            operand.at, f"field '{found.field.name}' can not be grouped in a query call"
        )
    return found.sql
