"""The roles of portal users: up to three for each account, made with its first user (fact 408)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.rules import person_accounts
from provisioner.emulator.rules.profiles import license_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.licenses import License
    from provisioner.emulator.store.org import Org

# From the bottom up (fact 408); a role's label is not the value in the API.
_LEVELS: Final = (("Worker", "User"), ("Manager", "Manager"), ("Executive", "Executive"))
# The one role of a person account (fact 405: the level [V]; its name [I]).
_OF_PEOPLE: Final = (("PersonAccount", "Person Account"),)
# "Number of customer roles" of the org, a page of Digital Experiences' settings (fact 408); three
# of a new org, and that partners have as many: guess.
NUMBER: Final = "customer roles"
NUMBERS: Final = range(1, 4)


def fits(org: Org, row: Mapping[str, Any], license_: License, account_id: str | None) -> None:
    """Refuses a role that is not of the kind of the user, or a portal role of another account."""
    level = row.get("PortalRole")
    role = org.get("UserRole", row["UserRoleId"]) if row.get("UserRoleId") else None
    good = True
    if not license_.portal:
        good = level is None and (role is None or role["PortalType"] == "None")
    elif not license_.roles:
        good = level is None and role is None
    elif level is not None and (level == "PersonAccount") != _is_person(org, account_id):
        good = False  # that level is for users of person accounts (fact 405); refusal: guess
    elif role is not None:
        good = role["PortalAccountId"] == account_id
    if not good:
        raise _wrong_role("UserRoleId")


def number(org: Org) -> int:
    """How many roles an account gets with its first user of a role."""
    return int(org.setting(NUMBER) or NUMBERS[-1])


def of_user(
    org: Org, by: str, user: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The level and role of `user`, who was `before`; makes the account's roles when needed.

    A role chosen by its id sets the level, unless a level was chosen too (guess); no level means
    the User role (fact 304).
    """
    account = org.get("Account", user["AccountId"])
    assert account, "a portal user has an account"
    license_ = license_of(org, user["ProfileId"])
    kind = "Partner" if license_.portal == "Partner" else "CustomerPortal"
    found = {
        role["PortalRole"]: role["Id"]
        for role in org.select("UserRole", PortalAccountId=account["Id"], PortalType=kind)
    }
    level = user.get("PortalRole")
    held = before or {}
    if level == held.get("PortalRole") and user.get("UserRoleId") != held.get("UserRoleId"):
        level = next((at for at, id_ in found.items() if id_ == user.get("UserRoleId")), level)
    found = found or _made(org, by, account, kind)
    level = level or ("PersonAccount" if account["IsPersonAccount"] else "Worker")
    if level not in found:  # its role was deleted; refusal: guess
        raise _wrong_role("PortalRole")
    return {"PortalRole": level, "UserRoleId": found[level]}


def follow_owner(org: Org, by: str, account_id: str, owner_id: str) -> None:
    """Hangs an account's roles under the role of the account's owner (fact 410)."""
    owner = org.get("User", owner_id)
    for role in org.select("UserRole", PortalAccountId=account_id):
        if role["PortalRole"] == "PersonAccount" and role["PortalAccountOwnerId"] != owner_id:
            person_accounts.may_own_more(org, owner_id, field="OwnerId")
        values = {"PortalAccountOwnerId": owner_id}
        above = org.get("UserRole", role["ParentRoleId"]) if role["ParentRoleId"] else None
        if owner and (above is None or above["PortalAccountId"] != account_id):
            values["ParentRoleId"] = owner["UserRoleId"]
        org.update("UserRole", role["Id"], values, by=by)


def delete(org: Org, by: str, current: Mapping[str, Any]) -> None:
    """Deletes a role that nobody has and no role reports to.

    Without the lowest portal role of an account, those above it take its place: "Manager" becomes
    "User" (fact 408), and "Executive" so becomes "Manager" [I].
    """
    holders = org.find("User", UserRoleId=current["Id"])
    if holders or org.find("UserRole", ParentRoleId=current["Id"]):
        raise SalesforceError(  # text: guess
            "DELETE_FAILED", "Cannot delete a role that has users or roles under it", ()
        )
    for group in org.find("Group", RelatedId=current["Id"]):
        org.delete("Group", group, by=by)
    org.delete("UserRole", current["Id"], by=by)
    if current["PortalType"] == "None":
        return
    beside = {"PortalAccountId": current["PortalAccountId"], "PortalType": current["PortalType"]}
    left = {role["PortalRole"]: role for role in org.select("UserRole", **beside)}
    levels = [(level, label) for level, label in _LEVELS if level in left]
    for (old, label), (new, to) in zip(levels, _LEVELS, strict=False):
        if old == new:
            continue
        role = left[old]
        name = role["Name"].removesuffix(label) + to
        org.update("UserRole", role["Id"], {"PortalRole": new, "Name": name}, by=by)
        for user in org.find("User", UserRoleId=role["Id"]):
            org.update("User", user, {"PortalRole": new}, by=by)


def _levels(org: Org, account: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The levels of an account's roles, from the bottom up: with two there is no Executive."""
    if account["IsPersonAccount"]:
        return _OF_PEOPLE
    return _LEVELS[: number(org)]


def _is_person(org: Org, account_id: str | None) -> bool:
    account = org.some("Account", account_id, "IsPersonAccount") if account_id else None
    return account is not None and bool(account["IsPersonAccount"])


def _made(org: Org, by: str, account: Mapping[str, Any], kind: str) -> dict[str, str]:
    if account["IsPersonAccount"]:
        person_accounts.may_own_more(org, account["OwnerId"])
    owner = org.get("User", account["OwnerId"])
    above = owner["UserRoleId"] if owner else None
    word = "Partner" if kind == "Partner" else "Customer"
    made: dict[str, str] = {}
    for level, label in reversed(_levels(org, account)):
        # fact 409
        name = f"{account['Name'][: 79 - len(word) - len(label)]} {word} {label}"
        above = made[level] = org.insert(
            "UserRole",
            {
                "Name": name,
                "DeveloperName": re.sub(r"\W+", "", name) + account["Id"][11:15],
                "ParentRoleId": above,
                "RollupDescription": name,
                "PortalType": kind,
                "PortalRole": level,
                "PortalAccountId": account["Id"],
                "PortalAccountOwnerId": account["OwnerId"],
            },
            by=by,
        )
    return made


def _wrong_role(field: str) -> SalesforceError:
    # fact 317
    return SalesforceError("FIELD_INTEGRITY_EXCEPTION", "role type must match user type", (field,))
