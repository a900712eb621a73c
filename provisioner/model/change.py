"""A change: an action on one resource, and the fields that differ."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from provisioner.model.diagnostics import Span
from provisioner.model.resource import Address, Resource, Value


class Action(Enum):
    """What a change does; the value is the sign in front of it in a plan."""

    CREATE = "+"
    UPDATE = "~"
    DEACTIVATE = "!"
    DELETE = "-"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, before and after, as shown to people; `default`: it is not from the spec."""

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
        """The canonical value of the field after the change; `None` if it is not known."""
        if self.before is None or name in self.names():
            return self.after.fields.get(name)
        return self.before.fields.get(name)

    @property
    def deactivates(self) -> bool:
        """Whether an existing user becomes inactive, which frees a licence seat."""
        if self.action is Action.DEACTIVATE:
            return True
        active = self.field("IsActive")
        return self.before is not None and active is not None and active.after is False
