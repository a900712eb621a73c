"""SOAP login and passwords: simple-salesforce, zeep with the partner WSDL, and raw envelopes."""

import json

import pytest
from lxml import etree
from simple_salesforce import SalesforceLogin
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from provisioner.emulator.login import passwords
from provisioner.emulator.metadata.types import portal as portals
from provisioner.emulator.store import components
from provisioner.emulator.store import portals as portal_rows

from ..partner_client import URL, call, fault, header, schema, wsdl_client

ADMIN = "portal.admin@acme.example"
NEW = "<newPassword>chosen12x</newPassword>"
NO_LOGIN = "Invalid username, password, security token; or user locked out."


def login(anonymous, username, password, *, scope="", version="40.0"):
    body = f"<login><username>{username}</username><password>{password}</password></login>"
    return call(anonymous.session, body, headers=scope, version=version)


def scope(organization, portal=None):
    inner = f"<organizationId>{organization}</organizationId>"
    inner += f"<portalId>{portal}</portalId>" if portal else ""
    return f"<LoginScopeHeader>{inner}</LoginScopeHeader>"


def statuses(local, user_id):
    return [row["Status"] for row in local.select("LoginHistory", UserId=user_id)]


@pytest.mark.parametrize("more", [{}, {"organizationId": None}, {"security_token": ""}])
@pytest.mark.parametrize("domain", [None, "acme.my"])
def test_simple_salesforce_logs_in_unchanged(outside, local, secret, more, domain):
    if "organizationId" in more:
        more = {"organizationId": local.select("Organization")[0]["Id"][:15]}
    token, instance = SalesforceLogin(
        username=ADMIN, password=secret, session=outside, domain=domain, **more
    )
    assert local.session(token).kind == "API"
    assert instance == f"{domain or 'login'}.salesforce.com"


def test_simple_salesforce_is_refused_in_salesforces_words(outside, local, admin):
    with pytest.raises(SalesforceAuthenticationFailed) as caught:
        SalesforceLogin(username=ADMIN, password="wrong", session=outside)
    assert (caught.value.code, caught.value.auth_message) == ("INVALID_LOGIN", NO_LOGIN)
    (row,) = local.select("LoginHistory", UserId=admin)
    assert (row["Status"], row["ApiType"], row["ApiVersion"], row["Application"]) == (
        "Invalid password", "SOAP Partner", "59.0", "simple-salesforce",
    )  # fmt: skip


def test_zeep_logs_in_with_the_partner_wsdl(local, admin, secret):
    client = wsdl_client(local)
    found = client.login(ADMIN, secret)
    assert (found.userId, found.passwordExpired, found.sandbox) == (admin, False, False)
    organization = local.select("Organization")[0]["Id"][:15]
    assert found.serverUrl == f"{URL}/services/Soap/u/40.0/{organization}"
    assert found.metadataServerUrl == f"{URL}/services/Soap/m/40.0/{organization}"
    assert found.userInfo.organizationId == local.select("Organization")[0]["Id"]
    headers = {"SessionHeader": {"sessionId": found.sessionId}}
    info = client.getUserInfo(_soapheaders=headers)
    assert info.body.result.userName == ADMIN
    assert info.header.LimitInfoHeader.limitInfo[0].limit == 15000
    assert client.getServerTimestamp(_soapheaders=headers).body.result.timestamp.year >= 2026
    client.logout(_soapheaders=headers)
    assert local.session(found.sessionId) is None


def test_a_wrong_login_is_a_fault_of_the_wsdl(anonymous, local, admin):
    answer = login(anonymous, ADMIN, "wrong")
    assert answer.status_code == 500
    assert fault(answer) == ("sf:INVALID_LOGIN", "LoginFault", "INVALID_LOGIN", NO_LOGIN)
    assert b"<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>" in answer.content
    assert b'<sf:LoginFault xsi:type="sf:LoginFault">' in answer.content
    assert fault(login(anonymous, "nobody@acme.example", "x"))[2] == "INVALID_LOGIN"


