"""The kind `contact`: how contacts are declared, matched, read and written."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from provisioner.kinds.base import Context, FindDesired, NamedQueries, Reference
from provisioner.kinds.contact import checks
from provisioner.kinds.contact.fields import (
    ACCOUNT,
    EMAIL,
    NAME,
    SOBJECT,
    USERS,
    account_of,
    full_name,
    rows,
)
from provisioner.kinds.matching import Matcher, Row
from provisioner.kinds.org_facts import OrgFacts
from provisioner.kinds.record import RecordKind, referenced
from provisioner.kinds.user.fields import FOLLOWED
from provisioner.model.change import Change
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.plan import Note, NoteKind
from provisioner.model.resource import Address, Resource


class ContactKind(RecordKind):
    name = NAME
    section = "contacts"
    sobject = SOBJECT
    natural = (EMAIL,)
    always = (
        ACCOUNT,
        "FirstName",
        "LastName",
        "Name",
        "Account.OwnerId",
        "Account.Owner.UserRoleId",
    )
    lookup_fields = (ACCOUNT, "Account.Owner.UserRoleId", "Account.Owner.Username")
    references = (
        Reference("account", "account", "Account", ACCOUNT, of_row=True),
        Reference("owner", "user", "User", "OwnerId", "Username"),
        # Contacts have no unique name.
        Reference("reports_to", NAME, SOBJECT, "ReportsToId", declared_only=True),
    )
    in_rosters = True
    name_is_unique = False
    key_in_schema = False
    matched_last = True

    def identifying_keys(
        self, data: Mapping[str, Any], external: str | None
    ) -> Iterator[tuple[str, str]]:
        for key, _ in super().identifying_keys(data, external):
            account = data.get("account", data.get(ACCOUNT))
            yield key, f"account {account}" if key == EMAIL else ""

    def problems(self, context: Context) -> Iterable[Diagnostic]:
        yield from checks.problems(context)

    def notes(self, change: Change, context: Context) -> Iterable[Note]:
        yield from _user_keeps(change, context)
        yield from super().notes(change, context)

    def locked_record(self, change: Change, desired_of: FindDesired) -> Hashable:
        # The contacts of an account lock the account. (Salesforce record locking cheat sheet)
        return referenced(change, ACCOUNT)

    def renamed_fields(self) -> tuple[str, ...]:
        # A former email is also that of a contact that moves to another account.
        return (*super().renamed_fields(), ACCOUNT)

    def followup_queries(
        self, desired: Sequence[Resource], facts: OrgFacts, desired_of: FindDesired
    ) -> NamedQueries:
        removed = self.conditions([r for r in desired if r.remove], facts)
        return {
            **super().followup_queries(desired, facts, desired_of),
            # Salesforce rejects the deletion of a contact that has a portal user.
            "users_of_removed": replace(
                USERS, any_of=tuple((f"Contact.{key}", values) for key, values in removed)
            ),
        }

    def conditions(
        self, desired: Sequence[Resource], facts: OrgFacts
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        linked = {
            facts.linked_contacts[r.address] for r in desired if r.address in facts.linked_contacts
        }
        by_id = (("Id", tuple(sorted(linked))),) if linked else ()
        return (*super().conditions(desired, facts), *by_id)

    def final_queries(
        self, desired: Sequence[Resource], facts: OrgFacts, ids: Mapping[Address, str]
    ) -> NamedQueries:
        """The contacts of declared users whose key was changed, and those similar to new ones."""
        read = facts.answers[self.name]["rows"]
        ids_read = {row["Id"] for row in read}
        linked = {
            facts.linked_contacts[r.address]
            for r in desired
            if r.address in facts.linked_contacts
            and facts.linked_contacts[r.address] not in ids_read
        }
        created = [r for r in self._unmatched(desired, read, facts, ids) if not r.remove]
        names = tuple(sorted({name for r in created if (name := full_name(r.written))}))
        emails = {str(r.written[EMAIL]).strip() for r in created if r.written.get(EMAIL)}
        by_email = tuple(sorted(emails)) if names else ()
        return {
            **super().final_queries(desired, facts, ids),
            "similar": replace(
                self.select(desired, facts), any_of=(("Id", tuple(sorted(linked))), ("Name", names))
            ),
            "users_of_similar": replace(
                USERS, any_of=(("Contact.Name", names), ("Contact.Email", by_email))
            ),
        }

    def rows(self, facts: OrgFacts) -> tuple[Row, ...]:
        return rows(facts)

    def _unmatched(
        self,
        desired: Sequence[Resource],
        read: Sequence[Row],
        facts: OrgFacts,
        ids: Mapping[Address, str],
    ) -> Sequence[Resource]:
        """The contacts that match no row and whose account the org has."""
        unmatched = [
            r
            for r in desired
            if r.address not in facts.linked_contacts and account_of(r, facts, ids) is not None
        ]
        for matcher in self.matchers(facts, ids):
            if unmatched:
                keys = {matcher.key_of_row(row) for row in read}
                unmatched = [
                    r
                    for r in unmatched
                    if (key := matcher.key_of_resource(r)) is None or key not in keys
                ]
        return unmatched

    def matchers(self, facts: OrgFacts, ids: Mapping[Address, str]) -> tuple[Matcher, ...]:
        """An external id, then the contact's user, then its email within the account.

        Contacts of different accounts can have the same email: families, shared inboxes. A former
        email is written for one contact, so it also matches a contact that has moved to another
        account.
        """
        *external, email, former = super().matchers(facts, ids)
        return (
            *external,
            Matcher(
                "its user", lambda r: facts.linked_contacts.get(r.address), lambda row: row["Id"]
            ),
            _within_account(email, facts, ids),
            _anywhere(email),
            _within_account(former, facts, ids),
            former,
        )


def _within_account(matcher: Matcher, facts: OrgFacts, ids: Mapping[Address, str]) -> Matcher:
    def key_of_resource(resource: Resource) -> Hashable | None:
        account = account_of(resource, facts, ids)
        email = matcher.key_of_resource(resource)
        return None if account is None or email is None else (account, email)

    def key_of_row(row: Row) -> Hashable | None:
        email = matcher.key_of_row(row)
        return None if email is None else (row.get(ACCOUNT), email)

    return Matcher(f"{matcher.name} within its account", key_of_resource, key_of_row)


def _anywhere(matcher: Matcher) -> Matcher:
    def key_of_resource(resource: Resource) -> Hashable | None:
        return None if ACCOUNT in resource.written else matcher.key_of_resource(resource)

    return Matcher(matcher.name, key_of_resource, matcher.key_of_row)


def _user_keeps(change: Change, context: Context) -> Iterator[Note]:
    """The user of a changed contact that keeps what it has: Salesforce does not change both."""
    user = context.referrer("user", "ContactId", change.address)
    if user is None or user.address not in context.live:
        return
    words = {EMAIL: "email", "FirstName": "first name", "LastName": "last name"}
    live = context.live[user.address]
    kept = [
        f"the {words[name]} `{value}`" if (value := live.shown(name)) else f"no {words[name]}"
        for name in FOLLOWED
        if change.field(name)
        and name not in user.fields
        and live.fields.get(name) != change.result(name)
    ]
    if kept:
        text = f"its user `{user.address}` keeps {' and '.join(kept)}"
        remedy = "`follow_contact: true` on the user changes it, too"
        yield Note(NoteKind.REMARK, f"{text}; {remedy}")
