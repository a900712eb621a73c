"""The rules of User: portal users and their contacts, licences, roles and names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.errors import SalesforceError
from provisioner.emulator.rules import permissions
from provisioner.emulator.rules.accounts import owner_needs_role, portal_users
from provisioner.emulator.rules.profiles import is_standard, keeps_portal_admin, license_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.licenses import License
    from provisioner.emulator.store import Org

_USERNAME: Final = re.compile(r"[^@\s,;:<>()\[\]\"\\]+@[^@\s.]+(\.[^@\s.]+)+")
_FEATURES: Final = ("CustomerPortal", "Networks", "PartnerPortal")
# From the bottom up (platform reference 3.4 [V]); a role's label is not the value in the API.
_LEVELS: Final = (("Worker", "User"), ("Manager", "Manager"), ("Executive", "Executive"))


def create(org: Org, by: str, row: dict[str, Any]) -> str:
    """A user of the company or of the portal, as its profile's licence says."""
    row["Username"] = _username(row["Username"])
    license_ = license_of(org, row["ProfileId"])
    row.setdefault("IsActive", True)
    row["UserType"] = license_.user_type
    if license_.portal:
        _portal_user(org, row, license_)
    elif row.get("ContactId"):
        raise _not_a_portal_profile()
    _role_fits(org, row, license_, row.get("AccountId"))
    if row["IsActive"]:
        _seat(org, license_)
    _unique(org, row, None)
    if license_.portal:
        _enable(org, by, row, license_)
    if row.get("CommunityNickname") is None:
        # The API makes one up (2.1 [U]); real ones look like User1612345678901234567.
        row["CommunityNickname"] = f"User{org.next_number('nickname'):019}"
    id_ = org.insert("User", row, by=by)
    org.insert("UserLogin", {"UserId": id_}, by=by)
    org.audit(by, "createduser", "Manage Users", f"Created new user {_name(row)}")
    return id_


def update(org: Org, by: str, current: Mapping[str, Any], row: dict[str, Any]) -> None:
    """Changes a user; profile and role are both checked against the profile held before (2.1)."""
    merged = {**current, **row}
    held = license_of(org, current["ProfileId"])
    license_ = license_of(org, merged["ProfileId"])
    if "Username" in row:
        merged["Username"] = row["Username"] = _username(row["Username"])
    _same_contact(current, merged)
    _portal_switch(current, row)
    merged |= row
    _profile_change(org, current, merged, held, license_)
    if (
        merged["UserRoleId"] != current["UserRoleId"]
        or merged["PortalRole"] != current["PortalRole"]
    ):
        _role_fits(org, merged, held, current["AccountId"])
        _keeps_owners_role(org, current, merged)
    if merged["IsActive"] and (not current["IsActive"] or license_.key != held.key):
        _seat(org, license_)
    if not merged["IsActive"] and current["IsActive"]:
        _leaves_an_admin(org, current)
    _unique(org, row, current)
    if license_.key != held.key:
        row["UserType"] = license_.user_type
        if license_.roles:
            row |= _roles_of(org, by, merged)
    elif held.roles and row.get("PortalRole"):
        row |= _roles_of(org, by, merged)
    org.update("User", current["Id"], row, by=by)
    if current["IsActive"] and not merged["IsActive"]:
        org.end_sessions(user_id=current["Id"])
    _audit(org, by, current, merged)


def delete_role(org: Org, by: str, current: Mapping[str, Any]) -> None:
    """Deletes a role that nobody has and no role reports to."""
    holders = org.find("User", UserRoleId=current["Id"])
    if holders or org.find("UserRole", ParentRoleId=current["Id"]):
        raise SalesforceError(  # text: guess
            "DELETE_FAILED", "Cannot delete a role that has users or roles under it", ()
        )
    for group in org.find("Group", RelatedId=current["Id"]):
        org.delete("Group", group, by=by)
    org.delete("UserRole", current["Id"], by=by)


# -- portal users ------------------------------------------------------------------------------


