"""Portal: a legacy Customer Portal, and which profiles may use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from provisioner.call import (
    Call,
    EditMetadata,
    Query,
    ReadMembership,
    RenameMetadata,
    Select,
    SetMembership,
)
from provisioner.diff import Change
from provisioner.facts import FIRST_PORTAL, Facts
from provisioner.kinds.base import Declared, Others
from provisioner.kinds.metadata import MetadataKind
from provisioner.kinds.xml import flat
from provisioner.resource import Address, Resource, Spec, Value

MEMBERS = "profiles"
SELF_REGISTRATION_PROFILE = "selfRegUserDefaultProfile"
# "Manage Customer Users", by its name in the API. (platform reference 1.2)
ADMIN_PERMISSION = "PermissionsManageCssUsers"
REQUIRED = ("active", "emailSenderAddress", "emailSenderName", "type")


class PortalKind(MetadataKind):
    name = "portal"
    section = "portals"
    type = "Portal"

    def desired(self, spec: Spec, declared: Declared) -> Resource:
        resource = super().desired(spec, declared)
        # The portal that enabling makes has values from the start, which a null clears.
        first = spec.address.name.strip().casefold() == FIRST_PORTAL.casefold()
        return replace(resource, copied=resource.copied or first)

    def owned(self, spec: Spec) -> Mapping[str, tuple[Value, tuple[str, ...]]]:
        owned = dict(super().owned(spec))
        if MEMBERS in owned:
            names, path = owned[MEMBERS]
            owned[MEMBERS] = (tuple(sorted(_names(names))), path)
        return owned

    def needs(self, spec: Spec, declared: Declared) -> frozenset[Address]:
        named = [*_names(spec.data.get(MEMBERS)), spec.data.get(SELF_REGISTRATION_PROFILE)]
        profiles = (declared.resolve("profile", str(n)) for n in named if n)
        settings = declared.resolve("settings", "OrgSettings")
        return frozenset(a for a in (*profiles, settings) if a)

    def describes(self, wanted: Sequence[Resource]) -> frozenset[str]:
        # To know whether the admin's permission can be asked for.
        return frozenset({"PermissionSet"} if any("admin" in r.written for r in wanted) else ())

    def second(self, wanted: Sequence[Resource], facts: Facts, others: Others) -> tuple[Query, ...]:
        names = (n for r in wanted if MEMBERS in r.fields for n in (r.address.name, r.was) if n)
        known = (facts.component(self.type, n) for n in names)
        pages = tuple(ReadMembership(c.id) for c in known if c)
        return (*pages, *admin_queries(wanted, facts))

    def values(self, component: bytes) -> Mapping[str, Value]:
        return flat(component)

    def more(self, full_name: str, facts: Facts) -> Mapping[str, Value]:
        listed = facts.component(self.type, full_name)
        members = facts.membership(listed.id) if listed else ()
        return {MEMBERS: tuple(sorted(m.name for m in members if m.member))}

    def canonical(self, name: str, value: Value, facts: Facts) -> Value:
        # A profile may be written by either of its names. (platform reference 4.2)
        if name == MEMBERS and isinstance(value, tuple):
            return tuple(sorted({_profile(n, facts) for n in value}))
        if name == SELF_REGISTRATION_PROFILE and isinstance(value, str):
            return _profile(value, facts)
        if name == "admin" and isinstance(value, str):
            # Written as a full name or a username; read as a username, as public
            # retrievals of real orgs show it.
            known = facts.usernames(value)
            return next(iter(known)) if len(known) == 1 else value.strip().casefold()
        if name == "emailSenderAddress" and isinstance(value, str):
            return value.strip().casefold()
        return super().canonical(name, value, facts)

    def creating(self, change: Change, facts: Facts) -> tuple[Call, ...]:
        if not adopts(change.after, facts):
            return (*super().creating(change, facts), *_members(change, facts))
        name = change.address.name
        rename = () if name == FIRST_PORTAL else (RenameMetadata(self.type, FIRST_PORTAL, name),)
        return (
            *rename,
            EditMetadata(self.type, name, self.edits(change)),
            *_members(change, facts),
        )

    def updating(self, change: Change, facts: Facts) -> tuple[Call, ...]:
        return (*super().updating(change, facts), *_members(change, facts))

    def edits(self, change: Change) -> Mapping[str, Value]:
        return {n: v for n, v in super().edits(change).items() if n != MEMBERS}


def admin_queries(portals: Sequence[Resource], facts: Facts) -> tuple[Select, ...]:
    """Who the portals' admins are, and what they may do where the org can be asked that.

    The permission is part of an org only once it has a portal.
    """
    names = tuple(sorted({str(r.written["admin"]) for r in portals if r.written.get("admin")}))
    if not names:
        return ()
    users = Select(
        "User", ("Id", "IsActive", "Name", "Username"), (("Name", names), ("Username", names))
    )
    if ADMIN_PERMISSION not in (facts.describe("PermissionSet") or {}):
        return (users,)
    granted = Select(
        "PermissionSetAssignment",
        ("Id", "Assignee.Username", f"PermissionSet.{ADMIN_PERMISSION}"),
        (("Assignee.Name", names), ("Assignee.Username", names)),
    )
    return users, granted


def adopts(portal: Resource, facts: Facts) -> bool:
    """Whether this is the portal that enabling, which this plan does, will make."""
    return facts.enabling is not None and FIRST_PORTAL in (portal.address.name, portal.was)


def _members(change: Change, facts: Facts) -> tuple[Call, ...]:
    field = change.field(MEMBERS)
    if field is None:
        return ()
    # The page lists profiles by the name that people know.
    names = (_listed_name(name, facts) for name in _names(field.after))
    return (SetMembership(change.address.name, tuple(names)),)


def _listed_name(name: str, facts: Facts) -> str:
    found = facts.profiles_named(name)
    if found:
        return found[0].name
    awaited = facts.awaited(name)
    return awaited.name if awaited else name


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(n) for n in value) if isinstance(value, list | tuple) else ()


def _profile(name: str, facts: Facts) -> str:
    return _listed_name(name.strip(), facts).casefold()
