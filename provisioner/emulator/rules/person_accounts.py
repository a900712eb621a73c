"""Person accounts: an account and its one contact that are the same person.

The org feature `PersonAccounts` has to be on. A person account has the fields of its contact, as
`PersonEmail` and so on; both rows keep the value, and this module keeps them the same. Custom
fields of the contact do not appear on the account (`__pc` is not modelled).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.licenses import License
    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

FEATURE: Final = "PersonAccounts"
# A user who may own more than 50,000 portal accounts (fact 406; the key prefix of its object is a
# guess).
POWER_USER: Final = "PersonAccountOwnerPowerUser"
MOST_OWNED: Final = 50_000
_ADDRESS: Final = (
    "City", "Country", "GeocodeAccuracy", "Latitude", "Longitude", "PostalCode", "State", "Street",
)  # fmt: skip
_NAMES: Final = ("FirstName", "LastName", "Salutation")
_PERSON: Final = (
    "AssistantName", "AssistantPhone", "Birthdate", "Department", "Email", "EmailBouncedDate",
    "EmailBouncedReason", "HomePhone", "IndividualId", "LeadSource", "MobilePhone", "OtherPhone",
    "Title",
    *(f"Mailing{part}" for part in _ADDRESS), *(f"Other{part}" for part in _ADDRESS),
)  # fmt: skip
# The field of the account -> that of its contact (field reference, Account [V]); that phone, fax
# and owner are the same of both: general knowledge [U].
_SHARED: Final[Mapping[str, str]] = {
    **{name: name for name in (*_NAMES, "Phone", "Fax", "OwnerId")},
    **{f"Person{name}": name for name in _PERSON},
}
_OF_PEOPLE: Final = frozenset({*_NAMES, *(f"Person{name}" for name in _PERSON)})
# Business accounts have them and people not: the name is made of the person's (KB 000386207 [V]),
# people are in no hierarchy of accounts (general knowledge [U]).
_OF_BUSINESSES: Final = frozenset({"Name", "ParentId"})


def prepared(
    org: Org, sobject: SObject, values: Mapping[str, Any], current: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """The values of an account as they are checked: a person's record type and a name are added.

    Refuses the fields of the other family, and a person without a last name.
    """
    if sobject.name != "Account" or not org.feature(FEATURE):
        return values
    named = {field.name: name for name in values if (field := sobject.field(name))}
    kind = _type_of(org, values.get(named.get("RecordTypeId", ""), None))
    person = _is_person(named, kind, current)
    wrong = sorted((_OF_BUSINESSES if person else _OF_PEOPLE) & named.keys())
    if wrong:
        raise _bad_names("Account", wrong)
    added: dict[str, Any] = {}
    given = named.get("RecordTypeId")
    if (current is None and not given) or (given and values[given] is None):
        # nothing given is the default type; that null keeps what there is: guess
        held = current["RecordTypeId"] if current else _standard_type(org, person=person)
        added[given or "RecordTypeId"] = held
    first, last = (values.get(named.get(name, name)) for name in ("FirstName", "LastName"))
    if person and current is None:
        # required of every account; that of people is made of theirs
        added["Name"] = f"{first or ''} {last}".strip()
    if person and not last and (current is None or "LastName" in named):
        raise SalesforceError(  # fact 318
            "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ("LastName",)
        )
    return {**values, **added}


def created(org: Org, by: str, account_id: str) -> None:
    """Makes the contact of a person account (SOAP guide, "Person Account Record Types" [V])."""
    account = org.get("Account", account_id) if org.feature(FEATURE) else None
    if account is None or not _person_type(org, account["RecordTypeId"]):
        return
    values = {name: account[of] for of, name in _SHARED.items()}
    values |= {"AccountId": account_id, "IsPersonAccount": True}
    contact = org.insert("Contact", values, by=by)
    own = {"IsPersonAccount": True, "PersonContactId": contact}
    org.update("Account", account_id, own, by=by)


def changed(org: Org, by: str, before: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    """Gives the contact of a person account what the account was given.

    Both are as new as each other (Change Data Capture guide [V]). Another family of record type
    makes a business of a person, or of a business with one contact a person.
    """
    if not org.feature(FEATURE):
        return
    person = _person_type(org, row.get("RecordTypeId", before["RecordTypeId"]))
    if before["IsPersonAccount"] and not person:
        _to_business(org, by, before)
    elif before["IsPersonAccount"]:
        values = {name: row[of] for of, name in _SHARED.items() if of in row}
        org.update("Contact", before["PersonContactId"], values, by=by)
    elif person:
        _to_person(org, by, before)


def check_contact(org: Org, row: Mapping[str, Any], current: Mapping[str, Any] | None) -> None:
    """Refuses a contact of a person account that is not its own, and what its own may not have.

    "This record is the only contact record that can be associated directly with the person
    account", and its ReportsToId can not be seen (SOAP guide [V]); codes and the first text: guess.
    """
    if not org.feature(FEATURE):
        return
    if current is not None and current["IsPersonAccount"]:
        wrong = sorted({"AccountId", "ReportsToId"} & row.keys())
        if wrong:
            raise _bad_names("Contact", wrong)
        return
    account = org.get("Account", row["AccountId"]) if row.get("AccountId") else None
    if account is not None and account["IsPersonAccount"]:
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "A person account can't have other contacts: Account ID",
            ("AccountId",),
        )


def contact_changed(org: Org, by: str, current: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    """Gives a person account what its contact was given."""
    if current["IsPersonAccount"]:
        values = {of: row[name] for of, name in _SHARED.items() if name in row}
        org.update("Account", current["AccountId"], values, by=by)


def check_contact_deleted(current: Mapping[str, Any]) -> None:
    """A person's contact is deleted with its account only (SOAP guide [V]); text: guess."""
    if current["IsPersonAccount"]:
        raise SalesforceError(
            "DELETE_FAILED", "The contact of a person account is deleted with the account.", ()
        )


