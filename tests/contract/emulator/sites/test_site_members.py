"""Who is a member of a site, how one becomes it, and the mail that goes with it (1.7, 6.3)."""

from datetime import timedelta

import pytest

from provisioner.emulator.access import owned_sets
from provisioner.emulator.sites import members

from ..package_zip import Soap

GROUPS = "SELECT AssignmentStatus FROM NetworkMemberGroup WHERE ParentId = '{}'"


def wait(rest, parent):
    """Looks at the group until it has arrived; every status on the way."""
    seen = []
    while True:
        found = [row["AssignmentStatus"] for row in rest.rows(GROUPS.format(parent))]
        if found in ([], seen[-1:]):
            return seen
        seen += found


@pytest.fixture
def customers(rest, sites_on):
    """A profile of customers without a role, of which the org makes users."""
    (license_,) = rest.rows("SELECT Id FROM UserLicense WHERE Name = 'Customer Community'")
    return rest.create("Profile", Name="Acme Customers", UserLicenseId=license_["Id"])


@pytest.fixture
def customer(rest, customers):
    """Makes a user of that profile."""
    account = rest.create("Account", Name="Acme Corporation")

    def make(name="jane", **more):
        contact = rest.create("Contact", LastName=name, FirstName="J", AccountId=account)
        values = {
            "Username": f"{name}@acme.example.portal", "LastName": name, "FirstName": "J",
            "Email": f"{name}@acme.example", "Alias": name[:8], "TimeZoneSidKey": "Europe/Berlin",
            "LocaleSidKey": "en_GB", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US",
            "ContactId": contact, "ProfileId": customers,
        }  # fmt: skip
        return rest.create("User", **(values | more))

    return make


@pytest.fixture
def saved_setting(rest):
    """Switches an element of CommunitiesSettings on."""

    def switch(element):
        component = (
            '<metadata xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            f' xsi:type="CommunitiesSettings"><fullName>Communities</fullName><{element}>true'
            f"</{element}></metadata>"
        )
        assert Soap(rest)("updateMetadata", component)["success"] == "true"

    return switch


def members_of(rest, network):
    rows = rest.rows(
        f"SELECT Member.Username FROM NetworkMember WHERE NetworkId = '{network}'"
        " ORDER BY Member.Username"
    )
    return [row["Member"]["Username"] for row in rows]


ADMIN = "portal.admin@acme.example"


def test_a_new_site_has_the_profile_of_its_maker(rest, site):
    id_ = site()
    rows = rest.rows(
        f"SELECT Parent.Name, AssignmentStatus FROM NetworkMemberGroup WHERE NetworkId = '{id_}'"
    )
    assert [(row["Parent"]["Name"], row["AssignmentStatus"]) for row in rows] == [
        ("System Administrator", "Added")
    ]
    assert members_of(rest, id_) == [ADMIN]


def test_a_profile_is_added_step_by_step_and_its_users_with_it(rest, site, customer, customers):
    customer("jane")
    id_ = site()
    assert members_of(rest, id_) == [ADMIN]
    rest.create("NetworkMemberGroup", NetworkId=id_, ParentId=customers)
    assert wait(rest, customers) == ["WaitingForAdd", "AddCalculated", "Added"]
    assert members_of(rest, id_) == ["jane@acme.example.portal", ADMIN]
    customer("joe")
    assert members_of(rest, id_) == [
        "jane@acme.example.portal", "joe@acme.example.portal", ADMIN,
    ]  # fmt: skip


def test_a_profile_is_removed_step_by_step_and_its_users_with_it(rest, site, customer, customers):
    customer()
    id_ = site()
    group = rest.create("NetworkMemberGroup", NetworkId=id_, ParentId=customers)
    wait(rest, customers)
    path = f"/sobjects/NetworkMemberGroup/{group}"
    assert rest("PATCH", path, {"AssignmentStatus": "WaitingForRemove"})[0] == 204
    assert wait(rest, customers) == ["WaitingForRemove", "RemoveCalculated"]
    assert members_of(rest, id_) == [ADMIN]
    assert rest("GET", path)[0] == 404
    rest.create("NetworkMemberGroup", NetworkId=id_, ParentId=customers)


