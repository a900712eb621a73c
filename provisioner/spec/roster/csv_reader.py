"""Read the text of a CSV file into rows, one at a time, and find the place of a cell.

The rules are those of RFC 4180: a cell in quotes can contain delimiters, line breaks and doubled
quotes.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Span
from provisioner.spec.limits import LONGEST

_QUOTED = re.compile(r'"[^"]*(?:""[^"]*)*(?:"|\Z)')
_CLOSED = re.compile(r'"[^"]*(?:""[^"]*)*"')
_BREAK = re.compile("\r\n|[\r\n]")


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row, the line that it begins on, and its text in the file."""

    cells: Sequence[str]
    line: int
    text: str

    @property
    def empty(self) -> bool:
        """Whether it has only delimiters and white space, as spreadsheets leave behind."""
        return not any(cell.strip() for cell in self.cells)


def rows(lines: Iterable[str], file: str, delimiter: str = ",") -> Iterator[Row]:
    """Every row that has a cell, in order; `lines` keep their line breaks.

    Raises DiagnosticError where the text is not CSV: what comes after cannot be trusted.
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
            problem = _problem("".join(taken), line, lines, file, delimiter)
            raise DiagnosticError([problem]) from error
        if cells is None:
            return
        if cells:
            yield Row(cells, line, taken[0] if len(taken) == 1 else "".join(taken))
        line += len(taken)
        taken.clear()


# The places of one row are often asked for one after the other.
@functools.lru_cache(maxsize=16)
def cell_spans(text: str, line: int, file: str, delimiter: str = ",") -> tuple[Span, ...]:
    """The place of each cell in the text of a row, with its quotes. The row begins on `line`."""
    return tuple(span for span, *_ in _cells(text, line, file, delimiter))


def _cells(text: str, line: int, file: str, delimiter: str) -> Iterator[tuple[Span, int, int]]:
    """The place of each cell, and where its text begins and ends."""
    position, line_start, line_end = 0, 0, -1
    while True:
        start = position
        begin = line, start - line_start + 1
        quoted = _QUOTED.match(text, position)
        if quoted:
            position = quoted.end()
            for line_break in _BREAK.finditer(text, start, position):
                line, line_start = line + 1, line_break.end()
        else:
            if line_end < position:
                # Searched for once: it is behind all other cells of a line.
                end = _BREAK.search(text, position)
                line_end = end.start() if end else len(text)
            position = text.find(delimiter, position, line_end)
            position = line_end if position < 0 else position
        yield Span(file, *begin, line, position - line_start + 1), start, position
        if text[position : position + 1] != delimiter:
            return
        position += 1


def _problem(text: str, line: int, rest: Iterable[str], file: str, delimiter: str) -> Diagnostic:
    """Why a row cannot be read, at the cell where that begins; `rest` are the lines after it."""
    cells = list(_cells(text, line, file, delimiter))
    longest = next((cell for cell in cells if cell[2] - cell[1] > LONGEST), None)
    span, start, end = longest or cells[-1]
    first = Span(file, span.line, span.column, span.line, span.column + 1)
    is_open = text.startswith('"', start) and not _CLOSED.fullmatch(text, start, end)
    # A quote within a cell is doubled, and a line does not end between the two.
    if is_open and not any('"' in later.replace('""', "") for later in rest):
        help_ = 'close its quotes, and write a quote inside it twice: `"a ""b"" c"`'
        return Diagnostic(
            "csv-syntax", "the quote that begins here is never closed", first, help=help_
        )
    if longest:
        what = f"the cell that begins here has more than {LONGEST:,} characters"
        help_ = "Salesforce stores no longer text in a field"
        return Diagnostic("too-long", what, first, help=help_)
    after = Span(file, span.end_line, span.end_column, span.end_line, span.end_column + 1)
    what = "there is text after the closing quote of a cell"
    help_ = 'write a quote inside a cell twice: `"a ""b"" c"`'
    return Diagnostic("csv-syntax", what, after, help=help_)
