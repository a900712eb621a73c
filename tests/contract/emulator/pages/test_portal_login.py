"""The portal's login: who gets in, what the page says, and what LoginHistory knows."""

from __future__ import annotations

import pytest
from lxml import html

from provisioner.emulator.access import owned_sets
from provisioner.emulator.app import create_app
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.login import mails, passwords
from provisioner.emulator.metadata.types import portal
from provisioner.emulator.store import portals

JANE = "jane@acme.example"
PASSWORD = "correct4horse"
FAILED = (
    "Your login attempt has failed. The username or password may be incorrect, or your location"
    " or login time may be restricted. Please contact the administrator at your company for help."
)
NOT_ASSOCIATED = (
    "Your user profile is not associated with this service. Please contact your administrator for"
    " more information."
)


@pytest.fixture
def org():
    org = open_org(":memory:")
    by = first_day.admin_id(org)
    first_day.enable_customer_portal(org, by)
    portal.make_default(org, by)
    yield org
    org.close()


@pytest.fixture
def jane(org):
    """A portal user whose profile is a member of the portal."""
    by = first_day.admin_id(org)
    (profile,) = org.select("Profile", FullName="HighVolumePortal")
    account = org.insert("Account", {"Name": "Acme"}, by=by)
    contact = org.insert("Contact", {"LastName": "Doe", "AccountId": account}, by=by)
    user = {"FirstName": "Jane", "LastName": "Doe", "Username": JANE, "ContactId": contact}
    user |= {"ProfileId": profile["Id"], "IsActive": True, "UserType": "CspLitePortal"}
    user_id = owned_sets.insert_user(org, user, by=by)
    org.insert("UserLogin", {"UserId": user_id}, by=by)
    passwords.keep(org, user_id, PASSWORD, expired=False)
    (row,) = portals.rows(org)
    portals.set_profiles(org, row.id, {profile["Id"]}, by)
    return user_id


@pytest.fixture
def client(org):
    return create_app(org).test_client()


def url(org):
    (organization,) = org.select("Organization")
    (row,) = portals.rows(org)
    return mails.login_url("", organization["Id"], row.id)


def log_in(client, org, username=JANE, password=PASSWORD, **more):
    page = html.fromstring(client.get(url(org)).text)
    (form,) = page.forms
    values = dict(form.form_values()) | {"un": username, "pw": password} | more
    return client.post(form.action, data=values)


def error(reply):
    assert reply.status_code == 200
    return html.fromstring(reply.text).get_element_by_id("error").text_content()


def statuses(org, user_id):
    return [row["Status"] for row in org.select("LoginHistory", UserId=user_id)]


def test_the_address_has_the_ids_of_15_characters():
    found = mails.login_url("https://x.example", "00D000000000001AAA", "060000000000001AAA")
    assert found == (
        "https://x.example/secur/login_portal.jsp?orgId=00D000000000001&portalId=060000000000001"
    )


def test_a_login_leads_to_the_home_page(client, org, jane):
    reply = log_in(client, org, username=JANE.upper())
    assert reply.location == "/home/home.jsp"
    home = html.fromstring(client.get(reply.location).text)
    assert home.get_element_by_id("userFullName").text == "Jane Doe"
    assert statuses(org, jane) == ["Success"]
    (user,) = org.select("User", Username=JANE)
    assert user["LastLoginDate"] is not None


def test_a_login_leads_to_the_page_that_was_asked_for(client, org, jane):
    assert log_in(client, org, startURL="/500/o").location == "/500/o"
    assert log_in(client, org, startURL="//evil.example").location == "/evil.example"


def inactive(org, user_id):
    owned_sets.update_user(org, user_id, {"IsActive": False}, by=user_id)


def frozen(org, user_id):
    (login,) = org.select("UserLogin", UserId=user_id)
    org.update("UserLogin", login["Id"], {"IsFrozen": True}, by=user_id)


def portal_off(org, user_id):
    (row,) = portals.rows(org)
    values = portal.shown(org, row) | {"active": False}
    portal.save(org, row, "Customer Portal", values, first_day.admin_id(org))


def not_a_member(org, user_id):
    (row,) = portals.rows(org)
    portals.set_profiles(org, row.id, set(), first_day.admin_id(org))


@pytest.mark.parametrize(
    ("spoil", "status", "message"),
    [
        (inactive, "User is inactive", FAILED),
        (frozen, "User is frozen", FAILED),
        (portal_off, "Invalid - Portal disabled", FAILED),
        (not_a_member, "Invalid profile association", NOT_ASSOCIATED),
    ],
)
def test_who_does_not_get_in_and_what_is_recorded(client, org, jane, spoil, status, message):
    spoil(org, jane)
    assert error(log_in(client, org)) == message
    assert statuses(org, jane) == [status]
    assert client.get("/home/home.jsp").status_code == 302


def test_a_wrong_password_tells_nothing_and_ten_of_them_lock(client, org, jane):
    for _ in range(10):
        assert error(log_in(client, org, password="wrong")) == FAILED
    assert error(log_in(client, org)) == FAILED
    assert statuses(org, jane) == ["Invalid password"] * 10 + ["Password lockout"]


def test_a_success_forgets_the_failures(client, org, jane):
    log_in(client, org, password="wrong")
    log_in(client, org)
    assert org.get("User", jane)["NumberOfFailedLogins"] == 0


def test_an_unknown_user_gets_the_same_answer(client, org, jane):
    assert error(log_in(client, org, username="nobody@acme.example")) == FAILED


def test_a_temporary_password_must_be_changed(client, org, jane):
    passwords.keep(org, jane, PASSWORD, expired=True)
    change = client.get(log_in(client, org).location).location
    assert change.startswith("/_ui/system/security/ChangePassword")

    def choose(new, again):
        (form,) = html.fromstring(client.get(change).text).forms
        values = dict(form.form_values()) | {"newpassword": new, "confirmpassword": again}
        return client.post(change, data=values)

    assert error(choose("brandnew5", "other5word")) == "Error: The passwords do not match."
    assert error(choose("short1", "short1")).startswith("Error: Your password must be")
    assert choose("brandnew5", "brandnew5").location == "/home/home.jsp"
    assert passwords.matches(org, jane, "brandnew5")
    assert client.get("/home/home.jsp").status_code == 200


def test_a_password_is_not_changed_without_the_token(client, org, jane):
    log_in(client, org)
    values = {"newpassword": "brandnew5", "confirmpassword": "brandnew5"}
    reply = client.post("/_ui/system/security/ChangePassword", data=values)
    assert html.fromstring(reply.text).get_element_by_id("errorTitle") is not None
    assert passwords.matches(org, jane, PASSWORD)


@pytest.mark.parametrize("query", ["", "?orgId=00D000000000000&portalId=060000000000000"])
def test_a_portal_that_is_not_there_has_no_login(client, query):
    reply = client.get(f"/secur/login_portal.jsp{query}")
    title = html.fromstring(reply.text).get_element_by_id("errorTitle").text
    assert (reply.status_code, title) == (200, "Portal Login")


def test_logging_out_ends_the_session(client, org, jane):
    log_in(client, org)
    client.get("/secur/logout_portal.jsp")
    assert client.get("/home/home.jsp").status_code == 302
