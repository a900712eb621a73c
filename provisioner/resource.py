"""The nouns of the tool: addresses, specs, and the two states that are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from provisioner.diagnostics import Span

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """The name of a resource in the specs, such as `contact/jane`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """The Salesforce Id of another managed resource, known only once that exists."""

    to: Address

    def __str__(self) -> str:
        return str(self.to)


@dataclass(frozen=True, slots=True, order=True)
class Lookup:
    """The Id of the one `sobject` record that has these values, used but not managed.

    `where` holds API field names and plain values, sorted by name.
    """

    sobject: str
    where: tuple[tuple[str, Scalar], ...]

    def __str__(self) -> str:
        wanted = ", ".join(f"{name} {value!r}" for name, value in self.where)
        return f"{self.sobject} with {wanted}"


class Secret:
    """A value that must never be seen: its text is `***` everywhere but in `reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one request that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not written to disk")


Value = Scalar | Ref | Lookup | Secret | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spec:
    """One resource as its author wrote it, after schema validation and templating.

    `data` is what stands under the resource's key; `spans` gives the place of every
    path in it (`("owner",)`, `("fields", "Email", "section")`), `span` that of its key.
    """

    address: Address
    data: Mapping[str, Any]
    span: Span
    spans: Mapping[tuple[str | int, ...], Span] = field(default_factory=dict)

    def at(self, *path: str | int) -> Span:
        """The span of `path`, or of the nearest thing around it that has one."""
        while path:
            if path in self.spans:
                return self.spans[path]
            path = path[:-1]
        return self.span


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, wanted or found. `id` is set when it was read from an org.

    Two resources are compared by `fields`, which are canonical (an e-mail in lower
    case, a reference as the Id it stands for); people and the API see `written`, the
    value as it was given. `needs` are resources that must be there first, `was` is its
    former name, `copied` says that it starts with values that a null clears, `remove` asks
    that it be gone, and `defaults` are fields that are only
    given when it is created.
    """

    address: Address
    fields: Mapping[str, Value]
    id: str | None = None
    written: Mapping[str, Value] = field(default_factory=dict, compare=False)
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False)
    needs: frozenset[Address] = field(default=frozenset(), compare=False)
    was: str | None = field(default=None, compare=False)
    copied: bool = field(default=False, compare=False)
    remove: bool = field(default=False, compare=False)
    defaults: frozenset[str] = field(default=frozenset(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))

    def shown(self, name: str) -> Value:
        """The field as people read it and the API is sent it."""
        return self.written.get(name, self.fields.get(name))

    def span(self, name: str = "") -> Span | None:
        """Where the field was written; else where the resource was."""
        return self.spans.get(name) or self.spans.get("")

    def refs(self) -> frozenset[Address]:
        """Every resource that must be there before this one."""
        named = (
            v.to for v in (*self.fields.values(), *self.written.values()) if isinstance(v, Ref)
        )
        return self.needs | frozenset(named)


class State(Mapping[Address, Resource]):
    """An immutable set of resources by address, in address order."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self._by_address = {r.address: r for r in sorted(resources, key=lambda r: r.address)}

    def __getitem__(self, address: Address) -> Resource:
        return self._by_address[address]

    def __iter__(self) -> Iterator[Address]:
        return iter(self._by_address)

    def __len__(self) -> int:
        return len(self._by_address)


class DesiredState(State):
    """What the specs ask for."""


class LiveState(State):
    """What the org holds, restricted to the resources the specs are about."""
