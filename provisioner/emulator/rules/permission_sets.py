"""The rules of permission sets, of their assignments and of the permissions in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.rules import audits
from provisioner.emulator.sites import members

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org


def assign(org: Org, by: str, row: Mapping[str, Any]) -> str:
    """Assigns a permission set to a user, once, and none that a profile owns."""
    wanted = {"AssigneeId": row["AssigneeId"], "PermissionSetId": row.get("PermissionSetId")}
    chosen = org.get("PermissionSet", str(row.get("PermissionSetId")))
    if chosen is None or chosen["IsOwnedByProfile"]:
        raise SalesforceError(  # guess
            "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ()
        )
    if org.find("PermissionSetAssignment", **wanted):
        message = (
            f"Duplicate PermissionSetAssignment. Assignee: {row['AssigneeId'][:15]};"
            f" Permission Set: {chosen['Id'][:15]}"
        )
        # code and text: the Salesforce CLI's tests, and scripts that look for it [V]
        raise SalesforceError("DUPLICATE_VALUE", message, ("AssigneeId",))
    id_ = org.insert("PermissionSetAssignment", wanted, by=by)
    audits.set_assigned(org, by, chosen["Id"], row["AssigneeId"], assigned=True)
    members.follow_user(org, by, row["AssigneeId"])
    return id_


def unassign(org: Org, by: str, current: Mapping[str, Any]) -> None:
    """Takes a permission set from a user; the one of the profile stays."""
    chosen = org.get("PermissionSet", current["PermissionSetId"])
    if chosen is None or chosen["IsOwnedByProfile"]:
        raise SalesforceError(  # guess
            "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", ()
        )
    org.delete("PermissionSetAssignment", current["Id"], by=by)
    audits.set_assigned(org, by, chosen["Id"], current["AssigneeId"], assigned=False)
    members.follow_user(org, by, current["AssigneeId"])


def delete_set(org: Org, by: str, current: Mapping[str, Any]) -> None:
    """Deletes a permission set that no profile owns and no user has, with its permissions."""
    if current["IsOwnedByProfile"]:
        raise SalesforceError(  # guess
            "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", ()
        )
    if org.find("PermissionSetAssignment", PermissionSetId=current["Id"]):
        raise SalesforceError(  # guess
            "DELETE_FAILED", "The permission set is assigned to users.", ()
        )
    for kind in ("ObjectPermissions", "FieldPermissions"):
        for id_ in org.find(kind, ParentId=current["Id"]):
            org.delete(kind, id_, by=by)
    members.forget_parent(org, by, current["Id"])
    org.delete("PermissionSet", current["Id"], by=by)
    audits.set_deleted(org, by, current)


def create_set(org: Org, by: str, row: Mapping[str, Any]) -> str:
    """Adds a permission set that no profile owns."""
    id_ = org.insert("PermissionSet", {**row, "IsCustom": True, "Type": "Regular"}, by=by)
    audits.set_created(org, by, row)
    return id_


def create(org: Org, by: str, sobject: SObject, row: Mapping[str, Any]) -> str:
    """Adds object or field permissions to a permission set, which has none of that object yet."""
    target = org.catalog().get(str(row["SobjectType"]))
    if target is None:
        raise SalesforceError(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"SObject Type Name: bad value for restricted picklist field: {row['SobjectType']}",
            ("SobjectType",),
        )
    key = {"ParentId": row["ParentId"], "SobjectType": target.name}
    if sobject.name == "FieldPermissions":
        key["Field"] = row["Field"]
    if org.find(sobject.name, **key):
        raise SalesforceError(  # guess
            "DUPLICATE_VALUE", "duplicate value found: the parent has permissions for it", ()
        )
    return org.insert(sobject.name, {**row, **key}, by=by)
