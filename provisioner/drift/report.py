"""What a drift report says beyond the differences: who made them, and what no spec names. Pure.

Who changed a thing is evidence, not proof: the last write of a record or a component, and
the lines of the setup audit trail that name it. The writes of the tool's own user are left
out, so that an apply does not hide who had a hand in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from provisioner.kinds import BY_NAME, KINDS
from provisioner.kinds.base import Unmanaged
from provisioner.kinds.portal.fields import MEMBERS
from provisioner.kinds.portal.kind import PortalKind
from provisioner.kinds.user.kind import UserKind
from provisioner.model.canonical import canonical
from provisioner.model.change import Action
from provisioner.model.operations import (
    ListMetadata,
    Newest,
    Query,
    QueryAnswers,
    ReadMembership,
    Row,
)
from provisioner.model.plan import Step
from provisioner.model.resource import Address, Resource, Value
from provisioner.plan.read import Reading

# What Salesforce gives in one answer. (fact 731)
MOST = 2_000
_MOST_KEYS = 200
_BY = "LastModifiedBy.Name"
_USERNAME = "LastModifiedBy.Username"
_AT = "LastModifiedDate"


@dataclass(frozen=True, slots=True)
class Author:
    """Who changed a thing and when, as the org has it; `said` is the audit trail's own words."""

    by: str
    at: str
    source: str
    said: str | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """How many things of a kind the specs manage, and how many they do not."""

    kind: str
    managed: int
    unmanaged: int


@dataclass(frozen=True, slots=True)
class Drift:
    """`authors` of what differs; an address that is not there was last written by the tool.

    `unmanaged` are listed up to a number, the newest first; `shares` count all of them.
    `unread` says what the login may not read, and why.
    """

    authors: Mapping[Address, Author]
    unmanaged: tuple[Unmanaged, ...]
    shares: tuple[Share, ...]
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Me:
    """The user that the tool logs in as; no names where the org does not tell."""

    username: str = ""
    name: str = ""

    def wrote(self, row: Mapping[str, Value]) -> bool:
        """Whether the last write of a record or a component is the tool's own."""
        if username := row.get(_USERNAME):
            return bool(self.username) and str(username).casefold() == self.username.casefold()
        return bool(self.name) and row.get(_BY) == self.name


# ---------------------------------------------------------------- what is asked


def audit_trail(steps: Iterable[Step], username: str) -> Newest | None:
    """The query for what others did in Setup lately, if anything of Setup differs.

    `Display` and `Section` can not be filtered by; the rest can. (Object Reference,
    SetupAuditTrail)
    """
    if not any(BY_NAME[step.address.kind].in_setup_trail for step in steps):
        return None
    own = (("CreatedBy.Username", (username,)),) if username else ()
    fields = ("Id", "Action", "Section", "Display", "CreatedDate", "CreatedBy.Name", "DelegateUser")
    return Newest("SetupAuditTrail", fields, MOST, without=own)


def recycled(steps: Iterable[Step]) -> Iterator[Newest]:
    """The queries for what is missing, and may lie in the recycle bin: one for each object."""
    missing: dict[tuple[str, str], set[str]] = {}
    for step in steps:
        kind = BY_NAME[step.address.kind]
        key = kind.recycle_bin_key()
        value = step.change.after.written.get(key) if key else None
        if step.action is Action.CREATE and kind.sobject and key and value:
            missing.setdefault((kind.sobject, key), set()).add(str(value))
    for (sobject, key), values in sorted(missing.items()):
        chosen = tuple(sorted(values))[:_MOST_KEYS]
        fields = ("Id", key, _BY, _USERNAME, _AT)
        yield Newest(sobject, fields, MOST, within=((key, chosen),), deleted=True)


def portal_users(reading: Reading) -> Newest | None:
    """The query for the people who can log in with any of the portal's profiles."""
    ids = profile_ids(reading)
    if not ids:
        return None
    return Newest(
        UserKind.sobject,
        ("Id", "Username", "Name", "ProfileId"),
        MOST,
        within=(("ProfileId", ids), ("IsActive", (True,))),
    )


def profile_ids(reading: Reading) -> tuple[str, ...]:
    """The Ids of the profiles whose users log in through a portal or site."""
    return tuple(sorted(p.id for p in reading.facts.portal_profiles))


def pages(reading: Reading) -> tuple[ReadMembership, ...]:
    """The membership pages of the spec's portals that leave their profiles unmanaged."""
    return tuple(
        ReadMembership(portal.id)
        for address, portal in reading.live.items()
        if PortalKind.owns(address) and portal.id and MEMBERS not in reading.desired[address].fields
    )


def described(query: Query[object]) -> str:
    """What a query of ours is for, in words."""
    match query:
        case Newest("SetupAuditTrail"):
            return "who changed what in Setup"
        case Newest(deleted=True):
            return "who deleted what is missing"
        case Newest():
            return "which people no spec names"
        case ListMetadata():
            return "which portals and profiles no spec names"
        case ReadMembership():
            return "which profiles may use the portal"
        case _:
            return "who is logged in"


