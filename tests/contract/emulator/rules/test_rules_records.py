"""The rules of accounts, contacts and profiles."""

import pytest

from provisioner.emulator.access import owned_sets


@pytest.fixture
def jane(rest, person, profiles):
    return rest.create("User", **person, ProfileId=profiles["High Volume Customer Portal"])


@pytest.fixture
def license_id(rest):
    rows = rest.rows(
        "SELECT Id FROM UserLicense"
        " WHERE Name = 'High Volume Customer Portal' AND Status = 'Active'"
    )
    return rows[0]["Id"]


def test_an_account_becomes_a_partner_by_an_update_only(rest, portal_on):
    assert rest.refusal("POST", "/sobjects/Account", {"Name": "A", "IsPartner": True})[1] == (
        "INVALID_FIELD_FOR_INSERT_UPDATE"
    )
    id_ = rest.create("Account", Name="A")
    assert rest("PATCH", f"/sobjects/Account/{id_}", {"IsPartner": True}) == (204, None)
    assert rest.rows("SELECT IsPartner FROM Account") == [{"IsPartner": True}]


def test_a_portal_account_stays_one(rest, jane):
    (account,) = rest.rows("SELECT Id FROM Account")
    status, code, *_ = rest.refusal(
        "PATCH", f"/sobjects/Account/{account['Id']}", {"IsCustomerPortal": False}
    )
    assert (status, code) == (400, "FIELD_INTEGRITY_EXCEPTION")


def test_what_portal_users_hang_on_can_not_be_deleted(rest, person, jane):
    (account,) = rest.rows("SELECT Id FROM Account")
    for path, name in (
        (f"Account/{account['Id']}", "Acme Corporation"),
        (f"Contact/{person['ContactId']}", "Jane Doe"),
    ):
        assert rest.refusal("DELETE", f"/sobjects/{path}") == (
            400,
            "DELETE_FAILED",
            (
                f"Your attempt to delete {name} could not be completed because it is associated"
                " with"
                " the following portal users.: Jane Doe\n"
            ),
            [],
        )


def test_an_account_takes_its_contacts_along_but_not_its_cases(rest):
    account = rest.create("Account", Name="Acme")
    contact = rest.create("Contact", LastName="Doe", AccountId=account)
    case = rest.create("Case", Subject="Help", ContactId=contact)
    assert rest.rows("SELECT AccountId, CaseNumber, Status FROM Case") == [
        {"AccountId": account, "CaseNumber": "00000001", "Status": "New"}
    ]
    assert rest.refusal("DELETE", f"/sobjects/Account/{account}")[2].endswith(
        "the following cases.: 00000001\n"
    )
    rest("DELETE", f"/sobjects/Case/{case}")
    assert rest("DELETE", f"/sobjects/Account/{account}")[0] == 204
    assert rest.rows("SELECT Id FROM Contact") == []


def test_a_new_profile_may_nothing(rest, license_id):
    id_ = rest.create("Profile", Name="Acme Portal User", UserLicenseId=license_id)
    _, row = rest("GET", f"/sobjects/Profile/{id_}")
    assert row["UserType"] == "CspLitePortal"
    assert [name for name in row if name.startswith("Permissions") and row[name]] == []
    (owned,) = rest.rows(
        f"SELECT IsCustom, Label, Profile.Name FROM PermissionSet WHERE ProfileId = '{id_}'"
    )
    assert (owned["IsCustom"], owned["Label"]) == (True, "Acme Portal User")
    full = "SELECT FullName FROM Profile WHERE Name = 'Acme Portal User'"
    assert rest("GET", "/tooling/query", params={"q": full})[1]["records"][0]["FullName"] == (
        "Acme Portal User"
    )


def test_profile_permissions_are_those_of_its_permission_set(rest, license_id):
    id_ = rest.create("Profile", Name="P", UserLicenseId=license_id)
    rest("PATCH", f"/sobjects/Profile/{id_}", {"PermissionsEditCaseComments": True})
    query = f"SELECT PermissionsEditCaseComments FROM PermissionSet WHERE ProfileId = '{id_}'"
    assert rest.rows(query) == [{"PermissionsEditCaseComments": True}]
    refusal = rest.refusal("PATCH", f"/sobjects/Profile/{id_}", {"PermissionsModifyAllData": True})
    assert refusal[2] == "The user license doesn't allow the permission: ModifyAllData"


