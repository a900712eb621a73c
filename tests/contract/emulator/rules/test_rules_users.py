"""Who may become a user, and what follows: facts 301 to 339."""

import pytest

HIGH_VOLUME = "High Volume Customer Portal"
MANAGER = "Customer Portal Manager Custom"
NEEDS_ACCOUNT = (
    "A portal user's contact record must include an account. Furthermore, the owner of the account"
    " must be associated with a role."
)


def user(rest, id_, fields):
    _, row = rest("GET", f"/sobjects/User/{id_}?fields={fields}")
    return {name: row[name] for name in fields.split(",")}


@pytest.fixture
def jane(rest, person, profiles):
    return rest.create("User", **person, ProfileId=profiles[HIGH_VOLUME])


def test_a_high_volume_user(rest, person, jane):
    assert user(
        rest,
        jane,
        "Username,UserType,IsPortalEnabled,IsActive,PortalRole,UserRoleId,ContactId,Name",
    ) == {
        "Username": "jane.doe@acme.example.portal",
        "UserType": "CspLitePortal",
        "IsPortalEnabled": True,
        "IsActive": True,
        "PortalRole": None,
        "UserRoleId": None,
        "ContactId": person["ContactId"],
        "Name": "Jane Doe",
    }
    assert rest.rows("SELECT IsCustomerPortal FROM Account") == [{"IsCustomerPortal": True}]
    assert rest.rows("SELECT Name FROM UserRole WHERE PortalType = 'CustomerPortal'") == []
    assert rest.rows(f"SELECT IsFrozen FROM UserLogin WHERE UserId = '{jane}'") == [
        {"IsFrozen": False}
    ]
    trail = rest.rows("SELECT Action, Display FROM SetupAuditTrail")
    made = {"Action": "createdcustomersuccessuser",
            "Display": "Created new customer success user Jane Doe"}  # fmt: skip
    assert made in trail


def test_the_trail_tells_what_was_done_to_a_user(rest, local, person, profiles):
    def told(work):
        before = len(local.select("SetupAuditTrail"))
        work()
        rows = sorted(local.select("SetupAuditTrail"), key=lambda row: row["Id"])[before:]
        return [(row["Action"], row["Section"], row["Display"]) for row in rows]

    id_ = rest.create("User", **person, ProfileId=profiles[MANAGER])
    (login,) = local.find("UserLogin", UserId=id_)
    set_ = rest.create("PermissionSet", Name="Set", Label="Set")
    here = "Manage Users"
    assert told(lambda: rest("PATCH", f"/sobjects/UserLogin/{login}", {"IsFrozen": True})) == [
        ("frozeuser", here, "Froze user Jane Doe"),
    ]
    assert told(lambda: rest("PATCH", f"/sobjects/UserLogin/{login}", {"IsFrozen": True})) == []
    assert told(lambda: rest("PATCH", f"/sobjects/UserLogin/{login}", {"IsFrozen": False})) == [
        ("unfrozeuser", here, "Unfroze user Jane Doe"),
    ]
    assigned = {"PermissionSetId": set_, "AssigneeId": id_}
    assert told(lambda: rest("POST", "/sobjects/PermissionSetAssignment", assigned)) == [
        ("PermSetAssign", here,
         f"Permission set Set: assigned to user Jane Doe (UserID: [{id_[:15]}])"),
    ]  # fmt: skip
    (assignment,) = local.find("PermissionSetAssignment", PermissionSetId=set_)
    done = told(lambda: rest("DELETE", f"/sobjects/PermissionSetAssignment/{assignment}"))
    assert [row[0] for row in done] == ["PermSetUnassign"]
    assert [row[0] for row in told(lambda: rest("DELETE", f"/sobjects/PermissionSet/{set_}"))] == [
        "PermSetDelete"
    ]
    change = {"CommunityNickname": "jane", "Email": "j@acme.example", "IsActive": False}
    assert [row[0] for row in told(lambda: rest("PATCH", f"/sobjects/User/{id_}", change))] == [
        "deactivateduser", "changedemail", "changedcommunitynickname",
    ]  # fmt: skip
    refused = {"LastName": "x" * 100}
    assert told(lambda: rest("PATCH", f"/sobjects/User/{id_}", refused)) == []


