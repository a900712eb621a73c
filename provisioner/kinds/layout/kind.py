"""The kind `layout`: how the fields of page layouts are declared, read and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from provisioner.kinds.base import Context, Declared, NamedQueries, Reference, Removal
from provisioner.kinds.layout import checks
from provisioner.kinds.layout.fields import NAME, ON_LAYOUT, TYPE, sobject_of
from provisioner.kinds.layout.xml import edit, placements
from provisioner.kinds.metadata import CLONE, MetadataKind
from provisioner.kinds.settings import PORTAL_SETTINGS
from provisioner.kinds.xml import Element
from provisioner.model.change import Change
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.operations import ReadMetadata
from provisioner.model.resource import Address, Resource, Spec, Value


class LayoutKind(MetadataKind):
    name = NAME
    section = "layouts"
    removal = Removal.NEVER
    type = TYPE
    listed_types = frozenset({TYPE})
    references = (Reference(CLONE, NAME, TYPE, exact=False),)

    def managed_fields(self, spec: Spec) -> Mapping[str, tuple[Value, tuple[str, ...]]]:
        managed: dict[str, tuple[Value, tuple[str, ...]]] = {}
        for field, place in (spec.data.get("fields") or {}).items():
            path = ("fields", field)
            managed[field] = (None if place is None else ON_LAYOUT, path)
            for part, value in (place or {}).items():
                managed[f"{field}.{part}"] = (value, (*path, part))
        return managed

    def needs(self, spec: Spec, declared: Declared) -> frozenset[Address]:
        source = declared.resolve(NAME, str(spec.data.get(CLONE)))
        settings = declared.resolve(PORTAL_SETTINGS.kind, PORTAL_SETTINGS.name)
        return frozenset(a for a in (source, settings) if a)

    def described_objects(self, desired: Sequence[Resource]) -> frozenset[str]:
        return frozenset(sobject_of(r) for r in desired)

    def initial_queries(self, desired: Sequence[Resource]) -> NamedQueries:
        sources = {str(r.written[CLONE]) for r in desired if CLONE in r.written}
        read = ReadMetadata(self.type, tuple(sorted(sources)))
        return {**super().initial_queries(desired), "sources": read}

    def values(self, component: bytes) -> Mapping[str, Value]:
        values: dict[str, Value] = {}
        for field, place in placements(component).items():
            values[field] = ON_LAYOUT
            values[f"{field}.section"] = place.section
            values[f"{field}.column"] = place.column
            values[f"{field}.position"] = place.position
            values[f"{field}.behavior"] = place.behavior
        return values

    def edits(self, change: Change) -> Mapping[str, Value]:
        # Everything that the spec says of a field that changes: a field that moves to another
        # section would otherwise lose its column.
        changed = {name.partition(".")[0] for name in super().edits(change)}
        written = change.after.written.items()
        return {n: v for n, v in written if n.partition(".")[0] in changed}

    def edit_xml(self, root: Element, edits: Mapping[str, Value]) -> None:
        edit(root, edits)

    def problems(self, context: Context) -> Iterable[Diagnostic]:
        return checks.problems(context)

    def setup_trail_names(self, change: Change) -> Iterator[str]:
        name = change.address.name
        yield from (name, name.partition("-")[2])