# ---------------------------------------------------------------- what comes of it


def authors(
    steps: Iterable[Step],
    trail: Iterable[Row],
    me: Me,
    bin_: Mapping[str, Iterable[Row]] | None = None,
) -> Mapping[Address, Author]:
    """Who changed what differs: of all that says so, the latest.

    `bin_` are the deleted records of a kind by its name.
    """
    deleted = {
        (kind, _key(row.get(str(BY_NAME[kind].recycle_bin_key())))): row
        for kind, rows in (bin_ or {}).items()
        # The newest first, so that it is the one that stays.
        for row in reversed(tuple(rows))
    }
    entries = _Trail(trail)
    found: dict[Address, Author] = {}
    for step in steps:
        said = [
            *_from_record(step.change.before, me),
            *_from_trail(step, entries),
            *_from_bin(step, deleted, me),
        ]
        if said:
            found[step.address] = max(said, key=lambda author: author.at)
    return found


def unmanaged(
    reading: Reading,
    users: Iterable[Row],
    answers: QueryAnswers,
    active: int | None,
) -> tuple[tuple[Unmanaged, ...], tuple[Share, ...]]:
    """What is in the portal's reach and in no spec, and the share that is.

    `active` is the number of people in all, where `users` are not all of them.
    """
    rows = list(users)
    count = len(rows) if active is None else active
    others: list[Unmanaged] = []
    shares: list[Share] = []
    for kind in sorted(KINDS, key=lambda kind: kind.name):
        inventory = kind.inventory(reading.live, reading.facts, rows, count)
        if inventory is None:
            continue
        others += inventory.unmanaged
        if inventory.total:
            left = max(0, inventory.total - inventory.managed)
            shares.append(Share(kind.name, inventory.managed, left))
    others += _members(reading, answers)
    # Users last: they are many.
    others.sort(key=lambda other: other.kind == UserKind.name)
    return tuple(others), tuple(shares)


def _members(reading: Reading, answers: QueryAnswers) -> Iterator[Unmanaged]:
    """The profiles that may use a portal whose spec does not say who may."""
    for page in pages(reading):
        portal = next(a for a, r in reading.live.items() if r.id == page.portal_id)
        for member in answers[page]:
            if member.member:
                yield Unmanaged("member", member.name, member.profile_id, f"of {portal}")


# ---------------------------------------------------------------- who


def _from_record(before: Resource | None, me: Me) -> Iterator[Author]:
    row = before.written if before else {}
    by, at = row.get(_BY), canonical(row.get(_AT), "datetime")
    if by and at and not me.wrote(row):
        yield Author(str(by), str(at), "last modified")


def _from_bin(step: Step, deleted: Mapping[tuple[str, str], Row], me: Me) -> Iterator[Author]:
    """Who deleted what is missing: a record's last write is its deletion. (guess)"""
    kind = step.address.kind
    key = BY_NAME[kind].recycle_bin_key()
    if step.action is not Action.CREATE or key is None:
        return
    row = deleted.get((kind, _key(step.change.after.written.get(key))))
    if row and row.get(_BY) and not me.wrote(row):
        yield Author(str(row[_BY]), str(canonical(row[_AT], "datetime")), "deleted")


def _key(value: object) -> str:
    return str(value or "").strip().casefold()


def _from_trail(step: Step, trail: _Trail) -> Iterator[Author]:
    """The newest entry that names the resource, as far as words can tell."""
    row = trail.naming(*BY_NAME[step.address.kind].setup_trail_names(step.change))
    if row is not None:
        by = str(row.get("DelegateUser") or row.get("CreatedBy.Name") or "")
        at = str(canonical(row["CreatedDate"], "datetime"))
        yield Author(by, at, "setup audit trail", str(row.get("Display") or row["Action"]))


class _Trail:
    """The entries of the setup audit trail, newest first, by what stands in them as words.

    Thousands of people may differ, and thousands of entries be there: each is read once.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = tuple(rows)
        self._texts = tuple(str(row.get("Display") or "").casefold() for row in self._rows)
        self._first: dict[str, int] = {}
        for number, entry in enumerate(self._texts):
            bounds = [(m.start(), m.end()) for m in _WORD.finditer(entry)]
            for at, (start, _) in enumerate(bounds):
                for _, end in bounds[at : at + _LONGEST_NAME]:
                    self._first.setdefault(entry[start:end], number)

    def naming(self, *names: str) -> Row | None:
        """The newest entry that has one of the names in it, as a word of its own."""
        found = [n for name in names if name for n in [self._naming(name.casefold())] if n >= 0]
        return self._rows[min(found)] if found else None

    def _naming(self, name: str) -> int:
        words = [(m.start(), m.end()) for m in _WORD.finditer(name)]
        if words and (words[0][0], words[-1][1]) == (0, len(name)) and len(words) <= _LONGEST_NAME:
            return self._first.get(name, -1)
        pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        return next((n for n, entry in enumerate(self._texts) if pattern.search(entry)), -1)


_WORD = re.compile(r"\w+")
_LONGEST_NAME = 8
