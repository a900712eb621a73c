"""Contact: a person of an account; a portal user is made from one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from provisioner.call import Query, Select
from provisioner.facts import Facts
from provisioner.identity import Row, Rung
from provisioner.kinds.base import Others
from provisioner.kinds.record import RecordKind, Reference
from provisioner.resource import Address, Lookup, Ref, Resource
from provisioner.values import canonical


class ContactKind(RecordKind):
    name = "contact"
    section = "contacts"
    sobject = "Contact"
    natural = ("Email",)
    always = ("AccountId", "Name", "Account.OwnerId", "Account.Owner.UserRoleId")
    references = (
        Reference("account", "AccountId", "account", "Account", "Name"),
        Reference("owner", "OwnerId", "user", "User", "Username"),
        Reference("reports_to", "ReportsToId", "contact", "Contact", "Name"),
    )

    def second(self, wanted: Sequence[Resource], facts: Facts, others: Others) -> tuple[Query, ...]:
        users = users_of([r for r in wanted if r.remove])
        return (*super().second(wanted, facts, others), *((users,) if users else ()))

    def ladder(self, facts: Facts, ids: Mapping[Address, str]) -> tuple[Rung, ...]:
        """An e-mail is a key only within one account: families and shared inboxes repeat it."""
        *external, email, former = super().ladder(facts, ids)
        return (
            *external,
            _within_account(email, facts, ids),
            _anywhere(email),
            _within_account(former, facts, ids),
            _anywhere(former),
        )


def users_of(contacts: Sequence[Resource]) -> Select | None:
    """The portal users of these contacts, for whose sake Salesforce keeps them."""
    emails = sorted({str(r.written["Email"]).strip() for r in contacts if r.written.get("Email")})
    if not emails:
        return None
    return Select("User", ("Id", "ContactId", "Username"), (("Contact.Email", tuple(emails)),))


def _within_account(rung: Rung, facts: Facts, ids: Mapping[Address, str]) -> Rung:
    def wanted(resource: Resource) -> Hashable | None:
        match resource.written.get("AccountId"):
            case Ref(to):
                account = ids.get(to)
            case Lookup() as lookup:
                account = facts.id_of(lookup)
            case written:
                account = str(canonical(written, "reference")) if written else None
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
