"""The CSV of the Bulk APIs: its dialects, what its columns mean, and how results are printed."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.base.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from provisioner.emulator.schema.objects import Field, SObject

# Names and characters: Bulk API 2.0 guide, "Create a Job", ColumnDelimiterEnum and LineEndingEnum.
DELIMITERS: Final[Mapping[str, str]] = {
    "BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t",
}  # fmt: skip
LINE_ENDINGS: Final[Mapping[str, str]] = {"LF": "\n", "CRLF": "\r\n"}

# "Bulk API and Bulk API 2.0 Limits and Allocations" and the same reader [V], as is that a field may
# have 131,072 characters, which is also where Python's reader stops. Older guides say 32,000.
_MOST_FIELDS: Final = 5_000
_MOST_IN_RECORD: Final = 400_000
_NULL: Final = "#N/A"  # an empty value is left alone: guide, "Valid CSV Record Rows"
_TRUE: Final = frozenset({"true", "yes", "y", "on", "1"})  # guide, "Valid Data Types: Boolean"
_FALSE: Final = frozenset({"false", "no", "n", "off", "0"})
_INTEGER: Final = re.compile(r"[+-]?\d+")
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)(Z|T\d\d:\d\d:\d\d.*)?")


class BatchError(Exception):
    """The whole data can not be processed; the text is the job's `errorMessage`."""


@dataclass(frozen=True, slots=True)
class Column:
    """What one column writes: a field, or the parent with that key."""

    name: str
    field: Field
    parent_type: str | None = None
    parent_key: str | None = None
    convert: Callable[[str], Any] = str


def read(text: str, delimiter: str, line_ending: str) -> Iterator[list[str]]:
    """The header, then the rows that are not blank; raises BatchError.

    What is wrong with the whole is raised after the last row at the latest, so rows count only
    once all of them were read. A byte order mark is part of the first name, as people find whose
    data has one [Q].
    """
    may_be_long = len(text) > _MOST_IN_RECORD
    width = count = longest = 0
    uneven = ""
    for row in _lines(text, DELIMITERS[delimiter], line_ending):
        if not row or (width == 1 and row == [""]):  # a blank row can have quotes
            continue
        count += 1
        if may_be_long and not longest and (size := sum(map(len, row))) > _MOST_IN_RECORD:
            longest = size
        if not width:
            width = len(row)
            yield [name.strip() for name in row]
        elif len(row) == width:
            yield row
        elif not uneven:  # text: guess
            uneven = f"InvalidBatch : Row {count} has {len(row)} fields, the header has {width}"
    if not count:  # as examples of real batches have it [Q]
        raise BatchError("InvalidBatch : Records not found")
    _check_sizes(longest, width)
    if uneven:
        raise BatchError(uneven)


def _check_sizes(longest: int, width: int) -> None:
    if longest:
        raise _unreadable(_beyond(longest))
    if width > _MOST_FIELDS:
        raise _unreadable(f"Exceeded max number of columns per record : {_MOST_FIELDS}")


def _lines(text: str, delimiter: str, line_ending: str) -> Iterator[list[str]]:
    """Every row, blank ones too; refuses what Salesforce's reader does, and other line endings."""
    _quotes(text, delimiter)
    crlf = line_ending == "CRLF"
    mixed = text.count("\r\n") != (text.count("\n") if crlf else 0)
    lines = _Lines(text)
    try:
        for row in csv.reader(lines, delimiter=delimiter, strict=True):
            if mixed and lines.last.endswith("\n") and lines.last.endswith("\r\n") != crlf:
                # Text seen in many reports of real orgs, in `errorMessage`.
                raise BatchError(
                    "ClientInputError : LineEnding is invalid on user data. Current LineEnding"
                    f" setting is {line_ending}"
                )
            yield row
    except csv.Error as error:
        raise _unreadable(_words(str(error))) from None


# Salesforce's own words: the CSVReader of forcedotcom/wsc; how a batch tells them [V].
_MISTAKES: Final[Mapping[str, str]] = {
    "unexpected end of data": "EOF reached before closing an opened quote",
    **{
        f"'{sign}' expected after '\"'": "Not expecting more text after end quote"
        for sign in DELIMITERS.values()
    },
}


def _words(error: str) -> str:
    """What Salesforce's reader says where Python's raised that; of others its own words."""
    if "field limit" in error:  # by one at least
        return f"Exceeded max field size: {csv.field_size_limit() + 1}"
    return _MISTAKES.get(error, error)


def _unreadable(words: str) -> BatchError:
    return BatchError(f"InvalidBatch : Failed to parse CSV. {words}")


def _quotes(text: str, separator: str) -> None:
    """Refuses a quote in a value that no quotes are around, which Python's reader takes."""
    before = text.split('"')[0:-1:2]  # what stands before quotes that open
    if not {separator, "\n", "\r"}.issuperset(map(itemgetter(-1), filter(None, before))):
        raise _unreadable("Found unescaped quote. A value with quote should be within a quote")


def _beyond(size: int) -> str:
    return (
        f"Exceeded max length for one record: {size}. Max length for one record should be less than"
        f" or equal to {_MOST_IN_RECORD}"
    )


def measure(texts: Sequence[str]) -> None:
    """Refuses a record of JSON or XML that is beyond the same limits; what words it has: guess."""
    size = sum(map(len, texts))
    longest = max(map(len, texts), default=0)
    if len(texts) > _MOST_FIELDS:
        words = f"Exceeded max number of columns per record : {_MOST_FIELDS}"
    elif longest > csv.field_size_limit():
        words = f"Exceeded max field size: {longest}"
    elif size > _MOST_IN_RECORD:
        words = _beyond(size)
    else:
        return
    raise BatchError(f"InvalidBatch : {words}")


