"""Find the CSV files of the rosters, and read them line by line in their encoding."""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Span
from provisioner.model.resource import Spec
from provisioner.spec import files, template
from provisioner.spec.document import Document
from provisioner.spec.positions import Texts
from provisioner.spec.roster import expand
from provisioner.spec.roster.expand import Expanded, Roster

_REPLACED = "\N{REPLACEMENT CHARACTER}"
# Line breaks for an editor and for YAML, but not for CSV.
_NO_BREAKS = str.maketrans(dict.fromkeys("\x85\u2028\u2029\v\f", " "))


@dataclass(frozen=True, slots=True)
class Rows:
    """What all rosters declare, their problems, and the text of each file.

    `flawed` are the names of those with rows that could not be read.
    """

    specs: tuple[Spec, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    flawed: frozenset[str] = frozenset()
    texts: Mapping[str, str] = field(default_factory=dict)


def read_rosters(
    documents: Sequence[Document],
    root: Path,
    texts: Mapping[str, str],
    problems: Sequence[Diagnostic],
    names: template.Names,
    identity: Mapping[str, str],
) -> Rows:
    """The resources of every roster that none of the `problems` is about.

    A CSV file is a regular file below `root`.
    """
    specs: list[Spec] = []
    new_problems: list[Diagnostic] = []
    later: dict[str, Callable[[], Iterator[str]]] = {}
    named: dict[str, Span] = {}
    flawed: set[str] = set()
    for document in documents:
        flawed |= expand.names(document)
        for declared in expand.without_problems(document, problems):
            here = document.span(("rosters", declared.name), key=True)
            assert here is not None, "what is declared has a place"
            first = named.setdefault(declared.name, here)
            if first is not here:
                what, note = f"`{declared.name}` is declared twice", f"first declared at {first}"
                help_ = "give one of them another name"
                new_problems.append(
                    Diagnostic("duplicate-key", what, here, help=help_, notes=(note,))
                )
                continue
            path = os.path.normpath(Path(document.file).parent / declared.file)
            expanded = _expanded(declared, path, root, names, identity)
            specs += expanded.specs
            new_problems += expanded.problems
            if not expanded.problems:
                flawed.discard(declared.name)
            with contextlib.suppress(OSError):
                files.checked(path, root)
                later[path] = _lines(path, root, declared.encoding)
    return Rows(tuple(specs), tuple(new_problems), frozenset(flawed), Texts(texts, later))


def _expanded(
    declared: Roster,
    path: str,
    root: Path,
    names: template.Names,
    identity: Mapping[str, str],
) -> Expanded:
    try:
        encoding = _encoding(path, root, declared.encoding)
        with files.open_text(path, root, encoding=encoding) as lines:
            decoded = _decoded(lines, path, root, encoding)
            return expand.expand(declared, decoded, path, names, identity)
    except OSError as error:
        near = _near(path) if error.errno == errno.ENOENT else []
        what = f"`{path}` cannot be read: {error.strerror}"
        help_ = f"CSV files there: {', '.join(f'`{n}`' for n in near)}" if near else _FROM_HERE
        problem = Diagnostic("unreadable", what, declared.at("file"), help=help_)
    except DiagnosticError as error:
        return Expanded(problems=error.diagnostics)
    return Expanded(problems=(problem,))


_FROM_HERE = "write the path as seen from the folder of this file"


def _near(path: str) -> list[str]:
    return sorted(p.name for p in Path(path).parent.glob("*.csv"))[:10]


def _encoding(path: str, root: Path, named: str | None) -> str:
    """The encoding that the roster names, or that of the byte order mark, or UTF-8."""
    if named:
        return "utf-8-sig" if named == "utf-8" else named
    with files.open_text(path, root, encoding="latin-1") as file:
        start = file.read(2).encode("latin-1")
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _decoded(lines: Iterator[str], path: str, root: Path, encoding: str) -> Iterator[str]:
    """The lines. Raises DiagnosticError at the first that cannot be decoded."""
    try:
        yield from lines
    except UnicodeError as error:
        name = encoding.removesuffix("-sig")
        what = f"this text is not {name.upper()}"
        if isinstance(error, UnicodeDecodeError):
            what = f"byte 0x{error.object[error.start]:02X} is not {name.upper()}"
        help_ = "save the file as UTF-8, or name its `encoding` in the roster"
        span = _first_replaced(path, root, encoding)
        raise DiagnosticError([Diagnostic("encoding", what, span, help=help_)]) from error


def _first_replaced(path: str, root: Path, encoding: str) -> Span:
    """The place of the first character that could not be decoded."""
    with files.open_text(path, root, encoding=encoding, errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            column = line.find(_REPLACED) + 1
            if column:
                return Span(path, number, column, number, column + 1)
    return Span(path, 1, 1, 1, 1)


def _lines(path: str, root: Path, encoding: str | None) -> Callable[[], Iterator[str]]:
    """A function that reads the lines of a file again, to show some of them."""

    def read_again() -> Iterator[str]:
        own = _encoding(path, root, encoding)
        with files.open_text(path, root, encoding=own, errors="replace") as file:
            for line in file:
                yield line.translate(_NO_BREAKS)

    return read_again
