"""Check what resources say of one another: names that are declared nowhere, and circles."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from provisioner.model.diagnostics import Diagnostic, Severity, Span, closest
from provisioner.model.resource import Address, Spec
from provisioner.spec.yaml_reader import Path

_NEAR = 0.8
"""How alike two names are where one is taken for a slip of the other."""

_MANY = 2_000
"""More keys than this are not searched for a near one: it would take minutes."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference may name: a declared resource, or a record of the org by `by`.

    `by` is `None` where the org knows such records by no name, so that it must be
    declared. `strict` is whether a near miss is an error, or only looks like one: a
    profile may well have nearly the name of another.
    """

    kind: str
    by: str | None
    strict: bool = True


TARGETS: Mapping[tuple[str, str], Target] = {
    ("account", "owner"): Target("user", "Username"),
    ("account", "parent"): Target("account", "Name"),
    ("contact", "account"): Target("account", "Name"),
    ("contact", "owner"): Target("user", "Username"),
    # Contacts have no unique name.
    ("contact", "reports_to"): Target("contact", None),
    ("user", "contact"): Target("contact", None),
    ("user", "profile"): Target("profile", "Name", strict=False),
    ("user", "manager"): Target("user", "Username"),
    ("profile", "clone_of"): Target("profile", "Name", strict=False),
    ("layout", "clone_of"): Target("layout", "Name", strict=False),
    ("portal", "selfRegUserDefaultProfile"): Target("profile", "Name", strict=False),
    ("portal", "profiles"): Target("profile", "Name", strict=False),
}


class _Reference(NamedTuple):
    source: Spec
    target: Target
    address: Address
    path: Path

    @property
    def name(self) -> str:
        return self.address.name

    @property
    def span(self) -> Span:
        return self.source.at(*self.path)


def check(
    all_: Sequence[Spec], *, flawed: frozenset[str] = frozenset(), complete: bool = True
) -> Iterator[Diagnostic]:
    """Every reference to nothing, to what is to be removed, and every circle of references.

    Where the specs are not `complete`, what is not declared may be so in a file that could
    not be read: only a name next to a declared one is a slip then. What names a row of one of
    the `flawed` rosters may be a row that could not be read.
    """
    declared = {spec.address: spec for spec in all_}
    names = _Names(all_)
    kinds: set[tuple[str, str]] = set()
    for reference in _all_references(all_):
        target = declared.get(reference.address)
        if target is None:
            if reference.name.partition(":")[0] in flawed:
                continue
            problem = _undeclared(reference, names)
            if problem and (complete or names.near(reference.address, _NEAR)):
                yield problem
            continue
        kinds.add((reference.source.address.kind, reference.address.kind))
        if target.data.get("remove") is True and reference.source.data.get("remove") is not True:
            yield Diagnostic(
                "removed-reference",
                f"`{target.address}` is to be removed, but `{reference.source.address}` uses it",
                reference.span,
                notes=(f"its removal is asked for at {target.at('remove')}",),
            )
    if _has_circle(kinds):
        yield from _circles([r for r in _all_references(all_) if r.address in declared])


_TARGETS: Mapping[str, Sequence[tuple[str, Target]]] = {
    kind: [(name, target) for (of, name), target in TARGETS.items() if of == kind]
    for kind in {kind for kind, _ in TARGETS}
}


def _all_references(specs: Iterable[Spec]) -> Iterator[_Reference]:
    for spec in specs:
        for name, target in _TARGETS.get(spec.address.kind, ()):
            match spec.data.get(name):
                case str() as value:
                    yield _Reference(spec, target, Address(target.kind, value), (name,))
                case list() as values:
                    for i, value in enumerate(values):
                        if isinstance(value, str):
                            address = Address(target.kind, value)
                            yield _Reference(spec, target, address, (name, i))


# ---------------------------------------------------------------- names


class _Names:
    """The names of all resources, by kind, to find the one that an unknown name resembles."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self._specs = specs
        self._nearest: dict[Address, str | None] = {}

    def near(self, address: Address, cutoff: float) -> str | None:
        """The key of a resource that the name was most likely meant to be."""
        keys = self._keys(address.kind)
        same = keys.get(address.name.casefold())
        if same or len(keys) > _MANY:
            return same
        if address not in self._nearest:
            self._nearest[address] = closest(address.name, keys.values(), cutoff)
        return self._nearest[address]

    def key_of(self, target: Target, name: str) -> str | None:
        """The key of the resource that has this name in the org, whatever its case."""
        return self._by_name(target.kind, target.by or "").get(name.strip().casefold())

    @functools.cache  # noqa: B019 - this object lives as long as one check
    def _keys(self, kind: str) -> Mapping[str, str]:
        names = (spec.address.name for spec in self._specs if spec.address.kind == kind)
        return {name.casefold(): name for name in names}

    @functools.cache  # noqa: B019
    def _by_name(self, kind: str, field: str) -> Mapping[str, str]:
        keys: dict[str, str] = {}
        for spec in self._specs:
            if spec.address.kind == kind and isinstance(name := spec.data.get(field), str):
                keys.setdefault(name.strip().casefold(), spec.address.name)
        return keys


