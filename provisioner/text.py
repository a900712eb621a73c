"""Places in a text, counted as the YAML parser counts them."""

from __future__ import annotations

import re

from provisioner.diagnostics import Span

_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # what libyaml takes for one


def lines(text: str) -> list[str]:
    """The lines of a file; a final line break opens an empty one."""
    return _LINE_BREAK.split(text)


def between(text: str, begin: int, end: int, file: str) -> Span:
    """The span of `text[begin:end]`."""
    before, upto = lines(text[:begin]), lines(text[:end])
    return Span(file, len(before), len(before[-1]) + 1, len(upto), len(upto[-1]) + 1)


def offsets(text: str, span: Span) -> tuple[int, int]:
    """Where the text of a span begins and ends."""
    starts = [0, *(found.end() for found in _LINE_BREAK.finditer(text))]
    return starts[span.line - 1] + span.column - 1, starts[span.end_line - 1] + span.end_column - 1