def test_members_join_without_anybody_looking(rest, local, site, customer, customers):
    customer()
    id_ = site()
    rest.create("NetworkMemberGroup", NetworkId=id_, ParentId=customers)
    local.set_clock(local.now() + timedelta(minutes=1))
    assert members_of(rest, id_) == ["jane@acme.example.portal", ADMIN]


def test_permission_sets_make_members_too(rest, site, customer, customers):
    jane = customer()
    chosen = rest.create("PermissionSet", Name="Help", Label="Help")
    id_ = site()
    rest.create("NetworkMemberGroup", NetworkId=id_, ParentId=chosen)
    wait(rest, chosen)
    assert members_of(rest, id_) == [ADMIN]
    given = rest.create("PermissionSetAssignment", AssigneeId=jane, PermissionSetId=chosen)
    assert members_of(rest, id_) == ["jane@acme.example.portal", ADMIN]
    rest("DELETE", f"/sobjects/PermissionSetAssignment/{given}")
    assert members_of(rest, id_) == [ADMIN]
    assert rest("DELETE", f"/sobjects/PermissionSet/{chosen}")[0] == 204
    assert rest.rows(GROUPS.format(chosen)) == []


def test_a_chatter_customer_does_not_join_by_a_permission_set(rest, local, site, admin):
    (profile,) = rest.rows("SELECT Id FROM Profile WHERE Name = 'Chatter External User'")
    guest = owned_sets.insert_user(
        local, {"Username": "g@x.example", "LastName": "G", "Email": "g@x.example",
                 "IsActive": True, "ProfileId": profile["Id"]}, by=admin,
    )  # fmt: skip
    chosen = rest.create("PermissionSet", Name="Help", Label="Help")
    rest.create("PermissionSetAssignment", AssigneeId=guest, PermissionSetId=chosen)
    id_ = site()
    rest.create("NetworkMemberGroup", NetworkId=id_, ParentId=chosen)
    wait(rest, chosen)
    assert members_of(rest, id_) == [ADMIN]


def test_another_profile_is_another_membership(rest, site, customer, customers):
    jane = customer()
    (license_,) = rest.rows("SELECT Id FROM UserLicense WHERE Name = 'Customer Community'")
    other = rest.create("Profile", Name="Others", UserLicenseId=license_["Id"])
    id_ = site()
    rest.create("NetworkMemberGroup", NetworkId=id_, ParentId=other)
    wait(rest, other)
    assert members_of(rest, id_) == [ADMIN]
    assert rest("PATCH", f"/sobjects/User/{jane}", {"ProfileId": other})[0] == 204
    assert members_of(rest, id_) == ["jane@acme.example.portal", ADMIN]
    assert rest("PATCH", f"/sobjects/User/{jane}", {"ProfileId": customers})[0] == 204
    assert members_of(rest, id_) == [ADMIN]


def test_what_is_refused_of_a_member_group(rest, site, customers):
    id_ = site()
    wanted = {"NetworkId": id_, "ParentId": customers}
    group = rest.create("NetworkMemberGroup", **wanted)
    path = f"/sobjects/NetworkMemberGroup/{group}"

    def refused(method, at, body=None):
        return rest.refusal(method, at, body)[1]

    assert refused("POST", "/sobjects/NetworkMemberGroup", wanted) == "DUPLICATE_VALUE"
    assert refused("DELETE", path) == "INVALID_TYPE_FOR_OPERATION"
    assert refused("PATCH", f"/sobjects/NetworkMemberGroup/Id/{group}", {}) == (
        "INVALID_TYPE_FOR_OPERATION"
    )
    assert refused("PATCH", path, {"ParentId": customers}) == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert refused("PATCH", path, {"AssignmentStatus": "Added"}) == "FIELD_INTEGRITY_EXCEPTION"
    assert refused("PATCH", path, {"AssignmentStatus": "Nothing"}) == (
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    )
    assert refused("POST", "/sobjects/NetworkMemberGroup", {"NetworkId": id_}) == (
        "REQUIRED_FIELD_MISSING"
    )
    assert refused("POST", "/sobjects/NetworkMemberGroup", wanted | {"ParentId": id_}) == (
        "MALFORMED_ID"
    )
    (owned,) = rest.rows(f"SELECT Id FROM PermissionSet WHERE ProfileId = '{customers}'")
    assert refused(
        "POST", "/sobjects/NetworkMemberGroup", wanted | {"ParentId": owned["Id"]}
    ) == "INVALID_CROSS_REFERENCE_KEY"  # fmt: skip


