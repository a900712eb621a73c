"""A reset password: the mail's link leads to a password of one's own (platform reference 6.1)."""

import re
from datetime import timedelta

import pytest
from lxml import html

from provisioner.emulator import component_rows, portal_rows, portals
from provisioner.emulator.app import create_app

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
    portal = component_rows.by_name(local, "Portal", portals.DEFAULT_NAME)
    portal_rows.set_profiles(local, portal.id, {profile}, admin)
    assert choose(client, link(local), "chosen12x").location == "/home/home.jsp"
    home = html.fromstring(client.get("/home/home.jsp").text)
    assert home.get_element_by_id("userFullName").text == "Jane Doe"
