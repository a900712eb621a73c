"""Metadata `Profile`: names, licences, permissions, and keeping step with the records."""

from __future__ import annotations

import pytest

from provisioner.emulator.access import owned_sets
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.metadata.types import portal
from provisioner.emulator.metadata.types.profile import Profiles
from provisioner.emulator.rules import save

profiles = Profiles()
LICENSE = "High Volume Customer Portal"


@pytest.fixture
def org():
    org = open_org(":memory:")
    first_day.enable_customer_portal(org, first_day.admin_id(org))
    yield org
    org.close()


@pytest.fixture
def by(org):
    return first_day.admin_id(org)


@pytest.fixture
def acme(org, by):
    """A profile that customers have, with one object."""
    values = {"fullName": "Acme", "userLicense": LICENSE, "description": "Customers"}
    profiles.create(org, values | objects("Case", "allowRead", "allowCreate"), by)
    return "Acme"


def objects(name, *granted, **others):
    entry = dict.fromkeys(granted, True) | others
    return {"objectPermissions": [{"object": name} | entry]}


def held(org, name):
    """The permissions a profile has on its objects, those that are on."""
    return {
        entry["object"]: {key for key, value in entry.items() if value is True}
        for entry in profiles.read(org, name).get("objectPermissions", [])
    }


def refusal(call, *arguments):
    with pytest.raises(SalesforceError) as caught:
        call(*arguments)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("full_name", "name"),
    [
        ("Admin", "System Administrator"),
        ("HighVolumePortal", "High Volume Customer Portal"),
        ("Force%2Ecom - Free User", "Force.com - Free User"),
        ("force.com - free user", "Force.com - Free User"),
    ],
)
def test_a_standard_profile_has_two_names(org, full_name, name):
    read = profiles.read(org, full_name)
    assert read["custom"] is False
    assert org.select("Profile", FullName=read["fullName"])[0]["Name"] == name


def test_the_other_name_finds_nothing(org):
    assert profiles.read(org, "High Volume Customer Portal") is None


def test_a_new_profile_has_what_was_given_and_else_what_the_standard_one_has(org, acme):
    """Metadata API guide, "Special Behavior in Deployments" [V]."""
    read = profiles.read(org, acme)
    open_, standard = read.pop("fieldPermissions"), held(org, "HighVolumePortal")
    assert held(org, acme) == standard | {"Case": {"allowRead", "allowCreate"}}
    assert {"field": "Case.Subject", "editable": True, "readable": True} in open_
    assert {one["field"].partition(".")[0] for one in open_} == set(standard)
    read["objectPermissions"] = [
        entry for entry in read["objectPermissions"] if entry["object"] == "Case"
    ]
    assert read | {"layoutAssignments": None} == {
        "fullName": "Acme",
        "custom": True,
        "description": "Customers",
        "userLicense": LICENSE,
        "layoutAssignments": None,
        "objectPermissions": [
            {
                "object": "Case",
                "allowCreate": True,
                "allowDelete": False,
                "allowEdit": False,
                "allowRead": True,
                "modifyAllRecords": False,
                "viewAllRecords": False,
            }
        ],
    }
    assert {"layout": "Contact-Contact Layout"} in read["layoutAssignments"]
    assert org.select("Profile", Name="Acme")[0]["UserType"] == "CspLitePortal"


def test_a_profile_is_cloned_by_reading_one_and_creating_it_under_a_new_name(org, by):
    read = profiles.read(org, "HighVolumePortal")
    profiles.create(org, read | {"fullName": "Clone", "custom": True}, by)
    clone = profiles.read(org, "Clone")
    assert clone.pop("fieldPermissions"), "the standard profile's fields are open without a row"
    assert clone == read | {"fullName": "Clone", "custom": True}


def test_a_new_profile_of_staff_begins_as_the_standard_user(org, by):
    profiles.create(org, {"fullName": "Staff", "userLicense": "Salesforce"}, by)
    assert held(org, "Staff") == held(org, "Standard")
    told = [profiles.read(org, name)["userPermissions"] for name in ("Staff", "Standard")]
    assert told[0] == told[1] != []


def test_a_new_profile_of_a_licence_without_a_standard_one_is_empty(org, by):
    profiles.create(org, {"fullName": "Partners", "userLicense": "Gold Partner"}, by)
    read = profiles.read(org, "Partners")
    assert not {"fieldPermissions", "objectPermissions", "userPermissions"} & read.keys()