def test_members_are_only_changed_in_what_mails_they_get(rest, site):
    id_ = site()
    (row,) = rest.rows(f"SELECT Id, DigestFrequency FROM NetworkMember WHERE NetworkId = '{id_}'")
    path = f"/sobjects/NetworkMember/{row['Id']}"
    assert row["DigestFrequency"] == "D"
    assert rest("PATCH", path, {"PreferencesDisableAllFeedsEmail": True})[0] == 204
    assert rest("GET", path)[1]["PreferencesDisableAllFeedsEmail"] is True
    assert rest.refusal("PATCH", path, {"MemberId": row["Id"]})[1] == (
        "INVALID_FIELD_FOR_INSERT_UPDATE"
    )
    assert rest.refusal("DELETE", path)[1] == "INVALID_TYPE_FOR_OPERATION"
    assert rest.refusal("POST", "/sobjects/NetworkMember", {})[1] == (
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    )


# -- mails -------------------------------------------------------------------------------------


def open_site(rest, id_, status="Live", **more):
    assert rest("PATCH", f"/sobjects/Network/{id_}", {"Status": status} | more)[0] == 204


def welcomed(local):
    return [(mail.recipient, mail.subject) for mail in local.outbox()]


WELCOME = "Welcome to Acme Help"


def test_members_are_welcomed_when_the_site_opens_and_when_they_join(
    rest, local, site, customer, customers
):
    customer("jane")
    customer("gone", IsActive=False)
    id_ = site()
    rest.create("NetworkMemberGroup", NetworkId=id_, ParentId=customers)
    wait(rest, customers)
    assert welcomed(local) == []
    open_site(rest, id_)
    assert welcomed(local) == [(ADMIN, WELCOME), ("jane@acme.example", WELCOME)]
    (_, mail) = local.outbox()
    assert "Hi J,\n\nWelcome to Acme Help! To get started, go to http://127.0.0.1:8787/help" in (
        mail.body
    )
    assert "Username: jane@acme.example.portal" in mail.body
    customer("joe")
    assert welcomed(local)[2:] == [("joe@acme.example", WELCOME)]
    (gone,) = rest.rows("SELECT Id FROM User WHERE LastName = 'gone'")
    rest("PATCH", f"/sobjects/User/{gone['Id']}", {"IsActive": True})
    assert welcomed(local)[3:] == [("gone@acme.example", WELCOME)]
    open_site(rest, id_, "DownForMaintenance")
    open_site(rest, id_)
    assert len(welcomed(local)) == 4, "nobody is welcomed twice"


def test_a_site_that_does_not_welcome_sends_nothing(rest, local, site, customer, customers):
    customer()
    id_ = site()
    rest.create("NetworkMemberGroup", NetworkId=id_, ParentId=customers)
    wait(rest, customers)
    open_site(rest, id_, OptionsSendWelcomeEmail=False)
    customer("joe")
    assert welcomed(local) == []


def test_a_group_added_to_a_live_site_is_welcomed_when_it_has_arrived(
    rest, local, site, customer, customers
):
    customer()
    id_ = site()
    open_site(rest, id_)
    rest.create("NetworkMemberGroup", NetworkId=id_, ParentId=customers)
    assert welcomed(local) == [(ADMIN, WELCOME)]
    wait(rest, customers)
    assert welcomed(local) == [(ADMIN, WELCOME), ("jane@acme.example", WELCOME)]


