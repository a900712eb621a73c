"""User: a contact's login to the portal, or a person of the company."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from provisioner.kinds.base import Declared, FindDesired, NamedQueries, Removal
from provisioner.kinds.org_facts import OrgFacts
from provisioner.kinds.record import RecordKind, Reference, with_fields
from provisioner.model.change import Action, Change
from provisioner.model.operations import Call, ResetPassword, SetPassword, UpdateRecord
from provisioner.model.resource import Address, Ref, Resource, Secret, Spec, Value

# The pseudo-field of `on_create.password`: whether the user was ever given one.
PASSWORD = "password"  # noqa: S105  (the name of a field, not a password)
MAILED = "mailed to the user"
FOLLOW = "follow_contact"
EMAIL = "Email"
FOLLOWED = (EMAIL, "FirstName", "LastName")
"""The fields of a user that its contact has, too, in which `follow_contact` follows it."""

# Changing these first, alone: "the existing profile is considered when validating the
# role", even when both change in one update. (platform reference 2.1)
_PROFILE = "ProfileId"
_ROLE = frozenset({"UserRoleId", "PortalRole"})


class UserKind(RecordKind):
    name = "user"
    section = "users"
    removal = Removal.DEACTIVATE
    sobject = "User"
    lists = frozenset({"Profile"})
    natural = ("Username",)
    always = (
        "Name",
        "ContactId",
        "Contact.Email",
        *FOLLOWED,
        "IsActive",
        "LastLoginDate",
        "LastPasswordChangeDate",
        "ProfileId",
        "UserType",
    )
    references = (
        Reference("contact", "ContactId", "contact", "Contact", "Name"),
        Reference("profile", "ProfileId", "profile", "Profile", "Name"),
        Reference("role", "UserRoleId", "role", "UserRole", "Name"),
        Reference("manager", "ManagerId", "user", "User", "Username"),
    )

    def desired(self, spec: Spec, declared: Declared) -> Resource:
        resource = super().desired(spec, declared)
        password = spec.data.get("on_create", {}).get("password")
        more: dict[str, Value] = {}
        if spec.data.get(FOLLOW) is True:
            # Until the contact is known: see `resolve`.
            more[FOLLOW] = True
        if password is not None:
            more[PASSWORD] = password if isinstance(password, Secret) else MAILED
        if not more:
            return resource
        written = {**resource.written, **more}
        return with_fields(resource, written, written)

    def paths(self, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        found = super().paths(names)
        if FOLLOW in names:
            found = {**{name: (FOLLOW, name) for name in FOLLOWED}, **found}
        return {**found, PASSWORD: ("on_create", "password")} if "on_create" in names else found

    def followup_queries(
        self, wanted: Sequence[Resource], facts: OrgFacts, desired_of: FindDesired
    ) -> NamedQueries:
        # Also every user of the contacts, whatever its name: a contact has at most one.
        select, emails = self.select(wanted, facts), _emails(wanted, desired_of)
        return {"rows": replace(select, any_of=(*select.any_of, ("Contact.Email", emails)))}

    def resolve(
        self,
        resource: Resource,
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> Resource:
        contact = resource.written.get("ContactId")
        person = desired_of(contact.to) if isinstance(contact, Ref) else None
        if FOLLOW in resource.written:
            resource = _following(resource, person)
        given = super().resolve(resource, facts, ids, desired_of)
        fields, written = given.fields, given.written
        defaults: Mapping[str, Value] = {}
        # Only a new user is given what the spec leaves open.
        if not resource.remove and resource.address not in ids:
            defaults = {
                name: value
                for name, value in _defaults(given, person, facts).items()
                if name not in written
            }
            fields, written = {**fields, **defaults}, {**written, **defaults}
        if PASSWORD in fields and not resource.remove:
            fields = {**fields, PASSWORD: True}
        return with_fields(given, fields, written, frozenset(defaults))

    def augment_live(self, live: Resource) -> Resource:
        # A reset that was lost between creating the user and mailing the password shows:
        # the date is null until a password was set or reset.
        row = live.written
        had = bool(row.get("LastPasswordChangeDate") or row.get("LastLoginDate"))
        fields, written = _HAD if had else _NEVER
        return with_fields(live, _Beside(live.fields, fields), _Beside(row, written))

    def is_api_field(self, name: str) -> bool:
        return name != PASSWORD

    def calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        calls = super().calls(change, facts)
        if change.action is Action.UPDATE:
            calls = tuple(part for call in calls for part in _apart(call))
        return (*calls, *_password(change))


def confirms_email(change: Change) -> bool:
    """Whether Salesforce e-mails the new address of a user for it to be confirmed.

    "An email is sent to the new email address so that the change can be confirmed"; only of
    active users the address can be changed. (Salesforce help 000385115, "Change a user's email
    address")
    """
    is_user = change.address.kind == "user" and change.action is Action.UPDATE
    changed = is_user and change.field(EMAIL) is not None
    return changed and change.result("IsActive") is not False


def _following(user: Resource, person: Resource | None) -> Resource:
    """The user with the e-mail and the name that the spec gives its contact."""
    given = person.written if person else {}
    followed: dict[str, Value] = {
        name: given[name]
        for name in FOLLOWED
        # Of a user, only the first name can be empty.
        if name in given and name not in user.written and (given[name] or name == "FirstName")
    }
    written = {name: value for name, value in user.written.items() if name != FOLLOW} | followed
    return with_fields(user, written, written)


_HAD: tuple[Mapping[str, Value], ...] = {PASSWORD: True}, {PASSWORD: "given"}
_NEVER: tuple[Mapping[str, Value], ...] = {PASSWORD: False}, {PASSWORD: "never given"}


class _Beside(Mapping[str, Value]):
    """The fields of one mapping, and those of another that many have beside them."""

    __slots__ = ("_beside", "_fields")

    def __init__(self, fields: Mapping[str, Value], beside: Mapping[str, Value]) -> None:
        self._fields = fields
        self._beside = beside

    def __getitem__(self, name: str) -> Value:
        return self._beside[name] if name in self._beside else self._fields[name]

    def __contains__(self, name: object) -> bool:
        return name in self._beside or name in self._fields

    def __iter__(self) -> Iterator[str]:
        yield from self._fields
        yield from self._beside

    def __len__(self) -> int:
        return len(self._fields) + len(self._beside)


def _apart(call: Call) -> tuple[Call, ...]:
    """A change of profile and role as two requests; a call with no fields left is none."""
    if not isinstance(call, UpdateRecord):
        return (call,)
    if not call.fields:
        return ()
    if _PROFILE not in call.fields or not call.fields.keys() & _ROLE:
        return (call,)
    first = {_PROFILE: call.fields[_PROFILE]}
    rest = {n: v for n, v in call.fields.items() if n != _PROFILE}
    return replace(call, fields=first), replace(call, fields=rest)


def _password(change: Change) -> tuple[Call, ...]:
    if PASSWORD not in change.names():
        return ()
    user: Value = change.before.id if change.before else Ref(change.address)
    match change.after.written[PASSWORD]:
        case Secret() as secret:
            return (SetPassword(user, secret),)
        case _:
            return (ResetPassword(user),)


def _emails(wanted: Sequence[Resource], desired_of: FindDesired) -> tuple[str, ...]:
    contacts = (r.written.get("ContactId") for r in wanted)
    people = (desired_of(c.to) for c in contacts if isinstance(c, Ref))
    emails = (p.written.get("Email") for p in people if p)
    return tuple(sorted({e.strip() for e in emails if isinstance(e, str)}))


def _defaults(user: Resource, person: Resource | None, facts: OrgFacts) -> Mapping[str, Value]:
    """What Salesforce requires of a new user, where neither spec nor org say it.

    The same spec gives the same values on every run: they come from the username, the
    contact and the organisation's own defaults.
    """
    username = str(user.written.get("Username") or "")
    of_contact = person.written if person else {}
    last = user.written.get("LastName") or of_contact.get("LastName")
    first = user.written.get("FirstName") or of_contact.get("FirstName")
    organization = facts.organization
    values: dict[str, Value] = {
        "LastName": last,
        "FirstName": first,
        "Email": of_contact.get("Email"),
        "Alias": _alias(first, last, username),
        "CommunityNickname": _nickname(username),
        "TimeZoneSidKey": organization.get("TimeZoneSidKey"),
        "LocaleSidKey": organization.get("DefaultLocaleSidKey"),
        "LanguageLocaleKey": organization.get("LanguageLocaleKey"),
        "EmailEncodingKey": "UTF-8",
    }
    return {name: value for name, value in values.items() if value is not None}


def _alias(first: Value, last: Value, username: str) -> str:
    """First letter and last name, eight plain characters at most, as Setup suggests it."""
    name = f"{str(first)[:1] if first else ''}{last or username.partition('@')[0]}"
    # Folding also writes `ß` as `ss`, which has no other form in ASCII.
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    letters = "".join(c for c in plain if c.isalnum())
    return (letters or "user")[:8]


def _nickname(username: str) -> str:
    """Unique in the org as the username is: its local part, and a digest of the whole."""
    digest = hashlib.sha256(username.casefold().encode()).hexdigest()[:8]
    return f"{username.partition('@')[0][:31]}.{digest}"
