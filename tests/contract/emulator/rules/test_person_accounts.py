"""Person accounts: an account and its contact are one person (facts 405 and 407)."""

import pytest

from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.rules.person_accounts import MOST_OWNED

from ..conftest import URL


@pytest.fixture
def people_on(local):
    first_day.enable_person_accounts(local)


@pytest.fixture
def types(rest, people_on):
    rows = rest.rows("SELECT Id, DeveloperName, IsPersonType FROM RecordType")
    assert {row["DeveloperName"]: row["IsPersonType"] for row in rows} == {
        "Business_Account": False,
        "PersonAccount": True,
    }
    return {row["DeveloperName"]: row["Id"] for row in rows}


JANE = {"FirstName": "Jane", "LastName": "Doe", "PersonEmail": "Jane@acme.example"}


@pytest.fixture
def jane(rest, people_on):
    return rest.create("Account", **JANE)


def account(rest, id_):
    return rest("GET", f"/sobjects/Account/{id_}")[1]


def contact(rest, id_):
    return rest("GET", f"/sobjects/Contact/{account(rest, id_)['PersonContactId']}")[1]


def test_a_new_org_has_no_person_accounts(rest):
    names = {f["name"] for f in rest("GET", "/sobjects/Account/describe")[1]["fields"]}
    assert not {"IsPersonAccount", "PersonEmail", "RecordTypeId", "LastName"} & names
    assert rest.refusal("POST", "/sobjects/Account", {"LastName": "Doe"})[1] == "INVALID_FIELD"
    assert rest.query("SELECT Id FROM RecordType")["totalSize"] == 0


def test_the_door_turns_them_on_for_good(rest, anonymous):
    door = f"{URL}/emulator/options"
    assert rest("GET", door)[1]["PersonAccounts"] is False
    assert rest("PATCH", door, {"PersonAccounts": True})[1]["PersonAccounts"] is True
    assert rest("PATCH", door, {"PersonAccounts": True})[0] == 200
    for wrong in ({"PersonAccounts": False}, {"PersonAccounts": 1}, {"CustomerRoles": 4},
                  {"CustomerRoles": True}, {"x": 1}, {}, []):  # fmt: skip
        assert rest("PATCH", door, wrong)[0] == 400
    rest.create("Account", **JANE)


def test_a_person_is_an_account_and_a_contact(rest, jane, types):
    row = account(rest, jane)
    assert {name: row[name] for name in ("Name", "IsPersonAccount", "RecordTypeId", *JANE)} == (
        JANE
        | {"Name": "Jane Doe", "IsPersonAccount": True, "RecordTypeId": types["PersonAccount"],
           "PersonEmail": "jane@acme.example"}
    )  # fmt: skip
    own = contact(rest, jane)
    assert (own["Name"], own["Email"], own["AccountId"], own["IsPersonAccount"]) == (
        "Jane Doe", "jane@acme.example", jane, True,
    )  # fmt: skip
    assert rest.rows("SELECT PersonContact.Email FROM Account WHERE IsPersonAccount = true") == [
        {"PersonContact": {"attributes": {
            "type": "Contact", "url": f"/services/data/v62.0/sobjects/Contact/{own['Id']}"},
            "Email": "jane@acme.example"}}
    ]  # fmt: skip


def test_a_business_is_as_ever(rest, types):
    acme = account(rest, rest.create("Account", Name="Acme"))
    assert (acme["IsPersonAccount"], acme["PersonContactId"], acme["RecordTypeId"]) == (
        False, None, types["Business_Account"],
    )  # fmt: skip
    assert rest("PATCH", f"/sobjects/Account/{acme['Id']}", {"Name": "Acme Corporation"})[0] == 204
    assert account(rest, acme["Id"])["Name"] == "Acme Corporation"


def test_what_is_changed_on_one_half_is_changed_on_the_other(rest, jane):
    change = {"LastName": "Roe", "PersonMailingCity": "Bonn", "Phone": "1"}
    assert rest("PATCH", f"/sobjects/Account/{jane}", change)[0] == 204
    own = contact(rest, jane)
    assert (own["Name"], own["MailingCity"], own["Phone"]) == ("Jane Roe", "Bonn", "1")
    assert account(rest, jane)["Name"] == "Jane Roe"
    change = {"FirstName": "Joan", "Email": "joan@acme.example"}
    assert rest("PATCH", f"/sobjects/Contact/{own['Id']}", change)[0] == 204
    row = account(rest, jane)
    assert (row["Name"], row["PersonEmail"]) == ("Joan Roe", "joan@acme.example")
    assert row["PersonMailingAddress"]["city"] == "Bonn"