def test_a_login_can_ask_for_membership(rest, local, site, customer, customers):
    jane = customer()
    id_ = site()
    assert (members.is_member(local, jane, id_), members.is_live(local, id_)) == (False, False)
    rest.create("NetworkMemberGroup", NetworkId=id_, ParentId=customers)
    wait(rest, customers)
    open_site(rest, id_)
    assert (members.is_member(local, jane, id_), members.is_live(local, id_)) == (True, True)
    open_site(rest, id_, "DownForMaintenance")
    assert not members.is_live(local, id_)


# -- the site itself ---------------------------------------------------------------------------


def test_a_site_opens_for_good(rest, site):
    id_ = site()
    path = f"/sobjects/Network/{id_}"
    assert rest("GET", path)[1]["FirstActivationDate"] is None
    open_site(rest, id_)
    assert rest("GET", path)[1]["FirstActivationDate"] is not None
    assert rest.refusal("PATCH", path, {"Status": "UnderConstruction"})[1:] == (
        "FIELD_INTEGRITY_EXCEPTION",
        "A site that was published can't be in Preview status again.",
        ["Status"],
    )


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"Name": "other"}, "FIELD_INTEGRITY_EXCEPTION", "Name"),
        ({"UrlPathPrefix": "other"}, "FIELD_INTEGRITY_EXCEPTION", "UrlPathPrefix"),
        ({"UrlPathPrefix": "a/b"}, "FIELD_INTEGRITY_EXCEPTION", "UrlPathPrefix"),
        ({"Name": None}, "REQUIRED_FIELD_MISSING", "Name"),
        ({"MaxFileSizeKb": 5}, "NUMBER_OUTSIDE_VALID_RANGE", "MaxFileSizeKb"),
        ({"EmailSenderAddress": "a@b.example"}, "INVALID_FIELD_FOR_INSERT_UPDATE",
         "EmailSenderAddress"),
        ({"NewSenderAddress": "nobody"}, "INVALID_EMAIL_ADDRESS", "NewSenderAddress"),
        ({"WelcomeEmailTemplateId": None}, "REQUIRED_FIELD_MISSING", "WelcomeEmailTemplateId"),
        ({"WelcomeEmailTemplateId": "00X000000000099"}, "INVALID_CROSS_REFERENCE_KEY", None),
    ],
)  # fmt: skip
def test_what_a_site_can_not_become(rest, site, change, code, field):
    id_ = site()
    site(name="Other", prefix="other")
    before = rest("GET", f"/sobjects/Network/{id_}")[1]
    status, got, _, fields = rest.refusal("PATCH", f"/sobjects/Network/{id_}", change)
    assert (status, got, fields) == (400, code, [field] if field else [])
    assert rest("GET", f"/sobjects/Network/{id_}")[1] == before


def test_self_registration_needs_the_profile_of_a_member(rest, site, customers):
    id_ = site()
    change = {"SelfRegProfileId": customers, "OptionsSelfRegistrationEnabled": True}
    assert rest.refusal("PATCH", f"/sobjects/Network/{id_}", change)[1:3] == (
        "FIELD_INTEGRITY_EXCEPTION",
        "Error: You can only select profiles that are associated with the experience.",
    )
    group = rest.create("NetworkMemberGroup", NetworkId=id_, ParentId=customers)
    assert rest("PATCH", f"/sobjects/Network/{id_}", change)[0] == 204
    wait(rest, customers)
    leave = {"AssignmentStatus": "WaitingForRemove"}
    assert rest.refusal("PATCH", f"/sobjects/NetworkMemberGroup/{group}", leave)[1] == (
        "FIELD_INTEGRITY_EXCEPTION"
    )


