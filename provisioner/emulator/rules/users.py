"""The rules of User: portal users and their contacts, licences, roles and names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import owned_sets, permissions
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.login import mails, password_login
from provisioner.emulator.rules import audits, own_user, person_accounts, portal_roles, usernames
from provisioner.emulator.rules.accounts import (
    admit,
    may_admit,
    needs_account,
    portal_users,
)
from provisioner.emulator.rules.profiles import (
    is_standard,
    keeps_portal_admin,
    license_of,
    runs_no_portal,
)
from provisioner.emulator.sites import members, settings
from provisioner.emulator.store import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.licenses import License
    from provisioner.emulator.store.org import Org

EMAIL_DOMAINS: Final = "email domains"  # the name of the setting, a JSON list
_USED: Final = tables.COMPUTED["UserLicense", "UsedLicenses"].format(t="l")
_SEATS_LEFT: Final = (
    f'SELECT l."TotalLicenses" - {_USED} FROM "UserLicense" AS l'  # noqa: S608 - our names
    ' WHERE l."LicenseDefinitionKey" = ?'
)
_FEATURES: Final = ("CustomerPortal", "Networks", "PartnerPortal")


def create(org: Org, by: str, row: dict[str, Any]) -> str:
    """A user of the company or of the portal, as its profile's licence says."""
    _allowed_domain(org, row)
    license_ = license_of(org, row["ProfileId"])
    _not_a_guest(license_)
    if not _manages(org, by, license_):
        raise permissions.no_access()
    _may_give(org, by, row["ProfileId"])
    row.setdefault("IsActive", True)
    row["UserType"] = license_.user_type
    account: Mapping[str, Any] | None = None
    if license_.portal:
        account = _portal_user(org, row, license_)
    elif row.get("ContactId"):
        raise _not_a_portal_profile()
    portal_roles.fits(org, row, license_, row.get("AccountId"))
    if row["IsActive"]:
        _seat(org, license_)
    usernames.check_free(org, row, None, license_)
    if account is not None:
        _enable(org, by, row, account, license_)
    if row.get("CommunityNickname") is None:
        # The API makes one up (fact 307); real ones look like User1612345678901234567.
        row["CommunityNickname"] = f"User{org.next_number('nickname'):019}"
    id_ = owned_sets.insert_user(org, row, by=by)
    org.insert("UserLogin", {"UserId": id_}, by=by)
    audits.user_created(org, by, row, portal=license_.portal)
    members.follow_user(org, by, id_)
    return id_


def update(org: Org, by: str, current: Mapping[str, Any], row: dict[str, Any]) -> None:
    """Changes a user; profile and role are checked against the former profile (fact 306)."""
    merged = {**current, **row}
    held = license_of(org, current["ProfileId"])
    license_ = license_of(org, merged["ProfileId"])
    if not _manages(org, by, held):
        own_user.check(org, by, current, row)
    if merged["ProfileId"] != current["ProfileId"]:
        _may_give(org, by, current["ProfileId"], merged["ProfileId"])
        if current["Id"] == by:
            # salesforce-webhook-creator issue 2 [V]
            raise SalesforceError(
                "FIELD_INTEGRITY_EXCEPTION",
                "Cannot change profile for current user",
                ("ProfileId",),
            )
    _allowed_domain(org, row)
    _same_contact(current, merged)
    _portal_switch(current, row)
    merged |= row
    _profile_change(org, current, merged, held, license_)
    _role_change(org, current, merged, held)
    if merged["IsActive"] and (not current["IsActive"] or license_.key != held.key):
        _seat(org, license_)
    if not merged["IsActive"] and current["IsActive"]:
        _leaves_an_admin(org, current)
        if current["Id"] == by:
            # salesforce.stackexchange.com question 17389 [V]
            raise SalesforceError(
                "FIELD_INTEGRITY_EXCEPTION", "Cannot de-activate self: Active", ("IsActive",)
            )
        runs_no_portal(org, current["Id"])
    usernames.check_free(org, row, current, license_)
    if license_.key != held.key:
        row["UserType"] = license_.user_type
        if held.roles and not license_.roles:
            row |= {"PortalRole": None, "UserRoleId": None}
    if license_.roles and (license_.key != held.key or {"PortalRole", "UserRoleId"} & row.keys()):
        row |= portal_roles.of_user(org, by, merged, current)
    owned_sets.update_user(org, current["Id"], row, by=by)
    _after_update(org, by, current, row)