def test_ten_wrong_passwords_lock_out(anonymous, local, admin, secret):
    for _ in range(10):
        login(anonymous, ADMIN, "wrong")
    assert fault(login(anonymous, ADMIN, secret))[3] == NO_LOGIN
    assert statuses(local, admin) == ["Invalid password"] * 10 + ["Password lockout"]
    (row,) = local.select("UserLogin", UserId=admin)
    assert row["IsPasswordLocked"]
    local.update("UserLogin", row["Id"], {"IsPasswordLocked": False}, by=admin)
    assert login(anonymous, ADMIN, secret).status_code == 200
    assert local.get("User", admin)["NumberOfFailedLogins"] == 0


@pytest.mark.parametrize(
    ("change", "status"),
    [("IsActive", "User is inactive"), ("IsFrozen", "User is frozen")],
)
def test_who_may_not_be_in(anonymous, local, admin, secret, change, status):
    if change == "IsActive":
        local.update("User", admin, {"IsActive": False}, by=admin)
    else:
        (row,) = local.select("UserLogin", UserId=admin)
        local.update("UserLogin", row["Id"], {"IsFrozen": True}, by=admin)
    assert fault(login(anonymous, ADMIN, secret))[2] == "INVALID_LOGIN"
    assert statuses(local, admin) == [status]


# -- portal users ------------------------------------------------------------------------------


@pytest.fixture
def portal(local, admin, portal_on):
    portals.make_default(local, admin)
    return components.by_name(local, "Portal", portals.DEFAULT_NAME)


@pytest.fixture
def jane(rest, local, person, profiles):
    profile = profiles["Customer Portal Manager Custom"]
    id_ = rest.create("User", **person, ProfileId=profile)
    passwords.keep(local, id_, "secret99", expired=False)
    return local.get("User", id_)


def test_a_portal_user_names_organisation_and_portal(anonymous, local, admin, portal, jane):
    organization = local.select("Organization")[0]["Id"]
    name = jane["Username"]
    portal_rows.set_profiles(local, portal.id, {jane["ProfileId"]}, admin)
    assert login(anonymous, name, "secret99", scope=scope(organization, portal.id)).ok
    assert login(anonymous, name, "secret99", scope=scope(organization[:15], portal.id[:15])).ok
    for wrong in ("", scope(organization)):
        assert fault(login(anonymous, name, "secret99", scope=wrong))[2] == "INVALID_LOGIN"
    assert statuses(local, jane["Id"]) == ["Success"] * 2 + ["Invalid profile association"] * 2


def test_a_profile_outside_the_portal(anonymous, local, portal, jane):
    there = scope(local.select("Organization")[0]["Id"], portal.id)
    found = fault(login(anonymous, jane["Username"], "secret99", scope=there))
    assert found[1:] == (
        "LoginFault", "PORTAL_NO_ACCESS", "Access to the specified portal is not available.",
    )  # fmt: skip
    assert statuses(local, jane["Id"]) == ["Invalid profile association"]


def test_a_closed_portal(anonymous, local, admin, portal, jane):
    portal_rows.set_profiles(local, portal.id, {jane["ProfileId"]}, admin)
    body = portal_rows.stored(portal) | {"active": False}
    components.change(local, "Portal", portal.id, portal.full_name, json.dumps(body), admin)
    there = scope(local.select("Organization")[0]["Id"], portal.id)
    found = fault(login(anonymous, jane["Username"], "secret99", scope=there))
    assert found[1:3] == ("LoginFault", "INACTIVE_PORTAL")
    assert statuses(local, jane["Id"]) == ["Invalid - Portal disabled"]


