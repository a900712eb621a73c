"""Change single values of a YAML text, and keep every other character of it.

`ruamel.yaml` is not used: it also changes what is not edited, such as `~`, the spaces in
`{a: 1,  b: 2}`, and the indentation of lists and of text blocks.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from provisioner.model.diagnostics import DiagnosticError
from provisioner.spec import yaml_reader
from provisioner.spec.document import Document, parse
from provisioner.spec.positions import offsets
from provisioner.spec.yaml_reader import Path, Yaml

Plain = str | int | float | bool | list[str] | dict[str, Yaml] | None
"""A value that can be written into a file."""


class EditError(Exception):
    """The value cannot be changed in its place; the message says why."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces the characters between two offsets with `text`."""

    begin: int
    end: int
    text: str


def set_values(document: Document, values: Iterable[tuple[Path, Plain]]) -> str:
    """The text of a document with new values at some of its paths.

    Comments, order, quotes and layout are kept, and so are the items that stay in a list. The
    new text is read again, to check that it has exactly these values. Raises EditError.
    """
    values = tuple(values)
    edits = [_edit(document, path, value) for path, value in values]
    expected = copy.deepcopy(document.data)
    for path, value in values:
        above = _at(expected, path[:-1])
        above[path[-1]] = _in_order(above[path[-1]], value)
    return _apply(document, edits, expected)


def check(document: Document, path: Path, value: Plain) -> None:
    """Raise EditError if the value at a path cannot be changed in its place."""
    _edit(document, path, value)


def insert(document: Document, path: Path, value: Plain) -> str:
    """The text of a document with a new first key in one of its mappings. Raises EditError."""
    *above, key = path
    data = _at(document.data, tuple(above))
    if not isinstance(data, dict) or not data or key in data:
        raise EditError("there is no place for it")
    first = document.keys.get((*above, next(iter(data))))
    if first is None:
        raise EditError("there is no place for it")
    begin, _ = offsets(document.text, first)
    if _in_flow(document, path):
        added = f"{key}: {scalar(value, flow=True)}, "
    else:
        line = document.text.rfind("\n", 0, begin) + 1
        added = f"{key}: {scalar(value)}\n{' ' * (begin - line)}"
    expected = copy.deepcopy(document.data)
    _at(expected, tuple(above))[key] = value
    return _apply(document, [Edit(begin, begin, added)], expected)


def scalar(value: Plain | Yaml, *, like: str = "", flow: bool = False) -> str:
    """A value as YAML on one line, with the quotes of `like` if it has any."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {scalar(v, flow=True)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(scalar(item, flow=True) for item in value) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    if like.startswith("'") and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if like.startswith('"') or not _is_plain(value, flow=flow):
        return json.dumps(value, ensure_ascii=not value.isprintable())
    return value


def _is_plain(value: str, *, flow: bool) -> bool:
    """Whether a text is read as itself without quotes."""
    if not value.isprintable() or value != value.strip():
        return False
    text = f"[{value}]\n" if flow else f"a: {value}\n"
    try:
        content = yaml_reader.read(text, "")
    except DiagnosticError:
        return False
    return not content.problems and content.data == ([value] if flow else {"a": value})


def _edit(document: Document, path: Path, value: Plain) -> Edit:
    span = document.values.get(path)
    if span is None:
        raise EditError("it is not written in a place of its own")
    if sum(other == span for other in document.values.values()) > 1:
        raise EditError("an alias shares its value with others")
    begin, end = offsets(document.text, span)
    old = document.text[begin:end]
    if old.startswith(("&", "!")) or document.text[:begin].rstrip(" ").endswith("&"):
        raise EditError("an anchor shares its value with others")
    present = _at(document.data, path)
    if isinstance(present, list) and isinstance(value, list) and present:
        return _edit_list(document, path, present, value)
    flow = _in_flow(document, path)
    new = scalar(value, like=old, flow=flow)
    if old.endswith("\n"):
        # A block of lines (`|`, `>`) ends with its last line.
        return Edit(begin, end, new + "\n")
    if not old and document.text[begin - 1 : begin] == ":":
        new = f" {new}"
    return Edit(begin, end, new)


def _edit_list(
    document: Document, path: Path, present: Sequence[Yaml], items: Sequence[str]
) -> Edit:
    """The list with the items that stay as they are written, and the new ones after them."""
    spans = [document.values[(*path, i)] for i in range(len(present))]
    places = [offsets(document.text, span) for span in spans]
    kept = [i for i, item in enumerate(present) if item in items]
    new = [item for item in items if item not in present]
    begin, end = offsets(document.text, document.values[path])
    if document.text[begin] == "[":
        old = document.text[begin:end]
        if "#" in old and "\n" in old:
            raise EditError("its list has comments between brackets")
        texts = [document.text[slice(*places[i])] for i in kept]
        texts += [scalar(item, flow=True) for item in new]
        return Edit(begin, end, f"[{', '.join(texts)}]")
    starts = [document.text.rfind("\n", 0, at) + 1 for at, _ in places]
    last = document.text.find("\n", places[-1][1])
    last = len(document.text) if last < 0 else last + 1
    lines = [
        document.text[start:stop] for start, stop in zip(starts, [*starts[1:], last], strict=True)
    ]
    dash = re.match(r"\s*-\s+", lines[0])
    if dash is None or len(set(starts)) < len(starts):
        raise EditError("its list does not have one item on each line")
    if not kept and not new:
        return Edit(starts[0], last, f"{dash[0].split('-')[0]}[]\n")
    if not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    added = [f"{dash[0]}{scalar(item)}\n" for item in new]
    return Edit(starts[0], last, "".join([*(lines[i] for i in kept), *added]))


def _in_order(present: Yaml, value: Plain) -> Plain:
    """A list in the order in which it is written: first the items that stay, then the new ones."""
    if not isinstance(value, list) or not isinstance(present, list):
        return value
    kept = [item for item in present if isinstance(item, str) and item in value]
    return [*kept, *(item for item in value if item not in present)]


def _in_flow(document: Document, path: Path) -> bool:
    """Whether a path is inside brackets or braces."""
    return any(document.written(path[:i]).startswith(("{", "[")) for i in range(len(path)))


def _apply(document: Document, edits: Iterable[Edit], expected: Yaml) -> str:
    """The text with the edits made, which must have the expected data."""
    text = document.text
    before = len(text)
    for edit in sorted(edits, key=lambda e: (e.begin, e.end), reverse=True):
        if edit.end > before:
            raise EditError("two changes overlap")
        text, before = text[: edit.begin] + edit.text + text[edit.end :], edit.begin
    try:
        edited = parse(text, document.file)
    except DiagnosticError as error:
        raise EditError("its new text could not be read") from error
    if edited.data != expected:
        raise EditError("its new text would have other values")
    return text


def _at(data: Yaml, path: Path) -> Any:
    value: Any = data
    for step in path:
        value = value[step]
    return value
