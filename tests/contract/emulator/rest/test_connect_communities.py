"""Connect REST: sites are listed, made and published (facts 211 to 229)."""

import pytest
from simple_salesforce import Salesforce

from ..conftest import URL

ACME = {"name": "Acme Help", "urlPathPrefix": "help", "templateName": "Customer Service"}


def names(rest):
    return [one["name"] for one in rest("GET", "/connect/communities")[1]["communities"]]


def operation(rest, job):
    (row,) = rest.rows(f"SELECT Id, Status FROM BackgroundOperation WHERE Id = '{job}'")
    return row["Status"]


def test_nothing_of_sites_is_there_while_digital_experiences_is_off(rest):
    gone = (404, "NOT_FOUND", "The requested resource does not exist")
    for path in (
        "/connect/communities",
        "/connect/communities/templates",
        "/sobjects/Network/describe",
        "/sobjects/NetworkMemberGroup",
    ):
        assert rest.refusal("GET", path)[:3] == gone
    assert rest.refusal("POST", "/connect/communities", ACME)[:3] == gone
    listed = {one["name"] for one in rest("GET", "/sobjects")[1]["sobjects"]}
    assert not {name for name in listed if name.startswith("Network")}
    status, code, message, _ = rest.refusal(
        "GET", "/query", params={"q": "SELECT Id, Status FROM Network"}
    )
    assert (status, code) == (400, "INVALID_TYPE")
    assert "sObject type 'Network' is not supported" in message


def test_a_new_org_of_sites_has_none(rest, sites_on):
    assert rest("GET", "/connect/communities") == (200, {"communities": [], "total": 0})
    listed = {one["name"] for one in rest("GET", "/sobjects")[1]["sobjects"]}
    assert {
        "Network",
        "NetworkMember",
        "NetworkMemberGroup",
        "NetworkSelfRegistration",
        "BackgroundOperation",
    } <= listed


def test_the_templates(rest, sites_on):
    status, body = rest("GET", "/connect/communities/templates")
    assert (status, body["total"]) == (200, len(body["templates"]))
    assert {"publisher": "Salesforce", "templateName": "Customer Service"} in body["templates"]
    assert {"publisher": "Salesforce", "templateName": "Build Your Own (LWR)"} in body["templates"]


def test_a_site_is_made_in_its_own_time(rest, sites_on):
    status, body = rest("POST", "/connect/communities", ACME)
    job = body.pop("jobId")
    assert (status, body) == (
        202,
        {
            "message": "Your site is almost ready. To track the site creation status, query the"
            " BackgroundOperation object and enter the jobId as the Id.",
            "name": "Acme Help",
        },
    )
    assert job.startswith("08P")
    assert rest("POST", "/connect/communities/0DB000000000001/publish")[0] == 404
    assert names(rest) == []
    assert [operation(rest, job) for _ in range(3)] == ["Running", "Complete", "Complete"]
    assert names(rest) == ["Acme Help"]


def test_a_site_as_it_is_shown(rest, site):
    id_ = site(description="Helps")
    (pages,) = rest.rows("SELECT Id FROM Site WHERE Name = 'Acme_Help1'")
    status, shown = rest("GET", f"/connect/communities/{id_}")
    assert (status, shown) == (
        200,
        {
            "allowChatterAccessWithoutLogin": False,
            "allowMembersToFlag": False,
            "builderBasedSnaEnabled": True,
            "builderUrl": f"{URL}/sfsites/picasso/core/config/commeditor.jsp?siteId={pages['Id']}",
            "contentSpaceId": None,
            "description": "Helps",
            "guestMemberVisibilityEnabled": False,
            "id": id_,
            "imageOptimizationCDNEnabled": True,
            "invitationsEnabled": False,
            "knowledgeableEnabled": False,
            "loginUrl": f"{URL}/help/s/login",
            "memberVisibilityEnabled": False,
            "name": "Acme Help",
            "nicknameDisplayEnabled": True,
            "privateMessagesEnabled": False,
            "reputationEnabled": False,
            "sendWelcomeEmail": True,
            "siteAsContainerEnabled": True,
            "siteUrl": f"{URL}/help",
            "status": "UnderConstruction",
            "templateName": "Customer Service",
            "url": f"/services/data/v62.0/connect/communities/{id_}",
            "urlPathPrefix": "help",
        },
    )
    assert rest("GET", "/connect/communities")[1] == {"communities": [shown], "total": 1}
    assert rest("GET", f"/connect/communities/{id_[:15]}")[1] == shown
    older = rest("GET", f"{URL}/services/data/v46.0/connect/communities/{id_}")[1]
    assert shown.keys() - older.keys() == {
        "builderBasedSnaEnabled",
        "builderUrl",
        "contentSpaceId",
        "guestMemberVisibilityEnabled",
        "imageOptimizationCDNEnabled",
    }