def test_the_account_of_self_registration_is_one_for_each_site(rest, site):
    id_ = site()
    acme, other = (rest.create("Account", Name=name) for name in ("Acme", "Other"))
    made = rest.create("NetworkSelfRegistration", NetworkId=id_, AccountId=acme)
    again = {"NetworkId": id_, "AccountId": other}
    assert rest.refusal("POST", "/sobjects/NetworkSelfRegistration", again)[1] == "DUPLICATE_VALUE"
    path = f"/sobjects/NetworkSelfRegistration/{made}"
    assert rest("PATCH", path, again)[0] == 204
    assert rest.rows("SELECT Account.Name FROM NetworkSelfRegistration")[0]["Account"]["Name"] == (
        "Other"
    )
    assert rest("DELETE", path)[0] == 204
    rest.create("NetworkSelfRegistration", **again)


def test_a_new_sender_proves_the_address(rest, local, anonymous, site):
    id_ = site()
    path = f"/sobjects/Network/{id_}"
    rest("PATCH", path, {"NewSenderAddress": "Help@acme.example"})
    (mail,) = local.outbox()
    assert mail.recipient == "help@acme.example"
    link = mail.body.split()[-1]
    assert "not valid" in anonymous.send("GET", link[:-3]).text
    assert rest("GET", path)[1]["NewSenderAddress"] == "help@acme.example"
    assert "help@acme.example" in anonymous.send("GET", link).text
    row = rest("GET", path)[1]
    assert (row["EmailSenderAddress"], row["NewSenderAddress"]) == ("help@acme.example", None)
    assert "not valid" in anonymous.send("GET", link).text


# -- usernames ---------------------------------------------------------------------------------


def test_a_username_of_another_org_is_free_for_customers_of_sites_only(
    rest, saved_setting, customer, portal_on
):
    door = "http://127.0.0.1:8787/emulator/options"
    taken = {"UsernamesElsewhere": ["Jane@acme.example.portal", "joe@acme.example.portal"]}
    assert rest("PATCH", door, taken)[1]["UsernamesElsewhere"][0] == "jane@acme.example.portal"
    assert rest("PATCH", door, {"UsernamesElsewhere": [1]})[0] == 400
    customer("jane")  # Customer Community: unique in the org
    (portal,) = rest.rows(
        "SELECT Id FROM UserLicense WHERE Name = 'Customer Portal Manager Custom'"
    )
    profile = rest.create("Profile", Name="Portal", UserLicenseId=portal["Id"])
    account = rest.create("Account", Name="Partner")
    assert rest("PATCH", f"/sobjects/Account/{account}", {"IsPartner": True})[0] == 204
    contact = rest.create("Contact", LastName="Joe", AccountId=account)
    joe = {
        "Username": "joe@acme.example.portal", "LastName": "Joe", "Email": "joe@acme.example",
        "Alias": "joe", "TimeZoneSidKey": "Europe/Berlin", "LocaleSidKey": "en_GB",
        "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US", "ContactId": contact,
    }  # fmt: skip
    assert rest.refusal("POST", "/sobjects/User", joe | {"ProfileId": profile})[1] == (
        "DUPLICATE_USERNAME"
    )
    (partner,) = rest.rows("SELECT Id FROM UserLicense WHERE Name = 'Partner Community'")
    partners = rest.create("Profile", Name="Partners", UserLicenseId=partner["Id"])
    wanted = joe | {"ProfileId": partners}
    assert rest.refusal("POST", "/sobjects/User", wanted)[1] == "DUPLICATE_USERNAME"
    saved_setting("enableUsernameUniqForOrgPref")
    assert rest("POST", "/sobjects/User", wanted)[0] == 201


def test_the_old_partner_licences_have_their_profiles(rest, sites_on):
    """Platform reference 3.5 [V]: licences that the org has, their profiles and what they make."""
    for name in ("Gold Partner", "Silver Partner"):
        (profile,) = rest.rows(
            f"SELECT Id, UserType, UserLicense.Name FROM Profile WHERE Name = '{name} User'"
        )
        assert (profile["UserType"], profile["UserLicense"]["Name"]) == ("PowerPartner", name)