BAD = "INVALID_FIELD_FOR_INSERT_UPDATE"


@pytest.mark.parametrize(
    ("values", "code", "message"),
    [
        (JANE | {"Name": "Jane"}, BAD, "Account: bad field names on insert/update call: Name"),
        (JANE | {"ParentId": None}, BAD, "Account: bad field names on insert/update call: ParentId"),
        ({"Name": "Acme", "PersonEmail": "a@b.example", "PersonTitle": "x"}, BAD,
         "Account: bad field names on insert/update call: PersonEmail, PersonTitle"),
        ({"FirstName": "Jane", "RecordTypeId": "PersonAccount"}, "REQUIRED_FIELD_MISSING",
         "Required fields are missing: [LastName]"),
        (JANE | {"RecordTypeId": "Business_Account"}, BAD,
         "Account: bad field names on insert/update call: FirstName, LastName, PersonEmail"),
        (JANE | {"PersonEmail": "x"}, "INVALID_EMAIL_ADDRESS", "Email: invalid email address: x"),
        (JANE | {"RecordTypeId": "012000000000099"}, "INVALID_CROSS_REFERENCE_KEY",
         "invalid cross reference id"),
    ],
)  # fmt: skip
def test_an_account_that_is_neither_is_refused(rest, types, values, code, message):
    kind = values.get("RecordTypeId")
    values = values | ({"RecordTypeId": types.get(kind, kind)} if kind else {})
    assert rest.refusal("POST", "/sobjects/Account", values)[1:3] == (code, message)
    assert rest.query("SELECT Id FROM Contact")["totalSize"] == 0


def test_a_person_keeps_a_last_name_and_a_contact_of_its_own(rest, jane):
    own = contact(rest, jane)["Id"]
    acme = rest.create("Account", Name="Acme")

    def refused(method, path, body=None):
        return rest.refusal(method, path, body)[1]

    path = f"/sobjects/Account/{jane}"
    assert refused("PATCH", path, {"LastName": None}) == "REQUIRED_FIELD_MISSING"
    assert refused("PATCH", path, {"Name": "J"}) == BAD
    assert refused("DELETE", f"/sobjects/Contact/{own}") == "DELETE_FAILED"
    assert refused("PATCH", f"/sobjects/Contact/{own}", {"AccountId": acme}) == BAD
    assert refused("PATCH", f"/sobjects/Contact/{own}", {"ReportsToId": None}) == BAD
    another = {"LastName": "X", "AccountId": jane}
    assert refused("POST", "/sobjects/Contact", another) == "FIELD_INTEGRITY_EXCEPTION"
    other = rest.create("Contact", LastName="X", AccountId=acme)
    assert refused("PATCH", f"/sobjects/Contact/{other}", {"AccountId": jane}) == (
        "FIELD_INTEGRITY_EXCEPTION"
    )
    assert rest("DELETE", path)[0] == 204
    assert rest("GET", f"/sobjects/Contact/{own}")[0] == 404


def test_a_business_with_one_contact_becomes_a_person_and_back(rest, types):
    acme = rest.create("Account", Name="Acme")
    path = f"/sobjects/Account/{acme}"
    to_person = {"RecordTypeId": types["PersonAccount"]}
    assert rest.refusal("PATCH", path, to_person)[1] == "FIELD_INTEGRITY_EXCEPTION"
    only = rest.create("Contact", LastName="Doe", Email="d@acme.example", AccountId=acme)
    assert rest("PATCH", path, to_person)[0] == 204
    row = account(rest, acme)
    assert (row["Name"], row["PersonContactId"], row["PersonEmail"]) == (
        "Doe", only, "d@acme.example",
    )  # fmt: skip
    assert rest("PATCH", path, {"RecordTypeId": types["Business_Account"]})[0] == 204
    row = account(rest, acme)
    assert (row["Name"], row["IsPersonAccount"], row["PersonContactId"], row["LastName"]) == (
        "Doe", False, None, None,
    )  # fmt: skip
    assert rest("GET", f"/sobjects/Contact/{only}")[1]["IsPersonAccount"] is False


