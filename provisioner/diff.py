"""Compare the desired and the live state. Pure: same two states, same changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from provisioner.diagnostics import Span
from provisioner.resource import Address, DesiredState, LiveState, Resource, Value


class Action(Enum):
    """What a change does; the value is the sign shown in front of it in a plan."""

    CREATE = "+"
    UPDATE = "~"
    DEACTIVATE = "!"
    DELETE = "-"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, before and after, as people read it; `default`: not from the spec."""

    name: str
    before: Value
    after: Value
    span: Span | None = None
    default: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """The difference of one resource. CREATE has no `before`; a removal has no `fields`."""

    action: Action
    address: Address
    before: Resource | None
    after: Resource
    fields: tuple[FieldChange, ...] = ()

    def names(self) -> frozenset[str]:
        return frozenset(f.name for f in self.fields)

    def field(self, name: str) -> FieldChange | None:
        return next((f for f in self.fields if f.name == name), None)

    def result(self, name: str) -> Value:
        """The field as it is compared, once the change is made; None where it is not known."""
        if self.before is None or name in self.names():
            return self.after.fields.get(name)
        return self.before.fields.get(name)

    @property
    def deactivates(self) -> bool:
        """Whether an existing user becomes inactive, which frees a seat."""
        if self.action is Action.DEACTIVATE:
            return True
        active = self.field("IsActive")
        return self.before is not None and active is not None and active.after is False


def diff(desired: DesiredState, live: LiveState) -> tuple[Change, ...]:
    """The changes that turn `live` into `desired`, in address order.

    A field that a spec leaves out is not managed and never differs. A live resource
    without a spec is left alone; one that the spec asks to remove is a DELETE, which its
    kind may turn into something milder.
    """
    changes = (compare(want, live.get(address)) for address, want in desired.items())
    return tuple(c for c in changes if c is not None)


def compare(want: Resource, have: Resource | None) -> Change | None:
    """What turns `have` into `want`; `None` when it is so already."""
    if want.remove:
        return Change(Action.DELETE, want.address, have, want) if have else None
    if have is None:
        return Change(Action.CREATE, want.address, None, want, tuple(_given(want)))
    fields = tuple(
        FieldChange(name, have.shown(name), want.shown(name), want.span(name))
        for name, value in want.fields.items()
        if name not in want.defaults and have.fields.get(name) != value
    )
    return Change(Action.UPDATE, want.address, have, want, fields) if fields else None


def _given(want: Resource) -> Iterator[FieldChange]:
    """The fields that something new is given."""
    whole = want.span()
    for name in want.fields:
        value = want.shown(name)
        # Creating something with a field cleared says no more than leaving the field out, but
        # where it starts as a copy.
        if value is not None or want.copied:
            span = want.spans.get(name)
            ours = span is None and name in want.defaults
            yield FieldChange(name, None, value, span or whole, ours)
