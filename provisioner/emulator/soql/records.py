"""The records of a query's answer: what a SELECT list takes from SQL, and makes of its rows."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.soql import clauses, functions
from provisioner.emulator.soql.scope import Context, Scope
from provisioner.emulator.soql.tree import Call, Fields, Query, Ref, Selected, TypeOf
from provisioner.emulator.store.tables import ADDRESS_PARTS, address, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from provisioner.emulator.schema.objects import Field, SObject

_ROOT_ONLY: Final = "only root queries support aggregate expressions"
_VERSION: Final = re.compile(r"/v(\d+)\.")
_SINCE_FIELDS: Final = 51  # SOQL guide, "FIELDS()"
_MOST_ALL_FIELDS: Final = 200  # FIELDS() in a query without a bound set of fields (SOQL guide)

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Item:
    """One value of a record: its path in the answer, its field, its first column."""

    names: tuple[str, ...]
    field: Field
    at: int
    formatted: bool = False


@dataclass(frozen=True, slots=True)
class _Branches:
    """A TYPEOF: its place among the items, its field and column, what is selected of each kind."""

    place: int
    name: str
    at: int
    plans: Mapping[str, tuple[Scope, Plan]]


@dataclass(slots=True)
class Plan:
    """The SQL columns of a SELECT list, and what each item of it takes from them."""

    sql: list[str] = field(default_factory=list)
    items: list[_Item] = field(default_factory=list)
    parents: dict[tuple[str, ...], tuple[SObject, int]] = field(default_factory=dict)
    children: list[tuple[int, SObject, Field, Query]] = field(default_factory=list)
    branches: list[_Branches] = field(default_factory=list)

    def add(self, *sql: str) -> int:
        """Adds columns; returns the number of the first."""
        self.sql += sql
        return len(self.sql) - len(sql)


def plan_of(query: Query, scope: Scope) -> Plan:
    """The columns that a query's SELECT list needs, and what the records are made of."""
    plan = Plan()
    plan.parents[()] = (scope.sobject, plan.add(f'{scope.root}."Id"'))
    seen: set[tuple[str, ...]] = set()
    for item in query.selected:
        match item:
            case Fields():
                _add_fields(plan, scope, query, item, seen)
            case TypeOf():
                _add_branches(plan, scope, query, item)
            case Selected(what=Query() as inner):
                plan.children.append((len(plan.items), *scope.child(inner), inner))
            case Selected(what=Call() as call, alias=alias):
                _add_call(plan, scope, call, alias, seen)
            case Selected(what=Ref() as ref, alias=alias):
                if alias is not None:  # public lists of errors met [V]
                    raise scope.refuse(
                        ref.at,
                        "only aggregate expressions use field aliasing",
                        code="MALFORMED_QUERY",
                    )
                _add_field(plan, scope, ref, seen)
    return plan


def _add_fields(
    plan: Plan, scope: Scope, query: Query, item: Fields, seen: set[tuple[str, ...]]
) -> None:
    version = _VERSION.search(scope.context.base)
    if version and int(version[1]) < _SINCE_FIELDS:
        # spark-salesforce issue 86 [V]
        raise scope.refuse(
            item.at,
            "The SOQL FIELDS function is not supported in this version of the API",
            code="UNSUPPORTED_API_VERSION",
        )
    if item.which != "standard" and not 0 < (query.limit or 0) <= _MOST_ALL_FIELDS:
        # the limit: SOQL guide, "FIELDS()" [V]; the words as public posts have them [Q]
        raise SalesforceError(
            "MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200"
        )
    for found in scope.sobject.fields.values():
        if item.which == "all" or found.custom == (item.which == "custom"):
            _add_field(plan, scope, Ref((found.name,), item.at), seen)


def _add_field(plan: Plan, scope: Scope, ref: Ref, seen: set[tuple[str, ...]]) -> None:
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
    plan: Plan, scope: Scope, call: Call, alias: str | None, seen: set[tuple[str, ...]]
) -> None:
    """A function of one value; without an alias it stands in its field's place (SOQL guide)."""
    if call.aggregates:  # in a child query; text: public lists of errors met [V]
        raise scope.refuse(call.at, _ROOT_ONLY, code="MALFORMED_QUERY")
    sql, field_ = scope.call(call)
    if call.name in functions.DATE_PARTS:  # SOQL guide: only with GROUP BY; text: guess
        raise scope.refuse(call.at, f"{call.name.upper()} needs GROUP BY", code="MALFORMED_QUERY")
    inner = call
    while isinstance(inner.of, Call):
        inner = inner.of
    names = (alias,) if alias else scope.resolve(inner.of).names
    if field_.type == "address" or names in seen:
        raise scope.refuse(call.at, f"duplicate field selected: {'.'.join(names)}")
    seen.add(names)
    _add_parents(plan, scope, names)
    plan.items.append(_Item(names, field_, plan.add(sql), call.name == "format"))


def _add_branches(plan: Plan, scope: Scope, query: Query, item: TypeOf) -> None:
    """A TYPEOF of a reference to several kinds of records (SOQL guide, "TYPEOF" [V])."""
    reference = scope.sobject.relationship(item.relationship)
    if reference is None or len(reference.references) < 2:  # text: guess
        raise scope.refuse(item.at, f"TYPEOF needs a polymorphic relationship: {item.relationship}")
    wanted = {kind.lower(): (kind, fields) for kind, fields in item.cases}
    known = {name.lower() for name in reference.references}
    for kind, _ in item.cases:
        if kind.lower() not in known:  # text: guess
            raise scope.refuse(item.at, f"{item.relationship} is never of type {kind}")
    plans: dict[str, tuple[Scope, Plan]] = {}
    for name in reference.references:
        _, fields = wanted.get(name.lower(), (name, item.default))
        sobject = scope.context.known.get(name)
        if sobject is None or not fields:
            continue
        inner = Scope(scope.context, sobject, scope.text)
        selected = tuple(Selected(ref) for ref in fields)
        plans[str(sobject.prefix)] = inner, plan_of(replace(query, selected=selected), inner)
    at = plan.add(f'{scope.root}."{reference.name}"')
    assert reference.relationship is not None, "it was found by that name"
    plan.branches.append(_Branches(len(plan.items), reference.relationship, at, plans))


