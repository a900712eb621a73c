"""What a query's names and conditions are in SQL: joins for parents, parameters for literals."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as default
from typing import TYPE_CHECKING, Final

from provisioner.emulator.base import timestamps
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.schema.objects import NUMBER_TYPES, Field
from provisioner.emulator.soql import functions
from provisioner.emulator.soql import names as soql_names
from provisioner.emulator.soql.parse import refusal
from provisioner.emulator.soql.tree import Call, Query, Ref
from provisioner.emulator.store import tables as columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.objects import Catalog, SObject
    from provisioner.emulator.schema.virtual import Rows
    from provisioner.emulator.store.org import Org

_MOST_PARENTS: Final = 5  # levels of child-to-parent (SOQL guide)
_ADVICE: Final = " Please reference your WSDL or the describe call for the appropriate names."
_SQL_CALLS: Final = {
    "count": "COUNT({})", "count_distinct": "COUNT(DISTINCT {})", "sum": "SUM({})",
    "avg": "AVG({})", "min": "MIN({})", "max": "MAX({})",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Context:
    """Where queries run: the org and what it shows, the base of URLs, the user asking.

    `base` is `/services/data/vXX.0`; `deleted` includes deleted rows; `sources` is the SQL of the
    rows of objects that have no table or whose rows are not all shown, or what makes it.
    """

    org: Org
    known: Catalog
    base: str
    user_id: str
    deleted: bool = False
    sources: Mapping[str, Rows] = default(default_factory=dict)

    def rows(self, sobject: SObject) -> str:
        """The SQL of the rows of an object."""
        found = self.sources.get(sobject.name)
        return found() if callable(found) else found or f'"{sobject.name}"'


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

    @property
    def zone(self) -> str | None:
        """The time zone of the user who asks."""
        user = self.context.org.some("User", self.context.user_id, "TimeZoneSidKey")
        return user["TimeZoneSidKey"] if user else None

    def own(self, name: str) -> None:
        """Lets paths begin with this name of the query's own rows, too."""
        self._own_names.add(name.lower())

    def tables(self) -> str:
        """The FROM clause; complete once every path has been resolved."""
        return " ".join([f"FROM {self.context.rows(self.sobject)} AS {self.root}", *self._joins])

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

    def value(self, operand: Ref | Call) -> tuple[str, Field]:
        """The SQL of a field or function, and a field of the type it has."""
        if isinstance(operand, Call):
            return self.call(operand)
        found = self.resolve(operand)
        return found.sql, found.field

    def call(self, call: Call, *, inside: bool = False) -> tuple[str, Field]:
        """The SQL of a function, and a field of the type it has; `inside` another function."""
        self._served(call, inside=inside)
        if isinstance(call.of, Call):
            sql, of = self.call(call.of, inside=True)
        else:
            sql, of = self.value(call.of)
        match call.name:
            case "format":
                return sql, of
            case "tolabel":
                if of.type not in functions.LABELLED:
                    raise self.refuse(call.at, f"field {of.name} does not support toLabel")  # guess
                return functions.label(of, sql)
            case "converttimezone":
                if of.type != "datetime":
                    raise self.refuse(call.at, f"field {of.name} does not support convertTimezone")
                return f"zoned({sql}, '{timestamps.name_of(self.zone)}')", of
            case name if name in functions.DATE_PARTS:
                if of.type != "datetime" and (of.type != "date" or name in functions.OF_MOMENTS):
                    message = f"field {of.name} does not support {name.upper()}"  # guess
                    raise self.refuse(call.at, message)
                return functions.part(name, of, sql)
            case _:
                return self._aggregate(call, sql, of)

    def _served(self, call: Call, *, inside: bool) -> None:
        message = None
        match call.name:
            case "convertcurrency":
                # words as remembered of orgs with one currency [U]
                message = "convertCurrency() is only valid in a multi-currency organization"
            case "grouping":  # words: guess
                message = "GROUPING is only allowed with GROUP BY ROLLUP or GROUP BY CUBE"
            case "converttimezone" if not inside:  # SOQL guide: in a date function; words: guess
                message = "convertTimezone can only be used in a date function"
            case name if isinstance(call.of, Call) and call.of.name == "converttimezone":
                if name not in functions.DATE_PARTS:  # words: guess
                    message = f"function convertTimezone can not be used in {name}"
            case name if isinstance(call.of, Call) and "format" in {call.of.name, name}:
                if call.of.name == "format":
                    message = f"function format can not be used in {name}"  # guess
            case name if isinstance(call.of, Call):
                message = f"function {call.of.name} can not be used in {name}"  # guess
        if message is not None:
            raise self.refuse(call.at, message, code="MALFORMED_QUERY")

    def _aggregate(self, call: Call, sql: str, of: Field) -> tuple[str, Field]:
        adds = call.name in {"sum", "avg"}
        if not of.aggregatable or (adds and of.type not in NUMBER_TYPES):
            raise self.refuse(
                call.at,
                f"field {of.name} does not support aggregate operator {call.name.upper()}",
                code="MALFORMED_QUERY",
            )
        made = of
        if call.name.startswith("count"):
            made = Field(name="count", type="int", label="count")
        elif call.name == "avg":
            made = Field(name=of.name, type="double", label=of.label, scale=of.scale)
        return _SQL_CALLS[call.name].format(sql), made

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

    def ungrouped(self, operand: Ref | Call, what: str = "Field") -> SalesforceError:
        """The refusal of a field that a grouped query does not group by."""
        inner = operand
        while isinstance(inner, Call):
            inner = inner.of
        return self.refuse(
            operand.at,
            f"{what} must be grouped or aggregated: {'.'.join(inner.path)}",
            code="MALFORMED_QUERY",
        )

    def refuse(self, at: int, message: str, *, code: str = "INVALID_FIELD") -> SalesforceError:
        """A refusal that points into the query."""
        return refusal(code, self.text, at, message)

    def _enter(self, names: tuple[str, ...], part: str, ref: Ref) -> tuple[str, ...]:
        alias, table = self._parents[names]
        field = table.relationship(part)
        known = self.context.known
        parent = _parent_object(known, field) if field else None
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
            several = parent.name == soql_names.NAME
            rows = soql_names.table(known, field) if several else self.context.rows(parent)
            self._joins.append(
                f'LEFT JOIN {rows} AS {joined} ON {joined}."Id" = {alias}."{field.name}"'
            )
        return here


def _parent_object(known: Catalog, field: Field) -> SObject | None:
    """The object a relationship reaches; `Name` where it may be of several kinds."""
    found = [parent for name in field.references if (parent := known.get(name))]
    if len(field.references) > 1 and found:
        return soql_names.name_object(known)
    return found[0] if found else None
