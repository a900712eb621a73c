"""Merge the sections of all files into specs, and check what only all files together show.

Values that a schema rejects are skipped here, so that each problem is reported once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from provisioner.kinds import BY_NAME, KINDS, ROSTER_KINDS
from provisioner.kinds.record import RecordKind
from provisioner.model.diagnostics import Diagnostic, Span, in_order
from provisioner.model.resource import Address, Spec
from provisioner.spec import references
from provisioner.spec.document import Document
from provisioner.spec.yaml_reader import Path, Yaml

# Parts of a resource whose keys are Salesforce names, which are not case-sensitive.
_NAMED = ("fields", "objectPermissions", "fieldPermissions", "userPermissions", "layoutAssignments")


@dataclass(frozen=True, slots=True)
class Specs:
    """What all files declare, in address order, and its problems.

    `identity` maps an sObject to the external id field that its records are matched by.
    """

    specs: tuple[Spec, ...] = ()
    identity: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()


def identity(documents: Sequence[Document]) -> Mapping[str, str]:
    """The external id field that the records of each sObject are matched by: the first declared."""
    fields: dict[str, str] = {}
    for document in documents:
        for sobject, name, _ in _identity(document):
            fields.setdefault(sobject, name)
    for document in documents:
        for sobject, name, _ in _identity_of_rosters(document):
            fields.setdefault(sobject, name)
    return fields


def specs(
    documents: Sequence[Document],
    rows: Iterable[Spec] = (),
    *,
    flawed: frozenset[str] = frozenset(),
    complete: bool = True,
) -> Specs:
    """The resources of all documents. If a key is declared twice, the first one counts.

    `rows` are the resources of the rosters; rows of the `flawed` rosters may be missing.
    `complete` says that no file is missing from `documents`.
    """
    by_address: dict[Address, Spec] = {}
    problems: list[Diagnostic] = []
    for document in documents:
        for spec, keys in _of(document):
            first = by_address.setdefault(spec.address, spec)
            if first is spec:
                problems += _same_field(spec, keys)
            else:
                problems.append(_twice(spec.address.name, spec.span, first.span))
        for spec, keys in _of_rosters(document):
            problems += _same_field(spec, keys)
    problems += _unlike_identities(documents)
    # Rows are in the order of their files already, and finding their places takes time.
    placed = sorted(by_address.values(), key=lambda s: s.span)
    for row in rows:
        first = by_address.setdefault(row.address, row)
        if first is row:
            placed.append(row)
        else:
            problems.append(_twice(row.address.name, row.span, first.span))
    names = identity(documents)
    for spec in placed:
        problems += _both_forms(spec)
        problems += _unidentified(spec, names)
    problems += _same_record(placed, names)
    problems += _same_name(placed)
    by_kind: dict[str, list[Spec]] = {}
    for spec in placed:
        by_kind.setdefault(spec.address.kind, []).append(spec)
    for kind in KINDS:
        problems += kind.spec_problems(by_kind.get(kind.name, ()))
    problems += references.check(placed, flawed=flawed, complete=complete)
    all_ = tuple(by_address[address] for address in sorted(by_address))
    return Specs(all_, names, in_order(problems))


# ---------------------------------------------------------------- reading


def _of(document: Document) -> Iterator[tuple[Spec, Mapping[Path, Span]]]:
    """Every resource of a document, with the places of the keys in it."""
    values = _by_resource(document.values)
    keys = _by_resource(document.keys)
    for kind in KINDS:
        for key, data in _mapping(document.mapping.get(kind.section)).items():
            place = kind.section, key
            span = document.span(place, key=True)
            if span and isinstance(data, Mapping):
                yield Spec(kind.address(key), data, {**values[place], (): span}), keys[place]


def _of_rosters(document: Document) -> Iterator[tuple[Spec, Mapping[Path, Span]]]:
    """Every part of a roster, with the places of the keys in it, as if it were a resource."""
    for name, roster in _mapping(document.mapping.get("rosters")).items():
        for kind in ROSTER_KINDS:
            place = "rosters", name, kind.name
            span, data = document.span(place, key=True), _mapping(roster).get(kind.name)
            if span and isinstance(data, Mapping):
                keys = {p[3:]: s for p, s in document.keys.items() if p[:3] == place}
                yield Spec(kind.address(name), data, {(): span}), keys


def _by_resource(spans: Mapping[Path, Span]) -> Mapping[Path, dict[Path, Span]]:
    result: dict[Path, dict[Path, Span]] = defaultdict(dict)
    for path, span in spans.items():
        if len(path) > 2:
            result[path[:2]][path[2:]] = span
    return result


def _identity(document: Document) -> Iterator[tuple[str, str, Span]]:
    for sobject, name in _mapping(document.mapping.get("identity")).items():
        span = document.span(("identity", sobject), key=True)
        if span and isinstance(name, str):
            yield sobject, name, span


def _identity_of_rosters(document: Document) -> Iterator[tuple[str, str, Span]]:
    for roster, data in _mapping(document.mapping.get("rosters")).items():
        for sobject, name in _mapping(_mapping(data).get("identity")).items():
            span = document.span(("rosters", roster, "identity", sobject), key=True)
            if span and isinstance(name, str):
                yield sobject, name, span


def _unlike_identities(documents: Sequence[Document]) -> Iterator[Diagnostic]:
    """An identity that is declared twice, and one of a roster that differs from another."""
    named: dict[str, tuple[str, Span]] = {}
    for document in documents:
        for sobject, name, span in _identity(document):
            first, at = named.setdefault(sobject, (name, span))
            if at is not span:
                yield _twice(sobject, span, at)
    for document in documents:
        for sobject, name, span in _identity_of_rosters(document):
            first, at = named.setdefault(sobject, (name, span))
            if first != name:
                yield Diagnostic(
                    "two-identities",
                    f"the identity of {sobject} is `{name}` here, and `{first}` elsewhere",
                    span,
                    help="use the same external id field everywhere",
                    notes=(f"first declared at {at}",),
                )


def _mapping(value: object) -> Mapping[str, Yaml]:
    return value if isinstance(value, Mapping) else {}


def _twice(name: str, span: Span, first: Span) -> Diagnostic:
    return Diagnostic(
        "duplicate-key",
        f"`{name}` is declared twice",
        span,
        help="keep one of them, or give the other one another key",
        notes=(f"first declared at {first}",),
    )


# ---------------------------------------------------------------- one resource


def _same_field(spec: Spec, keys: Mapping[Path, Span]) -> Iterator[Diagnostic]:
    """The same name in upper and lower case, which is one name for Salesforce.

    The schema has each standard field of a record in one spelling only.
    """
    own = [name for name in spec.data if name.endswith("__c")]
    parts: list[tuple[Path, Iterable[str]]] = [((), own)]
    parts += [((part,), _mapping(spec.data.get(part))) for part in _NAMED]
    for path, names in parts:
        seen: dict[str, str] = {}
        for name in names:
            first = seen.setdefault(name.casefold(), name)
            if first != name:
                at = {key: keys.get((*path, key), spec.at(*path, key)) for key in (name, first)}
                yield Diagnostic(
                    "duplicate-field",
                    f"`{name}` and `{first}` are the same name for Salesforce",
                    at[name],
                    help="keep the one that is spelled as Salesforce spells it",
                    notes=(f"first declared at {at[first]}",),
                )


def _both_forms(spec: Spec) -> Iterator[Diagnostic]:
    for reference in BY_NAME[spec.address.kind].references:
        ours, api_name = reference.name, reference.api_name
        if api_name and ours in spec.data and api_name in spec.data:
            first, second = sorted((spec.at(ours), spec.at(api_name)))
            yield Diagnostic(
                "duplicate-field",
                f"`{ours}` and `{api_name}` set the same field",
                second,
                help=f"keep `{ours}`",
                notes=(f"first declared at {first}",),
            )


def _unidentified(spec: Spec, identity: Mapping[str, str]) -> Iterator[Diagnostic]:
    """A record that cannot be matched: every run would create it again."""
    kind = BY_NAME[spec.address.kind]
    if not isinstance(kind, RecordKind):
        return
    external = identity.get(kind.sobject)
    keys = [*kind.natural, external] if external else [*kind.natural]
    if "was" in spec.data or any(spec.data.get(key) for key in keys):
        return
    if kind.key_in_schema and spec.data.get("remove") is not True:
        return  # the schema requires the name
    ways = " or ".join(f"`{key}`" for key in keys)
    yield Diagnostic(
        "no-identity",
        f"nothing says which record `{spec.address}` is",
        spec.span,
        help=f"give it {ways}" + ("" if external else ", or an external id named in `identity`"),
        cause=spec.address.kind,
    )


# ---------------------------------------------------------------- two resources


def _same_record(placed: Sequence[Spec], identity: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Resources that would be matched to the same record."""
    seen: dict[tuple[str, str, str, str], Spec] = {}
    for spec in placed:
        kind = BY_NAME[spec.address.kind]
        if not isinstance(kind, RecordKind):
            continue
        for name, scope in kind.identifying_keys(spec.data, identity.get(kind.sobject)):
            value = str(spec.data[name]).strip().casefold()
            key = kind.name, name, value, scope
            first = seen.setdefault(key, spec)
            if first is not spec:
                both = f"`{spec.address}` and `{first.address}`"
                yield Diagnostic(
                    "duplicate-record",
                    f"{both} would be the same record, matched by `{name}`",
                    spec.at(name),
                    help=_SHARED if scope else "declare it once",
                    notes=(f"first declared at {first.at(name)}",),
                )


