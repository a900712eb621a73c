"""What the kind, its checks and those of users read of contacts."""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.kinds.matching import Row
from provisioner.kinds.org_facts import OrgFacts
from provisioner.model.canonical import canonical
from provisioner.model.operations import Select
from provisioner.model.resource import Address, Lookup, Ref, Resource, Value

NAME = "contact"
SOBJECT = "Contact"
EMAIL = "Email"
ACCOUNT = "AccountId"
USERS = Select("User", ("Id", "ContactId", "IsActive", "Username"))


def users_by_contact(facts: OrgFacts) -> Mapping[str, Row]:
    """The portal users that were read, by the Id of their contact."""
    contacts = facts.answers[NAME]
    rows = [*contacts["users_of_removed"], *contacts["users_of_similar"]]
    if "user" in facts.answers:
        rows += facts.answers["user"]["rows"]
    return {row["ContactId"]: row for row in rows if row.get("ContactId")}


def full_name(fields: Mapping[str, Value]) -> str:
    """The `Name` that Salesforce composes from the parts of a spec."""
    parts = (fields.get(n) for n in ("FirstName", "MiddleName", "LastName", "Suffix"))
    return " ".join(p.strip() for p in parts if isinstance(p, str) and p.strip())


def account_of(contact: Resource, facts: OrgFacts, ids: Mapping[Address, str]) -> str | None:
    """The Id of the account of a contact as its spec has it; `None` if it is not in the org."""
    match contact.written.get(ACCOUNT):
        case Ref(to):
            return ids.get(to)
        case Lookup() as lookup:
            return facts.id_of(lookup)
        case written:
            return str(canonical(written, "reference")) if written else None


def rows(facts: OrgFacts) -> tuple[Row, ...]:
    """Every contact that was read, each once."""
    # Only a plan reads similar contacts, not the look before a write.
    answers = facts.answers[NAME]
    both = (*answers["rows"], *answers.get("similar", ()))
    return tuple({row["Id"]: row for row in both}.values())
