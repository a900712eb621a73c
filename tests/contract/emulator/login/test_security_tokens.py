"""Trusted addresses and security tokens: who needs one, who gets one, and what opens a session."""

import re

import pytest
from lxml import html
from simple_salesforce import Salesforce, SalesforceLogin
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from provisioner.emulator.app import create_app
from provisioner.emulator.login import passwords
from provisioner.emulator.metadata.types import portal as portals
from provisioner.emulator.store import components
from provisioner.emulator.store import portals as portal_rows

from ..partner_client import URL, call, configure, fault, header, wsdl_client

ADMIN = "portal.admin@acme.example"
DOOR = f"{URL}/emulator/options"
REQUIRED = "Failed: API security token required"
TEXT = (
    "Invalid username, password, security token; or user locked out. Are you at a new location?"
    " When accessing Salesforce--either via a desktop client or the API--from outside of your"
    " company\u2019s trusted networks, you must add a security token to your password to log in. To"
    " get your new security token, log in to Salesforce. From your personal settings, enter Reset"
    " My Security Token in the Quick Find box, then select Reset My Security Token."
)


@pytest.fixture
def token(local, admin):
    return local.start_session(admin).token


@pytest.fixture
def untrusted(anonymous, token):
    """The org trusts one address range, which is not that of this machine."""
    ranges = "<ipRanges><end>10.0.0.9</end><start>10.0.0.1</start></ipRanges>"
    access = f"<fullName>Security</fullName><networkAccess>{ranges}</networkAccess>"
    configure(anonymous.session, token, "SecuritySettings", access)


def login(anonymous, password, *, username=ADMIN, scope=""):
    body = f"<login><username>{username}</username><password>{password}</password></login>"
    return call(anonymous.session, body, headers=scope)


def mailed(local, recipient=ADMIN):
    """The token of the latest mail, which went to this address."""
    mail = local.outbox()[-1]
    assert (mail.recipient, mail.subject) == (recipient, "Your new Salesforce security token")
    return re.search(r"^Security token \(case-sensitive\): (\w{24})$", mail.body, re.MULTILINE)[1]


def statuses(local, user_id):
    return [row["Status"] for row in local.select("LoginHistory", UserId=user_id)]


def reset(local, token):
    """Asks for a new token at the page, and returns what was mailed."""
    client = create_app(local).test_client()
    client.set_cookie("sid", token)
    (form,) = html.fromstring(client.get("/_ui/system/security/ResetApiTokenEdit").text).forms
    reply = client.post(form.action, data=dict(form.form_values()))
    assert html.fromstring(reply.text).get_element_by_id("sent") is not None
    return mailed(local)


def test_this_machine_is_trusted_until_the_org_says_otherwise(anonymous, local, admin, secret):
    assert login(anonymous, secret).ok
    assert anonymous("GET", DOOR)[1]["LoopbackTrusted"] is True
    anonymous("PATCH", DOOR, {"LoopbackTrusted": False})
    assert fault(login(anonymous, secret)) == (
        "sf:LOGIN_MUST_USE_SECURITY_TOKEN", "LoginFault", "LOGIN_MUST_USE_SECURITY_TOKEN", TEXT,
    )  # fmt: skip
    assert statuses(local, admin) == ["Success", REQUIRED]
    assert local.outbox() == []


def test_ranges_that_hold_this_machine_let_it_in(anonymous, token, secret):
    ranges = "<ipRanges><end>127.0.0.9</end><start>127.0.0.1</start></ipRanges>"
    access = f"<fullName>Security</fullName><networkAccess>{ranges}</networkAccess>"
    configure(anonymous.session, token, "SecuritySettings", access)
    assert login(anonymous, secret).ok


def test_password_and_token_open_a_session(anonymous, local, admin, secret, token, untrusted):
    assert fault(login(anonymous, secret))[2] == "LOGIN_MUST_USE_SECURITY_TOKEN"
    given = reset(local, token)
    assert login(anonymous, secret + given).ok
    wrong = given.swapcase()
    assert fault(login(anonymous, secret + wrong))[2] == "LOGIN_MUST_USE_SECURITY_TOKEN"
    assert fault(login(anonymous, "wrong" + given))[2] == "INVALID_LOGIN"
    assert statuses(local, admin) == [REQUIRED, "Success", REQUIRED, "Invalid password"]
    newer = reset(local, token)
    assert fault(login(anonymous, secret + given))[2] == "LOGIN_MUST_USE_SECURITY_TOKEN"
    assert login(anonymous, secret + newer).ok


def test_a_token_that_is_not_needed_does_no_harm(anonymous, local, secret, token):
    given = reset(local, token)
    assert login(anonymous, secret + given).ok
    assert fault(login(anonymous, secret + given.swapcase()))[2] == "INVALID_LOGIN"