def test_a_site_is_never_changed_or_deleted_by_connect(rest, site):
    id_ = site()
    for method in ("PATCH", "DELETE", "PUT"):
        assert rest.refusal(method, f"/connect/communities/{id_}", {})[:2] == (
            405,
            "METHOD_NOT_ALLOWED",
        )
    assert rest.refusal("DELETE", f"/sobjects/Network/{id_}")[1] == "INVALID_TYPE_FOR_OPERATION"
    assert rest.refusal("POST", "/sobjects/Network", {"Name": "x"})[1] == (
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    )
    assert rest.refusal("GET", "/connect/communities/0DB000000000009")[0] == 404
    assert rest.refusal("GET", "/connect/communities/nonsense")[0] == 404
    for path in ("/connect/nonsense", "/connect"):
        assert rest.refusal("GET", path)[0] == 404


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "Enter a different name. That one already exists."),
        ({"name": "ACME HELP"}, "Enter a different name. That one already exists."),
        ({"name": "B"}, "That URL is already in use. Please enter a unique one."),
        (
            {"name": "B", "urlPathPrefix": "HELP"},
            "That URL is already in use. Please enter a unique one.",
        ),
        ({"name": ""}, "Enter a name for your community."),
        ({"templateName": "customer service"}, "The specified template does not exist."),
        ({"templateName": None}, "The specified template does not exist."),
        (
            {"name": "B", "urlPathPrefix": "help-me"},
            "The URL can only contain alphanumeric characters.",
        ),
        ({"name": "B" * 41}, "name can't be longer than 40 characters."),
        (
            {"name": "B", "urlPathPrefix": "b", "templateParams": {"AuthenticationType": "x"}},
            "Unknown template parameter: AuthenticationType",
        ),
        (
            {
                "name": "B",
                "urlPathPrefix": "b",
                "templateName": "Build Your Own (LWR)",
                "templateParams": {"AuthenticationType": "x"},
            },
            "Unknown AuthenticationType: x",
        ),
    ],
)
def test_a_site_that_can_not_be_made(rest, site, change, message):
    site()
    assert rest.refusal("POST", "/connect/communities", ACME | change) == (
        400,
        "INVALID_INPUT",
        message,
        None,
    )
    assert names(rest) == ["Acme Help"]


def test_one_site_may_do_without_an_address(rest, site):
    site(name="First", prefix="")
    assert rest.refusal("POST", "/connect/communities", ACME | {"urlPathPrefix": ""})[1:3] == (
        "INVALID_INPUT",
        "Enter a URL for your community.",
    )


def test_a_try_after_a_time_out_finds_the_name_taken(rest, sites_on):
    assert rest("POST", "/connect/communities", ACME)[0] == 202
    assert rest.refusal("POST", "/connect/communities", ACME)[2] == (
        "Enter a different name. That one already exists."
    )


def test_what_the_body_may_hold(rest, sites_on):
    for body, code in (
        (ACME | {"color": "red"}, "JSON_PARSER_ERROR"),
        (ACME | {"name": 7}, "JSON_PARSER_ERROR"),
        (ACME | {"templateParams": []}, "JSON_PARSER_ERROR"),
    ):
        assert rest.refusal("POST", "/connect/communities", body)[:2] == (400, code)
    old = f"{URL}/services/data/v45.0/connect/communities"
    assert rest.refusal("POST", old, ACME)[0] == 405
    assert rest("GET", old)[0] == 200


def test_an_org_has_a_hundred_sites_at_most(rest, local, site, admin):
    from provisioner.emulator.sites import networks, templates

    plain = templates.SITE_TEMPLATES[0]
    for number in range(100):
        values = {"Name": f"Site {number}", "UrlPathPrefix": f"s{number}"}
        networks.create(local, admin, plain, values)
    assert rest.refusal("POST", "/connect/communities", ACME)[1:3] == (
        "INVALID_INPUT",
        "You can't have more than 100 sites.",
    )


