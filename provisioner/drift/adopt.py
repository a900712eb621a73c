"""Take what the org has over into the spec: a patch to its YAML that keeps all else. Pure.

Only what differs is touched, in the place where it was written. A template stays where the
new value still ends up with what its names stand for.
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
# Shorter than this, what a name stands for is found in a text by chance.
_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Left:
    """A difference that has no place in the YAML to be taken over, and why."""

    address: Address
    field: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Adoption:
    """The new texts of the files that change; what could not be taken over; what to look at."""

    texts: Mapping[str, str]
    left: tuple[Left, ...]
    remarks: tuple[str, ...]


def adopt(
    steps: Iterable[Step],
    texts: Mapping[str, str],
    names: Names,
    errors: Collection[Span | None] = (),
) -> Adoption:
    """The files of a spec with the values that the org has.

    `texts` are the files by the names that spans have for them, `names` what templates are
    filled with. Resources with an error, of which `errors` has the places, are left out.
    """
    files: dict[str, _File] = {}
    left: list[Left] = []
    for step in steps:
        if errors and not set(step.change.after.spans.values()).isdisjoint(errors):
            left.append(Left(step.address, None, "it has an error, which must be fixed first"))
            continue
        if step.action is not Action.UPDATE:
            left.append(Left(step.address, None, _WHY_NOT[step.action]))
            continue
        for field in _outermost(step.change.fields):
            try:
                _take(field, step, texts, files)
            except EditError as error:
                left.append(Left(step.address, field.name, str(error)))
    new: dict[str, str] = {}
    remarks: list[str] = []
    for name, file in files.items():
        new[name] = file.written(names, left, remarks)
    changed = {name: text for name, text in new.items() if text != texts[name]}
    return Adoption(changed, tuple(left), tuple(remarks))


def patch(before: str, after: str, path: str) -> str:
    """The difference of a file's texts as `git apply` and `patch -p1` take it."""
    lines = difflib.unified_diff(
        _lines(before), _lines(after), f"a/{path}", f"b/{path}", lineterm="\n"
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


_WHY_NOT = {
    Action.CREATE: "it is not in the org: apply the spec, or take it out by hand",
    Action.DELETE: "the spec asks to remove it: apply the spec, or take `remove` out by hand",
    Action.DEACTIVATE: "the spec asks to remove it: apply the spec, or take `remove` out by hand",
}


@dataclass
class _Wanted:
    """A value to be set, and whose it is."""

    address: Address
    field: str
    path: Path
    value: Plain


class _File:
    """One file of the spec, and what is to be set in it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.wanted: list[_Wanted] = []
        self._paths: dict[Span, Path] = {span: path for path, span in document.values.items()}

    def path(self, span: Span) -> Path:
        if span not in self._paths:
            raise EditError("it is not written in a place of its own")
        return self._paths[span]

    def written(self, names: Names, left: list[Left], remarks: list[str]) -> str:
        """The new text. What can not be set in its place hinders nothing else."""
        document, possible = self.document, list[tuple[_Wanted, Plain]]()
        for wanted in self.wanted:
            try:
                value = self._as_before(wanted, names, remarks)
                edit.check(document, wanted.path, value)
            except EditError as error:
                left.append(Left(wanted.address, wanted.field, str(error)))
            else:
                possible.append((wanted, value))
        try:
            return edit.set_values(document, [(w.path, value) for w, value in possible])
        except EditError as error:
            left += [Left(w.address, w.field, str(error)) for w, _ in possible]
            return document.text

    def _as_before(self, wanted: _Wanted, names: Names, remarks: list[str]) -> Plain:
        """The value in the form of the former one: as a list, with the names of a template."""
        old, value = _at(self.document.data, wanted.path), wanted.value
        if isinstance(old, dict) and "find" not in old and not LayoutKind.owns(wanted.address):
            raise EditError("it is not written in a place of its own")
        if isinstance(old, list):
            items = value.split(";") if isinstance(value, str) else value
            return _same_items(old, items, names) if isinstance(items, list) else value
        if not isinstance(old, str) or not template.is_template(old):
            return value
        kept = _kept(old, value, names) if isinstance(value, str) else None
        lost = [e for e in _EXPRESSION.findall(old) if e not in (kept or "")]
        if lost or "{%" in old:
            remarks.append(
                f"{self.document.values[wanted.path]}: {', '.join(lost) or 'a template'} gives way "
                "to a plain value, which every environment will have"
            )
        return value if kept is None else kept


def _outermost(fields: Iterable[FieldChange]) -> Iterator[FieldChange]:
    """The fields without the parts of those that are gone as a whole, as from a layout."""
    fields = tuple(fields)
    gone = {f.name for f in fields if f.after == ON_LAYOUT and f.before is None}
    return (f for f in fields if f.name.partition(".")[0] not in gone or f.name in gone)


def _take(
    field: FieldChange, step: Step, texts: Mapping[str, str], files: dict[str, _File]
) -> None:
    """Note what a file is to say of a field. Raises EditError where it can not."""
    span = field.span
    if isinstance(field.after, Masked):
        raise EditError("its value is masked: change it by hand")
    if field.name == NAME:
        raise EditError("it goes by its former name: rename it by hand, or apply the spec")
    if field.name == PASSWORD:
        raise EditError("a password is never taken over")
    if span is None or span.file not in texts:
        raise EditError("it is not written in a file of the spec")
    if not span.file.endswith((".yaml", ".yml")):
        raise EditError(f"it stands in {span}, which is no YAML: change it by hand")
    if span.file not in files:
        try:
            files[span.file] = _File(source.parse(texts[span.file], span.file))
        except DiagnosticError as error:
            raise EditError("its file cannot be read again") from error
    file = files[span.file]
    path = file.path(span)
    assert step.change.before is not None, "what is updated was found"
    value = _plain(field, path, step.change.before)
    if is_masked(str(value)):
        raise EditError("its value in the org contains a masked value: change it by hand")
    file.wanted.append(_Wanted(step.address, field.name, path, value))


def _plain(field: FieldChange, path: Path, before: Resource) -> Plain:
    """The org's value as a spec has it at this path."""
    value: Value = before.shown(field.name)
    # Our own words for references are in lower case, Salesforce's fields are not.
    ours = str(path[-1])[:1].islower() and field.name.endswith("Id")
    match value:
        case Secret():
            raise EditError("a secret is never taken over")
        case Ref(to) if ours:
            return to.name
        case Ref():
            return {"find": {"Id": str(before.fields[field.name])}}
        case Lookup(_, where):
            return str(where[0][1]) if ours and len(where) == 1 else {"find": dict(where)}
        case str() if field.name.endswith("Id") and _ID.fullmatch(value):
            return {"find": {"Id": value}}
        case str() if value == ON_LAYOUT:
            raise EditError("it is on the layout: say where it stands, or apply the spec")
        case tuple():
            return list(value)
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _same_items(old: Sequence[Json], items: list[str], names: Names) -> list[str]:
    """The items as the old list has them, where it has them: by a template, in other case."""
    written: dict[str, str] = {}
    for item in map(str, old):
        try:
            written[str(template.fill(item, names)).casefold()] = item
        except template.TemplateError:
            continue
    return [written.get(item.casefold(), item) for item in items]


def _kept(old: str, value: str, names: Names) -> str | None:
    """The value with those expressions of a template that what they stand for is in it."""
    if "{%" in old or "{#" in old or template.is_template(value):
        return None
    made, at = "", 0
    for expression in _EXPRESSION.findall(old):
        try:
            stands_for = template.fill(f"{expression} ", names)
        except template.TemplateError:
            return None
        text = str(stands_for)[:-1]
        found = value.find(text, at) if len(text) >= _SHORTEST else -1
        if found >= 0:
            made += value[at:found] + expression
            at = found + len(text)
    made += value[at:]
    if made == value or str(template.fill(made, names)) != value:
        return None
    return made


def _lines(text: str) -> list[str]:
    """The lines with their ends, as `diff` has them: at line feeds only."""
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