def _branched(branches: _Branches, rows: list[Any]) -> dict[str, Record]:
    """The records that the rows refer to, by Id."""
    found: dict[str, Record] = {}
    for prefix, (scope, plan) in branches.plans.items():
        ids = sorted({row[branches.at] for row in rows if str(row[branches.at])[:3] == prefix})
        tail = f' WHERE {scope.root}."Id" IN (SELECT value FROM json_each(?))'  # noqa: S608 - our names
        there = list(clauses.rows(scope, plan.sql, tail, [json.dumps(ids)]))
        ids_found = [row[0] for row in there]
        found |= dict(zip(ids_found, made(scope, plan, there), strict=True))
    return found


def _add_parents(plan: Plan, scope: Scope, names: tuple[str, ...]) -> None:
    for depth in range(1, len(names)):
        parent = names[:depth]
        if parent not in plan.parents:
            alias, table = scope.parent(parent)
            plan.parents[parent] = (table, plan.add(f'{alias}."Id"'))


def made(scope: Scope, plan: Plan, rows: list[Any]) -> list[Record]:
    """The records of rows that have the columns of `plan`."""
    parents = [row[0] for row in rows]
    children = [
        (place, reference.child, 0, _children(scope, child, reference, inner, parents))
        for place, child, reference, inner in plan.children
    ]
    children += [(one.place, one.name, one.at, _branched(one, rows)) for one in plan.branches]
    children.sort(key=lambda child: child[0])
    zone = scope.zone if any(item.formatted for item in plan.items) else None
    return [_record(scope.context, plan, row, children, zone) for row in rows]


def values(scope: Scope, plan: Plan) -> Callable[[Any], list[Any]]:
    """How a row with the columns of `plan` becomes one value for each selected field.

    A parent's field is None where there is no parent. Child queries and TYPEOF have no values.
    """
    zone = scope.zone if any(item.formatted for item in plan.items) else None
    readers = [
        (item, plan.parents[item.names[:-1]][1] if len(item.names) > 1 else 0)
        for item in plan.items
    ]

    def listed(row: Any) -> list[Any]:
        found = []
        for item, parent in readers:
            value = None if row[parent] is None else _value(item.field, row, item.at)
            found.append(functions.formatted(item.field, value, zone) if item.formatted else value)
        return found

    return listed


def fitting(plan: Plan, records: Sequence[Record], most: int) -> int:
    """How many of the records make one page: their children count, too, but one fits always.

    REST guide, "Query Options Header" [V].
    """
    if not plan.children:
        return len(records)
    names = [str(reference.child) for _, _, reference, _ in plan.children]
    count = 0
    for number, record in enumerate(records):
        below = (record[name] for name in names)
        count += 1 + sum(len(found["records"]) for found in below if found)
        if count > most and number:
            return number
    return len(records)


def _record(
    context: Context,
    plan: Plan,
    row: Any,
    children: Sequence[tuple[int, str | None, int, Mapping[str, Any]]],
    zone: str | None,
) -> Record:
    whole: dict[tuple[str, ...], Record | None] = {
        path: _shell(context, table, row[at]) if row[at] else None
        for path, (table, at) in plan.parents.items()
    }
    top = whole[()]
    assert top is not None, "a row has an Id"
    waiting = list(children)
    for place, item in enumerate(plan.items):
        while waiting and waiting[0][0] <= place:
            _, name, key, answers = waiting.pop(0)
            top[str(name)] = answers.get(row[key])
        for depth in range(1, len(item.names)):
            above = whole[item.names[: depth - 1]]
            if above is not None:
                above.setdefault(item.names[depth - 1], whole[item.names[:depth]])
        owner = whole[item.names[:-1]]
        if owner is not None:
            value = _value(item.field, row, item.at)
            if item.formatted:
                value = functions.formatted(item.field, value, zone)
            owner[item.names[-1]] = value
    for _, name, key, answers in waiting:
        top[str(name)] = answers.get(row[key])
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
    if query.group or query.counted:  # text: public lists of errors met [V]
        raise outer.refuse(query.source_at, _ROOT_ONLY, code="MALFORMED_QUERY")
    scope = Scope(outer.context, child, outer.text, query.alias)
    scope.own(query.source)
    plan = plan_of(query, scope)
    column = f'{scope.root}."{reference.name}"'
    key = plan.add(column)
    within = f"{column} IN (SELECT value FROM json_each(?))"  # noqa: S608 - our names
    where, params = clauses.where(query, scope, within)
    order = clauses.order(query, scope)
    clauses.limits(query)
    found: dict[str, list[Any]] = defaultdict(list)
    for row in clauses.rows(scope, plan.sql, where + order, [*params, json.dumps(parents)]):
        found[row[key]].append(row)
    end = None if query.limit is None else query.offset + query.limit
    answers = {id_: made(scope, plan, rows[query.offset : end]) for id_, rows in found.items()}
    return {
        id_: {"totalSize": len(records), "done": True, "records": records}
        for id_, records in answers.items()
        if records
    }
