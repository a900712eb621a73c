"""Read what an org has of the resources of the specs, in a few rounds of bulk reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from provisioner.kinds import BY_NAME, BY_SOBJECT, IN_MATCHING_ORDER, KINDS
from provisioner.kinds.base import FindDesired, Kind, NamedQueries
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
from provisioner.kinds.settings import enabling_step, sites_enabling_step
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

# The key fields of references; every object that a reference can refer to has its own.
_EVERYWHERE = frozenset({"Name", "Username"})


@dataclass(frozen=True, slots=True)
class Reading:
    """Both states in the form in which they are compared, and the facts about the org."""

    desired: DesiredState
    live: LiveState
    facts: OrgFacts
    matched_by: Mapping[Address, str]
    problems: tuple[Diagnostic, ...]


def read(desired: Sequence[Resource], identity: Mapping[str, str], org: Org) -> Reading:
    """Read what the org has of `desired`, in at most four rounds of reads.

    Raises OrgError. Two records that cannot be told apart are a problem of the reading, not an
    exception.
    """
    by_kind = _by_kind(desired)
    start = OrgFacts(QueryAnswers(), identity=identity)
    facts = _first_round(by_kind, _shared_queries(by_kind), start, org)
    facts = replace(
        facts,
        enabling_step=enabling_step(desired, facts),
        sites_enabling_step=sites_enabling_step(desired, facts),
    )
    lookups = _lookups(desired, facts)
    facts = ask({}, _to_describe(lookups, facts), facts, org)
    matches = declared.matches(by_kind, facts)
    by_kind = {kind: declared.resolved(mine, matches) for kind, mine in by_kind.items()}
    desired_of = {r.address: r for mine in by_kind.values() for r in mine}.get
    searches = _lookup_queries((n for n in lookups if not facts.unknown_names(n)), facts)
    running_user = {"running user": _about_the_running_user(facts)}
    facts = _second_round(by_kind, facts, desired_of, org, searches, running_user)
    facts = replace(facts, lookups=_matching_rows(lookups, searches, facts))

    looked_up = {(match.resource.address, match.field) for match in matches}
    ids: dict[Address, str] = {}
    live: list[Resource] = []
    matched_by: dict[Address, str] = {}
    problems: list[Diagnostic] = []
    for kind in (kind for kind in IN_MATCHING_ORDER if kind in by_kind):
        mine = by_kind[kind]
        if final := kind.final_queries(mine, facts, ids):
            facts = ask({kind.name: final}, (), facts, org)
        of_kind = kind.read_live(mine, facts, ids, desired_of)
        facts = kind.facts_from_live(mine, of_kind.resources, looked_up, facts)
        live += of_kind.resources
        ids |= {r.address: r.id for r in of_kind.resources if r.id}
        matched_by |= of_kind.matched_by
        problems += of_kind.problems
    problems += declared.ambiguous(matches, facts, ids)
    resolved = (
        kind.resolve(r, facts, ids, desired_of) for kind, mine in by_kind.items() for r in mine
    )
    return Reading(
        DesiredState(resolved),
        LiveState(_readable(live, ids, facts)),
        facts,
        matched_by,
        tuple(problems),
    )


def read_again(
    addresses: Sequence[Address],
    reading: Reading,
    ids: Mapping[Address, str],
    org: Org,
    *,
    lists: bool = False,
) -> dict[Address, tuple[Resource, Resource | None]]:
    """Read the org again for these resources: each as it is desired, and as it is now.

    `ids` are those of `reading`, and of what was created since. `lists` asks for the names, Ids
    and last changes of components too. Raises OrgError.
    """
    by_kind = _by_kind([reading.desired[address] for address in addresses])
    desired_of = reading.desired.get
    shared: list[Query[object]] = []
    if lists and (types := sorted(filter(None, (kind.own_listed_type() for kind in by_kind)))):
        shared = [ListMetadata(tuple(types)), PROFILES]
    facts = _first_round(by_kind, shared, replace(reading.facts, answers={}), org)
    facts = _second_round(by_kind, facts, desired_of, org)
    both: dict[Address, tuple[Resource, Resource | None]] = {}
    for kind, mine in by_kind.items():
        live = {r.address: r for r in kind.read_live(mine, facts, ids, desired_of).resources}
        for resource in mine:
            now = live.get(resource.address)
            # A resource that does not exist has nothing to be compared with.
            resolved = kind.resolve(resource, facts, ids, desired_of) if now else resource
            both[resource.address] = resolved, now
    return both


ByKind = Mapping[Kind, Sequence[Resource]]


def _by_kind(desired: Iterable[Resource]) -> dict[Kind, list[Resource]]:
    by_name: dict[str, list[Resource]] = {}
    for resource in desired:
        by_name.setdefault(resource.address.kind, []).append(resource)
    return {kind: by_name[kind.name] for kind in KINDS if kind.name in by_name}


def _first_round(
    by_kind: ByKind, shared: Iterable[Query[object]], facts: OrgFacts, org: Org
) -> OrgFacts:
    queries = {kind.name: kind.initial_queries(mine) for kind, mine in by_kind.items()}
    return ask(queries, shared, facts, org)


def _second_round(
    by_kind: ByKind,
    facts: OrgFacts,
    desired_of: FindDesired,
    org: Org,
    shared: Iterable[Query[object]] = (),
    more: Mapping[str, NamedQueries] | None = None,
) -> OrgFacts:
    queries = {
        kind.name: kind.followup_queries(mine, facts, desired_of) for kind, mine in by_kind.items()
    }
    return ask({**queries, **(more or {})}, shared, facts, org)


def ask(
    questions: Mapping[str, NamedQueries],
    shared: Iterable[Query[object]],
    facts: OrgFacts,
    org: Org,
) -> OrgFacts:
    """The facts with the answers to one round of the queries of all kinds, and to `shared`.

    All queries are read together, each once. Raises OrgError.
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


