"""The customer's side of a portal: limits, lock-outs, passwords, registration, what one may see."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from lxml import html

from provisioner.emulator.access import owned_sets
from provisioner.emulator.app import create_app
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.login import mails, passwords
from provisioner.emulator.metadata.types import portal
from provisioner.emulator.metadata.types.registry import kind
from provisioner.emulator.settings import security
from provisioner.emulator.store import components, portals

JANE = "jane@acme.example"
PASSWORD = "correct4horse"
FAILED = "Your login attempt has failed."
WEDNESDAY = datetime(2026, 5, 6, 17, 30, tzinfo=UTC)  # half past ten in Los Angeles


@pytest.fixture
def org():
    org = open_org(":memory:")
    by = first_day.admin_id(org)
    first_day.enable_customer_portal(org, by)
    portal.make_default(org, by)
    yield org
    org.close()


@pytest.fixture
def admin(org):
    return first_day.admin_id(org)


@pytest.fixture
def profile(org, admin):
    """A profile that is the portal's, and may read cases."""
    (standard,) = org.select("Profile", FullName="HighVolumePortal")
    values = {"Name": "Acme User", "UserLicenseId": standard["UserLicenseId"]}
    id_ = owned_sets.insert_profile(org, values | {"UserType": "CspLitePortal"}, by=admin)
    (owned,) = org.select("PermissionSet", ProfileId=id_)
    rights = {"PermissionsRead": True, "PermissionsCreate": True}
    org.insert(
        "ObjectPermissions", {"ParentId": owned["Id"], "SobjectType": "Case"} | rights, by=admin
    )
    (row,) = portals.rows(org)
    portals.set_profiles(org, row.id, {id_}, admin)
    return id_


@pytest.fixture
def contact(org, admin):
    account = org.insert("Account", {"Name": "Acme", "OwnerId": admin}, by=admin)
    values = {"FirstName": "Jane", "LastName": "Doe", "AccountId": account, "Email": JANE}
    return org.insert("Contact", values, by=admin)


@pytest.fixture
def jane(org, admin, profile, contact):
    user = {"FirstName": "Jane", "LastName": "Doe", "Username": JANE, "Email": JANE}
    user |= {"ContactId": contact, "ProfileId": profile, "IsActive": True}
    user |= {"UserType": "CspLitePortal", "AccountId": org.get("Contact", contact)["AccountId"]}
    user_id = owned_sets.insert_user(org, user, by=admin)
    org.insert("UserLogin", {"UserId": user_id}, by=admin)
    passwords.keep(org, user_id, PASSWORD, expired=False)
    return user_id


@pytest.fixture
def client(org):
    return create_app(org).test_client()


def url(org):
    (organization,) = org.select("Organization")
    (row,) = portals.rows(org)
    return mails.login_url("", organization["Id"], row.id)


def fill(client, page, **values):
    """Sends the form of a page, and follows what comes of it."""
    shown = client.get(page)
    (form,) = html.fromstring(shown.text).forms
    return client.post(form.action, data=dict(form.form_values()) | values, follow_redirects=True)


def log_in(client, org, password=PASSWORD):
    return fill(client, url(org), un=JANE, pw=password)


def by_id(reply, id_):
    return " ".join(html.fromstring(reply.text).get_element_by_id(id_).text_content().split())


def last_status(org, user_id):
    return org.select("LoginHistory", UserId=user_id)[-1]["Status"]


def limit(org, admin, profile, **values):
    row = org.get("Profile", profile)
    kind(org, "Profile").update(org, {"fullName": row["FullName"], **values}, admin)


def set_policy(org, admin, **values):
    new = {"fullName": "Security", "passwordPolicies": values}
    kind(org, "SecuritySettings").update(org, new, admin)


