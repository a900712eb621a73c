"""Find the drift of an org: what differs, who changed it, and what no spec declares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from provisioner.drift import report as drifting
from provisioner.drift.report import Drift
from provisioner.kinds import BY_SOBJECT
from provisioner.kinds.org_facts import OrgFacts, user_by_username
from provisioner.kinds.portal.kind import PortalKind
from provisioner.kinds.profile.kind import ProfileKind
from provisioner.model.operations import (
    CountActive,
    ListMetadata,
    Query,
    QueryAnswers,
    ReadMembership,
    RunningUsername,
)
from provisioner.org.client import Org
from provisioner.org.errors import AuthenticationFailed, Refused
from provisioner.plan import make as workflow
from provisioner.plan.make import Planned
from provisioner.spec.load import LoadedSpec


def drift(loaded: LoadedSpec, org: Org) -> tuple[Planned, Drift]:
    """What differs, who did it, and what no spec names. Raises OrgError.

    Takes at most five calls more than a plan. What the login may not read beyond the
    differences is left out, and named.
    """
    before = org.api_calls
    planned = workflow.plan(loaded, org)
    facts, unlisted = _with_portals(planned.reading.facts, org)
    planned = replace(planned, reading=replace(planned.reading, facts=facts))
    reading, steps = planned.reading, planned.plan.steps
    running = RunningUsername()
    username = (facts.shared[running] if facts.asked(running) else org.read(running)) or ""
    who = user_by_username(username) if username and steps else None
    trail = drifting.audit_trail(steps, username)
    people = drifting.portal_users(reading)
    gone = {BY_SOBJECT[q.sobject].name: q for q in drifting.recycled(steps)}
    asked: list[Query[object]] = [q for q in (who, trail, people) if q]
    asked += [*gone.values(), *drifting.pages(reading)]
    answers, unread = _readable(asked, org)
    found = answers[who] if who else ()
    me = drifting.Me(username, str(found[0]["Name"]) if found else "")
    users = answers[people] if people else ()
    active = None
    if people and len(users) == drifting.MOST:
        # There are more than one answer holds: they are counted, and the newest listed.
        counting = CountActive(drifting.profile_ids(reading))
        active = sum(org.read(counting).values())
    unmanaged, shares = drifting.unmanaged(reading, users, answers, active)
    recycled = {kind: answers[query] for kind, query in gone.items()}
    authors = drifting.authors(steps, answers[trail] if trail else (), me, recycled)
    counted = replace(planned.plan, reads=org.api_calls - before)
    return replace(planned, plan=counted), Drift(authors, unmanaged, shares, unlisted + unread)


def _with_portals(facts: OrgFacts, org: Org) -> tuple[OrgFacts, tuple[str, ...]]:
    """The facts with all portals and profiles, and in words what could not be read of them."""
    types = tuple(type_ for type_ in (PortalKind.type, ProfileKind.type) if not facts.lists(type_))
    if not types:
        return facts, ()
    query = ListMetadata(types)
    answers, unread = _readable([query], org)
    return replace(facts, shared=QueryAnswers({**facts.shared, query: answers[query]})), unread


def _readable(asked: Sequence[Query[object]], org: Org) -> tuple[QueryAnswers, tuple[str, ...]]:
    """The answers, empty for what is refused, and in words what that is."""
    try:
        return org.read_all(asked), ()
    except (Refused, AuthenticationFailed):
        # One of them alone spoils a composite call: each by itself tells which.
        answers: dict[Query[object], object] = {}
        unread: list[str] = []
        for query in asked:
            try:
                answers[query] = org.read(query)
            except (Refused, AuthenticationFailed) as error:
                # A login without web access may read all but the setup pages.
                if isinstance(error, AuthenticationFailed) and not _is_page(query):
                    raise
                answers[query] = []
                unread.append(f"{drifting.described(query)}: {error}")
        return QueryAnswers(answers), tuple(unread)


def _is_page(query: Query[object]) -> bool:
    return isinstance(query, ReadMembership)
