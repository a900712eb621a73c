"""What a resource kind must say about itself. Kinds are pure: they make no calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, Protocol

from provisioner.kinds.matching import Match
from provisioner.kinds.org_facts import INTERNAL_USERS, OrgFacts
from provisioner.model.change import Change
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.operations import Call, Query, Row
from provisioner.model.resource import Address, Lookup, Resource, Spec


class Removal(Enum):
    """What `remove: true` means for a kind."""

    DELETE = "is deleted"
    DEACTIVATE = "is deactivated"
    NEVER = "can not be removed"


@dataclass(frozen=True, slots=True)
class Declared:
    """What the specs declare: every address, and the external ids under `identity:`."""

    addresses: frozenset[Address] = frozenset()
    identity: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, kind: str, name: str) -> Address | None:
        """The declared resource of that key, if there is one."""
        address = Address(kind, name)
        return address if address in self.addresses else None


@dataclass(frozen=True, slots=True)
class LiveResources:
    """The live resources of one kind, how each was matched, and the problems."""

    resources: tuple[Resource, ...] = ()
    matched_by: Mapping[Address, str] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()


NamedQueries = Mapping[str, Query[object] | Mapping[str, Query[object]] | None]
"""What a kind asks an org, by name. `OrgFacts.answers` holds the answers under the same names.

Several queries under one name are answered by their own keys. `None` is a question that this
org cannot be asked; its answer is `None`. A query that has nothing to look for (a `Select`
whose fields have no values, a `ReadMetadata` of no names) is answered without an API call.
"""


class Kind(Protocol):
    """The contract of a kind. Every method is a pure function of its arguments."""

    name: ClassVar[str]
    section: ClassVar[str]
    removal: ClassVar[Removal]
    lists: ClassVar[frozenset[str]]
    """The Metadata types whose names and Ids the kind needs."""

    def desired(self, spec: Spec, declared: Declared) -> Resource:
        """The resource a spec asks for. References are `Ref`s and `Lookup`s still."""

    def described_objects(self, wanted: Sequence[Resource]) -> frozenset[str]:
        """The sObjects whose describe is needed to read and compare these."""

    def initial_queries(self, wanted: Sequence[Resource]) -> NamedQueries:
        """What can be asked knowing only the specs."""

    def followup_queries(
        self, wanted: Sequence[Resource], facts: OrgFacts, desired_of: FindDesired
    ) -> NamedQueries:
        """What can be asked once the first answers are there."""

    def final_queries(
        self, wanted: Sequence[Resource], facts: OrgFacts, ids: Mapping[Address, str]
    ) -> NamedQueries:
        """What must be asked once the second answers are there; nothing in most plans.

        `ids` are those of the kinds that are matched before this one.
        """

    def read_live(
        self,
        wanted: Sequence[Resource],
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> LiveResources:
        """What the org holds of these; `ids` are those of the kinds matched before this one."""

    def resolve(
        self,
        resource: Resource,
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> Resource:
        """The resource as it is compared: references resolved, defaults filled in."""

    def lookups(self, resource: Resource, facts: OrgFacts) -> Iterable[Lookup]:
        """The records that a resource uses and that are to be looked up."""

    def calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        """The calls that make the change, in order."""


def candidates(*, unknown: bool) -> Query[Sequence[Row]] | None:
    """The question for the users that an unknown name may stand for; asked only if there is one."""
    return INTERNAL_USERS if unknown else None


FindDesired = Callable[[Address], Resource | None]


def matched(found: Mapping[Address, Match]) -> Mapping[Address, str]:
    return {address: match.matched_by for address, match in found.items()}
