"""Logins by SOAP that fail: what the client is told, and what LoginHistory knows (6.4, 6.5)."""

from datetime import timedelta
from functools import partial

import pytest
from simple_salesforce import SalesforceLogin
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from provisioner.emulator.app import create_app

from ..partner_client import URL, call, configure, fault

ADMIN = "portal.admin@acme.example"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CLOSED = "".join(f"<{day}Start>0</{day}Start><{day}End>0</{day}End>" for day in DAYS)
ELSEWHERE = "<endAddress>10.0.0.9</endAddress><startAddress>10.0.0.1</startAddress>"


@pytest.fixture
def token(local, admin):
    return local.start_session(admin).token


def login(anonymous, username, password, *, scope="", version="40.0"):
    body = f"<login><username>{username}</username><password>{password}</password></login>"
    return call(anonymous.session, body, headers=scope, version=version)


def statuses(local, user_id):
    return [row["Status"] for row in local.select("LoginHistory", UserId=user_id)]


@pytest.mark.parametrize(
    ("limits", "code", "text", "status"),
    [
        (f"<loginHours>{CLOSED}</loginHours>", "LOGIN_DURING_RESTRICTED_TIME",
         "cannot log in during restricted time", "Restricted time"),
        (f"<loginIpRanges>{ELSEWHERE}</loginIpRanges>", "LOGIN_DURING_RESTRICTED_DOMAIN",
         "cannot log in from current domain", "Restricted IP"),
    ],
)  # fmt: skip
def test_hours_and_addresses_of_the_profile(
    anonymous, local, admin, secret, token, limits, code, text, status
):
    configure(anonymous.session, token, "Profile", f"<fullName>Admin</fullName>{limits}")
    found = fault(login(anonymous, ADMIN, secret))
    assert found == (f"sf:{code}", "LoginFault", code, text)
    assert statuses(local, admin) == [status]


def test_a_user_logs_in_3600_times_an_hour_at_most(anonymous, local, admin, secret):
    """Salesforce knowledge article 000381578; one row tells of all that were too many."""
    assert login(anonymous, ADMIN, secret).ok
    names = [name for name in local.select("LoginHistory")[0] if name != "Id"]
    columns = ", ".join(f'"{name}"' for name in names)
    local.execute(
        f'INSERT INTO "LoginHistory" ("Id", {columns})'
        " WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3599)"
        f" SELECT '0Ya' || x, {columns} FROM \"LoginHistory\", n"
    )
    for _ in range(2):
        found = fault(login(anonymous, ADMIN, secret))
        assert found[1:] == ("LoginFault", "INVALID_LOGIN", "Login Rate Exceeded")
    form = {
        "grant_type": "password",
        "client_id": local.setting("consumer key"),
        "client_secret": local.setting("consumer secret"),
        "username": ADMIN,
        "password": secret,
    }
    refused = anonymous.session.post(f"{URL}/services/oauth2/token", data=form)
    assert (refused.status_code, refused.json()) == (
        400, {"error": "invalid_grant", "error_description": "login rate exceeded"},
    )  # fmt: skip
    assert statuses(local, admin)[-1] == "Login rate exceeded"
    assert statuses(local, admin).count("Login rate exceeded") == 1
    local.set_clock(local.now() + timedelta(hours=1, seconds=1))
    assert login(anonymous, ADMIN, secret).ok


@pytest.mark.parametrize("domain", ["login", "test"])
def test_a_login_policy_keeps_apis_to_the_my_domain(
    anonymous, outside, local, admin, secret, token, domain
):
    policy = "<fullName>MyDomain</fullName><{0}>true</{0}>"
    people, apis = "canOnlyLoginWithMyDomainUrl", "doesApiLoginRequireOrgDomain"
    configure(anonymous.session, token, "MyDomainSettings", policy.format(people))
    enter = partial(SalesforceLogin, username=ADMIN, password=secret, session=outside)
    enter(domain=domain)
    configure(anonymous.session, token, "MyDomainSettings", policy.format(apis))
    app = {
        "consumer_key": local.setting("consumer key"),
        "consumer_secret": local.setting("consumer secret"),
    }
    for more, code in (({}, "INVALID_LOGIN"), (app, "invalid_grant")):
        with pytest.raises(SalesforceAuthenticationFailed) as caught:
            enter(domain=domain, **more)
        assert caught.value.code == code
        enter(domain="acme.my", **more)
    assert statuses(local, admin) == ["Success", *["Restricted domain", "Success"] * 2]


