"""The parts of a roster (account, contact, user), their templates, and the places of their rows."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provisioner.model.diagnostics import Span
from provisioner.model.masking import Masked
from provisioner.model.resource import Spec
from provisioner.spec import template
from provisioner.spec.roster.csv_reader import cell_spans
from provisioner.spec.schema import Validator
from provisioner.spec.yaml_reader import Path, Yaml

_LONGEST_SHOWN = 40
# Words that most likely mean "false" in a column: whatever differs from them is true.
_NEGATIVE = frozenset(
    {"blocked", "disabled", "f", "inactive", "n", "nein", "no", "non", "off", "locked", "-"}
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One template of a part: where its value goes, and the columns that it uses.

    `truths` are the texts that stand for a boolean, if the schema wants one there.
    """

    path: Path
    text: str
    columns: tuple[int, ...]
    truths: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class CsvFile:
    """What the places of all rows of a file have in common."""

    name: str
    delimiter: str


@dataclass(slots=True)
class Part:
    """The account, contact or user of a roster: constant values, and templates among them.

    `implied` is the reference that it has to the part before it, `identity` the field that has
    the key of the row. `columns` are those that its values come from, `spans` the places of all
    other values.
    """

    kind: str
    data: dict[str, Yaml]
    file: CsvFile
    validator: Validator
    implied: str | None = None
    identity: str | None = None
    leaves: list[Leaf] = field(default_factory=list)
    columns: dict[Path, int] = field(default_factory=dict)
    spans: Mapping[Path, Span] = field(default_factory=dict)

    def filled(
        self, values: Sequence[Yaml], key: str, declared: Mapping[str, str]
    ) -> dict[str, Yaml]:
        """The part of the row with this key, the values of its templates in their places.

        `declared` are the keys of what the parts before it declared, by kind.
        """
        data = self.data.copy()
        if self.implied and self.implied in declared:
            data[self.implied] = declared[self.implied]
        elif self.implied:
            del data[self.implied]  # the row has a problem there, which is reported
        if self.identity:
            data[self.identity] = key
        for leaf, value in zip(self.leaves, values, strict=True):
            if len(leaf.path) == 1:
                data[leaf.path[0]] = value  # type: ignore[index]  # a mapping has text keys
            else:
                _put(data, leaf.path, value)
        for name in ("was", "remove"):
            # What is asked of some rows only is not asked of the others.
            if name in data and data[name] in (None, False):
                del data[name]
        if data.get("on_create") == {"password": None}:
            del data["on_create"]
        return data


def _put(data: dict[str, Yaml], path: Path, value: Yaml) -> None:
    """Put a value in its place; what is on the way is shared by all rows, and copied."""
    inside: Any = data
    for step in path[:-1]:
        copy = inside[step].copy()
        inside[step] = copy
        inside = copy
    inside[path[-1]] = value


class RowTemplates:
    """The templates of a roster, compiled together: they are filled in once for every row.

    `steps` counts what they did.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        """Raises TemplateError."""
        self.steps = 0
        self._texts = texts
        self._fill_all = template.compile_all(texts)

    def fill(self, names: template.Names) -> Sequence[Yaml | template.TemplateError]:
        """The values of all templates; for one that fails, its TemplateError."""
        try:
            values, steps = self._fill_all(names)
        except template.TemplateError:
            return [_filled_alone(text, names) for text in self._texts]
        self.steps += steps
        return values


@functools.lru_cache(maxsize=1_000)
def compiled(text: str) -> Callable[[template.Names], Yaml]:
    """One template alone. Raises TemplateError, and so does the function."""
    return template.compiled(text)


def _filled_alone(text: str, names: template.Names) -> Yaml | template.TemplateError:
    try:
        return compiled(text)(names)
    except template.TemplateError as error:
        return error


# ---------------------------------------------------------------- places


@dataclass(frozen=True, slots=True, eq=False)
class RowSpans(Mapping[Path, Span]):
    """The places of one resource of a row, found in the text of the row when they are asked for.

    `column` is the one that has the key of the resource, `line` the first line of the row.
    """

    part: Part
    text: str
    line: int
    column: int | None

    def __getitem__(self, path: Path) -> Span:
        column = self.part.columns.get(path) if path else self.column
        if column is not None:
            return self.cell(column)
        return self.part.spans[path] if path else self.cell(None)

    def cell(self, column: int | None) -> Span:
        """The place of a cell, or of the beginning of the row."""
        file = self.part.file
        if column is None:
            return Span(file.name, self.line, 1, self.line, 1)
        return cell_spans(self.text, self.line, file.name, file.delimiter)[column]

    def __iter__(self) -> Iterator[Path]:
        return iter({(): None, **self.part.spans, **self.part.columns})

    def __len__(self) -> int:
        return len({(): None, **self.part.spans, **self.part.columns})


@dataclass(frozen=True, slots=True)
class RowDocument:
    """One resource of a row as if it were a document, for the messages of the schema.

    `values` are those that the templates gave, `header` the names of the columns.
    """

    file: str
    data: Yaml
    spec: Spec
    values: Mapping[Path, Yaml]
    columns: Mapping[Path, str]

    def span(self, path: Path, *, key: bool = False) -> Span | None:
        return self.spec.at(*path[2:])

    def written(self, path: Path) -> str:
        return str(self.values.get(path[2:], ""))

    def type_help(
        self, path: Path, value: Yaml, types: Collection[str], default: str | None
    ) -> str | None:
        """How to change the template, whose value has none of these types."""
        if path[2:] not in self.values:
            return default
        column = self.columns.get(path[2:])
        if value is None:
            return f"fill in `{column}`" if column else None
        is_name = column and column.isidentifier()
        cell = f"row.{column}" if is_name else f"row['{column or 'COLUMN'}']"
        if "boolean" in types:
            return comparison(cell, value)
        if "number" in types or "integer" in types:
            return f"make it one in the template: `{{{{ {cell} | int }}}}`"
        if isinstance(value, bool | int | float):
            return f"make it text in the template: `{{{{ {cell} | string }}}}`"
        return None


def comparison(cell: str, value: object) -> str:
    """The help for a cell that is not a boolean: the expression that makes its value one.

    `cell` is the expression for the cell. A value that cannot be shown is not.
    """
    text = value if isinstance(value, str) else str(value)
    shown = not isinstance(value, Masked) and text.isprintable() and len(text) <= _LONGEST_SHOWN
    operator = "!=" if text.casefold() in _NEGATIVE else "=="
    literal = repr(text) if shown else "'VALUE'"
    return f"compare it in the template: `{{{{ {cell} {operator} {literal} }}}}`"
