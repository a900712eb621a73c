"""The queries and the write calls that an org supports, as data.

Both sets are closed: `org/` handles every member. A `Ref` in a call stands for an Id that is not
known yet, a `Lookup` for an Id that is looked up just before the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, NotRequired, TypedDict, TypeVar, cast

from provisioner.model.resource import Scalar, Secret, Value

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# ---------------------------------------------------------------- reads

Row = Mapping[str, Scalar]
"""A record: its fields by API name, as the query spells them."""


def text(row: Row, field: str) -> str:
    """The field of a record as text, empty if it is null."""
    return optional_text(row, field) or ""


def optional_text(row: Row, field: str) -> str | None:
    """The field of a record as text, `None` if it is null."""
    value = row[field]
    return None if value is None else str(value)


class Query(Generic[T_co]):
    """A question to an org. The type parameter is the type of its answer."""

    __slots__ = ()


class QueryAnswers(Mapping[Query[object], object]):
    """Answers by query, each of the type that its query declares.

    Looking up a query that was not sent raises KeyError: it is a mistake in this program, and not
    the same as an empty answer.
    """

    __slots__ = ("_answers",)

    def __init__(self, answers: Mapping[Query[object], object] | None = None) -> None:
        self._answers = dict(answers or {})

    def __getitem__(self, query: Query[T]) -> T:
        return cast("T", self._answers[query])

    def __contains__(self, query: object) -> bool:
        return query in self._answers

    def __iter__(self) -> Iterator[Query[object]]:
        return iter(self._answers)

    def __len__(self) -> int:
        return len(self._answers)

    def __repr__(self) -> str:
        return f"QueryAnswers({self._answers!r})"


class PicklistEntry(TypedDict):
    value: str
    active: NotRequired[bool]


class FieldDescribe(TypedDict):
    """What a describe says about one field, as far as it is used."""

    name: str
    type: str
    label: str
    createable: bool
    updateable: bool
    defaultedOnCreate: bool
    nillable: NotRequired[bool]
    length: NotRequired[int | None]
    referenceTo: NotRequired[Sequence[str] | None]
    picklistValues: NotRequired[Sequence[PicklistEntry] | None]
    restrictedPicklist: NotRequired[bool | None]
    externalId: NotRequired[bool | None]


class ObjectDescribe(TypedDict):
    """The describe of an sObject, as far as it is used."""

    fields: Sequence[FieldDescribe]
    keyPrefix: NotRequired[str | None]
    createable: NotRequired[bool]
    updateable: NotRequired[bool]
    deletable: NotRequired[bool]


@dataclass(frozen=True, slots=True)
class Describe(Query[ObjectDescribe | None]):
    """The describe of one sObject; `None` if the org has no such object."""

    sobject: str


@dataclass(frozen=True, slots=True)
class Select(Query[Sequence[Row]]):
    """Records of one sObject, by Id. The fields have their API names as written here.

    `any_of` holds (field, values): a row is in the answer if any one of the fields has
    one of its values; all rows if it is empty. A parent's field is spelled as in SOQL
    (`Owner.UserRoleId`), and has that same flat name in the row.
    """

    sobject: str
    fields: tuple[str, ...]
    any_of: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Newest(Query[Sequence[Row]]):
    """The newest records of one sObject by `CreatedDate`, the newest first.

    `within` holds (field, values): a row has one of the values of each field. It has none of the
    values of `without`. At most `limit` rows are read, which Salesforce returns in one page. With
    `deleted`, they are the records in the recycle bin.
    """

    sobject: str
    fields: tuple[str, ...]
    limit: int
    within: tuple[tuple[str, tuple[str | bool, ...]], ...] = ()
    without: tuple[tuple[str, tuple[str | bool, ...]], ...] = ()
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Component:
    """One component in a response to `listMetadata`; `modified` is an ISO time."""

    type: str
    full_name: str
    id: str
    modified_by: str
    modified: str


@dataclass(frozen=True, slots=True)
class ListMetadata(Query[Sequence[Component]]):
    """The components of some Metadata types.

    A type that the org does not have yet (Portal, before the Customer Portal is enabled)
    has no components.
    """

    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadMetadata(Query[Mapping[str, bytes]]):
    """Components as Metadata API XML, by full name. Missing components are left out.

    The bytes are the element that contains the component, with its namespaces.
    """

    type: str
    full_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """One row of a portal's membership page: a profile, and whether it is a member."""

    profile_id: str
    name: str
    member: bool


@dataclass(frozen=True, slots=True)
class ReadMembership(Query[Sequence[Member]]):
    """The profiles that a portal can have as members, from its setup page."""

    portal_id: str


