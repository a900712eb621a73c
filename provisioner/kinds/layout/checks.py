"""What Salesforce would reject of layouts: they exist, and the fields have a place on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provisioner.kinds.advice import unknown_field
from provisioner.kinds.base import Context
from provisioner.kinds.layout.fields import NAME, TYPE, sobject_of
from provisioner.kinds.layout.xml import sections
from provisioner.kinds.metadata import CLONE, COMPONENT
from provisioner.model.diagnostics import Diagnostic, did_you_mean
from provisioner.model.resource import Address, Resource


def problems(context: Context) -> Iterator[Diagnostic]:
    """Layouts: they exist, have the sections that are named, and their object the fields. (5)"""
    for layout in context.of_kind(NAME):
        name = str(layout.written.get(CLONE, layout.address.name))
        source = _layout(context, name)
        live = context.live.get(layout.address)
        component = _layout(context, str(live.written[COMPONENT])) if live else source
        # The source is checked even if the layout exists: another org may not have the layout yet.
        source_exists = source is not None or Address(NAME, name) in context.desired
        if component is None or (CLONE in layout.written and not source_exists):
            yield Diagnostic(
                "unknown-layout",
                f"the org has no layout `{name}`",
                layout.span(CLONE if CLONE in layout.written else ""),
                help=did_you_mean(name, context.facts.components(TYPE)),
            )
        if component is None:
            continue
        yield from _layout_fields(context, layout)
        yield from _layout_places(context, layout, sections(component))


def _layout(context: Context, name: str) -> bytes | None:
    """The XML of a layout that was read, as itself or as the source of a clone."""
    answers = context.facts.answers[NAME]
    read: dict[str, bytes] = {**answers["components"], **answers["sources"]}
    return next((xml for n, xml in read.items() if n.casefold() == name.casefold()), None)


def _layout_fields(context: Context, layout: Resource) -> Iterator[Diagnostic]:
    object_name = sobject_of(layout)
    info = context.facts.describe(object_name)
    for name in layout.written:
        field = name.partition(".")[0]
        if "." in name or info is None or name == CLONE or layout.written[name] is None:
            continue
        if field not in info and not context.facts.is_pending_field(object_name, field):
            yield unknown_field(context, layout, object_name, field, info)


def _layout_places(
    context: Context, layout: Resource, columns: Mapping[str, tuple[int, ...]]
) -> Iterator[Diagnostic]:
    live = context.live.get(layout.address)
    taken: dict[tuple[str, int, int], str] = {}
    for name, value in layout.written.items():
        field, _, part = name.partition(".")
        place = _place(layout, live, field)
        new = not part and value is not None and not (live and live.written.get(field))
        if new and place.section is None and name != CLONE:
            yield Diagnostic(
                "no-section",
                f"`{field}` is not on the layout yet, and the spec does not say where to put it",
                layout.span(name),
                help=f"add `section:`, one of: {', '.join(columns)}",
            )
        if part == "section" and value not in columns:
            yield Diagnostic(
                "unknown-section",
                f"the layout has no section `{value}`",
                layout.span(name),
                help=did_you_mean(str(value), columns, f"sections: {', '.join(columns)}"),
            )
        if place.section is None or place.section not in columns:
            continue
        counts = columns[place.section]
        if part == "column" and place.column > len(counts):
            yield Diagnostic(
                "unknown-column",
                f"the section `{place.section}` has {len(counts)} columns",
                layout.span(name),
                help=f"use a column from 1 to {len(counts)}",
            )
        if part == "position" and place.column <= len(counts) and isinstance(value, int):
            yield from _position(layout, name, place, counts, value, live)
            other = taken.setdefault((place.section, place.column, value), field)
            if other != field:
                yield Diagnostic(
                    "same-place",
                    f"`{field}` and `{other}` cannot both stand there",
                    layout.span(name),
                    help="give one of them another position",
                )


@dataclass(frozen=True, slots=True)
class _Place:
    section: str | None
    column: int


def _place(layout: Resource, live: Resource | None, field: str) -> _Place:
    """Where a field will be: as the spec says, else where it is now."""
    before = live.written if live else {}
    section = layout.written.get(f"{field}.section", before.get(f"{field}.section"))
    stays = section == before.get(f"{field}.section")
    column = layout.written.get(f"{field}.column", before.get(f"{field}.column") if stays else 1)
    return _Place(None if section is None else str(section), int(str(column or 1)))


def _position(
    layout: Resource,
    name: str,
    place: _Place,
    counts: tuple[int, ...],
    position: int,
    live: Resource | None,
) -> Iterator[Diagnostic]:
    coming = {
        other.partition(".")[0]
        for other, value in layout.written.items()
        if value is not None and _place(layout, live, other.partition(".")[0]) == place
    }
    here = {f for f in coming if live and _place(live, live, f) == place}
    room = counts[place.column - 1] + len(coming - here)
    if position > room:
        yield Diagnostic(
            "unknown-position",
            f"column {place.column} of `{place.section}` has {room} items, this one among them",
            layout.span(name),
            help=f"use a position from 1 to {room}",
        )