def update_login(org: Org, by: str, current: Mapping[str, Any], row: dict[str, Any]) -> None:
    """Freezes or unfreezes a user, and ends a lock-out, which nobody can start by hand.

    "From the API, you can set this field to false, but not true" (OBJ UserLogin [V]); code and
    wording of the refusal: guess.
    """
    if row.get("IsPasswordLocked") and not current["IsPasswordLocked"]:
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "IsPasswordLocked can be set to false, but not to true",
            ("IsPasswordLocked",),
        )
    if row.get("IsPasswordLocked") is False and current["IsPasswordLocked"]:
        password_login.unlock(org, current["UserId"], by)
    org.update("UserLogin", current["Id"], row, by=by)
    if row.get("IsFrozen", current["IsFrozen"]) != current["IsFrozen"]:
        audits.user_frozen(org, by, current["UserId"], frozen=row["IsFrozen"])
    if row.get("IsFrozen"):
        org.end_sessions(user_id=current["UserId"])


def _after_update(org: Org, by: str, current: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    merged = {**current, **row}
    if merged["UserRoleId"] != current["UserRoleId"]:
        owned = org.select("UserRole", PortalAccountOwnerId=current["Id"])
        for account in {role["PortalAccountId"] for role in owned}:
            portal_roles.follow_owner(org, by, account, current["Id"])
    if current["IsActive"] and not merged["IsActive"]:
        org.end_sessions(user_id=current["Id"])
    if any(merged[name] != current[name] for name in ("ProfileId", "IsActive")):
        members.follow_user(org, by, current["Id"])
    if merged["Email"] != current["Email"] and merged["IsActive"]:
        mails.mail_confirmation(org, merged, merged["Email"])
    audits.user_changed(org, by, current, merged)


# -- who may do it ------------------------------------------------------------------------------


def _manages(org: Org, by: str, license_: License) -> bool:
    """Whether one may create and change users of a licence (object reference, User [V]).

    "Manage Internal Users", which "Manage Users" brings along, for those of the company; "Manage
    Customer Users" for customers and "Manage External Users" for partners; with Digital
    Experiences on "you must also have the Manage External Users permission".
    """
    if not license_.portal:
        return any(
            permissions.has(org, by, name) for name in ("ManageUsers", "ManageInternalUsers")
        )
    wanted = {"ManagePartners" if license_.portal == "Partner" else "ManageCssUsers"}
    if org.feature("Networks"):
        wanted.add("ManagePartners")
    return all(permissions.has(org, by, name) for name in wanted)


def _may_give(org: Org, by: str, *profile_ids: str) -> None:
    """Nobody gives or takes a power over all data without having it (fact 325)."""
    found = [org.known("Profile", id_) for id_ in profile_ids]
    powerful = any(profile and profile["PermissionsModifyAllData"] for profile in found)
    if powerful and not permissions.has(org, by, "ModifyAllData"):
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "Cannot grant or remove a profile with modify all data, without having the modify all"
            " data permission yourself.",
            ("ProfileId",),  # the field: guess
        )


def _not_a_guest(license_: License) -> None:
    """The guest of a site is made with the site, by nobody's request: azure-docs issue 43004 [V].

    Who gets the profile later is refused alike [I].
    """
    if license_.user_type == "Guest":
        raise SalesforceError(
            "INSUFFICIENT_ACCESS_OR_READONLY", "Cannot insert a user of type guest.", ()
        )


# -- portal users ------------------------------------------------------------------------------


def _portal_user(org: Org, row: dict[str, Any], license_: License) -> Mapping[str, Any]:
    """Contact, account, profile and owner of a new portal user (fact 335)."""
    if not row.get("ContactId"):
        raise SalesforceError(  # fact 315
            "INVALID_CROSS_REFERENCE_KEY", "Cannot create a portal user without contact.", ()
        )
    if not any(org.feature(name) for name in _FEATURES):
        raise SalesforceError(  # the code is for a licence that can not be used (fact 327): guess
            "PORTAL_NO_ACCESS", "The portal of this user's license is not enabled", ()
        )
    contact = org.some("Contact", row["ContactId"], "Id", "AccountId")
    assert contact, "references were checked"
    if contact["AccountId"] is None:
        # "contact must have a value in AccountId or an error occurs" (fact 302)
        raise needs_account("ContactId")
    if (
        org.feature("Networks")
        and not settings.setting(org, "enableOotbProfExtUserOpsEnable")
        and is_standard(org, row["ProfileId"])
    ):
        raise SalesforceError(  # fact 316
            "FIELD_INTEGRITY_EXCEPTION",
            "To create or update users for this profile, go to Setup > Digital Experiences >"
            " Settings and select Allow using standard external profiles for self-registration,"
            " user creation, and login.",
            ("ProfileId",),
        )
    if portal_users(org, ContactId=contact["Id"]):
        raise SalesforceError(  # fact 311
            "PORTAL_USER_ALREADY_EXISTS_FOR_CONTACT", "portal user already exists for contact", ()
        )
    account = may_admit(org, contact["AccountId"], license_)
    row["AccountId"] = contact["AccountId"]
    return account


