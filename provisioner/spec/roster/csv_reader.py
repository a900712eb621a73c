"""Read the text of a CSV file into rows, one at a time, with the place of every cell.

The rules are those of RFC 4180: a cell in quotes may hold delimiters, line breaks and
doubled quotes. Places are kept as numbers, since a file has many more cells than problems.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Span
from provisioner.spec.limits import LONGEST

_QUOTED = re.compile(r'"[^"]*(?:""[^"]*)*(?:"|\Z)')
_CLOSED = re.compile(r'"[^"]*(?:""[^"]*)*"')
_BREAK = re.compile("\r\n|[\r\n]")


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row, the line that it begins on, and its text as it was read."""

    cells: Sequence[str]
    line: int
    text: str

    @property
    def empty(self) -> bool:
        """Whether it has only delimiters and white space, as spreadsheets leave behind."""
        return not any(cell.strip() for cell in self.cells)


def rows(lines: Iterable[str], file: str, delimiter: str = ",") -> Iterator[Row]:
    """Every row that has a cell, in order; `lines` keep their line breaks.

    Raises DiagnosticError where the text is no CSV: what comes after can not be trusted.
    """
    csv.field_size_limit(LONGEST)
    taken: list[str] = []

    def remembered() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    reader = csv.reader(remembered(), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problem = str(error)
            if problem.startswith("field larger than field limit"):
                found = _too_long("".join(taken), line, lines, file, delimiter)
            else:
                found = _broken(problem, taken, line, file, delimiter)
            raise DiagnosticError([found]) from error
        if cells is None:
            return
        if cells:
            yield Row(cells, line, taken[0] if len(taken) == 1 else "".join(taken))
        line += len(taken)
        taken.clear()


def cell_spans(row: Row, file: str, delimiter: str = ",") -> tuple[Span, ...]:
    """Where each cell of a row stands, its quotes included."""
    return tuple(span for span, *_ in _spans(row.text, row.line, file, delimiter))


class Places:
    """Where some columns of many rows stand, at eight bytes a cell."""

    def __init__(self, file: str, columns: Sequence[int], delimiter: str = ",") -> None:
        self.file = file
        self._delimiter = delimiter
        # A cell, and the delimiter or the end that it stands before.
        mark = re.escape(delimiter)
        cell = rf'"[^"]*(?:""[^"]*)*"|[^{mark}\r\n]*'
        self._cells = re.compile(rf"({cell})(?:{mark}|[\r\n]|\Z)")
        self._slots = {column: slot for slot, column in enumerate(columns)}
        self._lines = array("I")
        self._starts = array("I")
        self._ends = array("I")
        # Only a cell with a line break in it, or after one, needs more than two columns.
        self._elsewhere: dict[tuple[int, int], Span] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, row: Row) -> int:
        """Remember the places of one row; its number."""
        number = len(self._lines)
        self._lines.append(row.line)
        if '"' in row.text:
            self._add_quoted(number, row)
            return number
        starts, ends, column = [], [], 1
        for cell in row.cells:
            starts.append(column)
            column += len(cell)
            ends.append(column)
            column += 1
        self._starts.extend([starts[c] for c in self._slots])
        self._ends.extend([ends[c] for c in self._slots])
        return number

    def line(self, number: int) -> int:
        """The line that a row begins on."""
        return self._lines[number]

    def span(self, number: int, column: int) -> Span:
        """Where the cell of a column stands in a row."""
        elsewhere = self._elsewhere.get((number, column))
        if elsewhere:
            return elsewhere
        at = number * len(self._slots) + self._slots[column]
        line = self._lines[number]
        return Span(self.file, line, self._starts[at], line, self._ends[at])

    def _add_quoted(self, number: int, row: Row) -> None:
        if len(_BREAK.findall(row.text)) <= 1:
            # Nearly always: no cell has a line break in it.
            cells = self._cells.finditer(row.text)
            places = [found.span(1) for found, _ in zip(cells, row.cells, strict=False)]
            self._starts.extend([places[c][0] + 1 for c in self._slots])
            self._ends.extend([places[c][1] + 1 for c in self._slots])
            return
        spans = cell_spans(row, self.file, self._delimiter)
        for column in self._slots:
            span = spans[column]
            self._starts.append(span.column)
            self._ends.append(span.end_column)
            if span.end_line != row.line:
                self._elsewhere[number, column] = span


def _spans(text: str, line: int, file: str, delimiter: str) -> Iterator[tuple[Span, int, int]]:
    """Where each cell stands, and where its text begins and ends."""
    position, begun, broken = 0, 0, -1
    while True:
        start = position
        before = line, start - begun + 1
        quoted = _QUOTED.match(text, position)
        if quoted:
            position = quoted.end()
            for found in _BREAK.finditer(text, start, position):
                line, begun = line + 1, found.end()
        else:
            if broken < position:
                # Searched for once: it is behind all other cells of a line.
                end = _BREAK.search(text, position)
                broken = end.start() if end else len(text)
            position = text.find(delimiter, position, broken)
            position = broken if position < 0 else position
        yield Span(file, *before, line, position - begun + 1), start, position
        if text[position : position + 1] != delimiter:
            return
        position += 1


def _broken(problem: str, taken: Sequence[str], line: int, file: str, delimiter: str) -> Diagnostic:
    """What is wrong with a row that cannot be read, at the cell where that begins."""
    text = "".join(taken)
    first = cell_spans(Row((), line, text), file, delimiter)[-1]
    at = Span(file, first.line, first.column, first.line, first.column + 1)
    match problem:
        case "unexpected end of data":
            return _endless(at)
        case _:
            at = Span(file, first.end_line, first.end_column, first.end_line, first.end_column + 1)
            what = "text stands after the closing quote of a cell"
            help_ = 'double a quote within a cell: `"a ""b"" c"`'
    return Diagnostic("csv-syntax", what, at, help=help_)


def _endless(at: Span) -> Diagnostic:
    help_ = 'close its quotes, and double a quote within: `"a ""b"" c"`'
    return Diagnostic("csv-syntax", "the cell that begins here has no end", at, help=help_)


def _too_long(text: str, line: int, rest: Iterable[str], file: str, delimiter: str) -> Diagnostic:
    """The problem of a row with a long cell; `rest` are the lines after those that were read."""
    cells = list(_spans(text, line, file, delimiter))
    long, start, end = next((cell for cell in cells if cell[2] - cell[1] > LONGEST), cells[-1])
    at = Span(file, long.line, long.column, long.line, long.column + 1)
    is_open = text.startswith('"', start) and not _CLOSED.fullmatch(text, start, end)
    # A quote within a cell is doubled, and a line does not end between the two.
    if is_open and not any('"' in later.replace('""', "") for later in rest):
        return _endless(at)
    what = f"the cell that begins here has more than {LONGEST:,} characters"
    return Diagnostic("too-long", what, at, help="Salesforce stores no longer text in a field")