def test_a_user_with_a_role_makes_the_roles_of_the_account(rest, person, profiles):
    id_ = rest.create("User", **person, ProfileId=profiles[MANAGER])
    roles = rest.rows(
        "SELECT Name, PortalRole, ParentRoleId, Id FROM UserRole"
        " WHERE PortalType = 'CustomerPortal' ORDER BY PortalRole"
    )
    assert [(r["Name"], r["PortalRole"]) for r in roles] == [
        ("Acme Corporation Customer Executive", "Executive"),
        ("Acme Corporation Customer Manager", "Manager"),
        ("Acme Corporation Customer User", "Worker"),
    ]
    executive, manager, worker = roles
    (ceo,) = rest.rows("SELECT Id FROM UserRole WHERE Name = 'CEO'")
    assert [executive["ParentRoleId"], manager["ParentRoleId"], worker["ParentRoleId"]] == [
        ceo["Id"], executive["Id"], manager["Id"],
    ]  # fmt: skip
    assert user(rest, id_, "PortalRole,UserRoleId") == {
        "PortalRole": "Worker", "UserRoleId": worker["Id"],
    }  # fmt: skip
    rest("PATCH", f"/sobjects/User/{id_}", {"PortalRole": "Manager"})
    assert user(rest, id_, "PortalRole,UserRoleId") == {
        "PortalRole": "Manager", "UserRoleId": manager["Id"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"ProfileId": "BadValue"},
         ("MALFORMED_ID", "Profile ID: id value of incorrect type: BadValue", ["ProfileId"])),
        ({"Username": "jane"},
         ("FIELD_INTEGRITY_EXCEPTION",
          "Username must be in the form of an email address (for example, john@acme.com): Username",
          ["Username"])),
        ({"Email": "jane"},
         ("INVALID_EMAIL_ADDRESS", "Email: invalid email address: jane", ["Email"])),
        ({"Alias": "jdoe56789"},
         ("STRING_TOO_LONG", "Alias: data value too large: jdoe56789 (max length=8)", ["Alias"])),
        ({"ContactId": None},
         ("INVALID_CROSS_REFERENCE_KEY", "Cannot create a portal user without contact.", [])),
        ({"PortalRole": "Worker"},
         ("FIELD_INTEGRITY_EXCEPTION", "role type must match user type", ["UserRoleId"])),
        ({"ProfileId": MANAGER, "PortalRole": "PersonAccount"},
         ("FIELD_INTEGRITY_EXCEPTION", "role type must match user type", ["UserRoleId"])),
        ({"PortalRole": "Boss"},
         ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
          "Portal Role Level: bad value for restricted picklist field: Boss", ["PortalRole"])),
        ({"IsPortalEnabled": True},
         ("INVALID_FIELD_FOR_INSERT_UPDATE",
          ("Unable to create/update fields: IsPortalEnabled. Please check the security settings of"
          " this field and verify that it is read/write for your profile or permission set."),
          ["IsPortalEnabled"])),
        ({"Email": None, "Alias": None},
         ("REQUIRED_FIELD_MISSING", "Required fields are missing: [Email, Alias]",
          ["Email", "Alias"])),
        ({"LocaleSidKey": "xx"},
         ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
          "Locale: bad value for restricted picklist field: xx", ["LocaleSidKey"])),
        ({"Username": "PORTAL.ADMIN@acme.example"},
         ("DUPLICATE_USERNAME",
          ("Duplicate Username.<br>The username already exists in this or another Salesforce"
          " organization. Usernames must be unique across all Salesforce organizations. To resolve,"
          " use a different username (it doesn't need to match the user's email address). "),
          ["Username"])),
        ({"CommunityNickname": "Portal.Admin"},
         ("DUPLICATE_COMM_NICKNAME",
          "Duplicate Nickname.<br>Another user has already selected this nickname.<br>Please select another.",
          ["CommunityNickname"])),
    ],
)  # fmt: skip
def test_a_wrong_user_is_refused_and_nothing_is_left(rest, person, profiles, changes, refusal):
    values = {**person, "ProfileId": profiles[HIGH_VOLUME], **changes}
    values = {name: value for name, value in values.items() if value is not None}
    values["ProfileId"] = profiles.get(values["ProfileId"], values["ProfileId"])
    assert rest.refusal("POST", "/sobjects/User", values) == (400, *refusal)
    assert rest.query("SELECT Id FROM User")["totalSize"] == 1
    assert rest.rows("SELECT IsCustomerPortal FROM Account") == [{"IsCustomerPortal": False}]


