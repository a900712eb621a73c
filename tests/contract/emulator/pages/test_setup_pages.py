"""The Classic setup pages, driven as a browser does: links followed, forms sent back whole."""

from __future__ import annotations

import pytest
from lxml import html

from provisioner.emulator.access import owned_sets
from provisioner.emulator.app import create_app
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.metadata.types import portal
from provisioner.emulator.store import portals

SETTINGS = "/_ui/core/portal/CustomerSuccessPortalSetup/e"
LIST = "/_ui/core/portal/CustomerSuccessPortalSetup/d"
MEMBERS = (
    "/_ui/core/portal/PortalProfileMembershipPage/e"
    "?portalId={}&setupid=CustomerSuccessPortalSettings"
)
# where browserforce looks for the portals
LINKS = (
    '//div[contains(@class,"pbBody")]//th[contains(@class,"dataCell")]'
    '//a[starts-with(@href, "/060")]'
)


@pytest.fixture
def org():
    org = open_org(":memory:")
    yield org
    org.close()


class Browser:
    """A person with a browser: remembers cookies, fills forms."""

    def __init__(self, org):
        self.client = create_app(org).test_client()

    def enter(self, token):
        target = f"/secur/frontdoor.jsp?sid={token}&retURL=setup/forcecomHomepage.apexp"
        return self.client.get(target)

    def page(self, path):
        reply = self.client.get(path)
        assert reply.status_code == 200, (reply.status_code, reply.location)
        return html.fromstring(reply.text)

    def save(self, path, **changes):
        """Sends the page's form; None takes a field out, as unticking a box does."""
        (form,) = self.page(path).forms
        values = dict(form.form_values()) | changes | {"save": "Save"}
        sent = {name: value for name, value in values.items() if value is not None}
        return self.client.post(form.action or path, data=sent)


def errors(reply):
    """What browserforce finds in a page that did not take a form."""
    assert reply.status_code == 200
    found = html.fromstring(reply.text).xpath('//*[@id="errorTitle"]|//div[@class="errorMsg"]')
    return [" ".join(element.text_content().split()) for element in found]


@pytest.fixture
def browser(org):
    browser = Browser(org)
    browser.enter(org.start_session(first_day.admin_id(org)).token)
    return browser


@pytest.fixture
def portal_on(browser):
    browser.save(SETTINGS, penabled="1")


def the_portal(browser):
    (link,) = browser.page(LIST).xpath(LINKS)
    return link.get("href").lstrip("/")


@pytest.mark.parametrize("path", [SETTINGS, LIST, "/060Lo0000000001", "/060/e"])
def test_without_a_session_the_login_page_is_shown_and_leads_back(org, path):
    browser = Browser(org)
    reply = browser.client.get(path)
    assert reply.location.startswith("/?ec=302&startURL=%2F")
    login = browser.page(reply.location)
    assert login.xpath('//input[@name="startURL"]')[0].value == path


def test_logging_in_by_hand_leads_where_one_wanted_to_go(org):
    browser = Browser(org)
    start = browser.client.get(SETTINGS).location
    wrong = browser.save(start, un="portal.admin@acme.example", pw="wrong")
    assert "check your username and password" in wrong.text
    password = org.setting("admin password")
    right = browser.save(start, un="PORTAL.ADMIN@acme.example", pw=password)
    assert right.location == SETTINGS
    assert browser.page(SETTINGS).get_element_by_id("penabled").checked is False


def test_the_front_door_sets_the_cookie_and_goes_on(org):
    browser = Browser(org)
    reply = browser.enter(org.start_session(first_day.admin_id(org)).token)
    assert reply.location == "/setup/forcecomHomepage.apexp"
    assert "HttpOnly" in reply.headers["Set-Cookie"]


def test_the_front_door_refuses_a_wrong_session_and_leads_to_no_other_site(org):
    browser = Browser(org)
    assert browser.enter("nonsense").location.startswith("/?ec=302")
    token = org.start_session(first_day.admin_id(org)).token
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        reply = browser.client.post("/secur/frontdoor.jsp", data={"sid": token, "retURL": target})
        assert reply.location.startswith("/")
        assert not reply.location.startswith(("//", "/\\"))


def test_logging_out_ends_the_session(browser, org):
    token = browser.client.get_cookie("sid").value
    browser.client.get("/secur/logout.jsp")
    assert org.session(token) is None
    assert browser.client.get(SETTINGS).status_code == 302


