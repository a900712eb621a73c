"""The local org's pages as a person uses them, in a real browser."""

from __future__ import annotations

import re
import shutil
import threading
from dataclasses import dataclass

import pytest
import requests

from provisioner.emulator.app import create_app
from provisioner.emulator.local import LocalOrg
from provisioner.emulator.server import Server
from provisioner.model.change import Action, Change, FieldChange
from provisioner.model.diagnostics import Diagnostic, Span
from provisioner.model.plan import OrgInfo, Plan, Step
from provisioner.model.resource import Address, Resource
from provisioner.plan import document as view
from provisioner.render import report

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("there is no `chromium` on this machine", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

# Nothing but the local org is to be talked to, and a container has neither a GPU nor a sandbox.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
    "--no-first-run",
)
SETTINGS = "/_ui/core/portal/CustomerSuccessPortalSetup/e"
PORTALS = "/_ui/core/portal/CustomerSuccessPortalSetup/d"
WIDTHS = (1280, 420)
JANE = "jane.doe@acme.example.portal"
NOT_ASSOCIATED = (
    "Your user profile is not associated with this service. Please contact your administrator for"
    " more information."
)


@dataclass
class Site:
    """A served local org, and its REST API for what is no matter of its pages."""

    url: str
    token: str
    outbox: object

    def create(self, sobject, **fields):
        answer = self._send("POST", f"sobjects/{sobject}", json=fields)
        return answer.json()["id"]

    def id_of(self, soql):
        (row,) = self._send("GET", "query", params={"q": soql}).json()["records"]
        return row["Id"]

    def reset_password(self, user_id):
        """The temporary password that Salesforce mails to the user."""
        self._send("DELETE", f"sobjects/User/{user_id}/password")
        words = re.findall(r"\S+", self.outbox()[-1].body)
        return words[words.index("Password:") + 1]

    def _send(self, method, path, **more):
        answer = requests.request(
            method,
            f"{self.url}/services/data/v62.0/{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=10,
            **more,
        )
        assert answer.ok, answer.text
        return answer


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def site(tmp_path):
    local = LocalOrg(tmp_path)
    org = local.open()
    server = Server(create_app(org))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield Site(server.url, local.credentials().access_token, org.outbox)
    server.close()
    thread.join(timeout=5)
    local.close()


@pytest.fixture
def open_page(chromium, site):
    """Opens a window with cookies of its own; its pages may ask nothing of any other site."""
    contexts, asked = [], []

    def new():
        context = chromium.new_context(base_url=site.url)
        context.set_default_timeout(10_000)
        context.on("request", lambda request: asked.append(request.url))
        contexts.append(context)
        return context.new_page()

    yield new
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith((site.url, "data:"))] == []


@pytest.fixture
def staff(open_page, site):
    """A window in which the administrator is logged in, as the product's own client does it."""
    page = open_page()
    page.goto(f"/secur/frontdoor.jsp?sid={site.token}")
    return page


def enable(page):
    page.goto(SETTINGS)
    page.get_by_label("Enable Customer Portal").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="The Customer Portal is enabled")).to_be_visible()


def edit_members(page, portal, profile):
    page.goto(PORTALS)
    page.get_by_role("link", name=portal, exact=True).click()
    page.get_by_role("link", name="Edit Profiles").click()
    page.get_by_label(profile, exact=True).check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Edit Profiles")).to_be_visible()


def log_in(page, username, password):
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Login").click()


