"""Addresses, specs, resources, and the two states that are compared."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from provisioner.model.diagnostics import Span

Scalar = str | int | float | bool | None


class Address(NamedTuple):
    """The name of a resource in the specs, such as `contact/jane`.

    A tuple, because it is hashed and ordered very often.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """The Salesforce Id of another managed resource, known only after it exists."""

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
        values = ", ".join(f"{name} {value!r}" for name, value in self.where)
        return f"{self.sobject} with {values}"


class Secret:
    """A value that must never be shown: its text is `***`, except in `reveal`."""

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

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written to disk")


Value = Scalar | Ref | Lookup | Secret | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spec:
    """One resource as its author wrote it, after schema validation and templating.

    `data` is the value of the resource's key; `spans` is the place of every
    path in it (`("owner",)`, `("fields", "Email", "section")`), that of `()` is its key.
    """

    address: Address
    data: Mapping[str, Any]
    spans: Mapping[tuple[str | int, ...], Span]

    @property
    def span(self) -> Span:
        """The place of its key."""
        return self.spans[()]

    def at(self, *path: str | int) -> Span:
        """The span of `path`, or of the nearest thing around it that has one."""
        while path:
            span = self.spans.get(path)
            if span is not None:
                return span
            path = path[:-1]
        return self.span


class FieldSpans(Mapping[str, Span]):
    """The place of each field of a spec, computed on access; "" is the place of the spec.

    `paths` has the fields of the resource, each with its place in the spec.
    """

    __slots__ = ("_paths", "_spec")

    def __init__(self, spec: Spec, paths: Mapping[str, tuple[str | int, ...]]) -> None:
        self._spec = spec
        self._paths = paths

    def __getitem__(self, name: str) -> Span:
        return self._spec.at(*self._paths[name]) if name else self._spec.span

    # The methods of `Mapping` would raise and catch an exception for every field without a place.

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if not name or name in self._paths else default

    def __contains__(self, name: object) -> bool:
        return name == "" or name in self._paths

    def __iter__(self) -> Iterator[str]:
        yield ""
        yield from self._paths

    def __len__(self) -> int:
        return 1 + len(self._paths)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, as desired or as read. `id` is set if it was read from an org.

    Resources are compared by `fields`, which are canonical (an email address in lower case, a
    reference as an Id). People and the API see `written`, the value as the user wrote it. `needs`
    are resources that must exist first, `was` is the former name, `copied` means that it starts
    with values that a null clears, `remove` that it is to be removed, and `defaults` are fields
    that are only set when it is created.
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

    def shown(self, name: str) -> Value:
        """The field as it is shown to people and sent to the API."""
        return self.written.get(name, self.fields.get(name))

    def span(self, name: str = "") -> Span | None:
        """Where the field was written; else where the resource was."""
        return self.spans.get(name) or self.spans.get("")

    def refs(self) -> frozenset[Address]:
        """Every resource that must exist before this one."""
        both = (self.fields.values(), self.written.values())
        return self.needs.union([v.to for values in both for v in values if type(v) is Ref])


class State(Mapping[Address, Resource]):
    """An immutable set of resources by address, in address order."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        by_address = {r.address: r for r in resources}
        self._by_address = {address: by_address[address] for address in sorted(by_address)}

    def __getitem__(self, address: Address) -> Resource:
        return self._by_address[address]

    def __iter__(self) -> Iterator[Address]:
        return iter(self._by_address)

    def __len__(self) -> int:
        return len(self._by_address)

    # The methods of `Mapping` would run Python code for every resource.

    def __contains__(self, address: object) -> bool:
        return address in self._by_address

    def get(  # type: ignore[override]  # an address that is missing has no other default
        self, address: Address, default: None = None
    ) -> Resource | None:
        return self._by_address.get(address, default)

    def keys(self) -> KeysView[Address]:
        return self._by_address.keys()

    def values(self) -> ValuesView[Resource]:
        return self._by_address.values()

    def items(self) -> ItemsView[Address, Resource]:
        return self._by_address.items()


class DesiredState(State):
    """The resources that the specs describe."""


class LiveState(State):
    """The resources in the org, limited to those that the specs describe."""
