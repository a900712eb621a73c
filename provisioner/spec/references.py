"""Check the references between resources: names without a declaration, and cycles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from provisioner.kinds import BY_NAME
from provisioner.kinds.base import Reference
from provisioner.model.diagnostics import Diagnostic, Severity, Span, closest
from provisioner.model.resource import Address, Spec
from provisioner.spec.yaml_reader import Path

_NEAR = 0.8
"""Names that are this similar are taken for a typing error."""

_MANY = 2_000
"""More keys than this are not searched for a similar one: it would take minutes."""


class _Use(NamedTuple):
    source: Spec
    target: Reference
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
    """References to what is not declared or is to be removed, and cycles of references.

    If the specs are not `complete`, a file that could not be read may declare the name, so only a
    name that is similar to a declared one is reported. A reference to a row of a `flawed` roster
    is not reported: the row may be one that could not be read.
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
                notes=(f"`remove: true` is at {target.at('remove')}",),
            )
    if _has_cycle(kinds):
        yield from _cycles([r for r in _all_references(all_) if r.address in declared])


def _all_references(specs: Iterable[Spec]) -> Iterator[_Use]:
    for spec in specs:
        for target in BY_NAME[spec.address.kind].references:
            name = target.name
            if target.kind not in BY_NAME:
                continue
            match spec.data.get(name):
                case str() as value:
                    yield _Use(spec, target, Address(target.kind, value), (name,))
                case list() as values:
                    for i, value in enumerate(values):
                        if isinstance(value, str):
                            address = Address(target.kind, value)
                            yield _Use(spec, target, address, (name, i))


# ---------------------------------------------------------------- names


class _Names:
    """The names of all resources, to find the one that an unknown name most likely stands for."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self._specs = specs
        self._nearest: dict[Address, str | None] = {}
        self._keys_of: dict[str, dict[str, str]] = {}
        self._by_name: dict[tuple[str, str], dict[str, str]] = {}

    def near(self, address: Address, cutoff: float) -> str | None:
        """The key of the resource that the name most likely stands for."""
        keys = self._keys(address.kind)
        same = keys.get(address.name.casefold())
        if same or len(keys) > _MANY:
            return same
        if address not in self._nearest:
            self._nearest[address] = closest(address.name, keys.values(), cutoff)
        return self._nearest[address]

    def key_of(self, target: Reference, name: str) -> str | None:
        """The key of the resource that has this name in the org, whatever its case."""
        field = "" if target.declared_only else target.key
        return self._keys_by_name(target.kind, field).get(name.strip().casefold())

    def _keys(self, kind: str) -> Mapping[str, str]:
        if kind not in self._keys_of:
            names = (spec.address.name for spec in self._specs if spec.address.kind == kind)
            self._keys_of[kind] = {name.casefold(): name for name in names}
        return self._keys_of[kind]

    def _keys_by_name(self, kind: str, field: str) -> Mapping[str, str]:
        if (kind, field) not in self._by_name:
            keys = self._by_name[kind, field] = {}
            for spec in self._specs:
                if spec.address.kind == kind and isinstance(name := spec.data.get(field), str):
                    keys.setdefault(name.strip().casefold(), spec.address.name)
        return self._by_name[kind, field]


def _undeclared(reference: _Use, names: _Names) -> Diagnostic | None:
    """What is wrong with a name that is not a key: nothing, if the org may have it."""
    target, name = reference.target, reference.name
    what = f"`{target.kind}/{name}` is not declared in any spec"
    near = names.near(reference.address, 0.65 if target.declared_only else _NEAR)
    meant = f"did you mean `{near}`?" if near else None
    same = names.key_of(target, name)
    if same is not None and near is None:
        # It is the name that the resource has in the org, not its key.
        what = f"`{name}` is declared in the spec as `{target.kind}/{same}`"
        return Diagnostic("unknown-reference", what, reference.span, help=f"write `{same}`")
    if target.declared_only:
        section = BY_NAME[target.kind].section
        help_ = meant or f"declare it under `{section}`, or name it by {{find: {{...}}}}"
        return Diagnostic("unknown-reference", what, reference.span, help=help_)
    if near is None:
        return None
    if target.exact:
        note = f"a record of the org that is not declared is {{find: {{{target.key}: {name}}}}}"
        return Diagnostic("unknown-reference", what, reference.span, help=meant, notes=(note,))
    slip = near.casefold() == name.casefold()
    severity = Severity.ERROR if slip else Severity.WARNING
    return Diagnostic("unknown-reference", what, reference.span, help=meant, severity=severity)


# ---------------------------------------------------------------- cycles


def _has_cycle(edges: Iterable[tuple[str, str]]) -> bool:
    """Whether there can be a cycle of resources: only if there is one of their kinds."""
    graph: TopologicalSorter[str] = TopologicalSorter()
    for source, target in edges:
        graph.add(source, target)
    try:
        graph.prepare()
    except CycleError:
        return True
    return False


def _cycles(references: Sequence[_Use]) -> Iterator[Diagnostic]:
    """Each cycle once, at its first reference in the files."""
    edges: dict[Address, list[_Use]] = {}
    for reference in references:
        edges.setdefault(reference.source.address, []).append(reference)
    seen: set[Address] = set()
    for start in sorted(edges):
        # Without recursion: a chain of managers can be longer than Python's stack.
        trail: list[_Use] = []
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
                yield _cycle([*trail[on_trail[to] :], step])
            elif to not in seen:
                seen.add(to)
                trail.append(step)
                on_trail[to] = len(trail)
                todo.append(iter(edges.get(to, [])))


def _cycle(references: Sequence[_Use]) -> Diagnostic:
    first = min(range(len(references)), key=lambda i: references[i].span)
    ordered = [*references[first:], *references[:first]]
    addresses = [str(r.source.address) for r in ordered]
    if len(ordered) == 1:
        what = f"`{addresses[0]}` refers to itself"
    else:
        what = f"references form a cycle: {' -> '.join([*addresses, addresses[0]])}"
    notes = tuple(f"`{r.source.address}` names `{r.address}` at {r.span}" for r in ordered[1:])
    help_ = "remove one of these references; it can be added once the others are applied"
    if len(ordered) == 1:
        help_ = "remove the reference"
    return Diagnostic("reference-cycle", what, ordered[0].span, help=help_, notes=notes)