def test_refusals_come_in_order(rest, local, person, profiles, jane):
    """Platform reference 11.3: every mistake at once, then one less each time."""
    (account,) = rest.rows("SELECT Id FROM Account")
    new = rest.create("Contact", LastName="New", AccountId=account["Id"])
    names = {"Username": "norole@acme.example", "ProfileId": profiles["System Administrator"]}
    owner = rest.create("User", **{k: v for k, v in person.items() if k != "ContactId"} | names)
    of_norole = rest.create("Account", Name="Owned without a role", OwnerId=owner)
    steps = (
        ({"Nope": None}, "INVALID_FIELD"),
        ({"UserType": None}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"ProfileId": "00eLo0000009999"}, "MALFORMED_ID"),
        ({"LastName": "Doe"}, "REQUIRED_FIELD_MISSING"),
        ({"Alias": "jdoe"}, "STRING_TOO_LONG"),
        ({"LocaleSidKey": "en_US"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"Email": "jane@acme.example"}, "INVALID_EMAIL_ADDRESS"),
        ({"Username": "norole@acme.example"}, "FIELD_INTEGRITY_EXCEPTION"),
        ({"ProfileId": profiles[HIGH_VOLUME]}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"ContactId": person["ContactId"]}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"ContactId": rest.create("Contact", LastName="Poor", AccountId=of_norole)},
         "PORTAL_USER_ALREADY_EXISTS_FOR_CONTACT"),
        ({"ContactId": new}, "UNKNOWN_EXCEPTION"),
        ({"PortalRole": None}, "FIELD_INTEGRITY_EXCEPTION"),
        ({}, "LICENSE_LIMIT_EXCEEDED"),
        ({"Username": "fresh@acme.example"}, "DUPLICATE_USERNAME"),
    )  # fmt: skip
    values = {
        **person, "Nope": 1, "UserType": "Standard", "ProfileId": "BadValue", "LastName": None,
        "Alias": "jdoe56789", "LocaleSidKey": "xx", "Email": "bad", "Username": "bad",
        "ContactId": None, "PortalRole": "Worker",
    }  # fmt: skip
    seats = 'UPDATE "UserLicense" SET "TotalLicenses" = ? WHERE "LicenseDefinitionKey" LIKE ?'
    local.execute(seats, (1, "PID_High_Volume%"))
    for change, code in steps:
        given = {name: value for name, value in values.items() if value is not None}
        assert rest.refusal("POST", "/sobjects/User", given)[1] == code
        values |= change
        if code == "LICENSE_LIMIT_EXCEEDED":
            local.execute(seats, (100, "PID_High_Volume%"))
    given = {name: value for name, value in values.items() if value is not None}
    assert rest("POST", "/sobjects/User", given)[0] == 201


def test_one_portal_user_for_a_contact(rest, person, profiles, jane):
    again = {**person, "Username": "other@acme.example", "ProfileId": profiles[HIGH_VOLUME]}
    refusal = (400, "PORTAL_USER_ALREADY_EXISTS_FOR_CONTACT",
               "portal user already exists for contact", [])  # fmt: skip
    assert rest.refusal("POST", "/sobjects/User", again) == refusal
    rest("PATCH", f"/sobjects/User/{jane}", {"IsActive": False})
    assert rest.refusal("POST", "/sobjects/User", again) == refusal
    rest("PATCH", f"/sobjects/User/{jane}", {"IsPortalEnabled": False})
    assert rest.create("User", **again)


@pytest.mark.parametrize("profile", [HIGH_VOLUME, MANAGER])
def test_the_account_owner_must_have_a_role(rest, person, profiles, admin, profile):
    assert rest("PATCH", f"/sobjects/User/{admin}", {"UserRoleId": None}) == (204, None)
    assert rest.refusal("POST", "/sobjects/User", {**person, "ProfileId": profiles[profile]}) == (
        400, "UNKNOWN_EXCEPTION", "portal account owner must have a role", [],
    )  # fmt: skip


def test_an_owner_of_portal_accounts_keeps_a_role(rest, jane, admin):
    assert rest.refusal("PATCH", f"/sobjects/User/{admin}", {"UserRoleId": None})[1:3] == (
        "UNKNOWN_EXCEPTION", "portal account owner must have a role",
    )  # fmt: skip


def test_the_contact_must_have_an_account(rest, person, profiles):
    contact = rest.create("Contact", LastName="Alone")
    values = {**person, "ContactId": contact, "ProfileId": profiles[HIGH_VOLUME]}
    assert rest.refusal("POST", "/sobjects/User", values) == (
        400, "FIELD_INTEGRITY_EXCEPTION", NEEDS_ACCOUNT, ["ContactId"],
    )  # fmt: skip


