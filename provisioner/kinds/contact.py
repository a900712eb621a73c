"""Contact: a person of an account; a portal user is made from one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from provisioner.kinds.base import FindDesired, NamedQueries
from provisioner.kinds.matching import Matcher, Row
from provisioner.kinds.org_facts import OrgFacts
from provisioner.kinds.record import RecordKind, Reference
from provisioner.model.canonical import canonical
from provisioner.model.operations import Select
from provisioner.model.resource import Address, Lookup, Ref, Resource, Value


class ContactKind(RecordKind):
    name = "contact"
    section = "contacts"
    sobject = "Contact"
    natural = ("Email",)
    always = (
        "AccountId",
        "FirstName",
        "LastName",
        "Name",
        "Account.OwnerId",
        "Account.Owner.UserRoleId",
    )
    references = (
        Reference("account", "AccountId", "account", "Account", "Name"),
        Reference("owner", "OwnerId", "user", "User", "Username"),
        Reference("reports_to", "ReportsToId", "contact", "Contact", "Name"),
    )

    def followup_queries(
        self, wanted: Sequence[Resource], facts: OrgFacts, desired_of: FindDesired
    ) -> NamedQueries:
        removed = self.conditions([r for r in wanted if r.remove], facts)
        return {
            **super().followup_queries(wanted, facts, desired_of),
            # Salesforce does not delete a contact that has a portal user.
            "users_of_removed": replace(
                _USERS, any_of=tuple((f"Contact.{key}", values) for key, values in removed)
            ),
        }

    def conditions(
        self, wanted: Sequence[Resource], facts: OrgFacts
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        linked = {
            facts.linked_contacts[r.address] for r in wanted if r.address in facts.linked_contacts
        }
        by_id = (("Id", tuple(sorted(linked))),) if linked else ()
        return (*super().conditions(wanted, facts), *by_id)

    def final_queries(
        self, wanted: Sequence[Resource], facts: OrgFacts, ids: Mapping[Address, str]
    ) -> NamedQueries:
        """The contacts of declared users whose key was changed, and those similar to new ones."""
        rows = facts.answers[self.name]["rows"]
        known = {row["Id"] for row in rows}
        linked = {
            facts.linked_contacts[r.address]
            for r in wanted
            if r.address in facts.linked_contacts and facts.linked_contacts[r.address] not in known
        }
        new = [r for r in self._unmatched(wanted, rows, facts, ids) if not r.remove]
        names = tuple(sorted({name for r in new if (name := full_name(r.written))}))
        emails = {str(r.written["Email"]).strip() for r in new if r.written.get("Email")}
        by_email = tuple(sorted(emails)) if names else ()
        return {
            **super().final_queries(wanted, facts, ids),
            "similar": replace(
                self.select(wanted, facts), any_of=(("Id", tuple(sorted(linked))), ("Name", names))
            ),
            "users_of_similar": replace(
                _USERS, any_of=(("Contact.Name", names), ("Contact.Email", by_email))
            ),
        }

    def rows(self, facts: OrgFacts) -> tuple[Row, ...]:
        # Only a plan asks for similar contacts; the executor reads what the plan knows.
        answers = facts.answers[self.name]
        both = (*answers["rows"], *answers.get("similar", ()))
        return tuple({row["Id"]: row for row in both}.values())

    def _unmatched(
        self,
        wanted: Sequence[Resource],
        rows: Sequence[Row],
        facts: OrgFacts,
        ids: Mapping[Address, str],
    ) -> Sequence[Resource]:
        """The contacts that match no row and whose account the org has."""
        left = [
            r
            for r in wanted
            if r.address not in facts.linked_contacts and account_of(r, facts, ids) is not None
        ]
        for matcher in self.matchers(facts, ids):
            if left:
                keys = {matcher.key_of_row(row) for row in rows}
                left = [
                    r
                    for r in left
                    if (key := matcher.key_of_resource(r)) is None or key not in keys
                ]
        return left

    def matchers(self, facts: OrgFacts, ids: Mapping[Address, str]) -> tuple[Matcher, ...]:
        """An external id, then the contact's user, then its email within the account.

        Families and shared inboxes repeat an email across accounts. A former email is written
        for one contact, so it may also be that of a contact in another account: it has moved.
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


_USERS = Select("User", ("Id", "ContactId", "IsActive", "Username"))


def users_by_contact(facts: OrgFacts) -> Mapping[str, Row]:
    """The portal user of each contact, as far as they were read, by the contact's Id."""
    contacts = facts.answers["contact"]
    rows = [*contacts["users_of_removed"], *contacts["users_of_similar"]]
    if "user" in facts.answers:
        rows += facts.answers["user"]["rows"]
    return {row["ContactId"]: row for row in rows if row.get("ContactId")}


def full_name(fields: Mapping[str, Value]) -> str:
    """`Name` as Salesforce composes it, from the parts that a spec gives."""
    parts = (fields.get(n) for n in ("FirstName", "MiddleName", "LastName", "Suffix"))
    return " ".join(p.strip() for p in parts if isinstance(p, str) and p.strip())


def account_of(contact: Resource, facts: OrgFacts, ids: Mapping[Address, str]) -> str | None:
    """The Id of the account that a spec gives a contact; `None` if the org does not have it."""
    match contact.written.get("AccountId"):
        case Ref(to):
            return ids.get(to)
        case Lookup() as lookup:
            return facts.id_of(lookup)
        case written:
            return str(canonical(written, "reference")) if written else None


def _within_account(matcher: Matcher, facts: OrgFacts, ids: Mapping[Address, str]) -> Matcher:
    def key_of_resource(resource: Resource) -> Hashable | None:
        account = account_of(resource, facts, ids)
        email = matcher.key_of_resource(resource)
        return None if account is None or email is None else (account, email)

    def key_of_row(row: Row) -> Hashable | None:
        email = matcher.key_of_row(row)
        return None if email is None else (row.get("AccountId"), email)

    return Matcher(f"{matcher.name} within its account", key_of_resource, key_of_row)


def _anywhere(matcher: Matcher) -> Matcher:
    def key_of_resource(resource: Resource) -> Hashable | None:
        return None if "AccountId" in resource.written else matcher.key_of_resource(resource)

    return Matcher(matcher.name, key_of_resource, matcher.key_of_row)
