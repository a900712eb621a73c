"""What a query's names and conditions are in SQL: joins for parents, parameters for literals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator import columns, ids, soql_dates
from provisioner.emulator.describe import NUMBER_TYPES
from provisioner.emulator.errors import SalesforceError
from provisioner.emulator.soql import refusal
from provisioner.emulator.soql_tree import (
    Among,
    Call,
    Compare,
    Condition,
    Join,
    Not,
    Query,
    Ref,
    Value,
)
from provisioner.emulator.store import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.emulator.describe import Catalog, Field, SObject
    from provisioner.emulator.store import Org

_MOST_PARENTS: Final = 5  # levels of child-to-parent (SOQL guide)
_ADVICE: Final = " Please reference your WSDL or the describe call for the appropriate names."
_SQL_CALLS: Final = {
    "count": "COUNT({})", "count_distinct": "COUNT(DISTINCT {})", "sum": "SUM({})",
    "avg": "AVG({})", "min": "MIN({})", "max": "MAX({})",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Context:
    """Where queries run: the org and what it shows, the base of URLs, the user asking.

    `base` is `/services/data/vXX.0`; `deleted` includes deleted rows.
    """

    org: Org
    known: Catalog
    base: str
    user_id: str
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """A field that a path names: its names as described, and the table it is read from."""

    names: tuple[str, ...]
    field: Field
    table: SObject
    alias: str

    @property
    def sql(self) -> str:
        return columns.expression(self.table.name, self.field, self.alias)


class Scope:
    """The names of one query: its object, and the parents that its paths reach."""

    def __init__(
        self, context: Context, sobject: SObject, text: str, alias: str | None = None
    ) -> None:
        self.context = context
        self.sobject = sobject
        self.text = text
        self.root = "t0"
        self._own_names = {name.lower() for name in (alias, sobject.name) if name}
        self._joins: list[str] = []
        self._parents: dict[tuple[str, ...], tuple[str, SObject]] = {(): (self.root, sobject)}

    def tables(self) -> str:
        """The FROM clause; complete once every path has been resolved."""
        return " ".join([f'FROM "{self.sobject.name}" AS {self.root}', *self._joins])

    def resolve(self, ref: Ref) -> Resolved:
        """What a path means; raises INVALID_FIELD that points at it."""
        path = ref.path
        if len(path) > 1 and path[0].lower() in self._own_names:
            path = path[1:]
        if len(path) > _MOST_PARENTS + 1:
            raise self.refuse(ref.at, "a field path has at most five relationships")  # guess
        names: tuple[str, ...] = ()
        for part in path[:-1]:
            names = self._enter(names, part, ref)
        alias, table = self._parents[names]
        found = table.field(path[-1])
        if found is None:
            raise self.refuse(
                ref.at,
                f"No such column '{path[-1]}' on entity '{table.name}'. If you are attempting to"
                " use a custom field, be sure to append the '__c' after the custom field name."
                + _ADVICE,
            )
        return Resolved((*names, found.name), found, table, alias)

    def parent(self, names: tuple[str, ...]) -> tuple[str, SObject]:
        """The alias and object of a parent that a resolved path goes through."""
        return self._parents[names]

    def call(self, call: Call) -> tuple[str, Field]:
        """The SQL of an aggregate function, and the field it is of."""
        of = self.resolve(call.of)
        if not of.field.aggregatable:
            raise self.refuse(
                call.at,
                f"field {of.field.name} does not support aggregate operator {call.name.upper()}",
                code="MALFORMED_QUERY",
            )
        return _SQL_CALLS[call.name].format(of.sql), of.field

    def child(self, query: Query) -> tuple[SObject, Field]:
        """The object and reference field behind a child relationship in FROM."""
        for sobject, field in self.context.known.children(self.sobject.name):
            if field.child and field.child.lower() == query.source.lower():
                return sobject, field
        raise self.refuse(
            query.source_at,
            f"Didn't understand relationship '{query.source}' in FROM part of query call. If you"
            " are attempting to use a custom relationship, be sure to append the '__r' after the"
            " custom relationship name." + _ADVICE,
            code="INVALID_TYPE",
        )

    def refuse(self, at: int, message: str, *, code: str = "INVALID_FIELD") -> SalesforceError:
        """A refusal that points into the query."""
        return refusal(code, self.text, at, message)

    def _enter(self, names: tuple[str, ...], part: str, ref: Ref) -> tuple[str, ...]:
        alias, table = self._parents[names]
        field = table.relationship(part)
        parent = _parent_object(self.context.known, field) if field else None
        if field is None or parent is None:
            raise self.refuse(
                ref.at,
                f"Didn't understand relationship '{part}' in field path. If you are attempting to"
                " use a custom relationship, be sure to append the '__r' after the custom"
                " relationship name." + _ADVICE,
            )
        assert field.relationship is not None
        here = (*names, field.relationship)
        if here not in self._parents:
            joined = f"t{len(self._parents)}"
            self._parents[here] = (joined, parent)
            self._joins.append(
                f'LEFT JOIN "{parent.name}" AS {joined} ON {joined}."Id" = {alias}."{field.name}"'
            )
        return here


def _parent_object(known: Catalog, field: Field) -> SObject | None:
    """The object a relationship reaches; of several kinds of owner, the users."""
    names = ("User",) if "User" in field.references else field.references
    return next((found for name in names if (found := known.get(name))), None)


@dataclass(slots=True)
class Filter:
    """Conditions as SQL; `params` grows in the order of the question marks.

    `inner` gives the SQL of a query inside IN (...).
    """

    scope: Scope
    inner: Callable[[Scope, Query], tuple[str, list[Any]]]
    params: list[Any]

    def sql(self, condition: Condition) -> str:
        """The SQL of one condition."""
        match condition:
            case Join(word, conditions):
                return "(" + f" {word} ".join(self.sql(one) for one in conditions) + ")"
            case Not(inner):
                # A comparison with null is unknown in SQL and false in SOQL.
                return f"({self.sql(inner)}) IS NOT TRUE"
            case Compare(operand, operator, value):
                return self._compare(operand, operator, value)
            case Among(operand, Query() as query, negated):
                column, _ = self._operand(operand)
                inner_sql, params = self.inner(self.scope, query)
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
            if field is None or not field.is_text:
                raise self._wrong_operator(operand, field)
            self.params.append(value.text)
            return f"COALESCE({column} LIKE ? ESCAPE '\\', 0)"
        if value.kind == "relative":
            return self._relative(operand, column, field, operator, value)
        bound = self._bind(operand, field, value)
        if bound is None:
            return f"{column} IS {'NOT ' if operator == '!=' else ''}NULL"
        if operator in {"<", ">", "<=", ">="} and field and field.type in {"id", "reference"}:
            raise self._wrong_operator(operand, field)
        self.params.append(bound)
        if operator == "!=":
            return f"{column} IS NOT ?"
        return f"COALESCE({column} {operator} ?, 0)" if operator != "=" else f"{column} = ?"

    def _among(self, operand: Ref | Call, values: tuple[Value, ...], *, negated: bool) -> str:
        column, field = self._operand(operand)
        bound = [self._bind(operand, field, value) for value in values]
        known = [value for value in bound if value is not None]
        self.params += known
        marks = ", ".join("?" * len(known))
        null = len(known) < len(bound)
        if negated:
            return f"({column} IS {'NOT ' if null else ''}NULL " + (
                f"AND {column} NOT IN ({marks}))" if null else f"OR {column} NOT IN ({marks}))"
            )
        return f"({column} IN ({marks})" + (f" OR {column} IS NULL)" if null else ")")

    def _operand(self, operand: Ref | Call) -> tuple[str, Field | None]:
        """The SQL of the left side, and its field; None for a count."""
        if isinstance(operand, Call):
            sql, field = self.scope.call(operand)
            return sql, None if operand.name.startswith("count") else field
        found = self.scope.resolve(operand)
        if not found.field.filterable:
            raise self.scope.refuse(
                operand.at, f"field '{found.field.name}' can not be filtered in a query call"
            )
        return found.sql, found.field

    def _bind(self, operand: Ref | Call, field: Field | None, value: Value) -> Any:
        """The parameter for a literal, None for null; refuses a literal of another type."""
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
            case "datetime":
                return timestamp(parse_moment(value.text))
            case "string" if field is not None and field.type in {"id", "reference"}:
                id_ = ids.normal(value.text)
                if id_ is None:
                    raise self.scope.refuse(
                        operand.at,
                        f"invalid ID field: {value.text}",
                        code="INVALID_QUERY_FILTER_OPERATOR",
                    )
                return id_
            case _:
                return value.text

    def _relative(
        self, operand: Ref | Call, column: str, field: Field | None, operator: str, value: Value
    ) -> str:
        if field is None or field.type not in {"date", "datetime"}:
            raise self._wrong_type(operand, field, quoted=field is not None and field.is_text)
        context = self.scope.context
        user = context.org.get("User", context.user_id) or {}
        zone = user.get("TimeZoneSidKey")
        today = context.org.now().astimezone(soql_dates.zone_of(zone)).date()
        first, after = soql_dates.days(value.text, today)
        if field.type == "date":
            start, end = first.isoformat(), after.isoformat()
        else:
            start, end = (timestamp(soql_dates.midnight(day, zone)) for day in (first, after))
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

    def _wrong_type(
        self, operand: Ref | Call, field: Field | None, *, quoted: bool
    ) -> SalesforceError:
        name = field.name if field else "count"
        kind = {"int": "int", "datetime": "dateTime"}.get(
            field.type if field else "int", field.type if field else "int"
        )
        if quoted:
            kind = "string"
        enclosed = "should be enclosed in quotes" if quoted else "should not be enclosed in quotes"
        return self.scope.refuse(
            operand.at,
            f"value of filter criterion for field '{name}' must be of type {kind} and {enclosed}",
        )

    def _wrong_operator(self, operand: Ref | Call, field: Field | None) -> SalesforceError:
        kind = field.type if field else "count"
        return self.scope.refuse(
            operand.at, f"invalid operator on {kind} field", code="INVALID_QUERY_FILTER_OPERATOR"
        )


def parse_moment(text: str) -> datetime:
    """A date and time as SOQL and JSON write them, with `Z` or an offset."""
    plain = text.strip().replace("Z", "+0000").replace("z", "+0000")
    form = "%Y-%m-%dT%H:%M:%S.%f%z" if "." in plain else "%Y-%m-%dT%H:%M:%S%z"
    return datetime.strptime(plain, form).astimezone(UTC)


def _literal_kind(field: Field | None) -> str:
    match field.type if field else "int":
        case "boolean" | "date" | "datetime" as kind:
            return kind
        case kind if kind in NUMBER_TYPES:
            return "number"
        case _:
            return "string"