# -- users -------------------------------------------------------------------------------------


def user(rest, jane, profile, **more):
    return {
        "Username": "jane@acme.example.portal", "LastName": "Doe", "Email": "jane@acme.example",
        "Alias": "jane", "TimeZoneSidKey": "Europe/Berlin", "LocaleSidKey": "en_GB",
        "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US", "ProfileId": profile,
        "ContactId": contact(rest, jane)["Id"],
    } | more  # fmt: skip


def test_a_person_becomes_a_customer_with_the_one_role_of_people(rest, jane, profiles):
    manager = profiles["Customer Portal Manager Custom"]
    for level in ("Worker", "Executive"):
        refused = rest.refusal(
            "POST", "/sobjects/User", user(rest, jane, manager, PortalRole=level)
        )
        assert refused[2] == "role type must match user type"
    rest.create("User", **user(rest, jane, manager))
    (row,) = rest.rows(
        "SELECT PortalRole, AccountId, UserRole.Name, UserRole.PortalRole, UserType FROM User"
        " WHERE ContactId != null"
    )
    assert (row["PortalRole"], row["AccountId"], row["UserRole"]["PortalRole"]) == (
        "PersonAccount", jane, "PersonAccount",
    )  # fmt: skip
    assert row["UserRole"]["Name"] == "Jane Doe Customer Person Account"
    assert rest.query("SELECT Id FROM UserRole WHERE PortalType != 'None'")["totalSize"] == 1
    assert account(rest, jane)["IsCustomerPortal"] is True


def test_a_person_becomes_a_customer_without_a_role(rest, jane, profiles):
    rest.create("User", **user(rest, jane, profiles["High Volume Customer Portal"]))
    assert rest.rows("SELECT PortalRole FROM User WHERE ContactId != null") == [
        {"PortalRole": None}
    ]


def test_a_person_is_no_partner(rest, jane, portal_on):
    (license_,) = rest.rows("SELECT Id FROM UserLicense WHERE Name = 'Gold Partner'")
    partner = rest.create("Profile", Name="Partners", UserLicenseId=license_["Id"])
    assert rest.refusal("POST", "/sobjects/User", user(rest, jane, partner))[1:3] == (
        "FIELD_INTEGRITY_EXCEPTION",
        "Partner users can't be associated with person accounts: Contact ID",
    )
    assert rest.refusal("PATCH", f"/sobjects/Account/{jane}", {"IsPartner": True})[1:3] == (
        "FIELD_INTEGRITY_EXCEPTION",
        "A person account can't be a partner account: Partner Account",
    )


def test_an_org_may_give_fewer_roles_to_an_account(rest, person, profiles):
    manager = profiles["Customer Portal Manager Custom"]
    assert rest("PATCH", f"{URL}/emulator/options", {"CustomerRoles": 1})[0] == 200
    refused = rest.refusal("POST", "/sobjects/User", person | {"ProfileId": manager, "PortalRole": "Manager"})  # fmt: skip
    assert refused[2] == "role type must match user type"
    rest.create("User", **person, ProfileId=manager)
    rows = rest.rows("SELECT Name FROM UserRole WHERE PortalType = 'CustomerPortal'")
    assert rows == [{"Name": "Acme Corporation Customer User"}]


def test_collections_and_bulk_write_people_too(rest, people_on):
    records = [
        {"attributes": {"type": "Account"}, "LastName": "A"},
        {"attributes": {"type": "Account"}, "Name": "B", "PersonEmail": "b@b.example"},
    ]
    _, results = rest("POST", "/composite/sobjects", {"records": records})
    assert [one["success"] for one in results] == [True, False]
    assert results[1]["errors"][0]["statusCode"] == BAD
    assert rest.rows("SELECT Name FROM Contact") == [{"Name": "A"}]


