"""Read a YAML text in one pass: its data, and the place of every key and value."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import yaml

from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Span, in_order
from provisioner.spec.limits import DEEPEST, LARGEST, UNWRITABLE, unwritable
from provisioner.spec.positions import between, lines

Yaml: TypeAlias = "str | int | float | bool | list[Yaml] | dict[str, Yaml] | None"
"""The data of a YAML file."""

Path = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""

# More characters that are not allowed are not reported.
_MOST_CHARACTERS = 20


SECRETS = frozenset({"token", "consumer_secret", "private_key", "password", "new_password"})
"""The keys under which a secret is expected."""


def is_secret(path: Path) -> bool:
    """Whether a secret is expected at this path, or above it."""
    return any(step in SECRETS for step in path if isinstance(step, str))


@dataclass(frozen=True, slots=True)
class YamlText:
    """The data of a file, and the places of its values and keys, by path.

    If there are `problems`, the data is what can be read in spite of them: the first value of a
    repeated key, for example.
    """

    data: Yaml
    values: Mapping[Path, Span]
    keys: Mapping[Path, Span]
    problems: tuple[Diagnostic, ...]


def read(text: str, file: str) -> YamlText:
    """Read one file. Raises DiagnosticError if its syntax is wrong."""
    if unprintable := tuple(_unprintable(text, file)):
        raise DiagnosticError(unprintable)
    if too_deep := _too_deep(text, file):
        raise DiagnosticError([too_deep])
    loader = _CoreLoader(text)
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise DiagnosticError([_syntax(error, text, file)]) from error
    finally:
        loader.dispose()
    builder = _Builder(text, file)
    data = builder.value(node, ()) if node else None
    values, keys = MappingProxyType(builder.values), MappingProxyType(builder.keys)
    return YamlText(data, values, keys, in_order(builder.problems))


class _CoreLoader(yaml.CSafeLoader):
    """YAML with the scalars of the 1.2 core schema, read by the C parser, four times as fast."""


_CoreLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("merge", r"<<", ["<"]),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    _CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})\Z"), _first
    )

_YAML = "tag:yaml.org,2002:"
_MERGE = _YAML + "merge"
_TEXT = _YAML + "str"
_KINDS = {"int": "a number", "float": "a number", "bool": "true or false", "null": "null"}

_Entries = dict[str, tuple[yaml.Node, yaml.Node]]


class _Builder:
    """Turns one tree of nodes into data, and remembers the place of every key and value."""

    def __init__(self, text: str, file: str) -> None:
        self.values: dict[Path, Span] = {}
        self.keys: dict[Path, Span] = {}
        self.problems: list[Diagnostic] = []
        self._text = text
        self._end = _end(text)
        self._file = file
        self._open: set[int] = set()  # the containers around the current node
        self._entries_of: dict[int, _Entries] = {}  # a mapping can be merged many times
        # Without aliases a file has fewer values than characters; with them it can
        # have exponentially many.
        self._most = len(text) + 100_000

    def value(self, node: yaml.Node, path: Path) -> Yaml:
        span = self.values[path] = self._span(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, span, path)
        if id(node) in self._open:
            self._problem("yaml-alias", "this value contains itself", span)
            return None
        if len(path) >= DEEPEST:
            self._problem("yaml-depth", f"nested deeper than {DEEPEST} levels", span)
            return None
        if len(self.values) > self._most:
            self._problem("yaml-alias", "its aliases make this file too large", span)
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            self._expect(node, "seq", span)
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Yaml]:
        self._expect(node, "map", self.values[path])
        result: dict[str, Yaml] = {}
        for key, (key_node, value_node) in self._entries(node, ()).items():
            below = (*path, key)
            self.keys[below] = self._span(key_node)
            result[key] = self.value(value_node, below)
        return result

    def _entries(self, node: yaml.MappingNode, merging: tuple[int, ...]) -> _Entries:
        """The entries of a mapping: merged ones first, replaced by its own where it has them."""
        if id(node) in self._entries_of:
            return self._entries_of[id(node)]
        merged: _Entries = {}
        own: _Entries = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for source in self._merged(value_node, (*merging, id(node))):
                    merged = source | merged
                continue
            key = self._key(node, key_node)
            if key is None:
                continue
            if key in own:
                first = self._span(own[key][0])
                self.problems.append(
                    Diagnostic(
                        "duplicate-key",
                        f"`{key}` appears twice in the same mapping",
                        self._span(key_node),
                        help="keep one of them",
                        notes=(f"first declared at {first}",),
                    )
                )
                continue
            own[key] = key_node, value_node
        self._entries_of[id(node)] = merged | own
        return self._entries_of[id(node)]

    def _merged(self, node: yaml.Node, merging: tuple[int, ...]) -> Iterator[_Entries]:
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode):
                what = "`<<` takes a mapping or a list of mappings"
                self._problem("yaml-merge", what, self._span(source))
            elif id(source) in merging or len(merging) > DEEPEST:
                self._problem("yaml-merge", "this mapping merges itself", self._span(source))
            else:
                yield self._entries(source, merging)

    def _key(self, mapping: yaml.MappingNode, node: yaml.Node) -> str | None:
        if node.tag == _TEXT and isinstance(node, yaml.ScalarNode):
            return self._writable(str(node.value), self._span(node))
        span = self._span(node)
        if isinstance(node, yaml.ScalarNode):
            tag = node.tag.removeprefix(_YAML)
            what = f"the key `{node.value}` is {_KINDS.get(tag, f'tagged `{tag}`')}, not text"
            self._problem("yaml-key", what, span, f'quote it: "{node.value}"')
            return str(node.value)
        if self._text.startswith("{{", mapping.start_mark.index):
            what = "a value that starts with `{{` must be quoted"
            help_ = 'write "{{ ... }}", with quotes around the whole value'
            self._problem("yaml-template", what, self._span(mapping), help_)
        else:
            self._problem("yaml-key", "a key must be text", span)
        return None

    def _scalar(self, node: yaml.ScalarNode, span: Span, path: Path) -> Yaml:
        text: str = node.value
        try:
            match node.tag.removeprefix(_YAML):
                case "str" | "merge":
                    return self._writable(text, span)
                case "null" if text in ("", "~", "null", "Null", "NULL"):
                    return None
                case "bool" if text.lower() in ("true", "false"):
                    return text.lower() == "true"
                case "int":
                    return _small(int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)))
                case "float":
                    return _finite(text)
        except ValueError:
            shown = "this" if is_secret(path) else f"`{text[:40]}`"
            what = f"{shown} is not a number that can be stored"
            self._problem("yaml-number", what, span, "quote it if it is a text")
            return None
        self._expect(node, "str", span)
        return None

    def _writable(self, text: str, span: Span) -> str:
        """The text without characters that cannot be stored; escapes can write them."""
        if character := unwritable(text):
            what = f"character {character} is not allowed"
            self._problem("yaml-character", what, span, "remove it")
            return UNWRITABLE.sub("", text)
        return text

    def _expect(self, node: yaml.Node, tag: str, span: Span) -> None:
        if node.tag != _YAML + tag:
            what = f"the tag `{node.tag.replace(_YAML, '!!')}` cannot be used here"
            self._problem("yaml-tag", what, span, "remove it")

    def _problem(self, code: str, message: str, span: Span | None, help: str | None = None) -> None:  # noqa: A002 - as in Diagnostic
        self.problems.append(Diagnostic(code, message, span, help=help))

    def _span(self, node: yaml.Node) -> Span:
        start, end = node.start_mark, node.end_mark
        if end.line >= self._end[0]:
            return Span(self._file, *_within(start, self._end), *self._end)
        return Span(self._file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _small(number: int) -> int:
    if abs(number) >= LARGEST:
        raise ValueError(number)
    return number


def _finite(text: str) -> float:
    number = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise ValueError(text)
    return number


# ---------------------------------------------------------------- errors of the syntax


# Our messages for those of libyaml that do not help.
_WORDS = {
    "mapping values are not allowed in this context": (
        "a `:` is not expected here",
        "quote a text that contains `: `",
    ),
    "found a tab character that violates indentation": (
        "a tab cannot indent",
        "indent with spaces",
    ),
    "did not find expected key": (
        "a key is expected here",
        "check the indentation: keys of one mapping start in the same column",
    ),
    "did not find expected '-' indicator": ("a `-` is expected here", "check the indentation"),
    "found undefined alias": ("this alias has no anchor", None),
    "did not find expected <document start>": ("nothing can follow the end of the document", None),
    "found unexpected end of stream": ("this text is never closed", "add the closing quote"),
    "but found another document": (
        "a file has one document, and a second one starts here",
        "put it in its own file",
    ),
    "second occurrence": ("this anchor is defined twice", None),
    "could not find expected ':'": (
        "this is neither a key nor a value",
        "a key ends with `:`; a text over several lines is indented",
    ),
}


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> Diagnostic:
    problem = str(error.problem)
    opened: yaml.Mark | None = error.context_mark
    mark: yaml.Mark | None = error.problem_mark or opened
    assert mark is not None, "libyaml marks each of its errors"
    message, help_ = _WORDS.get(problem, (problem.replace("'", "`"), None))
    line = (lines(text)[mark.line : mark.line + 1] or [""])[0]
    here = line[mark.column : mark.column + 1]
    if problem == "found character that cannot start any token":
        what = "a tab cannot indent" if here == "\t" else f"no value can start with `{here}`"
        message, help_ = what, "indent with spaces" if here == "\t" else "quote the text"
    if re.search(r"(^|[:\-,\[])\s+\{[{%#]", line):
        help_ = "quote a value that starts with a template"
    if problem == "found unexpected end of stream" and opened:
        mark = opened
    if help_ is None and opened and "flow" in (error.context or ""):
        help_ = "close the bracket, and separate its items with commas"
    place = _within(mark, _end(text))
    notes: tuple[str, ...] = ()
    if opened and error.context and (begin := _within(opened, _end(text))) != place:
        notes = (f"{error.context}, begun at {file}:{begin[0]}:{begin[1]}",)
    span = Span(file, *place, *place)
    return Diagnostic("yaml-syntax", message, span, help=help_, notes=notes)


def _unprintable(text: str, file: str) -> Iterator[Diagnostic]:
    for match in itertools.islice(UNWRITABLE.finditer(text), _MOST_CHARACTERS):
        span = between(text, match.start(), match.end(), file)
        what = f"character U+{ord(match[0]):04X} is not allowed in YAML"
        yield Diagnostic("yaml-character", what, span, help="remove it")


def _too_deep(text: str, file: str) -> Diagnostic | None:
    """Report nesting that would overflow the stack of the C parser, which is recursive.

    A level of nesting takes a bracket or a column of a line (two levels share a column where a
    list is directly under its key), so most files need not be parsed for this.
    """
    if text.count("[") + text.count("{") + 2 * max(map(len, lines(text))) < 2_000:
        return None
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_CoreLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > DEEPEST:
                mark = event.start_mark
                assert mark is not None, "libyaml marks each of its events"
                span = Span(file, mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)
                return Diagnostic("yaml-depth", f"nested deeper than {DEEPEST} levels", span)
    except yaml.YAMLError:
        return None  # `read` reports it
    return None


# ---------------------------------------------------------------- places


def _end(text: str) -> tuple[int, int]:
    """The line and the column after the last character."""
    every = lines(text)
    return len(every), len(every[-1]) + 1


def _within(mark: yaml.Mark, end: tuple[int, int]) -> tuple[int, int]:
    """The place of a mark in the file: libyaml can put it on a line after the last one."""
    return min((mark.line + 1, mark.column + 1), end)
