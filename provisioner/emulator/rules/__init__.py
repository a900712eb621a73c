"""Writing records as a user may: every rule of the org, then the row and what follows from it.

All rules of one write are checked before anything is written, in the order of platform reference
11.3 [U]; a refusal leaves nothing behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.emulator import custom_links, describe, duplicates, faults, ids, recycle_bin
from provisioner.emulator.errors import SalesforceError
from provisioner.emulator.rules import (
    accounts,
    groups,
    permissions,
    person_accounts,
    portal_roles,
    profiles,
    sites,
    users,
)
from provisioner.emulator.rules.values import checked, existing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.describe import SObject
    from provisioner.emulator.store import Org


def create(org: Org, by: str, sobject: SObject, values: Mapping[str, Any]) -> str:
    """Inserts a record for the user `by`; returns its Id."""
    _allowed(org, by, sobject, "createable", "inserted")
    faults.check_row(sobject.name, _parent(values))
    with org.transaction(), org.attempt():
        values = person_accounts.prepared(org, sobject, values, None)
        row = checked(org, sobject, values, current=None)
        duplicates.check(org, sobject, row, None)
        match sobject.name:
            case "User":
                return users.create(org, by, row)
            case "Profile":
                return profiles.create(org, by, row)
            case "Account" | "Contact" | "Case" | "Opportunity" | "Lead":
                return accounts.create(org, by, sobject, row)
            case "ObjectPermissions" | "FieldPermissions":
                return permissions.create(org, by, sobject, row)
            case "PermissionSet":
                return permissions.create_set(org, by, row)
            case "PermissionSetAssignment":
                return permissions.assign(org, by, row)
            case name if name in sites.OBJECTS:
                return sites.create(org, by, sobject, row)
            case "Group":
                return groups.create(org, by, row)
            case person_accounts.POWER_USER:
                return person_accounts.add_power_user(org, by, row)
            case _:
                return org.insert(sobject.name, row, by=by)


def update(org: Org, by: str, sobject: SObject, id_: str, values: Mapping[str, Any]) -> None:
    """Changes a record for the user `by`; NOT_FOUND or ENTITY_IS_DELETED when it is not there."""
    _allowed(org, by, sobject, "updateable", "updated", id_)
    faults.check_row(sobject.name, id_)
    with org.transaction(), org.attempt():
        current = existing(org, sobject, id_)
        values = person_accounts.prepared(org, sobject, values, current)
        row = checked(org, sobject, values, current=current)
        duplicates.check(org, sobject, row, current)
        match sobject.name:
            case "User":
                users.update(org, by, current, row)
            case "Profile":
                profiles.update(org, by, current, row)
            case "Account" | "Contact" | "Case" | "Opportunity" | "Lead":
                accounts.update(org, by, sobject, current, row)
            case "UserRole" if current["PortalType"] != "None":
                # "You can't update any field for a portal role" (3.4 [V]); code: guess
                raise SalesforceError(
                    "FIELD_INTEGRITY_EXCEPTION", "You can't update any field for a portal role", ()
                )
            case "Group":
                groups.update(org, by, current, row)
            case "UserLogin":
                users.update_login(org, by, current, row)
            case name if name in sites.OBJECTS:
                sites.update(org, by, sobject, current, row)
            case _:
                org.update(sobject.name, id_, row, by=by)


def delete(org: Org, by: str, sobject: SObject, id_: str) -> None:
    """Deletes a record for the user `by`, and what Salesforce deletes with it."""
    _allowed(org, by, sobject, "deletable", "deleted")
    faults.check_row(sobject.name, id_)
    with org.transaction(), org.attempt(), recycle_bin.together(ids.normal(id_) or id_):
        current = existing(org, sobject, id_)
        custom_links.release(org, by, sobject, id_)
        match sobject.name:
            case "Profile":
                profiles.delete(org, by, current)
            case "Account" | "Contact" | "Case" | "Opportunity" | "Lead":
                accounts.delete(org, by, sobject, current)
            case "UserRole":
                portal_roles.delete(org, by, current)
            case "PermissionSet":
                permissions.delete_set(org, by, current)
            case "PermissionSetAssignment":
                permissions.unassign(org, by, current)
            case _:
                org.delete(sobject.name, id_, by=by)


def undelete(org: Org, by: str, sobject: SObject, id_: str) -> None:
    """Brings a deleted record back for the user `by`, and what Salesforce brings with it."""
    _allowed(org, by, sobject, "undeletable", "undeleted")
    faults.check_row(sobject.name, id_)
    with org.transaction(), org.attempt():
        recycle_bin.undelete(org, by, sobject, id_)


def _parent(values: Mapping[str, Any]) -> str | None:
    """The record that Salesforce locks to insert a child of it (record locking cheat sheet)."""
    found = values.get("AccountId") or values.get("ContactId")
    return found if isinstance(found, str) else None


def _allowed(
    org: Org, by: str, sobject: SObject, flag: str, done: str, id_: str | None = None
) -> None:
    if flag not in sobject.flags:
        # Code and text as remembered from real orgs; in no source at hand: guess.
        raise SalesforceError(
            "INVALID_TYPE_FOR_OPERATION", f"entity type cannot be {done}: {sobject.label}", ()
        )
    if sobject.name in sites.OBJECTS:
        if not sites.may_write(org, by, sobject, id_):
            raise permissions.no_access()
        return
    wanted = "ManageUsers" if sobject.name in describe.SETUP_OBJECTS else "ModifyAllData"
    # what a user's record asks for depends on the licence: `users`
    if sobject.name != "User" and not permissions.has(org, by, wanted):
        raise permissions.no_access()
