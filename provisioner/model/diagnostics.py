"""Problems, and where they are.

A `Diagnostic` is a value: it is collected, returned and printed. Only `DiagnosticError` crosses
layers as an exception, and it contains diagnostics.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


class Span(NamedTuple):
    """A range of a spec file. Lines and columns count from 1, as in an editor."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem: what is wrong (`message`), where (`span`), what to do (`help`).

    `secret` means that the text at `span` must not be shown. Problems with the same `code` and
    `cause` are one problem in several places, even if their messages differ: `by_cause` collects
    the other places in `also`.
    """

    code: str
    message: str
    span: Span | None = None
    help: str | None = None
    notes: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR
    secret: bool = False
    cause: str | None = None
    also: tuple[Span, ...] = ()

    @property
    def places(self) -> tuple[Span, ...]:
        """Every place that has the problem, in order."""
        return (self.span, *self.also) if self.span else self.also


class DiagnosticError(Exception):
    """Raised when the work cannot continue; contains every diagnostic so far."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(f"{d.span or ''} {d.message}".strip() for d in self.diagnostics))


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Each problem once, by file and position; problems without a place come last."""
    return tuple(sorted(dict.fromkeys(diagnostics), key=_place))


def by_cause(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """One problem for each cause, at its first place, by file and position.

    Problems without a `cause` have the same cause if they have the same text.
    """
    causes: dict[Hashable, list[Diagnostic]] = {}
    for problem in sorted(diagnostics, key=lambda problem: _place(problem)[:4]):
        texts = (problem.message, problem.help, problem.notes)
        cause = texts if problem.cause is None else problem.cause
        key = (problem.code, problem.severity, problem.secret, cause)
        causes.setdefault(key, []).append(problem)
    return tuple(_merged(same) for same in causes.values())


def _merged(same: Sequence[Diagnostic]) -> Diagnostic:
    first = same[0]
    places = dict.fromkeys(place for problem in same for place in problem.places)
    also = tuple(sorted(place for place in places if place != first.span))
    return first if also == first.also else replace(first, also=also)


def _place(diagnostic: Diagnostic) -> tuple[bool, str, int, int, str]:
    span = diagnostic.span
    if span is None:
        return True, "", 0, 0, diagnostic.message
    return False, span.file, span.line, span.column, diagnostic.message


_FEW = 500
_LONGEST = 200


def closest(word: str, names: Iterable[str], cutoff: float = 0.65) -> str | None:
    """The name that `word` most likely means; a name that differs only in case is the closest."""
    by_case = {name.casefold(): name for name in names}
    if word.casefold() in by_case:
        return by_case[word.casefold()]
    candidates: Iterable[str] = by_case
    if len(by_case) > _FEW:
        # Comparing with all of them would take seconds.
        some = (n for n in by_case if n[:1] == word[:1].casefold() and abs(len(n) - len(word)) < 3)
        candidates = itertools.islice(some, _FEW)
    near = difflib.get_close_matches(word[:_LONGEST].casefold(), candidates, n=1, cutoff=cutoff)
    return by_case[near[0]] if near else None


def did_you_mean(word: str, names: Iterable[str], otherwise: str | None = None) -> str | None:
    """Help that suggests the closest name, or `otherwise` if no name is close."""
    near = closest(word, names)
    return f"did you mean `{near}`?" if near else otherwise
