"""Where in the spec the cause of a failed login can be fixed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from provisioner.kinds.base import Kind
from provisioner.kinds.portal.fields import MEMBERS
from provisioner.kinds.portal.kind import PortalKind
from provisioner.kinds.settings import PORTAL_SETTINGS, PORTAL_SWITCH, SettingsKind
from provisioner.kinds.user.fields import CONTACT_KEY, PROFILE_KEY
from provisioner.kinds.user.kind import UserKind
from provisioner.login.causes import Cause
from provisioner.login.login_facts import LoginFacts
from provisioner.model.diagnostics import Span
from provisioner.model.resource import Address, Spec

# The kind of the resource that a cause is about, and the part of it.
_PARTS: Mapping[Cause, tuple[type[Kind], str]] = {
    Cause.USER: (UserKind, ""),
    Cause.ACTIVE: (UserKind, "IsActive"),
    Cause.PASSWORD: (UserKind, "on_create"),
    Cause.LICENCE: (UserKind, PROFILE_KEY),
    Cause.PROFILE: (UserKind, PROFILE_KEY),
    Cause.ROLE: (UserKind, "PortalRole"),
    Cause.PERSON: (UserKind, CONTACT_KEY),
    Cause.ENABLED: (SettingsKind, PORTAL_SWITCH),
    Cause.OPEN: (PortalKind, "active"),
    Cause.MEMBER: (PortalKind, MEMBERS),
}


def find_user(name: str, specs: Iterable[Spec]) -> Spec | None:
    """The user of the spec that a key or a username means."""
    users = [s for s in specs if UserKind.owns(s.address)]
    username = name.strip().casefold()
    by_key = (s for s in users if s.address.name == name)
    by_username = (s for s in users if str(s.data.get("Username")).casefold() == username)
    return next(by_key, None) or next(by_username, None)


def place(cause: Cause, facts: LoginFacts, specs: Mapping[Address, Spec]) -> Span | None:
    """The line of the spec that decides a cause; `None` if no spec manages it."""
    if cause not in _PARTS:
        return None
    kind, part = _PARTS[cause]
    if kind is UserKind:
        spec = find_user(facts.username, specs.values())
    elif kind is PortalKind:
        spec = specs.get(PortalKind.address(facts.portal.name)) if facts.portal else None
    else:
        spec = specs.get(PORTAL_SETTINGS)
    if spec is None:
        return None
    return spec.at(part) if part else spec.span
