"""Everything a guard may look at, and the ways through it that several guards take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from provisioner.kinds.metadata import CLONE
from provisioner.kinds.org_facts import PORTAL_USER_TYPES, Licence, OrgFacts
from provisioner.kinds.profile import LICENCE
from provisioner.model.change import Action, Change
from provisioner.model.diagnostics import closest
from provisioner.model.resource import (
    Address,
    DesiredState,
    LiveState,
    Lookup,
    Ref,
    Resource,
    Value,
)


@dataclass(frozen=True, slots=True)
class Rights:
    """What a profile is to a user: its licence, and whether that is a portal's.

    Each is `None` where neither org nor spec tells.
    """

    name: str
    licence: Licence | None
    user_type: str | None

    @property
    def is_portal(self) -> bool | None:
        return None if self.user_type is None else self.user_type in PORTAL_USER_TYPES


@dataclass(frozen=True)
class PlanContext:
    """Both states, what was read, and what would change."""

    desired: DesiredState
    live: LiveState
    facts: OrgFacts
    changes: Mapping[Address, Change]

    def of_kind(self, *kinds: str) -> Iterator[Resource]:
        """What is wanted of these kinds, in address order; removals are left out."""
        return (r for a, r in self.desired.items() if a.kind in kinds and not r.remove)

    def created(self, resource: Resource) -> bool:
        change = self.changes.get(resource.address)
        return change is not None and change.action is Action.CREATE

    def changed(self, resource: Resource, *names: str) -> bool:
        """Whether any of the fields is given or changed by the plan."""
        change = self.changes.get(resource.address)
        return change is not None and bool(change.names() & set(names))

    def user_of(self, contact: Address) -> Resource | None:
        """The user of the spec that a contact of the spec has."""
        return self._users.get(contact)

    @cached_property
    def _users(self) -> Mapping[Address, Resource]:
        contacts = ((user.written.get("ContactId"), user) for user in self.of_kind("user"))
        return {contact.to: user for contact, user in contacts if isinstance(contact, Ref)}

    def value(self, resource: Resource, name: str) -> Value:
        """The field as it will be: as wanted, else as it is."""
        if name in resource.fields:
            return resource.fields[name]
        live = self.live.get(resource.address)
        return live.fields.get(name) if live else None

    def row(self, lookup: Lookup) -> Mapping[str, Any] | None:
        """The one record that a lookup means."""
        rows = self.facts.lookups[lookup]
        return rows[0] if len(rows) == 1 else None

    def rights(self, profile: Value) -> Rights | None:
        """What a user's `ProfileId`, known or still to come, gives it."""
        match profile:
            case Ref(to):
                wanted = self.desired.get(to)
                return self.rights_of(wanted) if wanted else None
            case Lookup():
                awaited = self.facts.pending_profile(str(profile.where[0][1]))
                if awaited is None:
                    return None
                licence = self.facts.licence_of(awaited)
                return Rights(awaited.name, licence, awaited.user_type)
            case str():
                found = next((p for p in self.facts.profiles if p.id == profile), None)
                if found is None:
                    return None
                return Rights(
                    found.name, self.facts.licences.get(found.licence_id), found.user_type
                )
            case _:
                return None

    def rights_of(self, profile: Resource) -> Rights | None:
        """What a declared profile gives: its own, or those of what it will be a copy of."""
        live = self.live.get(profile.address)
        if live:
            return self.rights(live.id)
        source = profile.written.get(CLONE)
        if source is not None:
            return self._rights_of_source(profile, str(source))
        name = profile.written.get(LICENCE)
        licences = [li for li in self.facts.licences.values() if li.active and li.name == name]
        if len(licences) != 1:
            return None
        same = (p for p in self.facts.profiles if p.licence_id == licences[0].id)
        user_type = next((p.user_type for p in same), None)
        return Rights(profile.address.name, licences[0], user_type)

    def _rights_of_source(self, profile: Resource, source: str) -> Rights | None:
        declared = self.desired.get(Address("profile", source))
        if declared and declared.address != profile.address:
            found = self.rights_of(declared)
        else:
            named = self.facts.profiles_named(source)
            copied: Value = named[0].id if named else Lookup("Profile", (("Name", source),))
            found = self.rights(copied)
        return Rights(profile.address.name, found.licence, found.user_type) if found else None


def my_profile(context: PlanContext) -> str:
    """The profile of the running user, by its name where the org tells it."""
    me = context.facts.running_user
    return f"the profile `{me['Profile.Name']}`" if me else "the profile of the running user"


def nearest_user(
    context: PlanContext, kind: str, name: str, otherwise: str | None = None
) -> str | None:
    """A help that offers the user whose username or full name is nearest to an unknown one."""
    people = context.facts.answers[kind]["candidates"] or ()
    by_name = {str(row[n]): str(row["Username"]) for row in people for n in ("Name", "Username")}
    near = closest(name, by_name)
    return f"did you mean `{by_name[near]}`?" if near else otherwise


def without_seats(profile: str, facts: OrgFacts) -> str | None:
    """The remedy for a profile that enabling would bring if its licence had seats."""
    licence = facts.licence_without_seats(profile)
    return licence and (
        f"the org has no seats of the licence `{licence}`, without which `{profile}` does not "
        "come: buy seats, or use a profile of another licence"
    )


def by_full_name(full_names: Sequence[str]) -> str:
    """The remedy for a `Name` that several profiles have."""
    names = " or ".join(f"`{n}`" for n in full_names)
    return f"write the Metadata name of the one you mean: {names}"
