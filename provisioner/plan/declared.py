"""Lookups that match a resource of the spec, which may not exist in the org yet. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from provisioner.kinds.base import Kind
from provisioner.kinds.org_facts import OrgFacts
from provisioner.kinds.record import RecordKind, targeted, with_fields
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.resource import Address, Lookup, Ref, Resource, Value


@dataclass(frozen=True, slots=True)
class DeclaredMatch:
    """A field whose lookup matches these resources of the spec, at least one."""

    resource: Resource
    field: str
    lookup: Lookup
    declared: tuple[Resource, ...]


def matches(
    by_kind: Mapping[Kind, Sequence[Resource]], facts: OrgFacts
) -> tuple[DeclaredMatch, ...]:
    """Every lookup that resources of the spec match; those to be removed match none."""
    spec = _Declared(by_kind)
    matching: dict[Lookup, tuple[Resource, ...]] = {}
    result: list[DeclaredMatch] = []
    for kind, mine in by_kind.items():
        if not isinstance(kind, RecordKind):
            continue
        info = facts.describe(kind.sobject) or {}
        for resource in mine:
            for name, value in resource.written.items():
                if type(value) is not Lookup:
                    continue
                lookup = targeted(value, info.get(name), facts)
                if lookup not in matching:
                    matching[lookup] = spec.matching(lookup)
                if declared := matching[lookup]:
                    result.append(DeclaredMatch(resource, name, lookup, declared))
    return tuple(result)


def resolved(resources: Iterable[Resource], matches: Iterable[DeclaredMatch]) -> list[Resource]:
    """The resources with a reference in place of each lookup that matches in the spec."""
    refs: dict[Address, dict[str, Value]] = {}
    for match in matches:
        address = match.declared[0].address
        refs.setdefault(match.resource.address, {})[match.field] = Ref(address)
    return [
        with_fields(r, {**r.fields, **new}, {**r.written, **new})
        if (new := refs.get(r.address))
        else r
        for r in resources
    ]


def ambiguous(
    matches: Iterable[DeclaredMatch], facts: OrgFacts, ids: Mapping[Address, str]
) -> Iterator[Diagnostic]:
    """The lookups that match more than one resource, those of the spec and of the org together."""
    for match in matches:
        own_ids = {ids.get(resource.address) for resource in match.declared}
        others = [row for row in facts.lookups[match.lookup] if row["Id"] not in own_ids]
        count = len(match.declared) + len(others)
        if count > 1:
            yield Diagnostic(
                "ambiguous-reference",
                f"`{match.field}` could be any of {count} records: {match.lookup}",
                match.resource.span(match.field),
                help="use `{find: {...}}` with a field that only one of them has",
                notes=(
                    *(f"`{r.address}` of the spec, at {r.span()}" for r in match.declared),
                    *sorted(f"{r['Id']}  {r.get('Name') or ''}".rstrip() for r in others),
                ),
            )


def same(value: object, other: object) -> bool:
    """Whether two values are equal as SOQL compares text."""
    return plain(value) == plain(other)


def plain(value: object) -> str:
    """A value in the form in which lookups compare it."""
    return str(value).strip().casefold()


_Entry = tuple[Resource, Mapping[str, Value]]
_Index = dict[str, list[_Entry]]


class _Declared:
    """The resources of a spec by the values of the fields that lookups use first."""

    def __init__(self, by_kind: Mapping[Kind, Sequence[Resource]]) -> None:
        self._by_sobject: dict[str, list[_Entry]] = {}
        for kind, mine in by_kind.items():
            if kind.sobject:
                kept = ((r, kind.lookup_values(r)) for r in mine if not r.remove)
                self._by_sobject[kind.sobject] = [(r, values) for r, values in kept if values]
        self._indexes: dict[tuple[str, str], _Index] = {}

    def matching(self, lookup: Lookup) -> tuple[Resource, ...]:
        """The resources that have all values of a lookup."""
        (first, value), *_ = lookup.where
        candidates = self._index(lookup.sobject, first).get(plain(value), ())
        return tuple(
            resource
            for resource, values in candidates
            if all(same(values.get(field), sought) for field, sought in lookup.where)
        )

    def _index(self, sobject: str, name: str) -> _Index:
        if (sobject, name) not in self._indexes:
            index: _Index = {}
            for resource, values in self._by_sobject.get(sobject, ()):
                if values.get(name) is not None:
                    index.setdefault(plain(values[name]), []).append((resource, values))
            self._indexes[sobject, name] = index
        return self._indexes[sobject, name]