def test_a_login_policy_keeps_people_to_the_my_domain(anonymous, local, admin, secret, token):
    policy = "<fullName>MyDomain</fullName><canOnlyLoginWithMyDomainUrl>true"
    policy += "</canOnlyLoginWithMyDomainUrl>"
    configure(anonymous.session, token, "MyDomainSettings", policy)
    client = create_app(local).test_client()
    for host in ("login.salesforce.com", "acme.my.salesforce.com"):
        client.post("/", base_url=f"https://{host}", data={"un": ADMIN, "pw": secret})
    assert statuses(local, admin) == ["Restricted domain", "Success"]


def test_a_client_with_a_retired_version_is_in_the_login_history(anonymous, local, admin, secret):
    answer = login(anonymous, ADMIN, secret, version="29.0")
    assert (answer.status_code, fault(answer)[2]) == (500, "UNSUPPORTED_API_VERSION")
    (row,) = local.select("LoginHistory", UserId=admin)
    assert (row["Status"], row["ApiVersion"]) == ("Failed: API Version Removed", "29.0")
    call(anonymous.session, "<getUserInfo/>", version="29.0")
    login(anonymous, "nobody@acme.example", secret, version="29.0")
    assert len(statuses(local, admin)) == 1


def test_an_org_may_have_login_switched_off(anonymous, local, secret):
    """As in orgs made in Winter '26 and later (fact 612)."""
    door = f"{URL}/emulator/options"
    assert anonymous("GET", door)[1]["SoapLogin"] is True
    assert anonymous("PATCH", door, {"SoapLogin": "no"})[0] == 400
    assert anonymous("PATCH", door, {"SoapLogin": False})[1]["SoapLogin"] is False
    text = (
        "SOAP API login() is disabled by default in this org. Contact the org administrator to"
        " enable SOAP API login()."
    )
    assert fault(login(anonymous, ADMIN, secret))[2:] == ("INVALID_OPERATION", text)
    anonymous("PATCH", door, {"SoapLogin": True})
    assert login(anonymous, ADMIN, secret).ok


def test_a_refusal_within_an_organisation_names_its_self_service_portal(outside, local):
    """simple-salesforce issue 99: what real orgs said to username, password, organizationId."""
    with pytest.raises(SalesforceAuthenticationFailed) as caught:
        SalesforceLogin(
            username=ADMIN, password="wrong", session=outside,
            organizationId=local.select("Organization")[0]["Id"],
        )  # fmt: skip
    assert (caught.value.code, caught.value.auth_message) == (
        "INVALID_LOGIN",
        "Invalid username or password, locked out or Self-Service portal is not enabled",
    )


def test_saml_logins_are_refused_by_name(anonymous, local):
    """What the statuses about portal ids come of (6.5): no single sign-on here, and nothing faked."""
    client = create_app(local).test_client()
    page = client.post("/", data={"SAMLResponse": "PHNhbWxwOlJlc3BvbnNlLz4="})
    assert "does not serve SAML logins" in page.text
    for grant in ("assertion", "urn:ietf:params:oauth:grant-type:saml2-bearer"):
        form = {"grant_type": grant, "assertion": "PHNhbWw6QXNzZXJ0aW9uLz4="}
        answer = anonymous.session.post(f"{URL}/services/oauth2/token", data=form)
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
        assert "does not serve SAML" in answer.json()["error_description"]
    assert local.select("LoginHistory") == []


def test_others_see_their_own_logins_only(rest, local, admin, profiles, secret):
    """Object reference, LoginHistory, "Special Access Rules"."""
    ann = rest.create(
        "User", Username="ann@acme.example", Email="ann@acme.example", LastName="Ott", Alias="ann",
        TimeZoneSidKey="Europe/Berlin", LocaleSidKey="en_GB", EmailEncodingKey="UTF-8",
        LanguageLocaleKey="en_US", ProfileId=profiles["Standard User"],
    )  # fmt: skip
    for username, password in ((ADMIN, secret), ("ann@acme.example", "wrong")):
        login(rest, username, password)
    everyone = rest.rows("SELECT Id, UserId FROM LoginHistory")
    assert [row["UserId"] for row in everyone] == [admin, ann]
    rest.session.headers["Authorization"] = f"Bearer {local.start_session(ann).token}"
    assert rest.rows("SELECT Status, UserId FROM LoginHistory") == [
        {"Status": "Invalid password", "UserId": ann}
    ]
    theirs, own = (f"/sobjects/LoginHistory/{row['Id']}" for row in everyone)
    assert (rest("GET", theirs)[0], rest("GET", own)[0]) == (404, 200)