def test_the_contact_of_a_portal_user_keeps_a_good_account(rest, person, profiles, jane, admin):
    """As the update of a contact by merging was answered (NPSP issues 2343 and 4001 [Q])."""
    names = {"Username": "owner@acme.example", "ProfileId": profiles["System Administrator"]}
    owner = rest.create("User", **{k: v for k, v in person.items() if k != "ContactId"} | names)
    of_nobody = rest.create("Account", Name="Without a role", OwnerId=owner)
    path = f"/sobjects/Contact/{person['ContactId']}"
    for account in (None, of_nobody):
        assert rest.refusal("PATCH", path, {"AccountId": account}) == (
            400, "FIELD_INTEGRITY_EXCEPTION", NEEDS_ACCOUNT, ["AccountId"],
        )  # fmt: skip
    rest("PATCH", f"/sobjects/User/{jane}", {"IsPortalEnabled": False})
    assert rest("PATCH", path, {"AccountId": None}) == (204, None)


def test_a_contact_needs_a_portal_profile(rest, person, profiles):
    values = {**person, "ProfileId": profiles["Standard User"]}
    assert rest.refusal("POST", "/sobjects/User", values)[1] == "FIELD_INTEGRITY_EXCEPTION"


def test_a_user_of_the_company(rest, person, profiles):
    values = {name: value for name, value in person.items() if name != "ContactId"}
    id_ = rest.create("User", **values, ProfileId=profiles["Standard User"])
    assert user(rest, id_, "UserType,IsPortalEnabled") == {
        "UserType": "Standard", "IsPortalEnabled": False,
    }  # fmt: skip


def test_seats_run_out_and_come_back(rest, local, person, profiles, jane):
    local.execute('UPDATE "UserLicense" SET "TotalLicenses" = 1 WHERE "TotalLicenses" = 100')
    account = rest.rows("SELECT Id FROM Account")[0]["Id"]
    values = {
        **person,
        "ProfileId": profiles[HIGH_VOLUME],
        "Username": "john@acme.example",
        "ContactId": rest.create("Contact", LastName="Roe", AccountId=account),
    }
    used = "SELECT UsedLicenses FROM UserLicense WHERE Name = 'high volume customer portal'"
    refusal = (400, "LICENSE_LIMIT_EXCEEDED",
               "License Limit Exceeded - High Volume Customer Portal", [])  # fmt: skip
    assert rest.refusal("POST", "/sobjects/User", values) == refusal
    assert sorted(row["UsedLicenses"] for row in rest.rows(used)) == [0, 1]
    rest("PATCH", f"/sobjects/User/{jane}", {"IsActive": False})
    assert sorted(row["UsedLicenses"] for row in rest.rows(used)) == [0, 0]
    rest.create("User", **values)
    assert rest.refusal("PATCH", f"/sobjects/User/{jane}", {"IsActive": True}) == refusal


def test_disabling_is_for_good_and_frees_the_username(rest, person, profiles, jane):
    assert rest("PATCH", f"/sobjects/User/{jane}", {"IsPortalEnabled": False}) == (204, None)
    assert user(rest, jane, "Username,IsActive,IsPortalEnabled") == {
        "Username": "jane.doe@acme.example.portal_", "IsActive": False, "IsPortalEnabled": False,
    }  # fmt: skip
    for change in ({"IsPortalEnabled": True}, {"IsActive": True}):
        assert rest("PATCH", f"/sobjects/User/{jane}", change)[0] == 400
    rest.create("User", **person, ProfileId=profiles[HIGH_VOLUME])


def test_users_are_never_deleted(rest, jane):
    assert rest.refusal("DELETE", f"/sobjects/User/{jane}") == (
        400, "INVALID_TYPE_FOR_OPERATION", "entity type cannot be deleted: User", [],
    )  # fmt: skip


def test_the_role_is_checked_against_the_profile_held_before(rest, jane, profiles):
    change = {"ProfileId": profiles[MANAGER], "PortalRole": "Manager"}
    assert rest.refusal("PATCH", f"/sobjects/User/{jane}", change)[2] == (
        "role type must match user type"
    )
    rest("PATCH", f"/sobjects/User/{jane}", {"ProfileId": profiles[MANAGER]})
    assert user(rest, jane, "UserType,PortalRole") == {
        "UserType": "PowerCustomerSuccess", "PortalRole": "Worker",
    }  # fmt: skip
    assert rest("PATCH", f"/sobjects/User/{jane}", {"PortalRole": "Manager"})[0] == 204


