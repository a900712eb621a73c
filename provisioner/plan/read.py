"""Read an org for what the specs name, in a few rounds of bulk reads, never one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from provisioner.kinds import BY_NAME, IN_MATCHING_ORDER, KINDS
from provisioner.kinds.base import Kind, NamedQueries
from provisioner.kinds.org_facts import (
    LICENCES,
    ORGANIZATION,
    PERMISSIONS,
    PROFILES,
    SWITCHES,
    OrgFacts,
    rights_of,
    user_by_username,
)
from provisioner.kinds.record import with_fields
from provisioner.kinds.settings import PORTAL_SWITCH, SITES_SWITCH, portal_is_on
from provisioner.kinds.xml import flat
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.operations import (
    Describe,
    ListMetadata,
    Query,
    QueryAnswers,
    Row,
    RunningUsername,
    Select,
)
from provisioner.model.resource import (
    Address,
    DesiredState,
    LiveState,
    Lookup,
    Ref,
    Resource,
    Value,
)
from provisioner.org.client import Org
from provisioner.plan import declared
from provisioner.plan.declared import plain, same

_PORTAL_SETTINGS = Address("settings", "OrgSettings")
_SITES_SETTINGS = Address("settings", "CommunitiesSettings")
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
    """Both states in the form in which they are compared, and what was learned on the way."""

    desired: DesiredState
    live: LiveState
    facts: OrgFacts
    matched_by: Mapping[Address, str]
    problems: tuple[Diagnostic, ...]


def read(wanted: Sequence[Resource], identity: Mapping[str, str], org: Org) -> Reading:
    """What the org holds of `wanted`, in at most four rounds of reads.

    Raises OrgError. A record that can not be told from another is a problem of the
    reading, not an exception.
    """
    by_name: dict[str, list[Resource]] = {}
    for resource in wanted:
        by_name.setdefault(resource.address.kind, []).append(resource)
    by_kind = {kind: by_name[kind.name] for kind in KINDS if kind.name in by_name}
    first = {kind.name: kind.initial_queries(mine) for kind, mine in by_kind.items()}
    facts = ask(first, _shared(by_kind), OrgFacts(QueryAnswers(), identity=identity), org)
    facts = replace(
        facts,
        enabling_step=_enabling(by_kind, facts),
        sites_enabling_step=_enabling_sites(by_kind, facts),
    )
    lookups = _lookups(wanted, facts)
    facts = ask({}, _to_describe(lookups, facts), facts, org)
    matches = declared.matches(by_kind, facts)
    by_kind = {kind: declared.resolved(mine, matches) for kind, mine in by_kind.items()}
    desired_of = {r.address: r for mine in by_kind.values() for r in mine}.get
    second = {
        kind.name: kind.followup_queries(mine, facts, desired_of) for kind, mine in by_kind.items()
    }
    searches = _lookup_queries(lookup for lookup in lookups if not facts.unknown_names(lookup))
    second["running user"] = _about_the_running_user(facts)
    facts = ask(second, searches, facts, org)
    facts = replace(facts, lookups=_found(lookups, searches, facts))

    ids: dict[Address, str] = {}
    live: list[Resource] = []
    matched_by: dict[Address, str] = {}
    problems: list[Diagnostic] = []
    for kind in (kind for kind in IN_MATCHING_ORDER if kind in by_kind):
        mine = by_kind[kind]
        if third := kind.final_queries(mine, facts, ids):
            facts = ask({kind.name: third}, (), facts, org)
        found = kind.read_live(mine, facts, ids, desired_of)
        if kind.name == "user":
            # A `{find: ...}` says by its values which contact it is, and not by the user.
            finds = {m.resource.address for m in matches if m.field == "ContactId"}
            named = (user for user in mine if user.address not in finds)
            facts = replace(facts, linked_contacts=_linked(named, found.resources))
        live += found.resources
        ids |= {r.address: r.id for r in found.resources if r.id}
        matched_by |= found.matched_by
        problems += found.problems
    problems += declared.ambiguous(matches, facts, ids)
    desired = (
        kind.resolve(r, facts, ids, desired_of) for kind, mine in by_kind.items() for r in mine
    )
    return Reading(
        DesiredState(desired),
        LiveState(_readable(live, ids, facts)),
        facts,
        matched_by,
        tuple(problems),
    )


def ask(
    questions: Mapping[str, NamedQueries],
    shared: Iterable[Query[object]],
    facts: OrgFacts,
    org: Org,
) -> OrgFacts:
    """The facts with the answers to one phase of every kind's questions, and to `shared`.

    All of them are read together, each query once. Raises OrgError.
    """
    named = {kind: dict(asked) for kind, asked in questions.items()}
    queries = dict.fromkeys((*shared, *(q for asked in named.values() for q in _queries(asked))))
    answers = org.read_all(queries)
    return replace(
        facts,
        shared=QueryAnswers({**facts.shared, **{query: answers[query] for query in shared}}),
        answers={
            **facts.answers,
            **{
                kind: {**facts.answers.get(kind, {}), **dict(_answered(asked, answers))}
                for kind, asked in named.items()
            },
        },
    )


def _queries(questions: NamedQueries) -> Iterator[Query[object]]:
    for question in questions.values():
        if isinstance(question, Mapping):
            yield from question.values()
        elif question is not None:
            yield question


def _answered(questions: NamedQueries, answers: QueryAnswers) -> Iterator[tuple[str, Any]]:
    for name, question in questions.items():
        match question:
            case None:
                yield name, None
            case Mapping():
                yield name, {key: answers[query] for key, query in question.items()}
            case query:
                yield name, answers[query]


def _linked(users: Iterable[Resource], live: Iterable[Resource]) -> Mapping[Address, str]:
    """The Id of the contact that the org has for the user of a declared contact."""
    contacts = {r.address: r.written.get("ContactId") for r in live}
    return {
        contact.to: str(id_)
        for user in users
        if isinstance(contact := user.written.get("ContactId"), Ref)
        and (id_ := contacts.get(user.address))
    }


def _shared(by_kind: Mapping[Kind, Sequence[Resource]]) -> list[Query[object]]:
    """What is asked once for all kinds."""
    describes = {s for kind, mine in by_kind.items() for s in kind.described_objects(mine)}
    named = {kind.name for kind in by_kind}
    if named - {"account", "contact"}:
        describes |= {"PermissionSet", "PermissionSetAssignment"}
    queries: list[Query[object]] = [
        ORGANIZATION,
        LICENCES,
        PROFILES,
        *map(Describe, sorted(describes)),
    ]
    queries.append(RunningUsername())
    if types := {type_ for kind in by_kind for type_ in kind.lists}:
        queries.append(ListMetadata(tuple(sorted(types))))
    if named - {"account", "contact"}:
        queries.append(SWITCHES)
    return queries


def _about_the_running_user(facts: OrgFacts) -> NamedQueries:
    """Who that is, and what it may do where a step may need more than access to records."""
    username = facts.shared[RunningUsername()]
    if not username:
        return {"user": None, "rights": None}
    needed = (Describe("PermissionSet"), Describe("PermissionSetAssignment"))
    if not all(facts.asked(query) and facts.shared[query] for query in needed):
        return {"user": user_by_username(username), "rights": None}
    # Some permissions are part of an org only once it has their feature.
    known = facts.describe("PermissionSet") or {}
    names = [name for name in PERMISSIONS if f"Permissions{name}" in known]
    return {"user": None, "rights": rights_of(username, names)}


def _enabling(by_kind: Mapping[Kind, Sequence[Resource]], facts: OrgFacts) -> Address | None:
    """The settings resource, when it asks for the portal and the org has it off."""
    settings = (r for mine in by_kind.values() for r in mine if r.address == _PORTAL_SETTINGS)
    wanted = next(settings, None)
    if wanted is None or wanted.written.get(PORTAL_SWITCH) is not True:
        return None
    return None if portal_is_on(facts) else wanted.address


def _enabling_sites(by_kind: Mapping[Kind, Sequence[Resource]], facts: OrgFacts) -> Address | None:
    """The settings resource, if it asks for Digital Experiences and the org has them off."""
    settings = (r for mine in by_kind.values() for r in mine if r.address == _SITES_SETTINGS)
    wanted = next(settings, None)
    if wanted is None or wanted.written.get(SITES_SWITCH) is not True:
        return None
    components = facts.answers["settings"]["components"][_SITES_SETTINGS.name].values()
    on = any(flat(xml).get(SITES_SWITCH) is True for xml in components)
    return None if on else wanted.address


def _lookups(wanted: Iterable[Resource], facts: OrgFacts) -> tuple[Lookup, ...]:
    """Every lookup of the specs, those of plain fields with the object they look in."""
    found: set[Lookup] = set()
    for resource in wanted:
        found |= set(BY_NAME[resource.address.kind].lookups(resource, facts))
    return tuple(sorted(found))


def _to_describe(lookups: Iterable[Lookup], facts: OrgFacts) -> list[Query[object]]:
    """The objects whose field names a `{find: ...}` gives and that are not known yet."""
    named = {
        found.sobject
        for found in lookups
        if found.sobject != "Profile" and {n for n, _ in found.where} - _EVERYWHERE
    }
    return [Describe(s) for s in sorted(named) if not facts.asked(Describe(s))]


def _lookup_queries(lookups: Iterable[Lookup]) -> list[Query[object]]:
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
    lookups: Iterable[Lookup], asked: Iterable[Query[object]], facts: OrgFacts
) -> Mapping[Lookup, tuple[Row, ...]]:
    """The rows that each lookup means, found by their key field in one pass over the answers."""
    rows: dict[tuple[str, str, str], list[Row]] = {}
    for query in asked:
        assert isinstance(query, Select)
        ((key, _),) = query.any_of
        for row in facts.shared[query]:
            rows.setdefault((query.sobject, key, plain(row.get(key))), []).append(row)
    return {lookup: _meant(lookup, rows, facts) for lookup in lookups}


def _meant(
    lookup: Lookup, rows: Mapping[tuple[str, str, str], list[Row]], facts: OrgFacts
) -> tuple[Row, ...]:
    key, value = lookup.where[0]
    if lookup.sobject == "Profile":
        # A profile is known by either of its names.
        return tuple({"Id": p.id, "Name": p.name} for p in facts.profiles_named(str(value)))
    candidates = rows.get((lookup.sobject, key, plain(value)), [])
    return tuple(r for r in candidates if all(same(r.get(n), v) for n, v in lookup.where))


def _readable(
    live: Sequence[Resource], ids: Mapping[Address, str], facts: OrgFacts
) -> Iterable[Resource]:
    """The same live resources, with the Ids that the specs have a name for shown by it."""
    names = _Names(live, ids, facts)
    for resource in live:
        yield with_fields(resource, resource.fields, _Readable(resource.written, names))


class _Names:
    """What people call an Id. Collected when the first one is shown: most plans show few."""

    def __init__(
        self, live: Sequence[Resource], ids: Mapping[Address, str], facts: OrgFacts
    ) -> None:
        self._live = live
        self._ids = ids
        self._facts = facts

    def of(self, value: Value) -> Value:
        """The name of an Id, or any other value as it is."""
        return self._all.get(value, value) if isinstance(value, str) else value

    @cached_property
    def _all(self) -> Mapping[Value, Value]:
        facts = self._facts
        names: dict[Value, Value] = {p.id: facts.unambiguous_name(p) for p in facts.profiles}
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
