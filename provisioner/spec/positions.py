"""Lines and columns of a text, counted as the YAML parser counts them."""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from provisioner.model.diagnostics import Span

_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # what libyaml reads as one


def lines(text: str) -> list[str]:
    """The lines of a file; after a final line break there is an empty one."""
    return _LINE_BREAK.split(text)


@functools.lru_cache(maxsize=4)
def _starts(text: str) -> Sequence[int]:
    """Where each line begins."""
    return [0, *(match.end() for match in _LINE_BREAK.finditer(text))]


def between(text: str, begin: int, end: int, file: str) -> Span:
    """The span of `text[begin:end]`."""
    return Span(file, *_place(text, begin), *_place(text, end))


def _place(text: str, at: int) -> tuple[int, int]:
    starts = _starts(text)
    line = bisect_right(starts, at)
    return line, at - starts[line - 1] + 1


def offsets(text: str, span: Span) -> tuple[int, int]:
    """Where the text of a span begins and ends."""
    starts = _starts(text)
    return starts[span.line - 1] + span.column - 1, starts[span.end_line - 1] + span.end_column - 1


class Texts(Mapping[str, str]):
    """The texts of files by name. Those of `on_demand` are read only when they are needed.

    Each of these gives its lines one at a time, because the text can be too long to keep.
    """

    def __init__(
        self, read: Mapping[str, str], on_demand: Mapping[str, Callable[[], Iterable[str]]]
    ) -> None:
        self._read = read
        self._on_demand = on_demand

    def __getitem__(self, name: str) -> str:
        return self._read[name] if name in self._read else "".join(self._on_demand[name]())

    def __iter__(self) -> Iterator[str]:
        return iter({**self._read, **self._on_demand})

    def __len__(self) -> int:
        return len({**self._read, **self._on_demand})

    def picked(self, name: str, numbers: Collection[int]) -> dict[int, str]:
        """Some lines of a file by their numbers, without their breaks."""
        if name not in self._on_demand:
            return picked(dict(self._read), name, numbers)
        last = max(numbers, default=0)
        result: dict[int, str] = {}
        for number, line in enumerate(self._on_demand[name](), 1):
            if number > last:
                break
            if number in numbers:
                result[number] = line.rstrip("\r\n")
        return result


def picked(texts: Mapping[str, str], name: str, numbers: Collection[int]) -> dict[int, str]:
    """Some lines of one of the texts by their numbers; those that it has."""
    if isinstance(texts, Texts):
        return texts.picked(name, numbers)
    every = lines(texts.get(name, ""))
    return {number: every[number - 1] for number in numbers if number <= len(every)}