def test_the_contact_of_a_user_stays(rest, jane):
    other = rest.create("Contact", LastName="Other")
    assert rest("PATCH", f"/sobjects/User/{jane}", {"ContactId": other})[0] == 400


def test_the_last_administrator_stays_active(rest, admin):
    assert rest.refusal("PATCH", f"/sobjects/User/{admin}", {"IsActive": False})[1] == (
        "CANNOT_DISABLE_LAST_ADMIN"
    )


def test_nobody_deactivates_oneself_or_changes_ones_own_profile(rest, admin, person, profiles):
    staff = {name: value for name, value in person.items() if name != "ContactId"}
    rest.create("User", **staff, ProfileId=profiles["System Administrator"])
    for change, message in (
        ({"IsActive": False}, "Cannot de-activate self: Active"),
        ({"ProfileId": profiles["Standard User"]}, "Cannot change profile for current user"),
    ):
        assert rest.refusal("PATCH", f"/sobjects/User/{admin}", change) == (
            400, "FIELD_INTEGRITY_EXCEPTION", message, list(change),
        )  # fmt: skip
    assert rest("PATCH", f"/sobjects/User/{admin}", {"Title": "Boss", "IsActive": True})[0] == 204


@pytest.mark.parametrize("name", ["Customer Community User", "Standard User"])
def test_a_portal_user_gets_no_profile_of_another_family(rest, jane, sites_on, name):
    (profile,) = rest.rows(f"SELECT Id FROM Profile WHERE Name = '{name}'")
    change = {"ProfileId": profile["Id"]}
    assert rest.refusal("PATCH", f"/sobjects/User/{jane}", change) == (
        400, "FIELD_INTEGRITY_EXCEPTION",
        ("You can only assign profiles that are compatible with the user's license. For a list of"
         " compatible licenses and profiles, see the Salesforce Help."), ["ProfileId"],
    )  # fmt: skip


def test_a_deactivated_user_is_logged_out(rest, local, jane):
    token = local.start_session(jane).token
    rest("PATCH", f"/sobjects/User/{jane}", {"IsActive": False})
    assert local.session(token) is None


def test_a_portal_user_may_not_use_the_api(rest, local, jane):
    rest.session.headers["Authorization"] = f"Bearer {local.start_session(jane).token}"
    assert rest.refusal("GET", "/limits")[:2] == (403, "API_CURRENTLY_DISABLED")


def test_passwords(rest, local, jane):
    path = f"/sobjects/User/{jane}/password"
    assert rest("GET", path) == (200, {"isExpired": False})
    for bad, message in (
        ("short1", "Your password must be at least 8 characters long."),
        ("lettersonly", "Your password must have a mix of letters and numbers."),
    ):
        assert rest.refusal("POST", path, {"NewPassword": bad}) == (
            500, "INVALID_NEW_PASSWORD", message, None,
        )  # fmt: skip
    assert rest("POST", path, {"NewPassword": "correct1horse"}) == (204, None)
    # no org made since Spring '12 has Self-Service users
    self_service = "/sobjects/SelfServiceUser/035000000000001AAA/password"
    assert rest.refusal("GET", self_service)[:2] == (404, "NOT_FOUND")
    status, body = rest("DELETE", path)
    assert (status, list(body)) == (200, ["NewPassword"])
    assert rest("GET", path)[1] == {"isExpired": True}
    (mail,) = local.outbox()
    assert (mail.recipient, mail.subject) == (
        "jane.doe@acme.example", "Your new Salesforce password",
    )  # fmt: skip
    assert "jane.doe@acme.example.portal" in mail.body
    assert body["NewPassword"] in mail.body


def test_an_upsert_by_username(rest, person, profiles):
    path = "/sobjects/User/Username/Jane.Doe@acme.example.portal"
    values = {k: v for k, v in person.items() if k != "Username"}
    status, body = rest("PATCH", path, {**values, "ProfileId": profiles[HIGH_VOLUME]})
    assert (status, body["created"]) == (201, True)
    assert rest("PATCH", path, {"LastName": "Dow"})[0] == 200


def portal_roles(rest):
    found = rest.rows(
        "SELECT Id, Name, PortalRole, ParentRoleId, PortalAccountId, PortalAccountOwnerId"
        " FROM UserRole WHERE PortalType = 'CustomerPortal'"
    )
    return {role["PortalRole"]: role for role in found}