_SHARED = "people who share an address need an external id field, named under `identity:`"


def _same_name(placed: Sequence[Spec]) -> Iterator[Diagnostic]:
    """Names that differ only in case, and former names that are the name of another resource."""
    named: dict[tuple[str, str], tuple[Spec, Path]] = {}
    former: dict[tuple[str, str], Spec] = {}
    for spec in placed:
        kind = BY_NAME[spec.address.kind]
        if unique := kind.unique_name(spec):
            name, path = unique
            first, at = named.setdefault((kind.name, name.casefold()), (spec, path))
            if first is not spec and not isinstance(kind, RecordKind):
                yield Diagnostic(
                    "duplicate-name",
                    f"`{name}` and `{first.address.name}` are the same name for Salesforce",
                    spec.at(*path),
                    notes=(f"first declared at {first.at(*at)}",),
                )
    for spec in placed:
        was = spec.data.get("was")
        if not isinstance(was, str) or not BY_NAME[spec.address.kind].name_is_unique:
            continue
        key = spec.address.kind, was.strip().casefold()
        holder, at = named.get(key, (spec, ()))
        if holder is not spec:
            what = f"`{was}` is the name of `{holder.address}`, so it cannot be a former name"
            note = f"declared at {holder.at(*at)}"
            yield Diagnostic("former-name", what, spec.at("was"), notes=(note,))
        other = former.setdefault(key, spec)
        if other is not spec:
            what = f"`{other.address}` was `{was}` already"
            note = f"first declared at {other.at('was')}"
            yield Diagnostic("former-name", what, spec.at("was"), notes=(note,))
