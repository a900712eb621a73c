"""What a kind of resource declares about itself. Kinds are pure: they make no API calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from provisioner.kinds.org_facts import INTERNAL_USERS, OrgFacts
from provisioner.model.change import Change
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.operations import Call, Query, Row
from provisioner.model.plan import Note
from provisioner.model.plan_context import PlanContext
from provisioner.model.resource import Address, LiveState, Lookup, Resource, Spec, Value

Context = PlanContext[OrgFacts]
FindDesired = Callable[[Address], Resource | None]


class Removal(Enum):
    """What `remove: true` means for a kind."""

    DELETE = "is deleted"
    DEACTIVATE = "is deactivated"
    NEVER = "cannot be removed"


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of a spec that names another resource: `owner` for the Salesforce field `OwnerId`.

    The value is the key of a declared resource of `kind`. If the spec declares no such resource,
    it is the value of the field `key` of a record of `sobject` in the org. `declared_only`: the
    org has no unique name for such records, so the resource must be declared. `exact`: a name
    that is nearly the key of a declared resource is an error, and not only a warning. `of_row`:
    the row of a roster refers to its own resource of `kind` unless it says otherwise.
    """

    name: str
    kind: str
    sobject: str
    api_name: str = ""
    key: str = "Name"
    declared_only: bool = False
    exact: bool = True
    of_row: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """What the specs declare: every address, and the external ids under `identity:`."""

    addresses: frozenset[Address] = frozenset()
    identity: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, kind: str, name: str) -> Address | None:
        """The address of the declared resource with that key, if there is one."""
        address = Address(kind, name)
        return address if address in self.addresses else None


@dataclass(frozen=True, slots=True)
class LiveResources:
    """The live resources of one kind, how each was matched, and the problems."""

    resources: tuple[Resource, ...] = ()
    matched_by: Mapping[Address, str] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()


NamedQueries = Mapping[str, Query[object] | Mapping[str, Query[object]] | None]
"""The queries of a kind by name. `OrgFacts.answers` holds the answers under the same names.

Several queries can share a name: their answers are a mapping with the same keys. `None` is a
query that this org cannot answer; its answer is `None`. A query that has nothing to look for (a
`Select` whose fields have no values, a `ReadMetadata` of no names) makes no API call.
"""


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """A resource of the org that no spec declares. `kind` is the word for it in reports."""

    kind: str
    name: str
    id: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """How many resources of a kind the org has, how many the specs declare, and the others."""

    total: int
    managed: int
    unmanaged: tuple[Unmanaged, ...]


