"""The product's client against the local org: every query and every call, over its protocols."""

from __future__ import annotations

import threading

import pytest

from provisioner.emulator.server import Server
from provisioner.kinds import xml
from provisioner.kinds.layout import xml as layout_xml
from provisioner.kinds.profile import xml as profile_xml
from provisioner.model.credentials import AccessToken, ClientCredentials, Jwt, UsernamePassword
from provisioner.model.operations import (
    CloneMetadata,
    CreateMetadata,
    CreateRecord,
    DeleteMetadata,
    DeleteRecord,
    Describe,
    EditMetadata,
    EnableCustomerPortal,
    ListMetadata,
    ReadMembership,
    ReadMetadata,
    RenameMetadata,
    ResetPassword,
    Select,
    SetMembership,
    SetPassword,
    UpdateRecord,
)
from provisioner.model.resource import Lookup, Secret
from provisioner.org.auth import connect
from provisioner.org.errors import AuthenticationFailed, Refused

PORTAL = "Customer Portal"
LAYOUT = "Contact-Contact Layout"


def names(org, sobject):
    rows = org.read(Select(sobject, ("Name",)))
    return [row["Name"] for row in rows]


def the_id(org, sobject, name):
    (found,) = org.find(Lookup(sobject, (("Name", name),)))
    return found


def portal_user(org):
    """A portal user, and all it stands on; the administrator has a role from the first day."""
    org.call(EnableCustomerPortal())
    account = org.call(CreateRecord("Account", {"Name": "Acme"}))
    contact = org.call(CreateRecord("Contact", {"LastName": "Doe", "AccountId": account}))
    fields = {
        "Username": "jane@acme.example",
        "Email": "jane@acme.example",
        "LastName": "Doe",
        "Alias": "jdoe",
        "CommunityNickname": "jdoe",
        "ContactId": contact,
        "ProfileId": the_id(org, "Profile", "High Volume Customer Portal"),
        "TimeZoneSidKey": "Europe/Berlin",
        "LocaleSidKey": "en_US",
        "EmailEncodingKey": "UTF-8",
        "LanguageLocaleKey": "en_US",
    }
    return org.call(CreateRecord("User", fields))


# ---------------------------------------------------------------- records


def test_describes_and_selects_are_answered_in_order_by_one_call(org, log):
    user, nothing, organizations, profiles = org.read_all(
        [
            Describe("User"),
            Describe("Nothing__c"),
            Select("Organization", ("Name",)),
            Select("Profile", ("Name", "UserLicense.Name"), (("Name", ("System Administrator",)),)),
        ]
    ).values()
    assert user["name"] == "User"
    assert nothing is None
    assert len(organizations) == 1
    assert profiles == [{"Name": "System Administrator", "UserLicense.Name": "Salesforce"}]
    assert log() == [("POST", "/services/data/v62.0/composite", 200)]
    assert org.api_calls == 1


def test_many_reads_stay_within_what_a_composite_call_holds(org, log):
    queries = [Select("Profile", ("Id",), (("Name", (str(n),)),)) for n in range(12)]
    describes = [Describe(f"Nothing{n}__c") for n in range(20)]
    assert list(org.read_all([*queries, *describes]).values()) == [[]] * 12 + [None] * 20
    assert [status for _, _, status in log()] == [200, 200, 200]


def test_a_record_is_created_found_changed_and_deleted(org):
    name = 'O\'Brien & "Söhne" @{x.id} 100%\\'
    account = org.call(CreateRecord("Account", {"Name": name}))
    child = org.call(CreateRecord("Account", {"Name": "Child", "ParentId": account}))
    assert org.find(Lookup("Account", (("Name", name),))) == [account]
    query = Select("Account", ("Id", "Parent.Name", "owner.username"), (("Name", (name, "Child")),))
    admin = "portal.admin@acme.example"
    assert org.read(query) == [
        {"Id": account, "Parent.Name": None, "owner.username": admin},
        {"Id": child, "Parent.Name": name, "owner.username": admin},
    ]
    org.call(UpdateRecord("Account", child, {"Name": "Renamed", "ParentId": None}))
    org.call(DeleteRecord("Account", account))
    assert names(org, "Account") == ["Renamed"]


def test_rows_are_found_by_thousands_of_values(org):
    made = org.call(CreateRecord("Account", {"Name": "Number 6999"}))
    wanted = tuple(f"Number {n}" + "x" * 20 for n in range(7_000))
    query = Select("Account", ("Id",), (("Name", wanted), ("Id", (made,))))
    assert org.read(query) == [{"Id": made}]


