"""One pass over the nodes of a YAML document: plain data, and the span of everything."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import yaml

from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Span, in_order
from provisioner.spec.limits import DEEPEST, LARGEST, UNWRITABLE, unwritable
from provisioner.spec.positions import between, lines

Yaml: TypeAlias = "str | int | float | bool | list[Yaml] | dict[str, Yaml] | None"
"""The data of a YAML file."""

Path = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""

# More characters that are not allowed are not reported one by one.
_MOST_CHARACTERS = 20


SECRETS = frozenset({"token", "consumer_secret", "private_key", "password", "new_password"})
"""The keys under which a secret is expected."""


def is_secret(path: Path) -> bool:
    """Whether a secret is expected at this path, or above it."""
    return any(step in SECRETS for step in path if isinstance(step, str))


@dataclass(frozen=True, slots=True)
class Read:
    """The data of a file, the spans of its values and those of its keys, all by path.

    With `problems`, the data is what can be read all the same: of a repeated key the first.
    """

    data: Any
    values: Mapping[Path, Span]
    keys: Mapping[Path, Span]
    problems: tuple[Diagnostic, ...]


def read(text: str, file: str) -> Read:
    """Read one file. Raises DiagnosticError where its syntax leaves nothing to read."""
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
    return Read(data, values, keys, in_order(builder.problems))


class _CoreLoader(yaml.CSafeLoader):
    """YAML with the 1.2 core scalars only, read by the C parser, four times as fast."""


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
    """Turns one tree of nodes into data, and remembers where everything stood."""

    def __init__(self, text: str, file: str) -> None:
        self.values: dict[Path, Span] = {}
        self.keys: dict[Path, Span] = {}
        self.problems: list[Diagnostic] = []
        self._text = text
        self._end = _end(text)
        self._file = file
        self._open: set[int] = set()  # the containers we are inside of
        self._read: dict[int, _Entries] = {}  # a mapping can be merged many times
        # Without aliases a file has fewer values than characters; with them it can
        # have exponentially many.
        self._most = len(text) + 100_000

    def value(self, node: yaml.Node, path: Path) -> Any:
        span = self.values[path] = self._span(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, span, path)
        if id(node) in self._open:
            return self._problem("yaml-alias", "this value contains itself", span)
        if len(path) >= DEEPEST:
            return self._problem("yaml-depth", f"nested deeper than {DEEPEST} levels", span)
        if len(self.values) > self._most:
            return self._problem("yaml-alias", "its aliases make this file too large", span)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            self._expect(node, "seq", span)
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        self._expect(node, "map", self.values[path])
        result: dict[str, Any] = {}
        for key, (key_node, value_node) in self._entries(node, ()).items():
            below = (*path, key)
            self.keys[below] = self._span(key_node)
            result[key] = self.value(value_node, below)
        return result

    def _entries(self, node: yaml.MappingNode, merging: tuple[int, ...]) -> _Entries:
        """The keys of a mapping, merged ones first, its own ones in their place or after."""
        if id(node) in self._read:
            return self._read[id(node)]
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
                        f"`{key}` is given twice in the same mapping",
                        self._span(key_node),
                        help="keep one of them",
                        notes=(f"first given at {first}",),
                    )
                )
                continue
            own[key] = key_node, value_node
        self._read[id(node)] = merged | own
        return self._read[id(node)]

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

    def _scalar(self, node: yaml.ScalarNode, span: Span, path: Path) -> Any:
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
            return self._problem("yaml-number", what, span, "quote it if it is a text")
        return self._expect(node, "str", span)

    def _writable(self, text: str, span: Span) -> str:
        """The text, which can have been written with escapes."""
        if character := unwritable(text):
            what = f"character {character} is not allowed"
            self._problem("yaml-character", what, span, "remove it")
            return UNWRITABLE.sub("", text)
        return text

    def _expect(self, node: yaml.Node, tag: str, span: Span) -> None:
        if node.tag != _YAML + tag:
            what = f"the tag `{node.tag.replace(_YAML, '!!')}` can not be used here"
            self._problem("yaml-tag", what, span, "leave it out")

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


# ---------------------------------------------------------------- what YAML refuses


# libyaml's words, where ours are of more help.
_WORDS = {
    "mapping values are not allowed in this context": (
        "a `:` is not expected here",
        "quote a text that contains `: `",
    ),
    "found a tab character that violates indentation": (
        "a tab can not indent",
        "indent with spaces",
    ),
    "did not find expected key": (
        "a key is expected here",
        "check the indentation: keys of one mapping start in the same column",
    ),
    "did not find expected '-' indicator": ("a `-` is expected here", "check the indentation"),
    "found undefined alias": ("this alias names no anchor", None),
    "did not find expected <document start>": ("nothing can follow the end of the document", None),
    "found unexpected end of stream": ("this text is never closed", "add the closing quote"),
    "but found another document": (
        "a file holds one document, and here a second one starts",
        "put it in a file of its own",
    ),
    "second occurrence": ("this anchor is given twice", None),
    "could not find expected ':'": (
        "this is neither a key nor a value",
        "a key ends with `:`; a text over several lines is indented",
    ),
}


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> Diagnostic:
    problem = str(error.problem)
    mark: Any = error.problem_mark or error.context_mark
    assert mark is not None, "libyaml marks each of its errors"
    message, help_ = _WORDS.get(problem, (problem.replace("'", "`"), None))
    opened: Any = error.context_mark
    line = (lines(text)[mark.line : mark.line + 1] or [""])[0]
    here = line[mark.column : mark.column + 1]
    if problem == "found character that cannot start any token":
        what = "a tab can not indent" if here == "\t" else f"no value can start with `{here}`"
        message, help_ = what, "indent with spaces" if here == "\t" else "quote the text"
    if re.search(r"(^|[:\-,\[])\s+\{[{%#]", line):
        help_ = "quote a value that starts with a template"
    if problem == "found unexpected end of stream" and opened:
        mark = opened
    if help_ is None and opened and "flow" in (error.context or ""):
        help_ = "close what was begun, and separate its items with commas"
    place = _within(mark, _end(text))
    notes: tuple[str, ...] = ()
    if opened and error.context and (begun := _within(opened, _end(text))) != place:
        notes = (f"{error.context}, begun at {file}:{begun[0]}:{begun[1]}",)
    span = Span(file, *place, *place)
    return Diagnostic("yaml-syntax", message, span, help=help_, notes=notes)


def _unprintable(text: str, file: str) -> Iterator[Diagnostic]:
    for found in itertools.islice(UNWRITABLE.finditer(text), _MOST_CHARACTERS):
        span = between(text, found.start(), found.end(), file)
        what = f"character U+{ord(found[0]):04X} is not allowed in YAML"
        yield Diagnostic("yaml-character", what, span, help="remove it")


def _too_deep(text: str, file: str) -> Diagnostic | None:
    """Refuse what would overflow the stack of the C parser, which composes recursively.

    A level of nesting takes a bracket, or a column of a line (two levels share one
    where a list stands right under its key): most files need no closer look.
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
                mark: Any = event.start_mark
                span = Span(file, mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)
                return Diagnostic("yaml-depth", f"nested deeper than {DEEPEST} levels", span)
    except yaml.YAMLError:
        return None  # the real reading meets it too, and reports it
    return None


# ---------------------------------------------------------------- places


def _end(text: str) -> tuple[int, int]:
    """The line and the column after the last character."""
    every = lines(text)
    return len(every), len(every[-1]) + 1


def _within(mark: Any, end: tuple[int, int]) -> tuple[int, int]:
    """A mark as a place in the file: libyaml puts its end on a line that may not be there."""
    return min((mark.line + 1, mark.column + 1), end)
