"""Whatever a request is answered with, the result is an OrgError, and a write is not known."""

from __future__ import annotations

import json

import pytest

from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.local import LocalOrg
from provisioner.model.credentials import ClientCredentials
from provisioner.model.operations import (
    CountActive,
    CreateMetadata,
    CreateRecord,
    DeleteMetadata,
    DeleteRecord,
    Describe,
    EnableCustomerPortal,
    LastLogins,
    ListMetadata,
    PasswordExpired,
    ReadMembership,
    ReadMetadata,
    ReadSites,
    RenameMetadata,
    ResetPassword,
    RunningUsername,
    Select,
    ServerTime,
    SetMembership,
    SetPassword,
    UpdateRecord,
    UpsertRecord,
)
from provisioner.model.resource import Lookup, Secret
from provisioner.org import bulk_query
from provisioner.org.auth import connect
from provisioner.org.client import SalesforceOrg
from provisioner.org.errors import NoAnswer, NotSent, OrgError
from provisioner.org.rows import RowCollector

from .strange import SHAPES, drip, drip_of_headers, serving

USER = "005000000000001AAA"
ACCOUNT = "001000000000001AAA"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    local = LocalOrg(tmp_path_factory.mktemp("org"))
    org = local.open()
    admin = first_day.admin_id(org)
    with org.transaction():
        first_day.enable_digital_experiences(org, admin)
        for number in range(2_001):
            org.insert("Account", {"Name": f"Acme {number}"}, by=admin)
    credentials = local.credentials()
    with serving(local.app()) as strange:
        token = Secret(credentials.access_token)
        SalesforceOrg(strange.url, token).call(EnableCustomerPortal())
        yield strange, credentials
    local.close()


@pytest.fixture(scope="module")
def strange(world):
    return world[0]


@pytest.fixture
def org(strange, world):
    token = Secret(world[1].access_token)
    return SalesforceOrg(strange.url, token, sleep=lambda _: None)


def portal_id(org):
    return next(c.id for c in org.read(ListMetadata(("Portal",))))


def bulk_read(org):
    bulk_query.read(org._rest, "SELECT Id, Name FROM Account", RowCollector(("Id", "Name")))


def account(number):
    return CreateRecord("Account", {"Name": f"New {number}"})


def named(count):
    return Select("Account", ("Name",), (("Name", tuple(f"N{n}" for n in range(count))),))


READS = {
    "describe": ("GET .*/describe", lambda org: org.read(Describe("User"))),
    "query": ("GET .*/query", lambda org: org.read(Select("Account", ("Name",)))),
    "next page": ("GET .*/query/", lambda org: org.read(Select("Account", ("Name",)))),
    "composite": ("/composite", lambda org: org.read_all([Describe("User"), Describe("Account")])),
    "count of records": ("recordCount", lambda org: org.read(named(5_001))),
    "find": ("/query", lambda org: org.find(Lookup("Profile", (("Name", "x"),)))),
    "count of users": ("/query", lambda org: org.read(CountActive(("00e000000000001",)))),
    "last logins": ("/query", lambda org: org.read(LastLogins(USER, ("Status",), 5))),
    "sites": ("/communities", lambda org: org.read(ReadSites())),
    "password expired": ("/password", lambda org: org.read(PasswordExpired(USER))),
    "identity": ("/userinfo", lambda org: org.read(RunningUsername())),
    "server time": ("/Soap/u/", lambda org: org.read(ServerTime())),
    "list metadata": ("/Soap/m/", lambda org: org.read(ListMetadata(("Profile",)))),
    "read metadata": ("/Soap/m/", lambda org: org.read(ReadMetadata("Profile", ("Admin",)))),
    "members": ("MembershipPage", lambda org: org.read(ReadMembership(portal_id(org)))),
    "Bulk query job": ("POST .*/jobs/query", bulk_read),
    "Bulk query state": ("GET .*/jobs/query/[^/]*$", bulk_read),
    "Bulk query results": ("GET .*/results", bulk_read),
}
WRITES = {
    "create": ("POST .*/sobjects/Account", [account(1)]),
    "update": ("PATCH .*/sobjects/", [UpdateRecord("Account", ACCOUNT, {"Phone": "1"})]),
    "upsert": ("PATCH .*/sobjects/", [UpsertRecord("Account", "Number__c", "1", {"Phone": "1"})]),
    "delete": ("DELETE .*/sobjects/", [DeleteRecord("Account", ACCOUNT)]),
    "creates": ("POST .*/composite/sobjects", [account(1), account(2)]),
    "updates": (
        "PATCH .*/composite/sobjects",
        [UpdateRecord("Account", ACCOUNT, {"Phone": "1"}), UpdateRecord("Account", ACCOUNT, {})],
    ),
    "upserts": (
        "PATCH .*/composite/sobjects/Account/Number__c",
        [UpsertRecord("Account", "Number__c", number, {"Phone": "1"}) for number in "12"],
    ),
    "deletes": ("DELETE .*/composite/sobjects", [DeleteRecord("Account", ACCOUNT)] * 2),
    "password": ("POST .*/password", [SetPassword(USER, Secret("hunter2hunter2"))]),
    "password reset": ("DELETE .*/password", [ResetPassword(USER)]),
    "passwords": ("POST .*/composite", [SetPassword(USER, Secret("hunter2hunter2"))] * 2),
    "password resets": ("POST .*/composite", [ResetPassword(USER)] * 2),
    "create metadata": ("/Soap/m/", [CreateMetadata("Profile", "New", {"custom": True})]),
    "rename metadata": ("/Soap/m/", [RenameMetadata("Profile", "A", "B")]),
    "delete metadata": ("/Soap/m/", [DeleteMetadata("Profile", "A")]),
    "Bulk job state": ("GET .*/jobs/ingest/[^/]*$", [account(n) for n in range(201)]),
    "Bulk results": ("GET .*/successfulResults", [account(n) for n in range(201)]),
}
# What is a good answer to these requests, and no more than that.
GOOD = {
    ("update", "a 204"), ("delete", "a 204"), ("password", "a 204"),
}  # fmt: skip