@pytest.mark.parametrize(
    ("organization", "portal_id", "code"),
    [
        ("nonsense", None, "INVALID_ID_FIELD"),
        ("00D000000000001", None, "INVALID_LOGIN"),
        (None, "060000000000009", "INVALID_ID_FIELD"),
    ],
)
def test_a_wrong_scope(anonymous, local, secret, organization, portal_id, code):
    organization = organization or local.select("Organization")[0]["Id"]
    answer = login(anonymous, ADMIN, secret, scope=scope(organization, portal_id))
    assert fault(answer)[2] == code


# -- passwords ---------------------------------------------------------------------------------


def session_of(anonymous, username, password):
    answer = login(anonymous, username, password)
    found = schema().body(answer)
    token = found.findtext(".//{*}sessionId")
    return token, found.findtext(".//{*}passwordExpired") == "true"


def test_an_expired_password_must_be_set_first(anonymous, local, admin):
    passwords.keep(local, admin, "temporary1", expired=True)
    token, expired = session_of(anonymous, ADMIN, "temporary1")
    assert expired
    about = header(token)
    refused = fault(call(anonymous.session, "<getUserInfo/>", headers=about))
    assert refused[2] == "INVALID_OPERATION_WITH_EXPIRED_PASSWORD"
    bearer = {"Authorization": f"Bearer {token}"}
    assert anonymous.refusal("GET", "/limits", headers=bearer)[:2] == (
        403, "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
    )  # fmt: skip
    job = {"operation": "insert", "object": "Account", "contentType": "JSON"}
    bulk = anonymous.send(
        "POST", f"{URL}/services/async/62.0/job", job, headers={"X-SFDC-Session": token}
    )
    assert (bulk.status_code, bulk.json()["exceptionCode"]) == (400, "InvalidSessionId")
    new = f"<setPassword><userId>{admin}</userId><password>chosen12x</password></setPassword>"
    assert call(anonymous.session, new, headers=about).ok
    assert call(anonymous.session, "<getUserInfo/>", headers=about).ok
    assert anonymous("GET", "/limits", headers=bearer)[0] == 200
    assert session_of(anonymous, ADMIN, "chosen12x")[1] is False


def test_setting_resetting_and_changing_passwords(local, admin, secret):
    client = wsdl_client(local)
    token = client.login(ADMIN, secret).sessionId
    headers = {"SessionHeader": {"sessionId": token}}
    client.changeOwnPassword(secret, "another1one", _soapheaders=headers)
    assert passwords.matches(local, admin, "another1one")
    mail = {"triggerAutoResponseEmail": 0, "triggerOtherEmail": 0, "triggerUserEmail": 1}
    reset = client.resetPassword(admin, _soapheaders=headers | {"EmailHeader": mail})
    assert passwords.matches(local, admin, reset.body.result.password)
    assert passwords.is_expired(local, admin)
    subjects = [mail.subject for mail in local.outbox()]
    assert subjects == ["Your new Salesforce security token", "Your new Salesforce password"]
    client.setPassword(admin, "third1password", _soapheaders=headers)
    assert not passwords.is_expired(local, admin)
    actions = [row["Action"] for row in local.select("SetupAuditTrail")]
    assert actions[-2:] == ["resetpassword", "changedpassword"]


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        ("<setPassword><userId>{u}</userId><password>short</password></setPassword>",
         "InvalidNewPasswordFault", "INVALID_NEW_PASSWORD"),
        ("<setPassword><userId>001</userId><password>chosen12x</password></setPassword>",
         "InvalidIdFault", "INVALID_ID_FIELD"),
        ("<resetPassword><userId>005000000000001</userId></resetPassword>",
         "InvalidIdFault", "INVALID_ID_FIELD"),
        (f"<changeOwnPassword><oldPassword>x</oldPassword>{NEW}</changeOwnPassword>",
         "InvalidOldPasswordFault", "INVALID_OLD_PASSWORD"),
    ],
)  # fmt: skip
def test_wrong_passwords(anonymous, local, admin, body, kind, code):
    about = header(local.start_session(admin).token)
    answer = call(anonymous.session, body.format(u=admin), headers=about)
    assert fault(answer)[1:3] == (kind, code)


