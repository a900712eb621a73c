"""Profile: what a portal user may do. Only the permissions that a spec names are owned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from provisioner.kinds.base import Declared, FindDesired, LiveResources, NamedQueries
from provisioner.kinds.metadata import CLONE, NAME, MetadataKind, full_name
from provisioner.kinds.org_facts import OrgFacts, OrgProfile
from provisioner.kinds.profile_xml import FIELD_FLAGS, OBJECT_FLAGS, values
from provisioner.model.change import Action, Change
from provisioner.model.operations import (
    Call,
    CloneMetadata,
    CreateMetadata,
    DeleteRecord,
    EditMetadata,
    ReadMetadata,
    Select,
    UpdateRecord,
)
from provisioner.model.resource import Address, Resource, Spec, Value

LICENCE = "userLicense"
_FLAGS: Mapping[str, Mapping[str, str]] = {
    "objectPermissions": OBJECT_FLAGS,
    "fieldPermissions": FIELD_FLAGS,
}


class ProfileKind(MetadataKind):
    name = "profile"
    section = "profiles"
    type = "Profile"
    lists = frozenset({"Profile"})

    def managed_fields(self, spec: Spec) -> Mapping[str, tuple[Value, tuple[str, ...]]]:
        owned: dict[str, tuple[Value, tuple[str, ...]]] = {}
        for name, (value, path) in super().managed_fields(spec).items():
            if isinstance(value, Mapping):
                for key, entry in value.items():
                    owned[f"{name}.{key}"] = (_entry(name, entry), (name, key))
            else:
                owned[name] = (value, path)
        return owned

    def needs(self, spec: Spec, declared: Declared) -> frozenset[Address]:
        layouts = (spec.data.get("layoutAssignments") or {}).values()
        named = (
            declared.resolve("settings", "OrgSettings"),
            declared.resolve("profile", str(spec.data.get(CLONE))),
            *(declared.resolve("layout", str(layout)) for layout in layouts),
        )
        return frozenset(a for a in named if a and a != spec.address)

    # A profile is asked for by its Metadata name, which only the org knows.

    def initial_queries(self, wanted: Sequence[Resource]) -> NamedQueries:
        return {}

    def followup_queries(
        self, wanted: Sequence[Resource], facts: OrgFacts, desired_of: FindDesired
    ) -> NamedQueries:
        removed = {p.id for p in _profiles([r for r in wanted if r.remove], facts)}
        return {
            "components": ReadMetadata(
                self.type, tuple(sorted({p.full_name for p in _profiles(wanted, facts)}))
            ),
            # Salesforce does not delete a profile that a user has, active or not.
            "users_of_removed": Select(
                "User", ("Id", "ProfileId", "Username"), (("ProfileId", tuple(sorted(removed))),)
            ),
        }

    def components(
        self, wanted: Sequence[Resource], facts: OrgFacts
    ) -> Mapping[str, tuple[str, bytes]]:
        read = facts.answers[self.name]["components"]
        return {
            name.casefold(): (profile.full_name, read[profile.full_name])
            for name in _names(wanted)
            for profile in facts.profiles_named(name)
            if profile.full_name in read
        }

    def read_live(
        self,
        wanted: Sequence[Resource],
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> LiveResources:
        found = super().read_live(wanted, facts, ids, desired_of)
        by_name = {p.full_name: p.id for p in facts.profiles}
        # Lists of components tell an Id too, but the record's own is the one to refer to.
        resources = (replace(r, id=by_name[str(r.written["fullName"])]) for r in found.resources)
        return replace(found, resources=tuple(resources))

    def values(self, component: bytes) -> Mapping[str, Value]:
        return values(component)

    def creating(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        name, source = encoded(change.address.name), change.after.written.get(CLONE)
        edits = self.edits(change)
        if source is None:
            return (CreateMetadata(self.type, name, {"custom": True, **edits}),)
        # The copy has its source's licence, and could have no other.
        owned = {n: v for n, v in edits.items() if n != LICENCE}
        return (CloneMetadata(self.type, source_name(str(source), facts), name, owned),)

    def updating(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        renamed, edits = change.field(NAME), self.edits(change)
        calls: list[Call] = []
        name = full_name(change)
        if renamed:
            calls.append(UpdateRecord(self.type, _id(change), {"Name": change.address.name}))
            name = encoded(change.address.name)
        if edits:
            calls.append(EditMetadata(self.type, name, edits))
        return tuple(calls)

    def calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        if change.action is Action.DELETE:
            return (DeleteRecord(self.type, _id(change)),)
        return super().calls(change, facts)


def source_name(name: str, facts: OrgFacts) -> str:
    """The Metadata name of the profile to copy: the org's, or that of one still to come."""
    found = facts.profiles_named(name)
    if found:
        return found[0].full_name
    awaited = facts.pending_profile(name)
    return awaited.full_name if awaited else encoded(name)


def encoded(name: str) -> str:
    """A profile's name as a Metadata full name: specials percent-encoded, spaces kept.

    The dot of `Force%2Ecom - Free User` is one of them. (platform reference 4.2)
    """
    return quote(name, safe=" ").replace(".", "%2E")


def _entry(section: str, value: object) -> Value:
    if isinstance(value, list):
        flags = _FLAGS[section]
        return tuple(word for word in flags if word in value)
    assert value is None or isinstance(value, str | bool)
    return value


def _names(wanted: Sequence[Resource]) -> tuple[str, ...]:
    return tuple(n for r in wanted for n in (r.address.name, r.was) if n)


def _profiles(wanted: Sequence[Resource], facts: OrgFacts) -> Iterator[OrgProfile]:
    return (p for n in _names(wanted) for p in facts.profiles_named(n))


def _id(change: Change) -> str:
    assert change.before is not None
    assert change.before.id is not None
    return change.before.id
