"""GROUP BY ROLLUP and CUBE: groups with their subtotals, one SELECT for each set of fields."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.schema.objects import Field
from provisioner.emulator.soql import clauses
from provisioner.emulator.soql.conditions import Filter
from provisioner.emulator.soql.tree import Call

if TYPE_CHECKING:
    from provisioner.emulator.soql.scope import Scope
    from provisioner.emulator.soql.tree import Query, Ref

_MOST: Final = 3  # fields in one ROLLUP or CUBE (SOQL guide)
_GROUPING: Final = "grouping:"  # stands for 0 or 1 until a set of fields is chosen


def grouping(scope: Scope, call: Call, groups: list[str]) -> tuple[str, Field]:
    """A mark for GROUPING(field): 1 in the rows that are a subtotal over that field."""
    sql = scope.value(call.of)[0]
    if sql not in groups:
        raise scope.ungrouped(call)
    return f"{_GROUPING}{groups.index(sql)}", Field(name="grouping", type="int", label="grouping")


def rows(
    query: Query,
    scope: Scope,
    columns: list[str],
    groups: list[str],
    where: tuple[str, list[Any]],
) -> list[Any]:
    """The rows of every set of fields, each subtotal behind what it sums up."""
    if len(groups) > _MOST:  # text: guess
        raise SalesforceError(
            "MALFORMED_QUERY", f"at most {_MOST} fields are allowed in a ROLLUP or CUBE"
        )
    keys = _keys(query, scope, groups)
    parts, params = [], []
    for chosen in _sets(query, len(groups)):
        whole = [_within(sql, groups, chosen) for sql in (*columns, *(key for key, _ in keys))]
        # By nothing at all, SQL would find one group even in no rows.
        group = ", ".join(groups[at] for at in chosen) or "NULL"
        having, more = _having(query, scope, groups, chosen)
        tail = f"{scope.tables()}{where[0]} GROUP BY {group}{having}"
        parts.append(f"SELECT {', '.join(whole)} {tail}")
        params += [*where[1], *more]
    order = ", ".join(f"{len(columns) + n} {way}" for n, (_, way) in enumerate(keys, start=1))
    limit = f" LIMIT {-1 if query.limit is None else query.limit} OFFSET {query.offset}"
    sql = f"{' UNION ALL '.join(parts)} ORDER BY {order}{limit}"
    found = scope.context.org.execute(sql, params)
    return [tuple(row)[: len(columns)] for row in found]


def _having(
    query: Query, scope: Scope, groups: list[str], chosen: tuple[int, ...]
) -> tuple[str, list[Any]]:
    """HAVING in the rows of one set, where the fields that it sums up are null."""
    if query.having is None:
        return "", []

    def shown(operand: Ref | Call, sql: str) -> str:
        if isinstance(operand, Call) and operand.name == "grouping":
            sql = grouping(scope, operand, groups)[0]
        return _within(sql, groups, chosen)

    conditions = Filter(scope, clauses.inner, [], groups, shown)
    return f" HAVING {conditions.sql(query.having)}", conditions.params


def _sets(query: Query, count: int) -> list[tuple[int, ...]]:
    """The sets of fields grouped by: ROLLUP leaves out from the right, CUBE any."""
    if query.subtotals == "rollup":
        return [tuple(range(n)) for n in range(count, -1, -1)]
    return [one for n in range(count, -1, -1) for one in combinations(range(count), n)]


def _within(sql: str, groups: list[str], chosen: tuple[int, ...]) -> str:
    if sql.startswith(_GROUPING):
        return "0" if int(sql.removeprefix(_GROUPING)) in chosen else "1"
    return "NULL" if sql in groups and groups.index(sql) not in chosen else sql


def _keys(query: Query, scope: Scope, groups: list[str]) -> list[tuple[str, str]]:
    """What the rows are sorted by, each with its direction."""
    keys = []
    for sort in query.order:
        operand = sort.operand
        if isinstance(operand, Call) and operand.name == "grouping":
            sql, _ = grouping(scope, operand, groups)
        else:
            sql, _ = scope.value(operand)
            aggregated = isinstance(operand, Call) and operand.aggregates
            if not aggregated and sql not in groups:
                raise scope.ungrouped(operand)
        nulls = "LAST" if sort.nulls_last else "FIRST"
        keys.append((sql, f"{'DESC' if sort.descending else 'ASC'} NULLS {nulls}"))
    for at, sql in enumerate(groups):  # the order when none is asked for: guess
        keys += [(f"{_GROUPING}{at}", "ASC"), (sql, "ASC NULLS FIRST")]
    return keys
