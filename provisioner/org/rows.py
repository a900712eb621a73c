"""The rows of an answer, kept in a third of the memory that the JSON of them takes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from provisioner.org.shapes import UnexpectedError

_REMEMBERED = 5_000


class Record(Mapping[str, Any]):
    """One row: its values, and the places of the fields among them, which all rows share."""

    __slots__ = ("_places", "_values")

    def __init__(self, places: Mapping[str, int], values: tuple[Any, ...]) -> None:
        self._places = places
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values[self._places[name]]

    def get(self, name: str, default: Any = None) -> Any:
        place = self._places.get(name)
        return default if place is None else self._values[place]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return repr(dict(self))


class Sieve:
    """What becomes of the rows of one query: the fields that are wanted, of the rows that are.

    `any_of` is that of a `Select`, where the query asks for more rows than that; a value is
    compared without case, as SOQL does. `types` are the types of fields that come as text.
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
        self._places = {field: place for place, field in enumerate(self.fields[: self._kept])}
        self._paths = [tuple(field.split(".")) for field in self.fields]
        # The same person, profile or day stands in very many rows: it is kept once.
        self._seen: list[dict[str, str]] = [{} for _ in self.fields]
        self._wanted = [
            (self.fields.index(field), frozenset(v.strip().casefold() for v in values))
            for field, values in any_of
        ]
        self._types = [_types_of(field) for field in self.fields]
        self._not_text = [place for place, types in enumerate(self._types) if str not in types]
        self._reads = [_READS.get((types or {}).get(field, ""), str) for field in self.fields]
        self._found: dict[str, Record] = {}

    def add(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Take the JSON records of a page. Raises an exception for records of another form."""
        # A dotted name is the name of nothing: that is found part by part.
        named = list(zip(self.fields, self._paths, strict=True))
        for record in records:
            values = [
                record[name] if name in record else _value(record, path) for name, path in named
            ]
            for place in self._not_text:
                if type(values[place]) is str:
                    raise UnexpectedError(f"`{self.fields[place]}` is a text")
            self._keep(values)

    def add_csv(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        """Take the rows of a CSV file with these columns, and count them.

        Raises LookupError or ValueError for a file of another form.
        """
        by_name = {name.casefold(): place for place, name in enumerate(header)}
        columns = [
            (by_name[field.casefold()], read)
            for field, read in zip(self.fields, self._reads, strict=True)
        ]
        count = 0
        for row in rows:
            if len(row) != len(header):
                raise UnexpectedError("a row of the CSV does not match its header")
            self._keep([read(row[place]) if row[place] else None for place, read in columns])
            count += 1
        return count

    def rows(self, *, as_found: bool = False) -> list[Record]:
        """Each row once, by Id or in the order in which they were taken."""
        return [self._found[id_] for id_ in (self._found if as_found else sorted(self._found))]

    def _keep(self, values: list[Any]) -> None:
        if type(values[self._id]) is not str:
            raise UnexpectedError("a record has no Id")
        if self._wanted and not self._is_wanted(values):
            return
        for place, value in enumerate(values):
            if type(value) is str:
                seen = self._seen[place]
                if len(seen) < _REMEMBERED:
                    values[place] = seen.setdefault(value, value)
                else:
                    values[place] = seen.get(value, value)
            elif value is not None and type(value) not in self._types[place]:
                raise UnexpectedError(f"`{self.fields[place]}` has a value of another type")
        self._found[values[self._id]] = Record(self._places, tuple(values[: self._kept]))

    def _is_wanted(self, values: Sequence[Any]) -> bool:
        return any(
            values[place] is not None and str(values[place]).strip().casefold() in wanted
            for place, wanted in self._wanted
        )


_TEXT = frozenset({str})
_PLAIN = frozenset({str, bool, int, float})


def _types_of(field: str) -> frozenset[type]:
    """The types that the values of a field can have in JSON, as far as its name tells.

    An address and the place of a custom geolocation field are objects. (Object Reference,
    "Compound Fields")
    """
    name = field.rpartition(".")[2]
    if name.endswith(("__c", "Address")):
        return _PLAIN | {dict}
    if name in ("TotalLicenses", "UsedLicenses"):
        return frozenset({int})
    if name.endswith(_TEXTS):
        return _TEXT
    return frozenset({bool}) if re.match(r"Is[A-Z]", name) else _PLAIN


# Of standard fields, in the form that they have in all objects.
_TEXTS = ("Id", "Name", "name", "Email", "Key", "Type", "Status", "Date", "Time", "Ip")


def _value(record: Any, path: Sequence[str]) -> Any:
    """What stands at a path; Salesforce spells names its own way, whatever the query's was."""
    for name in path:
        if record is None:
            return None
        if name in record:
            record = record[name]
        else:
            record = next(v for n, v in record.items() if n.casefold() == name.casefold())
    return record


def _boolean(cell: str) -> Any:
    return cell.casefold() == "true"


def _number(cell: str) -> Any:
    number = float(cell)
    return int(number) if number.is_integer() else number


_READS: Mapping[str, Callable[[str], Any]] = {
    "boolean": _boolean,
    **dict.fromkeys(("int", "double", "currency", "percent", "long"), _number),
}
