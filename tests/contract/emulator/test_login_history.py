"""Logins by SOAP that fail: what the client is told, and what LoginHistory knows (6.4, 6.5)."""

import pytest
import requests
from simple_salesforce import SalesforceLogin
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from provisioner.emulator.app import create_app
from provisioner.emulator.server import InProcessAdapter

from .partner_client import URL, call, configure, fault

ADMIN = "portal.admin@acme.example"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CLOSED = "".join(f"<{day}Start>0</{day}Start><{day}End>0</{day}End>" for day in DAYS)
ELSEWHERE = "<endAddress>10.0.0.9</endAddress><startAddress>10.0.0.1</startAddress>"


@pytest.fixture
def secret(local):
    return local.setting("admin password")


@pytest.fixture
def token(local, admin):
    return local.start_session(admin).token


@pytest.fixture
def outside(local):
    """A requests session for which every Salesforce host is the local org."""
    with requests.Session() as session:
        adapter = InProcessAdapter(create_app(local))
        for host in ("https://login.salesforce.com", "https://acme.my.salesforce.com"):
            session.mount(host, adapter)
        yield session


def login(anonymous, username, password, *, scope="", version="40.0", kind="u"):
    body = f"<login><username>{username}</username><password>{password}</password></login>"
    return call(anonymous.session, body, headers=scope, version=version, kind=kind)


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


def test_a_client_with_a_retired_version_is_in_the_login_history(anonymous, local, admin, secret):
    answer = login(anonymous, ADMIN, secret, version="29.0")
    assert (answer.status_code, fault(answer)[2]) == (500, "UNSUPPORTED_API_VERSION")
    (row,) = local.select("LoginHistory", UserId=admin)
    assert (row["Status"], row["ApiVersion"]) == ("Failed: API Version Removed", "29.0")
    call(anonymous.session, "<getUserInfo/>", version="29.0")
    login(anonymous, "nobody@acme.example", secret, version="29.0")
    assert len(statuses(local, admin)) == 1


def test_an_org_may_have_login_switched_off(anonymous, local, secret):
    """As in orgs made in Winter '26 and later (platform reference 6.4)."""
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