def _portal_user(org: Org, row: dict[str, Any], license_: License) -> None:
    """Contact, account, profile and owner of a new portal user (11.3, steps 10 to 14)."""
    if not row.get("ContactId"):
        raise SalesforceError(
            "INVALID_CROSS_REFERENCE_KEY", "Cannot create a portal user without contact.", ()
        )
    if not any(org.feature(name) for name in _FEATURES):
        raise SalesforceError(  # the code is for a licence that can not be used (2.3 [Q]): guess
            "PORTAL_NO_ACCESS", "The portal of this user's license is not enabled", ()
        )
    contact = org.get("Contact", row["ContactId"])
    assert contact, "references were checked"
    if contact["AccountId"] is None:
        # "must have a value in AccountId or an error occurs" [V]; code and text: guess.
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "The contact of a portal user must have an account: Contact ID",
            ("ContactId",),
        )
    if (
        org.feature("Networks")
        and org.setting("enableOotbProfExtUserOpsEnable") != "true"
        and is_standard(org, row["ProfileId"])
    ):
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "To create or update users for this profile, go to Setup > Digital Experiences >"
            " Settings and select Allow using standard external profiles for self-registration,"
            " user creation, and login.",
            ("ProfileId",),
        )
    if portal_users(org, ContactId=contact["Id"]):
        raise SalesforceError(
            "PORTAL_USER_ALREADY_EXISTS_FOR_CONTACT", "portal user already exists for contact", ()
        )
    account = org.get("Account", contact["AccountId"])
    assert account, "a contact's account is never removed"
    # Certain for licences with roles. For high volume ones nobody says; the how-to that the
    # product replaces asks for a role without exception: guess (3.4 [U]).
    owner_needs_role(org, account["OwnerId"])
    if license_.portal == "Partner" and not account["IsPartner"]:
        raise SalesforceError(  # needs IsPartner first (3.1 [V]); code and text: guess
            "FIELD_INTEGRITY_EXCEPTION",
            "A partner user's account must be a partner account: Contact ID",
            ("ContactId",),
        )
    row["AccountId"] = account["Id"]


def _enable(org: Org, by: str, row: dict[str, Any], license_: License) -> None:
    """What follows from a new portal user (11.3, step 17)."""
    row["IsPortalEnabled"] = True
    if license_.portal == "Customer":
        account = org.get("Account", row["AccountId"])
        if account and not account["IsCustomerPortal"]:
            org.update("Account", row["AccountId"], {"IsCustomerPortal": True}, by=by)
    if license_.roles:
        row |= _roles_of(org, by, row)


def _roles_of(org: Org, by: str, user: Mapping[str, Any]) -> dict[str, Any]:
    """The user's level and role; the account's roles are made for its first user (3.4)."""
    account = org.get("Account", user["AccountId"])
    assert account, "a portal user has an account"
    license_ = license_of(org, user["ProfileId"])
    kind = "Partner" if license_.portal == "Partner" else "CustomerPortal"
    found = {
        role["PortalRole"]: role["Id"]
        for role in org.select("UserRole", PortalAccountId=account["Id"], PortalType=kind)
    }
    if not found:
        owner = org.get("User", account["OwnerId"])
        above = owner["UserRoleId"] if owner else None
        word = "Partner" if kind == "Partner" else "Customer"
        for level, label in reversed(_LEVELS):
            name = f"{account['Name'][: 79 - len(word) - len(label)]} {word} {label}"
            above = found[level] = org.insert(
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
    level = user.get("PortalRole") or "Worker"  # null means the User role (2.1 [V])
    return {"PortalRole": level, "UserRoleId": found[level]}


def _role_fits(org: Org, row: Mapping[str, Any], license_: License, account_id: str | None) -> None:
    """A user's role is of the kind of the user, and a portal role of its own account."""
    level = row.get("PortalRole")
    role = org.get("UserRole", row["UserRoleId"]) if row.get("UserRoleId") else None
    fits = True
    if not license_.portal:
        fits = level is None and (role is None or role["PortalType"] == "None")
    elif not license_.roles:
        fits = level is None and role is None
    elif role is not None:
        fits = role["PortalAccountId"] == account_id
    if not fits:
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION", "role type must match user type", ("UserRoleId",)
        )


# -- changes -----------------------------------------------------------------------------------


def _same_contact(current: Mapping[str, Any], merged: Mapping[str, Any]) -> None:
    if merged["ContactId"] != current["ContactId"]:
        # Updatable by the documentation, refused in practice (2.1 [U]); code and text: guess.
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "The contact of a user cannot be changed: Contact ID",
            ("ContactId",),
        )


def _portal_switch(current: Mapping[str, Any], row: dict[str, Any]) -> None:
    """`IsPortalEnabled=false` is for good and renames the user (platform reference 2.2)."""
    disabled = current["ContactId"] is not None and not current["IsPortalEnabled"]
    if disabled and (row.get("IsPortalEnabled") or row.get("IsActive")):
        raise SalesforceError(  # code and text: guess
            "FIELD_INTEGRITY_EXCEPTION", "A disabled portal user cannot be enabled again", ()
        )
    if row.get("IsPortalEnabled") and current["ContactId"] is None:
        raise SalesforceError(
            "INVALID_CROSS_REFERENCE_KEY", "Cannot create a portal user without contact.", ()
        )
    if row.get("IsPortalEnabled") is False and current["IsPortalEnabled"]:
        row["IsActive"] = False
        row["Username"] = f"{row.get('Username', current['Username'])}_"


