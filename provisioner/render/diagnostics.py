"""Problems as text that points at the words they are about, and as JSON."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TextIO

from provisioner.model.diagnostics import Diagnostic, Severity, Span
from provisioner.model.masking import is_masked
from provisioner.plan.document import problem
from provisioner.render.format import also_at
from provisioner.render.terminal import Line
from provisioner.render.terminal import write as write_lines
from provisioner.spec import positions as text
from provisioner.spec.yaml_reader import SECRETS

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow"}
_FRAME = "bold blue"
_TAB = "    "
_PIPE_WIDTH = 120
_NARROWEST = 40
_CUT = "..."
_MANY, _FIRST = 50, 20

# A secret that stands in the file itself, on a line that another problem is about.
_SECRET = re.compile(
    rf"""\b(?:{"|".join(sorted(SECRETS))})["']?\s*:\s*(?=[^\s{{])(?!["']?email\b)"""
)


def write(diagnostics: Iterable[Diagnostic], texts: Mapping[str, str], stream: TextIO) -> None:
    """Print the problems to `stream`, with colours and to its width if it is a terminal.

    `texts` are the spec files by the names that spans have for them.
    """
    width = shutil.get_terminal_size().columns if stream.isatty() else _PIPE_WIDTH
    write_lines(lines(diagnostics, texts, width), stream)


def lines(
    diagnostics: Iterable[Diagnostic], texts: Mapping[str, str], width: int = _PIPE_WIDTH
) -> Iterator[Line]:
    """The problems in the order given, with their source lines; then how many there are.

    Of very many of one code the first are shown: they have one cause, or one mistake in a file
    of many rows.
    """
    shown = tuple(diagnostics)
    needed: dict[str, set[int]] = {}
    for entry in _few(shown):
        if isinstance(entry, Diagnostic) and entry.span:
            needed.setdefault(entry.span.file, set()).add(entry.span.line)
    source = {file: text.picked(texts, file, numbers) for file, numbers in needed.items()}
    for entry in _few(shown):
        if isinstance(entry, Diagnostic):
            span = entry.span
            line = source[span.file].get(span.line) if span else None
            yield from _one(entry, line, width)
        else:
            yield Line((entry, "bold"))
        yield Line()
    if shown:
        yield Line((summary(shown), "bold"))


def _few(shown: Sequence[Diagnostic]) -> Iterator[Diagnostic | str]:
    """The problems to be shown; in the place of the last of very many, how many are not."""
    counts = Counter(diagnostic.code for diagnostic in shown)
    seen: Counter[str] = Counter()
    for diagnostic in shown:
        code = diagnostic.code
        seen[code] += 1
        if counts[code] <= _MANY or seen[code] <= _FIRST:
            yield diagnostic
        elif seen[code] == counts[code]:
            at = f", the last at {diagnostic.span}" if diagnostic.span else ""
            yield f"... {counts[code] - _FIRST:,} more of `{code}`{at}"


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """How many problems there are, and in how many files."""
    shown = tuple(diagnostics)
    files = {span.file for d in shown for span in d.places}
    problems = _count(len(shown), "problem")
    return f"{problems} in {_count(len(files), 'file')}" if files else problems


def _one(diagnostic: Diagnostic, line: str | None, width: int) -> Iterator[Line]:
    style = _STYLES[diagnostic.severity]
    title = (f"{diagnostic.severity.value}[{diagnostic.code}]", style)
    yield Line(title, (f": {_visible(diagnostic.message)}", "bold"))
    span = diagnostic.span
    gutter = " " * len(str(span.line)) if span else ""
    if span:
        yield Line((f"{gutter}--> ", _FRAME), str(span))
        if line is not None and not is_masked(line) and not _may_be_secret(diagnostic):
            if diagnostic.secret:
                span, line = _masked(span, line)
            span, line = _without_secrets(span, line)
            yield from _source(span, line, gutter, width, style)
    if elsewhere := also_at(problem(diagnostic)):
        yield Line((f"{gutter} = ", _FRAME), elsewhere)
    for note in diagnostic.notes:
        yield Line((f"{gutter} = ", _FRAME), ("note: ", "bold"), _visible(note))
    if diagnostic.help:
        yield Line((f"{gutter} = ", _FRAME), ("help: ", "bold"), _visible(diagnostic.help))


def _may_be_secret(diagnostic: Diagnostic) -> bool:
    """Whether nobody knows what is on the line: the file of a login cannot be read there."""
    span = diagnostic.span
    assert span is not None, "a line has a place"
    return diagnostic.code.startswith("yaml-") and "environments" in PurePath(span.file).parts


def _masked(span: Span, line: str) -> tuple[Span, str]:
    """The line with `***` for what stands at the span."""
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    hidden = span._replace(end_line=span.line, end_column=span.column + 3)
    return hidden, f"{line[: span.column - 1]}***{line[end:]}"


def _without_secrets(span: Span, line: str) -> tuple[Span, str]:
    """The line without secrets that stand in it by mistake; all after one is left out."""
    for secret in _SECRET.finditer(line):
        at = secret.end()
        if line.startswith("***", at) or line.startswith(("'***", '"***'), at):
            continue
        shown = f"{line[:at]}***"
        if span.column <= at:
            return span, shown
        return Span(span.file, span.line, at + 1, span.line, at + 4), shown
    return span, line


def _source(span: Span, line: str, gutter: str, width: int, style: str) -> Iterator[Line]:
    start = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    before, marked, after = line[:start], line[start:end], line[end:]
    room = max(width, _NARROWEST) - len(gutter) - len(" | ")
    before, marked, after = _window(_visible(before), _visible(marked), _visible(after), room)
    marker = "^" * max(1, _cells(marked))
    yield Line((f"{gutter} |", _FRAME))
    yield Line((f"{span.line} | ", _FRAME), before + marked + after)
    yield Line((f"{gutter} | ", _FRAME), " " * _cells(before), (marker, style))


def _window(before: str, marked: str, after: str, room: int) -> tuple[str, str, str]:
    """As much of the line around the marked words as there is room for."""
    if _cells(before + marked + after) <= room:
        return before, marked, after
    if _cells(marked) > room // 2:
        marked = _clipped(marked, room // 2 - len(_CUT)) + _CUT
    left = room - _cells(marked)
    if _cells(before) > left // 2:
        # The end of what stands before, unless there is nothing to show after it.
        keep = max(left // 2, left - _cells(after)) - len(_CUT)
        before = _CUT + _clipped(before[::-1], keep)[::-1] if _cells(before) > keep else before
    rest = left - _cells(before)
    if _cells(after) > rest:
        after = _clipped(after, max(0, rest - len(_CUT))) + _CUT[:rest]
    return before, marked, after


def _clipped(words: str, cells: int) -> str:
    used = 0
    for i, character in enumerate(words):
        used += _cells(character)
        if used > cells:
            return words[:i]
    return words


def _cells(words: str) -> int:
    """How many columns of a terminal the text takes."""
    if words.isascii():
        return len(words)
    return sum(_width(character) for character in words)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _visible(words: str) -> str:
    """The text with tabs as spaces, and with nothing in it that a terminal would obey."""
    if words.isprintable():
        return words
    return "".join(_safe(character) for character in words)


def _safe(character: str) -> str:
    if character == "\t":
        return _TAB
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
