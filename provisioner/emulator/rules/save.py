"""Writing records as a user may: every rule of the org, then the row and what follows from it.

All rules of one write are checked before anything is written, in the order of fact
335; a refusal leaves nothing behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import object_rights, permissions, reach
from provisioner.emulator.base import faults, ids
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.rules import (
    accounts,
    custom_relationships,
    duplicates,
    groups,
    networks,
    owners,
    permission_sets,
    person_accounts,
    portal_roles,
    profiles,
    recycle_bin,
    users,
)
from provisioner.emulator.rules.fields import checked, existing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

_FLAGS: Final = {
    "Create": "createable", "Edit": "updateable", "Delete": "deletable", "Undelete": "undeletable",
}  # fmt: skip


def create(org: Org, by: str, sobject: SObject, values: Mapping[str, Any]) -> str:
    """Inserts a record for the user `by`; returns its Id."""
    everything = _allowed(org, by, sobject, "Create")
    faults.check_row(sobject.name, _parent(values))
    with org.atomic():
        row = _checked(org, by, sobject, values, None, everything=everything)
        match sobject.name:
            case "User":
                return users.create(org, by, row)
            case "Profile":
                return profiles.create(org, by, row)
            case "Account" | "Contact" | "Case" | "Opportunity" | "Lead":
                return accounts.create(org, by, sobject, row)
            case "ObjectPermissions" | "FieldPermissions":
                return permission_sets.create(org, by, sobject, row)
            case "PermissionSet":
                return permission_sets.create_set(org, by, row)
            case "PermissionSetAssignment":
                return permission_sets.assign(org, by, row)
            case name if name in networks.OBJECTS:
                return networks.create(org, by, sobject, row)
            case "Group":
                return groups.create(org, by, row)
            case person_accounts.POWER_USER:
                return person_accounts.add_power_user(org, by, row)
            case _:
                return org.insert(sobject.name, row, by=by)


def update(org: Org, by: str, sobject: SObject, id_: str, values: Mapping[str, Any]) -> None:
    """Changes a record for the user `by`; NOT_FOUND or ENTITY_IS_DELETED when it is not there."""
    everything = _allowed(org, by, sobject, "Edit", id_)
    faults.check_row(sobject.name, id_)
    with org.atomic():
        current = existing(org, sobject, id_)
        if not everything:
            reach.check_record(org, by, sobject, id_, "Edit")
        row = _checked(org, by, sobject, values, current, everything=everything)
        match sobject.name:
            case "User":
                users.update(org, by, current, row)
            case "Profile":
                profiles.update(org, by, current, row)
            case "Account" | "Contact" | "Case" | "Opportunity" | "Lead":
                accounts.update(org, by, sobject, current, row)
            case "UserRole" if current["PortalType"] != "None":
                # "You can't update any field for a portal role" (fact 411); code: guess
                raise SalesforceError(
                    "FIELD_INTEGRITY_EXCEPTION", "You can't update any field for a portal role", ()
                )
            case "Group":
                groups.update(org, by, current, row)
            case "UserLogin":
                users.update_login(org, by, current, row)
            case name if name in networks.OBJECTS:
                networks.update(org, by, sobject, current, row)
            case _:
                org.update(sobject.name, id_, row, by=by)


def delete(org: Org, by: str, sobject: SObject, id_: str) -> None:
    """Deletes a record for the user `by`, and what Salesforce deletes with it."""
    everything = _allowed(org, by, sobject, "Delete")
    faults.check_row(sobject.name, id_)
    with org.atomic(), recycle_bin.together(ids.normal(id_) or id_):
        current = existing(org, sobject, id_)
        if not everything:
            reach.check_record(org, by, sobject, id_, "Delete")
        custom_relationships.release(org, by, sobject, id_)
        match sobject.name:
            case "Profile":
                profiles.delete(org, by, current)
            case "Account" | "Contact" | "Case" | "Opportunity" | "Lead":
                accounts.delete(org, by, sobject, current)
            case "UserRole":
                portal_roles.delete(org, by, current)
            case "PermissionSet":
                permission_sets.delete_set(org, by, current)
            case "PermissionSetAssignment":
                permission_sets.unassign(org, by, current)
            case _:
                recycle_bin.delete(org, by, sobject.name, id_)


def undelete(org: Org, by: str, sobject: SObject, id_: str) -> None:
    """Brings a deleted record back for the user `by`, and what Salesforce brings with it."""
    everything = _allowed(org, by, sobject, "Undelete")
    faults.check_row(sobject.name, id_)
    with org.atomic():
        if not everything:
            reach.check_record(org, by, sobject, id_, "Delete")
        recycle_bin.undelete(org, by, sobject, id_)


def _parent(values: Mapping[str, Any]) -> str | None:
    """The record that Salesforce locks to insert a child of it (record locking cheat sheet)."""
    found = values.get("AccountId") or values.get("ContactId")
    return found if isinstance(found, str) else None


def _checked(
    org: Org,
    by: str,
    sobject: SObject,
    values: Mapping[str, Any],
    current: Mapping[str, Any] | None,
    *,
    everything: bool,
) -> dict[str, Any]:
    """The values as they are stored; `everything` says that no record is beyond the user."""
    values = person_accounts.prepared(org, sobject, values, current)
    row = checked(org, sobject, values, current=current)
    owners.check(org, by, sobject, row, current)
    if not everything:
        reach.check_references(org, by, sobject, row, current)
    duplicates.check(org, sobject, row, current)
    return row


def _allowed(org: Org, by: str, sobject: SObject, right: str, id_: str | None = None) -> bool:
    """Refuses what nobody, or not this user, may do with the object; whether with every record."""
    flag = _FLAGS[right]
    if flag not in sobject.flags and not object_rights.governed(sobject.name):
        raise _impossible(sobject, right)
    if sobject.name in networks.OBJECTS:
        if not networks.may_write(org, by, sobject, id_):
            raise permissions.no_access()
        return True
    # that to bring back takes the right to delete: guess
    return reach.check(org, by, sobject, "Delete" if right == "Undelete" else right)


def _impossible(sobject: SObject, right: str) -> SalesforceError:
    """The refusal of what nobody may do; to delete, as remembered from real orgs (guess)."""
    if right in object_rights.DONE:
        return object_rights.cannot(sobject, object_rights.DONE[right])
    message = f"entity type cannot be {right.lower()}d: {sobject.label}"
    return SalesforceError("INVALID_TYPE_FOR_OPERATION", message, ())
