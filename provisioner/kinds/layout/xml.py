"""The fields of a page layout: where each is, and how to move one without the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provisioner.kinds.xml import Element, insert, new, parse, remove, set_text, tag, text
from provisioner.model.resource import Value


class NoPlaceError(LookupError):
    """The layout has no such section or column for a field."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a field is: section by label, column and position counted from 1."""

    section: str
    column: int
    position: int
    behavior: str


def placements(component: bytes) -> Mapping[str, Placement]:
    """Every field on the layout, by API name."""
    return {
        field: Placement(label(section), column, position, text(item, "behavior") or "Edit")
        for section, column, position, item in _items(parse(component))
        if (field := text(item, "field"))
    }


def sections(component: bytes) -> Mapping[str, tuple[int, ...]]:
    """The sections by label, with the number of items in each of their columns."""
    return {
        label(s): tuple(len(c.findall(tag("layoutItems"))) for c in s.findall(tag("layoutColumns")))
        for s in parse(component).findall(tag("layoutSections"))
    }


def edit(root: Element, edits: Mapping[str, Value]) -> None:
    """Add, move or remove the fields that `edits` names (`Email`, `Email.section`, ...).

    Raises NoPlaceError for a place that the layout does not have.
    """
    by_field: dict[str, dict[str, Value]] = {}
    for name, value in edits.items():
        field, _, part = name.partition(".")
        by_field.setdefault(field, {})[part] = value
    for field, parts in by_field.items():
        _place(root, field, parts)


def label(section: Element) -> str:
    return text(section, "label") or ""


def _place(root: Element, field: str, parts: Mapping[str, Value]) -> None:
    current = next(
        (place for place in _items(root) if (text(place[3], "field") or "") == field),
        None,
    )
    if parts.get("", True) is None:
        if current:
            remove(current[3])
        return
    if current is None:
        item = new("layoutItems")
        set_text(item, "behavior", parts.get("behavior", "Edit"))
        set_text(item, "field", field)
        _put(_column(root, field, parts), item, parts.get("position"))
        return
    section, column, _, item = current
    if "behavior" in parts:
        set_text(item, "behavior", parts["behavior"])
    if parts.keys() & {"section", "column", "position"}:
        here: dict[str, Value] = {"section": label(section), "column": column}
        if parts.get("section", label(section)) != label(section):
            # In another section, a field starts in the first column.
            here = {"column": 1}
        target = _column(root, field, {**here, **parts})
        if target is item.getparent() and "position" not in parts:
            return
        remove(item)
        _put(target, item, parts.get("position"))


def _column(root: Element, field: str, parts: Mapping[str, Value]) -> Element:
    name = parts.get("section")
    section = next((s for s in root.findall(tag("layoutSections")) if label(s) == name), None)
    if section is None:
        raise NoPlaceError(f"the layout has no section `{name}` for `{field}`")
    columns = section.findall(tag("layoutColumns"))
    number = int(str(parts.get("column", 1)))
    if not 1 <= number <= len(columns):
        raise NoPlaceError(f"the section `{name}` has no column {number} for `{field}`")
    return columns[number - 1]


def _put(column: Element, item: Element, position: Value) -> None:
    siblings = column.findall(tag("layoutItems"))
    if isinstance(position, int) and position <= len(siblings):
        siblings[position - 1].addprevious(item)
    elif siblings:
        siblings[-1].addnext(item)
    else:
        insert(column, item)


def _items(
    root: Element,
) -> Iterator[tuple[Element, int, int, Element]]:
    for section in root.findall(tag("layoutSections")):
        for number, column in enumerate(section.findall(tag("layoutColumns")), 1):
            for position, item in enumerate(column.findall(tag("layoutItems")), 1):
                yield section, number, position, item
