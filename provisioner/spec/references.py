"""Check what resources say of one another: names that are declared nowhere, and circles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from provisioner.model.diagnostics import Diagnostic, Severity, Span, closest
from provisioner.model.resource import Address, Spec

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


@dataclass(frozen=True, slots=True)
class _Reference:
    source: Spec
    target: Target
    name: str
    span: Span

    @property
    def address(self) -> Address:
        return Address(self.target.kind, self.name)


def check(
    all_: Sequence[Spec], *, flawed: frozenset[str] = frozenset(), complete: bool = True
) -> Iterator[Diagnostic]:
    """Every reference to nothing, to what is to be removed, and every circle of references.

    Where the specs are not `complete`, what is not declared may be so in a file that could
    not be read: only a name next to a declared one is a slip then. What names a row of one of
    the `flawed` rosters may be a row that could not be read.
    """
    declared = {spec.address: spec for spec in all_}
    found = [reference for spec in all_ for reference in _references(spec)]
    known_as = _known_as(all_)
    kinds = {target.kind for target in TARGETS.values()}
    keys = {kind: _Keys(a.name for a in declared if a.kind == kind) for kind in kinds}
    for reference in found:
        target = declared.get(reference.address)
        if target is None:
            if reference.name.partition(":")[0] in flawed:
                continue
            problem = _undeclared(reference, keys[reference.target.kind], known_as)
            if problem and (complete or keys[reference.target.kind].near(reference.name, _NEAR)):
                yield problem
        elif target.data.get("remove") is True and reference.source.data.get("remove") is not True:
            yield Diagnostic(
                "removed-reference",
                f"`{target.address}` is to be removed, but `{reference.source.address}` uses it",
                reference.span,
                notes=(f"its removal is asked for at {target.at('remove')}",),
            )
    yield from _circles([r for r in found if r.address in declared])


_TARGETS: Mapping[str, Sequence[tuple[str, Target]]] = {
    kind: [(name, target) for (of, name), target in TARGETS.items() if of == kind]
    for kind in {kind for kind, _ in TARGETS}
}


def _references(spec: Spec) -> Iterator[_Reference]:
    for name, target in _TARGETS.get(spec.address.kind, ()):
        match spec.data.get(name):
            case str() as value:
                yield _Reference(spec, target, value, spec.at(name))
            case list() as values:
                for i, value in enumerate(values):
                    if isinstance(value, str):
                        yield _Reference(spec, target, value, spec.at(name, i))


# ---------------------------------------------------------------- names


class _Keys:
    """The keys of one kind, and which of them a name is nearest to."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._by_case = {key.casefold(): key for key in keys}
        self._found: dict[str, str | None] = {}

    def near(self, name: str, cutoff: float) -> str | None:
        """The key that `name` was most likely meant to be."""
        same = self._by_case.get(name.casefold())
        if same or len(self._by_case) > _MANY:
            return same
        if name not in self._found:
            self._found[name] = closest(name, self._by_case.values(), cutoff)
        return self._found[name]


def _known_as(all_: Sequence[Spec]) -> Mapping[tuple[str, str], str]:
    """The key of each resource by its kind and the name, without case, that the org has for it."""
    by = {target.kind: target.by for target in TARGETS.values() if target.by}
    found: dict[tuple[str, str], str] = {}
    for spec in all_:
        name = spec.data.get(by.get(spec.address.kind, ""))
        if isinstance(name, str):
            found.setdefault((spec.address.kind, name.strip().casefold()), spec.address.name)
    return found


def _undeclared(
    reference: _Reference, keys: _Keys, known_as: Mapping[tuple[str, str], str]
) -> Diagnostic | None:
    """What is wrong with a name that is no key: nothing, where the org may well have it."""
    target, name = reference.target, reference.name
    what = f"`{target.kind}/{name}` is not declared in any spec"
    near = keys.near(name, _NEAR if target.by else 0.65)
    meant = f"did you mean `{near}`?" if near else None
    same = known_as.get((target.kind, name.strip().casefold()))
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
