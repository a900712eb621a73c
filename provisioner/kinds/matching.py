"""Match resources of a spec with records of the org, best key first, never by a guess."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provisioner.model.diagnostics import Diagnostic
from provisioner.model.resource import Address, Resource

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Matcher:
    """One key that identifies a record: a resource and a row match if their keys are equal.

    A key is `None` if the resource or the row has no value for it; `None` matches nothing.
    """

    name: str
    key_of_resource: Callable[[Resource], Hashable | None]
    key_of_row: Callable[[Row], Hashable | None]


@dataclass(frozen=True, slots=True)
class Match:
    """The row that matches a resource, and the name of the matcher that matched it."""

    row: Row
    matched_by: str


def pair(
    desired: Sequence[Resource], rows: Iterable[Row], matchers: Sequence[Matcher]
) -> tuple[Mapping[Address, Match], tuple[Diagnostic, ...]]:
    """Return the row of each resource that has one, by the first matcher that matches any.

    Each matcher is used for all resources before the next one, so a worse key never takes a row
    that a better key matches with another resource. If a resource matches two rows, or two
    resources match one row, the result is a diagnostic at the resource, and no match.
    """
    unmatched_rows = {row["Id"]: row for row in rows}
    unmatched = {r.address: r for r in desired}
    matches: dict[Address, Match] = {}
    problems: list[Diagnostic] = []
    for matcher in matchers:
        by_key = _index(unmatched_rows.values(), matcher.key_of_row)
        claims: dict[str, Address] = {}
        for address, resource in list(unmatched.items()):
            key = matcher.key_of_resource(resource)
            candidates = by_key.get(key, []) if key is not None else []
            if not candidates:
                continue
            del unmatched[address]
            if len(candidates) > 1:
                problems.append(_ambiguous(resource, matcher, candidates))
                continue
            (row,) = candidates
            if row["Id"] in claims:
                problems.append(_claimed(resource, row, claims[row["Id"]]))
                continue
            claims[row["Id"]] = address
            matches[address] = Match(row, matcher.name)
        for id_ in claims:
            del unmatched_rows[id_]
    return matches, tuple(problems)


def _index(
    rows: Iterable[Row], key: Callable[[Row], Hashable | None]
) -> Mapping[Hashable, list[Row]]:
    index: dict[Hashable, list[Row]] = {}
    for row in rows:
        if (value := key(row)) is not None:
            index.setdefault(value, []).append(row)
    return index


def _ambiguous(resource: Resource, matcher: Matcher, candidates: Sequence[Row]) -> Diagnostic:
    oldest_first = by_age(candidates)
    return Diagnostic(
        "ambiguous-record",
        f"{len(candidates)} records could be `{resource.address}`, by {matcher.name}",
        resource.span(),
        help=sent_twice(f"the newest, {oldest_first[-1]['Id']}"),
        notes=tuple(map(described, oldest_first)),
    )


def by_age(rows: Iterable[Row]) -> list[Row]:
    """The rows, the oldest first."""
    return sorted(rows, key=lambda row: (str(row.get("CreatedDate") or ""), row["Id"]))


def sent_twice(duplicate: str) -> str:
    """What to do about two records of which one is probably a duplicate."""
    return (
        "they may come from a request that was sent twice: check which of them is in use, "
        f"then merge them in Salesforce or delete {duplicate}. An external id field "
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