def test_all_pages_of_a_long_answer_are_read(org, app, local):
    store = local.open()
    (admin,) = org.find(Lookup("User", (("Username", "portal.admin@acme.example"),)))
    with store.transaction():
        for number in range(2_100):
            store.insert("Account", {"Name": f"A{number}", "OwnerId": admin}, by=admin)
    rows = org.read(Select("Account", ("Id", "Name")))
    assert len(rows) == 2_100
    assert [row["Id"] for row in rows] == sorted(row["Id"] for row in rows)


def test_a_refusal_names_the_field(org):
    with pytest.raises(Refused) as caught:
        org.call(CreateRecord("Contact", {"FirstName": "Jane"}))
    assert (caught.value.code, caught.value.fields) == ("REQUIRED_FIELD_MISSING", ("LastName",))


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (Select("User", ("Nothing__c",)), "INVALID_FIELD"),
        (Select("Nothing__c", ("Id",)), "INVALID_TYPE"),
    ],
)
def test_a_select_of_what_is_not_there_is_refused(org, query, code):
    with pytest.raises(Refused) as caught:
        org.read_all([query, Describe("User")])
    assert caught.value.code == code


def test_passwords_are_set_and_reset(org):
    user = portal_user(org)
    assert org.call(SetPassword(user, Secret("Correct-horse-1"))) is None
    with pytest.raises(Refused) as caught:
        org.call(SetPassword(user, Secret("x")))
    assert caught.value.code == "INVALID_NEW_PASSWORD"
    assert org.call(ResetPassword(user)) is None


# ---------------------------------------------------------------- metadata


def test_components_are_listed_also_when_one_type_is_not_on_offer_yet(org):
    found = org.read(ListMetadata(("Layout", "Portal", "Profile")))
    assert {component.type for component in found} == {"Layout", "Profile"}
    assert org.read(ReadMetadata("Portal", (PORTAL,))) == {}
    org.call(EnableCustomerPortal())
    found = org.read(ListMetadata(("Portal",)))
    assert [(c.full_name, c.id[:3]) for c in found] == [(PORTAL, "060")]


def test_only_components_that_are_there_are_read(org):
    found = org.read(ReadMetadata("Layout", ("Contact-Gone", LAYOUT)))
    assert list(found) == [LAYOUT]
    found = org.read(ReadMetadata("Profile", ("Admin", "Gone", "Standard")))
    assert list(found) == ["Admin", "Standard"]


def test_a_profile_is_cloned_edited_and_deleted(org):
    edits = {"description": "Mine", "objectPermissions.Case": ("read", "create")}
    made = org.call(CloneMetadata("Profile", "Standard", "My Profile", edits))
    assert the_id(org, "Profile", "My Profile") == made
    found = org.read(ReadMetadata("Profile", ("My Profile",)))
    values = profile_xml.values(found["My Profile"])
    assert values["userLicense"] == "Salesforce"
    assert values["description"] == "Mine"
    assert values["objectPermissions.Case"] == ("read", "create")
    org.call(EditMetadata("Profile", "My Profile", {"objectPermissions.Case": ("read",)}))
    found = org.read(ReadMetadata("Profile", ("My Profile",)))
    after = profile_xml.values(found["My Profile"])
    assert after == {**values, "objectPermissions.Case": ("read",)}
    org.call(DeleteMetadata("Profile", "My Profile"))
    assert org.find(Lookup("Profile", (("Name", "My Profile"),))) == []


def test_a_second_profile_of_one_name_is_refused(org):
    org.call(CloneMetadata("Profile", "Standard", "Twice", {}))
    with pytest.raises(Refused):
        org.call(CloneMetadata("Profile", "Standard", "Twice", {}))


def test_a_layout_field_is_placed_and_nothing_else_moves(org, log):
    org.call(EnableCustomerPortal())
    before = org.read(ReadMetadata("Layout", (LAYOUT,)))
    section = next(iter(layout_xml.sections(before[LAYOUT])))
    edit = EditMetadata("Layout", LAYOUT, _placed(section))
    org.call(edit)
    after = org.read(ReadMetadata("Layout", (LAYOUT,)))
    placed = layout_xml.placements(after[LAYOUT])
    assert placed.pop("CanAllowPortalSelfReg").section == section
    assert placed == layout_xml.placements(before[LAYOUT])
    writes = len(log())
    org.call(edit)
    assert len(log()) == writes + 1  # the read, and no write


def _placed(section):
    return {"CanAllowPortalSelfReg.section": section, "CanAllowPortalSelfReg.behavior": "Edit"}


def test_a_field_the_org_does_not_have_is_refused_on_a_layout(org):
    before = org.read(ReadMetadata("Layout", (LAYOUT,)))
    section = next(iter(layout_xml.sections(before[LAYOUT])))
    with pytest.raises(Refused):
        org.call(EditMetadata("Layout", LAYOUT, {"Nothing__c.section": section}))