def test_other_sessions_are_invalidated(local, admin):
    client = wsdl_client(local)
    mine, other = (local.start_session(admin).token for _ in range(2))
    headers = {"SessionHeader": {"sessionId": mine}}
    answer = client.invalidateSessions([other, "nonsense"], _soapheaders=headers)
    assert [one.success for one in answer.body.result] == [True, False]
    assert local.session(other) is None


# -- protocol ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["20.0", "30.0", "99.0", "x", "40"])
def test_versions_that_are_not_served(anonymous, secret, version):
    answer = login(anonymous, ADMIN, secret, version=version)
    assert answer.status_code == 500
    assert fault(answer)[2:] == (
        "UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL",
    )  # fmt: skip


def test_there_is_no_login_from_version_65_on(anonymous):
    body = "<login><username>x@y.z</username><password>p</password></login>"
    answer = call(anonymous.session, body, version="65.0")
    text = (
        "The SOAP Login operation is not available in the API version specified (65.0). Refer to"
        " the documentation for supported versions."
    )
    assert answer.status_code == 500
    assert fault(answer)[1:] == ("UnexpectedErrorFault", "INVALID_OPERATION", text)
    answer = call(anonymous.session, body, version="64.0")
    assert fault(answer)[0] == "sf:INVALID_LOGIN"


def test_no_session_and_no_such_call(anonymous, local, admin):
    answer = call(anonymous.session, "<getUserInfo/>", headers=header("nonsense"))
    assert fault(answer) == (
        "sf:INVALID_SESSION_ID", "UnexpectedErrorFault", "INVALID_SESSION_ID",
        "Invalid Session ID found in SessionHeader: Illegal Session",
    )  # fmt: skip
    about = header(local.start_session(admin).token)
    refused = call(anonymous.session, "<convertLeads/>", headers=about)
    assert (refused.status_code, fault(refused)[0]) == (500, "soapenv:Client")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("", "Premature end of file."),
        ("x", "Content is not allowed in prolog."),
        ("<a><b></a>", 'The element type "b" must be terminated by the matching end-tag "</b>".'),
        ("<a/>", "Envelope not found or without a body"),
        ("<?xml version='1.0'?><!DOCTYPE a><a/>", "Envelope not found or without a body"),
    ],
)
def test_what_is_no_envelope(anonymous, data, told):
    answer = anonymous.session.post(f"{URL}/services/Soap/u/40.0", data=data)
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "text/xml;charset=UTF-8")
    fault_ = etree.fromstring(answer.content)
    assert fault_.findtext(".//faultcode") == "soapenv:Client"
    assert fault_.findtext(".//faultstring") == told


def test_a_new_user_is_mailed_only_when_the_call_asks(anonymous, local, admin, rest, profiles):
    """Platform reference 6.3: `triggerUserEmail` is the switch."""
    token = local.start_session(admin).token
    asks = "<EmailHeader><triggerUserEmail>true</triggerUserEmail></EmailHeader>"
    for name, more in (("quiet", ""), ("loud", asks)):
        values = {
            "Username": f"{name}@acme.example", "Email": f"{name}@acme.example", "LastName": "Doe",
            "Alias": name, "TimeZoneSidKey": "Europe/Berlin", "LocaleSidKey": "en_GB",
            "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US",
            "ProfileId": profiles["Standard User"],
        }  # fmt: skip
        inner = "".join(f"<{field}>{value}</{field}>" for field, value in values.items())
        body = f"<create><sObjects><type>User</type>{inner}</sObjects></create>"
        made = schema().body(call(anonymous.session, body, headers=header(token) + more))
        assert made.findtext(".//{*}success") == "true", etree.tostring(made)
        assert passwords.is_expired(local, made.findtext(".//{*}id")) == bool(more)
    assert [mail.recipient for mail in local.outbox()] == ["loud@acme.example"]
