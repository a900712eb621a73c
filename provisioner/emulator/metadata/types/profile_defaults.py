"""What a profile that comes by metadata begins with: all that the standard profile has.

"If a package includes a profile with a name that doesn't exist in the target org, a new profile is
created with that name. If the deployed profile doesn't specify any permissions or settings, the
resulting profile consists of all the permissions and settings in the Standard Profile" (Metadata
API guide, "Special Behavior in Deployments" [V]): that of its licence (known issue W-6412239 [V]).
That what a profile does specify goes over the rest of it, and that `createMetadata` does the same,
follows from the object reference's advice to use the object `Profile` for an empty one [I].
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import owned_sets
from provisioner.emulator.metadata.types.profile_limits import OBJECT_PERMISSIONS
from provisioner.emulator.schema import licenses
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

# Of those of one licence the first that `licenses` names, but for the administrator's [I].
_STANDARD: Final = {"SFDC": "Standard"}
_RIGHTS: Final = tuple(field for field, _ in OBJECT_PERMISSIONS.values())


def standard_profile(org: Org, license_key: str) -> dict[str, Any] | None:
    """The row of the standard profile of a licence; None when there is none yet."""
    named = licenses.INTERNAL_PROFILES + licenses.CUSTOMER_PORTAL_PROFILES + licenses.SITE_PROFILES
    of_license = (one.full_name for one in named if one.license_key == license_key)
    full_name = _STANDARD.get(license_key) or next(of_license, None)
    found = org.select("Profile", FullName=full_name) if full_name else []
    return found[0] if found else None


def user_permissions(profile: dict[str, Any] | None) -> dict[str, bool]:
    """The user permissions of a profile that are on, as fields of its row."""
    return {
        name: True
        for name, on in (profile or {}).items()
        if name.startswith("Permissions") and on is True
    }


def copy(org: Org, standard: dict[str, Any], id_: str, by: str, *, but: set[str]) -> None:
    """Gives a new profile the object and field permissions and the settings of a standard one.

    Not the permissions of objects whose names, in lower case, are in `but`: those it specifies.
    """
    source, target = (owned_sets.of(org, one) for one in (standard["Id"], id_))
    for row in org.select("ObjectPermissions", ParentId=source):
        given = {"ParentId": target, "SobjectType": row["SobjectType"]}
        if row["SobjectType"].lower() not in but:
            org.insert("ObjectPermissions", given | {name: row[name] for name in _RIGHTS}, by=by)
        for name, editable in _open_fields(org, row["SobjectType"]):
            values = {"SobjectType": row["SobjectType"], "Field": name, "PermissionsRead": True}
            org.insert(
                "FieldPermissions",
                {"ParentId": target, "PermissionsEdit": editable} | values,
                by=by,
            )
    for row in org.select("FieldPermissions", ParentId=source):
        names = ("SobjectType", "Field", "PermissionsRead", "PermissionsEdit")
        org.insert(
            "FieldPermissions", {"ParentId": target} | {name: row[name] for name in names}, by=by
        )
    kept = components.by_id(org, "Profile", standard["Id"])
    if kept is not None and json.loads(kept.body):
        components.add(org, "Profile", id_, id_, kept.body, by)


def _open_fields(org: Org, sobject_name: str) -> list[tuple[str, bool]]:
    """The standard fields of an object, which standard profiles have open, and which for writing.

    That it is all of them: a guess of `object_rights`, where a standard profile has no rows.
    """
    sobject = org.catalog().get(sobject_name)
    assert sobject is not None, "permissions are of objects there are"
    return [
        (f"{sobject.name}.{field.name}", field.createable or field.updateable)
        for field in sobject.fields.values()
        if field.permissionable and not field.custom
    ]