def test_a_portal_is_renamed_and_edited(org):
    org.call(EnableCustomerPortal())
    org.call(RenameMetadata("Portal", PORTAL, "Acme"))
    org.call(EditMetadata("Portal", "Acme", {"emailSenderName": "Acme Support"}))
    found = org.read(ReadMetadata("Portal", (PORTAL, "Acme")))
    assert list(found) == ["Acme"]
    assert xml.flat(found["Acme"])["emailSenderName"] == "Acme Support"


def test_a_second_portal_is_created(org):
    org.call(EnableCustomerPortal())
    elements = {
        "active": True,
        "admin": "portal.admin@acme.example",
        "emailSenderAddress": "portal@acme.example",
        "emailSenderName": "Acme",
        "type": "CustomerSuccess",
    }
    made = org.call(CreateMetadata("Portal", "Second", elements))
    found = org.read(ListMetadata(("Portal",)))
    assert {c.full_name: c.id for c in found}["Second"] == made


# ---------------------------------------------------------------- setup pages


def test_the_customer_portal_is_enabled_once(org, log):
    org.call(EnableCustomerPortal())
    found = org.read(ReadMetadata("OrgSettings", ("Org",)))
    assert xml.flat(found["Org"])["enableCustomerSuccessPortal"] is True
    org.call(EnableCustomerPortal())
    page = "/_ui/core/portal/CustomerSuccessPortalSetup/e"
    assert [status for method, path, status in log() if (method, path) == ("POST", page)] == [302]


def test_the_profiles_of_a_portal_are_exactly_those_named(org):
    org.call(EnableCustomerPortal())
    org.call(CloneMetadata("Profile", "HighVolumePortal", "Acme User", {}))
    (portal,) = org.read(ListMetadata(("Portal",)))

    def members():
        found = org.read(ReadMembership(portal.id))
        return {member.name for member in found if member.member}

    org.call(SetMembership(PORTAL, ("Acme User", "High Volume Customer Portal")))
    assert members() == {"Acme User", "High Volume Customer Portal"}
    org.call(SetMembership(PORTAL, ("Acme User",)))
    assert members() == {"Acme User"}
    found = org.read(ReadMembership(portal.id))
    by_name = {member.name: member.profile_id for member in found}
    assert by_name["Acme User"] == the_id(org, "Profile", "Acme User")


def test_a_profile_that_is_not_for_portals_is_refused(org):
    org.call(EnableCustomerPortal())
    with pytest.raises(Refused) as caught:
        org.call(SetMembership(PORTAL, ("Standard User",)))
    assert caught.value.code == "PORTAL_PROFILE_NOT_LISTED"


# ---------------------------------------------------------------- logins


def test_each_flow_leads_to_the_same_org(credentials, session, org):
    url = credentials.instance_url
    key, secret = credentials.consumer_key, Secret(credentials.consumer_secret)
    private_key = Secret(credentials.private_key_file.read_text(encoding="utf-8"))
    for login in (
        Jwt(url, key, credentials.username, private_key, url),
        ClientCredentials(url, key, secret),
        UsernamePassword(url, key, secret, credentials.username, Secret(credentials.password)),
    ):
        found = connect(login, session=session)
        assert found.instance_url == org.instance_url
        assert names(found, "Organization") == names(org, "Organization")


def test_a_wrong_secret_is_a_failed_login(credentials, session):
    url, key = credentials.instance_url, credentials.consumer_key
    with pytest.raises(AuthenticationFailed) as caught:
        connect(ClientCredentials(url, key, Secret("wrong")), session=session)
    assert caught.value.code == "invalid_client"


@pytest.mark.parametrize(
    "ask",
    [
        lambda org: org.read(Describe("User")),
        lambda org: org.read(ListMetadata(("Layout",))),
        lambda org: org.call(EnableCustomerPortal()),
        lambda org: org.call(DeleteMetadata("Layout", LAYOUT)),
    ],
)
def test_a_token_that_is_no_good_is_a_failed_login_on_every_surface(credentials, session, ask):
    org = connect(AccessToken(credentials.instance_url, Secret("00Dexpired")), session=session)
    with pytest.raises(AuthenticationFailed):
        ask(org)


def test_over_a_real_socket_all_surfaces_answer_as_in_process(app, credentials):
    server = Server(app)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        org = connect(AccessToken(server.url, Secret(credentials.access_token)))
        org.call(EnableCustomerPortal())
        assert names(org, "Organization") == ["Local Org"]
        (portal,) = org.read(ListMetadata(("Portal",)))
        assert portal.full_name == PORTAL
    finally:
        server.close()
        thread.join(10)