# -- hours and addresses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "is_open"),
    [
        ({"wednesdayStart": "600", "wednesdayEnd": "660"}, True),
        ({"wednesdayStart": "660"}, False),
        ({"wednesdayEnd": "600"}, False),
        ({"wednesdayStart": "600", "wednesdayEnd": "600"}, False),
        ({"tuesdayStart": "600", "tuesdayEnd": "600"}, True),
        ({}, True),
    ],
)
def test_login_hours_are_those_of_the_org(client, org, admin, profile, jane, hours, is_open):
    org.set_clock(WEDNESDAY)
    passwords.keep(org, jane, PASSWORD, expired=False)
    limit(org, admin, profile, loginHours=hours)
    reply = log_in(client, org)
    assert last_status(org, jane) == ("Success" if is_open else "Restricted time")
    assert is_open or by_id(reply, "error").startswith(FAILED)


@pytest.mark.parametrize(
    ("first", "last", "is_open"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("10.0.0.0", "10.255.255.255", False),
        ("::1", "::1", False),
    ],
)
def test_addresses_outside_the_ranges_are_kept_out(
    client, org, admin, profile, jane, first, last, is_open
):
    entry = {"startAddress": first, "endAddress": last}
    limit(org, admin, profile, loginIpRanges=[entry])
    reply = log_in(client, org)
    assert last_status(org, jane) == ("Success" if is_open else "Restricted IP")
    assert is_open or by_id(reply, "error").startswith(FAILED)


@pytest.mark.parametrize(
    "values",
    [
        {"loginHours": {"mondayStart": "61"}},
        {"loginHours": {"mondayStart": "1500"}},
        {"loginHours": {"mondayStart": "600", "mondayEnd": "540"}},
        {"loginIpRanges": [{"startAddress": "10.0.0.9", "endAddress": "10.0.0.1"}]},
        {"loginIpRanges": [{"startAddress": "10.0.0", "endAddress": "10.0.0.1"}]},
        {"loginIpRanges": [{"startAddress": "10.0.0.1", "endAddress": "::1"}]},
    ],
)
def test_limits_that_are_none_are_refused(org, admin, profile, values):
    with pytest.raises(SalesforceError) as refused:
        limit(org, admin, profile, **values)
    assert refused.value.code == "FIELD_INTEGRITY_EXCEPTION"


# -- lock-outs ---------------------------------------------------------------------------------


def lock(client, org):
    for _ in range(10):
        log_in(client, org, "wrong")


def test_a_lock_out_ends_by_itself(client, org, jane):
    lock(client, org)
    assert by_id(log_in(client, org), "error").startswith(FAILED)
    org.set_clock(org.now() + timedelta(minutes=14))
    assert by_id(log_in(client, org), "error").startswith(FAILED)
    org.set_clock(org.now() + timedelta(minutes=2))
    assert by_id(log_in(client, org), "username") == JANE
    (login,) = org.select("UserLogin", UserId=jane)
    assert not login["IsPasswordLocked"]


def test_a_lock_out_can_be_for_ever_and_come_sooner(client, org, admin, jane):
    set_policy(org, admin, lockoutInterval="Forever", maxLoginAttempts="ThreeAttempts")
    for _ in range(3):
        log_in(client, org, "wrong")
    org.set_clock(org.now() + timedelta(days=1))
    assert by_id(log_in(client, org), "error").startswith(FAILED)
    assert last_status(org, jane) == "Password lockout"


def test_no_limit_never_locks(client, org, admin, jane):
    set_policy(org, admin, maxLoginAttempts="NoLimit")
    lock(client, org)
    assert by_id(log_in(client, org), "username") == JANE


# -- passwords ---------------------------------------------------------------------------------


def test_a_password_grows_old(client, org, admin, profile, jane):
    org.set_clock(org.now() + timedelta(days=89))
    assert by_id(log_in(client, org), "username") == JANE
    org.set_clock(org.now() + timedelta(days=2))
    assert "Choose a password" in log_in(client, org).text
    set_policy(org, admin, expiration="Never")
    assert by_id(log_in(client, org), "username") == JANE


def test_a_password_may_be_kept_for_ever_by_permission(org, admin, profile, jane):
    org.set_clock(org.now() + timedelta(days=91))
    assert passwords.is_expired(org, jane)
    owned_sets.update_profile(org, profile, {"PermissionsPasswordNeverExpires": True}, by=admin)
    assert not passwords.is_expired(org, jane)


