"""Adopt the values of the org in the spec: edit its YAML and keep everything else. Pure.

Only the values that differ are edited, at their places. A template stays if the new value still
contains the values of its names.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from provisioner.kinds.layout.fields import ON_LAYOUT
from provisioner.kinds.layout.kind import LayoutKind
from provisioner.kinds.metadata import NAME
from provisioner.kinds.user.fields import PASSWORD
from provisioner.model.change import Action, FieldChange
from provisioner.model.diagnostics import DiagnosticError, Span
from provisioner.model.json_value import Json
from provisioner.model.masking import Masked, is_masked
from provisioner.model.plan import Step
from provisioner.model.resource import Address, Lookup, Ref, Resource, Secret, Value
from provisioner.spec import document as source
from provisioner.spec import edit, template
from provisioner.spec.document import Document
from provisioner.spec.edit import EditError, Plain
from provisioner.spec.yaml_reader import Path

Names = Mapping[str, Mapping[str, object]]

_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_ID = re.compile(r"[0-9a-zA-Z]{15}(?:[0-9a-zA-Z]{3})?")
# A shorter value of a name could be in a text by chance.
_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class NotAdopted:
    """A difference that cannot be adopted, and why."""

    address: Address
    field: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Adoption:
    """The new texts of the files that change, what is not adopted, and remarks for a reviewer."""

    texts: Mapping[str, str]
    not_adopted: tuple[NotAdopted, ...]
    remarks: tuple[str, ...]


def adopt(
    steps: Iterable[Step],
    texts: Mapping[str, str],
    names: Names,
    errors: Collection[Span | None] = (),
) -> Adoption:
    """The files of a spec with the values that the org has.

    `texts` are the files by the names that spans use, `names` the values for templates. Resources
    with an error at one of the places in `errors` are not adopted.
    """
    files: dict[str, _File] = {}
    not_adopted: list[NotAdopted] = []
    for step in steps:
        if errors and not set(step.change.after.spans.values()).isdisjoint(errors):
            not_adopted.append(
                NotAdopted(step.address, None, "it has an error, which must be fixed first")
            )
            continue
        if step.action is not Action.UPDATE:
            not_adopted.append(NotAdopted(step.address, None, _WHY_NOT[step.action]))
            continue
        for field in _outermost(step.change.fields):
            try:
                _take(field, step, texts, files)
            except EditError as error:
                not_adopted.append(NotAdopted(step.address, field.name, str(error)))
    remarks: list[str] = []
    edited = {name: file.edited(names, not_adopted, remarks) for name, file in files.items()}
    changed = {name: text for name, text in edited.items() if text != texts[name]}
    return Adoption(changed, tuple(not_adopted), tuple(remarks))


def patch(before: str, after: str, path: str) -> str:
    """The difference between two texts of a file, for `git apply` and `patch -p1`."""
    lines = difflib.unified_diff(
        _lines(before), _lines(after), f"a/{path}", f"b/{path}", lineterm="\n"
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


_WHY_NOT = {
    Action.CREATE: "it is not in the org: apply the spec, or remove it from the spec by hand",
    Action.DELETE: "the spec removes it: apply the spec, or delete `remove` by hand",
    Action.DEACTIVATE: "the spec removes it: apply the spec, or delete `remove` by hand",
}


@dataclass
class _NewValue:
    """A value to set, and the field that it is for."""

    address: Address
    field: str
    path: Path
    value: Plain


class _File:
    """One file of the spec, and the values to set in it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.new_values: list[_NewValue] = []
        self._paths: dict[Span, Path] = {span: path for path, span in document.values.items()}

    def path(self, span: Span) -> Path:
        if span not in self._paths:
            raise EditError("its value is not a value of its own in the YAML")
        return self._paths[span]

    def edited(self, names: Names, not_adopted: list[NotAdopted], remarks: list[str]) -> str:
        """The new text. A value that cannot be set does not prevent the others."""
        document, possible = self.document, list[tuple[_NewValue, Plain]]()
        for new in self.new_values:
            try:
                value = self._as_before(new, names, remarks)
                edit.check(document, new.path, value)
            except EditError as error:
                not_adopted.append(NotAdopted(new.address, new.field, str(error)))
            else:
                possible.append((new, value))
        try:
            return edit.set_values(document, [(w.path, value) for w, value in possible])
        except EditError as error:
            not_adopted += [NotAdopted(w.address, w.field, str(error)) for w, _ in possible]
            return document.text

    def _as_before(self, new: _NewValue, names: Names, remarks: list[str]) -> Plain:
        """The value in the form of the former one: as a list, or as a template."""
        old, value = _at(self.document.data, new.path), new.value
        if isinstance(old, dict) and "find" not in old and not LayoutKind.owns(new.address):
            raise EditError("its value is not a value of its own in the YAML")
        if isinstance(old, list):
            items = value.split(";") if isinstance(value, str) else value
            return _same_items(old, items, names) if isinstance(items, list) else value
        if not isinstance(old, str) or not template.is_template(old):
            return value
        kept = _kept(old, value, names) if isinstance(value, str) else None
        lost = [e for e in _EXPRESSION.findall(old) if e not in (kept or "")]
        if lost or "{%" in old:
            remarks.append(
                f"{self.document.values[new.path]}: {', '.join(lost) or 'a template'} is replaced "
                "by a plain value, which is the same in every environment"
            )
        return value if kept is None else kept


