"""The rows of an answer, kept in a third of the memory that their JSON takes. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, overload

from provisioner.model.json_value import Json
from provisioner.model.resource import Scalar
from provisioner.org.shapes import JsonObject, UnexpectedError, mapping

D = TypeVar("D")

_MOST_REMEMBERED = 5_000


class Record(Mapping[str, Scalar]):
    """One row: its values, and the positions of the fields, which all rows share."""

    __slots__ = ("_positions", "_values")

    def __init__(self, positions: Mapping[str, int], values: tuple[Scalar, ...]) -> None:
        self._positions = positions
        self._values = values

    def __getitem__(self, name: str) -> Scalar:
        return self._values[self._positions[name]]

    @overload
    def get(self, name: str, /) -> Scalar | None: ...
    @overload
    def get(self, name: str, /, default: Scalar | D) -> Scalar | D: ...
    def get(self, name: str, default: Scalar | D = None) -> Scalar | D:
        position = self._positions.get(name)
        return default if position is None else self._values[position]

    def __contains__(self, name: object) -> bool:
        return name in self._positions

    def __iter__(self) -> Iterator[str]:
        return iter(self._positions)

    def __len__(self) -> int:
        return len(self._positions)

    def __repr__(self) -> str:
        return repr(dict(self))


class RowCollector:
    """Collects the rows of one query: the fields that it names, of the rows that match `any_of`.

    `any_of` is that of a `Select` whose SOQL asks for more rows; values are compared without
    case, as in SOQL. `types` has the types of fields that come as text.
    """

    def __init__(
        self,
        fields: Sequence[str],
        any_of: Sequence[tuple[str, Sequence[str]]] = (),
        types: Mapping[str, str] | None = None,
    ) -> None:
        named = dict.fromkeys((*fields, *(field for field, _ in any_of), "Id"))
        self.fields = tuple(named)
        self._id = self.fields.index("Id")
        self._kept = len(dict.fromkeys(fields))
        self._positions = {field: n for n, field in enumerate(self.fields[: self._kept])}
        self._paths = [tuple(field.split(".")) for field in self.fields]
        # The same person, profile or day is in very many rows: it is kept once.
        self._seen: list[dict[str, str]] = [{} for _ in self.fields]
        self._conditions = [
            (self.fields.index(field), frozenset(v.strip().casefold() for v in values))
            for field, values in any_of
        ]
        self._types = [_types_of(field) for field in self.fields]
        self._not_text = [n for n, types in enumerate(self._types) if str not in types]
        self._reads = [_READS.get((types or {}).get(field, ""), str) for field in self.fields]
        self._records: dict[str, Record] = {}

    def add(self, records: Iterable[JsonObject]) -> None:
        """Add the JSON records of a page. Raises an exception for records of another form."""
        # No field has a dotted name: it is a path through the parents.
        named = list(zip(self.fields, self._paths, strict=True))
        for record in records:
            values = [
                record[name] if name in record else _value(record, path) for name, path in named
            ]
            for position in self._not_text:
                if type(values[position]) is str:
                    raise UnexpectedError(f"`{self.fields[position]}` is a text")
            self._keep(values)

    def add_csv(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        """Add the rows of a CSV file with these columns, and return their number.

        Raises LookupError or ValueError for a file of another form.
        """
        by_name = {name.casefold(): position for position, name in enumerate(header)}
        columns = [
            (by_name[field.casefold()], read)
            for field, read in zip(self.fields, self._reads, strict=True)
        ]
        count = 0
        for row in rows:
            if len(row) != len(header):
                raise UnexpectedError("a row of the CSV does not match its header")
            self._keep([read(row[n]) if row[n] else None for n, read in columns])
            count += 1
        return count

    def rows(self, *, in_order_added: bool = False) -> list[Record]:
        """Each row once, by Id or in the order in which they were added."""
        ids = self._records if in_order_added else sorted(self._records)
        return [self._records[id_] for id_ in ids]

    def _keep(self, values: Sequence[Json]) -> None:
        id_ = values[self._id]
        if type(id_) is not str:
            raise UnexpectedError("a record has no Id")
        if self._conditions and not self._matches(values):
            return
        scalars: list[Scalar] = []
        for n, value in enumerate(values):
            if type(value) is str:
                seen = self._seen[n]
                if len(seen) < _MOST_REMEMBERED:
                    scalars.append(seen.setdefault(value, value))
                else:
                    scalars.append(seen.get(value, value))
            elif value is None:
                scalars.append(None)
            elif type(value) not in self._types[n]:
                raise UnexpectedError(f"`{self.fields[n]}` has a value of another type")
            else:
                # A compound field, such as an address, is an object.
                scalars.append(value if isinstance(value, (int, float)) else json.dumps(value))
        self._records[id_] = Record(self._positions, tuple(scalars[: self._kept]))

    def _matches(self, values: Sequence[Json]) -> bool:
        return any(
            values[n] is not None and str(values[n]).strip().casefold() in texts
            for n, texts in self._conditions
        )


_TEXT = frozenset({str})
_PLAIN = frozenset({str, bool, int, float})


def _types_of(field: str) -> frozenset[type]:
    """The types that the values of a field can have in JSON, as far as its name shows.

    An address and a custom geolocation field are objects. (Object Reference, "Compound Fields")
    """
    name = field.rpartition(".")[2]
    if name.endswith(("__c", "Address")):
        return _PLAIN | {dict}
    if name in ("TotalLicenses", "UsedLicenses"):
        return frozenset({int})
    if name.endswith(_TEXTS):
        return _TEXT
    return frozenset({bool}) if re.match(r"Is[A-Z]", name) else _PLAIN


# Standard fields have the same form in all objects.
_TEXTS = ("Id", "Name", "name", "Email", "Key", "Type", "Status", "Date", "Time", "Ip")


def _value(record: JsonObject, path: Sequence[str]) -> Json:
    """The value at a path. Salesforce spells names as in the schema, not as in the query."""
    value: Json = record
    for name in path:
        if value is None:
            return None
        parent = mapping(value)
        if name in parent:
            value = parent[name]
        else:
            value = next(v for n, v in parent.items() if n.casefold() == name.casefold())
    return value


def _boolean(cell: str) -> bool:
    return cell.casefold() == "true"


def _number(cell: str) -> int | float:
    number = float(cell)
    return int(number) if number.is_integer() else number


_READS: Mapping[str, Callable[[str], Scalar]] = {
    "boolean": _boolean,
    **dict.fromkeys(("int", "double", "currency", "percent", "long"), _number),
}
