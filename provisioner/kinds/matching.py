"""The matching ladder: pair what is wanted with what was found, never by a guess."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provisioner.model.diagnostics import Diagnostic
from provisioner.model.resource import Address, Resource

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to know a record: `key` is the form in which two values are the same.

    `key` gives `None` where a row has nothing to be known by.
    """

    name: str
    wanted: Callable[[Resource], Hashable | None]
    found: Callable[[Row], Hashable | None]


@dataclass(frozen=True, slots=True)
class Match:
    """The row that is a resource, and the rung that says so."""

    row: Row
    rung: str


def pair(
    wanted: Sequence[Resource], rows: Iterable[Row], ladder: Sequence[Rung]
) -> tuple[Mapping[Address, Match], tuple[Diagnostic, ...]]:
    """The row of each resource that has one, by the first rung that finds any.

    The ladder is climbed rung by rung for all resources together, so that a row known by
    a better rung is never taken for another resource by a worse one. Two candidates, or
    two resources for one row, are a diagnostic at the resource, and nothing is paired.
    """
    left = {row["Id"]: row for row in rows}
    open_ = {r.address: r for r in wanted}
    matches: dict[Address, Match] = {}
    problems: list[Diagnostic] = []
    for rung in ladder:
        by_key = _index(left.values(), rung.found)
        claims: dict[str, Address] = {}
        for address, resource in list(open_.items()):
            key = rung.wanted(resource)
            candidates = by_key.get(key, []) if key is not None else []
            if not candidates:
                continue
            del open_[address]
            if len(candidates) > 1:
                problems.append(_ambiguous(resource, rung, candidates))
                continue
            (row,) = candidates
            if row["Id"] in claims:
                problems.append(_claimed(resource, row, claims[row["Id"]]))
                continue
            claims[row["Id"]] = address
            matches[address] = Match(row, rung.name)
        for id_ in claims:
            del left[id_]
    return matches, tuple(problems)


def _index(
    rows: Iterable[Row], key: Callable[[Row], Hashable | None]
) -> Mapping[Hashable, list[Row]]:
    index: dict[Hashable, list[Row]] = {}
    for row in rows:
        if (value := key(row)) is not None:
            index.setdefault(value, []).append(row)
    return index


def _ambiguous(resource: Resource, rung: Rung, candidates: Sequence[Row]) -> Diagnostic:
    oldest_first = by_age(candidates)
    return Diagnostic(
        "ambiguous-record",
        f"{len(candidates)} records could be `{resource.address}`, by {rung.name}",
        resource.span(),
        help=sent_twice(f"the newest, {oldest_first[-1]['Id']}"),
        notes=tuple(map(described, oldest_first)),
    )


def by_age(rows: Iterable[Row]) -> list[Row]:
    """The rows, the oldest first."""
    return sorted(rows, key=lambda row: (str(row.get("CreatedDate") or ""), row["Id"]))


def sent_twice(superfluous: str) -> str:
    """What to do about two records of which one is probably superfluous."""
    return (
        "they may come from a request that was sent twice: check which of them is in use, "
        f"then merge them in Salesforce or delete {superfluous}. An external id field "
        "under `identity:` prevents this"
    )


def described(row: Row) -> str:
    """A record by its Id, its name and when it was created."""
    created = row.get("CreatedDate")
    text = f"{row['Id']}  {row.get('Name') or ''}".rstrip()
    return f"{text}  created {created}" if created else text


def _claimed(resource: Resource, row: Row, other: Address) -> Diagnostic:
    return Diagnostic(
        "same-record",
        f"`{resource.address}` and `{other}` are the same record, {row['Id']}",
        resource.span(),
        help="remove one of the two from the spec",
    )
