"""The rules of Profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.emulator.access import owned_sets
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.schema import licenses
from provisioner.emulator.sites import members
from provisioner.emulator.store import portals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.licenses import License
    from provisioner.emulator.store.org import Org

# A portal licence never carries these; the full list is in no source: guess.
_STAFF_ONLY = (
    "AuthorApex", "CustomizeApplication", "ManageCssUsers", "ManageInternalUsers",
    "ManageProfilesPermissionsets", "ManageRoles", "ManageUsers", "ModifyAllData",
    "ModifyMetadata", "ViewAllData", "ViewSetup",
)  # fmt: skip


def license_of(org: Org, profile_id: str) -> License:
    """The licence behind a profile."""
    sql = (
        'SELECT l."LicenseDefinitionKey" FROM "Profile" AS p'
        ' JOIN "UserLicense" AS l ON l."Id" = p."UserLicenseId" WHERE p."Id" = ?'
    )
    rows = org.remember(("license", profile_id), lambda: org.execute(sql, (profile_id,)))
    return licenses.BY_KEY[rows[0][0]]


def is_standard(org: Org, profile_id: str) -> bool:
    """Whether Salesforce made the profile."""
    owned = org.select("PermissionSet", ProfileId=profile_id)
    return not owned[0]["IsCustom"]


def create(org: Org, by: str, row: Mapping[str, Any]) -> str:
    """A custom profile, without any permission it was not given (fact 501)."""
    _free_name(org, row["Name"], None)
    key = org.select("UserLicense", Id=row["UserLicenseId"])[0]["LicenseDefinitionKey"]
    license_ = licenses.BY_KEY[key]
    _licensed(row, license_)
    id_ = owned_sets.insert_profile(org, {**row, "UserType": license_.user_type}, by=by)
    org.audit(by, "createdprofile", "Manage Users", f"Created profile {row['Name']}")
    return id_


def update(org: Org, by: str, current: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    """Changes name, description and permissions."""
    id_ = current["Id"]
    name = row.get("Name", current["Name"])
    if name != current["Name"]:
        if is_standard(org, id_):
            raise SalesforceError(  # text: a public deployment tool quotes it [Q]; code: guess
                "FIELD_INTEGRITY_EXCEPTION", "Cannot rename standard profile", ("Name",)
            )
        _free_name(org, name, id_)
    _licensed(row, license_of(org, id_))
    if row.get("PermissionsManageCssUsers") is False:
        for user in org.find("User", ProfileId=id_):
            keeps_portal_admin(org, user, manages=False)
    owned_sets.update_profile(org, id_, row, by=by)
    if name != current["Name"]:
        owned = owned_sets.of(org, id_)
        org.update("PermissionSet", owned, {"Label": name}, by=by)
        display = f"Renamed profile {current['Name']} to {name}"
        org.audit(by, "renamedprofile", "Manage Users", display)
    else:
        org.audit(by, "changedprofile", "Manage Users", f"Changed profile {name}")


def delete(org: Org, by: str, current: Mapping[str, Any]) -> None:
    """Deletes a custom profile that no user has, active or not (fact 502)."""
    if is_standard(org, current["Id"]):
        raise SalesforceError(  # guess
            "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", ()
        )
    holders = org.select("User", ProfileId=current["Id"])
    if holders:
        names = ", ".join(user["Name"] for user in holders[:10])
        raise SalesforceError(  # as of a contact with cases: public recordings [V], here [I]
            "DELETE_FAILED",
            f"Your attempt to delete {current['Name']} could not be completed because it is"
            f" associated with the following users.: {names}\n",
            (),
        )
    members.forget_parent(org, by, current["Id"])
    owned_sets.delete_profile(org, current["Id"], by=by)
    org.audit(by, "deletedprofile", "Manage Users", f"Deleted profile {current['Name']}")


def keeps_portal_admin(org: Org, user_id: str, *, manages: bool) -> None:
    """Refuses that the administrator of a portal loses `ManageCssUsers` (fact 113).

    `manages` is whether the profile that the user is to have grants it; a permission set does as
    well, as it does for a new administrator [I].
    """
    if not manages and user_id in portals.admins(org) and not _by_set(org, user_id):
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "This user is a portal administrator and must have a profile with the"
            ' "Edit Self-Service Users" permission.',
            ("ProfileId",),
        )


def runs_no_portal(org: Org, user_id: str) -> None:
    """Refuses that the administrator of a portal is deactivated: help, article 000386638 [V]."""
    if user_id in portals.admins(org):
        raise SalesforceError(  # code: as that of the rule above [I]
            "FIELD_INTEGRITY_EXCEPTION",
            "You cannot deactivate a user who is a portal administrator",
            ("IsActive",),
        )


def _by_set(org: Org, user_id: str) -> bool:
    """Whether a permission set that no profile owns gives a user `ManageCssUsers`."""
    sql = (
        'SELECT 1 FROM "PermissionSetAssignment" AS a JOIN "PermissionSet" AS s'
        ' ON s."Id" = a."PermissionSetId" AND s."PermissionsManageCssUsers" = 1'
        ' WHERE a."AssigneeId" = ? AND s."IsOwnedByProfile" = 0 LIMIT 1'
    )
    return bool(org.execute(sql, (user_id,)))


def _free_name(org: Org, name: str, own_id: str | None) -> None:
    if any(id_ != own_id for id_ in org.find("Profile", Name=name)):
        raise SalesforceError(  # fact 503
            "FIELD_INTEGRITY_EXCEPTION", "The profile name is already in use: Name", ("Name",)
        )


def _licensed(row: Mapping[str, Any], license_: License) -> None:
    if not license_.portal:
        return
    for name in _STAFF_ONLY:
        if row.get(f"Permissions{name}"):
            raise SalesforceError(  # text: fact 507; code: public logs [V]
                "FIELD_INTEGRITY_EXCEPTION",
                f"The user license doesn't allow the permission: {name}",
                (f"Permissions{name}",),
            )
