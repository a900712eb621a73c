"""The kind `profile`: how profiles are declared, read, compared and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from provisioner.kinds.advice import without_seats
from provisioner.kinds.base import (
    Context,
    Declared,
    FindDesired,
    Inventory,
    LiveResources,
    NamedQueries,
    Reference,
    Unmanaged,
    inventory,
)
from provisioner.kinds.matching import Row
from provisioner.kinds.metadata import CLONE, NAME, MetadataKind, full_name
from provisioner.kinds.org_facts import (
    PROFILE,
    PROFILES_OF_SITES,
    PROFILES_OF_THE_PORTAL,
    OrgFacts,
    OrgProfile,
)
from provisioner.kinds.profile import checks
from provisioner.kinds.profile.fields import LICENCE, encoded, source_name
from provisioner.kinds.profile.fields import NAME as KIND
from provisioner.kinds.profile.xml import FIELD_FLAGS, OBJECT_FLAGS, edit, merged_only, values
from provisioner.kinds.settings import PORTAL_SETTINGS
from provisioner.kinds.xml import Element, set_text
from provisioner.model.change import Action, Change
from provisioner.model.diagnostics import Diagnostic, did_you_mean
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
from provisioner.model.plan import Note, NoteKind
from provisioner.model.resource import Address, LiveState, Lookup, Resource, Spec, Value

_STANDARD = frozenset(p.name for p in (*PROFILES_OF_THE_PORTAL, *PROFILES_OF_SITES))
_FLAGS: Mapping[str, Mapping[str, str]] = {
    "objectPermissions": OBJECT_FLAGS,
    "fieldPermissions": FIELD_FLAGS,
}


class ProfileKind(MetadataKind):
    name = KIND
    section = "profiles"
    type = PROFILE
    sobject = PROFILE
    listed_types = frozenset({PROFILE})
    references = (Reference(CLONE, KIND, PROFILE, exact=False),)
    # (Salesforce Help, "Create or Clone Profiles")
    permission = ("ManageProfilesPermissionsets",)
    read_one_at_a_time = True

    def managed_fields(self, spec: Spec) -> Mapping[str, tuple[Value, tuple[str, ...]]]:
        managed: dict[str, tuple[Value, tuple[str, ...]]] = {}
        for name, (value, path) in super().managed_fields(spec).items():
            if isinstance(value, Mapping):
                for key, entry in value.items():
                    managed[f"{name}.{key}"] = (_entry(name, entry), (name, key))
            else:
                managed[name] = (value, path)
        return managed

    def needs(self, spec: Spec, declared: Declared) -> frozenset[Address]:
        layouts = (spec.data.get("layoutAssignments") or {}).values()
        named = (
            declared.resolve(PORTAL_SETTINGS.kind, PORTAL_SETTINGS.name),
            declared.resolve(KIND, str(spec.data.get(CLONE))),
            *(declared.resolve("layout", str(layout)) for layout in layouts),
        )
        return frozenset(a for a in named if a and a != spec.address)

    # A profile is asked for by its Metadata name, which only the org knows.

    def lookup_values(self, resource: Resource) -> Mapping[str, Value]:
        return {"Name": resource.address.name}

    def rows_in_facts(self, lookup: Lookup, facts: OrgFacts) -> tuple[Row, ...]:
        # A profile is matched by either of its names.
        named = facts.profiles_named(str(lookup.where[0][1]))
        return tuple({"Id": p.id, "Name": p.name} for p in named)

    def is_pending(self, lookup: Lookup, facts: OrgFacts) -> bool:
        return facts.pending_profile(str(lookup.where[0][1])) is not None

    def ambiguous_names(self, lookup: Lookup, facts: OrgFacts) -> tuple[str, ...]:
        return facts.namesakes(str(lookup.where[0][1]))

    def suggestion(self, context: Context, referring_kind: str, lookup: Lookup) -> str | None:
        name = str(lookup.where[0][1])
        if remedy := without_seats(name, context.facts):
            return remedy
        names = sorted(p.name for p in context.facts.profiles)
        return did_you_mean(name, names, f"profiles: {', '.join(names)}")

    def problems(self, context: Context) -> Iterable[Diagnostic]:
        return checks.problems(context)

    def notes(self, change: Change, context: Context) -> Iterable[Note]:
        if change.action is Action.DELETE:
            text = "the profile and its permissions are deleted permanently"
            yield Note(NoteKind.IRREVERSIBLE, text)
        if NAME in change.names():
            yield Note(NoteKind.REMARK, "the users of the profile keep it under its new name")

    def profiles_granted(self, change: Change, facts: OrgFacts) -> Iterator[str]:
        source = change.field(CLONE)
        if source and isinstance(source.after, str):
            yield source.after

    def inventory(
        self, live: LiveState, facts: OrgFacts, users: Sequence[Row], active_users: int
    ) -> Inventory:
        managed = {r.id for r in live.values()}
        # A profile that comes with Salesforce counts once a user has it.
        used = {user["ProfileId"] for user in users} | managed
        profiles = [p for p in facts.portal_profiles if p.id in used or p.name not in _STANDARD]
        others = (Unmanaged(KIND, p.name, p.id) for p in profiles if p.id not in managed)
        return inventory(len(profiles), others)

    def edit_xml(self, root: Element, edits: Mapping[str, Value]) -> None:
        edit(root, edits)

    def update_xml(self, root: Element, edits: Mapping[str, Value]) -> Element:
        # A profile's update is merged, so nothing else can be undone by it. (fact 528)
        return merged_only(root, edits)

    def copy_xml(self, root: Element) -> None:
        # A standard profile says false here, and only custom ones can be created.
        set_text(root, "custom", value=True)

    def initial_queries(self, desired: Sequence[Resource]) -> NamedQueries:
        return {}

    def followup_queries(
        self, desired: Sequence[Resource], facts: OrgFacts, desired_of: FindDesired
    ) -> NamedQueries:
        removed = {p.id for p in _profiles([r for r in desired if r.remove], facts)}
        return {
            "components": ReadMetadata(
                self.type, tuple(sorted({p.full_name for p in _profiles(desired, facts)}))
            ),
            # Salesforce rejects the deletion of a profile that a user has, active or not.
            "users_of_removed": Select(
                "User", ("Id", "ProfileId", "Username"), (("ProfileId", tuple(sorted(removed))),)
            ),
        }

    def components(
        self, desired: Sequence[Resource], facts: OrgFacts
    ) -> Mapping[str, tuple[str, bytes]]:
        read = facts.answers[self.name]["components"]
        return {
            name.casefold(): (profile.full_name, read[profile.full_name])
            for name in _names(desired)
            for profile in facts.profiles_named(name)
            if profile.full_name in read
        }

    def read_live(
        self,
        desired: Sequence[Resource],
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> LiveResources:
        profiles = super().read_live(desired, facts, ids, desired_of)
        by_name = {p.full_name: p.id for p in facts.profiles}
        # Lists of components have an Id too, but references use the Id of the record.
        resources = (replace(r, id=by_name[str(r.written["fullName"])]) for r in profiles.resources)
        return replace(profiles, resources=tuple(resources))

    def values(self, component: bytes) -> Mapping[str, Value]:
        return values(component)

    def create_calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        name, source = encoded(change.address.name), change.after.written.get(CLONE)
        edits = self.edits(change)
        if source is None:
            return (CreateMetadata(self.type, name, {"custom": True, **edits}),)
        # A copy always has the licence of its source.
        managed = {n: v for n, v in edits.items() if n != LICENCE}
        return (CloneMetadata(self.type, source_name(str(source), facts), name, managed),)

    def update_calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
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


def _entry(section: str, value: object) -> Value:
    if isinstance(value, list):
        flags = _FLAGS[section]
        return tuple(word for word in flags if word in value)
    assert value is None or isinstance(value, str | bool)
    return value


def _names(desired: Sequence[Resource]) -> tuple[str, ...]:
    return tuple(n for r in desired for n in (r.address.name, r.was) if n)


def _profiles(desired: Sequence[Resource], facts: OrgFacts) -> Iterator[OrgProfile]:
    return (p for n in _names(desired) for p in facts.profiles_named(n))


def _id(change: Change) -> str:
    assert change.before is not None
    assert change.before.id is not None
    return change.before.id
