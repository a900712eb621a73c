"""What the rows of a roster become: the parts of one, their templates and their places. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provisioner.model.diagnostics import Span
from provisioner.model.masking import Masked
from provisioner.model.resource import Spec
from provisioner.spec import template
from provisioner.spec.roster import csv_reader as table
from provisioner.spec.yaml_reader import Path

MOST_PARTS = 100
"""A template of more parts is filled in by Jinja2, which checks its length beforehand."""

_LONGEST_SHOWN = 40
# Words that most likely mean "false" in a column: whatever differs from them is true.
_NEGATIVE = frozenset(
    {"blocked", "disabled", "f", "inactive", "n", "nein", "no", "non", "off", "locked", "-"}
)

Fill = Callable[[Sequence[str]], Any]
"""What a template gives for the cells of a row."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One template of a part: where its value goes, how it is filled in, and from which columns.

    `truths` are the texts that stand for a boolean, if the schema wants one there.
    """

    path: Path
    give: Fill
    columns: tuple[int, ...]
    truths: Mapping[str, bool]


@dataclass(slots=True)
class Part:
    """The account, contact or user of a roster: constant values, and templates among them.

    `implied` is the reference that it has to the part before it, `identity` the field that has the
    key of the row.
    """

    kind: str
    data: Mapping[str, Any]
    implied: str | None = None
    identity: str | None = None
    leaves: list[Leaf] = field(default_factory=list)
    columns: dict[Path, int] = field(default_factory=dict)
    spans: Mapping[Path, Span] = field(default_factory=dict)

    def filled(
        self, values: Sequence[Any], key: str, declared: Mapping[str, str]
    ) -> dict[str, Any]:
        """The part of the row with this key, the values of its templates in their places.

        `declared` are the keys of what the parts before it declared, by kind.
        """
        data = dict(self.data)
        if self.implied and self.implied in declared:
            data[self.implied] = declared[self.implied]
        elif self.implied:
            del data[self.implied]  # the row has a problem there, which is reported
        if self.identity:
            data[self.identity] = key
        for leaf, value in zip(self.leaves, values, strict=True):
            if len(leaf.path) == 1:
                data[str(leaf.path[0])] = value
            else:
                _put(data, leaf.path, value)
        for name in ("was", "remove"):
            # What is asked of some rows only is not asked of the others.
            if name in data and data[name] in (None, False):
                del data[name]
        if data.get("on_create") == {"password": None}:
            del data["on_create"]
        return data


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    """Put a value in its place; what is on the way is shared by all rows, and copied."""
    inside: Any = data
    for step in path[:-1]:
        copy = inside[step].copy()
        inside[step] = copy
        inside = copy
    inside[path[-1]] = value


def filler(text: str, header: Sequence[str], names: template.Names) -> Fill:
    """The template, compiled for these columns. Raises TemplateError."""
    return (_plain if template.is_plain(text) else _by_jinja)(text, header, names)


def _plain(text: str, header: Sequence[str], names: template.Names) -> Fill:
    """A text with names in it: the rest of it is filled in here and now."""
    parts, masked = template.pieces(text, names, "row")
    match parts:
        case [("", name), ("", "")]:
            column = header.index(name)
            return lambda cells: cells[column]
    if len(parts) > MOST_PARTS:
        return _by_jinja(text, header, names)
    format_ = ""
    for before, name in parts:
        format_ += before.replace("{", "{{").replace("}", "}}")
        format_ += f"{{{header.index(name)}}}" if name else ""
    give = format_.format
    if masked:
        return lambda cells: Masked(give(*cells))
    return lambda cells: give(*cells)


def _by_jinja(text: str, header: Sequence[str], names: template.Names) -> Fill:
    from provisioner.spec.roster.shortcut import shortcut

    short = shortcut(text, {name: place for place, name in enumerate(header) if name})
    if short:
        return short
    give = template.compiled(text)
    return lambda cells: give({"row": dict(zip(header, cells, strict=True)), **names})


# ---------------------------------------------------------------- places


@dataclass(frozen=True, slots=True, eq=False)
class RowSpans(Mapping[Path, Span]):
    """The places of one resource of a row, made when they are asked for."""

    part: Part
    places: table.Places
    number: int

    def __getitem__(self, path: Path) -> Span:
        found: Span | None = self.get(path)
        if found is None:
            raise KeyError(path)
        return found

    def get(self, path: Path, default: Any = None) -> Any:
        column = self.part.columns.get(path)
        if column is None:
            return self.part.spans.get(path, default)
        return self.places.span(self.number, column)

    def __iter__(self) -> Iterator[Path]:
        return iter({**self.part.spans, **self.part.columns})

    def __len__(self) -> int:
        return len({**self.part.spans, **self.part.columns})


@dataclass(frozen=True, slots=True)
class RowDocument:
    """One resource of a row as if it were a document, for the words of the schema."""

    file: str
    data: Any
    spec: Spec
    given: Mapping[Path, Any]

    def span(self, path: Path, *, key: bool = False) -> Span | None:
        return self.spec.at(*path[2:])

    def written(self, path: Path) -> str:
        return str(self.given.get(path[2:], ""))


# ---------------------------------------------------------------- words


def comparison(cell: str, value: Any) -> str:
    """The help for a cell that is no boolean: the expression that makes its value one.

    `cell` is the expression for the cell. A value that cannot be shown is not.
    """
    text = value if isinstance(value, str) else str(value)
    shown = not isinstance(value, Masked) and text.isprintable() and len(text) <= _LONGEST_SHOWN
    operator = "!=" if text.casefold() in _NEGATIVE else "=="
    literal = repr(text) if shown else "'VALUE'"
    return f"compare it in the template: `{{{{ {cell} {operator} {literal} }}}}`"


def type_help(message: str, value: Any, column: str | None) -> str | None:
    if value is None:
        return f"fill in `{column}`" if column else None
    cell = f"row.{column}" if column and column.isidentifier() else f"row['{column or 'COLUMN'}']"
    expected, _, _ = message.partition(", not ")
    if "true or false" in expected:
        return comparison(cell, value)
    if "number" in expected:
        return f"make it one in the template: `{{{{ {cell} | int }}}}`"
    if isinstance(value, bool | int | float):
        return f"make it text in the template: `{{{{ {cell} | string }}}}`"
    return None
