"""Who can own which records: users of some licences own none, portal users none of partners'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import object_rights
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.schema import licenses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

_USER: Final = "005"
_CHATTER: Final = "CsnOnly"
_HIGH_VOLUME: Final = "CspLitePortal"


def check(
    org: Org, by: str, sobject: SObject, row: Mapping[str, Any], current: Mapping[str, Any] | None
) -> None:
    """Refuses a new owner whose licence is not one for such records.

    A Chatter user owns nothing (code and text: a public migration log, and a forum's answer on
    triggers [Q]). That a high-volume user owns no account: that code is what an account made in
    such a user's name got (SalesforceFoundation/NPSP issue 2354 [I]).
    """
    owner = row.get("OwnerId")
    if current is None:
        owner = owner or by
    elif owner is None or owner == current["OwnerId"]:
        return
    if "ownerid" not in sobject.fields or not object_rights.governed(sobject.name):
        return
    kind = _type(org, owner)
    if kind == _CHATTER or (kind == _HIGH_VOLUME and sobject.name == "Account"):
        raise SalesforceError(
            "OP_WITH_INVALID_USER_TYPE_EXCEPTION", "Operation not valid for this user type", ()
        )


def check_account(org: Org, merged: Mapping[str, Any], *, users: bool) -> None:
    """Refuses that a portal user owns a partner account, or one that has portal `users`.

    Both, and contacts of a partner account: sfdcian.com (fact 328).
    """
    if (merged["IsPartner"] or users) and _is_portal(org, merged["OwnerId"]):
        raise _of_partners()


def check_contacts(org: Org, account_id: str) -> None:
    """Refuses to make an account a partner's whose contacts a portal user owns (fact 328)."""
    sql = (
        'SELECT 1 FROM "Contact" AS c JOIN "User" AS u ON u."Id" = c."OwnerId"'
        ' WHERE c."AccountId" = ? AND c."IsDeleted" = 0 AND u."ContactId" IS NOT NULL LIMIT 1'
    )
    if org.execute(sql, (account_id,)):
        raise _of_partners()


def check_contact(org: Org, by: str, row: Mapping[str, Any]) -> None:
    """Refuses that a portal user owns a contact of a partner account (fact 328)."""
    account_id = row.get("AccountId")
    if account_id is None or not _is_portal(org, row.get("OwnerId") or by):
        return
    account = org.some("Account", account_id, "IsPartner")
    if account and account["IsPartner"]:
        raise _of_partners()


def _is_portal(org: Org, owner_id: str) -> bool:
    return _type(org, owner_id) not in licenses.STAFF


def _type(org: Org, owner_id: str) -> str:
    """The type of a user; a queue's members are of the company."""
    return org.remember(("user type", owner_id), lambda: _read_type(org, owner_id))


def _read_type(org: Org, owner_id: str) -> str:
    found = org.some("User", owner_id, "UserType") if owner_id.startswith(_USER) else None
    return str(found["UserType"]) if found else "Standard"


def _of_partners() -> SalesforceError:
    # fact 328
    return SalesforceError("UNKNOWN_EXCEPTION", "portal users cannot own partner accounts", ())
