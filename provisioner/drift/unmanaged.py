"""Find what can be reached through the portal and is not in the specs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from provisioner.drift.authors import MOST_ROWS
from provisioner.kinds import KINDS
from provisioner.kinds.base import Unmanaged
from provisioner.kinds.portal.fields import MEMBERS
from provisioner.kinds.portal.kind import PortalKind
from provisioner.kinds.user.kind import UserKind
from provisioner.model.operations import Newest, QueryAnswers, ReadMembership, Row
from provisioner.plan.read import Reading


@dataclass(frozen=True, slots=True)
class Coverage:
    """The number of resources of a kind that the specs manage, and of those that they do not."""

    kind: str
    managed: int
    unmanaged: int


def portal_users_query(reading: Reading) -> Newest | None:
    """The query for the users who can log in with one of the portal's profiles."""
    ids = portal_profile_ids(reading)
    if not ids:
        return None
    return Newest(
        UserKind.sobject,
        ("Id", "Username", "Name", "ProfileId"),
        MOST_ROWS,
        within=(("ProfileId", ids), ("IsActive", (True,))),
    )


def portal_profile_ids(reading: Reading) -> tuple[str, ...]:
    """The Ids of the profiles whose users log in through a portal or site."""
    return tuple(sorted(p.id for p in reading.facts.portal_profiles))


def membership_queries(reading: Reading) -> tuple[ReadMembership, ...]:
    """The queries for the members of each portal whose spec does not manage them."""
    return tuple(
        ReadMembership(portal.id)
        for address, portal in reading.live.items()
        if PortalKind.owns(address) and portal.id and MEMBERS not in reading.desired[address].fields
    )


def find_unmanaged(
    reading: Reading,
    users: Iterable[Row],
    answers: QueryAnswers,
    active: int | None,
) -> tuple[tuple[Unmanaged, ...], tuple[Coverage, ...]]:
    """What can be reached through the portal and is not in the specs, and how much is.

    `active` is the number of all active users, if `users` are not all of them. `answers` are those
    to `membership_queries`.
    """
    rows = list(users)
    count = len(rows) if active is None else active
    others: list[Unmanaged] = []
    coverage: list[Coverage] = []
    for kind in sorted(KINDS, key=lambda kind: kind.name):
        inventory = kind.inventory(reading.live, reading.facts, rows, count)
        if inventory is None:
            continue
        others += inventory.unmanaged
        if inventory.total:
            left = max(0, inventory.total - inventory.managed)
            coverage.append(Coverage(kind.name, inventory.managed, left))
    others += _members(reading, answers)
    # Users last: there can be many.
    others.sort(key=lambda other: other.kind == UserKind.name)
    return tuple(others), tuple(coverage)


def _members(reading: Reading, answers: QueryAnswers) -> Iterator[Unmanaged]:
    """The members of each portal whose spec does not manage them."""
    for query in membership_queries(reading):
        portal = next(a for a, r in reading.live.items() if r.id == query.portal_id)
        for member in answers[query]:
            if member.member:
                yield Unmanaged("member", member.name, member.profile_id, f"of {portal}")
