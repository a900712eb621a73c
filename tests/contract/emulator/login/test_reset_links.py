"""A reset password: the mail's link leads to a password of one's own (fact 604)."""

import re
from datetime import timedelta

import pytest
from lxml import html

from provisioner.emulator.app import create_app
from provisioner.emulator.login import passwords
from provisioner.emulator.metadata.types import portal as portals
from provisioner.emulator.store import components
from provisioner.emulator.store import portals as portal_rows

ANN = "ann@acme.example"
CHANGE = "/_ui/system/security/ChangePassword"


@pytest.fixture
def ann(rest, profiles):
    """One of the company's people, who may change the setup."""
    return rest.create(
        "User", Username=ANN, Email=ANN, LastName="Ott", Alias="ann",
        TimeZoneSidKey="Europe/Berlin", LocaleSidKey="en_GB", EmailEncodingKey="UTF-8",
        LanguageLocaleKey="en_US", ProfileId=profiles["System Administrator"],
    )  # fmt: skip


@pytest.fixture
def client(local):
    return create_app(local).test_client()


def reset(rest, user):
    status, body = rest("DELETE", f"/sobjects/User/{user}/password")
    assert status == 200
    return body["NewPassword"]


def link(local):
    return re.search(r"http://\S+(/\?c=\S+)", local.outbox()[-1].body)[1]


def choose(client, page, new):
    shown = client.get(page, follow_redirects=True)
    (form,) = html.fromstring(shown.text).forms
    values = dict(form.form_values()) | {"newpassword": new, "confirmpassword": new}
    return client.post(form.action, data=values)


def title(reply):
    return html.fromstring(reply.text).get_element_by_id("errorTitle").text


def test_the_link_leads_to_a_password_of_ones_own_and_works_once(rest, local, client, ann):
    temporary = reset(rest, ann)
    assert temporary not in local.outbox()[-1].body
    there = link(local)
    assert choose(client, there, "chosen12x").location == "/setup/forcecomHomepage.apexp"
    assert client.get("/setup/forcecomHomepage.apexp").status_code == 200
    assert rest("GET", f"/sobjects/User/{ann}/password")[1] == {"isExpired": False}
    assert title(create_app(local).test_client().get(there)) == "Link Expired"


def test_a_link_is_good_for_a_day_until_the_next_one(rest, local, client, ann):
    reset(rest, ann)
    first = link(local)
    reset(rest, ann)
    assert title(client.get(first)) == "Link Expired"
    assert client.get(link(local)).location.startswith(CHANGE)
    local.set_clock(local.now() + timedelta(hours=24, seconds=1))
    assert title(client.get(link(local))) == "Link Expired"
    assert title(client.get("/?c=nonsense")) == "Link Expired"


def test_whoever_may_not_log_in_may_not_by_a_link(rest, local, client, ann):
    reset(rest, ann)
    rest("PATCH", f"/sobjects/User/{ann}", {"IsActive": False})
    assert "check your username and password" in client.get(link(local)).text
    assert local.select("LoginHistory", UserId=ann)[-1]["Status"] == "User is inactive"


def test_a_reset_password_unlocks_its_user(rest, local, client, ann):
    """Salesforce help, "Reset Passwords for Your Users"."""
    reset(rest, ann)
    for _ in range(10):
        client.post("/", data={"un": ANN, "pw": "wrong"})
    locked = f"SELECT IsPasswordLocked FROM UserLogin WHERE UserId = '{ann}'"
    assert rest.rows(locked) == [{"IsPasswordLocked": True}]
    temporary = reset(rest, ann)
    assert rest.rows(locked) == [{"IsPasswordLocked": False}]
    assert client.post("/", data={"un": ANN, "pw": temporary}).status_code == 302


def test_who_may_edit_users_may_set_their_passwords(rest, local, admin, ann, profiles):
    body = {"Name": "Editors", "Label": "Editors", "PermissionsManageUsers": True}
    editors = rest.create("PermissionSet", **body, PermissionsApiEnabled=True)
    rest("PATCH", f"/sobjects/User/{ann}", {"ProfileId": profiles["Standard User"]})
    path = f"/sobjects/User/{admin}/password"
    bearer = {"Authorization": f"Bearer {local.start_session(ann).token}"}
    assert rest("GET", path, headers=bearer)[0] == 403
    rest.create("PermissionSetAssignment", AssigneeId=ann, PermissionSetId=editors)
    assert rest("GET", path, headers=bearer) == (200, {"isExpired": False})


