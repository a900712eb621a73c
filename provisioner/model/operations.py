"""What can be asked of an org and what can be done to it, as data.

`Query` and `Call` are closed: `org/` matches every member. A `Ref` in a call stands
for an Id not known yet, a `Lookup` for one that is looked up just before the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from provisioner.model.resource import Scalar, Secret, Value

# ---------------------------------------------------------------- reads


@dataclass(frozen=True, slots=True)
class Describe:
    """The describe of one sObject. Answer: Salesforce's JSON object, `None` if unknown."""

    sobject: str


@dataclass(frozen=True, slots=True)
class Select:
    """Records of one sObject. Answer: a list of rows, fields by API name as written here.

    `any_of` holds (field, values): a row is in the answer when any one of the fields has
    one of its values; all rows when it is empty. A parent's field is spelled as in SOQL
    (`Owner.UserRoleId`), and stands under that same flat name in the row.
    """

    sobject: str
    fields: tuple[str, ...]
    any_of: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest records of one sObject, by `CreatedDate`. Answer: as of `Select`, newest first.

    `within` holds (field, values): of each field a row has one of the values. Of `without`
    it has none. At most `limit` rows are read, which Salesforce gives in one answer. With
    `deleted` they are those of the recycle bin.
    """

    sobject: str
    fields: tuple[str, ...]
    limit: int
    within: tuple[tuple[str, tuple[str | bool, ...]], ...] = ()
    without: tuple[tuple[str, tuple[str | bool, ...]], ...] = ()
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class ListMetadata:
    """The components of some Metadata types. Answer: a list of `Component`.

    A type that the org does not offer yet (Portal, before the Customer Portal is on)
    has no components.
    """

    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """One line of a `listMetadata` answer; `modified` is an ISO instant."""

    type: str
    full_name: str
    id: str
    modified_by: str
    modified: str


@dataclass(frozen=True, slots=True)
class ReadMetadata:
    """Components as Metadata API XML. Answer: {full name: bytes}, missing ones left out.

    The bytes are the children's container element as it came, namespaces included.
    """

    type: str
    full_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadMembership:
    """The profiles of a portal, from its setup page. Answer: a list of `Member`."""

    portal_id: str


@dataclass(frozen=True, slots=True)
class Member:
    """One row of the membership page: a profile that could be, or is, of the portal."""

    profile_id: str
    name: str
    member: bool


@dataclass(frozen=True, slots=True)
class CountActive:
    """The active users of some profiles. Answer: {profile Id: count}, empty ones left out."""

    profile_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Me:
    """Who is logged in. Answer: the username, `None` where the login may not ask."""


@dataclass(frozen=True, slots=True)
class LastLogins:
    """The last rows of a user's LoginHistory. Answer: a list of rows, the newest first."""

    user_id: str
    fields: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class PasswordExpired:
    """Whether a user's next login asks for a new password. Answer: a bool."""

    user_id: str


@dataclass(frozen=True, slots=True)
class ReadSites:
    """The Experience Cloud sites. Answer: a list of `Site`, by name; none where there are none."""


@dataclass(frozen=True, slots=True)
class Site:
    """One site, and where its users log in; `status` is Salesforce's, such as `Live`."""

    id: str
    name: str
    status: str
    login_url: str


@dataclass(frozen=True, slots=True)
class ServerTime:
    """The org's own time. Answer: a datetime in UTC."""


Query = (
    Describe
    | Select
    | Newest
    | CountActive
    | Me
    | LastLogins
    | PasswordExpired
    | ReadSites
    | ServerTime
    | ListMetadata
    | ReadMetadata
    | ReadMembership
)

# ---------------------------------------------------------------- writes

# `operation` is the name in journals and saved plans: it stays when a class is renamed.


@dataclass(frozen=True, slots=True)
class CreateRecord:
    operation: ClassVar[str] = "CreateRecord"
    sobject: str
    fields: Mapping[str, Value]


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
    """Give a user this password. Sends no e-mail."""

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
    the edits, and created. (platform reference 4.1)
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

# A username is unique in all of Salesforce, a profile's name and a group's developer name in
# their org: a second create is refused.
_UNIQUE = frozenset({"user", "profile", "group"})


def may_duplicate(call: Call) -> bool:
    """Whether a second copy of the call could create a second record or send a second email."""
    match call:
        case CreateRecord(sobject):
            return sobject.casefold() not in _UNIQUE
        case ResetPassword():
            return True
        case _:
            return False