def _shared_queries(by_kind: ByKind) -> list[Query[object]]:
    """The queries that are sent once for all kinds."""
    describes = {s for kind, mine in by_kind.items() for s in kind.described_objects(mine)}
    setup = any(kind.needs_setup_facts for kind in by_kind)
    if setup:
        describes |= {"PermissionSet", "PermissionSetAssignment"}
    queries: list[Query[object]] = [
        ORGANIZATION,
        LICENCES,
        PROFILES,
        *map(Describe, sorted(describes)),
        RunningUsername(),
    ]
    if types := {type_ for kind in by_kind for type_ in kind.listed_types}:
        queries.append(ListMetadata(tuple(sorted(types))))
    if setup:
        queries.append(SWITCHES)
    return queries


def _about_the_running_user(facts: OrgFacts) -> NamedQueries:
    """The queries for the running user, and for the permissions that steps may need."""
    username = facts.shared[RunningUsername()]
    if not username:
        return {"user": None, "rights": None}
    needed = (Describe("PermissionSet"), Describe("PermissionSetAssignment"))
    if not all(facts.asked(query) and facts.shared[query] for query in needed):
        return {"user": user_by_username(username), "rights": None}
    # Some permissions are part of an org only once it has their feature.
    fields = facts.describe("PermissionSet") or {}
    names = [name for name in PERMISSIONS if f"Permissions{name}" in fields]
    return {"user": None, "rights": rights_of(username, names)}


def _lookups(desired: Iterable[Resource], facts: OrgFacts) -> tuple[Lookup, ...]:
    """Every lookup of the specs, each with the object in which it looks."""
    lookups: set[Lookup] = set()
    for resource in desired:
        lookups.update(BY_NAME[resource.address.kind].lookups(resource, facts))
    return tuple(sorted(lookups))


def _to_describe(lookups: Iterable[Lookup], facts: OrgFacts) -> list[Query[object]]:
    """The describes of the objects in which a `{find: ...}` looks, if not read yet."""
    named = {
        lookup.sobject
        for lookup in lookups
        if _rows_in_facts(lookup, facts) is None and {n for n, _ in lookup.where} - _EVERYWHERE
    }
    return [Describe(s) for s in sorted(named) if not facts.asked(Describe(s))]


def _lookup_queries(lookups: Iterable[Lookup], facts: OrgFacts) -> list[Query[object]]:
    """One query for each object and key field, whatever the number of lookups."""
    values: dict[tuple[str, str], set[str]] = {}
    fields: dict[tuple[str, str], set[str]] = {}
    for lookup in lookups:
        if _rows_in_facts(lookup, facts) is not None:
            continue
        key = (lookup.sobject, lookup.where[0][0])
        values.setdefault(key, set()).add(str(lookup.where[0][1]))
        fields.setdefault(key, set()).update(name for name, _ in lookup.where)
    return [
        _lookup_query(sobject, key, fields[sobject, key], values[sobject, key])
        for sobject, key in sorted(values)
    ]


def _lookup_query(sobject: str, key: str, fields: set[str], values: set[str]) -> Select:
    kind = BY_SOBJECT.get(sobject)
    named = sorted({*fields, "Name", *(kind.lookup_fields if kind else ())})
    return Select(sobject, ("Id", *named), ((key, tuple(sorted(values))),))


def _matching_rows(
    lookups: Iterable[Lookup], asked: Iterable[Query[object]], facts: OrgFacts
) -> Mapping[Lookup, tuple[Row, ...]]:
    """The rows that each lookup matches, in one pass over the answers."""
    rows: dict[tuple[str, str, str], list[Row]] = {}
    for query in asked:
        assert isinstance(query, Select)
        ((key, _),) = query.any_of
        for row in facts.shared[query]:
            rows.setdefault((query.sobject, key, plain(row.get(key))), []).append(row)
    return {lookup: _rows_of(lookup, rows, facts) for lookup in lookups}


def _rows_of(
    lookup: Lookup, rows: Mapping[tuple[str, str, str], list[Row]], facts: OrgFacts
) -> tuple[Row, ...]:
    key, value = lookup.where[0]
    in_facts = _rows_in_facts(lookup, facts)
    if in_facts is not None:
        return in_facts
    candidates = rows.get((lookup.sobject, key, plain(value)), [])
    return tuple(r for r in candidates if all(same(r.get(n), v) for n, v in lookup.where))


def _rows_in_facts(lookup: Lookup, facts: OrgFacts) -> tuple[Row, ...] | None:
    kind = BY_SOBJECT.get(lookup.sobject)
    return kind.rows_in_facts(lookup, facts) if kind else None


def _readable(
    live: Sequence[Resource], ids: Mapping[Address, str], facts: OrgFacts
) -> Iterable[Resource]:
    """The live resources, which show an Id by its name if there is one."""
    names = _Names(live, ids, facts)
    for resource in live:
        yield with_fields(resource, resource.fields, _Readable(resource.written, names))


class _Names:
    """The names of Ids. Collected when the first one is shown: most plans show few."""

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