def test_a_power_user_is_at_the_root_of_the_hierarchy_and_stays_there(rest, admin, people_on):
    power = {"DeveloperName": "Admin", "MasterLabel": "Admin", "PortalType": "CustomerPortal"}
    path = "/sobjects/PersonAccountOwnerPowerUser"
    id_ = rest.create("PersonAccountOwnerPowerUser", **power, UserId=admin)
    assert rest.refusal("POST", path, power | {"UserId": admin})[1] == "DUPLICATE_VALUE"
    (lower,) = rest.rows("SELECT Id FROM UserRole WHERE Name = 'CFO'")
    change = {"UserRoleId": lower["Id"]}
    assert rest.refusal("PATCH", f"/sobjects/User/{admin}", change)[1:3] == (
        "FIELD_INTEGRITY_EXCEPTION",
        "The role of a person account owner power user can't be changed: Role ID",
    )
    assert rest("DELETE", f"{path}/{id_}")[0] == 204
    assert rest("PATCH", f"/sobjects/User/{admin}", change)[0] == 204
    assert rest.refusal("POST", path, power | {"UserId": admin})[1:3] == (
        "FIELD_INTEGRITY_EXCEPTION",
        "Only users at the root of the role hierarchy can be power users: User ID",
    )


def own_people(local, owner, number):
    """Makes a user the owner of so many people with a role, by their roles alone."""
    others = f"""
        INSERT INTO "UserRole" ("Id", "Name", "DeveloperName", "PortalType", "PortalRole",
            "PortalAccountOwnerId")
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number})
        SELECT printf('00ELo%013d', 1000000 + i), 'Person ' || i, 'P' || i, 'CustomerPortal',
            'PersonAccount', ? FROM n"""
    local.execute(others, (owner,))


def test_an_owner_of_fifty_thousand_people_must_be_a_power_user(rest, local, jane, profiles, admin):
    rest.create("User", **user(rest, jane, profiles["Customer Portal Manager Custom"]))
    own_people(local, admin, MOST_OWNED - 1)
    next_ = rest.create("Account", LastName="Next", PersonEmail="next@acme.example")
    new = user(rest, next_, profiles["Customer Portal Manager Custom"]) | {
        "Username": "next@acme.example.portal", "CommunityNickname": "next",
    }  # fmt: skip
    assert rest.refusal("POST", "/sobjects/User", new)[1:3] == (
        "LIMIT_EXCEEDED",
        "The owner of the account can't own more than 50,000 portal accounts: Account ID",
    )
    high = new | {"ProfileId": profiles["High Volume Customer Portal"]}
    assert rest("POST", "/sobjects/User", high)[0] == 201, "users without roles do not count"
    power = {"DeveloperName": "Admin", "MasterLabel": "Admin", "PortalType": "CustomerPortal"}
    rest.create("PersonAccountOwnerPowerUser", **power, UserId=admin)
    last = rest.create("Account", LastName="Last", PersonEmail="last@acme.example")
    more = user(rest, last, profiles["Customer Portal Manager Custom"]) | {
        "Username": "last@acme.example.portal", "CommunityNickname": "last",
    }  # fmt: skip
    assert rest("POST", "/sobjects/User", more)[0] == 201


def test_nobody_takes_over_one_person_more_than_fifty_thousand(rest, local, jane, person, profiles):
    """The roles of an account follow its owner, who must be able to have them."""
    rest.create("User", **user(rest, jane, profiles["Customer Portal Manager Custom"]))
    (coo,) = rest.rows("SELECT Id FROM UserRole WHERE Name = 'COO'")
    staff = {k: v for k, v in person.items() if k != "ContactId"}
    staff |= {"Username": "owner@acme.example", "CommunityNickname": "owner"}
    owner = rest.create(
        "User", **staff, ProfileId=profiles["System Administrator"], UserRoleId=coo["Id"]
    )
    own_people(local, owner, MOST_OWNED)
    path = f"/sobjects/Account/{jane}"
    assert rest.refusal("PATCH", path, {"OwnerId": owner}) == (
        400, "LIMIT_EXCEEDED",
        "The owner of the account can't own more than 50,000 portal accounts: Owner ID",
        ["OwnerId"],
    )  # fmt: skip
    local.execute('DELETE FROM "UserRole" WHERE "Name" = \'Person 7\'')
    assert rest("PATCH", path, {"OwnerId": owner}) == (204, None)
    held = "SELECT ParentRoleId, PortalAccountOwnerId FROM UserRole"
    (role,) = rest.rows(f"{held} WHERE PortalAccountId = '{jane}'")
    assert role == {"ParentRoleId": coo["Id"], "PortalAccountOwnerId": owner}


def test_there_are_no_power_users_without_people(rest):
    assert rest("GET", "/sobjects/PersonAccountOwnerPowerUser/describe")[0] == 404
