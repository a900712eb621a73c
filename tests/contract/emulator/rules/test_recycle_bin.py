"""The recycle bin, through the SOAP partner API and `queryAll`."""

from datetime import timedelta

import pytest
from lxml import etree

from ..partner_client import call, fault, header


@pytest.fixture
def soap(rest, local, admin):
    """Makes one call in the partner namespace."""

    def soap(body):
        return call(rest.session, body, headers=header(local.start_session(admin).token))

    return soap


@pytest.fixture
def bin_(soap):
    """`bin_("undelete", id, ...)` gives what became of each: an error's code and text, or None."""

    def ask(operation, *ids):
        listed = "".join(f"<ids>{one}</ids>" for one in ids)
        answer = soap(f"<{operation}>{listed}</{operation}>")
        results = etree.fromstring(answer.content).iterfind(".//{*}result")
        return [
            None
            if one.findtext("{*}success") == "true"
            else (one.findtext(".//{*}statusCode"), one.findtext(".//{*}message"))
            for one in results
        ]

    return ask


@pytest.fixture
def family(rest):
    account = rest.create("Account", Name="Acme")
    contact = rest.create("Contact", LastName="Doe", AccountId=account)
    child = rest.create("Account", Name="Acme Sub", ParentId=account)
    assert rest("DELETE", f"/sobjects/Account/{account}")[0] == 204
    return account, contact, child


NOT_THERE = ("UNDELETE_FAILED", "Entity is not in the recycle bin")


def everything(rest, sobject):
    soql = f"SELECT Id, IsDeleted FROM {sobject} ORDER BY Id"
    body = rest("GET", "/queryAll", params={"q": soql})[1]
    return {row["Id"]: row["IsDeleted"] for row in body["records"]}


def test_an_account_comes_back_with_its_contacts_and_its_children(rest, bin_, family):
    account, contact, child = family
    assert rest.rows("SELECT Id, ParentId FROM Account") == [{"Id": child, "ParentId": None}]
    assert everything(rest, "Contact") == {contact: True}
    assert bin_("undelete", account) == [None]
    assert rest.rows(f"SELECT ParentId FROM Account WHERE Id = '{child}'") == [
        {"ParentId": account}
    ]
    assert rest.rows("SELECT Id, AccountId FROM Contact") == [{"Id": contact, "AccountId": account}]
    assert rest("GET", f"/sobjects/Account/{account}")[0] == 200
    assert bin_("undelete", account) == [NOT_THERE]


def test_a_lookup_that_was_filled_again_stays(rest, bin_, family):
    account, _, child = family
    other = rest.create("Account", Name="Other")
    rest("PATCH", f"/sobjects/Account/{child}", {"ParentId": other})
    assert bin_("undelete", account) == [None]
    assert rest.rows(f"SELECT ParentId FROM Account WHERE Id = '{child}'")[0]["ParentId"] == other


def test_what_went_along_is_not_in_the_bin_by_itself(bin_, family):
    account, contact, child = family
    assert bin_("undelete", contact, child, "001000000000000AAA") == [NOT_THERE] * 3
    assert bin_("emptyRecycleBin", contact)[0][0] == "INVALID_ID_FIELD"
    assert bin_("undelete", "x")[0][0] == "MALFORMED_ID"
    assert bin_("undelete", account) == [None]


def test_what_was_emptied_can_be_queried_for_a_day(rest, local, bin_, family):
    account, _, child = family
    assert bin_("emptyRecycleBin", account) == [None]
    assert bin_("undelete", account) == [NOT_THERE]
    assert everything(rest, "Account") == {account: True, child: False}
    local.set_clock(local.now() + timedelta(hours=25))
    rest.session.headers["Authorization"] = (
        f"Bearer {local.start_session(local.select('User')[0]['Id']).token}"
    )
    assert everything(rest, "Account") == {child: False}
    assert everything(rest, "Contact") == {}
    assert rest("GET", f"/sobjects/Account/{account}")[0] == 404


def test_the_bin_holds_for_fifteen_days(rest, local, admin, bin_, family):
    account, _, child = family
    local.set_clock(local.now() + timedelta(days=14))
    rest.session.headers["Authorization"] = f"Bearer {local.start_session(admin).token}"
    assert everything(rest, "Account") == {account: True, child: False}
    local.set_clock(local.now() + timedelta(days=2))
    assert bin_("undelete", account) == [NOT_THERE]
    assert local.get("Account", account) is None


def test_a_user_was_never_deleted(local, bin_, admin):
    assert bin_("undelete", admin)[0][0] == "INVALID_TYPE_FOR_OPERATION"


def test_what_the_org_has_not_is_refused_by_name(soap):
    for name in ("describeTabs", "sendEmail", "process", "merge"):
        code, *_, text = fault(soap(f"<{name}/>"))
        assert code == "sf:FUNCTIONALITY_NOT_ENABLED"
        assert name in text