def _outermost(fields: Iterable[FieldChange]) -> Iterator[FieldChange]:
    """The fields without the parts of fields that are removed as a whole, as from a layout."""
    fields = tuple(fields)
    gone = {f.name for f in fields if f.after == ON_LAYOUT and f.before is None}
    return (f for f in fields if f.name.partition(".")[0] not in gone or f.name in gone)


def _take(
    field: FieldChange, step: Step, texts: Mapping[str, str], files: dict[str, _File]
) -> None:
    """Add the new value of a field to its file. Raises EditError if that is not possible."""
    span = field.span
    if isinstance(field.after, Masked):
        raise EditError("its value is masked: change it by hand")
    if field.name == NAME:
        raise EditError("it still has its former name: rename it by hand, or apply the spec")
    if field.name == PASSWORD:
        raise EditError("a password is never adopted")
    if span is None or span.file not in texts:
        raise EditError("it is not written in a file of the spec")
    if not span.file.endswith((".yaml", ".yml")):
        raise EditError(f"it is in {span}, which is not a YAML file: change it by hand")
    if span.file not in files:
        try:
            files[span.file] = _File(source.parse(texts[span.file], span.file))
        except DiagnosticError as error:
            raise EditError("its file cannot be read again") from error
    file = files[span.file]
    path = file.path(span)
    assert step.change.before is not None, "a resource that is updated was read"
    value = _plain(field, path, step.change.before)
    if is_masked(str(value)):
        raise EditError("its value in the org contains a masked value: change it by hand")
    file.new_values.append(_NewValue(step.address, field.name, path, value))


def _plain(field: FieldChange, path: Path, before: Resource) -> Plain:
    """The org's value as a spec has it at this path."""
    value: Value = before.shown(field.name)
    # Our own names of references are in lower case, Salesforce's fields are not.
    ours = str(path[-1])[:1].islower() and field.name.endswith("Id")
    match value:
        case Secret():
            raise EditError("a secret is never adopted")
        case Ref(to) if ours:
            return to.name
        case Ref():
            return {"find": {"Id": str(before.fields[field.name])}}
        case Lookup(_, where):
            return str(where[0][1]) if ours and len(where) == 1 else {"find": dict(where)}
        case str() if field.name.endswith("Id") and _ID.fullmatch(value):
            return {"find": {"Id": value}}
        case str() if value == ON_LAYOUT:
            raise EditError("it is on the layout: write its section by hand, or apply the spec")
        case tuple():
            return list(value)
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _same_items(old: Sequence[Json], items: list[str], names: Names) -> list[str]:
    """The items, spelled as in the old list if they are in it: as a template, or in other case."""
    written: dict[str, str] = {}
    for item in map(str, old):
        try:
            written[str(template.fill(item, names)).casefold()] = item
        except template.TemplateError:
            continue
    return [written.get(item.casefold(), item) for item in items]


def _kept(old: str, value: str, names: Names) -> str | None:
    """The value with the expressions of a template whose values it contains."""
    if "{%" in old or "{#" in old or template.is_template(value):
        return None
    result, at = "", 0
    for expression in _EXPRESSION.findall(old):
        try:
            filled = template.fill(f"{expression} ", names)
        except template.TemplateError:
            return None
        text = str(filled)[:-1]
        start = value.find(text, at) if len(text) >= _SHORTEST else -1
        if start >= 0:
            result += value[at:start] + expression
            at = start + len(text)
    result += value[at:]
    if result == value or str(template.fill(result, names)) != value:
        return None
    return result


def _lines(text: str) -> list[str]:
    """The lines with their ends, split as `diff` does: only at line feeds."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _at(data: Json, path: Path) -> Json:
    for part in path:
        match data, part:
            case Mapping(), str():
                data = data[part]
            case list(), int():
                data = data[part]
            case _:
                raise AssertionError(f"the document has no value at {path}")
    return data