@pytest.mark.parametrize(
    ("complexity", "good", "bad"),
    [
        ("NoRestriction", "aaaaaaaa", "aaaaaaa"),
        ("AlphaNumeric", "aaaaaaa1", "aaaaaaaa"),
        ("SpecialCharacters", "aaaaaa1!", "aaaaaaa1"),
        ("UpperLowerCaseNumeric", "aaaaaaA1", "aaaaaaa1"),
        ("UpperLowerCaseNumericSpecialCharacters", "aaaaaA1!", "aaaaaaA1"),
        ("Any3UpperLowerCaseNumericSpecialCharacters", "aaaaaa1!", "aaaaaaa1"),
    ],
)
def test_every_complexity_is_asked_for(org, admin, jane, complexity, good, bad):
    set_policy(org, admin, complexity=complexity)
    with pytest.raises(SalesforceError) as refused:
        passwords.set_password(org, jane, bad)
    assert refused.value.code == "INVALID_NEW_PASSWORD"
    passwords.set_password(org, jane, good)


def test_the_last_passwords_are_not_used_again(org, jane):
    for new in ("second2pw", "third3pw3", "fourth4pw"):
        passwords.set_password(org, jane, new)
    with pytest.raises(SalesforceError):
        passwords.set_password(org, jane, "second2pw")
    passwords.set_password(org, jane, PASSWORD)


def test_a_password_is_chosen_once_a_day_where_the_policy_says_so(org, admin, jane):
    set_policy(org, admin, minimumPasswordLifetime=True)
    with pytest.raises(SalesforceError):
        passwords.set_password(org, jane, "brandnew5", own=True)
    org.set_clock(org.now() + timedelta(days=1, minutes=1))
    passwords.set_password(org, jane, "brandnew5", own=True)


@pytest.mark.parametrize("values", [{"minimumPasswordLength": "4"}, {"historyRestriction": "many"}])
def test_a_policy_out_of_bounds_is_refused(org, admin, values):
    with pytest.raises(SalesforceError):
        set_policy(org, admin, **values)
    assert security.policy(org).shortest == 8


def test_trusted_ranges_are_replaced_and_cleared(org, admin):
    settings = kind(org, "SecuritySettings")
    for ranges in ([{"start": "10.0.0.1", "end": "10.0.0.9"}], []):
        access = {"ipRanges": ranges} if ranges else {}
        settings.update(org, {"fullName": "Security", "networkAccess": access}, admin)
        assert settings.read(org, "Security")["networkAccess"] == access


# -- a new password, and registration ----------------------------------------------------------


def mailed(org):
    mail = org.outbox()[-1]
    return mail, dict(re.findall(r"^(Username|Password): (\S+)$", mail.body, re.MULTILINE))


def test_a_forgotten_password_is_mailed_with_the_way_to_log_in(client, org, jane):
    page = html.fromstring(client.get(url(org)).text)
    (link,) = page.xpath('//a[contains(@href, "forgotpasswordp.jsp")]/@href')
    assert "on its way" in by_id(fill(client, link, un=JANE), "sent")
    mail, told = mailed(org)
    assert (mail.recipient, told["Username"]) == (JANE, JANE)
    assert f"http://localhost{url(org)}" in mail.body
    reply = log_in(client, org, told["Password"])
    assert "Choose a password of your own" in reply.text


@pytest.mark.parametrize("who", ["nobody@acme.example", "portal.admin@acme.example"])
def test_nobody_learns_who_has_a_login(client, org, jane, who):
    page = url(org).replace("login_portal", "forgotpasswordp")
    assert "on its way" in by_id(fill(client, page, un=who), "sent")
    assert org.outbox() == []


@pytest.fixture
def registering(org, admin, profile):
    (row,) = portals.rows(org)
    values = portal.shown(org, row)
    values |= {"isSelfRegistrationActivated": True, "selfRegUserDefaultProfile": "Acme User"}
    portal.save(org, row, "Customer Portal", values, admin)