def test_level_and_role_of_a_user_go_together(rest, person, profiles):
    """Platform reference 2.1: no level means User; a role by id brings its level."""
    id_ = rest.create("User", **person, ProfileId=profiles[MANAGER])
    roles = portal_roles(rest)
    for change, level in (
        ({"UserRoleId": roles["Manager"]["Id"]}, "Manager"),
        ({"UserRoleId": None}, "Manager"),
        ({"PortalRole": "Executive"}, "Executive"),
        ({"PortalRole": None}, "Worker"),
    ):
        assert rest("PATCH", f"/sobjects/User/{id_}", change) == (204, None)
        assert user(rest, id_, "PortalRole,UserRoleId") == {
            "PortalRole": level, "UserRoleId": roles[level]["Id"],
        }  # fmt: skip
    refused = rest.refusal("PATCH", f"/sobjects/User/{id_}", {"PortalRole": "PersonAccount"})
    assert refused[1:3] == ("FIELD_INTEGRITY_EXCEPTION", "role type must match user type")
    other = rest.create("Contact", LastName="Roe", AccountId=roles["Worker"]["PortalAccountId"])
    names = {"Username": "roe@acme.example", "ContactId": other}
    second = rest.create(
        "User",
        **{**person, **names, "ProfileId": profiles[MANAGER]},
        UserRoleId=roles["Manager"]["Id"],
    )
    assert user(rest, second, "PortalRole") == {"PortalRole": "Manager"}
    assert rest("PATCH", f"/sobjects/User/{id_}", {"ProfileId": profiles[HIGH_VOLUME]})[0] == 204
    assert user(rest, id_, "PortalRole,UserRoleId") == {"PortalRole": None, "UserRoleId": None}


def test_the_roles_of_an_account_follow_its_owner(rest, person, profiles, admin):
    """Platform reference 3.4 [I]: above Executive is the role of the account's owner."""
    rest.create("User", **person, ProfileId=profiles[MANAGER])
    account = portal_roles(rest)["Worker"]["PortalAccountId"]
    staff = {row["Name"]: row["Id"] for row in rest.rows("SELECT Id, Name FROM UserRole")}
    names = {"Username": "owner@acme.example", "ProfileId": profiles["System Administrator"]}
    values = {k: v for k, v in person.items() if k != "ContactId"} | names
    owner = rest.create("User", **values, UserRoleId=staff["COO"])
    assert rest("PATCH", f"/sobjects/Account/{account}", {"OwnerId": owner}) == (204, None)
    roles = portal_roles(rest)
    assert roles["Executive"]["ParentRoleId"] == staff["COO"]
    assert {role["PortalAccountOwnerId"] for role in roles.values()} == {owner}
    assert roles["Worker"]["ParentRoleId"] == roles["Manager"]["Id"]
    assert rest("PATCH", f"/sobjects/User/{owner}", {"UserRoleId": staff["CFO"]})[0] == 204
    assert portal_roles(rest)["Executive"]["ParentRoleId"] == staff["CFO"]


@pytest.mark.parametrize("profile", [HIGH_VOLUME, MANAGER])
def test_an_account_with_portal_users_goes_to_nobody_without_a_role(
    rest, person, profiles, profile
):
    """Platform reference 3.4 [U]; the roles of the account stay where they are."""
    rest.create("User", **person, ProfileId=profiles[profile])
    before = portal_roles(rest)
    (account,) = rest.rows("SELECT Id, OwnerId FROM Account")
    names = {"Username": "owner@acme.example", "ProfileId": profiles["System Administrator"]}
    owner = rest.create("User", **{k: v for k, v in person.items() if k != "ContactId"} | names)
    path = f"/sobjects/Account/{account['Id']}"
    assert rest.refusal("PATCH", path, {"OwnerId": owner}) == (
        400, "UNKNOWN_EXCEPTION", "portal account owner must have a role", [],
    )  # fmt: skip
    assert rest.rows("SELECT Id, OwnerId FROM Account") == [account]
    assert portal_roles(rest) == before
    empty = rest.create("Account", Name="Without users")
    assert rest("PATCH", f"/sobjects/Account/{empty}", {"OwnerId": owner}) == (204, None)