def _profile_change(
    org: Org,
    current: Mapping[str, Any],
    merged: Mapping[str, Any],
    held: License,
    license_: License,
) -> None:
    if merged["ProfileId"] == current["ProfileId"]:
        return
    profile = org.get("Profile", merged["ProfileId"])
    assert profile, "references were checked"
    keeps_portal_admin(org, current["Id"], manages=profile["PermissionsManageCssUsers"])
    if license_.portal and not merged["ContactId"]:
        raise SalesforceError(
            "INVALID_CROSS_REFERENCE_KEY", "Cannot create a portal user without contact.", ()
        )
    if not license_.portal and merged["ContactId"]:
        raise _not_a_portal_profile()
    if held.portal != license_.portal or _is_community(held) != _is_community(license_):
        # Portal to Customer Community needs new user records (10 [V]); code and text: guess.
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "The user's license cannot be changed to that of this profile: Profile ID",
            ("ProfileId",),
        )


def _is_community(license_: License) -> bool:
    return "Community" in license_.name


def _keeps_owners_role(org: Org, current: Mapping[str, Any], merged: Mapping[str, Any]) -> None:
    if merged["UserRoleId"] is not None:
        return
    for account in org.select("Account", OwnerId=current["Id"]):
        if account["IsPartner"] or portal_users(org, AccountId=account["Id"]):
            # The reverse of the owner rule, for the owner: guess.
            raise SalesforceError("UNKNOWN_EXCEPTION", "portal account owner must have a role", ())


def _leaves_an_admin(org: Org, current: Mapping[str, Any]) -> None:
    if not permissions.has(org, current["Id"], "ManageUsers"):
        return
    rest = org.execute(
        'SELECT 1 FROM "User" AS u JOIN "Profile" AS p ON p."Id" = u."ProfileId"'
        ' WHERE u."IsActive" = 1 AND p."PermissionsManageUsers" = 1 AND u."Id" != ? LIMIT 1',
        (current["Id"],),
    )
    if not rest:
        raise SalesforceError(  # code [V]; text: guess
            "CANNOT_DISABLE_LAST_ADMIN", "Cannot disable the last active administrator", ()
        )


# -- names and seats ---------------------------------------------------------------------------


def _username(text: str) -> str:
    if not _USERNAME.fullmatch(text):
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "Username must be in the form of an email address (for example, john@acme.com):"
            " Username",
            ("Username",),
        )
    return text.lower()


def _seat(org: Org, license_: License) -> None:
    """One seat must be free; only active users take one (2.3 [Q], 11.3 [I])."""
    row = org.select("UserLicense", LicenseDefinitionKey=license_.key)[0]
    if row["UsedLicenses"] >= row["TotalLicenses"]:
        name = f" - {license_.name}" if license_.portal else ""
        raise SalesforceError("LICENSE_LIMIT_EXCEEDED", f"License Limit Exceeded{name}", ())


def _unique(org: Org, row: Mapping[str, Any], current: Mapping[str, Any] | None) -> None:
    own = current["Id"] if current else None
    for name, code, message in (
        ("Username", "DUPLICATE_USERNAME", _TAKEN_USERNAME),
        ("CommunityNickname", "DUPLICATE_COMM_NICKNAME", _TAKEN_NICKNAME),
    ):
        value = row.get(name)
        if value is None:
            continue
        if any(id_ != own for id_ in org.find("User", **{name: value})):
            raise SalesforceError(code, message, (name,))


_TAKEN_USERNAME: Final = (
    "Duplicate Username.<br>The username already exists in this or another Salesforce"
    " organization. Usernames must be unique across all Salesforce organizations. To resolve, use"
    " a different username (it doesn't need to match the user's email address). "
)
_TAKEN_NICKNAME: Final = (  # platform reference 2.3: code [V], text [U]
    "Another user has already selected this nickname.<br>Please select another."
)


def _not_a_portal_profile() -> SalesforceError:
    # Some refusal comes (2.3); code and text: guess.
    return SalesforceError(
        "FIELD_INTEGRITY_EXCEPTION",
        "The profile of a user with a contact must have a portal license: Profile ID",
        ("ProfileId",),
    )


def _name(row: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (row.get("FirstName"), row["LastName"])))


def _audit(org: Org, by: str, current: Mapping[str, Any], merged: Mapping[str, Any]) -> None:
    name = _name(merged)
    if current["IsActive"] != merged["IsActive"]:
        action = "activateduser" if merged["IsActive"] else "deactivateduser"
        word = "Activated" if merged["IsActive"] else "Deactivated"
        org.audit(by, action, "Manage Users", f"{word} user {name}")
    if current["ProfileId"] != merged["ProfileId"]:
        before, after = (
            (org.get("Profile", row["ProfileId"]) or {})["Name"] for row in (current, merged)
        )
        display = f"Changed profile for user {name} from {before} to {after}"
        org.audit(by, "changedprofileforuser", "Manage Users", display)
    if current["Username"] != merged["Username"]:
        display = f"Changed username from {current['Username']} to {merged['Username']}"
        org.audit(by, "changedUsername", "Manage Users", display)
    if current["Email"] != merged["Email"]:
        display = f"Changed email for user {name} from {current['Email']} to {merged['Email']}"
        org.audit(by, "changedemail", "Manage Users", display)