def test_an_update_changes_what_it_names_and_nothing_else(org, acme, by):
    profiles.update(org, {"fullName": acme, "description": "New"}, by)
    profiles.update(org, {"fullName": acme} | objects("Case", "allowEdit"), by)
    profiles.update(org, {"fullName": acme} | objects("Account", "allowRead"), by)
    assert profiles.read(org, acme)["description"] == "New"
    assert held(org, acme) == {
        "Account": {"allowRead"},
        "Case": {"allowRead", "allowCreate", "allowEdit"},
        "Contact": {"allowRead"},
    }


def test_an_object_without_permissions_is_left_out_when_read(org, acme, by):
    off = dict.fromkeys(("allowRead", "allowCreate"), False)
    profiles.update(org, {"fullName": acme} | objects("Case", **off), by)
    assert held(org, acme).keys() == {"Account", "Contact"}


def test_field_permissions_merge_by_field(org, acme, by):
    def entry(field, **flags):
        return {"fieldPermissions": [{"field": field} | flags]}

    for field in ("Contact.CanAllowPortalSelfReg", "contact.email"):
        profiles.update(org, {"fullName": acme} | entry(field, editable=True), by)
    profiles.update(
        org, {"fullName": acme} | entry("Contact.Email", editable=False, readable=True), by
    )
    profiles.update(
        org, {"fullName": acme} | entry("Contact.Fax", editable=False, readable=False), by
    )
    found = {one["field"]: one for one in profiles.read(org, acme)["fieldPermissions"]}
    assert "Contact.Fax" not in found
    assert [found[name] for name in ("Contact.CanAllowPortalSelfReg", "Contact.Email")] == [
        {"field": "Contact.CanAllowPortalSelfReg", "editable": True, "readable": True},
        {"field": "Contact.Email", "editable": False, "readable": True},
    ]


def test_tabs_layouts_and_hours_are_kept(org, acme, by):
    values = {
        "fullName": acme,
        "loginHours": {"mondayStart": "480", "mondayEnd": "1080"},
        "tabVisibilities": [{"tab": "standard-Case", "visibility": "DefaultOn"}],
        "layoutAssignments": [{"layout": "Contact-Contact Layout"}],
    }
    profiles.update(org, values, by)
    profiles.update(
        org,
        {
            "fullName": acme,
            "tabVisibilities": [{"tab": "standard-Account", "visibility": "Hidden"}],
        },
        by,
    )
    read = profiles.read(org, acme)
    assert read["loginHours"] == values["loginHours"]
    assert [entry["tab"] for entry in read["tabVisibilities"]] == [
        "standard-Account",
        "standard-Case",
    ]


def test_what_is_written_as_a_record_shows_in_the_component(org, acme, by):
    sobject = org.catalog().get("Profile")
    (row,) = org.select("Profile", Name=acme)
    changes = {"Name": "Acme (New)", "Description": "D", "PermissionsRunReports": True}
    save.update(org, by, sobject, row["Id"], changes)
    read = profiles.read(org, "Acme %28New%29")
    assert (read["description"], read["userPermissions"]) == (
        "D",
        [{"name": "RunReports", "enabled": True}],
    )


def test_what_is_written_as_a_component_shows_in_the_records(org, acme, by):
    values = {"fullName": acme, "userPermissions": [{"name": "RunReports", "enabled": True}]}
    profiles.update(org, values, by)
    (row,) = org.select("Profile", Name=acme)
    (owned,) = org.select("PermissionSet", ProfileId=row["Id"])
    assert (row["PermissionsRunReports"], owned["PermissionsRunReports"]) == (True, True)
    (case,) = org.select("ObjectPermissions", ParentId=owned["Id"], SobjectType="Case")
    assert (case["SobjectType"], case["PermissionsCreate"]) == ("Case", True)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({}, ("REQUIRED_FIELD_MISSING", "Required field is missing: userLicense")),
        (
            {"userLicense": "Customer Community"},
            (
                "INVALID_CROSS_REFERENCE_KEY",
                "In field: userLicense - no UserLicense named Customer Community found",
            ),
        ),
        (
            {"userLicense": LICENSE, "fullName": "high volume customer portal"},
            ("FIELD_INTEGRITY_EXCEPTION", "The profile name is already in use: Name"),
        ),
        (
            {"userLicense": LICENSE, "custom": False},
            ("FIELD_INTEGRITY_EXCEPTION", "A standard profile cannot be created"),
        ),
    ],
)
def test_a_profile_that_can_not_be_made(org, by, values, error):
    assert refusal(profiles.create, org, {"fullName": "New"} | values, by) == error