@dataclass(frozen=True, slots=True)
class CountActive(Query[Mapping[str, int]]):
    """The number of active users by profile Id. Profiles without active users are left out."""

    profile_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunningUsername(Query[str | None]):
    """The username that is logged in; `None` if the login is not allowed to ask."""


@dataclass(frozen=True, slots=True)
class LastLogins(Query[Sequence[Row]]):
    """The last rows of a user's LoginHistory, the newest first."""

    user_id: str
    fields: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class PasswordExpired(Query[bool]):
    """Whether a user must set a new password at the next login."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Site:
    """One site and its login page; `status` is Salesforce's, such as `Live`."""

    id: str
    name: str
    status: str
    login_url: str


@dataclass(frozen=True, slots=True)
class ReadSites(Query[Sequence[Site]]):
    """The Experience Cloud sites by name; empty if Digital Experiences are off."""


@dataclass(frozen=True, slots=True)
class ServerTime(Query[datetime]):
    """The org's own time, in UTC."""


AnyQuery = (
    Describe
    | Select
    | Newest
    | CountActive
    | RunningUsername
    | LastLogins
    | PasswordExpired
    | ReadSites
    | ServerTime
    | ListMetadata
    | ReadMetadata
    | ReadMembership
)
"""Every query there is, for code that must handle each of them."""

# ---------------------------------------------------------------- writes

# `operation` is the name in journals and saved plans: it stays when a class is renamed.


@dataclass(frozen=True, slots=True)
class CreateRecord:
    """Create a record. `unique`: Salesforce rejects a second create with the same values."""

    operation: ClassVar[str] = "CreateRecord"
    sobject: str
    fields: Mapping[str, Value]
    unique: bool = False


@dataclass(frozen=True, slots=True)
class UpsertRecord:
    """Create a record, or update the one whose external id field `key` has this value.

    Salesforce creates no second record with the same external id, so the call may be repeated.
    (REST API Developer Guide, "Insert or Update (Upsert) a Record Using an External ID")
    """

    operation: ClassVar[str] = "UpsertRecord"
    sobject: str
    key: str
    value: Scalar
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class UpdateRecord:
    operation: ClassVar[str] = "UpdateRecord"
    sobject: str
    id: Value
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class DeleteRecord:
    operation: ClassVar[str] = "DeleteRecord"
    sobject: str
    id: Value


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Give a user this password. Sends no email."""

    operation: ClassVar[str] = "SetPassword"
    user: Value
    password: Secret


@dataclass(frozen=True, slots=True)
class ResetPassword:
    """Let Salesforce make a new password and mail it to the user."""

    operation: ClassVar[str] = "ResetPassword"
    user: Value


@dataclass(frozen=True, slots=True)
class CreateMetadata:
    """A new component with these top-level elements (`None` ones are left out)."""

    operation: ClassVar[str] = "CreateMetadata"
    type: str
    full_name: str
    elements: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class CloneMetadata:
    """A new component that starts as a copy of `source`, then is edited.

    There is no clone call in the Metadata API: `source` is read, given the new name and
    the edits, and created. (fact 508)
    """

    operation: ClassVar[str] = "CloneMetadata"
    type: str
    source: str
    full_name: str
    edits: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class EditMetadata:
    """Read a component, change only what `edits` names, and write it back.

    The keys of `edits` are field names as its kind spells them (`description`,
    `objectPermissions.Case`, `CanAllowPortalSelfReg.section`); `kinds` turns them into
    XML, see `provisioner.kinds.xml_edit`.
    """

    operation: ClassVar[str] = "EditMetadata"
    type: str
    full_name: str
    edits: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class RenameMetadata:
    operation: ClassVar[str] = "RenameMetadata"
    type: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class DeleteMetadata:
    operation: ClassVar[str] = "DeleteMetadata"
    type: str
    full_name: str


@dataclass(frozen=True, slots=True)
class EnableCustomerPortal:
    """Turn the Customer Portal on by its setup page, which also makes the first portal."""

    operation: ClassVar[str] = "EnableCustomerPortal"


@dataclass(frozen=True, slots=True)
class SetMembership:
    """Make exactly these profiles, by name, the members of a portal, by its setup page."""

    operation: ClassVar[str] = "SetMembership"
    portal: str
    profiles: tuple[str, ...]


Call = (
    CreateRecord
    | UpsertRecord
    | UpdateRecord
    | DeleteRecord
    | SetPassword
    | ResetPassword
    | CreateMetadata
    | CloneMetadata
    | EditMetadata
    | RenameMetadata
    | DeleteMetadata
    | EnableCustomerPortal
    | SetMembership
)


def may_duplicate(call: Call) -> bool:
    """Whether a second copy of the call could create a second record or send a second email."""
    match call:
        case CreateRecord():
            return not call.unique
        case ResetPassword():
            return True
        case _:
            return False
