"""Layout: the fields of a page layout, each owned alone; all else on it is left as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provisioner.kinds.base import Declared, NamedQueries, Removal
from provisioner.kinds.layout_xml import placements
from provisioner.kinds.metadata import CLONE, MetadataKind
from provisioner.model.change import Change
from provisioner.model.operations import ReadMetadata
from provisioner.model.resource import Address, Resource, Spec, Value

ON_LAYOUT = "on the layout"


class LayoutKind(MetadataKind):
    name = "layout"
    section = "layouts"
    removal = Removal.NEVER
    type = "Layout"
    lists = frozenset({"Layout"})

    def managed_fields(self, spec: Spec) -> Mapping[str, tuple[Value, tuple[str, ...]]]:
        owned: dict[str, tuple[Value, tuple[str, ...]]] = {}
        for field, place in (spec.data.get("fields") or {}).items():
            path = ("fields", field)
            owned[field] = (None if place is None else ON_LAYOUT, path)
            for part, value in (place or {}).items():
                owned[f"{field}.{part}"] = (value, (*path, part))
        return owned

    def needs(self, spec: Spec, declared: Declared) -> frozenset[Address]:
        source = declared.resolve("layout", str(spec.data.get(CLONE)))
        settings = declared.resolve("settings", "OrgSettings")
        return frozenset(a for a in (source, settings) if a)

    def described_objects(self, wanted: Sequence[Resource]) -> frozenset[str]:
        return frozenset(sobject(r) for r in wanted)

    def initial_queries(self, wanted: Sequence[Resource]) -> NamedQueries:
        sources = {str(r.written[CLONE]) for r in wanted if CLONE in r.written}
        read = ReadMetadata(self.type, tuple(sorted(sources)))
        return {**super().initial_queries(wanted), "sources": read}

    def values(self, component: bytes) -> Mapping[str, Value]:
        found: dict[str, Value] = {}
        for field, place in placements(component).items():
            found[field] = ON_LAYOUT
            found[f"{field}.section"] = place.section
            found[f"{field}.column"] = place.column
            found[f"{field}.position"] = place.position
            found[f"{field}.behavior"] = place.behavior
        return found

    def edits(self, change: Change) -> Mapping[str, Value]:
        # All that is said of a field that changes: one that moves to another section is
        # otherwise placed there as if nothing were said of its column.
        changed = {name.partition(".")[0] for name in super().edits(change)}
        written = change.after.written.items()
        return {n: v for n, v in written if n.partition(".")[0] in changed}


def sobject(layout: Resource) -> str:
    """The object whose page it is: `Contact` of `Contact-Contact Layout`."""
    return layout.address.name.partition("-")[0]
