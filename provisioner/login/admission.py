"""Which portals and sites admit the users of a profile, once a plan is applied. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from provisioner.kinds.metadata import COMPONENT
from provisioner.kinds.org_facts import OrgFacts
from provisioner.kinds.portal.fields import MEMBERS
from provisioner.kinds.portal.kind import PortalKind
from provisioner.kinds.profile.kind import ProfileKind
from provisioner.kinds.user.fields import PROFILE_ID
from provisioner.kinds.user.kind import UserKind
from provisioner.model.change import Action, Change
from provisioner.model.resource import Address, LiveState, Lookup, Ref, Resource, Value


@dataclass(frozen=True, slots=True)
class Entrance:
    """A portal or site where customers log in.

    `members` are the profiles that it admits: their Ids, or their names in lower case. It is
    `None` if this login cannot read them. `address` is set for a portal of the spec.
    """

    name: str
    active: bool
    members: frozenset[str] | None
    address: Address | None = None


class Admission:
    """The portals and sites of an org as `changes` will leave them.

    `others` are those that the specs do not describe, or not their profiles, as far as they
    were read. Without `facts`, profiles are identified by their names in the specs.
    """

    def __init__(
        self,
        desired: Mapping[Address, Resource],
        live: LiveState,
        facts: OrgFacts | None,
        changes: Mapping[Address, Change],
        others: Iterable[Entrance],
    ) -> None:
        self._desired = desired
        self._facts = facts
        self._declared_names: dict[str, set[str]] = {}
        for address, resource in live.items():
            if ProfileKind.owns(address) and resource.id:
                self._declared_names.setdefault(resource.id, set()).add(address.name.casefold())
        self._entrances = tuple(_entrances(desired, live, changes, others))
        self._admitting: dict[Value, tuple[Entrance, ...]] = {}

    def admitting(self, profile: Value) -> tuple[Entrance, ...]:
        """The portals and sites that admit users of the profile, active or not."""
        if profile not in self._admitting:
            names = self.names(profile)
            self._admitting[profile] = tuple(
                e for e in self._entrances if e.members is not None and e.members & names
            )
        return self._admitting[profile]

    def is_open(self, profile: Value) -> bool | None:
        """Whether an active portal or site admits the profile; `None` where it cannot be read."""
        if any(entrance.active for entrance in self.admitting(profile)):
            return True
        unread = any(entrance.active and entrance.members is None for entrance in self._entrances)
        return None if unread else False

    def names(self, profile: Value) -> frozenset[str]:
        """The Id of a profile, and in lower case every name that specs and org have for it."""
        match profile:
            case Ref(to):
                declared = self._desired.get(to)
                was = declared.was if declared else None
                return frozenset(n.casefold() for n in (to.name, was) if n)
            case Lookup():
                name = str(profile.where[0][1])
                awaited = self._facts.pending_profile(name) if self._facts else None
                both = (awaited.name, awaited.full_name) if awaited else ()
                return frozenset(n.casefold() for n in (name, *both))
            case str():
                profiles = self._facts.profiles if self._facts else ()
                match = next((p for p in profiles if p.id == profile), None)
                both = (match.name, match.full_name) if match else ()
                declared_names = self._declared_names.get(profile, set())
                return frozenset({profile, *declared_names, *(n.casefold() for n in both)})
            case _:
                return frozenset()


def linked(changes: Mapping[Address, Change], admission: Admission) -> dict[Address, Change]:
    """The changes, each of a user with the changed portals and profile that it depends on.

    A user depends on every portal of the spec that admits its profile, and on the profile
    itself, whichever of its two names the spec uses.
    """
    portals = {a for a in changes if PortalKind.owns(a)}
    profiles = {
        c.before.id: a for a, c in changes.items() if ProfileKind.owns(a) and c.before is not None
    }
    if not portals and not profiles:
        return dict(changes)
    needed: dict[tuple[Value, bool], frozenset[Address]] = {}

    def needs(change: Change) -> frozenset[Address]:
        profile, leaves = change.result(PROFILE_ID), change.deactivates
        if (profile, leaves) not in needed:
            # A user that becomes inactive waits for no portal: its seat may be needed before.
            admitting = {e.address for e in admission.admitting(profile)} & portals
            own = profiles.get(profile) if isinstance(profile, str) else None
            both = (own,) if leaves else (*admitting, own)
            needed[profile, leaves] = frozenset(a for a in both if a)
        return needed[profile, leaves]

    return {
        address: _with_needs(change, needs(change)) if UserKind.owns(address) else change
        for address, change in changes.items()
    }


def _with_needs(change: Change, needed: frozenset[Address]) -> Change:
    if not needed or change.action in (Action.DELETE, Action.DEACTIVATE):
        return change
    return replace(change, after=replace(change.after, needs=change.after.needs | needed))


def _entrances(
    desired: Mapping[Address, Resource],
    live: LiveState,
    changes: Mapping[Address, Change],
    others: Iterable[Entrance],
) -> Iterator[Entrance]:
    read = {entrance.name.casefold(): entrance for entrance in others}
    for address, portal in desired.items():
        if not PortalKind.owns(address):
            continue
        now, change = live.get(address), changes.get(address)
        other = read.pop(str(now.fields[COMPONENT]).casefold(), None) if now else None
        if change is None:
            if now is None:
                continue
            change = Change(Action.UPDATE, address, now, portal)
        if change.action is Action.DELETE:
            continue
        if MEMBERS in portal.fields:
            members: frozenset[str] | None = _names(change.result(MEMBERS))
        else:
            # A new portal has no profiles until somebody selects them.
            members = other.members if other else frozenset()
        yield Entrance(address.name, change.result("active") is not False, members, address)
    yield from read.values()


def _names(value: Value) -> frozenset[str]:
    return frozenset(n.casefold() for n in value) if isinstance(value, tuple) else frozenset()
