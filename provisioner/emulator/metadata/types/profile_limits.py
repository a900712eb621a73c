"""What a profile may hold: known permissions, what a licence allows, what depends on what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.schema import licenses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store.org import Org

# element of ProfileObjectPermissions -> field of ObjectPermissions, and its name in messages
OBJECT_PERMISSIONS: Final = {
    "allowCreate": ("PermissionsCreate", "Create"),
    "allowDelete": ("PermissionsDelete", "Delete"),
    "allowEdit": ("PermissionsEdit", "Edit"),
    "allowRead": ("PermissionsRead", "Read"),
    "modifyAllRecords": ("PermissionsModifyAllRecords", "Modify All"),
    "viewAllRecords": ("PermissionsViewAllRecords", "View All"),
}
# Create, Edit, Delete and Modify All: public deployment logs [V]; View All general knowledge [U]
_NEEDS: Final = {
    "allowCreate": ("allowRead",),
    "allowEdit": ("allowRead",),
    "allowDelete": ("allowRead", "allowEdit"),
    "viewAllRecords": ("allowRead",),
    "modifyAllRecords": ("allowRead", "allowEdit", "allowDelete", "viewAllRecords"),
}
# "Permission Read X depends on permission(s): Read Y" is verified for other objects; for these
# two it is what the profile page ticks by itself, general knowledge [U]
_NEEDS_READ: Final = {"Contact": "Account", "Opportunity": "Account"}

# what a customer licence allows: the public retrieval of a High Volume profile has no more [I]
_PORTAL_OBJECTS: Final = {
    "Account": frozenset({"allowRead", "allowEdit"}),
    "Case": frozenset({"allowRead", "allowCreate", "allowEdit"}),
    "Contact": frozenset({"allowRead", "allowCreate", "allowEdit"}),
}
# of custom objects, all but what passes by sharing: general knowledge [U]
_PORTAL_CUSTOM: Final = frozenset({"allowRead", "allowCreate", "allowEdit", "allowDelete"})
# the permissions of that retrieval [V], and what portal licences may have besides [U]
_PORTAL_PERMISSIONS: Final = frozenset(
    {
        "ActivitiesAccess",
        "AddDirectMessageMembers",
        "AllowUniversalSearch",
        "ApiEnabled",
        "AssignTopics",
        "ChatterOwnGroups",
        "EnableCommunityAppLauncher",
        "EnableNotifications",
        "PasswordNeverExpires",
        "PortalSuperUser",
        "RemoveDirectMessageMembers",
        "RunFlow",
        "RunReports",
        "SelectFilesFromSalesforce",
        "ShowCompanyNameAsUserBadge",
        "UseWebLink",
        "ViewContent",
    }
)
# a real permission that the describe of this org lacks, fact 507
_NOT_OF_CUSTOMERS: Final = frozenset({"FreezeUsers"})
TABS: Final = frozenset(
    f"standard-{name}"
    for name in ("Account", "Case", "Contact", "Dashboard", "Lead", "Opportunity", "report")
)


def is_customer_license(key: str) -> bool:
    """Whether the licence of that key is one for customers."""
    return licenses.BY_KEY[key].portal == "Customer"


def check_user_permission(name: str, *, enabled: bool, license_key: str, org: Org) -> None:
    """Refuses a permission that the org does not know or the licence does not allow."""
    profile = org.catalog().get("Profile")
    assert profile is not None, "every org has profiles"
    if enabled and name in _NOT_OF_CUSTOMERS and is_customer_license(license_key):
        # fact 507
        raise refused(f"The user license doesn't allow the permission: {name}")
    if profile.field(f"Permissions{name}") is None:
        # fact 506
        raise refused(f"Unknown user permission: {name}")
    if enabled and is_customer_license(license_key) and name not in _PORTAL_PERMISSIONS:
        # fact 507
        raise refused(f"The user license doesn't allow the permission: {name}")


def check_object(org: Org, sobject: str) -> str:
    """The object's name as the org spells it; refuses one without object permissions."""
    found = org.catalog().get(sobject)
    if found is None or "layoutable" not in found.flags or found.name == "User":
        raise no_such("object", "CustomObject", sobject)
    return found.name


def check_object_permissions(
    permissions: Mapping[str, Mapping[str, bool]], changed: set[str], license_key: str
) -> None:
    """Refuses what the licence does not allow or what lacks a permission it depends on.

    `permissions` are all of the profile by object; only the `changed` objects are blamed for
    their own entries.
    """
    for sobject in sorted(changed):
        held = {name for name, on in permissions[sobject].items() if on}
        if is_customer_license(license_key):
            allowed = _PORTAL_OBJECTS.get(sobject, frozenset())
            if sobject.endswith("__c"):
                allowed = _PORTAL_CUSTOM
            for name in sorted(held - allowed):
                # "The user license doesn't allow the permission: View All BuyerGroup" [V]
                label = OBJECT_PERMISSIONS[name][1]
                raise refused(f"The user license doesn't allow the permission: {label} {sobject}")
        for name, needs in _NEEDS.items():
            lacking = [OBJECT_PERMISSIONS[need][1] for need in needs if need not in held]
            if name in held and lacking:
                needed = ", ".join(f"{label} {sobject}" for label in lacking)
                label = OBJECT_PERMISSIONS[name][1]
                raise refused(f"Permission {label} {sobject} depends on permission(s): {needed}")
    for child, parent in _NEEDS_READ.items():
        reads = [permissions.get(name, {}).get("allowRead", False) for name in (child, parent)]
        if {child, parent} & changed and reads == [True, False]:
            raise refused(f"Permission Read {child} depends on permission(s): Read {parent}")


def check_field(org: Org, full_name: str) -> tuple[str, str]:
    """Object and field of `Object.Field` as the org spells them."""
    sobject_name, _, name = full_name.partition(".")
    sobject = org.catalog().get(sobject_name)
    if sobject is None:
        raise no_such("field", "CustomObject", sobject_name)
    field = sobject.field(name)
    if field is None:
        raise no_such("field", "CustomField", full_name)
    if not field.permissionable:
        # what deployments answer for fields that every profile has, general knowledge [U]
        raise refused(f"You cannot deploy to a required field: {sobject.name}.{field.name}")
    return sobject.name, field.name


def refused(message: str, field: str | None = None) -> SalesforceError:
    """A refusal of a profile; the code is the one public logs have for permissions [V]."""
    return SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, (field,) if field else ())


def no_such(element: str, kind: str, name: str) -> SalesforceError:
    """A name that the profile mentions and the org does not have (public logs [V])."""
    return SalesforceError(
        "INVALID_CROSS_REFERENCE_KEY", f"In field: {element} - no {kind} named {name} found", ()
    )