def test_without_the_lowest_portal_role_those_above_move_down(rest, person, profiles):
    """Platform reference 3.4: deleting User renames Manager to User."""
    id_ = rest.create("User", **person, ProfileId=profiles[MANAGER], PortalRole="Manager")
    before = portal_roles(rest)
    assert rest("DELETE", f"/sobjects/UserRole/{before['Worker']['Id']}") == (204, None)
    after = portal_roles(rest)
    assert {level: (role["Id"], role["Name"]) for level, role in after.items()} == {
        "Worker": (before["Manager"]["Id"], "Acme Corporation Customer User"),
        "Manager": (before["Executive"]["Id"], "Acme Corporation Customer Manager"),
    }
    assert user(rest, id_, "PortalRole") == {"PortalRole": "Worker"}
    refused = rest.refusal("PATCH", f"/sobjects/User/{id_}", {"PortalRole": "Executive"})
    assert refused[:2] == (400, "FIELD_INTEGRITY_EXCEPTION")


def test_a_user_moves_to_the_account_of_the_contact(rest, person, profiles):
    id_ = rest.create("User", **person, ProfileId=profiles[MANAGER], PortalRole="Manager")
    other = rest.create("Account", Name="Other")
    contact = f"/sobjects/Contact/{person['ContactId']}"
    assert rest("PATCH", contact, {"AccountId": other}) == (204, None)
    where = "SELECT AccountId, PortalRole, UserRole.Name, UserRole.PortalAccountId FROM User"
    (row,) = rest.rows(f"{where} WHERE Id = '{id_}'")
    assert (row["AccountId"], row["PortalRole"]) == (other, "Manager")
    assert row["UserRole"]["Name"] == "Other Customer Manager"
    assert row["UserRole"]["PortalAccountId"] == other
    marked = rest.rows(f"SELECT IsCustomerPortal FROM Account WHERE Id = '{other}'")
    assert marked == [{"IsCustomerPortal": True}]


def test_who_may_make_which_users(rest, person, profiles, clerk):
    """Platform reference 2.1: Manage Customer Users for those of the portal."""
    staff = {k: v for k, v in person.items() if k != "ContactId"}
    staff |= {"Username": "staff@acme.example", "ProfileId": profiles["Standard User"]}
    jane = {**person, "ProfileId": profiles[HIGH_VOLUME]}
    _, users = clerk("ManageUsers")
    _, internal = clerk("ManageInternalUsers")
    _, customers = clerk("ManageCssUsers")
    refusal = (
        403,
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "insufficient access rights on object id",
        [],
    )
    assert rest.refusal("POST", "/sobjects/User", jane, headers=users) == refusal
    assert rest.refusal("POST", "/sobjects/User", staff, headers=customers) == refusal
    assert rest("POST", "/sobjects/User", staff, headers=users)[0] == 201
    another = staff | {"Username": "another@acme.example"}
    assert rest("POST", "/sobjects/User", another, headers=internal)[0] == 201
    status, made = rest("POST", "/sobjects/User", jane, headers=customers)
    assert status == 201
    change = ("PATCH", f"/sobjects/User/{made['id']}", {"Title": "x"})
    assert rest.refusal(*change, headers=users) == refusal
    assert rest(*change, headers=customers) == (204, None)


def test_with_sites_one_must_manage_external_users_too(rest, person, profiles, clerk, sites_on):
    """Object reference, User, "Special Access Rules" [V]; partners need no more than that."""
    (high_volume,) = rest.rows(
        f"SELECT UserLicenseId FROM Profile WHERE Id = '{profiles[HIGH_VOLUME]}'"
    )
    profile = rest.create("Profile", Name="Own", UserLicenseId=high_volume["UserLicenseId"])
    jane = {**person, "ProfileId": profile}
    _, customers = clerk("ManageCssUsers")
    _, partners = clerk("ManagePartners")
    _, both = clerk("ManageUsers", "ManageCssUsers", "ManagePartners")
    for headers in (customers, partners):
        refused = rest.refusal("POST", "/sobjects/User", jane, headers=headers)
        assert refused[:2] == (403, "INSUFFICIENT_ACCESS_OR_READONLY")
    assert rest("POST", "/sobjects/User", jane, headers=both)[0] == 201
    account = rest.create("Account", Name="Partner")
    rest("PATCH", f"/sobjects/Account/{account}", {"IsPartner": True})
    contact = rest.create("Contact", LastName="Roe", AccountId=account)
    (gold,) = rest.rows("SELECT Id FROM UserLicense WHERE Name = 'Gold Partner'")
    roe = {
        **person, "ContactId": contact, "Username": "roe@acme.example",
        "ProfileId": rest.create("Profile", Name="Gold", UserLicenseId=gold["Id"]),
    }  # fmt: skip
    assert rest.refusal("POST", "/sobjects/User", roe, headers=customers)[0] == 403
    assert rest("POST", "/sobjects/User", roe, headers=partners)[0] == 201


