"""The kind `user`: how users are declared, read, compared and written."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import ChainMap
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from provisioner.kinds.advice import nearest_user
from provisioner.kinds.base import (
    Context,
    Declared,
    FindDesired,
    Inventory,
    NamedQueries,
    Reference,
    Removal,
    Unmanaged,
    inventory,
)
from provisioner.kinds.org_facts import PROFILE, OrgFacts
from provisioner.kinds.record import RecordKind, referenced, with_fields
from provisioner.kinds.user import checks, permissions, spec_checks
from provisioner.kinds.user.fields import (
    ACTIVE,
    CONTACT,
    CONTACT_KEY,
    FOLLOW,
    FOLLOWED,
    MAILED,
    NAME,
    PASSWORD,
    PROFILE_ID,
    PROFILE_KEY,
    SOBJECT,
    USERNAME,
)
from provisioner.kinds.user.notes import notes
from provisioner.model.change import Action, Change
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.operations import (
    Call,
    ResetPassword,
    Row,
    SetPassword,
    UpdateRecord,
    text,
)
from provisioner.model.plan import Note
from provisioner.model.resource import (
    Address,
    LiveState,
    Lookup,
    Ref,
    Resource,
    Secret,
    Spec,
    Value,
)

# A profile is changed in an update of its own, before these: "the existing profile is considered
# when validating the role", even if both change in one update. (fact 306)
_ROLE = frozenset({"UserRoleId", "PortalRole"})


class UserKind(RecordKind):
    name = NAME
    section = "users"
    removal = Removal.DEACTIVATE
    sobject = SOBJECT
    listed_types = frozenset({PROFILE})
    natural = (USERNAME,)
    always = (
        "Name",
        CONTACT,
        "Contact.Email",
        *FOLLOWED,
        ACTIVE,
        "LastLoginDate",
        "LastPasswordChangeDate",
        PROFILE_ID,
        "UserType",
    )
    lookup_fields = (ACTIVE, "UserRoleId", USERNAME)
    references = (
        Reference(CONTACT_KEY, "contact", "Contact", CONTACT, declared_only=True, of_row=True),
        Reference(PROFILE_KEY, "profile", PROFILE, PROFILE_ID, exact=False),
        Reference("role", "role", "UserRole", "UserRoleId"),
        Reference("manager", NAME, SOBJECT, "ManagerId", USERNAME),
    )
    in_rosters = True
    instructions = RecordKind.instructions | {"on_create", FOLLOW}
    needs_setup_facts = True
    salesforce_rejects_second = True
    in_setup_trail = True

    def desired(self, spec: Spec, declared: Declared) -> Resource:
        resource = super().desired(spec, declared)
        password = spec.data.get("on_create", {}).get("password")
        extra: dict[str, Value] = {}
        if spec.data.get(FOLLOW) is True:
            # `resolve` replaces it by the fields of the contact.
            extra[FOLLOW] = True
        if password is not None:
            extra[PASSWORD] = password if isinstance(password, Secret) else MAILED
        if not extra:
            return resource
        written = {**resource.written, **extra}
        return with_fields(resource, written, written)

    def paths(self, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        paths = super().paths(names)
        if FOLLOW in names:
            paths = {**{name: (FOLLOW, name) for name in FOLLOWED}, **paths}
        return {**paths, PASSWORD: ("on_create", "password")} if "on_create" in names else paths

    def identifying_keys(
        self, data: Mapping[str, Any], external: str | None
    ) -> Iterator[tuple[str, str]]:
        if external and data.get(external):
            yield external, ""
        # Also with an external id: a username is unique in all of Salesforce.
        if data.get(USERNAME):
            yield USERNAME, ""

    def spec_problems(self, specs: Sequence[Spec]) -> Iterable[Diagnostic]:
        yield from spec_checks.one_user_for_a_contact(specs)
        yield from spec_checks.contact_to_follow(specs)

    def problems(self, context: Context) -> Iterable[Diagnostic]:
        yield from checks.problems(context)

    def notes(self, change: Change, context: Context) -> Iterable[Note]:
        return notes(change)

    def missing_permissions(self, change: Change, context: Context) -> Iterator[str]:
        return permissions.missing(change, context)

    def locked_record(self, change: Change, desired_of: FindDesired) -> Hashable:
        # The portal users of an account lock its roles. (Salesforce record locking cheat sheet)
        contact = referenced(change, CONTACT)
        person = desired_of(contact) if isinstance(contact, Address) else None
        if person is None:
            return referenced(change, "UserRoleId")
        account = person.written.get("AccountId")
        return account.to if isinstance(account, Ref) else account

    def profiles_granted(self, change: Change, facts: OrgFacts) -> Iterator[str]:
        field = change.field(PROFILE_ID)
        if field:
            yield from _profile_names(change.after.fields.get(PROFILE_ID), facts)
            yield from _profile_names(field.after, facts)

    def suggestion(self, context: Context, referring_kind: str, lookup: Lookup) -> str | None:
        return nearest_user(context, referring_kind, str(lookup.where[0][1]))

    def inventory(
        self, live: LiveState, facts: OrgFacts, users: Sequence[Row], active_users: int
    ) -> Inventory:
        managed = {r.id for r in live.values()}
        profiles = {p.id: p.name for p in facts.portal_profiles}
        others = tuple(
            Unmanaged(
                NAME,
                text(user, USERNAME),
                text(user, "Id"),
                f"{user['Name']}, {profiles[text(user, PROFILE_ID)]}",
            )
            for user in users
            if user["Id"] not in managed
        )
        if len(users) == active_users:
            return inventory(active_users, others)
        active = sum(r.fields.get(ACTIVE) is True for a, r in live.items() if a.kind == NAME)
        return Inventory(active_users, active, others)

    def setup_trail_names(self, change: Change) -> Iterator[str]:
        # The trail has the full name of a user, which another user may have too.
        before = change.before
        yield str(change.after.shown(USERNAME) or "")
        yield str((before.shown("Name") if before else None) or "")

    def followup_queries(
        self, desired: Sequence[Resource], facts: OrgFacts, desired_of: FindDesired
    ) -> NamedQueries:
        # Also the users of the contacts, whatever their usernames: a contact has at most one.
        select, emails = self.select(desired, facts), _emails(desired, desired_of)
        return {"rows": replace(select, any_of=(*select.any_of, ("Contact.Email", emails)))}

    def facts_from_live(
        self,
        desired: Sequence[Resource],
        live: Sequence[Resource],
        looked_up: Collection[tuple[Address, str]],
        facts: OrgFacts,
    ) -> OrgFacts:
        # The contact that the org has for the user of a declared contact. Not of a `{find: ...}`,
        # which identifies its contact by its values, not by the user.
        contacts = {r.address: r.written.get(CONTACT) for r in live}
        linked = {
            contact.to: str(id_)
            for user in desired
            if (user.address, CONTACT) not in looked_up
            and isinstance(contact := user.written.get(CONTACT), Ref)
            and (id_ := contacts.get(user.address))
        }
        return replace(facts, linked_contacts=linked)

    def resolve(
        self,
        resource: Resource,
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> Resource:
        contact = resource.written.get(CONTACT)
        person = desired_of(contact.to) if isinstance(contact, Ref) else None
        if FOLLOW in resource.written:
            resource = _following(resource, person)
        resolved = super().resolve(resource, facts, ids, desired_of)
        fields, written = resolved.fields, resolved.written
        defaults: Mapping[str, Value] = {}
        # Only a new user gets default values.
        if not resource.remove and resource.address not in ids:
            defaults = {
                name: value
                for name, value in _defaults(resolved, person, facts).items()
                if name not in written
            }
            fields, written = {**fields, **defaults}, {**written, **defaults}
        if PASSWORD in fields and not resource.remove:
            fields = {**fields, PASSWORD: True}
        return with_fields(resolved, fields, written, frozenset(defaults))

    def augment_live(self, live: Resource) -> Resource:
        # The date is null until a password is set or reset: so a plan sees if a run ended after
        # the user was created and before the password was emailed.
        row = live.written
        had_password = bool(row.get("LastPasswordChangeDate") or row.get("LastLoginDate"))
        fields, written = _HAD if had_password else _NEVER
        return with_fields(live, _chained(live.fields, fields), _chained(row, written))

    def is_api_field(self, name: str) -> bool:
        return name != PASSWORD

    def calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        calls = super().calls(change, facts)
        if change.action is Action.UPDATE:
            calls = tuple(part for call in calls for part in _separated(call))
        return (*calls, *_password(change))


def _following(user: Resource, person: Resource | None) -> Resource:
    """The user with the email and the name of its contact in the spec."""
    of_contact = person.written if person else {}
    followed: dict[str, Value] = {
        name: of_contact[name]
        for name in FOLLOWED
        # Only the first name of a user can be empty.
        if name in of_contact
        and name not in user.written
        and (of_contact[name] or name == "FirstName")
    }
    written = {name: value for name, value in user.written.items() if name != FOLLOW} | followed
    return with_fields(user, written, written)


_HAD: tuple[Mapping[str, Value], ...] = {PASSWORD: True}, {PASSWORD: "given"}
_NEVER: tuple[Mapping[str, Value], ...] = {PASSWORD: False}, {PASSWORD: "never given"}


def _chained(first: Mapping[str, Value], second: Mapping[str, Value]) -> Mapping[str, Value]:
    # Neither is changed, so a read-only mapping is enough.
    return ChainMap(first, second)  # type: ignore[arg-type]


def _profile_names(value: Value, facts: OrgFacts) -> Iterator[str]:
    match value:
        case Ref(to):
            yield to.name
        case Lookup(_, where):
            yield from (str(name) for _, name in where)
        case str():
            yield from (p.name for p in facts.profiles if value in (p.id, p.name, p.full_name))


def _separated(call: Call) -> tuple[Call, ...]:
    """A change of profile and role as two updates; no call if there are no fields."""
    if not isinstance(call, UpdateRecord):
        return (call,)
    if not call.fields:
        return ()
    if PROFILE_ID not in call.fields or not call.fields.keys() & _ROLE:
        return (call,)
    first = {PROFILE_ID: call.fields[PROFILE_ID]}
    rest = {n: v for n, v in call.fields.items() if n != PROFILE_ID}
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


def _emails(desired: Sequence[Resource], desired_of: FindDesired) -> tuple[str, ...]:
    contacts = (r.written.get(CONTACT) for r in desired)
    people = (desired_of(c.to) for c in contacts if isinstance(c, Ref))
    emails = (p.written.get("Email") for p in people if p)
    return tuple(sorted({e.strip() for e in emails if isinstance(e, str)}))


def _defaults(user: Resource, person: Resource | None, facts: OrgFacts) -> Mapping[str, Value]:
    """The fields that Salesforce requires of a new user and the spec leaves out.

    The same spec gives the same values on every run: they come from the username, the contact and
    the defaults of the organization.
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
    """The first letter and the last name, at most eight ASCII characters, as Setup suggests it."""
    name = f"{str(first)[:1] if first else ''}{last or username.partition('@')[0]}"
    # Folding also writes `ß` as `ss`, which has no other form in ASCII.
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    letters = "".join(c for c in plain if c.isalnum())
    return (letters or "user")[:8]


def _nickname(username: str) -> str:
    """As unique as the username: its local part, and a digest of the whole."""
    digest = hashlib.sha256(username.casefold().encode()).hexdigest()[:8]
    return f"{username.partition('@')[0][:31]}.{digest}"
