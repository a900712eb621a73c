"""What the checks and notes of a plan can use: both states, the changes and the org's facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from provisioner.model.change import Action, Change
from provisioner.model.resource import Address, DesiredState, LiveState, Ref, Resource, Value

FactsT = TypeVar("FactsT")


@dataclass(frozen=True)
class PlanContext(Generic[FactsT]):
    """The desired and the live state, the facts that were read, and the changes of the plan."""

    desired: DesiredState
    live: LiveState
    facts: FactsT
    changes: Mapping[Address, Change]

    def of_kind(self, kind: str) -> Sequence[Resource]:
        """The desired resources of a kind, in address order, without those to be removed."""
        return self._by_kind.get(kind, ())

    @cached_property
    def _by_kind(self) -> Mapping[str, Sequence[Resource]]:
        by_kind: dict[str, list[Resource]] = {}
        for address, resource in self.desired.items():
            if not resource.remove:
                by_kind.setdefault(address.kind, []).append(resource)
        return by_kind

    def created(self, resource: Resource) -> bool:
        """Whether the plan creates the resource."""
        change = self.changes.get(resource.address)
        return change is not None and change.action is Action.CREATE

    def changed(self, resource: Resource, *names: str) -> bool:
        """Whether the plan sets or changes any of these fields."""
        change = self.changes.get(resource.address)
        return change is not None and bool(change.names() & set(names))

    def value(self, resource: Resource, name: str) -> Value:
        """The desired value of a field; if the spec does not manage the field, its live value."""
        if name in resource.fields:
            return resource.fields[name]
        live = self.live.get(resource.address)
        return live.fields.get(name) if live else None

    def referrer(self, kind: str, field: str, to: Address) -> Resource | None:
        """The desired resource of a kind whose `field` refers to another desired resource."""
        key = kind, field
        if key not in self._referrers:
            named = ((r.written.get(field), r) for r in self.of_kind(kind))
            self._referrers[key] = {value.to: r for value, r in named if isinstance(value, Ref)}
        return self._referrers[key].get(to)

    @cached_property
    def _referrers(self) -> dict[tuple[str, str], dict[Address, Resource]]:
        return {}