def test_nobody_gives_more_power_than_he_has(rest, person, profiles, admin, clerk):
    """Platform reference 2.3 [V]."""
    refusal = (
        400, "FIELD_INTEGRITY_EXCEPTION",
        ("Cannot grant or remove a profile with modify all data, without having the modify all data"
         " permission yourself."), ["ProfileId"],
    )  # fmt: skip
    id_, headers = clerk("ManageUsers")
    values = {k: v for k, v in person.items() if k != "ContactId"}
    values["ProfileId"] = profiles["System Administrator"]
    assert rest.refusal("POST", "/sobjects/User", values, headers=headers) == refusal
    own = f"/sobjects/User/{id_}"
    given = {"ProfileId": values["ProfileId"]}
    assert rest.refusal("PATCH", own, given, headers=headers) == refusal
    taken = {"ProfileId": profiles["Standard User"]}
    assert rest.refusal("PATCH", f"/sobjects/User/{admin}", taken, headers=headers) == refusal
    assert rest("PATCH", own, given) == (204, None)


OWN = {
    "FirstName": "Janet", "Title": "Buyer", "Phone": "+1 555 0100", "MobilePhone": "+1 555 0101",
    "Street": "1 Main Street", "City": "Springfield", "Country": "US",
    "Email": "janet@acme.example", "CommunityNickname": "janet", "Alias": "janet",
    "LocaleSidKey": "de_DE", "LanguageLocaleKey": "de", "TimeZoneSidKey": "Europe/London",
    "UserPreferencesShowTitleToExternalUsers": True, "ReceivesInfoEmails": True,
}  # fmt: skip
NOT_OWN = {
    "IsActive": False, "Username": "janet@acme.example", "UserPermissionsMarketingUser": True,
    "UserRoleId": None, "FederationIdentifier": "janet",
}  # fmt: skip


@pytest.fixture
def customer(rest, local, person, profiles):
    """A portal's user who may use the API, and a session of that user."""
    high_volume = local.get("Profile", profiles[HIGH_VOLUME])
    values = {"Name": "Customers", "UserLicenseId": high_volume["UserLicenseId"]}
    profile = rest.create("Profile", **values, PermissionsApiEnabled=True)
    id_ = rest.create("User", **person, ProfileId=profile)
    return id_, {"Authorization": f"Bearer {local.start_session(id_).token}"}


def not_for_you(*names):
    return (
        400, "INVALID_FIELD_FOR_INSERT_UPDATE",
        (f"Unable to create/update fields: {', '.join(names)}. Please check the security settings of"
         " this field and verify that it is read/write for your profile or permission set."),
        list(names),
    )  # fmt: skip


@pytest.mark.parametrize("of", ["clerk", "customer"])
def test_everybody_edits_the_own_record_but_for_what_admins_decide(rest, request, profiles, of):
    found = request.getfixturevalue(of)
    id_, headers = found("RunReports") if of == "clerk" else found
    path = f"/sobjects/User/{id_}"
    assert rest("PATCH", path, OWN, headers=headers) == (204, None)
    assert user(rest, id_, ",".join(OWN)) == OWN
    for name, value in (NOT_OWN | {"ProfileId": profiles["Standard User"]}).items():
        change = {name: value, "Title": "Boss"}
        assert rest.refusal("PATCH", path, change, headers=headers) == not_for_you(name)
    both = {"IsActive": False, "UserRoleId": None}
    assert rest.refusal("PATCH", path, both, headers=headers) == not_for_you(*both)
    assert user(rest, id_, "Title,IsActive") == {"Title": "Buyer", "IsActive": True}
    record = {"attributes": {"type": "User"}, "Id": id_, "Title": "Seller"}
    _, (result,) = rest("PATCH", "/composite/sobjects", {"records": [record]}, headers=headers)
    assert result["success"] is True


def test_nobody_edits_the_record_of_another_without_managing_users(rest, admin, customer, clerk):
    id_, headers = customer
    _, staff = clerk("RunReports")
    refusal = (
        403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [],
    )  # fmt: skip
    change = {"Title": "Boss"}
    for path, who in ((admin, headers), (admin, staff), (id_, staff)):
        assert rest.refusal("PATCH", f"/sobjects/User/{path}", change, headers=who) == refusal


def test_a_portal_user_names_nobody_it_does_not_see(rest, admin, customer):
    id_, headers = customer
    refused = rest.refusal("PATCH", f"/sobjects/User/{id_}", {"ManagerId": admin}, headers=headers)
    assert refused[1] == "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