def test_who_may_make_a_site_and_who_sees_which(rest, local, site, portal_on):
    id_ = site()
    (profile,) = rest.rows("SELECT Id FROM Profile WHERE Name = 'Standard User'")
    other = rest.create(
        "User", Username="b@acme.example", LastName="B", Email="b@acme.example", Alias="b",
        TimeZoneSidKey="Europe/Berlin", LocaleSidKey="en_GB", EmailEncodingKey="UTF-8",
        LanguageLocaleKey="en_US", ProfileId=profile["Id"],
    )  # fmt: skip
    own = rest.session.headers["Authorization"]
    rest.session.headers["Authorization"] = f"Bearer {local.start_session(other).token}"
    assert names(rest) == []
    assert rest.refusal("GET", f"/connect/communities/{id_}")[0] == 404
    assert rest.refusal("POST", "/connect/communities", ACME)[:2] == (403, "INSUFFICIENT_ACCESS")
    group = {"NetworkId": id_, "ParentId": profile["Id"]}
    assert rest.refusal("POST", "/sobjects/NetworkMemberGroup", group)[1] == (
        "INSUFFICIENT_ACCESS_OR_READONLY"
    )
    rest.session.headers["Authorization"] = own
    rest.create("NetworkMemberGroup", **group)
    for _ in range(3):
        rest.rows("SELECT AssignmentStatus FROM NetworkMemberGroup")
    rest.session.headers["Authorization"] = f"Bearer {local.start_session(other).token}"
    assert names(rest) == ["Acme Help"]
    local.update("Network", id_, {"Status": "DownForMaintenance"}, by=other)
    assert names(rest) == []
    rest.session.headers["Authorization"] = own
    _, body = rest("GET", "/connect/communities", params={"status": "Inactive"})
    assert [one["status"] for one in body["communities"]] == ["Inactive"]
    assert rest("GET", "/connect/communities", params={"status": "Live"})[1]["total"] == 0
    assert rest.refusal("GET", "/connect/communities", params={"status": "x"})[0] == 400


def test_publishing_ends_in_a_mail_and_leaves_the_status(rest, local, site):
    id_ = site()
    status, body = rest("POST", f"/connect/communities/{id_}/publish", {})
    job = body.pop("jobId")
    assert (status, body) == (
        202,
        {
            "id": id_,
            "message": "We are publishing your changes now. You will receive an email"
            " confirmation when your changes are live.",
            "name": "Acme Help",
            "url": f"{URL}/help",
        },
    )
    assert local.outbox() == []
    assert [operation(rest, job) for _ in range(3)] == ["Waiting", "Running", "Complete"]
    (mail,) = local.outbox()
    assert (mail.recipient, mail.subject) == (
        "portal.admin@acme.example",
        "Your changes to Acme Help are live",
    )
    assert f"{URL}/help" in mail.body
    assert rest.rows("SELECT Status FROM Network") == [{"Status": "UnderConstruction"}]


def test_sites_of_visualforce_are_not_published(rest, site):
    id_ = site(template="VF Template")
    _, shown = rest("GET", f"/connect/communities/{id_}")
    assert (shown["templateName"], shown["siteAsContainerEnabled"], shown["builderUrl"]) == (
        "Salesforce Tabs + Visualforce",
        False,
        None,
    )
    assert rest.refusal("POST", f"/connect/communities/{id_}/publish")[:2] == (400, "INVALID_INPUT")
    assert rest.refusal("GET", f"/connect/communities/{id_}/publish")[0] == 405


def test_what_nobody_looks_at_is_done_all_the_same(rest, local, sites_on):
    rest("POST", "/connect/communities", ACME)
    from datetime import timedelta

    local.set_clock(local.now() + timedelta(minutes=1))
    assert names(rest) == ["Acme Help"]
    local.set_clock(local.now() + timedelta(hours=25))
    rest("GET", "/limits")
    assert local.select("BackgroundOperation") == []


def test_an_lwr_site_keeps_a_longer_path(rest, site):
    id_ = site(template="Build Your Own (LWR)")
    assert rest("GET", f"/connect/communities/{id_}")[1]["urlPathPrefix"] == "helpvforcesite"


def test_simple_salesforce_makes_a_site_and_adds_members(rest, local, sites_on, admin):
    sf = Salesforce(
        instance_url=URL, session_id=local.start_session(admin).token, session=rest.session
    )
    made = sf.restful("connect/communities", method="POST", json=ACME)
    query = f"SELECT Id, Status FROM BackgroundOperation WHERE Id = '{made['jobId']}'"
    states = [sf.query(query)["records"][0]["Status"] for _ in range(3)]
    assert states == ["Waiting", "Running", "Complete"]
    listed = sf.restful("connect/communities")
    assert listed["total"] == 1
    network = sf.query("SELECT Id FROM Network WHERE Name = 'Acme Help'")["records"][0]["Id"]
    profile = sf.query("SELECT Id FROM Profile WHERE Name = 'Customer Community User'")
    profile_id = profile["records"][0]["Id"]
    group = sf.NetworkMemberGroup.create({"NetworkId": network, "ParentId": profile_id})
    assert group["success"]
    assert sf.Network.update(network, {"Description": "Helps"}) == 204
    assert sf.Network.get(network)["Description"] == "Helps"