def test_simple_salesforce_logs_in_with_a_security_token(outside, local, secret, token, untrusted):
    given = reset(local, token)
    org = Salesforce(
        username=ADMIN, password=secret, security_token=given, domain="acme.my", session=outside
    )
    assert org.query("SELECT COUNT() FROM User WHERE IsActive = true")["totalSize"] >= 1
    organization = local.select("Organization")[0]["Id"]
    for more in ({"security_token": ""}, {"organizationId": organization}):
        with pytest.raises(SalesforceAuthenticationFailed) as caught:
            SalesforceLogin(username=ADMIN, password=secret, session=outside, **more)
        assert caught.value.code == "LOGIN_MUST_USE_SECURITY_TOKEN"


def test_the_token_endpoint_asks_for_it_too(anonymous, local, admin, secret, token, untrusted):
    form = {
        "grant_type": "password",
        "client_id": local.setting("consumer key"),
        "client_secret": local.setting("consumer secret"),
        "username": ADMIN,
    }
    url = f"{URL}/services/oauth2/token"
    refused = anonymous.session.post(url, data=form | {"password": secret})
    assert (refused.status_code, refused.json()) == (
        400, {"error": "invalid_grant", "error_description": "authentication failure"},
    )  # fmt: skip
    assert statuses(local, admin) == [REQUIRED]
    given = reset(local, token)
    assert anonymous.session.post(url, data=form | {"password": secret + given}).ok


def test_who_chooses_a_password_gets_a_token_with_it(local, admin, secret, anonymous, untrusted):
    client = wsdl_client(local)
    headers = {"SessionHeader": {"sessionId": local.start_session(admin).token}}
    client.changeOwnPassword(secret, "another1one", _soapheaders=headers)
    first = mailed(local)
    assert login(anonymous, "another1one" + first).ok
    client.setPassword(admin, "third1password", _soapheaders=headers)
    second = mailed(local)
    assert login(anonymous, "third1password" + second).ok
    assert len(local.outbox()) == 2
    client.resetPassword(admin, _soapheaders=headers)
    assert len(local.outbox()) == 2
    assert fault(login(anonymous, "third1password" + second))[2] == "INVALID_LOGIN"


@pytest.fixture
def ann(rest, profiles):
    """Another of the company's people."""
    return rest.create(
        "User", Username="ann@acme.example", Email="ann@acme.example", LastName="Ott", Alias="ann",
        TimeZoneSidKey="Europe/Berlin", LocaleSidKey="en_GB", EmailEncodingKey="UTF-8",
        LanguageLocaleKey="en_US", ProfileId=profiles["Standard User"],
    )  # fmt: skip


def test_a_password_that_another_sets_voids_the_token_and_mails_none(local, rest, ann, untrusted):
    passwords.set_password(local, ann, "chosen12x", own=True)
    given = mailed(local, "ann@acme.example")
    assert rest("POST", f"/sobjects/User/{ann}/password", {"NewPassword": "other12pass"})[0] == 204
    assert len(local.outbox()) == 1
    answer = login(rest, "other12pass" + given, username="ann@acme.example")
    assert fault(answer)[2] == "LOGIN_MUST_USE_SECURITY_TOKEN"


def test_people_whose_profile_has_ranges_need_no_token(anonymous, local, secret, token, untrusted):
    here = "<endAddress>127.0.0.1</endAddress><startAddress>127.0.0.1</startAddress>"
    values = f"<fullName>Admin</fullName><loginIpRanges>{here}</loginIpRanges>"
    configure(anonymous.session, token, "Profile", values)
    assert login(anonymous, secret).ok
    client = create_app(local).test_client()
    client.set_cookie("sid", token)
    page = client.get("/_ui/system/security/ResetApiTokenEdit").text
    assert "Insufficient Privileges" in page
    new = "<changeOwnPassword><oldPassword>{}</oldPassword><newPassword>another1one</newPassword>"
    body = new.format(secret) + "</changeOwnPassword>"
    assert call(anonymous.session, body, headers=header(token)).ok
    assert local.outbox() == []


def test_customers_need_no_token(local, admin, rest, person, profiles, untrusted):
    portals.make_default(local, admin)
    portal = components.by_name(local, "Portal", portals.DEFAULT_NAME)
    profile = profiles["Customer Portal Manager Custom"]
    portal_rows.set_profiles(local, portal.id, {profile}, admin)
    jane = rest.create("User", **person, ProfileId=profile)
    passwords.set_password(local, jane, "secret99", own=True)
    assert local.outbox() == []
    organization = local.select("Organization")[0]["Id"]
    inner = f"<organizationId>{organization}</organizationId><portalId>{portal.id}</portalId>"
    scope = f"<LoginScopeHeader>{inner}</LoginScopeHeader>"
    assert login(rest, "secret99", username=person["Username"], scope=scope).ok


def test_the_page_belongs_to_people_of_the_company(local, token):
    client = create_app(local).test_client()
    page = "/_ui/system/security/ResetApiTokenEdit"
    assert "startURL" in client.get(page).location
    client.set_cookie("sid", token)
    assert "can't be confirmed" in html.fromstring(client.post(page).text).text_content()
    assert local.outbox() == []