class _Lines:
    """The lines of a text with their ends; `last` is the one given last.

    A StringIO would need four bytes for each character.
    """

    def __init__(self, text: str) -> None:
        self.last = ""
        self._text = text

    def __iter__(self) -> Iterator[str]:
        start, text = 0, self._text
        while (end := text.find("\n", start) + 1) > 0:
            self.last = text[start:end]
            yield self.last
            start = end
        self.last = text[start:]
        if self.last:
            yield self.last


def columns(sobject: SObject, header: Sequence[str]) -> list[Column]:
    """What the columns of a header write; raises BatchError for the first that is unknown."""
    found = [_column(sobject, name) for name in header]
    names = [column.name.lower() for column in found]
    twice = next((name for name in header if names.count(name.lower()) > 1), None)
    if twice is not None:
        raise BatchError(f"InvalidBatch : Duplicate field name: {twice}")  # guess
    return found


def values(row: Sequence[str], layout: Sequence[Column]) -> dict[str, Any]:
    """The values that a row writes, as the JSON of a record would have them.

    An empty cell writes nothing, `#N/A` writes null. Raises INVALID_FIELD for a cell that is not
    of the type of its field.
    """
    record: dict[str, Any] = {}
    for number, (text, column) in enumerate(zip(row, layout, strict=True)):
        if not text:
            continue
        if text == _NULL:
            record[column.name if column.parent_key is None else column.field.name] = None
            continue
        try:
            value = column.convert(text)
        except ValueError:
            raise wrong_value(column.field, text, number) from None
        if column.parent_key is None:
            record[column.name] = value
        else:
            assert column.field.relationship is not None
            typed = {"attributes": {"type": column.parent_type}} if column.parent_type else {}
            record[column.field.relationship] = {**typed, column.parent_key: value}
    return record


def wrong_value(field: Field, text: str, number: int) -> SalesforceError:
    """The refusal of a text that is not of the field's type, as results of real jobs say [Q]."""
    kind = {"datetime": "dateTime", "currency": "double", "percent": "double"}.get(
        field.type, field.type
    )
    return SalesforceError(
        "INVALID_FIELD",
        f"Failed to deserialize field at col {number}. Due to, '{text}' is not a valid value for"
        f" the type xsd:{kind}",
        (field.name,),
    )


def converter(field: Field) -> Callable[[str], Any]:
    """How the text of a cell becomes the JSON value of its field; raises ValueError."""
    match field.type:
        case "boolean":
            return _boolean
        case "int":
            return _integer
        case "double" | "currency" | "percent":
            return _number
        case "date":
            return _day
        case "datetime":
            return _moment
        case _:
            return str


def error_text(error: SalesforceError) -> str:
    """A row's error as results print it: `CODE:message:Field --` (guide, failed results)."""
    names = f"{' '.join(error.fields)} " if error.fields else ""
    return f"{error.code}:{error.message}:{names}--"


class Writer:
    """Rows in one dialect."""

    def __init__(self, delimiter: str = "COMMA", line_ending: str = "LF") -> None:
        self.delimiter = DELIMITERS[delimiter]
        self.end = LINE_ENDINGS[line_ending]
        mark = re.escape(self.delimiter)
        self._special = re.compile(f'[{mark}"\r\n]|^\\s|\\s$')
        self._odd = re.compile(f'["\r\n]|(?:^|{mark})\\s|\\s(?:{mark}|$)')

    def echoed(self, first: Iterable[str], row: Sequence[str]) -> str:
        """A row of results: our cells quoted, those the client sent quoted where they must be."""
        cells = [_quoted(cell) for cell in first]
        whole = self.delimiter.join(row)
        if self._odd.search(whole) or whole.count(self.delimiter) != len(row) - 1:
            cells += [_quoted(cell) if self._special.search(cell) else cell for cell in row]
        else:
            cells.append(whole)  # as nearly every row is
        return self.delimiter.join(cells) + self.end

    def quoted(self, row: Iterable[str]) -> str:
        """A row with every cell quoted."""
        return self.delimiter.join(map(_quoted, row)) + self.end


def shown(value: Any, kind: str) -> str:
    """A value of a record as query results print it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str() if kind == "datetime":
            # `.000Z` here, `.000+0000` in JSON: seen in results of real jobs.
            return value.replace("+0000", "Z")
        case _:
            return str(value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _column(sobject: SObject, name: str) -> Column:
    field = sobject.field(name)
    if field is not None:
        return Column(field.name, field, convert=converter(field))
    # `Rel.Key`, or `Type:Rel.Key` where the parent may be of several types (guide, "Relationship
    # Fields in a Header Row").
    kind, _, path = name.rpartition(":")
    relationship, _, key = path.partition(".")
    parent = sobject.relationship(relationship) if key else None
    if parent is None or ":" in kind:
        raise BatchError(f"InvalidBatch : Field name not found : {name}")
    if kind and len(parent.references) == 1:  # seen in a report of a real org
        raise BatchError("InvalidBatch : type is not needed for non polymorphic foreign key")
    if kind and kind.lower() not in {name.lower() for name in parent.references}:
        raise BatchError(f"InvalidBatch : Field name not found : {name}")
    return Column(f"{relationship}.{key}", parent, kind or None, key)


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(text)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text.strip()):
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    if "_" in text or not any(char.isdigit() for char in text):  # `nan`, `inf`, `1_000`
        raise ValueError(text)
    return float(text)


def _day(text: str) -> str:
    found = _DATE.fullmatch(text.strip())
    if not found:
        raise ValueError(text)
    return date.fromisoformat(found[1]).isoformat()


def _moment(text: str) -> str:
    parse_moment(text)
    return text
