"""Custom objects in a Customer Portal: the box that only a page of Setup has, and what it does."""

import pytest

from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.metadata.types.registry import kind
from provisioner.emulator.pages import portal_tabs

from .test_setup_pages import Browser

INVOICE = {
    "fullName": "Invoice__c",
    "label": "Invoice",
    "pluralLabel": "Invoices",
    "nameField": {"label": "Name", "type": "Text"},
    "sharingModel": "ReadWrite",
}
BOX = "options_9"


@pytest.fixture
def browser(local, admin):
    browser = Browser(local)
    browser.enter(local.start_session(admin).token)
    return browser


@pytest.fixture
def invoice(local, admin, rest):
    """The page of a custom object, found as browserforce finds it."""
    kind(local, "CustomObject").create(local, dict(INVOICE), admin)
    soql = "SELECT Id, DeveloperName, NamespacePrefix FROM CustomObject WHERE DeveloperName IN ('Invoice')"
    ((found),) = rest("GET", "/tooling/query", params={"q": soql})[1]["records"]
    assert (found["DeveloperName"], found["NamespacePrefix"]) == ("Invoice", None)
    return f"/{found['Id']}"


@pytest.fixture
def customer(local, admin, rest, person, profiles):
    """A user of the portal whose profile may read the object, once there is one."""
    profile = profiles["High Volume Customer Portal"]

    def made():
        (owned,) = local.find("PermissionSet", ProfileId=profile)
        may = {"SobjectType": "Invoice__c", "PermissionsRead": True}
        local.insert("ObjectPermissions", {"ParentId": owned, **may}, by=admin)
        return local.get("User", rest.create("User", **person, ProfileId=profile))

    return made


def names(local, user):
    return {tab.name for tab in portal_tabs.tabs(local, user)}


def test_an_object_is_made_available_and_taken_back(browser, local, invoice, customer):
    jane = customer()
    assert "Invoice__c" not in names(local, jane)
    page = browser.page(f"{invoice}/e")
    assert page.get_element_by_id(BOX).checked is False
    # the address ticks the box, and the form is saved as it then is
    saved = browser.save(f"{invoice}/e?{BOX}=1&retURL=/{invoice[1:]}")
    assert saved.location == invoice
    assert "Invoice__c" in names(local, jane)
    assert browser.page(f"{invoice}/e").get_element_by_id(BOX).checked is True
    assert "Yes" in browser.page(invoice).text_content()
    browser.save(f"{invoice}/e?{BOX}=0&retURL=/{invoice[1:]}")
    assert "Invoice__c" not in names(local, jane)
    displays = [row["Display"] for row in local.select("SetupAuditTrail", Action="changedcustent")]
    assert [("available" in one, "unavailable" in one) for one in displays[-2:]] == [
        (True, False), (True, True),
    ]  # fmt: skip


def test_the_objects_are_reached_by_clicking(browser, invoice, portal_on):
    home = browser.page("/setup/forcecomHomepage.apexp")
    (link,) = home.xpath("//a[text()='Objects']/@href")
    (there,) = browser.page(link).xpath("//a[text()='Invoice__c']/@href")
    assert invoice.startswith(there)
    assert browser.page(there).xpath("//a[text()='Edit']/@href") == [f"{there}/e"]


def test_there_is_no_box_without_a_portal(local, admin, rest, browser, invoice):
    assert browser.page(f"{invoice}/e").xpath(f"//input[@id='{BOX}']") == []
    browser.save(f"{invoice}/e", **{BOX: "1"})
    first_day.enable_customer_portal(local, admin)
    assert browser.page(f"{invoice}/e").get_element_by_id(BOX).checked is False


def test_a_form_without_its_token_and_an_object_that_is_gone_change_nothing(
    browser, local, admin, invoice, customer
):
    jane = customer()
    browser.client.post(f"{invoice}/e", data={BOX: "1", "save": "Save"})
    assert "Invoice__c" not in names(local, jane)
    browser.save(f"{invoice}/e", **{BOX: "1"})
    kind(local, "CustomObject").delete(local, "Invoice__c", admin)
    assert "no longer exists" in browser.client.get(f"{invoice}/e").text
    kind(local, "CustomObject").create(local, dict(INVOICE), admin)
    assert "Invoice__c" not in names(local, jane)


def test_a_redirect_stays_in_the_org(browser, portal_on, invoice):
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        location = browser.save(f"{invoice}/e", retURL=target).location
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))


def test_without_a_session_the_login_page_is_shown(local, invoice):
    reply = Browser(local).client.get(f"{invoice}/e")
    assert reply.location.startswith("/?ec=302")