def test_without_the_link_the_temporary_password_of_the_answer_does(rest, local, client, ann):
    """REST guide: "they can finish resetting their password by logging in with" it."""
    temporary = reset(rest, ann)
    page = "/_ui/core/portal/CustomerSuccessPortalSetup/e"
    reply = client.post("/", data={"un": ANN, "pw": temporary, "startURL": page})
    assert reply.location == page
    assert client.get(page).location.startswith(CHANGE), "a password comes first"
    assert choose(client, page, "chosen12x").location == page
    assert client.get(page).status_code == 200


def test_a_customers_link_leads_into_the_portal(rest, local, admin, client, person, profiles):
    profile = profiles["Customer Portal Manager Custom"]
    jane = rest.create("User", **person, ProfileId=profile)
    temporary = reset(rest, jane)
    assert f"Password: {temporary}" in local.outbox()[-1].body
    assert "check your username" in client.get(link(local)).text
    assert local.select("LoginHistory", UserId=jane)[-1]["Status"] == "Invalid profile association"
    portals.make_default(local, admin)
    portal = components.by_name(local, "Portal", portals.DEFAULT_NAME)
    portal_rows.set_profiles(local, portal.id, {profile}, admin)
    assert choose(client, link(local), "chosen12x").location == "/home/home.jsp"
    home = html.fromstring(client.get("/home/home.jsp").text)
    assert home.get_element_by_id("userFullName").text == "Jane Doe"


# -- Forgot Your Password ----------------------------------------------------------------------


def forgot(client, page, username):
    (form,) = html.fromstring(client.get(page).text).forms
    return client.post(form.action, data=dict(form.form_values()) | {"un": username})


def test_who_forgot_a_password_is_mailed_a_link_and_keeps_the_old_one(rest, local, client, ann):
    passwords.set_password(local, ann, "chosen12x")
    page = (
        html.fromstring(client.get("/").text).get_element_by_id("forgot_password_link").get("href")
    )
    for username in (ANN, "nobody@acme.example"):
        assert "is on its way" in forgot(client, page, username).text
    (mail,) = local.outbox()
    assert (mail.recipient, mail.subject) == (ANN, "Finish resetting your Salesforce password")
    assert client.post("/", data={"un": ANN, "pw": "chosen12x"}).status_code == 302
    assert choose(client, link(local), "another3x").location == "/setup/forcecomHomepage.apexp"
    assert "check your username" in client.post("/", data={"un": ANN, "pw": "chosen12x"}).text


def test_a_password_is_forgotten_ten_times_an_hour(local, client, ann):
    for _ in range(11):
        forgot(client, "/secur/forgotpassword.jsp", ANN)
    assert len(local.outbox()) == 10
    local.set_clock(local.now() + timedelta(hours=1, seconds=1))
    forgot(client, "/secur/forgotpassword.jsp", ANN)
    assert len(local.outbox()) == 11


def test_a_site_has_a_page_of_its_own_for_its_members(rest, local, client, site, ann):
    id_ = site()
    rest("PATCH", f"/sobjects/Network/{id_}", {"Status": "Live"})
    local.execute("DELETE FROM outbox")
    page = html.fromstring(client.get("/help/login").text).xpath(
        '//a[contains(., "Forgot")]/@href'
    )[0]
    assert page == "/help/secur/forgotpassword.jsp"
    assert "is on its way to" in forgot(client, page, ANN).text
    assert [mail.recipient for mail in local.outbox()] == [ANN], "administrators are members"
    rest("PATCH", f"/sobjects/Network/{id_}", {"Status": "DownForMaintenance"})
    forgot(client, page, ANN)
    assert len(local.outbox()) == 1
    assert client.get("/nothing/secur/forgotpassword.jsp").status_code == 404