class Kind:
    """A kind of resource: what the product knows about it, and how it is read and written.

    Every method is a pure function of its arguments. The defaults suit a kind that needs nothing
    special.
    """

    name: ClassVar[str]
    section: ClassVar[str]
    """The section of a spec that declares the resources of this kind."""
    removal: ClassVar[Removal] = Removal.DELETE
    references: ClassVar[tuple[Reference, ...]] = ()
    sobject: ClassVar[str | None] = None
    """The sObject, if the org has one record for each resource."""
    listed_types: ClassVar[frozenset[str]] = frozenset()
    """The Metadata types whose components must be listed by name and Id."""
    lookup_fields: ClassVar[tuple[str, ...]] = ()
    """The fields that checks need of a record that a spec only refers to."""
    name_is_unique: ClassVar[bool] = True
    """Whether two resources of the kind never have the same name, which `was:` changes."""
    in_rosters: ClassVar[bool] = False
    """Whether each row of a roster can declare a resource of this kind."""
    shared_by_rows: ClassVar[bool] = False
    """Whether rows of a roster with the same natural key declare one resource together."""
    matched_last: ClassVar[bool] = False
    """Whether its resources are matched after those of other kinds, by whose rows they are."""
    runs_first: ClassVar[bool] = False
    """Whether its steps run before those of other kinds, which may depend on them unsaid."""
    needs_setup_facts: ClassVar[bool] = True
    """Whether its checks use the permissions of the running user and the portal settings."""
    recheck_before_create: ClassVar[bool] = False
    """Whether the org is read again before a create, as Salesforce accepts a second resource."""
    in_setup_trail: ClassVar[bool] = False
    """Whether the setup audit trail records changes of this kind."""

    @classmethod
    def owns(cls, address: Address) -> bool:
        """Whether an address is that of a resource of this kind."""
        return address.kind == cls.name

    @classmethod
    def address(cls, key: str) -> Address:
        """The address of the resource of this kind with that key."""
        return Address(cls.name, key)

    # ------------------------------------------------------------ the spec

    def desired(self, spec: Spec, declared: Declared) -> Resource:
        """The resource that a spec declares. References are still `Ref`s and `Lookup`s."""
        raise NotImplementedError

    def unique_name(self, spec: Spec) -> tuple[str, tuple[str, ...]] | None:
        """The name that no other resource of this kind can have, and its path in the spec.

        `None` if the kind has no unique name, or the resource is identified by something else.
        """
        raise NotImplementedError

    def spec_problems(self, specs: Sequence[Spec]) -> Iterable[Diagnostic]:
        """What is wrong with the specs of this kind together, which no schema can check."""
        return ()

    def renamed_fields(self) -> tuple[str, ...]:
        """The fields of which one changes if a `was:` has not been applied yet."""
        raise NotImplementedError

    def former_name_recurs(self, resource: Resource, context: Context) -> bool:
        """Whether every new org has the resource under its former name."""
        return False

    # ------------------------------------------------------------ reading

    def described_objects(self, desired: Sequence[Resource]) -> frozenset[str]:
        """The sObjects whose describe is needed to read and compare these resources."""
        return frozenset()

    def initial_queries(self, desired: Sequence[Resource]) -> NamedQueries:
        """The queries that need nothing but the specs."""
        return {}

    def followup_queries(
        self, desired: Sequence[Resource], facts: OrgFacts, desired_of: FindDesired
    ) -> NamedQueries:
        """The queries that need the answers to the initial queries."""
        return {}

    def final_queries(
        self, desired: Sequence[Resource], facts: OrgFacts, ids: Mapping[Address, str]
    ) -> NamedQueries:
        """The queries that need the answers to the follow-up queries; none in most plans.

        `ids` are the Ids of the resources whose kinds are matched before this one.
        """
        return {}

    def read_live(
        self,
        desired: Sequence[Resource],
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> LiveResources:
        """The resources of the org that match these; `ids` as for `final_queries`."""
        raise NotImplementedError

    def facts_from_live(
        self,
        desired: Sequence[Resource],
        live: Sequence[Resource],
        looked_up: Collection[tuple[Address, str]],
        facts: OrgFacts,
    ) -> OrgFacts:
        """The facts with what live resources tell about kinds that are matched after this one.

        `looked_up` are the references, by resource and field, that `{find: ...}` wrote.
        """
        return facts

    def own_listed_type(self) -> str | None:
        """The Metadata type of the kind if the org lists its components, with who changed them."""
        return None

    def resolve(
        self,
        resource: Resource,
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> Resource:
        """The resource as it is compared: references resolved, defaults filled in."""
        raise NotImplementedError

    def lookups(self, resource: Resource, facts: OrgFacts) -> Iterable[Lookup]:
        """The lookups of a resource, each with the sObject in which it looks."""
        return ()

    # ------------------------------------------------------------ being referred to

    def lookup_values(self, resource: Resource) -> Mapping[str, Value] | None:
        """The values by which a lookup may match a declared resource of this kind.

        `None` if lookups never look for this kind.
        """
        return None

    def rows_in_facts(self, lookup: Lookup, facts: OrgFacts) -> tuple[Row, ...] | None:
        """The rows that a lookup matches if `facts` has them all; `None` if a query is needed."""
        return None

    def is_pending(self, lookup: Lookup, facts: OrgFacts) -> bool:
        """Whether the plan creates the record that a lookup matches, without a spec for it."""
        return False

    def enabling_steps(self, resource: Resource, facts: OrgFacts) -> Iterable[Address]:
        """The settings whose change creates what the resource uses, without a reference to it."""
        return facts.enabling_steps_of_lookups(resource)

    def ambiguous_names(self, lookup: Lookup, facts: OrgFacts) -> tuple[str, ...]:
        """The names of the records of one name that a lookup cannot tell apart."""
        return ()

    def suggestion(self, context: Context, referring_kind: str, lookup: Lookup) -> str | None:
        """What to do about a lookup that matches no record."""
        declare = f"declare it under `{self.section}:`, or "
        return f"{declare}find it by other fields: `{{find: {{FIELD: value}}}}`"

    # ------------------------------------------------------------ planning

    def calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        """The calls that make the change, in order."""
        raise NotImplementedError

    def problems(self, context: Context) -> Iterable[Diagnostic]:
        """What Salesforce would reject of the changes of this kind."""
        return ()

    def notes(self, change: Change, context: Context) -> Iterable[Note]:
        """What a person must know of a change before it happens, the gravest first."""
        return ()

    def profiles_to_count(self, change: Change, facts: OrgFacts) -> Iterable[str]:
        """The Ids of the profiles whose active users the notes of a change count."""
        return ()

    def profiles_granted(self, change: Change, facts: OrgFacts) -> Iterator[str]:
        """The names of the profiles that a change gives to users or copies."""
        return iter(())

    def missing_permissions(self, change: Change, context: Context) -> Iterator[str]:
        """What the running user is not permitted to do and the change needs, in words."""
        return iter(())

    def locked_record(self, change: Change, desired_of: FindDesired) -> Hashable:
        """The other record that Salesforce locks while the change is written; `None` if none."""
        return None

    def login_url(self, live: Resource, organization_id: str, instance_url: str) -> str | None:
        """The address where users log in to a live resource; `None` if they cannot."""
        return None

    # ------------------------------------------------------------ drift

    def setup_trail_names(self, change: Change) -> Iterator[str]:
        """The names that an entry of the setup audit trail may use for the resource."""
        return iter(())

    def recycle_bin_key(self) -> str | None:
        """The field by which a deleted record is found in the recycle bin."""
        return None

    def inventory(
        self, live: LiveState, facts: OrgFacts, users: Sequence[Row], active_users: int
    ) -> Inventory | None:
        """What the portals of the org use of this kind; `None` if they do not use the kind.

        `users` are the newest active portal users, `active_users` is the number of all of them.
        """
        return None


def candidates(*, unknown: bool) -> Query[Sequence[Row]] | None:
    """The query for the users that an unknown name may stand for; sent only if there is one."""
    return INTERNAL_USERS if unknown else None


def inventory(total: int, unmanaged: Iterable[Unmanaged]) -> Inventory:
    """The inventory of a kind of which all resources are known."""
    others = tuple(unmanaged)
    return Inventory(total, total - len(others), others)
