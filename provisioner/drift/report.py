"""What a drift report says beyond the differences: who made them, and what no spec names. Pure.

Who changed a thing is evidence, not proof: the last write of a record or a component, and
the lines of the setup audit trail that name it. The writes of the tool's own user are left
out, so that an apply does not hide who had a hand in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from provisioner.kinds.org_facts import PROFILES_OF_SITES, PROFILES_OF_THE_PORTAL, OrgProfile
from provisioner.kinds.portal.fields import MEMBERS
from provisioner.model.canonical import canonical
from provisioner.model.change import Action
from provisioner.model.operations import (
    ListMetadata,
    Newest,
    Query,
    QueryAnswers,
    ReadMembership,
    Row,
    text,
)
from provisioner.model.plan import Step
from provisioner.model.resource import Address, Resource, Value
from provisioner.plan.read import Reading

# What Salesforce gives in one answer. (platform reference 8.1)
MOST = 2_000
_SETUP = frozenset({"settings", "profile", "portal", "layout", "user"})
# How a record that is gone is known: an object, and a field that its spec has.
_BY_KEY: Mapping[str, tuple[str, str]] = {
    "account": ("Account", "Name"),
    "contact": ("Contact", "Email"),
}
_MOST_KEYS = 200
_STANDARD = frozenset(p.name for p in (*PROFILES_OF_THE_PORTAL, *PROFILES_OF_SITES))
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
class Unmanaged:
    """A `user`, `profile`, `portal` or `member` in the portal's reach that no spec names."""

    kind: str
    name: str
    id: str
    detail: str | None = None


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
    if not any(step.address.kind in _SETUP for step in steps):
        return None
    own = (("CreatedBy.Username", (username,)),) if username else ()
    fields = ("Id", "Action", "Section", "Display", "CreatedDate", "CreatedBy.Name", "DelegateUser")
    return Newest("SetupAuditTrail", fields, MOST, without=own)


def recycled(steps: Iterable[Step]) -> Iterator[Newest]:
    """The queries for what is missing, and may lie in the recycle bin: one for each object."""
    for kind, (sobject, key) in _BY_KEY.items():
        values = {
            str(value)
            for step in steps
            if step.action is Action.CREATE and step.address.kind == kind
            for value in [step.change.after.written.get(key)]
            if value
        }
        if values:
            chosen = tuple(sorted(values))[:_MOST_KEYS]
            fields = ("Id", key, _BY, _USERNAME, _AT)
            yield Newest(sobject, fields, MOST, within=((key, chosen),), deleted=True)


def portal_users(reading: Reading) -> Newest | None:
    """The query for the people who can log in with any of the portal's profiles."""
    ids = portal_profiles(reading)
    if not ids:
        return None
    return Newest(
        "User",
        ("Id", "Username", "Name", "ProfileId"),
        MOST,
        within=(("ProfileId", ids), ("IsActive", (True,))),
    )


def portal_profiles(reading: Reading) -> tuple[str, ...]:
    """The profiles that let people in through a portal, by Id."""
    return tuple(sorted(p.id for p in _profiles(reading)))


def pages(reading: Reading) -> tuple[ReadMembership, ...]:
    """The membership pages of the spec's portals that leave their profiles unmanaged."""
    return tuple(
        ReadMembership(portal.id)
        for address, portal in reading.live.items()
        if address.kind == "portal" and portal.id and MEMBERS not in reading.desired[address].fields
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
        (kind, _key(row.get(_BY_KEY[kind][1]))): row
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
    facts, live = reading.facts, reading.live
    ours = {r.id for r in live.values()}
    people = list(users)
    names = {p.id: p.name for p in _profiles(reading)}
    # Those that come with Salesforce count once somebody has one.
    used = {user["ProfileId"] for user in people} | ours
    profiles = [p for p in _profiles(reading) if p.id in used or p.name not in _STANDARD]
    mine = sum(a.kind == "user" and r.fields.get("IsActive") is True for a, r in live.items())
    others = [u for u in people if u["Id"] not in ours]
    portals = facts.components("Portal").values()
    found = [
        *(Unmanaged("portal", c.full_name, c.id) for c in portals if c.id not in ours),
        *(Unmanaged("profile", p.name, p.id) for p in profiles if p.id not in ours),
        *_members(reading, answers),
        *(
            Unmanaged(
                "user",
                text(u, "Username"),
                text(u, "Id"),
                f"{u['Name']}, {names[text(u, 'ProfileId')]}",
            )
            for u in others
        ),
    ]
    all_people = active if active is not None else len(people)
    counts = {"portal": len(portals), "profile": len(profiles), "user": all_people}
    managed = {
        "portal": sum(c.id in ours for c in portals),
        "profile": sum(p.id in ours for p in profiles),
        "user": len(people) - len(others) if active is None else mine,
    }
    shares = (Share(k, managed[k], max(0, counts[k] - managed[k])) for k in counts if counts[k])
    return tuple(found), tuple(shares)


def _profiles(reading: Reading) -> list[OrgProfile]:
    # Chatter's own people come in by another door.
    return [p for p in reading.facts.profiles if p.is_portal and p.user_type != "CsnOnly"]


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
    if step.action is not Action.CREATE or kind not in _BY_KEY:
        return
    row = deleted.get((kind, _key(step.change.after.written.get(_BY_KEY[kind][1]))))
    if row and row.get(_BY) and not me.wrote(row):
        yield Author(str(row[_BY]), str(canonical(row[_AT], "datetime")), "deleted")


def _key(value: object) -> str:
    return str(value or "").strip().casefold()


def _from_trail(step: Step, trail: _Trail) -> Iterator[Author]:
    """The newest entry that names the resource, as far as words can tell."""
    row = trail.naming(*_names(step))
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


def _names(step: Step) -> Iterator[str]:
    """What an entry about a resource may call it."""
    name = step.address.name
    match step.address.kind:
        case "settings":
            # Settings are named by their label, such as `Guest Chatter`.
            for field in step.change.fields:
                yield from (field.name, _label(field.name))
        case "portal":
            yield name
            if MEMBERS in step.change.names():
                yield "profiles assigned to a Customer Portal"
        case "profile":
            yield name
        case "layout":
            yield from (name, name.partition("-")[2])
        case "user":
            # People are named by their full name, and one by that name may be another.
            before = step.change.before
            yield str(step.change.after.shown("Username") or "")
            yield str((before.shown("Name") if before else None) or "")


def _label(setting: str) -> str:
    """`enableFooBar` as people read it: `foo bar`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"^enable", "", setting))
