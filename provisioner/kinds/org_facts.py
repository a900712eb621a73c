"""What was read from an org: describes, licences, profiles, components, rights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from provisioner.model.operations import (
    Component,
    Describe,
    ListMetadata,
    Newest,
    ObjectDescribe,
    Query,
    QueryAnswers,
    ReadMetadata,
    Row,
    Select,
    text,
)
from provisioner.model.resource import Address, Lookup, Resource

ORGANIZATION = Select(
    "Organization",
    ("Id", "Name", "IsSandbox", "LanguageLocaleKey", "DefaultLocaleSidKey", "TimeZoneSidKey"),
)
# UserLicense.Name is not unique: a Developer org has two rows with one name, one of them
# Disabled. (fact 414)
LICENCES = Select(
    "UserLicense",
    ("Id", "Name", "LicenseDefinitionKey", "Status", "TotalLicenses", "UsedLicenses"),
)
PROFILE = "Profile"
PROFILES = Select(PROFILE, ("Id", "Name", "UserLicenseId", "UserType"))
SWITCHES = ReadMetadata("OrgSettings", ("Org",))

# The `UserType` of users who log in through a portal or a site. (facts 303 and 423)
PORTAL_USER_TYPES = frozenset(
    {"CspLitePortal", "CustomerSuccess", "PowerCustomerSuccess", "PowerPartner", "CsnOnly"}
)
# Users with these types have a portal role, so the owner of their account needs a role too.
ROLE_USER_TYPES = frozenset({"CustomerSuccess", "PowerCustomerSuccess", "PowerPartner"})

# The fields that enabling the Customer Portal creates: a spec that enables it can use them.
# (fact 305)
FIELDS_OF_THE_PORTAL: Mapping[str, frozenset[str]] = {
    "Account": frozenset({"IsCustomerPortal", "IsPartner"}),
    "Contact": frozenset({"CanAllowPortalSelfReg"}),
    "User": frozenset({"IsPortalEnabled", "IsPortalSelfRegistered", "PortalRole"}),
}
# The ones of these that can be set only on a record that exists. (fact 401)
UPDATE_ONLY = frozenset({"IsCustomerPortal", "IsPartner", "IsPortalEnabled"})
FIRST_PORTAL = "Customer Portal"


@dataclass(frozen=True, slots=True)
class PendingProfile:
    """A profile that enabling the Customer Portal or Digital Experiences creates.

    It is created only if its licence has seats. (fact 105)
    """

    name: str
    full_name: str
    licence: str
    user_type: str


PROFILES_OF_THE_PORTAL = (
    PendingProfile(
        "High Volume Customer Portal",
        "HighVolumePortal",
        "High Volume Customer Portal",
        "CspLitePortal",
    ),
    PendingProfile(
        "High Volume Customer Portal User",
        "High Volume Customer Portal User",
        "High Volume Customer Portal",
        "CspLitePortal",
    ),
    # Two profiles, one name. (fact 510)
    PendingProfile(
        "Authenticated Website", "PlatformPortal", "Authenticated Website", "CspLitePortal"
    ),
    PendingProfile(
        "Authenticated Website", "AuthenticatedWebsite", "Authenticated Website", "CspLitePortal"
    ),
    PendingProfile(
        "Customer Portal User", "Customer Portal User", "Customer Portal User", "CustomerSuccess"
    ),
    PendingProfile(
        "Customer Portal Manager",
        "Customer Portal Manager",
        "Customer Portal Manager",
        "PowerCustomerSuccess",
    ),
    PendingProfile(
        "Customer Portal Manager Custom",
        "Customer Portal Manager Custom",
        "Customer Portal Manager Custom",
        "PowerCustomerSuccess",
    ),
    PendingProfile(
        "Customer Portal Manager Standard",
        "Customer Portal Manager Standard",
        "Customer Portal Manager Standard",
        "CustomerSuccess",
    ),
)


# A licence of sites that is disabled may get its first seats with Digital Experiences, as in a
# Developer org. (fact 414)
PROFILES_OF_SITES = tuple(
    PendingProfile(name, name, licence, user_type)
    for name, licence, user_type in (
        ("Customer Community User", "Customer Community", "CspLitePortal"),
        ("Customer Community Login User", "Customer Community Login", "CspLitePortal"),
        ("Customer Community Plus User", "Customer Community Plus", "PowerCustomerSuccess"),
        (
            "Customer Community Plus Login User",
            "Customer Community Plus Login",
            "PowerCustomerSuccess",
        ),
        ("Partner Community User", "Partner Community", "PowerPartner"),
        ("Partner Community Login User", "Partner Community Login", "PowerPartner"),
        ("Gold Partner User", "Gold Partner", "PowerPartner"),
        ("Silver Partner User", "Silver Partner", "PowerPartner"),
    )
)

# The permissions that steps need: the names in the API, and the labels in Setup.
PERMISSIONS: Mapping[str, str] = {
    "CustomizeApplication": "Customize Application",
    "ManageCssUsers": "Manage Customer Users",
    "ManageInternalUsers": "Manage Internal Users",
    "ManagePartners": "Manage External Users",
    "ManageProfilesPermissionsets": "Manage Profiles and Permission Sets",
    "ManageUsers": "Manage Users",
    "ResetPasswords": "Reset User Passwords and Unlock Users",
}
_ASSIGNED = "PermissionSet.Permissions"
_ASSIGNEE = "Assignee."
_OF_USER = ("Id", "IsActive", "Name", "Profile.Name", "UserRoleId", "Username")

# The users who can be owners, managers and admins: the newest of them.
INTERNAL_USERS = Newest(
    "User",
    ("Id", "Name", "Username"),
    2_000,
    within=(("IsActive", (True,)), ("UserType", ("Standard",))),
)


def user_by_username(username: str) -> Select:
    """The query for a user, with the fields that checks of the running user need."""
    return Select("User", _OF_USER, (("Username", (username,)),))


def rights_of(username: str, permissions: Iterable[str]) -> Select:
    """The query for a user with the permissions of its profile and permission sets, one a row."""
    fields = (
        "Id",
        *(f"{_ASSIGNEE}{name}" for name in _OF_USER),
        *(f"{_ASSIGNED}{name}" for name in permissions),
    )
    return Select("PermissionSetAssignment", fields, ((f"{_ASSIGNEE}Username", (username,)),))


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One field of a describe."""

    name: str
    type: str
    label: str
    length: int
    createable: bool
    updateable: bool
    reference_to: tuple[str, ...]
    picklist: frozenset[str]
    restricted: bool
    required: bool
    external_id: bool = False


