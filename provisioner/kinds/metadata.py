"""Kinds stored as one Metadata component by full name: settings, portals, layouts, profiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from provisioner.kinds.base import Context, Declared, FindDesired, Kind, LiveResources, NamedQueries
from provisioner.kinds.org_facts import OrgFacts
from provisioner.kinds.xml import Element, set_text
from provisioner.model.change import Action, Change
from provisioner.model.operations import (
    Call,
    CloneMetadata,
    CreateMetadata,
    DeleteMetadata,
    EditMetadata,
    ReadMetadata,
    RenameMetadata,
)
from provisioner.model.resource import Address, Lookup, Resource, Spec, Value

# Pseudo-fields of a component: its name in the spec, which `was:` changes; its full name in the
# org now, which is never compared; and the component that it is created as a copy of.
NAME = "name"
COMPONENT = "fullName"
CLONE = "clone_of"
_INSTRUCTIONS = frozenset({"was", "remove", CLONE})


class MetadataKind(Kind):
    """A kind that declares its Metadata type, and the flat fields of a spec and of a component.

    Its answers have `components`: the XML of what the org has, by full name.
    """

    type: ClassVar[str]
    permission: ClassVar[tuple[str, ...]] = ("CustomizeApplication",)
    """The permissions of which writing a component needs one. (Metadata API Developer Guide,
    "Modify Metadata Through Metadata API Functions Permission")"""
    read_one_at_a_time: ClassVar[bool] = False
    """Whether several components are too much for one response."""
    in_setup_trail = True

    # ------------------------------------------------------------ from the spec

    def desired(self, spec: Spec, declared: Declared) -> Resource:
        managed = self.managed_fields(spec)
        written = {name: value for name, (value, _) in managed.items()}
        spans = {"": spec.span, **{name: spec.at(*path) for name, (_, path) in managed.items()}}
        if CLONE in spec.data:
            written[CLONE] = str(spec.data[CLONE])
            spans[CLONE] = spec.at(CLONE)
        was = spec.data.get("was")
        if was is not None:
            spans[NAME] = spec.at("was")
        return Resource(
            spec.address,
            written,
            written=written,
            spans=spans,
            was=None if was is None else str(was),
            copied=CLONE in written or was is not None,
            remove=spec.data.get("remove") is True,
            needs=self.needs(spec, declared),
            defaults=frozenset({CLONE} & written.keys()),
        )

    def managed_fields(self, spec: Spec) -> Mapping[str, tuple[Value, tuple[str, ...]]]:
        """The fields that a spec manages, by flat name, each with its value and its path."""
        return {name: (v, (name,)) for name, v in spec.data.items() if name not in _INSTRUCTIONS}

    def needs(self, spec: Spec, declared: Declared) -> frozenset[Address]:
        """The resources that must exist first and that no field refers to."""
        return frozenset()

    def unique_name(self, spec: Spec) -> tuple[str, tuple[str, ...]] | None:
        return spec.address.name.strip(), ()

    def renamed_fields(self) -> tuple[str, ...]:
        return (NAME,)

    # ------------------------------------------------------------ reading

    def initial_queries(self, desired: Sequence[Resource]) -> NamedQueries:
        names = {n for r in desired for n in (r.address.name, r.was) if n}
        return {"components": ReadMetadata(self.type, tuple(sorted(names)))}

    def read_live(
        self,
        desired: Sequence[Resource],
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> LiveResources:
        components = self.components(desired, facts)
        resources: list[Resource] = []
        matched_by: dict[Address, str] = {}
        for resource in desired:
            names = ((resource.address.name, "full name"), (resource.was or "", "former name"))
            for name, how in names:
                if (component := components.get(name.casefold())) is None:
                    continue
                full_name, xml = component
                resources.append(self._live(resource, name, full_name, self.values(xml), facts))
                matched_by[resource.address] = how
                break
        return LiveResources(tuple(resources), matched_by)

    def own_listed_type(self) -> str | None:
        return self.type if self.type in self.listed_types else None

    def components(
        self, desired: Sequence[Resource], facts: OrgFacts
    ) -> Mapping[str, tuple[str, bytes]]:
        """The full name and the XML of what was read, by the name in specs, in lower case."""
        read = facts.answers[self.name]["components"]
        return {name.casefold(): (name, xml) for name, xml in read.items()}

    def values(self, component: bytes) -> Mapping[str, Value]:
        """The fields of a component by flat name."""
        raise NotImplementedError

    def extra_fields(self, full_name: str, facts: OrgFacts) -> Mapping[str, Value]:
        """Fields that the XML of the component does not have."""
        return {}

    def canonical(self, name: str, value: Value, facts: OrgFacts) -> Value:
        """A field as it is compared: text without spaces around it, and null if it is empty."""
        if isinstance(value, str):
            return value.strip().replace("\r\n", "\n") or None
        return value

    def _live(
        self,
        resource: Resource,
        name: str,
        full_name: str,
        values: Mapping[str, Value],
        facts: OrgFacts,
    ) -> Resource:
        present = {
            **values,
            **self.extra_fields(full_name, facts),
            NAME: name,
            COMPONENT: full_name,
        }
        absent = {n: self.absent_value(v) for n, v in resource.fields.items() if n not in present}
        listed = facts.component(self.type, full_name) if self.type in self.listed_types else None
        if listed:
            present["LastModifiedDate"] = listed.modified
            present["LastModifiedBy.Name"] = listed.modified_by
        written = {**absent, **present}
        fields = {n: self.canonical(n, value, facts) for n, value in written.items()}
        return Resource(resource.address, fields, id=listed.id if listed else None, written=written)

    def absent_value(self, desired: Value) -> Value:
        """The value of an element that is absent, of the same type as the desired value."""
        if isinstance(desired, tuple):
            return ()
        return False if isinstance(desired, bool) else None

    # ------------------------------------------------------------ comparing

    def resolve(
        self,
        resource: Resource,
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> Resource:
        written = dict(resource.written)
        if resource.was is not None:
            written[NAME] = resource.address.name
        fields = {name: self.canonical(name, value, facts) for name, value in written.items()}
        return replace(resource, fields=fields, written=written)

    def lookups(self, resource: Resource, facts: OrgFacts) -> Iterable[Lookup]:
        return (v for v in resource.written.values() if isinstance(v, Lookup) and v.sobject)

    # ------------------------------------------------------------ planning

    def missing_permissions(self, change: Change, context: Context) -> Iterator[str]:
        return context.facts.missing_permissions(self.permission)

    def setup_trail_names(self, change: Change) -> Iterator[str]:
        yield change.address.name

    # ------------------------------------------------------------ writing

    def calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        match change.action:
            case Action.CREATE:
                return self.create_calls(change, facts)
            case Action.UPDATE:
                return self.update_calls(change, facts)
            case Action.DELETE:
                return (DeleteMetadata(self.type, full_name(change)),)
            case Action.DEACTIVATE:
                raise AssertionError("a component is deleted, or stays")

    def create_calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        name, source = change.address.name, change.after.written.get(CLONE)
        if source is None:
            return (CreateMetadata(self.type, name, self.edits(change)),)
        return (CloneMetadata(self.type, str(source), name, self.edits(change)),)

    def update_calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        renamed, edits = change.field(NAME), self.edits(change)
        calls: list[Call] = []
        name = full_name(change)
        if renamed:
            calls.append(RenameMetadata(self.type, name, change.address.name))
            name = change.address.name
        if edits:
            calls.append(EditMetadata(self.type, name, edits))
        return tuple(calls)

    def edits(self, change: Change) -> Mapping[str, Value]:
        """The changed fields that are elements of the component."""
        return {f.name: f.after for f in change.fields if f.name not in (NAME, CLONE)}

    def edit_xml(self, root: Element, edits: Mapping[str, Value]) -> None:
        """Change the elements that `edits` names in a component. Raises NoPlaceError."""
        for name, value in edits.items():
            set_text(root, name, value)

    def update_xml(self, root: Element, edits: Mapping[str, Value]) -> Element:
        """What `updateMetadata` is sent: the whole component, which it replaces."""
        self.edit_xml(root, edits)
        return root

    def copy_xml(self, root: Element) -> None:
        """Change what a copy of another component cannot have."""


def full_name(change: Change) -> str:
    """The full name that the org has for a component now."""
    assert change.before is not None
    return str(change.before.written[COMPONENT])
