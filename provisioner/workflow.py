"""The use cases: plan, apply, drift. Each is a few lines over the core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from provisioner import drift as drifting
from provisioner import entrances, executor, leavers
from provisioner.call import CountActive, ListMetadata, Me, Query, ReadMembership
from provisioner.collector import held
from provisioner.diagnostics import by_cause
from provisioner.drift import Drift
from provisioner.emails import without_held
from provisioner.executor import Conduct
from provisioner.explaining import login_page
from provisioner.facts import Facts, users_called
from provisioner.kinds import BY_NAME
from provisioner.kinds.base import Declared
from provisioner.loader import Loaded
from provisioner.org.client import Org
from provisioner.org.errors import AuthenticationFailed, Refused
from provisioner.outcome import StepResult
from provisioner.plan import Plan
from provisioner.planner import make_plan
from provisioner.policy import unknown_profiles
from provisioner.reader import Reading, read
from provisioner.resource import Resource


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and the reading that it was made from."""

    plan: Plan
    reading: Reading


def resources(loaded: Loaded) -> tuple[Resource, ...]:
    """What the specs ask for, as kinds see it: nothing of the org is known yet."""
    declared = Declared(frozenset(s.address for s in loaded.specs), loaded.identity)
    return tuple(BY_NAME[s.address.kind].desired(s, declared) for s in loaded.specs)


@held()
def plan(loaded: Loaded, org: Org) -> Planned:
    """Read the org and compare; the plan has the problems of the spec too. Raises OrgError."""
    before = org.api_calls
    wanted = resources(loaded)
    reading = read(wanted, loaded.identity, org)
    absent = leavers.read(org, reading, loaded.rosters)
    if gone := leavers.resources(absent):
        reading = read((*wanted, *gone), loaded.identity, org)

    def count(profiles: tuple[str, ...]) -> Mapping[str, int]:
        counts: Mapping[str, int] = org.read([CountActive(profiles)])[0]
        return {profile: counts.get(profile, 0) for profile in profiles}

    made = make_plan(
        reading,
        org.instance_url,
        count,
        lambda: entrances.read(org, reading),
        loaded.selection,
        loaded.ignores,
        no_email=loaded.no_email,
    )
    environment = loaded.environment
    forbidden = environment.policy, environment.forbidden_at
    problems = [
        *loaded.problems,
        *made.problems,
        *unknown_profiles(*forbidden, reading.desired, reading.facts),
    ]
    reads = org.api_calls - before
    made = replace(made, reads=reads, problems=by_cause(problems), absent=absent)
    return Planned(made, replace(reading, desired=without_held(reading.desired, made.held)))


def drift(loaded: Loaded, org: Org) -> tuple[Planned, Drift]:
    """What differs, who did it, and what no spec names. Raises OrgError.

    Takes at most five calls more than a plan. What the login may not read beyond the
    differences is left out, and named.
    """
    before = org.api_calls
    planned = plan(loaded, org)
    facts, unlisted = _with_portals(planned.reading.facts, org)
    planned = replace(planned, reading=replace(planned.reading, facts=facts))
    reading, steps = planned.reading, planned.plan.steps
    username = (facts.shared[Me()] if facts.asked(Me()) else org.read([Me()])[0]) or ""
    who = users_called(username) if username and steps else None
    trail = drifting.audit_trail(steps, username)
    people = drifting.portal_users(reading)
    gone = {q.sobject.lower(): q for q in drifting.recycled(steps)}
    asked: list[Query] = [q for q in (who, trail, people) if q]
    asked += [*gone.values(), *drifting.pages(reading)]
    answers, unread = _readable(asked, org)
    found = answers[who] if who else ()
    me = drifting.Me(username, str(found[0]["Name"]) if found else "")
    users = answers[people] if people else ()
    active = None
    if people and len(users) == drifting.MOST:
        # There are more than one answer holds: they are counted, and the newest listed.
        counting = CountActive(drifting.portal_profiles(reading))
        active = sum(org.read([counting])[0].values())
    unmanaged, shares = drifting.unmanaged(reading, users, answers, active)
    recycled = {kind: answers[query] for kind, query in gone.items()}
    authors = drifting.authors(steps, answers[trail] if trail else (), me, recycled)
    counted = replace(planned.plan, reads=org.api_calls - before)
    return replace(planned, plan=counted), Drift(authors, unmanaged, shares, unlisted + unread)


def _with_portals(facts: Facts, org: Org) -> tuple[Facts, tuple[str, ...]]:
    """The facts with all portals and profiles, and in words what could not be read of them."""
    types = tuple(type_ for type_ in ("Portal", "Profile") if not facts.lists(type_))
    if not types:
        return facts, ()
    query = ListMetadata(types)
    answers, unread = _readable([query], org)
    return replace(facts, shared={**facts.shared, query: answers[query]}), unread


def _readable(asked: Sequence[Query], org: Org) -> tuple[dict[Query, Any], tuple[str, ...]]:
    """The answers, empty for what is refused, and in words what that is."""
    try:
        return dict(zip(asked, org.read(asked), strict=True)), ()
    except (Refused, AuthenticationFailed):
        # One of them alone spoils a composite call: each by itself tells which.
        answers: dict[Query, Any] = {}
        unread: list[str] = []
        for query in asked:
            try:
                answers[query] = org.read([query])[0]
            except (Refused, AuthenticationFailed) as error:
                # A login without web access may read all but the setup pages.
                if isinstance(error, AuthenticationFailed) and not _is_page(query):
                    raise
                answers[query] = []
                unread.append(f"{drifting.described(query)}: {error}")
        return answers, tuple(unread)


def _is_page(query: Query) -> bool:
    return isinstance(query, ReadMembership)


def apply(planned: Planned, org: Org, conduct: Conduct | None = None) -> Iterator[StepResult]:
    """Run the plan; one result per step, as it ends."""
    return executor.apply(planned.plan, planned.reading, org, conduct)


def login_urls(planned: Planned) -> tuple[tuple[str, str], ...]:
    """The login page of every active portal of the spec, by the portal's name."""
    org = planned.plan.org
    return tuple(
        (address.name, login_page(org.instance_url, org.id, portal.id))
        for address, portal in planned.reading.live.items()
        if address.kind == "portal" and portal.id and portal.fields.get("active") is True
    )