def assert_fits(page):
    """No page is wider than the window, on a desk or on a phone."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url


def test_a_portal_is_enabled_edited_and_given_its_profiles(staff):
    staff.get_by_role("link", name="Customer Portal Settings").click()
    staff.get_by_label("Enable Customer Portal").check()
    staff.get_by_role("button", name="Save").click()
    staff.get_by_role("link", name="Go to Customer Portal Setup").click()
    expect(staff.locator("th.dataCell")).to_have_text(["Customer Portal"])

    staff.get_by_role("link", name="Edit", exact=True).click()
    staff.get_by_label("Name", exact=True).fill("Acme Customer Portal")
    staff.get_by_label("From Email Address").fill("portal@acme.example")
    staff.get_by_label("Self-Registration Enabled").check()
    staff.get_by_label("Default New User Profile").select_option("High Volume Customer Portal")
    staff.get_by_label("Default New User Role").select_option("User")
    staff.get_by_role("button", name="Save").click()
    expect(staff.locator("th.dataCell")).to_have_text(["Acme Customer Portal"])

    staff.get_by_role("link", name="Acme Customer Portal").click()
    expect(staff.get_by_text("No profiles are assigned")).to_be_visible()
    staff.get_by_role("link", name="Edit Profiles").click()
    staff.get_by_label("High Volume Customer Portal", exact=True).check()
    staff.get_by_role("button", name="Save").click()
    expect(staff.locator("th.dataCell")).to_have_text(["High Volume Customer Portal"])
    expect(staff.get_by_role("row", name="From Email Address")).to_contain_text(
        "portal@acme.example"
    )


def test_a_form_that_is_wrong_says_where_and_keeps_what_was_typed(staff):
    enable(staff)
    staff.goto(PORTALS)
    staff.get_by_role("link", name="Edit", exact=True).click()
    staff.get_by_label("Administrator").fill("No Body")
    staff.get_by_role("button", name="Save").click()

    expect(staff.get_by_role("alert")).to_contain_text("Error: Invalid Data.")
    expect(staff.locator("tr", has=staff.get_by_label("Administrator"))).to_contain_text(
        "Error: No matches found."
    )
    expect(staff.get_by_label("Administrator")).to_have_value("No Body")
    staff.get_by_role("link", name="Cancel").click()
    staff.get_by_role("link", name="Customer Portal", exact=True).click()
    expect(staff.get_by_role("row", name="Administrator")).to_contain_text("Portal Admin")


def test_the_customer_portal_is_a_one_way_door(staff):
    enable(staff)
    staff.goto(SETTINGS)
    staff.get_by_label("Enable Customer Portal").uncheck()
    staff.get_by_role("button", name="Save").click()
    expect(staff.locator(".errorMsg")).to_contain_text("can't be disabled")
    staff.goto(SETTINGS)
    expect(staff.get_by_label("Enable Customer Portal")).to_be_checked()


def test_a_portal_user_gets_in_once_the_profile_is_a_member_and_chooses_a_password(
    site, staff, open_page
):
    enable(staff)
    account = site.create("Account", Name="Acme")
    contact = site.create("Contact", LastName="Doe", AccountId=account)
    user = site.create(
        "User",
        ContactId=contact,
        ProfileId=site.id_of("SELECT Id FROM Profile WHERE Name = 'High Volume Customer Portal'"),
        FirstName="Jane",
        LastName="Doe",
        Username=JANE,
        Email="jane.doe@acme.example",
        Alias="jdoe",
        TimeZoneSidKey="Europe/Berlin",
        LocaleSidKey="en_GB",
        EmailEncodingKey="UTF-8",
        LanguageLocaleKey="en_US",
    )
    temporary = site.reset_password(user)
    staff.goto(PORTALS)
    staff.get_by_role("link", name="Customer Portal", exact=True).click()
    address = staff.get_by_role("link", name=re.compile("login_portal.jsp")).get_attribute("href")

    page = open_page()
    page.goto(address)
    log_in(page, JANE, "not the password")
    expect(page.get_by_role("alert")).to_contain_text("Your login attempt has failed.")
    log_in(page, JANE, temporary)
    expect(page.get_by_role("alert")).to_have_text(NOT_ASSOCIATED)
    assert_fits(page)

    edit_members(staff, "Customer Portal", "High Volume Customer Portal")
    log_in(page, JANE, temporary)
    expect(page.get_by_role("heading", name="Change Your Password")).to_be_visible()
    page.get_by_label("New Password", exact=True).fill("brandnew5")
    page.get_by_label("Confirm New Password").fill("another5word")
    page.get_by_role("button", name="Change Password").click()
    expect(page.get_by_role("alert")).to_have_text("Error: The passwords do not match.")
    assert_fits(page)
    page.get_by_label("New Password", exact=True).fill("brandnew5")
    page.get_by_label("Confirm New Password").fill("brandnew5")
    page.get_by_role("button", name="Change Password").click()
    expect(page.get_by_role("heading", name="Welcome Jane Doe")).to_be_visible()

    page.get_by_role("link", name="Logout").click()
    expect(page.get_by_role("button", name="Login")).to_be_visible()
    expect(page).to_have_url(re.compile(re.escape(address.partition("?")[2])))
    log_in(page, JANE, "brandnew5")
    expect(page.get_by_role("heading", name="Welcome Jane Doe")).to_be_visible()
    assert_fits(page)


@pytest.fixture
def customer(chromium, work, serve):
    """The walk-through's portal as applied by the command, its mail, and a customer's window."""
    work.copy_acme()
    org = serve()
    work.use(org)
    work.run("apply", "--env", "served", "--auto-approve", status=0)
    context = chromium.new_context()
    context.set_default_timeout(10_000)
    yield org, context.new_page()
    context.close()


def in_mail(org):
    """The address and the password that the last e-mail tells."""
    body = org.outbox()[-1]["body"]
    return re.search(r"http\S+", body)[0], re.search(r"^Password: (\S+)$", body, re.MULTILINE)[1]


def test_a_customer_goes_from_the_mail_into_the_portal_and_out_again(customer):
    org, page = customer
    address, temporary = in_mail(org)
    page.goto(address)
    expect(page.get_by_label("Username")).to_be_focused()
    assert_fits(page)
    log_in(page, JANE, temporary)

    expect(page.get_by_role("heading", name="Change Your Password")).to_be_visible()
    expect(page.get_by_label("New Password", exact=True)).to_be_focused()
    page.get_by_label("New Password", exact=True).fill("short1")
    page.get_by_label("Confirm New Password").fill("short1")
    page.get_by_role("button", name="Change Password").click()
    expect(page.get_by_role("alert")).to_contain_text("at least 8 characters")
    expect(page.get_by_label("New Password", exact=True)).to_have_attribute("aria-invalid", "true")
    assert_fits(page)
    page.get_by_label("New Password", exact=True).fill("brandnew5")
    page.get_by_label("Confirm New Password").fill("brandnew5")
    page.get_by_role("button", name="Change Password").click()

    expect(page.get_by_role("heading", name="Welcome Jane Doe")).to_be_visible()
    expect(page.locator("#username")).to_have_text(JANE)
    expect(page.get_by_role("cell", name="read, create, edit")).to_be_visible()
    assert_fits(page)
    page.get_by_role("link", name="Cases").click()
    expect(page.get_by_role("heading", name="Cases", exact=True)).to_be_visible()
    assert_fits(page)
    page.get_by_role("link", name="Logout").click()
    expect(page.get_by_role("button", name="Login")).to_be_visible()
    page.go_back()
    page.reload()
    expect(page.get_by_role("heading", name="Cases", exact=True)).to_have_count(0)


def test_a_customer_who_forgot_the_password_gets_another(customer):
    org, page = customer
    address, first = in_mail(org)
    page.goto(address)
    page.get_by_role("link", name="Forgot your password?").click()
    expect(page.get_by_label("Username")).to_be_focused()
    assert_fits(page)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_have_text("Enter your username.")
    page.get_by_label("Username").fill(JANE)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("status")).to_contain_text("a new password is on its way")
    assert_fits(page)
    page.get_by_role("link", name="Back to login").click()
    log_in(page, JANE, first)
    expect(page.get_by_role("alert")).to_contain_text("Your login attempt has failed.")
    expect(page.get_by_label("Password")).to_be_focused()
    assert_fits(page)
    log_in(page, JANE, in_mail(org)[1])
    expect(page.get_by_role("heading", name="Change Your Password")).to_be_visible()


def test_a_contact_who_may_registers_by_itself(customer):
    org, page = customer
    account = org.id("Account", "Name='Acme Corporation'")
    email = "john.roe@acme.example"
    org.create(
        "Contact", FirstName="John", LastName="Roe", Email=email, AccountId=account,
        CanAllowPortalSelfReg=True,
    )  # fmt: skip
    page.goto(in_mail(org)[0])
    page.get_by_role("link", name="New user?").click()
    assert_fits(page)
    page.get_by_label("E-mail").fill("nobody@acme.example")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("alert")).to_contain_text("We can't register you")
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("status")).to_contain_text("You are registered.")
    assert_fits(page)
    page.get_by_role("link", name="Log in").click()
    log_in(page, email, in_mail(org)[1])
    expect(page.get_by_role("heading", name="Change Your Password")).to_be_visible()


def test_a_person_of_the_company_logs_in_by_hand(site, open_page, tmp_path):
    page = open_page()
    page.goto(SETTINGS)
    page.get_by_label("Username").fill("portal.admin@acme.example")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log In").click()
    expect(page.get_by_role("alert")).to_contain_text("check your username and password")
    assert_fits(page)
    page.get_by_label("Username").fill("portal.admin@acme.example")
    local = LocalOrg(tmp_path)
    page.get_by_label("Password").fill(local.credentials().password)
    local.close()
    page.get_by_role("button", name="Log In").click()
    expect(page.get_by_role("heading", name="Customer Portal Settings")).to_be_visible()
    page.get_by_role("link", name="Log Out").click()
    expect(page.get_by_role("button", name="Log In")).to_be_visible()
    page.goto(SETTINGS)
    expect(page.get_by_role("button", name="Log In")).to_be_visible()


def test_every_setup_page_fits_a_desk_and_a_phone(staff):
    assert_fits(staff)
    staff.goto(SETTINGS)
    assert_fits(staff)
    enable(staff)
    assert_fits(staff)
    staff.goto(PORTALS)
    assert_fits(staff)
    for link, heading in (
        ("Edit", "Customer Portal Edit: Customer Portal"),
        ("Cancel", "Customer Portal Setup"),
        ("Customer Portal", "Customer Portal: Customer Portal"),
        ("Edit Profiles", "Edit Assigned Profiles: Customer Portal"),
    ):
        staff.get_by_role("link", name=link, exact=True).click()
        expect(staff.get_by_role("heading", name=heading, level=1)).to_be_visible()
        assert_fits(staff)
    staff.goto("/060/e")
    staff.get_by_role("button", name="Save").click()
    expect(staff.get_by_role("alert")).to_be_visible()
    assert_fits(staff)
    staff.goto("/060000000000000")
    expect(staff.get_by_role("heading", name="URL No Longer Exists")).to_be_visible()
    assert_fits(staff)


def test_a_plan_as_a_page_shows_its_counts_and_fits(chromium):
    name = Address("account", "acme")
    before = Resource(name, {"Name": "Acme"}, id="001Lo0000000001AAA")
    long = "A" * 300
    after = Resource(name, {"Name": long, "Site": "<b>here</b>"})
    fields = (FieldChange("Name", "Acme", long), FieldChange("Site", None, "<b>here</b>"))
    step = Step(Change(Action.UPDATE, name, before, after, fields), (), frozenset())
    problem = Diagnostic("odd", f"`{long}` is odd", Span("spec/portal.yaml", 1, 2, 1, 3))
    shown = view.plan_document(
        Plan(OrgInfo("00D", "Acme", "https://acme.example"), (step,), (problem,)),
        spec="spec",
        environment="local",
    )
    for scheme in ("light", "dark"):
        page = chromium.new_page(color_scheme=scheme)
        page.set_content(report.render(shown, "html", "1"))
        assert_fits(page)
        expect(page.locator(".counts li.update")).to_have_text("1 update")
        expect(page.locator("ins").last).to_have_text("<b>here</b>")
        expect(page.get_by_text("1 error must be fixed first")).to_be_visible()
        page.close()
