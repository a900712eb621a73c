"""Find the drift of an org: what differs, who changed it, and what is not in the specs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from provisioner.drift.authors import (
    MOST_ROWS,
    Author,
    RunningUser,
    audit_trail_query,
    find_authors,
    recycle_bin_queries,
)
from provisioner.drift.unmanaged import (
    Coverage,
    find_unmanaged,
    membership_queries,
    portal_profile_ids,
    portal_users_query,
)
from provisioner.kinds import BY_SOBJECT
from provisioner.kinds.base import Unmanaged
from provisioner.kinds.org_facts import OrgFacts, user_by_username
from provisioner.kinds.portal.kind import PortalKind
from provisioner.kinds.profile.kind import ProfileKind
from provisioner.model.operations import (
    CountActive,
    ListMetadata,
    Newest,
    Query,
    QueryAnswers,
    ReadMembership,
    RunningUsername,
    text,
)
from provisioner.model.resource import Address
from provisioner.org.client import Org
from provisioner.org.errors import AuthenticationFailed, Refused
from provisioner.plan import make
from provisioner.plan.make import Planned
from provisioner.plan.run_options import RunOptions
from provisioner.spec.load import LoadedSpec


@dataclass(frozen=True, slots=True)
class Drift:
    """What a drift report has in addition to the differences.

    `authors` has who made each difference; an address without an author was last written by this
    tool. `unmanaged` has up to `MOST_ROWS` users, the newest first; `coverage` counts all of them.
    `unread` says what the login cannot read, and why.
    """

    authors: Mapping[Address, Author]
    unmanaged: tuple[Unmanaged, ...]
    coverage: tuple[Coverage, ...]
    unread: tuple[str, ...] = ()


def find_drift(spec: LoadedSpec, org: Org, run: RunOptions | None = None) -> tuple[Planned, Drift]:
    """The differences as a plan, who made them, and what is not in the specs. Raises OrgError.

    It takes at most five API calls more than a plan. What the login cannot read beyond the
    differences is left out and reported as unread.
    """
    before = org.api_calls
    planned = make.plan(spec, org, run)
    facts, unlisted = _with_portals(planned.reading.facts, org)
    planned = replace(planned, reading=replace(planned.reading, facts=facts))
    reading, steps = planned.reading, planned.plan.steps

    running = RunningUsername()
    username = (facts.shared[running] if facts.asked(running) else org.read(running)) or ""
    user = user_by_username(username) if username and steps else None
    trail = audit_trail_query(steps, username)
    users = portal_users_query(reading)
    deleted = {BY_SOBJECT[q.sobject].name: q for q in recycle_bin_queries(steps)}
    queries: list[Query[object]] = [query for query in (user, trail, users) if query]
    queries += [*deleted.values(), *membership_queries(reading)]
    answers, unread = _read_allowed(queries, org)

    rows = answers[user] if user else ()
    running_user = RunningUser(username, text(rows[0], "Name") if rows else "")
    portal_users = answers[users] if users else ()
    active = None
    if users and len(portal_users) == MOST_ROWS:
        # There are more users than one page has: all are counted, and the newest are listed.
        active = sum(org.read(CountActive(portal_profile_ids(reading))).values())
    unmanaged, coverage = find_unmanaged(reading, portal_users, answers, active)
    recycle_bin = {kind: answers[query] for kind, query in deleted.items()}
    authors = find_authors(steps, answers[trail] if trail else (), running_user, recycle_bin)
    counted = replace(planned.plan, reads=org.api_calls - before)
    return replace(planned, plan=counted), Drift(authors, unmanaged, coverage, unlisted + unread)


def _with_portals(facts: OrgFacts, org: Org) -> tuple[OrgFacts, tuple[str, ...]]:
    """The facts with all portals and profiles, and what could not be read."""
    types = tuple(type_ for type_ in (PortalKind.type, ProfileKind.type) if not facts.lists(type_))
    if not types:
        return facts, ()
    query = ListMetadata(types)
    answers, unread = _read_allowed([query], org)
    return replace(facts, shared=QueryAnswers({**facts.shared, query: answers[query]})), unread


def _read_allowed(
    queries: Sequence[Query[object]], org: Org
) -> tuple[QueryAnswers, tuple[str, ...]]:
    """The answers, empty for refused queries, and what was refused and why."""
    try:
        return org.read_all(queries), ()
    except (Refused, AuthenticationFailed):
        # One refused query fails a whole composite call: reading each alone shows which it is.
        return _read_each(queries, org)


def _read_each(queries: Iterable[Query[object]], org: Org) -> tuple[QueryAnswers, tuple[str, ...]]:
    answers: dict[Query[object], object] = {}
    unread: list[str] = []
    for query in queries:
        try:
            answers[query] = org.read(query)
        except (Refused, AuthenticationFailed) as error:
            # A login without web access can read everything except the setup pages.
            is_page = isinstance(query, ReadMembership)
            if isinstance(error, AuthenticationFailed) and not is_page:
                raise
            answers[query] = []
            unread.append(f"{_purpose(query)}: {error}")
    return QueryAnswers(answers), tuple(unread)


def _purpose(query: Query[object]) -> str:
    """What a query is for, in words."""
    match query:
        case Newest("SetupAuditTrail"):
            return "who changed what in Setup"
        case Newest(deleted=True):
            return "who deleted the missing records"
        case Newest():
            return "which users are not in the specs"
        case ListMetadata():
            return "which portals and profiles are not in the specs"
        case ReadMembership():
            return "which profiles can use the portal"
        case _:
            return "who is logged in"