def test_profile_names_are_unique_and_licences_fixed(rest, license_id):
    first = rest.create("Profile", Name="One", UserLicenseId=license_id)
    taken = ("FIELD_INTEGRITY_EXCEPTION", "The profile name is already in use: Name", ["Name"])
    again = {"Name": "ONE", "UserLicenseId": license_id}
    assert rest.refusal("POST", "/sobjects/Profile", again)[1:] == taken
    assert (
        rest.refusal("PATCH", f"/sobjects/Profile/{first}", {"Name": "Standard user"})[1:] == taken
    )
    assert (
        rest("PATCH", f"/sobjects/Profile/{first}", {"Name": "Two", "Description": "x"})[0] == 204
    )
    assert rest.refusal("PATCH", f"/sobjects/Profile/{first}", {"UserLicenseId": license_id})[
        1
    ] == ("INVALID_FIELD_FOR_INSERT_UPDATE")


def test_a_profile_in_use_or_standard_stays(rest, person, jane, profiles, license_id):
    custom = rest.create("Profile", Name="One", UserLicenseId=license_id)
    rest("PATCH", f"/sobjects/User/{jane}", {"ProfileId": custom})
    rest("PATCH", f"/sobjects/User/{jane}", {"IsActive": False})
    assert rest.refusal("DELETE", f"/sobjects/Profile/{custom}")[1] == "DELETE_FAILED"
    assert rest.refusal("DELETE", f"/sobjects/Profile/{profiles['Read Only']}")[1] == (
        "INSUFFICIENT_ACCESS_OR_READONLY"
    )
    spare = rest.create("Profile", Name="Spare", UserLicenseId=license_id)
    assert rest("DELETE", f"/sobjects/Profile/{spare}") == (204, None)


def test_object_permissions_of_a_profile(rest, license_id):
    id_ = rest.create("Profile", Name="P", UserLicenseId=license_id)
    (owned,) = rest.rows(f"SELECT Id FROM PermissionSet WHERE ProfileId = '{id_}'")
    values = {"ParentId": owned["Id"], "SobjectType": "case", "PermissionsRead": True}
    rest.create("ObjectPermissions", **values)
    assert rest.refusal("POST", "/sobjects/ObjectPermissions", values)[1] == "DUPLICATE_VALUE"
    assert rest.rows(
        "SELECT SobjectType, PermissionsRead, PermissionsEdit FROM ObjectPermissions"
        f" WHERE Parent.ProfileId = '{id_}'"
    ) == [{"SobjectType": "Case", "PermissionsRead": True, "PermissionsEdit": False}]


@pytest.fixture
def runner(rest, local, person, profiles):
    """A second administrator, who runs the portal."""
    from provisioner.emulator.metadata.types import portal

    staff = {name: value for name, value in person.items() if name != "ContactId"}
    id_ = rest.create("User", **staff, ProfileId=profiles["System Administrator"])
    portal.make_default(local, id_)
    return id_


def test_the_portal_administrator_stays_active(rest, runner):
    assert rest.refusal("PATCH", f"/sobjects/User/{runner}", {"IsActive": False}) == (
        400, "FIELD_INTEGRITY_EXCEPTION",
        "You cannot deactivate a user who is a portal administrator", ["IsActive"],
    )  # fmt: skip


def test_the_portal_administrator_keeps_the_permission(rest, local, admin, runner, profiles):
    staff = rest.rows("SELECT Id FROM UserLicense WHERE LicenseDefinitionKey = 'SFDC'")[0]["Id"]
    allowed = {"PermissionsManageCssUsers": True, "PermissionsManageUsers": True,
               "PermissionsModifyAllData": True, "PermissionsApiEnabled": True,
               "PermissionsManageProfilesPermissionsets": True}  # fmt: skip
    keeper = rest.create("Profile", Name="Keeper", UserLicenseId=staff, **allowed)
    path = f"/sobjects/User/{runner}"
    refusal = (
        400,
        "FIELD_INTEGRITY_EXCEPTION",
        (
            'This user is a portal administrator and must have a profile with the "Edit Self-Service'
            ' Users" permission.'
        ),
    )
    assert rest.refusal("PATCH", path, {"ProfileId": profiles["Standard User"]})[:3] == refusal
    assert rest("PATCH", path, {"ProfileId": keeper}) == (204, None)
    change = {"PermissionsManageCssUsers": False}
    assert rest.refusal("PATCH", f"/sobjects/Profile/{keeper}", change)[:3] == refusal
    values = {"Name": "Extra", "Label": "Extra", "PermissionsManageCssUsers": True}
    extra = rest.create("PermissionSet", **values)
    assignment = {"AssigneeId": runner, "PermissionSetId": extra}
    local.insert("PermissionSetAssignment", assignment, by=admin)
    assert rest("PATCH", f"/sobjects/Profile/{keeper}", change) == (204, None)