def outcome(action):
    """The error of an action, or of each of its answers; anything else is left to fail."""
    try:
        answers = action()
    except OrgError as error:
        return error
    errors = [one for one in answers or () if isinstance(one, OrgError)]
    return errors[0] if errors and len(errors) == len(answers) else None


@pytest.mark.parametrize("shape", SHAPES)
def test_a_strange_answer_to_a_read_is_an_error_of_the_org(strange, org, shape):
    for name, (pattern, read) in READS.items():
        with strange.answering(pattern, SHAPES[shape]):
            error = outcome(lambda read=read: read(fresh(org)))
        # Of a page it can be said what is missing.
        kind = OrgError if name == "members" else NoAnswer
        assert isinstance(error, kind), (name, error)


@pytest.mark.parametrize("shape", SHAPES)
def test_after_a_strange_answer_it_is_not_known_what_became_of_a_write(strange, org, shape):
    for name, (pattern, calls) in WRITES.items():
        with strange.answering(pattern, SHAPES[shape]):
            error = outcome(lambda calls=calls: fresh(org).call_all(calls))
        if (name, shape) in GOOD:
            assert error is None, name
        else:
            assert isinstance(error, NoAnswer), (name, error)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_bulk_job_that_did_not_get_its_data_was_not_sent(strange, org, shape):
    calls = [account(n) for n in range(201)]
    for pattern in ("POST .*/jobs/ingest", "PUT .*/batches"):
        with strange.answering(pattern, SHAPES[shape]):
            error = outcome(lambda: fresh(org).call_all(calls))
        # An upload may be answered with nothing.
        assert isinstance(error, NotSent) or pattern.startswith("PUT"), error


SETUP = {
    "the login": ("/secur/frontdoor", lambda org, portal: org.read(ReadMembership(portal))),
    "the switch": ("GET .*PortalSetup/e", lambda org, _: org.call(EnableCustomerPortal())),
    "the list": ("GET .*PortalSetup/d", lambda org, _: org.call(members_set())),
    "the form": ("GET .*MembershipPage", lambda org, _: org.call(members_set())),
}


def members_set():
    return SetMembership("Customer Portal", ())


@pytest.mark.parametrize("shape", SHAPES)
def test_a_strange_page_of_setup_is_an_error_of_the_org(strange, org, shape):
    portal = portal_id(org)
    for name, (pattern, action) in SETUP.items():
        # What the login is answered with does not matter, if the pages are there after it.
        with strange.answering(pattern, SHAPES[shape]):
            error = outcome(lambda action=action: action(fresh(org), portal))
        assert isinstance(error, OrgError) or name == "the login", (name, error)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_strange_answer_to_a_form_of_setup_is_looked_into(strange, org, shape):
    """The page is read again, so that a form that was not taken is noticed, whatever it said."""
    portal = portal_id(org)
    (profile,) = [m.name for m in org.read(ReadMembership(portal))][:1]
    with strange.answering("POST .*MembershipPage", SHAPES[shape]):
        error = outcome(lambda: fresh(org).call(SetMembership("Customer Portal", (profile,))))
    assert isinstance(error, OrgError)


def fresh(org):
    return SalesforceOrg(org.instance_url, org._transport.token, sleep=lambda _: None)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_strange_login_page_is_an_error_of_the_org(strange, org, world, shape):
    url = f"{strange.url}/secur/login_portal.jsp?orgId={world[1].organization_id}"
    url += f"&portalId={portal_id(org)}"
    visit = org.visit(url)
    with strange.answering("GET /secur/login_portal", SHAPES[shape]), pytest.raises(OrgError):
        visit.open()
    visit.open()
    with strange.answering("POST /secur/login_portal", SHAPES[shape]):
        try:
            visit.log_in("nobody@acme.example", Secret("hunter2"))
            visit.landed("nobody@acme.example")
        except OrgError:
            pass
        else:
            pytest.fail("a login was believed")
    visit.close()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_strange_answer_to_a_login_is_an_error_of_the_org(strange, shape, monkeypatch):
    monkeypatch.setattr("provisioner.org.transport._RETRIES", 0)
    login = ClientCredentials(strange.url, "key", Secret("secret"))
    token = strange.answering("POST /services/oauth2/token", SHAPES[shape])
    with token, pytest.raises(OrgError):
        connect(login)


@pytest.mark.parametrize("slow", [drip, drip_of_headers])
def test_one_byte_a_minute_is_no_answer(strange, world, slow, monkeypatch):
    monkeypatch.setenv("PROVISIONER_TIME_SCALE", "0.01")
    org = SalesforceOrg(strange.url, Secret(world[1].access_token), sleep=lambda _: None)
    with strange.answering("POST .*/sobjects/Account", slow), pytest.raises(NoAnswer) as caught:
        org.call(account(1))
    assert "too slowly" in caught.value.message
    assert caught.value.timed_out


def test_an_error_of_another_form_is_still_a_refusal(strange, org):
    for body in ({"fields": 5, "message": [], "errorCode": "X"}, [{"message": 7, "fields": "ab"}]):
        answer = f"HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n{json.dumps(body)}".encode()
        with strange.answering("POST .*/sobjects/Account", answer):
            error = outcome(lambda: org.call_all([account(1)]))
        assert error is not None
        assert not isinstance(error, NoAnswer)
