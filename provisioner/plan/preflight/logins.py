"""Find the users who could not log in after the plan is applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.kinds.base import Context
from provisioner.kinds.org_facts import FIRST_PORTAL, ROLE_USER_TYPES
from provisioner.kinds.portal.fields import MEMBERS
from provisioner.kinds.portal.kind import PortalKind
from provisioner.kinds.profile.rights import Rights, rights
from provisioner.kinds.user.fields import ACTIVE, PASSWORD, PROFILE_ID
from provisioner.kinds.user.kind import UserKind
from provisioner.login.causes import Cause
from provisioner.login.check_results import CheckResult
from provisioner.login.checks import run_checks
from provisioner.login.login_facts import LoginFacts, PasswordState, Person, Portal, User
from provisioner.model.diagnostics import Diagnostic, Severity, Span
from provisioner.model.resource import Resource, Value


@dataclass(frozen=True, slots=True)
class _State:
    """What a plan knows of the login of a user; users with the same state are checked once."""

    active: bool
    password: PasswordState
    rights: Rights


def logins(context: Context) -> Iterator[Diagnostic]:
    """A warning for each cause, at the line that fixes it, with the users whom it keeps out.

    People whom the spec itself makes inactive are meant to stay out. What a plan does not read
    (freezing, lock-outs, portals that no spec names) is not guessed at.
    """
    portals = _portals(context)
    by_profile: dict[Value, Rights | None] = {}
    alike: dict[_State, list[Resource]] = {}
    for user in context.of_kind(UserKind.name):
        if user.fields.get(ACTIVE) is False:
            continue
        profile = context.value(user, PROFILE_ID)
        if profile not in by_profile:
            by_profile[profile] = rights(profile, context)
        held = by_profile[profile]
        if held is not None and held.is_portal:
            state = _State(context.value(user, ACTIVE) is not False, _password(context, user), held)
            alike.setdefault(state, []).append(user)
    kept_out: dict[tuple[Cause, str], tuple[CheckResult, Span | None, list[Resource]]] = {}
    declared = {p.address.name: p for p in context.of_kind(PortalKind.name)}
    for state, users in alike.items():
        best = _best(state.rights.name, portals or ())
        portal = declared[best.name] if best else None
        for finding in _causes(state, best):
            key = finding.cause, finding.message
            entry: tuple[CheckResult, Span | None, list[Resource]]
            entry = (finding, _span(finding, users[0], portal), [])
            kept_out.setdefault(key, entry)[2].extend(users)
    for finding, span, users in kept_out.values():
        others = len(users) - 1
        more = f" and {others} other{'s' if others > 1 else ''}" if others else ""
        yield Diagnostic(
            "could-not-log-in",
            f"`{users[0].address}`{more} could not log in once this is applied: {finding.message}",
            span,
            help=_remedy(finding),
            severity=Severity.WARNING,
        )


def all_described(context: Context) -> bool:
    """Whether the specs describe every portal of the org, with the profiles that it admits."""
    portals = _portals(context)
    return portals is not None and all(portal.members is not None for portal in portals)


def _remedy(finding: CheckResult) -> str | None:
    if finding.cause is Cause.PASSWORD:
        return "give the user `on_create: {password: email}`, or {env: NAME} in place of `email`"
    return finding.remedy


def _causes(state: _State, portal: Portal | None) -> tuple[CheckResult, ...]:
    user = User(
        username="USER",
        active=state.active,
        frozen=None,
        locked=None,
        password=state.password,
        profile=state.rights.name,
        is_portal=state.rights.is_portal,
        has_roles=state.rights.user_type in ROLE_USER_TYPES,
        licence=None,
        person=Person(None, None, None),
    )
    causes = run_checks(LoginFacts("USER", user, portal_on=True, portal=portal)).causes
    return tuple(f for f in causes if f.cause is not Cause.PORTAL)


def _best(profile: str, portals: tuple[Portal, ...]) -> Portal | None:
    """The portal that a user with this profile can use, or nearly can."""

    def rank(portal: Portal) -> tuple[bool, bool, str]:
        mine = portal.members is None or profile.casefold() in portal.members
        return not mine, not portal.active, portal.name

    return min(portals, key=rank, default=None)


def _portals(context: Context) -> tuple[Portal, ...] | None:
    """The portals after the plan; `None` if the org has others, which are not read."""
    portals = tuple(context.of_kind(PortalKind.name))
    facts = context.facts
    if not portals:
        return None
    named = {str(n).casefold() for p in portals for n in (p.address.name, p.was) if n}
    others = {name.casefold() for name in facts.components(PortalKind.type)} - named
    if facts.enabling_step is not None:
        others |= {FIRST_PORTAL.casefold()} - named
    if others:
        return None
    return tuple(
        Portal(
            p.address.name,
            "",
            context.value(p, "active") is not False,
            frozenset(_names(p.fields[MEMBERS])) if MEMBERS in p.fields else None,
        )
        for p in portals
    )


def _password(context: Context, user: Resource) -> PasswordState:
    if PASSWORD in user.fields:
        return PasswordState.GIVEN
    live = context.live.get(user.address)
    if live is None or live.fields.get(PASSWORD) is False:
        return PasswordState.NEVER_GIVEN
    return PasswordState.GIVEN


def _span(finding: CheckResult, user: Resource, portal: Resource | None) -> Span | None:
    match finding.cause:
        case Cause.OPEN | Cause.MEMBER if portal is not None:
            return portal.span("active" if finding.cause is Cause.OPEN else MEMBERS)
        case Cause.ACTIVE:
            return user.span(ACTIVE)
        case _:
            return user.span()


def _names(value: Value) -> tuple[str, ...]:
    return tuple(str(n).casefold() for n in value) if isinstance(value, tuple) else ()
