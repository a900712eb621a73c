"""Read YAML text into plain data plus the span of every key and value.

YAML is read as people expect it since 1.2: `NO` is a country, `12:30` a text, and a
repeated key is an error. Merge keys (`<<`) work, although 1.2 dropped them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from provisioner.kinds import ROSTER_KINDS
from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Span, in_order
from provisioner.spec import template
from provisioner.spec import yaml_reader as nodes
from provisioner.spec.positions import between, lines, offsets

Path = nodes.Path

# The parts of a roster whose templates may name its `row`.
_BY_ROW = (("key",), *((kind.name,) for kind in ROSTER_KINDS))
_ROW = re.compile(r"\brow\b")


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document. `span(path)` finds the text that a path came from.

    `rendered` says that templates were filled in, which happens at most once; `unfilled`
    are the paths of those that could not be, `by_row` of those of a roster that are filled in
    for each of its rows.
    """

    file: str
    data: Any
    values: Mapping[Path, Span]
    keys: Mapping[Path, Span]
    text: str = ""
    rendered: bool = False
    unfilled: frozenset[Path] = frozenset()
    by_row: frozenset[Path] = frozenset()

    def span(self, path: Path, *, key: bool = False) -> Span | None:
        """The span at `path`, or of its nearest ancestor that has one."""
        table = self.keys if key and path in self.keys else self.values
        while path not in table and path:
            path = path[:-1]
        return table.get(path)

    def written(self, path: Path) -> str:
        """The text that the value at `path` was read from."""
        span = self.values.get(path)
        if span is None:
            return ""
        begin, end = offsets(self.text, span)
        return self.text[begin:end]

    def type_help(
        self, path: Path, value: object, types: Collection[str], default: str | None
    ) -> str | None:
        """What to do about a value that has none of these types: what the schema says."""
        return default


class FlawedError(DiagnosticError):
    """Something is wrong with a file, and yet `document` is what can be read of it.

    It serves to find what else is wrong, so that all is said in one go.
    """

    def __init__(self, problems: Iterable[Diagnostic], document: Document) -> None:
        super().__init__(in_order(problems))
        self.document = document


def decode(raw: bytes, file: str) -> str:
    """The text of a file. Raises DiagnosticError where it is not UTF-8."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        problem = "the file is UTF-16, not UTF-8"
        span = Span(file, 1, 1, 1, 1)
    else:
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            problem = f"byte 0x{raw[error.start]:02X} is not UTF-8"
            before = lines(raw[: error.start].decode("utf-8-sig"))
            line, column = len(before), len(before[-1]) + 1
            span = Span(file, line, column, line, column + 1)
    raise DiagnosticError([Diagnostic("encoding", problem, span, help="save the file as UTF-8")])


def parse(text: str, file: str) -> Document:
    """Parse one document. Raises DiagnosticError with every problem that YAML lets us see."""
    text = text.removeprefix("\ufeff")
    read = nodes.read(text, file)
    document = Document(file, read.data, read.values, read.keys, text)
    if read.problems:
        raise FlawedError(read.problems, document)
    return document


def render(
    document: Document,
    vars: Mapping[str, Any],  # noqa: A002 - the name that templates use
    env: Mapping[str, Any],
) -> Document:
    """Fill in the templates of every text value. Raises FlawedError with all problems.

    `{{ vars.x }}` and `{{ env.X }}` are all that a template can name. What a template
    gives is never taken for a template again, however often this is called. In a roster, a
    template that names `row` is left for its rows.
    """
    if document.rendered:
        return document
    problems: list[Diagnostic] = []
    names = template.scopes(vars, env)
    unfilled: set[Path] = set()
    by_row: set[Path] = set()
    data = _filled(document, document.data, (), names, problems, unfilled, by_row)
    filled = replace(
        document,
        data=data,
        rendered=True,
        unfilled=frozenset(unfilled),
        by_row=frozenset(by_row),
    )
    if problems:
        raise FlawedError(problems, filled)
    return filled


def in_template(document: Document, path: Path, problem: template.Problem) -> Diagnostic:
    """Point at the words of the template that are wrong, or at the whole value."""
    span = document.span(path)
    if span and problem.words:
        begin = document.text.find(problem.words, *offsets(document.text, span))
        if begin >= 0:
            span = between(document.text, begin, begin + len(problem.words), span.file)
    return Diagnostic(problem.code, problem.message, span, help=problem.help)


def _filled(
    document: Document,
    value: Any,
    path: Path,
    names: Mapping[str, Mapping[str, Any]],
    problems: list[Diagnostic],
    unfilled: set[Path],
    by_row: set[Path],
) -> Any:
    def inside(key: str | int, item: Any) -> Any:
        return _filled(document, item, (*path, key), names, problems, unfilled, by_row)

    match value:
        case str():
            if not template.is_template(value):
                return value
            if _is_by_row(path, value):
                by_row.add(path)
                return value
            try:
                return template.fill(value, names)
            except template.TemplateError as error:
                problems += [in_template(document, path, p) for p in error.problems]
                unfilled.add(path)
                return value
        case dict():
            for key in filter(template.is_template, value):
                span = document.span((*path, key), key=True)
                problems.append(
                    Diagnostic(
                        "template-key",
                        "templates work in values, not in keys",
                        span,
                        help="write the key itself",
                    )
                )
            return {key: inside(key, item) for key, item in value.items()}
        case list():
            return [inside(i, item) for i, item in enumerate(value)]
        case _:
            return value


def _is_by_row(path: Path, text: str) -> bool:
    return path[:1] == ("rosters",) and path[2:3] in _BY_ROW and _ROW.search(text) is not None
