"""A profile's permissions, kept where REST shows them: its row and its own permission set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.emulator.access import owned_sets
from provisioner.emulator.metadata.types import profile_limits
from provisioner.emulator.metadata.types.profile_limits import OBJECT_PERMISSIONS, refused

if TYPE_CHECKING:
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.org import Org


def object_permissions(org: Org, profile_id: str) -> dict[str, dict[str, bool]]:
    rows = org.select("ObjectPermissions", ParentId=owned_sets.of(org, profile_id))
    return {
        row["SobjectType"]: {
            name: bool(row[field]) for name, (field, _) in OBJECT_PERMISSIONS.items()
        }
        for row in rows
    }


def field_permissions(org: Org, profile_id: str) -> list[Value]:
    rows = org.select("FieldPermissions", ParentId=owned_sets.of(org, profile_id))
    return [
        {
            "editable": row["PermissionsEdit"],
            "field": row["Field"],
            "readable": row["PermissionsRead"],
        }
        for row in sorted(rows, key=lambda row: str(row["Field"]))
    ]


def user_permissions(org: Org, entries: list[Value], license_key: str) -> dict[str, bool]:
    """The fields of a profile's row that the entries set; refuses what may not be set."""
    flags: dict[str, bool] = {}
    for entry in entries:
        name, enabled = entry["name"], entry["enabled"]
        profile_limits.check_user_permission(
            name, enabled=enabled, license_key=license_key, org=org
        )
        flags[f"Permissions{name}"] = enabled
    return flags


def merge_object_permissions(
    org: Org, row: dict[str, Any], entries: list[Value], license_key: str, by: str
) -> None:
    if not entries:
        return
    held = object_permissions(org, row["Id"])
    changed: set[str] = set()
    for entry in entries:
        sobject = profile_limits.check_object(org, entry["object"])
        if entry.get("viewAllFields"):
            raise refused(
                f"The user license doesn't allow the permission: View All Fields {sobject}"
            )  # guess: not modelled here
        named = {name: entry[name] for name in OBJECT_PERMISSIONS if name in entry}
        if (
            not is_custom(org, row)
            and not named.items() <= _with_all(held.get(sobject, {})).items()
        ):
            raise refused("Permissions of a standard profile can't be changed")  # guess
        held[sobject] = _with_all(held.get(sobject, {}) | named)
        changed.add(sobject)
    profile_limits.check_object_permissions(held, changed, license_key)
    parent = owned_sets.of(org, row["Id"])
    for sobject in sorted(changed):
        flags = {OBJECT_PERMISSIONS[name][0]: on for name, on in held[sobject].items()}
        old = org.select("ObjectPermissions", ParentId=parent, SobjectType=sobject)
        if old and any(flags.values()):
            org.update("ObjectPermissions", old[0]["Id"], flags, by=by)
        elif old:
            org.delete("ObjectPermissions", old[0]["Id"], by=by)
        elif any(flags.values()):
            values = {"ParentId": parent, "SobjectType": sobject} | flags
            org.insert("ObjectPermissions", values, by=by)


def _with_all(permissions: Value) -> dict[str, bool]:
    return {name: permissions.get(name, False) for name in OBJECT_PERMISSIONS}


def merge_field_permissions(org: Org, row: dict[str, Any], entries: list[Value], by: str) -> None:
    parent = owned_sets.of(org, row["Id"])
    for entry in entries:
        sobject, field = profile_limits.check_field(org, entry["field"])
        editable = entry["editable"]
        flags = {
            "PermissionsEdit": editable,
            "PermissionsRead": entry.get("readable", False) or editable,
        }
        name = f"{sobject}.{field}"
        old = org.select("FieldPermissions", ParentId=parent, Field=name)
        if old and any(flags.values()):
            org.update("FieldPermissions", old[0]["Id"], flags, by=by)
        elif old:
            org.delete("FieldPermissions", old[0]["Id"], by=by)
        elif any(flags.values()):
            values = {"ParentId": parent, "SobjectType": sobject, "Field": name} | flags
            org.insert("FieldPermissions", values, by=by)


def is_custom(org: Org, profile: dict[str, Any]) -> bool:
    """Whether people made the profile; its permission set says so."""
    (owned,) = org.select("PermissionSet", ProfileId=profile["Id"])
    return bool(owned["IsCustom"])