def test_a_portal_licence_is_of_no_use_before_the_portal_is_on(rest, license_id):
    account = rest.create("Account", Name="A")
    contact = rest.create("Contact", LastName="Doe", AccountId=account)
    profile = rest.create("Profile", Name="P", UserLicenseId=license_id)
    values = {
        "Username": "a@acme.example", "LastName": "D", "Email": "a@acme.example", "Alias": "a",
        "TimeZoneSidKey": "GMT", "LocaleSidKey": "en_GB", "EmailEncodingKey": "UTF-8",
        "LanguageLocaleKey": "en_US", "ProfileId": profile, "ContactId": contact,
    }  # fmt: skip
    assert rest.refusal("POST", "/sobjects/User", values)[1] == "PORTAL_NO_ACCESS"


def test_an_inactive_user_can_not_own(rest, local, admin):
    values = {"Username": "x@acme.example", "LastName": "X", "IsActive": False}
    idle = owned_sets.insert_user(local, values, by=admin)
    assert rest.refusal("POST", "/sobjects/Account", {"Name": "A", "OwnerId": idle})[1] == (
        "INACTIVE_OWNER_OR_USER"
    )


def test_permission_sets_are_assigned(rest, local, admin, person, profiles):
    from provisioner.emulator.access import permissions

    values = {name: value for name, value in person.items() if name != "ContactId"}
    user = rest.create("User", **values, ProfileId=profiles["Standard User"])
    assigned = (
        "SELECT PermissionSet.IsOwnedByProfile, PermissionSet.Label FROM PermissionSetAssignment"
        f" WHERE AssigneeId = '{user}'"
    )
    assert [row["PermissionSet"]["Label"] for row in rest.rows(assigned)] == ["Standard User"]
    extra = rest.create(
        "PermissionSet", Name="Portal_Admins", Label="Portal admins", PermissionsManageCssUsers=True
    )
    pair = {"AssigneeId": user, "PermissionSetId": extra}
    assert not permissions.has(local, user, "ManageCssUsers")
    assignment = rest.create("PermissionSetAssignment", **pair)
    assert permissions.has(local, user, "ManageCssUsers")
    assert rest.refusal("POST", "/sobjects/PermissionSetAssignment", pair)[1] == "DUPLICATE_VALUE"
    assert rest.refusal("DELETE", f"/sobjects/PermissionSet/{extra}")[1] == "DELETE_FAILED"
    rest("PATCH", f"/sobjects/User/{user}", {"ProfileId": profiles["Read Only"]})
    assert sorted(row["PermissionSet"]["Label"] for row in rest.rows(assigned)) == [
        "Portal admins",
        "Read Only",
    ]
    assert rest("DELETE", f"/sobjects/PermissionSetAssignment/{assignment}") == (204, None)
    assert rest("DELETE", f"/sobjects/PermissionSet/{extra}") == (204, None)


def test_a_portal_user_owns_no_partner_account(rest, person, profiles):
    """Platform reference 2.3 [Q]."""
    values = {**person, "ProfileId": profiles["Customer Portal Manager Custom"]}
    owner = rest.create("User", **values)
    account = rest.create("Account", Name="Partner")
    refusal = (400, "UNKNOWN_EXCEPTION", "portal users cannot own partner accounts", [])
    both = {"OwnerId": owner, "IsPartner": True}
    assert rest.refusal("PATCH", f"/sobjects/Account/{account}", both) == refusal
    assert rest("PATCH", f"/sobjects/Account/{account}", {"IsPartner": True}) == (204, None)
    assert rest.refusal("PATCH", f"/sobjects/Account/{account}", {"OwnerId": owner}) == refusal


