"""Logging in through the API at a site's own address (facts 614 and 617)."""

import time

import jwt
import pytest
from lxml import etree

from provisioner.emulator.app import create_app
from provisioner.emulator.login import passwords
from provisioner.emulator.oauth import keys

from ..partner_client import SOAP, URL, fault, schema

ADMIN = "portal.admin@acme.example"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SITE = f"{URL}/help"


@pytest.fixture
def help_site(rest, site):
    """A live site of which the administrator is a member."""
    id_ = site()
    assert rest("PATCH", f"/sobjects/Network/{id_}", {"Status": "Live"})[0] == 204
    return id_


@pytest.fixture
def jane(rest, local, person, sites_on):
    """A customer, member of no site yet."""
    (license_,) = rest.rows("SELECT Id FROM UserLicense WHERE Name = 'Customer Community'")
    profile = rest.create("Profile", Name="Acme Customers", UserLicenseId=license_["Id"])
    id_ = rest.create("User", **person, ProfileId=profile)
    passwords.set_password(local, id_, "secret99", own=True)
    return {"Id": id_, "Username": person["Username"], "ProfileId": profile}


def join(rest, network, profile):
    rest.create("NetworkMemberGroup", NetworkId=network, ParentId=profile)
    group = f"SELECT AssignmentStatus FROM NetworkMemberGroup WHERE ParentId = '{profile}'"
    while rest.rows(group)[0]["AssignmentStatus"] != "Added":
        pass


def login(session, username, password, at=SITE):
    body = (
        f'<e:Envelope xmlns:e="{SOAP}"><e:Body><login xmlns="urn:partner.soap.sforce.com">'
        f"<username>{username}</username><password>{password}</password></login>"
        "</e:Body></e:Envelope>"
    )
    answer = session.post(f"{at}/services/Soap/u/40.0", data=body)
    if answer.status_code != 404:
        schema().body(answer)
    return answer


def statuses(local, user_id):
    return [row["Status"] for row in local.select("LoginHistory", UserId=user_id)]


def test_a_member_logs_in_by_soap_at_the_site(rest, local, jane, help_site):
    assert fault(login(rest.session, jane["Username"], "secret99"))[2] == "INVALID_LOGIN"
    join(rest, help_site, jane["ProfileId"])
    answer = login(rest.session, jane["Username"], "secret99")
    found = etree.fromstring(answer.content)
    organization = local.select("Organization")[0]["Id"][:15]
    server = found.findtext(".//{*}serverUrl")
    assert server == f"{SITE}/services/Soap/u/40.0/{organization}"
    token = found.findtext(".//{*}sessionId")
    body = (
        f'<e:Envelope xmlns:e="{SOAP}" xmlns="urn:partner.soap.sforce.com"><e:Header>'
        f"<SessionHeader><sessionId>{token}</sessionId></SessionHeader></e:Header>"
        "<e:Body><getUserInfo/></e:Body></e:Envelope>"
    )
    info = etree.fromstring(rest.session.post(server, data=body).content)
    assert info.findtext(".//{*}userName") == jane["Username"].lower()
    rows = rest.rows(f"SELECT Status, NetworkId FROM LoginHistory WHERE UserId = '{jane['Id']}'")
    assert rows == [
        {"Status": "No Experience Cloud site access", "NetworkId": help_site},
        {"Status": "Success", "NetworkId": help_site},
    ]


def test_a_members_new_password_is_mailed_with_the_way_to_the_site(rest, local, jane, help_site):
    join(rest, help_site, jane["ProfileId"])
    rest("DELETE", f"/sobjects/User/{jane['Id']}/password")
    mail = local.outbox()[-1]
    assert mail.subject == "Your new Acme Help password"
    assert f"Log in at {SITE}/s/login\n" in mail.body
    client = create_app(local).test_client()
    link = mail.body.partition("within 24 hours: http://127.0.0.1:8787")[2].strip()
    assert client.get(link).location.startswith("/_ui/system/security/ChangePassword")


def test_a_site_that_is_offline_lets_nobody_in(rest, local, admin, help_site):
    secret = local.setting("admin password")
    assert login(rest.session, ADMIN, secret).ok
    rest("PATCH", f"/sobjects/Network/{help_site}", {"Status": "DownForMaintenance"})
    assert fault(login(rest.session, ADMIN, secret))[2] == "INVALID_LOGIN"
    form = oauth(local, "password", username=ADMIN, password=secret)
    refused = rest.session.post(f"{SITE}/services/oauth2/token", data=form)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    offline = "Invalid - Experience Cloud site offline"
    assert statuses(local, admin) == ["Success", offline, offline]


def oauth(local, grant, **more):
    app = {
        "client_id": local.setting("consumer key"),
        "client_secret": local.setting("consumer secret"),
    }
    return {"grant_type": grant, **app, **more}


def test_a_member_gets_a_token_at_the_site(rest, local, jane, help_site):
    join(rest, help_site, jane["ProfileId"])
    form = oauth(local, "password", username=jane["Username"], password="secret99")
    found = rest.session.post(f"{SITE}/services/oauth2/token", data=form).json()
    assert found["sfdc_community_url"] == SITE
    assert found["sfdc_community_id"] == help_site
    assert found["instance_url"] == URL
    assert (
        "sfdc_community_id"
        not in rest.session.post(
            f"{URL}/services/oauth2/token",
            data=oauth(local, "password", username=ADMIN, password=local.setting("admin password")),
        ).json()
    )


@pytest.mark.parametrize(
    ("audience", "status"), [(SITE, 200), ("https://login.salesforce.com", 400), (URL, 400)]
)
def test_an_assertion_for_a_site_names_the_site(rest, local, help_site, audience, status):
    claims = {
        "iss": local.setting("consumer key"), "sub": ADMIN, "aud": audience,
        "exp": int(time.time()) + 120,
    }  # fmt: skip
    assertion = jwt.encode(claims, keys.private_key(local), algorithm="RS256")
    form = {"grant_type": JWT, "assertion": assertion}
    answer = rest.session.post(f"{SITE}/services/oauth2/token", data=form)
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["error_description"] == "audience is invalid"


@pytest.mark.parametrize("status", ["Invalid - Experience Cloud site offline", "Success"])
def test_the_sites_page_and_its_login_history(rest, local, site, status):
    id_ = site()
    if status == "Success":
        rest("PATCH", f"/sobjects/Network/{id_}", {"Status": "Live"})
    client = create_app(local).test_client()
    client.post("/help/login", data={"un": ADMIN, "pw": local.setting("admin password")})
    rows = rest.rows("SELECT Status, NetworkId, LoginType FROM LoginHistory")
    kind = "Chatter Communities External User"
    assert rows == [{"Status": status, "NetworkId": id_, "LoginType": kind}]


def test_there_is_no_api_below_an_address_that_is_no_sites(rest, help_site):
    assert login(rest.session, ADMIN, "x", at=f"{URL}/nothing").status_code == 404
    assert rest.session.post(f"{URL}/nothing/services/oauth2/token").status_code == 404
