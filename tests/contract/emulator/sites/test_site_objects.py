"""The object Site, and the guest that every site has: a profile and a user of its own."""

import pytest

from ..metadata.types.test_metadata_sites import ADMIN, PACKAGE, SITE, file, network, profiles
from ..package_zip import Soap, manifest, messages, problems

GUEST = "SELECT Name, Profile.Name, UserType, IsActive FROM User WHERE UserType = 'Guest'"


@pytest.fixture
def soap(rest):
    return Soap(rest)


def flat(rows, *names):
    """The values of rows by dotted names."""

    def value(row, name):
        for part in name.split("."):
            row = row and row[part]
        return row

    return [tuple(value(row, name) for name in names) for row in rows]


def test_a_site_has_a_row_that_nobody_writes(rest, site):
    site()
    rows = rest.rows(
        "SELECT Id, Name, MasterLabel, Status, SiteType, UrlPathPrefix, Admin.Username,"
        " GuestRecordDefaultOwner.Username, OptionsAllowStandardPortalPages, ArchiveStatus"
        " FROM Site WHERE SiteType = 'ChatterNetwork'"
    )
    (row,) = rows
    id_ = row["Id"]
    assert id_.startswith("0DM")
    assert flat(
        rows, "Name", "MasterLabel", "Status", "UrlPathPrefix", "Admin.Username",
        "GuestRecordDefaultOwner.Username", "OptionsAllowStandardPortalPages", "ArchiveStatus",
    ) == [("Acme_Help", "Acme Help", "Active", "help", ADMIN, ADMIN, True, "NotArchived")]  # fmt: skip
    assert rest("GET", f"/sobjects/Site/{id_}")[1]["Name"] == "Acme_Help"
    for method, path, code in (
        ("PATCH", f"/sobjects/Site/{id_}", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
        ("DELETE", f"/sobjects/Site/{id_}", "INVALID_TYPE_FOR_OPERATION"),
        ("POST", "/sobjects/Site", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
    ):
        assert rest.refusal(method, path, {"MasterLabel": "x"})[1] == code


def test_a_site_comes_with_its_guest(rest, site):
    site()
    assert flat(rest.rows(GUEST), "Name", "Profile.Name", "UserType", "IsActive") == [
        ("Acme Help Site Guest User", "Acme Help Profile", "Guest", True)
    ]
    (row,) = rest.rows(
        "SELECT GuestUser.CommunityNickname, GuestUser.Profile.UserLicense.Name FROM Site"
        " WHERE SiteType = 'ChatterNetwork'"
    )
    guest = row["GuestUser"]
    assert guest["CommunityNickname"] == "Acme_Help"
    assert guest["Profile"]["UserLicense"]["Name"] == "Guest User License"
    (seats,) = rest.rows(
        "SELECT TotalLicenses, UsedLicenses FROM UserLicense WHERE Name = 'Guest User License'"
    )
    assert (seats["TotalLicenses"], seats["UsedLicenses"]) == (100, 1)


def test_the_guest_has_no_password_and_stays_alone(rest, site):
    site()
    (guest,) = rest.rows("SELECT Id, Username, ProfileId FROM User WHERE UserType = 'Guest'")
    profile = guest["ProfileId"]
    (staff,) = rest.rows("SELECT Id FROM User WHERE Username = 'portal.admin@acme.example'")
    assert rest.refusal("DELETE", f"/sobjects/Profile/{profile}")[0] == 400
    assert rest.refusal("PATCH", f"/sobjects/User/{staff['Id']}", {"ProfileId": profile})[0] == 400


def test_the_profile_of_a_guest_is_no_member(rest, site):
    network_id = site()
    (profile,) = rest.rows("SELECT Id FROM Profile WHERE Name = 'Acme Help Profile'")
    group = {"NetworkId": network_id, "ParentId": profile["Id"]}
    assert rest.refusal("POST", "/sobjects/NetworkMemberGroup", group)[1:3] == (
        "FIELD_INTEGRITY_EXCEPTION",
        "The profile of a site's guest can't be a member of a site",
    )


def test_the_guest_can_be_given_a_permission_set(rest, site):
    site()
    (row,) = rest.rows("SELECT GuestUserId FROM Site WHERE Name = 'Acme_Help'")
    chosen = rest.create("PermissionSet", Name="Visitors", Label="Visitors")
    rest.create("PermissionSetAssignment", AssigneeId=row["GuestUserId"], PermissionSetId=chosen)


def test_a_profile_deployed_before_the_site_becomes_its_guests(rest, soap, sites_on):
    profile = file("Profile", "<custom>true</custom><userLicense>Guest User License</userLicense>")
    package = PACKAGE | {
        "package.xml": manifest(
            CustomSite=["Help"], Network=["Acme Help"], Profile=["Help Profile"]
        ),
        "profiles/Help Profile.profile": profile,
    }
    assert problems(soap.deploy(package)) == []
    rows = rest.rows("SELECT GuestUser.Profile.Name FROM Site WHERE SiteType = 'ChatterNetwork'")
    assert flat(rows, "GuestUser.Profile.Name") == [("Help Profile",)]
    assert len(rest.rows("SELECT Id FROM Profile WHERE Name LIKE 'Help Profile%'")) == 1


def test_a_site_of_visualforce_leaves_its_guest_inactive(rest, soap):
    body = SITE.format("", "Visualforce")
    package = {
        "package.xml": manifest(CustomSite=["Help"]),
        "sites/Help.site": file("CustomSite", body),
    }
    assert problems(soap.deploy(package)) == []
    assert flat(rest.rows("SELECT Name, SiteType FROM Site"), "Name", "SiteType") == [
        ("Help", "Visualforce")
    ]
    body = body.replace("<active>true", "<active>false")
    soap.deploy(package | {"sites/Help.site": file("CustomSite", body)})
    assert flat(rest.rows("SELECT Status FROM Site"), "Status") == [("Inactive",)]
    gone = {"package.xml": manifest(), "destructiveChanges.xml": manifest(CustomSite=["Help"])}
    assert problems(soap.deploy(gone)) == []
    assert rest.rows("SELECT Id FROM Site") == []
    assert flat(rest.rows(GUEST), "IsActive") == [(False,)]


def test_an_archived_site_says_who_archived_it(rest, soap, site):
    id_ = site()
    more = "<picassoSite>Acme_Help1</picassoSite>"

    def deploy(archive, status):
        inner = network(more=more + profiles("admin"), site="Acme_Help", status=status)
        inner = inner.replace(
            "    <status>", f"    <siteArchiveStatus>{archive}</siteArchiveStatus><status>"
        )
        return soap.deploy(
            {
                "package.xml": manifest(Network=["Acme Help"]),
                "networks/Acme Help.network": file("Network", inner),
            }
        )

    assert problems(deploy("TemporarilyArchived", "DownForMaintenance")) == []
    rows = rest.rows(
        "SELECT ArchiveStatus, ArchivedBy.Username, ArchivedDate FROM Site"
        " WHERE SiteType = 'ChatterNetwork'"
    )
    assert flat(rows, "ArchiveStatus", "ArchivedBy.Username") == [("TemporaritlyArchived", ADMIN)]
    assert rows[0]["ArchivedDate"]
    assert rest.refusal("PATCH", f"/sobjects/Network/{id_}", {"Status": "Live"})[2] == (
        "An archived site can't be activated."
    )
    assert messages(deploy("NotArchived", "Live"))[0]["changed"] == "true"
    rows = rest.rows("SELECT ArchiveStatus, ArchivedDate FROM Site WHERE Name = 'Acme_Help'")
    assert rows == [{"ArchiveStatus": "NotArchived", "ArchivedDate": None}]