def _enable(
    org: Org, by: str, row: dict[str, Any], account: Mapping[str, Any], license_: License
) -> None:
    """What follows from a new portal user (facts 403 and 408)."""
    row["IsPortalEnabled"] = True
    admit(org, by, account, license_)
    if license_.roles:
        row |= portal_roles.of_user(org, by, row)


# -- changes -----------------------------------------------------------------------------------


def _same_contact(current: Mapping[str, Any], merged: Mapping[str, Any]) -> None:
    if merged["ContactId"] != current["ContactId"]:
        # Updatable by the documentation, refused in practice (fact 308); code and text: guess.
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "The contact of a user cannot be changed: Contact ID",
            ("ContactId",),
        )


def _portal_switch(current: Mapping[str, Any], row: dict[str, Any]) -> None:
    """`IsPortalEnabled=false` is for good and renames the user (fact 309)."""
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
    profile = org.known("Profile", merged["ProfileId"])
    assert profile, "references were checked"
    keeps_portal_admin(org, current["Id"], manages=profile["PermissionsManageCssUsers"])
    _not_a_guest(license_)
    if license_.portal and not merged["ContactId"]:
        raise SalesforceError(
            "INVALID_CROSS_REFERENCE_KEY", "Cannot create a portal user without contact.", ()
        )
    if not license_.portal and merged["ContactId"]:
        raise _other_license()
    if held.portal != license_.portal or _is_community(held) != _is_community(license_):
        # Portal to Customer Community needs new user records (10 [V]).
        raise _other_license()


def _other_license() -> SalesforceError:
    # so from a Customer Portal profile to one of Customer Community: life-improver.com, "Can't
    # change a user's profile" [V]; between others [I]
    return SalesforceError(
        "FIELD_INTEGRITY_EXCEPTION",
        "You can only assign profiles that are compatible with the user's license. For a list of"
        " compatible licenses and profiles, see the Salesforce Help.",
        ("ProfileId",),
    )


def _role_change(
    org: Org, current: Mapping[str, Any], merged: Mapping[str, Any], held: License
) -> None:
    if any(merged[name] != current[name] for name in ("UserRoleId", "PortalRole")):
        portal_roles.fits(org, merged, held, current["AccountId"])
        _keeps_owners_role(org, current, merged)
    if merged["UserRoleId"] != current["UserRoleId"]:
        person_accounts.keeps_role(org, current["Id"])


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


def _allowed_domain(org: Org, row: Mapping[str, Any]) -> None:
    """An e-mail address is of one of the allowed domains, if there are any (fact 321)."""
    allowed = org.remember(EMAIL_DOMAINS, lambda: json.loads(org.setting(EMAIL_DOMAINS) or "[]"))
    domain = str(row.get("Email") or "").rpartition("@")[2].lower()
    if allowed and domain and domain not in allowed:
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            f"Invalid Email Address: Must be in domain(s) {', '.join(allowed)}: Email",
            ("Email",),
        )


def _seat(org: Org, license_: License) -> None:
    """One seat must be free; only active users take one (fact 313, fact 336)."""
    if org.execute(_SEATS_LEFT, (license_.key,))[0][0] <= 0:
        name = f" - {license_.name}" if license_.portal else ""
        raise SalesforceError("LICENSE_LIMIT_EXCEEDED", f"License Limit Exceeded{name}", ())


def _not_a_portal_profile() -> SalesforceError:
    # Some refusal comes (fact 330); code and text: guess.
    return SalesforceError(
        "FIELD_INTEGRITY_EXCEPTION",
        "The profile of a user with a contact must have a portal license: Profile ID",
        ("ProfileId",),
    )
