"""Read an org for what the specs name, in a few rounds of bulk reads, never one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from provisioner.call import Describe, ListMetadata, Me, Query, Select
from provisioner.diagnostics import Diagnostic
from provisioner.facts import LICENCES, ORGANIZATION, PROFILES, SWITCHES, Facts, users_called
from provisioner.identity import Row
from provisioner.kinds import BY_NAME, IN_MATCHING_ORDER, KINDS
from provisioner.kinds.record import with_fields
from provisioner.kinds.settings import PORTAL_SWITCH
from provisioner.kinds.xml import flat
from provisioner.org.client import Org
from provisioner.resource import (
    Address,
    DesiredState,
    LiveState,
    Lookup,
    Ref,
    Resource,
    Value,
)

_PORTAL_SETTINGS = Address("settings", "OrgSettings")
# The Metadata types whose names and Ids a kind needs; a portal and a user name profiles.
_LISTED: Mapping[str, tuple[str, ...]] = {
    "layout": ("Layout",),
    "portal": ("Portal", "Profile"),
    "profile": ("Profile",),
    "user": ("Profile",),
}
# The fields that our own references are found by; every object has what it needs of them.
_EVERYWHERE = frozenset({"Name", "Username"})
# What a check asks of a record that a spec only refers to.
_ALSO: Mapping[str, tuple[str, ...]] = {
    "Account": ("Owner.UserRoleId", "Owner.Username"),
    "Contact": ("AccountId", "Account.Owner.UserRoleId", "Account.Owner.Username"),
    "User": ("IsActive", "UserRoleId", "Username"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """Both states in the form in which they are compared, and what was learned on the way.

    `rows` are all the records that were read for a kind, by its name.
    """

    desired: DesiredState
    live: LiveState
    facts: Facts
    rungs: Mapping[Address, str]
    problems: tuple[Diagnostic, ...]
    rows: Mapping[str, tuple[Row, ...]]


def read(wanted: Sequence[Resource], identity: Mapping[str, str], org: Org) -> Reading:
    """What the org holds of `wanted`, in at most four rounds of reads.

    Raises OrgError. A record that can not be told from another is a problem of the
    reading, not an exception.
    """
    by_name: dict[str, list[Resource]] = {kind.name: [] for kind in KINDS}
    for resource in wanted:
        by_name[resource.address.kind].append(resource)
    by_kind = {kind: by_name[kind.name] for kind in KINDS}
    others = {r.address: r for r in wanted}.get
    facts = Facts(_ask(org, _first_round(by_kind), {}), identity=identity)
    facts = replace(facts, enabling=_enabling(by_kind, facts))
    lookups = _lookups(wanted, facts)
    facts = replace(facts, answers=_ask(org, _to_describe(lookups, facts), facts.answers))
    asked_by = {kind.name: kind.second(mine, facts, others) for kind, mine in by_kind.items()}
    facts = replace(facts, asked=asked_by)
    second = [q for queries in asked_by.values() for q in queries]
    if me := facts.answer(Me(), None):
        second.append(users_called(me))
    asked = _lookup_queries(found for found in lookups if not facts.unknown_names(found))
    facts = replace(facts, answers=_ask(org, [*second, *asked], facts.answers))
    facts = replace(facts, lookups=_found(lookups, asked, facts))

    ids: dict[Address, str] = {}
    live: list[Resource] = []
    rungs: dict[Address, str] = {}
    problems: list[Diagnostic] = []
    rows: dict[str, tuple[Row, ...]] = {}
    for kind in IN_MATCHING_ORDER:
        mine = by_kind[kind]
        if third := kind.third(mine, facts, ids):
            asked_by[kind.name] = (*asked_by[kind.name], *third)
            answers = _ask(org, third, facts.answers)
            facts = replace(facts, asked=asked_by, answers=answers)
        found = kind.live(mine, facts, ids, others)
        if kind.name == "user":
            facts = replace(facts, linked=_linked(mine, found.resources))
        live += found.resources
        ids |= {r.address: r.id for r in found.resources if r.id}
        rungs |= found.rungs
        problems += found.problems
        rows[kind.name] = found.rows
    desired = (kind.settled(r, facts, ids, others) for kind, mine in by_kind.items() for r in mine)
    return Reading(
        DesiredState(desired),
        LiveState(_readable(live, ids, facts)),
        facts,
        rungs,
        tuple(problems),
        rows,
    )


def _linked(users: Iterable[Resource], live: Iterable[Resource]) -> Mapping[Address, str]:
    """The Id of the contact that the org has for the user of a declared contact."""
    contacts = {r.address: r.written.get("ContactId") for r in live}
    return {
        contact.to: str(id_)
        for user in users
        if isinstance(contact := user.written.get("ContactId"), Ref)
        and (id_ := contacts.get(user.address))
    }


def _first_round(by_kind: Mapping[Any, Sequence[Resource]]) -> list[Query]:
    queries: list[Query] = [ORGANIZATION]
    describes = {s for kind, mine in by_kind.items() for s in kind.describes(mine)}
    queries += [Describe(s) for s in sorted(describes)]
    named = {kind.name for kind, mine in by_kind.items() if mine}
    if named & {"profile", "portal", "user"}:
        queries += [LICENCES, PROFILES]
    if types := _LISTED.keys() & named:
        queries += [ListMetadata(tuple(sorted({t for name in types for t in _LISTED[name]})))]
    if named - {"account", "contact"}:
        queries += [SWITCHES]
    if "user" in named and any("OwnerId" not in r.written for r in _accounts(by_kind)):
        # Whoever is logged in will own them, and must have a role.
        queries += [Me()]
    queries += [q for kind, mine in by_kind.items() for q in kind.first(mine)]
    return queries


def _accounts(by_kind: Mapping[Any, Sequence[Resource]]) -> Iterable[Resource]:
    return (r for mine in by_kind.values() for r in mine if r.address.kind == "account")


def _enabling(by_kind: Mapping[Any, Sequence[Resource]], facts: Facts) -> Address | None:
    """The settings resource, when it asks for the portal and the org has it off."""
    settings = (r for mine in by_kind.values() for r in mine if r.address == _PORTAL_SETTINGS)
    wanted = next(settings, None)
    if wanted is None or wanted.written.get(PORTAL_SWITCH) is not True:
        return None
    components = facts.metadata(SWITCHES.type, SWITCHES.full_names).values()
    # An absent element means false. (platform reference 1.1)
    on = any(flat(xml).get(PORTAL_SWITCH) is True for xml in components)
    return None if on else wanted.address


def _lookups(wanted: Iterable[Resource], facts: Facts) -> tuple[Lookup, ...]:
    """Every lookup of the specs, those of plain fields with the object they look in."""
    found: set[Lookup] = set()
    for resource in wanted:
        found |= set(BY_NAME[resource.address.kind].lookups(resource, facts))
    return tuple(sorted(found))


def _to_describe(lookups: Iterable[Lookup], facts: Facts) -> list[Query]:
    """The objects whose field names a `{find: ...}` gives and that are not known yet."""
    named = {
        found.sobject
        for found in lookups
        if found.sobject != "Profile" and {n for n, _ in found.where} - _EVERYWHERE
    }
    return [Describe(s) for s in sorted(named) if facts.describe(s) is None]


def _lookup_queries(lookups: Iterable[Lookup]) -> list[Query]:
    """One query for each object and key field, whatever the number of lookups."""
    values: dict[tuple[str, str], set[str]] = {}
    fields: dict[tuple[str, str], set[str]] = {}
    for lookup in lookups:
        if lookup.sobject == "Profile":
            continue
        key = (lookup.sobject, lookup.where[0][0])
        values.setdefault(key, set()).add(str(lookup.where[0][1]))
        fields.setdefault(key, set()).update(name for name, _ in lookup.where)
    return [
        _lookup_query(sobject, key, fields[sobject, key], values[sobject, key])
        for sobject, key in sorted(values)
    ]


def _lookup_query(sobject: str, key: str, fields: set[str], values: set[str]) -> Select:
    named = sorted({*fields, "Name", *_ALSO.get(sobject, ())})
    return Select(sobject, ("Id", *named), ((key, tuple(sorted(values))),))


def _found(
    lookups: Iterable[Lookup], asked: Iterable[Query], facts: Facts
) -> Mapping[Lookup, tuple[Mapping[str, Any], ...]]:
    """The rows that each lookup means, found by their key field in one pass over the answers."""
    rows: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for query in asked:
        assert isinstance(query, Select)
        ((key, _),) = query.any_of
        for row in facts.answer(query):
            rows.setdefault((query.sobject, key, _plain(row.get(key))), []).append(row)
    return {lookup: _meant(lookup, rows, facts) for lookup in lookups}


def _meant(
    lookup: Lookup, rows: Mapping[tuple[str, str, str], list[Mapping[str, Any]]], facts: Facts
) -> tuple[Mapping[str, Any], ...]:
    key, value = lookup.where[0]
    if lookup.sobject == "Profile":
        # A profile is known by either of its names.
        return tuple({"Id": p.id, "Name": p.name} for p in facts.profiles_named(str(value)))
    candidates = rows.get((lookup.sobject, key, _plain(value)), [])
    return tuple(r for r in candidates if all(_same(r.get(n), v) for n, v in lookup.where))


def _same(found: Any, wanted: Any) -> bool:
    return _plain(found) == _plain(wanted)


def _plain(value: Any) -> str:
    return str(value).strip().casefold()


def _readable(
    live: Sequence[Resource], ids: Mapping[Address, str], facts: Facts
) -> Iterable[Resource]:
    """The same live resources, with the Ids that the specs have a name for shown by it."""
    names = _Names(live, ids, facts)
    for resource in live:
        yield with_fields(resource, resource.fields, _Readable(resource.written, names))


class _Names:
    """What people call an Id. Collected when the first one is shown: most plans show few."""

    def __init__(self, live: Sequence[Resource], ids: Mapping[Address, str], facts: Facts) -> None:
        self._live = live
        self._ids = ids
        self._facts = facts

    def of(self, value: Value) -> Value:
        """The name of an Id, or any other value as it is."""
        return self._all.get(value, value) if isinstance(value, str) else value

    @cached_property
    def _all(self) -> Mapping[Value, Value]:
        facts = self._facts
        names: dict[Value, Value] = {p.id: facts.called(p) for p in facts.profiles}
        lookups = self._facts.lookups.items()
        names |= {rows[0]["Id"]: lookup for lookup, rows in lookups if len(rows) == 1}
        names |= {id_: Ref(address) for address, id_ in self._ids.items()}
        for resource in self._live:
            # An owner that no spec names was read with its record.
            owner = resource.written.get("Owner.Username")
            if owner is not None:
                names.setdefault(resource.written.get("OwnerId"), owner)
        return names


class _Readable(Mapping[str, Value]):
    """Fields as they were read, Ids shown by their names."""

    __slots__ = ("_fields", "_names")

    def __init__(self, fields: Mapping[str, Value], names: _Names) -> None:
        self._fields = fields
        self._names = names

    def __getitem__(self, name: str) -> Value:
        return self._names.of(self._fields[name])

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


def _ask(org: Org, queries: Iterable[Query], known: Mapping[Query, Any]) -> Mapping[Query, Any]:
    new = [q for q in dict.fromkeys(queries) if q not in known]
    return {**known, **dict(zip(new, org.read(new), strict=True))}
