"""What a profile gives its users: a licence, and whether that is one for portal users."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.kinds.base import Context
from provisioner.kinds.metadata import CLONE
from provisioner.kinds.org_facts import PORTAL_USER_TYPES, PROFILE, Licence
from provisioner.kinds.profile.fields import LICENCE, NAME
from provisioner.model.resource import Address, Lookup, Ref, Resource, Value


@dataclass(frozen=True, slots=True)
class Rights:
    """The licence and the user type of a profile; each `None` if neither org nor spec tells."""

    name: str
    licence: Licence | None
    user_type: str | None

    @property
    def is_portal(self) -> bool | None:
        """Whether users of the profile are portal users."""
        return None if self.user_type is None else self.user_type in PORTAL_USER_TYPES


def rights(profile: Value, context: Context) -> Rights | None:
    """The rights of the profile that a user's `ProfileId` refers to, existing or pending."""
    facts = context.facts
    match profile:
        case Ref(to):
            declared = context.desired.get(to)
            return rights_of(declared, context) if declared else None
        case Lookup():
            pending = facts.pending_profile(str(profile.where[0][1]))
            if pending is None:
                return None
            return Rights(pending.name, facts.licence_of(pending), pending.user_type)
        case str():
            existing = next((p for p in facts.profiles if p.id == profile), None)
            if existing is None:
                return None
            licence = facts.licences.get(existing.licence_id)
            return Rights(existing.name, licence, existing.user_type)
        case _:
            return None


def rights_of(profile: Resource, context: Context) -> Rights | None:
    """The rights of a declared profile: its own, or those of the profile that it will copy."""
    live = context.live.get(profile.address)
    if live:
        return rights(live.id, context)
    source = profile.written.get(CLONE)
    if source is not None:
        return _rights_of_source(profile, str(source), context)
    name = profile.written.get(LICENCE)
    licences = [li for li in context.facts.licences.values() if li.active and li.name == name]
    if len(licences) != 1:
        return None
    same_licence = (p for p in context.facts.profiles if p.licence_id == licences[0].id)
    user_type = next((p.user_type for p in same_licence), None)
    return Rights(profile.address.name, licences[0], user_type)


def _rights_of_source(profile: Resource, source: str, context: Context) -> Rights | None:
    declared = context.desired.get(Address(NAME, source))
    if declared and declared.address != profile.address:
        copied = rights_of(declared, context)
    else:
        existing = context.facts.profiles_named(source)
        value: Value = existing[0].id if existing else Lookup(PROFILE, (("Name", source),))
        copied = rights(value, context)
    return Rights(profile.address.name, copied.licence, copied.user_type) if copied else None