def test_enabling_makes_the_portal_of_the_current_user(browser, org):
    reply = browser.save(SETTINGS, penabled="1")
    assert reply.location == "/ui/setup/portal/RoleConversionWizardSplashPage"
    browser.page(reply.location)
    assert browser.page(SETTINGS).get_element_by_id("penabled").checked is True
    (row,) = portals.rows(org)
    assert portal.shown(org, row) == {
        "active": True,
        "admin": "portal.admin@acme.example",
        "description": "Customer Portal",
        "emailSenderAddress": "portal.admin@acme.example",
        "emailSenderName": "portal.admin@acme.example",
        "enableSelfCloseCase": False,
        "forgotPassTemplate": "unfiled$public/CustomerPortalChangePwdEmail",
        "isSelfRegistrationActivated": False,
        "newPassTemplate": "unfiled$public/CustomerPortalChangePwdEmail",
        "newUserTemplate": "unfiled$public/CustomerPortalNewUserEmail",
        "selfRegUserTemplate": "unfiled$public/CustomerPortalSelfRegUserEmail",
        "showActionConfirmation": False,
        "type": "CustomerSuccess",
    }


@pytest.mark.usefixtures("portal_on")
def test_enabling_is_a_one_way_door(browser, org):
    assert errors(browser.save(SETTINGS, penabled=None)) == [
        "Error: The Customer Portal can't be disabled after it's enabled."
    ]
    assert org.feature("CustomerPortal")
    assert browser.save(SETTINGS).location == LIST
    assert len(portals.rows(org)) == 1


def test_a_form_without_its_token_is_not_taken(browser, org):
    for token in (None, "wrong", "é"):
        assert errors(browser.save(SETTINGS, penabled="1", _CONFIRMATIONTOKEN=token)) == [
            "Your request can't be confirmed"
        ]
    assert not org.feature("CustomerPortal")


def test_a_token_is_of_one_session_and_one_page(browser, org):
    token = browser.page(SETTINGS).xpath('//input[@name="_CONFIRMATIONTOKEN"]')[0].value
    browser.save(SETTINGS, penabled="1")
    other_page = browser.save("/060/e", Name="X", _CONFIRMATIONTOKEN=token)
    browser.enter(org.start_session(first_day.admin_id(org)).token)
    other_session = browser.save(SETTINGS, _CONFIRMATIONTOKEN=token)
    assert errors(other_page) == errors(other_session) == ["Your request can't be confirmed"]


def test_somebody_without_the_permission_sees_a_refusal(browser, org):
    profile = org.select("Profile", Name="Standard User")[0]["Id"]
    owned_sets.update_user(
        org, first_day.admin_id(org), {"ProfileId": profile}, by=first_day.admin_id(org)
    )
    assert errors(browser.client.get(SETTINGS)) == ["Insufficient Privileges"]


@pytest.mark.usefixtures("portal_on")
def test_a_portal_user_sees_no_setup(org):
    browser = Browser(org)
    browser.enter(org.start_session(first_day.admin_id(org), "Portal").token)
    assert browser.client.get(SETTINGS).location.startswith("/?ec=302")


def test_the_list_needs_the_portal(browser):
    assert browser.client.get(LIST).location == SETTINGS


@pytest.mark.usefixtures("portal_on")
def test_a_portal_is_edited_by_the_fields_that_browserforce_knows(browser, org):
    id15 = the_portal(browser)
    page = browser.page(f"/{id15}/e")
    licenses = page.get_element_by_id("SelfRegUserDefaultLicense")
    profiles = page.get_element_by_id("SelfRegUserDefaultProfile")
    roles = page.get_element_by_id("SelfRegUserDefaultRole")

    def value(select, text):
        return next(option.get("value") for option in select if option.text == text)

    reply = browser.save(
        f"/{id15}/e?Name=Acme+Portal&Description=Hello&IsSelfRegistrationActivated=1",
        SelfRegUserDefaultLicense=value(licenses, "Customer Portal Manager Custom"),
        SelfRegUserDefaultProfile=value(profiles, "Customer Portal Manager Custom"),
        SelfRegUserDefaultRole=value(roles, "User"),
    )
    assert reply.location == LIST
    (row,) = portals.rows(org)
    values = portal.shown(org, row)
    assert (row.full_name, values["description"], values["isSelfRegistrationActivated"]) == (
        "Acme Portal",
        "Hello",
        True,
    )
    assert values["selfRegUserDefaultProfile"] == "customer portal manager custom"
    assert values["selfRegUserDefaultRole"] == "Worker"
    assert values["newUserTemplate"] == "unfiled$public/CustomerPortalNewUserEmail"
    assert "Acme Portal" in browser.page(f"/{id15}").text_content()


