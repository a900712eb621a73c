"""A YAML document: its data, the place of every key and value, and its templates.

YAML is read as version 1.2 defines it: `NO` is a text, `12:30` is a text, and a repeated key is
an error. Merge keys (`<<`) work, although version 1.2 does not have them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from provisioner.kinds import ROSTER_KINDS
from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Span, in_order
from provisioner.spec import template, yaml_reader
from provisioner.spec.positions import between, lines, offsets
from provisioner.spec.yaml_reader import Path, Yaml

# The parts of a roster whose templates can use its `row`.
_BY_ROW = (("key",), *((kind.name,) for kind in ROSTER_KINDS))
_ROW = re.compile(r"\brow\b")


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document.

    `rendered` says that its templates are filled in, which happens at most once. `unfilled` are
    the paths of templates with a problem, `by_row` those of the templates of a roster that are
    filled in for each of its rows.
    """

    file: str
    data: Yaml
    values: Mapping[Path, Span]
    keys: Mapping[Path, Span]
    text: str = ""
    rendered: bool = False
    unfilled: frozenset[Path] = frozenset()
    by_row: frozenset[Path] = frozenset()

    @property
    def mapping(self) -> dict[str, Any]:
        """The data if it is a mapping, as the schemas require of every file; else an empty one."""
        return self.data if isinstance(self.data, dict) else {}

    def span(self, path: Path, *, key: bool = False) -> Span | None:
        """The place of the value at `path`, or of the nearest value around it that has a place."""
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
    """A file has problems; `document` is what can be read in spite of them.

    It is checked further, so that all problems are reported at once.
    """

    def __init__(self, problems: Iterable[Diagnostic], document: Document) -> None:
        super().__init__(in_order(problems))
        self.document = document


def decode(raw: bytes, file: str) -> str:
    """The text of a file. Raises DiagnosticError if it is not UTF-8."""
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
    """Parse one document. Raises DiagnosticError with every problem of its YAML."""
    text = text.removeprefix("\ufeff")
    content = yaml_reader.read(text, file)
    document = Document(file, content.data, content.values, content.keys, text)
    if content.problems:
        raise FlawedError(content.problems, document)
    return document


def render(
    document: Document,
    vars: Mapping[str, Yaml],  # noqa: A002 - the name that templates use
    env: Mapping[str, object],
) -> Document:
    """Fill in the templates of every text value. Raises FlawedError with all problems.

    Templates can use `{{ vars.x }}` and `{{ env.X }}` only. The value of a template is never
    read as a template again, however often this is called. In a roster, a template that uses
    `row` is left for its rows.
    """
    if document.rendered:
        return document
    rendering = _Rendering(document, template.scopes(vars, env))
    rendered = replace(
        document,
        data=rendering.value(document.data, ()),
        rendered=True,
        unfilled=frozenset(rendering.unfilled),
        by_row=frozenset(rendering.by_row),
    )
    if rendering.problems:
        raise FlawedError(rendering.problems, rendered)
    return rendered


def in_template(document: Document, path: Path, problem: template.Problem) -> Diagnostic:
    """Point at the words of the template that are wrong, or at the whole value."""
    span = document.span(path)
    if span and problem.words:
        begin = document.text.find(problem.words, *offsets(document.text, span))
        if begin >= 0:
            span = between(document.text, begin, begin + len(problem.words), span.file)
    return Diagnostic(problem.code, problem.message, span, help=problem.help)


class _Rendering:
    """One pass over the values of a document."""

    def __init__(self, document: Document, names: template.Names) -> None:
        self.problems: list[Diagnostic] = []
        self.unfilled: set[Path] = set()
        self.by_row: set[Path] = set()
        self._document = document
        self._names = names

    def value(self, value: Yaml, path: Path) -> Yaml:
        match value:
            case str():
                return self._text(value, path)
            case dict():
                for key in filter(template.is_template, value):
                    self.problems.append(
                        Diagnostic(
                            "template-key",
                            "templates work in values, not in keys",
                            self._document.span((*path, key), key=True),
                            help="write the key itself",
                        )
                    )
                return {key: self.value(item, (*path, key)) for key, item in value.items()}
            case list():
                return [self.value(item, (*path, i)) for i, item in enumerate(value)]
            case _:
                return value

    def _text(self, text: str, path: Path) -> Yaml:
        if not template.is_template(text):
            return text
        if _is_by_row(path, text):
            self.by_row.add(path)
            return text
        try:
            return template.fill(text, self._names)
        except template.TemplateError as error:
            self.problems += [in_template(self._document, path, p) for p in error.problems]
            self.unfilled.add(path)
            return text


def _is_by_row(path: Path, text: str) -> bool:
    return path[:1] == ("rosters",) and path[2:3] in _BY_ROW and _ROW.search(text) is not None
