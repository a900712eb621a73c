"""What `?columns=true` tells of a query instead of running it: its columns, as sf asks for them.

The properties are those of a recorded answer of the Tooling API (`queryMetadata`) [V]; how parents,
children and functions are told is what the Salesforce CLI reads (plugin-data, `query.js` [V]).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.schema.objects import NUMBER_TYPES
from provisioner.emulator.soql import clauses, parse
from provisioner.emulator.soql.scope import Scope
from provisioner.emulator.soql.tree import Call, Fields, Query, Ref, Selected, TypeOf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.objects import Field, SObject
    from provisioner.emulator.soql.scope import Context

# General knowledge [U], but for Id and String, which the recording has.
_APEX: Final[Mapping[str, str]] = {
    "address": "System.Address", "boolean": "Boolean", "currency": "Decimal", "date": "Date",
    "datetime": "Datetime", "double": "Decimal", "id": "Id", "int": "Integer", "percent": "Decimal",
    "reference": "Id",
}  # fmt: skip


def columns(context: Context, text: str) -> dict[str, Any]:
    """The columns of a query; what is wrong with it is refused as when it runs."""
    query = parse.parse(text)
    scope = clauses.scope_of(context, query, text)
    clauses.where(query, scope)
    found = [] if query.counted else _of_query(query, scope)
    return {
        "columnMetadata": found,
        "entityName": scope.sobject.name,
        "groupBy": bool(query.group),
        "idSelected": any(one["columnName"] == "Id" for one in found),
        "keyPrefix": scope.sobject.prefix,
    }


def _of_query(query: Query, scope: Scope) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    unnamed = 0
    for item in query.selected:
        match item:
            case Fields(which, _):
                every = scope.sobject.fields.values()
                chosen = (f for f in every if which == "all" or f.custom == (which == "custom"))
                made += [_of_field(field) for field in chosen]
            case TypeOf():
                made.append(_column(item.relationship))
            case Selected(what=Query() as inner):
                sobject, reference = scope.child(inner)
                made.append(_of_children(scope, inner, sobject, reference))
            case Selected(what=Call() as call, alias=alias):
                name = alias
                if name is None and call.aggregates:
                    name, unnamed = f"expr{unnamed}", unnamed + 1
                made.append(_of_call(scope, call, name))
            case Selected(what=Ref() as ref, alias=str(alias)):  # of a grouped query
                field = scope.resolve(ref).field
                named = {"columnName": alias, "displayName": field.name}
                made.append(_of_field(field) | named)
            case Selected(what=Ref() as ref):
                resolved = scope.resolve(ref)
                _place(made, resolved.names, _of_field(resolved.field), scope.sobject)
    return made


def _place(
    into: list[dict[str, Any]], names: tuple[str, ...], column: dict[str, Any], sobject: SObject
) -> None:
    """Adds a column below the parents that its path goes through."""
    for name in names[:-1]:
        above = next((one for one in into if one["columnName"] == name), None)
        if above is None:
            reference = sobject.relationship(name)
            key = reference.name if reference else None
            above = _column(name) | {"foreignKeyName": key}
            into.append(above)
        into = above["joinColumns"]
    into.append(column)


def _of_children(scope: Scope, query: Query, sobject: SObject, reference: Field) -> dict[str, Any]:
    inner = Scope(scope.context, sobject, scope.text, query.alias)
    inner.own(query.source)
    told = {"aggregate": True, "joinColumns": _of_query(query, inner)}
    return _column(str(reference.child)) | told


def _of_call(scope: Scope, call: Call, name: str | None) -> dict[str, Any]:
    inner = call
    while isinstance(inner.of, Call):
        inner = inner.of
    path = ".".join(inner.of.path) if isinstance(inner.of, Ref) else ""
    shown = f"{call.name}({path})"
    _, field = scope.call(call)
    return _of_field(field) | {
        "aggregate": call.aggregates,
        "columnName": name or path,
        "displayName": shown,
        "insertable": False,
        "updatable": False,
    }


def _of_field(field: Field) -> dict[str, Any]:
    told = {
        "apexType": _APEX.get(field.type, "String"),
        "booleanType": field.type == "boolean",
        "custom": field.custom,
        "insertable": field.createable,
        "numberType": field.type in NUMBER_TYPES,
        "textType": field.is_text,
        "updatable": field.updateable,
    }
    return _column(field.name) | told


def _column(name: str) -> dict[str, Any]:
    return {
        "aggregate": False,
        "apexType": None,
        "booleanType": False,
        "columnName": name,
        "custom": False,
        "displayName": name,
        "foreignKeyName": None,
        "insertable": False,
        "joinColumns": [],
        "numberType": False,
        "textType": False,
        "updatable": False,
    }