@pytest.mark.usefixtures("portal_on")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"Name": ""}, "Error: You must enter a value"),
        ({"Admin": "Nobody"}, "Error: No matches found."),
        ({"EmailSenderName": ""}, "Error: Required field is missing: emailSenderName"),
        (
            {"EmailSenderAddress": "nobody"},
            "Error: emailSenderAddress: invalid email address: nobody",
        ),
        (
            {"IsSelfRegistrationActivated": "1"},
            "Error: Required field is missing: selfRegUserDefaultProfile",
        ),
    ],
)
def test_a_form_that_breaks_a_rule_comes_back_with_the_reason(browser, org, changes, error):
    (before,) = portals.rows(org)
    reply = browser.save(f"/{the_portal(browser)}/e", **changes)
    assert errors(reply) == [error]
    (name,) = changes
    (field,) = html.fromstring(reply.text).xpath(f'//*[@id="{name}"]')
    assert (field.get("value") or "") == changes[name]
    assert portals.rows(org) == [before]


@pytest.mark.usefixtures("portal_on")
def test_an_administrator_without_the_permission_is_refused(browser, org):
    standard = org.select("Profile", Name="Standard User")[0]["Id"]
    user = {"FirstName": "Sam", "LastName": "Plain", "Username": "sam@acme.example"}
    owned_sets.insert_user(
        org, user | {"ProfileId": standard, "IsActive": True}, by=first_day.admin_id(org)
    )
    assert errors(browser.save(f"/{the_portal(browser)}/e", Admin="Sam Plain")) == [
        "Error: This user has insufficient permissions to be a portal administrator"
    ]


@pytest.mark.usefixtures("portal_on")
def test_a_second_portal_is_made_by_the_button_new(browser, org):
    (new,) = browser.page(LIST).xpath('//a[text()="New"]/@href')
    address = {"EmailSenderAddress": "a@b.co", "EmailSenderName": "A"}
    assert browser.save(new, Name="Second", **address).location == LIST
    assert [row.full_name for row in portals.rows(org)] == ["Customer Portal", "Second"]
    assert errors(browser.save(new, Name="Second", **address)) == [
        "Error: A portal with the name Second already exists"
    ]


@pytest.mark.usefixtures("portal_on")
def test_what_people_type_is_text_and_not_markup(browser):
    name = '<script>alert("1")</script>'
    browser.save(f"/{the_portal(browser)}/e", Name=name, Description=name)
    for path in (LIST, f"/{the_portal(browser)}", f"/{the_portal(browser)}/e"):
        assert "<script>" not in browser.client.get(path).text


@pytest.mark.usefixtures("portal_on")
def test_membership_has_one_box_for_each_customer_profile(browser, org):
    path = MEMBERS.format(the_portal(browser))
    page = browser.page(path)
    assert page.get_element_by_id("portalId").value == the_portal(browser)
    names = [cell.text_content().strip() for cell in page.xpath('//th[@class="dataCell"]')]
    boxes = page.xpath('//td[@class="dataCell"]//input')
    assert names == [
        "Authenticated Website",
        "Authenticated Website",
        "Customer Portal Manager Custom",
        "Customer Portal Manager Standard",
        "High Volume Customer Portal",
        "High Volume Customer Portal User",
    ]
    by_id = {row["Id"][:15]: row["Name"] for row in org.select("Profile")}
    ids = [box.get("id") for box in boxes]
    assert len(set(ids)) == len(names)
    assert [by_id[id_] for id_ in ids] == names
    assert not any(box.checked for box in boxes)


@pytest.mark.usefixtures("portal_on")
def test_membership_becomes_what_is_ticked(browser, org):
    path = MEMBERS.format(the_portal(browser))
    (row,) = portals.rows(org)
    ids = [box.get("id") for box in browser.page(path).xpath('//td[@class="dataCell"]//input')]
    browser.save(path, **{ids[0]: "1", ids[3]: "1"})
    assert {one[:15] for one in portals.profiles(org, row.id)} == {ids[0], ids[3]}
    browser.save(f"{path}&{ids[0]}=0&{ids[1]}=1")
    assert {one[:15] for one in portals.profiles(org, row.id)} == {ids[1], ids[3]}
    assert "Changed the profiles assigned to a Customer Portal" in {
        entry["Display"] for entry in org.select("SetupAuditTrail")
    }


@pytest.mark.usefixtures("portal_on")
@pytest.mark.parametrize("path", ["/060000000000000", MEMBERS.format("060000000000000")])
def test_a_portal_that_is_not_there(browser, path):
    assert errors(browser.client.get(path)) == ["URL No Longer Exists"]
