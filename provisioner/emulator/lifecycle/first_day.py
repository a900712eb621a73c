"""The org on its first day: a Developer org whose Customer Portal is not enabled yet."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import owned_sets
from provisioner.emulator.base import ids
from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.login import passwords
from provisioner.emulator.schema import licenses, objects
from provisioner.emulator.sites import guests, templates
from provisioner.emulator.store.org import Org

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from provisioner.emulator.schema.licenses import StandardProfile

ADMIN_USERNAME: Final = "portal.admin@acme.example"

# The role hierarchy of a new Developer org; indented under the role it reports to.
_ROLES: Final = """\
CEO
 CFO
 COO
 SVP, Customer Service & Support
  Customer Support, International
  Customer Support, North America
  Installation & Repair Services
 SVP, Human Resources
 SVP, Sales & Marketing
  VP, International Sales
  VP, Marketing
   Marketing Team
  VP, North American Sales
   Director, Channel Sales
    Channel Sales Team
   Director, Direct Sales
    Eastern Sales Team
    Western Sales Team"""

# What every standard profile of people of the company may do; the administrator may do all.
_UNWANTED: Final = "no seats of "
_STAFF: Final = (
    "ApiEnabled", "ActivitiesAccess", "ChatterInternalUser", "CreateCustomizeReports", "EditEvent",
    "EditTask", "EmailSingle", "ExportReport", "LightningExperienceUser", "RunFlow", "RunReports",
    "SelectFilesFromSalesforce", "ViewHelpLink", "ViewRoles", "ViewSetup",
)  # fmt: skip
_DATA_OBJECTS: Final = ("Account", "Case", "Contact", "Lead", "Opportunity")
_ALL: Final = ("Create", "Read", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords")


def open_org(path: str | Path) -> Org:
    """The org in a file or in ":memory:"; a new one is as on its first day."""
    return Org(path, fill)


def fill(org: Org) -> None:
    """Makes the organization, licences, profiles, roles, the administrator and a connected app."""
    # No two orgs are one: a plan made for the one is not for the other.
    organization, admin = ids.make("00D", secrets.randbelow(62**6)), ids.make("005", 1)
    # The administrator comes first: each row names the user who made it.
    org.new_id("005")
    for license_ in licenses.LICENSES:
        org.insert(
            "UserLicense",
            {
                "LicenseDefinitionKey": license_.key,
                "Name": license_.name,
                "MasterLabel": license_.name,
                "Status": license_.status,
                "TotalLicenses": license_.seats,
            },
            by=admin,
        )
    for profile in licenses.INTERNAL_PROFILES:
        _standard_profile(org, profile, by=admin)
    roles = _roles(org, by=admin)
    org.insert("Organization", {"Id": organization} | _organization(), by=admin)
    org.insert("Group", {"Name": "", "Type": "Organization", "OwnerId": organization}, by=admin)
    owned_sets.insert_user(org, {"Id": admin} | _admin(org, roles["CEO"]), by=admin)
    org.insert("UserLogin", {"UserId": admin}, by=admin)
    _secrets(org, admin)


def enable_customer_portal(org: Org, by: str) -> None:
    """Turns the Customer Portal on; does nothing when it is on already.

    The fields that depend on it appear, and the standard profiles of the Customer Portal licences
    that are active are made (fact 105).
    """
    if org.feature("CustomerPortal"):
        return
    with org.transaction():
        org.set_feature("CustomerPortal", on=True)
        bring_portal_profiles(org, by)
        # The sharing group of all portal users comes with it (fact 106; its row is a guess).
        org.insert(
            "Group",
            {"Name": "", "DeveloperName": "AllCustomerPortalUsers", "Type": "AllCustomerPortal"},
            by=by,
        )


def bring_portal_profiles(org: Org, by: str) -> None:
    """Makes the standard profiles of the active Customer Portal licences that are not there yet.

    They come on enabling (fact 105), and "on the first day" of licences bought
    later (KB 000007211 [Q], of Customer Portal Manager Custom).
    """
    active = {row["LicenseDefinitionKey"] for row in org.select("UserLicense", Status="Active")}
    for profile in licenses.CUSTOMER_PORTAL_PROFILES:
        there = org.find("Profile", FullName=profile.full_name)
        if profile.license_key in active and not there:
            _standard_profile(org, profile, by=by)


def enable_digital_experiences(org: Org, by: str) -> None:
    """Turns Digital Experiences on; does nothing when it is on already.

    Objects and fields of sites appear, with their e-mail templates (fact 203),
    and the licences that a newer Developer org has free (fact 416; that they come with the switch,
    and not with the org, is a guess) with their profiles.
    """
    if org.feature("Networks"):
        return
    with org.transaction():
        org.set_feature("Networks", on=True)
        templates.fill(org, by)
        for profile in licenses.SITE_PROFILES:
            (license_,) = org.select("UserLicense", LicenseDefinitionKey=profile.license_key)
            if license_["Status"] != "Active":
                if org.setting(_UNWANTED + profile.license_key):
                    continue
                seats = {"Status": "Active", "TotalLicenses": licenses.SITE_SEATS}
                org.update("UserLicense", license_["Id"], seats, by=by)
            if not org.find("Profile", Name=profile.name):
                _standard_profile(org, profile, by=by)
        (guest_seats,) = org.find("UserLicense", LicenseDefinitionKey=guests.LICENSE)
        org.update("UserLicense", guest_seats, {"TotalLicenses": guests.SEATS}, by=by)


def set_seats(org: Org, seats: Mapping[str, int], by: str) -> None:
    """Sets the seats of licences by `LicenseDefinitionKey`.

    Those of an enabled Customer Portal bring its profiles. A licence that is set to no seats does
    not get any with Digital Experiences either.
    """
    with org.transaction():
        for key, count in seats.items():
            (id_,) = org.find("UserLicense", LicenseDefinitionKey=key)
            values = {"TotalLicenses": count, "Status": "Active" if count else "Disabled"}
            org.update("UserLicense", id_, values, by=by)
            org.put_setting(_UNWANTED + key, "" if count else "true")
        if org.feature("CustomerPortal"):
            bring_portal_profiles(org, by)


def enable_person_accounts(org: Org) -> None:
    """Turns person accounts on, for good; does nothing when they are on already.

    Accounts get record types: one of businesses, which an org must have before (KB 000171021 [Q];
    its name in scratch orgs [Q]), and that of people, `PersonAccount` (SOAP guide [V]).
    """
    if org.feature("PersonAccounts"):
        return
    by = admin_id(org)
    with org.transaction():
        org.set_feature("PersonAccounts", on=True)
        for developer_name, name, person in (
            ("Business_Account", "Business Account", False),
            ("PersonAccount", "Person Account", True),
        ):
            values = {
                "DeveloperName": developer_name,
                "Name": name,
                "SobjectType": "Account",
                "IsPersonType": person,
            }
            org.insert("RecordType", values, by=by)


def admin_id(org: Org) -> str:
    """The user of the seed, by its unchanging id."""
    return ids.make("005", 1) if org.get("User", ids.make("005", 1)) else ""


def _standard_profile(org: Org, profile: StandardProfile, *, by: str) -> None:
    license_ = licenses.BY_KEY[profile.license_key]
    row = org.select("UserLicense", LicenseDefinitionKey=profile.license_key)[0]
    values: dict[str, Any] = {
        "Name": profile.name,
        "FullName": profile.full_name,
        "UserLicenseId": row["Id"],
        "UserType": license_.user_type,
    }
    if profile.full_name == "Admin":
        table = objects.tables()["profile"]
        values |= {f.name: True for f in table.fields.values() if f.name.startswith("Permissions")}
        # Not even an administrator has it at first (Bulk API guide, "Hard Delete").
        values["PermissionsBulkApiHardDelete"] = False
    elif license_.user_type == "Standard":
        values |= {f"Permissions{name}": True for name in _STAFF}
    id_ = owned_sets.insert_profile(org, values, by=by)
    owned = owned_sets.of(org, id_)
    org.update("PermissionSet", owned, {"IsCustom": False}, by=by)
    for sobject, rights in _object_rights(profile).items():
        org.insert(
            "ObjectPermissions",
            {"ParentId": owned, "SobjectType": sobject}
            | {f"Permissions{right}": True for right in rights},
            by=by,
        )


def _object_rights(profile: StandardProfile) -> dict[str, tuple[str, ...]]:
    license_ = licenses.BY_KEY[profile.license_key]
    match license_.portal, profile.full_name:
        case "", "Admin":
            return dict.fromkeys(_DATA_OBJECTS, _ALL)
        case "", "ReadOnly":
            return dict.fromkeys(_DATA_OBJECTS, ("Read",))
        case "", _ if license_.key == "SFDC":
            return dict.fromkeys(_DATA_OBJECTS, ("Create", "Read", "Edit", "Delete"))
        case "", _ if license_.key == "AUL":
            return dict.fromkeys(("Account", "Contact"), ("Create", "Read", "Edit", "Delete"))
        case "Customer", _:  # guess: what the portal's own tabs need
            return {"Account": ("Read",), "Case": ("Create", "Read", "Edit"), "Contact": ("Read",)}
        case "Partner", _:  # guess, as above
            return dict.fromkeys(_DATA_OBJECTS, ("Create", "Read", "Edit"))
        case _:
            return {}


def _roles(org: Org, *, by: str) -> dict[str, str]:
    found: dict[str, str] = {}
    line_of: dict[int, str] = {}
    for line in _ROLES.splitlines():
        name = line.strip()
        depth = len(line) - len(name)
        developer = "".join(c for c in name if c.isalnum())
        found[name] = line_of[depth] = org.insert(
            "UserRole",
            {
                "Name": name,
                "DeveloperName": developer,
                "ParentRoleId": line_of.get(depth - 1),
                "RollupDescription": name,
            },
            by=by,
        )
        for kind in ("Role", "RoleAndSubordinates"):
            values = {"DeveloperName": developer, "Type": kind, "RelatedId": found[name]}
            org.insert("Group", values, by=by)
    return found


def _organization() -> dict[str, Any]:
    return {
        "Name": "Local Org",
        "Country": "US",
        "PrimaryContact": "Portal Admin",
        "DefaultLocaleSidKey": "en_US",
        "TimeZoneSidKey": "America/Los_Angeles",
        "LanguageLocaleKey": "en_US",
        "ReceivesInfoEmails": True,
        "ReceivesAdminInfoEmails": True,
        "FiscalYearStartMonth": 1,
        "DefaultAccountAccess": "Edit",
        "DefaultContactAccess": "ControlledByParent",
        "DefaultOpportunityAccess": "Edit",
        "DefaultLeadAccess": "ReadEditTransfer",
        "DefaultCaseAccess": "ReadEditTransfer",
        "DefaultCalendarAccess": "HideDetailsInsert",
        "DefaultPricebookAccess": "ReadSelect",
        "DefaultCampaignAccess": "All",
        "UiSkin": "Theme3",
        "SignupCountryIsoCode": "US",
        "NumKnowledgeService": 2,
        "OrganizationType": "Developer Edition",
        "InstanceName": "LOCAL1",
        "WebToCaseDefaultOrigin": "Web",
        "MonthlyPageViewsUsed": 0,
        "MonthlyPageViewsEntitlement": 0,
    }


def _admin(org: Org, role: str) -> dict[str, Any]:
    return {
        "Username": ADMIN_USERNAME,
        "FirstName": "Portal",
        "LastName": "Admin",
        "Email": ADMIN_USERNAME,
        "Alias": "PAdmi",
        "CommunityNickname": "portal.admin",
        "CompanyName": "Local Org",
        "Country": "US",
        "IsActive": True,
        "ProfileId": org.select("Profile", Name="System Administrator")[0]["Id"],
        "UserRoleId": role,
        "UserType": "Standard",
        "TimeZoneSidKey": "America/Los_Angeles",
        "LocaleSidKey": "en_US",
        "LanguageLocaleKey": "en_US",
        "EmailEncodingKey": "UTF-8",
        "ReceivesInfoEmails": True,
        "ReceivesAdminInfoEmails": True,
    }


def _secrets(org: Org, admin: str) -> None:
    """The administrator's password and one connected app that runs as the administrator."""
    password = passwords.temporary()
    passwords.keep(org, admin, password, expired=False)
    # Kept readable: this is a toy org, its file is for its owner only, and `org show` prints it.
    org.put_setting("admin password", password)
    org.put_setting("consumer key", f"3MVG9{secrets.token_urlsafe(60)}")
    org.put_setting("consumer secret", secrets.token_hex(32).upper())
    org.put_setting("run as", admin)
    org.put_setting("schema changed", timestamp(org.now()))