def test_a_portal_user_owns_no_contact_of_a_partner_account(rest, person, profiles):
    """sfdcian.com [Q], and why an account can not become a partner's."""
    owner = rest.create("User", **person, ProfileId=profiles["Customer Portal Manager Custom"])
    partner, plain = (rest.create("Account", Name=name) for name in ("Partner", "Plain"))
    rest("PATCH", f"/sobjects/Account/{partner}", {"IsPartner": True})
    refusal = (400, "UNKNOWN_EXCEPTION", "portal users cannot own partner accounts", [])
    new = {"LastName": "Roe", "OwnerId": owner}
    assert rest.refusal("POST", "/sobjects/Contact", {**new, "AccountId": partner}) == refusal
    contact = rest.create("Contact", **new, AccountId=plain)
    path = f"/sobjects/Contact/{contact}"
    assert rest.refusal("PATCH", path, {"AccountId": partner}) == refusal
    to_partner = {"IsPartner": True}
    assert rest.refusal("PATCH", f"/sobjects/Account/{plain}", to_partner) == refusal
    assert rest("DELETE", path) == (204, None)
    assert rest("PATCH", f"/sobjects/Account/{plain}", to_partner) == (204, None)


def test_an_account_with_portal_users_goes_to_no_portal_user(rest, person, profiles):
    """sfdcian.com [Q]."""
    owner = rest.create("User", **person, ProfileId=profiles["Customer Portal Manager Custom"])
    (account,) = rest.rows("SELECT Id FROM Account")
    refusal = (400, "UNKNOWN_EXCEPTION", "portal users cannot own partner accounts", [])
    path = f"/sobjects/Account/{account['Id']}"
    assert rest.refusal("PATCH", path, {"OwnerId": owner}) == refusal
    other = rest.create("Account", Name="Without users")
    assert rest("PATCH", f"/sobjects/Account/{other}", {"OwnerId": owner}) == (204, None)


def test_a_high_volume_user_owns_no_account(rest, person, profiles):
    """NPSP issue 2354 [I]; contacts and cases are another matter."""
    owner = rest.create("User", **person, ProfileId=profiles["High Volume Customer Portal"])
    refusal = (
        400, "OP_WITH_INVALID_USER_TYPE_EXCEPTION", "Operation not valid for this user type", [],
    )  # fmt: skip
    new = {"Name": "Mine", "OwnerId": owner}
    assert rest.refusal("POST", "/sobjects/Account", new) == refusal
    account = rest.create("Account", Name="Ours")
    path = f"/sobjects/Account/{account}"
    assert rest.refusal("PATCH", path, {"OwnerId": owner}) == refusal
    records = [{"attributes": {"type": "Account"}, **new}]
    _, (result,) = rest("POST", "/composite/sobjects", {"records": records})
    assert result["errors"][0]["statusCode"] == refusal[1]
    assert rest.query("SELECT Id FROM Account WHERE Name = 'Mine'")["totalSize"] == 0
    for sobject, values in (("Contact", {"LastName": "Roe"}), ("Case", {"Subject": "Help"})):
        assert rest.create(sobject, **values, AccountId=account, OwnerId=owner)


def test_a_chatter_user_owns_nothing(rest, person, profiles):
    """A public migration log, and a forum on triggers [Q]."""
    staff = {k: v for k, v in person.items() if k != "ContactId"}
    owner = rest.create("User", **staff, ProfileId=profiles["Chatter Free User"])
    names = {"Account": {"Name": "A"}, "Contact": {"LastName": "C"}, "Case": {},
             "Lead": {"LastName": "L", "Company": "C"}}  # fmt: skip
    for sobject, values in names.items():
        assert rest.refusal("POST", f"/sobjects/{sobject}", {**values, "OwnerId": owner})[1:3] == (
            "OP_WITH_INVALID_USER_TYPE_EXCEPTION", "Operation not valid for this user type",
        )  # fmt: skip


def test_a_portal_account_stays_one_after_its_users(rest, jane):
    """Once a customer user has been created (fact 403)."""
    rest("PATCH", f"/sobjects/User/{jane}", {"IsPortalEnabled": False})
    (account,) = rest.rows("SELECT Id FROM Account")
    off = rest.refusal("PATCH", f"/sobjects/Account/{account['Id']}", {"IsCustomerPortal": False})
    assert off[:2] == (400, "FIELD_INTEGRITY_EXCEPTION")


def test_a_licence_without_monthly_logins_has_none(rest):
    """The fields of the object reference; none of the org's licences counts logins."""
    fields = "MonthlyLoginsEntitlement, MonthlyLoginsUsed"
    (row,) = rest.rows(f"SELECT {fields} FROM UserLicense WHERE LicenseDefinitionKey = 'SFDC'")
    assert row == {"MonthlyLoginsEntitlement": None, "MonthlyLoginsUsed": None}