def check_partner(account: Mapping[str, Any]) -> None:
    """A person is no partner account (fact 334); code and text: guess."""
    if account["IsPersonAccount"] and account["IsPartner"]:
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "A person account can't be a partner account: Partner Account",
            ("IsPartner",),
        )


def may_have(account: Mapping[str, Any], license_: License) -> None:
    """A person can be a customer user, not a partner user (fact 407); code and text: guess."""
    if account["IsPersonAccount"] and license_.portal == "Partner":
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "Partner users can't be associated with person accounts: Contact ID",
            ("ContactId",),
        )


def add_power_user(org: Org, by: str, row: Mapping[str, Any]) -> str:
    """Only who is at the root of the hierarchy (object reference [V]); codes and texts: guess."""
    user = org.get("User", row["UserId"]) or {}
    role = org.get("UserRole", user.get("UserRoleId") or "")
    if role is None or role["ParentRoleId"] is not None or role["PortalType"] != "None":
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "Only users at the root of the role hierarchy can be power users: User ID",
            ("UserId",),
        )
    if org.find(POWER_USER, UserId=row["UserId"], PortalType=row["PortalType"]):
        raise SalesforceError("DUPLICATE_VALUE", "The user is a power user already.", ("UserId",))
    return org.insert(POWER_USER, row, by=by)


def may_own_more(org: Org, owner_id: str, *, field: str = "ContactId") -> None:
    """Refuses the 50,001st person with a role of one owner who is no power user.

    `field` is what made the owner one of a person more: the contact of a user, or the owner.

    Counted are people, and business accounts with account role optimization, which this org does
    not have; not those of users without roles (help, "Experience Cloud Site User Account Ownership
    Limitations" [V]; fact 406). Code and text: guess.
    """
    ((most,),) = org.execute('SELECT MAX("rowid") FROM "UserRole"')
    if (most or 0) < MOST_OWNED:
        return  # there are no more rows than that: most orgs have nothing to count
    counted = (
        'SELECT COUNT(*) FROM (SELECT 1 FROM "UserRole" WHERE "PortalAccountOwnerId" = ?'
        " AND \"PortalRole\" = 'PersonAccount' LIMIT ?)"
    )
    ((count,),) = org.execute(counted, (owner_id, MOST_OWNED))
    if count >= MOST_OWNED and not org.find(
        POWER_USER, UserId=owner_id, PortalType="CustomerPortal"
    ):
        raise SalesforceError(
            "LIMIT_EXCEEDED",
            f"The owner of the account can't own more than {MOST_OWNED:,} portal accounts:"
            f" {'Owner ID' if field == 'OwnerId' else 'Account ID'}",
            (field,),
        )


def keeps_role(org: Org, user_id: str) -> None:
    """The role of a power user can't be changed (fact 406); text: guess."""
    if org.find(POWER_USER, UserId=user_id):
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "The role of a person account owner power user can't be changed: Role ID",
            ("UserRoleId",),
        )


def _is_person(
    named: Mapping[str, str], kind: Mapping[str, Any] | None, current: Mapping[str, Any] | None
) -> bool:
    """By the record type; of a new account without one, by its having a last name (guess)."""
    if kind is not None:
        return bool(kind["IsPersonType"])
    return bool(current["IsPersonAccount"]) if current is not None else "LastName" in named


def _type_of(org: Org, given: object) -> Mapping[str, Any] | None:
    """The record type of accounts that is asked for; what is none is refused later."""
    id_ = ids.normal(given) if isinstance(given, str) else None
    row = org.get("RecordType", id_) if id_ else None
    return row if row is not None and row["SobjectType"] == "Account" else None


def _person_type(org: Org, id_: str | None) -> bool:
    row = _type_of(org, id_)
    return row is not None and bool(row["IsPersonType"])


def _standard_type(org: Org, *, person: bool) -> str | None:
    """The default of the profile, which is the first of its family here (guess)."""
    found = org.find("RecordType", SobjectType="Account", IsPersonType=person, IsActive=True)
    return found[0] if found else None


def _to_person(org: Org, by: str, account: Mapping[str, Any]) -> None:
    """Needs exactly one contact and no hierarchy (SOAP guide [V]); code and text: guess."""
    contacts = org.select("Contact", AccountId=account["Id"])
    if len(contacts) != 1 or account["ParentId"] or org.find("Account", ParentId=account["Id"]):
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "Only an account with one contact and without a hierarchy can become a person account",
            ("RecordTypeId",),
        )
    (contact,) = contacts
    values = {of: contact[name] for of, name in _SHARED.items()}
    own = {"IsPersonAccount": True, "PersonContactId": contact["Id"]}
    org.update("Account", account["Id"], values | own, by=by)
    org.update("Contact", contact["Id"], {"IsPersonAccount": True}, by=by)


def _to_business(org: Org, by: str, account: Mapping[str, Any]) -> None:
    """The contact becomes one of the account, which keeps the person's name (SOAP guide [V])."""
    own = dict.fromkeys(_OF_PEOPLE) | {"IsPersonAccount": False, "PersonContactId": None}
    org.update("Contact", account["PersonContactId"], {"IsPersonAccount": False}, by=by)
    org.update("Account", account["Id"], own | {"Name": account["Name"]}, by=by)


def _bad_names(sobject: str, names: list[str]) -> SalesforceError:
    # KB 000386207, of Name on a person account [V]; of the other fields [I]
    return SalesforceError(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"{sobject}: bad field names on insert/update call: {', '.join(names)}",
        tuple(names),
    )
