"""The kind `portal`: how Customer Portals are declared, read, compared and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from provisioner.kinds.base import (
    Context,
    Declared,
    FindDesired,
    Inventory,
    NamedQueries,
    Reference,
    Unmanaged,
    candidates,
    inventory,
)
from provisioner.kinds.metadata import MetadataKind
from provisioner.kinds.org_facts import FIRST_PORTAL, PROFILE, OrgFacts
from provisioner.kinds.portal import checks
from provisioner.kinds.portal.fields import (
    ADMIN_PERMISSION,
    MEMBERS,
    NAME,
    SELF_REGISTRATION_PROFILE,
    TYPE,
    admins,
    adopts,
    login_page,
    names_in,
)
from provisioner.kinds.portal.notes import notes, profiles_to_count
from provisioner.kinds.settings import PORTAL_SETTINGS, PORTAL_SWITCH
from provisioner.kinds.xml import flat
from provisioner.model.change import Change
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.operations import (
    Call,
    EditMetadata,
    ReadMembership,
    RenameMetadata,
    Row,
    Select,
    SetMembership,
)
from provisioner.model.plan import Note
from provisioner.model.resource import Address, LiveState, Resource, Spec, Value


class PortalKind(MetadataKind):
    """Its answers also have `members` by portal Id, `admins`, and `granted`.

    `admins` are the users that the portals name as their admin, `granted` what permission sets
    and profiles grant them; `None` where the org has no such permission yet.
    """

    name = NAME
    section = "portals"
    type = TYPE
    listed_types = frozenset({TYPE, PROFILE})
    references = (
        Reference(SELF_REGISTRATION_PROFILE, "profile", PROFILE, exact=False),
        Reference(MEMBERS, "profile", PROFILE, exact=False),
    )

    def desired(self, spec: Spec, declared: Declared) -> Resource:
        resource = super().desired(spec, declared)
        # The portal that enabling creates has values from the start, which a null clears.
        first = spec.address.name.strip().casefold() == FIRST_PORTAL.casefold()
        return replace(resource, copied=resource.copied or first)

    def managed_fields(self, spec: Spec) -> Mapping[str, tuple[Value, tuple[str, ...]]]:
        managed = dict(super().managed_fields(spec))
        if MEMBERS in managed:
            names, path = managed[MEMBERS]
            managed[MEMBERS] = (tuple(sorted(names_in(names))), path)
        return managed

    def needs(self, spec: Spec, declared: Declared) -> frozenset[Address]:
        named = [*names_in(spec.data.get(MEMBERS)), spec.data.get(SELF_REGISTRATION_PROFILE)]
        profiles = (declared.resolve("profile", str(n)) for n in named if n)
        settings = declared.resolve(PORTAL_SETTINGS.kind, PORTAL_SETTINGS.name)
        return frozenset(a for a in (*profiles, settings) if a)

    def followup_queries(
        self, desired: Sequence[Resource], facts: OrgFacts, desired_of: FindDesired
    ) -> NamedQueries:
        read = facts.answers[self.name]["components"]
        names = (
            n
            for r in desired
            for n in (r.address.name, r.was)
            if n and (MEMBERS in r.fields or _is_switched(r, read.get(n)))
        )
        listed = (facts.component(self.type, n) for n in names)
        return {
            "members": {c.id: ReadMembership(c.id) for c in listed if c},
            **_about_admins(desired, facts),
        }

    def final_queries(
        self, desired: Sequence[Resource], facts: OrgFacts, ids: Mapping[Address, str]
    ) -> NamedQueries:
        named = (str(r.written["admin"]) for r in desired if r.written.get("admin"))
        unknown = any(not admins(name, facts) for name in named)
        return {"candidates": candidates(unknown=unknown)}

    def values(self, component: bytes) -> Mapping[str, Value]:
        return flat(component)

    def extra_fields(self, full_name: str, facts: OrgFacts) -> Mapping[str, Value]:
        listed = facts.component(self.type, full_name)
        members = facts.answers[self.name]["members"]
        if listed is None or listed.id not in members:
            return {}
        return {MEMBERS: tuple(sorted(m.name for m in members[listed.id] if m.member))}

    def problems(self, context: Context) -> Iterable[Diagnostic]:
        return checks.problems(context)

    def notes(self, change: Change, context: Context) -> Iterable[Note]:
        return notes(change, context)

    def profiles_to_count(self, change: Change, facts: OrgFacts) -> Iterable[str]:
        return profiles_to_count(change, facts)

    def profiles_granted(self, change: Change, facts: OrgFacts) -> Iterator[str]:
        for field in change.fields:
            if field.name == SELF_REGISTRATION_PROFILE and isinstance(field.after, str):
                yield field.after
            elif field.name == MEMBERS:
                yield from set(names_in(field.after)) - set(names_in(field.before))

    def former_name_recurs(self, resource: Resource, context: Context) -> bool:
        # Every new org has the first portal under its former name once the spec enables it.
        settings = context.desired.get(PORTAL_SETTINGS)
        enables = settings is not None and settings.fields.get(PORTAL_SWITCH) is True
        return enables and resource.was == FIRST_PORTAL

    def login_url(self, live: Resource, organization_id: str, instance_url: str) -> str | None:
        if not live.id or live.fields.get("active") is not True:
            return None
        return login_page(instance_url, organization_id, live.id)

    def setup_trail_names(self, change: Change) -> Iterator[str]:
        yield change.address.name
        if MEMBERS in change.names():
            yield "profiles assigned to a Customer Portal"

    def inventory(
        self, live: LiveState, facts: OrgFacts, users: Sequence[Row], active_users: int
    ) -> Inventory:
        portals = facts.components(TYPE).values()
        managed = {r.id for r in live.values()}
        others = (Unmanaged(NAME, c.full_name, c.id) for c in portals if c.id not in managed)
        return inventory(len(portals), others)

    def canonical(self, name: str, value: Value, facts: OrgFacts) -> Value:
        # A spec can use either name of a profile. (fact 510)
        if name == MEMBERS and isinstance(value, tuple):
            return tuple(sorted({_profile(n, facts) for n in value}))
        if name == SELF_REGISTRATION_PROFILE and isinstance(value, str):
            return _profile(value, facts)
        if name == "admin" and isinstance(value, str):
            # A spec has a full name or a username; the org returns a username, as public
            # retrievals of real orgs show.
            users = admins(value, facts)
            name = str(users[0]["Username"]) if len(users) == 1 else value.strip()
            return name.casefold()
        if name == "emailSenderAddress" and isinstance(value, str):
            return value.strip().casefold()
        return super().canonical(name, value, facts)

    def create_calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        if not adopts(change.after, facts):
            return (*super().create_calls(change, facts), *_members(change, facts))
        name = change.address.name
        rename = () if name == FIRST_PORTAL else (RenameMetadata(self.type, FIRST_PORTAL, name),)
        return (
            *rename,
            EditMetadata(self.type, name, self.edits(change)),
            *_members(change, facts),
        )

    def update_calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        return (*super().update_calls(change, facts), *_members(change, facts))

    def edits(self, change: Change) -> Mapping[str, Value]:
        return {n: v for n, v in super().edits(change).items() if n != MEMBERS}


def _about_admins(portals: Sequence[Resource], facts: OrgFacts) -> NamedQueries:
    names = {str(r.written["admin"]).strip() for r in portals if r.written.get("admin")}
    called = tuple(sorted(names))
    # The permission is part of an org only once it has a portal.
    has_permission = called and ADMIN_PERMISSION in (facts.describe("PermissionSet") or {})
    readable = has_permission and facts.describe("PermissionSetAssignment") is not None
    return {
        "admins": Select(
            "User", ("Id", "IsActive", "Name", "Username"), (("Name", called), ("Username", called))
        ),
        "granted": Select(
            "PermissionSetAssignment",
            ("Id", "AssigneeId", f"PermissionSet.{ADMIN_PERMISSION}"),
            (("Assignee.Name", called), ("Assignee.Username", called)),
        )
        if readable
        else None,
    }


def _is_switched(portal: Resource, component: bytes | None) -> bool:
    """Whether the spec activates or deactivates the portal, whose members are counted then."""
    active = portal.fields.get("active")
    return component is not None and active not in (None, flat(component).get("active") is True)


def _members(change: Change, facts: OrgFacts) -> tuple[Call, ...]:
    field = change.field(MEMBERS)
    if field is None:
        return ()
    # The setup page lists profiles by their `Name`.
    names = (_listed_name(name, facts) for name in names_in(field.after))
    return (SetMembership(change.address.name, tuple(names)),)


def _listed_name(name: str, facts: OrgFacts) -> str:
    existing = facts.profiles_named(name)
    if existing:
        return existing[0].name
    pending = facts.pending_profile(name)
    return pending.name if pending else name


def _profile(name: str, facts: OrgFacts) -> str:
    return _listed_name(name.strip(), facts).casefold()
