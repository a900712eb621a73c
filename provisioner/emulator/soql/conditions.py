"""What a query's conditions are in SQL: operators, literals as parameters, semi-joins."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base import collation, ids, timestamps
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.base.timestamps import parse_moment, timestamp
from provisioner.emulator.schema.objects import NUMBER_TYPES, Field
from provisioner.emulator.soql import dates
from provisioner.emulator.soql.scope import Scope
from provisioner.emulator.soql.tree import (
    Among,
    Call,
    Compare,
    Condition,
    Includes,
    Join,
    Not,
    Query,
    Ref,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_STRING: Final = 4000  # in WHERE; fact 730
_MANY: Final = 500  # literals of one list; more are handed over in one parameter


@dataclass(slots=True)
class Filter:
    """Conditions as SQL; `params` grows in the order of the question marks.

    `inner` gives the SQL of a query inside IN (...) behind a field. `groups` is None in WHERE, in
    HAVING what the rows are grouped by.
    """

    scope: Scope
    inner: Callable[[Scope, Query, Ref | Call], tuple[str, list[Any]]]
    params: list[Any]
    groups: list[str] | None = None

    def sql(self, condition: Condition) -> str:
        """The SQL of one condition."""
        match condition:
            case Join(word, conditions):
                return _joined(word, [self.sql(one) for one in conditions])
            case Includes(operand, values, negated):
                return self._includes(operand, values, negated=negated)
            case Not(inner):
                # A comparison with null is unknown in SQL and false in SOQL.
                return f"({self.sql(inner)}) IS NOT TRUE"
            case Compare(operand, operator, value):
                return self._compare(operand, operator, value)
            case Among(operand, Query() as query, negated):
                column, field = self._operand(operand)
                if field.type not in {"id", "reference"}:
                    raise self._wrong_operator(operand, field)
                inner_sql, params = self.inner(self.scope, query, operand)
                self.params += params
                if negated:
                    return f"({column} IS NULL OR {column} NOT IN ({inner_sql}))"
                return f"{column} IN ({inner_sql})"
            case Among(operand, tuple() as values, negated):
                return self._among(operand, values, negated=negated)
        raise AssertionError("every condition is one of these")

    def _compare(self, operand: Ref | Call, operator: str, value: Value) -> str:
        column, field = self._operand(operand)
        if operator == "like":
            if not field.is_text:
                raise self._wrong_operator(operand, field)
            self._measure(operand, value)
            if _beyond_ascii(field, value.text):
                self.params.append(collation.fold(value.text))
                return f"COALESCE(fold({column}) LIKE ? ESCAPE '\\', 0)"
            self.params.append(value.text)
            return f"COALESCE({column} LIKE ? ESCAPE '\\', 0)"
        if value.kind == "relative":
            return self._relative(operand, column, field, operator, value)
        bound = self._bind(operand, field, value)
        if bound is None:
            return f"{column} IS {'NOT ' if operator == '!=' else ''}NULL"
        # Ids of their own are in an order: Bulk API guide, "PK Chunking Header" [V]
        if operator in {"<", ">", "<=", ">="} and field.type == "reference":
            raise self._wrong_operator(operand, field)
        if field.is_text and operator not in {"=", "!="}:
            self.params.append(collation.sortkey(bound))
            return f"COALESCE(sortkey({column}) {operator} ?, 0)"
        if isinstance(bound, str) and _beyond_ascii(field, bound):
            return self._spelt(column, bound, negated=operator == "!=")
        self.params.append(bound)
        if operator == "!=":
            return f"{column} IS NOT ?"
        plain = operator == "=" or column == f'{self.scope.root}."Id"'  # so that its index is used
        return f"{column} {operator} ?" if plain else f"COALESCE({column} {operator} ?, 0)"

    def _among(self, operand: Ref | Call, values: tuple[Value, ...], *, negated: bool) -> str:
        column, field = self._operand(operand)
        bound = [self._bind(operand, field, value) for value in values]
        known = [value for value in bound if value is not None]
        odd = [one for one in known if isinstance(one, str) and _beyond_ascii(field, one)]
        if odd:
            spelt = [collation.spellings(one) for one in odd]
            if any(ways is None for ways in spelt):  # every row is looked at
                column, known = f"fold({column})", [collation.fold(one) for one in known]
            else:
                known += [way for ways in spelt for way in ways or ()]
        if len(known) > _MANY:
            self.params.append(json.dumps(known))
            marks = "SELECT value FROM json_each(?)"
        else:
            self.params += known
            marks = ", ".join("?" * len(known))
        null = len(known) < len(bound)
        if negated:
            return f"({column} IS {'NOT ' if null else ''}NULL " + (
                f"AND {column} NOT IN ({marks}))" if null else f"OR {column} NOT IN ({marks}))"
            )
        return f"({column} IN ({marks})" + (f" OR {column} IS NULL)" if null else ")")

    def _spelt(self, column: str, text: str, *, negated: bool) -> str:
        """Equal to a text in any case of its letters, those beyond ASCII too."""
        ways = collation.spellings(text)
        if ways is None:
            self.params.append(collation.fold(text))
            return f"fold({column}) IS {'NOT ' if negated else ''}?"
        self.params += ways
        marks = ", ".join("?" * len(ways))
        if negated:
            return f"({column} IS NULL OR {column} NOT IN ({marks}))"
        return f"COALESCE({column} IN ({marks}), 0)"

    def _includes(self, operand: Ref | Call, values: tuple[Value, ...], *, negated: bool) -> str:
        """Any of the values, where `A;B` means both A and B (SOQL guide, INCLUDES)."""
        column, field = self._operand(operand)
        if field.type != "multipicklist":
            raise self._wrong_operator(operand, field)
        found = []
        for value in values:
            if value.kind != "string":
                raise self._wrong_type(operand, field, quoted=True)
            self._measure(operand, value)
            parts = value.text.split(";")
            self.params += [f";{part};" for part in parts]
            found.append(_joined("AND", [f"instr(';' || {column} || ';', ?) > 0" for _ in parts]))
        any_of = f"COALESCE({_joined('OR', found)}, 0)"
        return f"NOT {any_of}" if negated else any_of

    def _operand(self, operand: Ref | Call) -> tuple[str, Field]:
        """The SQL of the left side, and a field of its type."""
        if isinstance(operand, Call):
            if operand.aggregates and self.groups is None:  # text: guess
                message = "Aggregate functions are not allowed in WHERE"
                raise self.scope.refuse(operand.at, message, code="MALFORMED_QUERY")
            if operand.name == "format":
                message = "FORMAT is only allowed in SELECT"  # guess
                raise self.scope.refuse(operand.at, message, code="MALFORMED_QUERY")
            sql, field = self.scope.call(operand)
            grouped = operand.aggregates
        else:
            found = self.scope.resolve(operand)
            sql, field, grouped = found.sql, found.field, False
            if not field.filterable:
                raise self.scope.refuse(
                    operand.at, f"field '{field.name}' can not be filtered in a query call"
                )
        if self.groups is not None and not grouped and sql not in self.groups:
            raise self.scope.ungrouped(operand)
        return sql, field

    def _bind(self, operand: Ref | Call, field: Field, value: Value) -> Any:
        """The parameter for a literal, None for null; refuses a literal of another type."""
        self._measure(operand, value)
        if value.kind == "null" or (value.kind == "string" and not value.text):
            return None
        wanted = _literal_kind(field)
        if value.kind != wanted:
            raise self._wrong_type(operand, field, quoted=wanted == "string")
        match wanted:
            case "number":
                return float(value.text)
            case "boolean":
                return int(value.text == "true")
            case "date" | "datetime":
                try:
                    if wanted == "datetime":
                        return timestamp(parse_moment(value.text))
                    return date.fromisoformat(value.text).isoformat()
                except (ValueError, OverflowError):
                    raise self._no_such_day(operand, value) from None
            case _ if field.type in {"id", "reference"}:
                return self._id(operand, value.text)
            case _:
                return value.text

    def _measure(self, operand: Ref | Call, value: Value) -> None:
        if len(value.text) > _LONGEST_STRING:  # the limit [V], its code and text: guess
            message = f"string literals must be at most {_LONGEST_STRING} characters long"
            raise self.scope.refuse(operand.at, message, code="MALFORMED_QUERY")

    def _id(self, operand: Ref | Call, text: str) -> str:
        found = ids.normal(text)
        if found is None:
            raise self.scope.refuse(
                operand.at, f"invalid ID field: {text}", code="INVALID_QUERY_FILTER_OPERATOR"
            )
        return found

    def _relative(
        self, operand: Ref | Call, column: str, field: Field, operator: str, value: Value
    ) -> str:
        if field.type not in {"date", "datetime"}:
            raise self._wrong_type(operand, field, quoted=_literal_kind(field) == "string")
        context = self.scope.context
        zone = self.scope.zone
        today = context.org.now().astimezone(timestamps.zone_of(zone)).date()
        try:
            first, after = dates.days(value.text, today)
            if field.type == "date":
                start, end = first.isoformat(), after.isoformat()
            else:
                start, end = (timestamp(dates.midnight(day, zone)) for day in (first, after))
        except (ValueError, OverflowError):
            raise self._no_such_day(operand, value) from None
        match operator:
            case "=" | "!=":
                self.params += [start, end]
                within = f"({column} >= ? AND {column} < ?)"
                return within if operator == "=" else f"{within} IS NOT TRUE"
            case "<" | ">=":
                self.params.append(start)
                return f"{column} {operator} ?"
            case _:
                self.params.append(end)
                return f"{column} {'<' if operator == '<=' else '>='} ?"

    def _no_such_day(self, operand: Ref | Call, value: Value) -> SalesforceError:
        # code and text: guess
        message = f"date or time is outside the calendar: {value.text}"
        return self.scope.refuse(operand.at, message, code="INVALID_QUERY_FILTER_OPERATOR")

    def _wrong_type(self, operand: Ref | Call, field: Field, *, quoted: bool) -> SalesforceError:
        name = field.name
        kind = {"datetime": "dateTime"}.get(field.type, field.type)
        if quoted:
            kind = "string"
        enclosed = "should be enclosed in quotes" if quoted else "should not be enclosed in quotes"
        return self.scope.refuse(
            operand.at,
            f"value of filter criterion for field '{name}' must be of type {kind} and {enclosed}",
        )

    def _wrong_operator(self, operand: Ref | Call, field: Field) -> SalesforceError:
        return self.scope.refuse(
            operand.at,
            f"invalid operator on {field.type} field",
            code="INVALID_QUERY_FILTER_OPERATOR",
        )


def _beyond_ascii(field: Field, text: str) -> bool:
    """Whether SQLite's own comparison would heed the case of some letter."""
    return field.is_text and "caseSensitive" not in field.flags and not text.isascii()


def _joined(word: str, parts: list[str]) -> str:
    """Conditions in one, as a flat tree: SQLite takes no deep ones."""
    while len(parts) > 1:
        pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
        parts = [pair[0] if len(pair) == 1 else f"({pair[0]} {word} {pair[1]})" for pair in pairs]
    return f"({parts[0]})"


def _literal_kind(field: Field) -> str:
    match field.type:
        case "boolean" | "date" | "datetime" as kind:
            return kind
        case kind if kind in NUMBER_TYPES:
            return "number"
        case _:
            return "string"