@pytest.mark.usefixtures("registering")
def test_an_allowed_contact_registers_and_logs_in(client, org, admin, contact, profile):
    org.update("Contact", contact, {"CanAllowPortalSelfReg": True}, by=admin)
    page = html.fromstring(client.get(url(org)).text)
    (link,) = page.xpath('//a[contains(@href, "selfreg")]/@href')
    assert JANE.upper() in by_id(fill(client, link, email=JANE.upper()), "sent")
    (user,) = org.select("User", Username=JANE)
    made = {n: user[n] for n in ("ContactId", "ProfileId", "IsPortalSelfRegistered", "IsActive")}
    assert made == {
        "ContactId": contact, "ProfileId": profile, "IsPortalSelfRegistered": True,
        "IsActive": True,
    }  # fmt: skip
    told = mailed(org)[1]
    assert "Choose a password" in log_in(client, org, told["Password"]).text
    again = fill(client, link, email=JANE)
    assert by_id(again, "error") == "Error: portal user already exists for contact"


@pytest.mark.usefixtures("registering", "contact")
@pytest.mark.parametrize("email", [JANE, "nobody@acme.example"])
def test_who_is_not_allowed_can_not_register(client, org, email):
    page = url(org).replace("login_portal", "selfreg_portal")
    assert by_id(fill(client, page, email=email), "error").startswith("We can't register you")
    assert org.select("User", Username=email) == []


@pytest.mark.usefixtures("contact")
def test_a_portal_without_registration_has_no_page_for_it(client, org):
    assert "selfreg" not in client.get(url(org)).text
    reply = client.get(url(org).replace("login_portal", "selfreg_portal"))
    assert by_id(reply, "errorTitle") == "Registration"


# -- inside ------------------------------------------------------------------------------------


def test_the_home_page_lists_what_one_may_see(client, org, jane):
    home = html.fromstring(log_in(client, org).text)
    rows = home.xpath('//*[@id="tabs"]//tr[position() > 1]')
    shown = [[" ".join(cell.text_content().split()) for cell in row] for row in rows]
    assert shown == [["Cases", "read, create"]]


def test_a_tab_shows_the_records_of_the_user(client, org, admin, jane, contact):
    """A user without a role sees the own cases; those of the contact take a sharing set."""
    for subject, owner in (("Mine", jane), ("Theirs", admin)):
        values = {"Subject": subject, "ContactId": contact, "OwnerId": owner}
        org.insert("Case", values, by=admin)
    log_in(client, org)
    (mine,) = org.select("Case", Subject="Mine")
    shown = html.fromstring(client.get("/500/o").text).xpath('//*[@id="records"]//th/text()')
    assert shown == [mine["CaseNumber"]]


@pytest.mark.parametrize(
    ("address", "title"),
    [("/001/o", "Insufficient Privileges"), ("/zzz/o", "URL No Longer Exists")],
)
def test_other_objects_are_out_of_reach(client, org, jane, address, title):
    log_in(client, org)
    assert by_id(client.get(address), "errorTitle") == title


def test_a_passing_password_is_changed_before_any_page(client, org, jane):
    passwords.keep(org, jane, PASSWORD, expired=True)
    log_in(client, org)
    assert "ChangePassword" in client.get("/500/o").location


def test_logging_out_leads_back_to_the_login(client, org, admin, jane):
    log_in(client, org)
    assert client.get("/secur/logout_portal.jsp").location == url(org)
    (row,) = portals.rows(org)
    values = portal.shown(org, row) | {"logoutUrl": "https://www.acme.example/bye"}
    portal.save(org, row, "Customer Portal", values, admin)
    log_in(client, org)
    assert client.get("/secur/logout_portal.jsp").location == "https://www.acme.example/bye"


def test_limits_survive_in_the_component(org, admin, profile):
    limit(org, admin, profile, loginHours={"mondayStart": "600", "mondayEnd": "660"})
    body = json.loads(components.by_id(org, "Profile", profile).body)
    assert body["loginHours"] == {"mondayStart": "600", "mondayEnd": "660"}
    shown = kind(org, "Profile").read(org, "Acme User")
    assert shown["loginHours"] == body["loginHours"]