def _undeclared(reference: _Reference, names: _Names) -> Diagnostic | None:
    """What is wrong with a name that is not a key: nothing, if the org may have it."""
    target, name = reference.target, reference.name
    what = f"`{target.kind}/{name}` is not declared in any spec"
    near = names.near(reference.address, _NEAR if target.by else 0.65)
    meant = f"did you mean `{near}`?" if near else None
    same = names.key_of(target, name)
    if same is not None and near is None:
        # It names what the spec declares as if the org had it already.
        what = f"`{name}` is what the spec declares as `{target.kind}/{same}`"
        return Diagnostic("unknown-reference", what, reference.span, help=f"write `{same}`")
    if target.by is None:
        help_ = meant or f"declare it under `{target.kind}s`, or name it by {{find: {{...}}}}"
        return Diagnostic("unknown-reference", what, reference.span, help=help_)
    if near is None:
        return None
    if target.strict:
        note = f"a record of the org that is not declared is {{find: {{{target.by}: {name}}}}}"
        return Diagnostic("unknown-reference", what, reference.span, help=meant, notes=(note,))
    slip = near.casefold() == name.casefold()
    severity = Severity.ERROR if slip else Severity.WARNING
    return Diagnostic("unknown-reference", what, reference.span, help=meant, severity=severity)


# ---------------------------------------------------------------- circles


def _has_circle(edges: Iterable[tuple[str, str]]) -> bool:
    """Whether resources can refer to each other in a circle, as far as their kinds tell."""
    graph: TopologicalSorter[str] = TopologicalSorter()
    for source, target in edges:
        graph.add(source, target)
    try:
        graph.prepare()
    except CycleError:
        return True
    return False


def _circles(references: Sequence[_Reference]) -> Iterator[Diagnostic]:
    """Each circle once, at its first reference in the files."""
    edges: dict[Address, list[_Reference]] = {}
    for reference in references:
        edges.setdefault(reference.source.address, []).append(reference)
    seen: set[Address] = set()
    for start in sorted(edges):
        # Walked without recursion: a chain of managers can be longer than Python's stack.
        trail: list[_Reference] = []
        on_trail = {start: 0}
        todo = [iter(edges[start])] if start not in seen else []
        seen.add(start)
        while todo:
            step = next(todo[-1], None)
            if step is None:
                todo.pop()
                if trail:
                    del on_trail[trail.pop().address]
                continue
            to = step.address
            if to in on_trail:
                yield _circle([*trail[on_trail[to] :], step])
            elif to not in seen:
                seen.add(to)
                trail.append(step)
                on_trail[to] = len(trail)
                todo.append(iter(edges.get(to, [])))


def _circle(references: Sequence[_Reference]) -> Diagnostic:
    first = min(range(len(references)), key=lambda i: references[i].span)
    ordered = [*references[first:], *references[:first]]
    addresses = [str(r.source.address) for r in ordered]
    if len(ordered) == 1:
        what = f"`{addresses[0]}` refers to itself"
    else:
        what = f"references go in a circle: {' -> '.join([*addresses, addresses[0]])}"
    notes = tuple(f"`{r.source.address}` names `{r.address}` at {r.span}" for r in ordered[1:])
    help_ = "remove one of these references; it can be added once the others are applied"
    if len(ordered) == 1:
        help_ = "remove the reference"
    return Diagnostic("reference-cycle", what, ordered[0].span, help=help_, notes=notes)