@dataclass(frozen=True, slots=True)
class Licence:
    """A UserLicense: `total` and `used` are seats."""

    id: str
    name: str
    key: str
    active: bool
    total: int
    used: int

    @property
    def left(self) -> int:
        return self.total - self.used


@dataclass(frozen=True, slots=True)
class OrgProfile:
    """A profile under both of its names: `name` in records, `full_name` in metadata."""

    id: str
    name: str
    full_name: str
    licence_id: str
    user_type: str

    @property
    def is_portal(self) -> bool:
        return self.user_type in PORTAL_USER_TYPES


Answers = Mapping[str, Any]
"""The answers to the queries of one kind, by the names of `kinds.base.NamedQueries`."""


@dataclass(frozen=True)
class OrgFacts:
    """What was read from an org: `shared` by query, the rest by kind and name in `answers`.

    Access to the answer of a query that was never sent raises KeyError: it is a mistake in this
    program, and not the same as an empty answer. `lookups` has the records that each lookup
    matches, `active_user_counts` the number of active users of each profile that was counted, by
    Id, and `linked_contacts` the Id of the contact that the org has for the declared user of a
    contact. `identity` has the external id field of each sObject. `enabling_step` is the settings
    resource of a spec that enables the Customer Portal in an org where it is off, and
    `sites_enabling_step` that for Digital Experiences: what enabling creates is then pending, and
    not missing.
    """

    shared: QueryAnswers
    answers: Mapping[str, Answers] = field(default_factory=dict)
    enabling_step: Address | None = None
    sites_enabling_step: Address | None = None
    identity: Mapping[str, str] = field(default_factory=dict)
    lookups: Mapping[Lookup, tuple[Row, ...]] = field(default_factory=dict)
    active_user_counts: Mapping[str, int] = field(default_factory=dict)
    linked_contacts: Mapping[Address, str] = field(default_factory=dict)

    def asked(self, query: Query[object]) -> bool:
        """Whether this shared query was sent."""
        return query in self.shared

    def row_of(self, lookup: Lookup) -> Row | None:
        """The only record that a lookup matches, otherwise `None`."""
        rows = self.lookups[lookup]
        return rows[0] if len(rows) == 1 else None

    def id_of(self, lookup: Lookup) -> str | None:
        """The Id of the only record that a lookup matches, otherwise `None`."""
        rows = self.lookups[lookup]
        return str(rows[0]["Id"]) if len(rows) == 1 else None

    def unknown_names(self, lookup: Lookup) -> tuple[str, ...]:
        """The field names of a lookup that its object does not have.

        An object that was not described is only looked up by fields that every org has.
        """
        if not self.asked(Describe(lookup.sobject)):
            return ()
        info = self.describe(lookup.sobject)
        return () if info is None else tuple(n for n, _ in lookup.where if n not in info)

    def describe(self, sobject: str) -> Mapping[str, FieldInfo] | None:
        """The fields of an sObject by name; `None` when the org has no such object."""
        if sobject not in self._describes:
            described = self.shared[Describe(sobject)]
            self._describes[sobject] = None if described is None else _fields(described)
        return self._describes[sobject]

    @cached_property
    def _describes(self) -> dict[str, Mapping[str, FieldInfo] | None]:
        return {}

    @cached_property
    def organization(self) -> Row:
        rows = self.shared[ORGANIZATION]
        return rows[0] if rows else {}

    @cached_property
    def licences(self) -> Mapping[str, Licence]:
        """Every licence by its Id."""
        return {
            text(row, "Id"): Licence(
                text(row, "Id"),
                text(row, "Name"),
                text(row, "LicenseDefinitionKey"),
                row["Status"] == "Active",
                int(row["TotalLicenses"] or 0),
                int(row["UsedLicenses"] or 0),
            )
            for row in self.shared[LICENCES]
        }

    @cached_property
    def profiles(self) -> tuple[OrgProfile, ...]:
        """Every profile; the `full_name` is the name if no kind needs the full names."""
        listed = self._components.get("Profile", {})
        full_names = {c.id: c.full_name for c in listed.values()}
        return tuple(
            OrgProfile(
                text(row, "Id"),
                text(row, "Name"),
                full_names.get(text(row, "Id"), text(row, "Name")),
                text(row, "UserLicenseId"),
                text(row, "UserType"),
            )
            for row in self.shared[PROFILES]
        )

    def profiles_named(self, name: str) -> tuple[OrgProfile, ...]:
        """The profiles that have this name as one of their two names, whatever its case."""
        folded = name.casefold()
        return self._by_name.get(folded) or self._by_full_name.get(folded, ())

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[OrgProfile, ...]]:
        return _grouped((p.name, p) for p in self.profiles)

    @cached_property
    def _by_full_name(self) -> Mapping[str, tuple[OrgProfile, ...]]:
        return _grouped((p.full_name, p) for p in self.profiles)

    def unambiguous_name(self, profile: OrgProfile) -> str:
        """The name of a profile that no other profile has."""
        shared = len(self._by_name[profile.name.casefold()]) > 1
        return profile.full_name if shared else profile.name

    @cached_property
    def portal_profiles(self) -> tuple[OrgProfile, ...]:
        """The profiles whose users log in through a portal or site; not Chatter's own."""
        return tuple(p for p in self.profiles if p.is_portal and p.user_type != "CsnOnly")

    @cached_property
    def has_site_users(self) -> bool:
        """Whether there are profiles for users of portals or sites.

        Without a Customer Portal, they come with Digital Experiences. (facts 105 and 416)
        """
        return bool(self.portal_profiles)

    def lists(self, type_: str) -> bool:
        """Whether the components of a Metadata type were listed."""
        return type_ in self._components

    def components(self, type_: str) -> Mapping[str, Component]:
        """The components of a Metadata type by full name."""
        return self._components[type_]

    @cached_property
    def _components(self) -> Mapping[str, Mapping[str, Component]]:
        by_type: dict[str, dict[str, Component]] = {}
        for query in self.shared:
            if isinstance(query, ListMetadata):
                # The last list of a type is the newest.
                by_type |= {type_: {} for type_ in query.types}
                for listed in self.shared[query]:
                    by_type[listed.type][listed.full_name] = listed
        return by_type

    def component(self, type_: str, full_name: str) -> Component | None:
        """The component with that name, whatever its case, as Salesforce compares full names."""
        folded = full_name.casefold()
        named = self.components(type_).items()
        return next((c for name, c in named if name.casefold() == folded), None)

    @cached_property
    def switches(self) -> bytes | None:
        """The component of `OrgSettings`; `None` if the org has none yet."""
        return next(iter(self.shared[SWITCHES].values()), None)

    @cached_property
    def running_user(self) -> Mapping[str, Any] | None:
        """The user who is logged in and owns new records; `None` if the org does not tell."""
        answers = self.answers["running user"]
        rows = answers["rights"] or answers["user"] or ()
        if not rows:
            return None
        start = len(_ASSIGNEE)
        assigned = {n[start:]: v for n, v in rows[0].items() if n.startswith(_ASSIGNEE)}
        return assigned or rows[0]

    @cached_property
    def permissions(self) -> Mapping[str, bool]:
        """Whether the running user has each of `PERMISSIONS`, as far as the org tells."""
        rows = self.answers["running user"]["rights"] or ()
        start = len(_ASSIGNED)
        names = {n[start:] for row in rows for n in row if n.startswith(_ASSIGNED)}
        return {name: any(row[f"{_ASSIGNED}{name}"] for row in rows) for name in names}

    def missing_permissions(self, any_of: Iterable[str]) -> Iterator[str]:
        """The permissions of which the running user needs one and has none, by their labels.

        Empty if the org does not tell whether the user has them.
        """
        readable = [name for name in any_of if name in self.permissions]
        if readable and not any(self.permissions[name] for name in readable):
            yield " or ".join(f"`{PERMISSIONS[name]}`" for name in readable)

    def may(self, sobject: str, right: str) -> bool:
        """Whether the running user has a right to an object, such as `createable`."""
        described = self.shared[Describe(sobject)]
        return described is None or described.get(right) is not False

    def active_users(self, names: Iterable[str]) -> int:
        """The number of active users with any of these profiles."""
        ids = {p.id for name in names for p in self.profiles_named(name)}
        return sum(self.active_user_counts[id_] for id_ in ids)

    def is_pending_field(self, sobject: str, name: str) -> bool:
        """Whether this plan enables the portal, which creates the field."""
        return bool(self.enabling_step) and name in FIELDS_OF_THE_PORTAL.get(sobject, ())

    def pending_profile(self, name: str) -> PendingProfile | None:
        """The profile with that name or full name that this plan creates by enabling."""
        return next(iter(self._pending_profiles(name)), None)

    def enabling_step_of(self, profile: PendingProfile) -> Address | None:
        """The settings resource whose change creates a pending profile."""
        return self.sites_enabling_step if profile in PROFILES_OF_SITES else self.enabling_step

    def enabling_steps_of_lookups(self, resource: Resource) -> Iterator[Address]:
        """The settings whose change creates the profiles that a resource looks up."""
        for value in resource.written.values():
            if isinstance(value, Lookup) and value.sobject == PROFILE:
                pending = self.pending_profile(str(value.where[0][1]))
                if pending and (step := self.enabling_step_of(pending)):
                    yield step

    def _pending_profiles(self, name: str) -> tuple[PendingProfile, ...]:
        if self.profiles_named(name):
            return ()
        folded = name.casefold()
        exact = tuple(p for p in self._created if p.name.casefold() == folded)
        return exact or tuple(p for p in self._created if p.full_name.casefold() == folded)

    @cached_property
    def _created(self) -> tuple[PendingProfile, ...]:
        """The profiles that enabling creates, whether they exist already or not."""
        created = [p for p in PROFILES_OF_THE_PORTAL if self.enabling_step and self.licence_of(p)]
        if self.sites_enabling_step:
            names = {li.name for li in self.licences.values() if li.total or not li.active}
            created += [p for p in PROFILES_OF_SITES if p.licence in names]
        return tuple(created)

    def licence_without_seats(self, name: str) -> str | None:
        """The licence without seats because of which enabling does not create the profile."""
        possible: tuple[PendingProfile, ...] = PROFILES_OF_THE_PORTAL if self.enabling_step else ()
        possible += PROFILES_OF_SITES if self.sites_enabling_step else ()
        licences = {n.casefold(): p.licence for p in possible for n in (p.name, p.full_name)}
        return None if self.full_names_of(name) else licences.get(name.casefold())

    def full_names_of(self, name: str) -> tuple[str, ...]:
        """The full names of the profiles, existing or pending, that have this name."""
        profiles = self.profiles_named(name) or self._pending_profiles(name)
        return tuple(sorted(p.full_name for p in profiles))

    def namesakes(self, name: str) -> tuple[str, ...]:
        """The full names of the profiles that share the `Name` of the profile with this name.

        Empty if no profile, or only one, has the `Name`. Only the Metadata API tells such profiles
        apart: lookups and setup pages use the `Name`. (fact 510)
        """
        profiles = self.profiles_named(name) or self._pending_profiles(name)
        shared = {full for p in profiles for full in self.full_names_of(p.name)}
        return tuple(sorted(shared)) if len(shared) > 1 else ()

    def licence_of(self, profile: PendingProfile) -> Licence | None:
        """The licence that a pending profile will have; `None` if it has no seats now."""
        named = (li for li in self.licences.values() if li.name == profile.licence)
        return next((li for li in named if li.active and li.total), None)


def _grouped(named: Iterable[tuple[str, OrgProfile]]) -> Mapping[str, tuple[OrgProfile, ...]]:
    """The profiles by these names, case apart."""
    groups: dict[str, list[OrgProfile]] = {}
    for name, profile in named:
        groups.setdefault(name.casefold(), []).append(profile)
    return {name: tuple(profiles) for name, profiles in groups.items()}


def _fields(described: ObjectDescribe) -> Mapping[str, FieldInfo]:
    return {
        f["name"]: FieldInfo(
            f["name"],
            # A username is described as text, and stored in lower case as an email is.
            "email" if f["name"] == "Username" else f["type"],
            f["label"],
            int(f.get("length") or 0),
            bool(f["createable"]),
            bool(f["updateable"]),
            tuple(f.get("referenceTo") or ()),
            frozenset(v["value"] for v in f.get("picklistValues") or () if v.get("active", True)),
            bool(f.get("restrictedPicklist")),
            bool(f["createable"]) and not f.get("nillable", True) and not f["defaultedOnCreate"],
            bool(f.get("externalId")),
        )
        for f in described["fields"]
    }
