"""What a SOQL query says, as a tree of plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

AGGREGATES: Final = frozenset({"count", "count_distinct", "sum", "avg", "min", "max", "grouping"})
Kind = Literal["string", "number", "date", "datetime", "boolean", "null", "relative"]


@dataclass(frozen=True, slots=True)
class Ref:
    """A field by its path, `Account.Owner.Name`, and where it stands in the text."""

    path: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function of a field, or of another function; `name` in lower case."""

    name: str
    of: Ref | Call
    at: int

    @property
    def aggregates(self) -> bool:
        """Whether it makes one value of many rows, itself or what it is of."""
        inner = isinstance(self.of, Call) and self.of.aggregates
        return inner or self.name in AGGREGATES


@dataclass(frozen=True, slots=True)
class Selected:
    """One item of the SELECT list; `alias` only where groups are selected."""

    what: Ref | Call | Query
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """`FIELDS(ALL)`, `STANDARD` or `CUSTOM`, in lower case."""

    which: str
    at: int


@dataclass(frozen=True, slots=True)
class TypeOf:
    """`TYPEOF Owner WHEN User THEN ... ELSE ... END`: what is selected of each kind of parent."""

    relationship: str
    cases: tuple[tuple[str, tuple[Ref, ...]], ...]
    default: tuple[Ref, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Value:
    """A literal; text is unescaped, everything else as written."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Compare:
    """`operand operator value`; the operator is a sign or `like`."""

    operand: Ref | Call
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class Among:
    """`operand [not] in (...)`: literals, or what a query finds."""

    operand: Ref | Call
    values: tuple[Value, ...] | Query
    negated: bool


@dataclass(frozen=True, slots=True)
class Includes:
    """`operand includes|excludes ('A;B', 'C')`, of a field with several values."""

    operand: Ref | Call
    values: tuple[Value, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Not:
    """Everything but `condition`."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Join:
    """Conditions joined by `and` or by `or`."""

    word: Literal["AND", "OR"]
    conditions: tuple[Condition, ...]


Condition = Compare | Among | Includes | Not | Join


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of ORDER BY."""

    operand: Ref | Call
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query. `counted` is `SELECT COUNT()`; `purposes` what follows FOR, in lower case."""

    selected: tuple[Selected | Fields | TypeOf, ...]
    counted: bool
    source: str
    source_at: int
    alias: str | None
    where: Condition | None
    group: tuple[Ref | Call, ...]
    having: Condition | None
    order: tuple[Sort, ...]
    limit: int | None
    offset: int
    using: str | None = None
    purposes: frozenset[str] = frozenset()