def permission(name, *, enabled=True):
    return {"userPermissions": [{"name": name, "enabled": enabled}]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (permission("ManageHpi"), "Unknown user permission: ManageHpi"),
        (
            permission("FreezeUsers"),
            "The user license doesn't allow the permission: FreezeUsers",
        ),
        (
            permission("ModifyAllData"),
            "The user license doesn't allow the permission: ModifyAllData",
        ),
        (
            objects("Case", "allowRead", "viewAllRecords"),
            "The user license doesn't allow the permission: View All Case",
        ),
        (
            objects("Lead", "allowRead"),
            "The user license doesn't allow the permission: Read Lead",
        ),
        (
            objects("Account", "allowEdit", allowRead=False),
            "Permission Edit Account depends on permission(s): Read Account",
        ),
        (
            objects("Account", allowRead=False),
            "Permission Read Contact depends on permission(s): Read Account",
        ),
        (objects("Nonsense__c"), "In field: object - no CustomObject named Nonsense__c found"),
        (
            {"fieldPermissions": [{"field": "Contact.X", "editable": True}]},
            "In field: field - no CustomField named Contact.X found",
        ),
        (
            {"fieldPermissions": [{"field": "Contact.LastName", "editable": True}]},
            "You cannot deploy to a required field: Contact.LastName",
        ),
        (
            {"tabVisibilities": [{"tab": "X", "visibility": "Hidden"}]},
            "In field: tab - no CustomTab named X found",
        ),
        (
            {"layoutAssignments": [{"layout": "Contact-X"}]},
            "In field: layout - no Layout named Contact-X found",
        ),
        (
            {"classAccesses": [{"apexClass": "X", "enabled": True}]},
            "In field: apexClass - no ApexClass named X found",
        ),
        ({"userLicense": "Salesforce"}, "The user license of a profile can't be changed"),
    ],
)
def test_what_a_customer_profile_may_not_hold(org, acme, by, values, message):
    before = profiles.read(org, acme)
    assert refusal(profiles.update, org, {"fullName": acme} | values, by)[1] == message
    assert profiles.read(org, acme) == before


def test_a_profile_of_staff_may_hold_more(org, by):
    values = {"fullName": "Staff", "userLicense": "Salesforce"} | permission("ManageUsers")
    profiles.create(org, values | objects("Lead", "allowRead", "viewAllRecords"), by)
    assert held(org, "Staff")["Lead"] == {"allowRead", "viewAllRecords"}


def test_permissions_of_a_standard_profile_stay(org, by):
    for values in (permission("RunReports"), objects("Case", "allowRead", allowEdit=False)):
        message = refusal(profiles.update, org, {"fullName": "HighVolumePortal"} | values, by)[1]
        assert message == "Permissions of a standard profile can't be changed"
    profiles.update(org, {"fullName": "HighVolumePortal"} | objects("Case", "allowRead"), by)


def test_a_portal_administrator_keeps_the_permission(org, by):
    staff = {"fullName": "Staff", "userLicense": "Salesforce"} | permission("ManageCssUsers")
    everything = {
        "objectPermissions": [
            {"object": name, "allowRead": True, "allowEdit": True}
            for name in ("Account", "Contact")
        ]
    }
    profiles.create(org, staff | everything, by)
    (profile,) = org.select("Profile", Name="Staff")
    owned_sets.update_user(org, by, {"ProfileId": profile["Id"]}, by=by)
    portal.make_default(org, by)
    values = {"fullName": "Staff"} | permission("ManageCssUsers", enabled=False)
    assert refusal(profiles.update, org, values, by) == (
        "FIELD_INTEGRITY_EXCEPTION",
        (
            "This user is a portal administrator and must have a profile with the"
            ' "Edit Self-Service Users" permission.'
        ),
    )


def test_only_a_custom_profile_without_users_is_deleted(org, acme, by):
    assert refusal(profiles.delete, org, "HighVolumePortal", by)
    (profile,) = org.select("Profile", Name=acme)
    values = {"LastName": "X", "Username": "x@x.co", "ProfileId": profile["Id"], "IsActive": False}
    user = owned_sets.insert_user(org, values, by=by)
    assert refusal(profiles.delete, org, acme, by)[0] == "DELETE_FAILED"
    org.execute('DELETE FROM "User" WHERE "Id" = ?', (user,))
    profiles.delete(org, acme, by)
    assert profiles.read(org, acme) is None


def test_a_profile_is_renamed(org, acme, by):
    profiles.rename(org, acme, "Better", by)
    assert profiles.read(org, "Better")["description"] == "Customers"
    assert refusal(profiles.rename, org, "Admin", "Boss", by)
