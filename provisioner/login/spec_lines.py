"""Where in the spec a cause of a failed login is mended. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from provisioner.login.causes import Cause
from provisioner.login.login_facts import LoginFacts
from provisioner.model.diagnostics import Span
from provisioner.model.resource import Address, Spec

# The kind of the resource that a cause is about, and the part of it.
_PARTS: Mapping[Cause, tuple[str, str]] = {
    Cause.USER: ("user", ""),
    Cause.ACTIVE: ("user", "IsActive"),
    Cause.PASSWORD: ("user", "on_create"),
    Cause.LICENCE: ("user", "profile"),
    Cause.PROFILE: ("user", "profile"),
    Cause.ROLE: ("user", "PortalRole"),
    Cause.PERSON: ("user", "contact"),
    Cause.ENABLED: ("settings", "enableCustomerSuccessPortal"),
    Cause.OPEN: ("portal", "active"),
    Cause.MEMBER: ("portal", "profiles"),
}


def user_called(name: str, specs: Iterable[Spec]) -> Spec | None:
    """The user of the spec that a key or a username means."""
    users = [s for s in specs if s.address.kind == "user"]
    wanted = name.strip().casefold()
    by_key = (s for s in users if s.address.name == name)
    by_username = (s for s in users if str(s.data.get("Username")).casefold() == wanted)
    return next(by_key, None) or next(by_username, None)


def place(cause: Cause, facts: LoginFacts, specs: Mapping[Address, Spec]) -> Span | None:
    """The line of the spec that decides a cause; `None` where no spec manages it."""
    kind, part = _PARTS.get(cause, ("", ""))
    match kind:
        case "user":
            found = user_called(facts.username, specs.values())
        case "portal":
            found = specs.get(Address("portal", facts.portal.name)) if facts.portal else None
        case "settings":
            found = specs.get(Address("settings", "OrgSettings"))
        case _:
            return None
    if found is None:
        return None
    return found.at(part) if part else found.span
