"""Contact: a person of an account; a portal user is made from one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from provisioner.kinds.base import Others, Questions
from provisioner.kinds.matching import Row, Rung
from provisioner.kinds.org_facts import Facts
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

    def second(self, wanted: Sequence[Resource], facts: Facts, others: Others) -> Questions:
        removed = self.conditions([r for r in wanted if r.remove], facts)
        return {
            **super().second(wanted, facts, others),
            # Salesforce does not delete a contact that has a portal user.
            "users_of_removed": replace(
                _USERS, any_of=tuple((f"Contact.{key}", values) for key, values in removed)
            ),
        }

    def conditions(
        self, wanted: Sequence[Resource], facts: Facts
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        linked = {facts.linked[r.address] for r in wanted if r.address in facts.linked}
        by_id = (("Id", tuple(sorted(linked))),) if linked else ()
        return (*super().conditions(wanted, facts), *by_id)

    def third(
        self, wanted: Sequence[Resource], facts: Facts, ids: Mapping[Address, str]
    ) -> Questions:
        """The contacts of declared users whose key was changed, and those similar to new ones."""
        rows = facts.answers[self.name]["rows"]
        known = {row["Id"] for row in rows}
        linked = {
            facts.linked[r.address]
            for r in wanted
            if r.address in facts.linked and facts.linked[r.address] not in known
        }
        new = [r for r in self._unmatched(wanted, rows, facts, ids) if not r.remove]
        names = tuple(sorted({name for r in new if (name := full_name(r.written))}))
        emails = {str(r.written["Email"]).strip() for r in new if r.written.get("Email")}
        by_email = tuple(sorted(emails)) if names else ()
        return {
            **super().third(wanted, facts, ids),
            "similar": replace(
                self.select(wanted, facts), any_of=(("Id", tuple(sorted(linked))), ("Name", names))
            ),
            "users_of_similar": replace(
                _USERS, any_of=(("Contact.Name", names), ("Contact.Email", by_email))
            ),
        }

    def rows(self, facts: Facts) -> tuple[Row, ...]:
        # Only a plan asks for similar contacts; the executor reads what the plan knows.
        answers = facts.answers[self.name]
        both = (*answers["rows"], *answers.get("similar", ()))
        return tuple({row["Id"]: row for row in both}.values())

    def _unmatched(
        self,
        wanted: Sequence[Resource],
        rows: Sequence[Row],
        facts: Facts,
        ids: Mapping[Address, str],
    ) -> Sequence[Resource]:
        """Those that no row is, in an account that the org has: others resemble nobody there."""
        left = [
            r
            for r in wanted
            if r.address not in facts.linked and account_of(r, facts, ids) is not None
        ]
        for rung in self.ladder(facts, ids):
            if left:
                keys = {rung.found(row) for row in rows}
                left = [r for r in left if (key := rung.wanted(r)) is None or key not in keys]
        return left

    def ladder(self, facts: Facts, ids: Mapping[Address, str]) -> tuple[Rung, ...]:
        """An external id, then the contact's user, then its email within the account.

        Families and shared inboxes repeat an email across accounts. A former email is written
        for one contact, so it may also be that of a contact in another account: it has moved.
        """
        *external, email, former = super().ladder(facts, ids)
        return (
            *external,
            Rung("its user", lambda r: facts.linked.get(r.address), lambda row: row["Id"]),
            _within_account(email, facts, ids),
            _anywhere(email),
            _within_account(former, facts, ids),
            former,
        )


_USERS = Select("User", ("Id", "ContactId", "IsActive", "Username"))


def users_by_contact(facts: Facts) -> Mapping[str, Row]:
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


def account_of(contact: Resource, facts: Facts, ids: Mapping[Address, str]) -> str | None:
    """The Id of the account that a spec gives a contact; `None` if the org does not have it."""
    match contact.written.get("AccountId"):
        case Ref(to):
            return ids.get(to)
        case Lookup() as lookup:
            return facts.id_of(lookup)
        case written:
            return str(canonical(written, "reference")) if written else None


def _within_account(rung: Rung, facts: Facts, ids: Mapping[Address, str]) -> Rung:
    def wanted(resource: Resource) -> Hashable | None:
        account = account_of(resource, facts, ids)
        email = rung.wanted(resource)
        return None if account is None or email is None else (account, email)

    def found(row: Row) -> Hashable | None:
        email = rung.found(row)
        return None if email is None else (row.get("AccountId"), email)

    return Rung(f"{rung.name} within its account", wanted, found)


def _anywhere(rung: Rung) -> Rung:
    def wanted(resource: Resource) -> Hashable | None:
        return None if "AccountId" in resource.written else rung.wanted(resource)

    return Rung(rung.name, wanted, rung.found)
