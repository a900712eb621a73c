"""Make a plan from a reading of an org: changes, checks, order, notes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from provisioner.kinds import BY_NAME, KINDS
from provisioner.kinds.base import Context, Removal
from provisioner.kinds.profile.rights import rights
from provisioner.kinds.user.seats import seats
from provisioner.login.admission import Admission, Entrance, linked
from provisioner.model.change import Action, Change
from provisioner.model.diagnostics import DiagnosticError, Severity, by_cause
from provisioner.model.ignore import Ignore
from provisioner.model.plan import EmailCause, MatchedResource, OrgInfo, Plan, Step, order
from provisioner.model.resource import Address, LiveState, Resource
from provisioner.plan import batches, emails, preflight
from provisioner.plan.diff import diff
from provisioner.plan.preflight.logins import all_described, logins
from provisioner.plan.read import Reading
from provisioner.plan.scope import PlanScope, plan_scope, without_ignored
from provisioner.spec.selection import Selection

_RANKS = {kind.name: rank for rank, kind in enumerate(KINDS)}


def make_plan(
    reading: Reading,
    instance_url: str,
    count: Callable[[tuple[str, ...]], Mapping[str, int]],
    entrances: Callable[[], tuple[Entrance, ...]],
    selection: Selection | None = None,
    ignores: Iterable[Ignore] = (),
    *,
    no_email: bool = False,
) -> Plan:
    """The steps that turn the live state into the desired state, and the problems.

    With a selection, only the steps of what is selected. Ignored differences have no steps.
    `count` returns the number of active users of each of these profiles; it is called only for a
    plan that changes who can log in. `entrances` returns the portals and sites that the specs do
    not describe; it is called only if an email depends on them. With `no_email`, no step sends an
    email. The `reads` of the plan are 0.
    """
    organization = reading.facts.organization
    org = OrgInfo(str(organization.get("Id", "")), str(organization.get("Name", "")), instance_url)
    ambiguous = {p.span for p in reading.problems}
    changes = {
        c.address: c
        for c in _removals(diff(reading.desired, reading.live))
        # If two records match a resource, its change is not known.
        if c.after.span() not in ambiguous
    }
    referrers = _referrers(reading.live)
    changes, ignored = without_ignored(changes, ignores)
    if whole := tuple(str(i.address) for i in ignored if i.field is None):
        selection = selection or Selection()
        selection = replace(selection, excludes=(*selection.excludes, *whole))
    decided = _decide(reading, changes, (), selection, referrers, no_email=no_email)
    if any(email.cause is EmailCause.NO_PORTAL for email in decided.waiting):
        others = entrances()
        decided = _decide(reading, changes, others, selection, referrers, no_email=no_email)
    changes, chosen = dict(decided.changes), decided.chosen
    counted = (BY_NAME[a.kind].profiles_to_count(c, reading.facts) for a, c in changes.items())
    profiles = tuple(sorted({profile for ids in counted for profile in ids}))
    facts = (
        replace(reading.facts, active_user_counts=count(profiles)) if profiles else reading.facts
    )
    context = Context(reading.desired, reading.live, facts, changes)
    used, no_seats = seats(context)
    problems = [*reading.problems, *preflight.problems(context), *no_seats]
    if not any(p.severity is Severity.ERROR for p in problems):
        # A plan with an error is not applied, so who can log in after it does not matter.
        problems += logins(context)
        problems += emails.problems(decided.waiting, login_problems=all_described(context))
    if chosen:
        problems = [*chosen.problems(problems, reading.desired)]
    try:
        ordered = order(changes.values(), _rank, referrers)
    except DiagnosticError as error:
        problems += error.diagnostics
        ordered = ()
    refused = any(p.severity is Severity.ERROR for p in problems)
    steps = tuple(
        Step(
            change,
            BY_NAME[change.address.kind].calls(change, reading.facts) if not refused else (),
            needs,
            tuple(BY_NAME[change.address.kind].notes(change, context)),
            reading.matched_by.get(change.address),
        )
        for change, needs in ordered
    )
    matched = tuple(
        MatchedResource(a, str(r.id or ""), reading.matched_by[a]) for a, r in reading.live.items()
    )
    managed = len(chosen.selected if chosen else reading.desired)
    left_out = tuple(sorted(chosen.left_out.items())) if chosen else ()
    writes = batches.estimate(steps)
    explained = emails.differences(steps, decided.waiting)
    return Plan(
        org,
        steps,
        by_cause(problems),
        used,
        matched,
        managed,
        0,
        left_out,
        writes,
        ignored,
        explained,
        tuple((email.address, name) for email in decided.waiting for name in email.fields),
    )


@dataclass(frozen=True, slots=True)
class _Decided:
    """The changes of a plan, what was selected, and the passwords that have to wait."""

    changes: Mapping[Address, Change]
    chosen: PlanScope | None
    waiting: tuple[emails.Waiting, ...]


def _decide(
    reading: Reading,
    changes: Mapping[Address, Change],
    others: tuple[Entrance, ...],
    selection: Selection | None,
    referrers: Callable[[Resource], frozenset[Address]],
    *,
    no_email: bool,
) -> _Decided:
    desired, live, facts = reading.desired, reading.live, reading.facts
    changes = linked(changes, Admission(desired, live, facts, changes, others))
    chosen = plan_scope(selection, desired, changes, referrers, facts) if selection else None
    if chosen:
        changes = chosen.of(changes)
    admission = Admission(desired, live, facts, changes, others)
    context = Context(desired, live, facts, changes)
    rights_of_profile = cache(lambda profile: rights(profile, context))
    changes, waiting = emails.hold(changes, admission, rights_of_profile, no_email=no_email)
    return _Decided(changes, chosen, waiting)


def declared_order(
    resources: Iterable[Resource],
) -> tuple[tuple[Resource, frozenset[Address]], ...]:
    """All resources in the order in which a new org would get them, each with its needs.

    Raises DiagnosticError where resources need each other.
    """
    changes = {r.address: Change(Action.CREATE, r.address, None, r) for r in resources}
    desired = {address: change.after for address, change in changes.items()}
    admission = Admission(desired, LiveState(), None, changes, ())
    ordered = order(linked(changes, admission).values(), _rank, lambda _: frozenset())
    return tuple((change.after, needs) for change, needs in ordered)


def _removals(changes: Iterable[Change]) -> Iterable[Change]:
    """The changes with the removals of each kind; an inactive user needs no removal."""
    for change in changes:
        milder = BY_NAME[change.address.kind].removal is Removal.DEACTIVATE
        if change.action is not Action.DELETE or not milder:
            yield change
        elif change.before and change.before.fields.get("IsActive") is not False:
            yield replace(change, action=Action.DEACTIVATE)


def _rank(change: Change) -> int:
    # Deactivating first frees the seats that new users need.
    return -1 if change.deactivates else _RANKS[change.address.kind]


def _referrers(live: LiveState) -> Callable[[Resource], frozenset[Address]]:
    """A function that returns the resources that refer to a resource in the org, by its Id."""
    pointing: dict[str, set[Address]] = {}

    def referrers(resource: Resource) -> frozenset[Address]:
        # Only removals need this: most plans have none, and all records have many values.
        if not pointing:
            pointing[""] = set()
            for address, other in live.items():
                for value in other.fields.values():
                    if isinstance(value, str):
                        pointing.setdefault(value, set()).add(address)
        return frozenset(pointing.get(resource.id or "", ()))

    return referrers
