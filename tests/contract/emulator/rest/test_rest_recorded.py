"""Exchanges that recordings of real orgs show, with our own records: what is asked, what comes back.

Source: the exchanges that CumulusCI recorded from Developer orgs for its tests
(https://github.com/SFDO-Tooling/CumulusCI): upserts by an external id, composite calls, their
errors and conditions, collections, counts and queries. Stated here are methods, paths, statuses,
the names and types of what an answer holds, and its order.
"""

import re

import pytest

VERSION = "v62.0"
CREATED = ["id", "success", "errors"]
UPSERTED = [*CREATED, "created"]
WIDE = [
    "Id",
    "AccountNumber",
    "AccountSource",
    "AnnualRevenue",
    "BillingCity",
    "BillingCountry",
    "BillingGeocodeAccuracy",
    "BillingLatitude",
    "BillingLongitude",
    "BillingPostalCode",
    "BillingState",
    "BillingStreet",
    "CleanStatus",
    "DunsNumber",
    "Fax",
    "Industry",
    "Jigsaw",
    "NaicsCode",
    "NaicsDesc",
    "Name",
    "NumberOfEmployees",
    "Ownership",
    "Phone",
    "Rating",
    "ShippingCity",
    "ShippingCountry",
    "ShippingGeocodeAccuracy",
    "ShippingLatitude",
    "ShippingLongitude",
    "ShippingPostalCode",
    "ShippingState",
    "ShippingStreet",
    "Sic",
    "SicDesc",
    "Site",
    "TickerSymbol",
    "Tradestyle",
    "Type",
    "Website",
    "YearStarted",
    "ParentId",
]


def collection(sobject, *records):
    attributes = {"attributes": {"type": sobject}}
    return {"allOrNone": False, "records": [record | attributes for record in records]}


def person(first, last, email):
    return {"FirstName": first, "LastName": last, "Email": f"{email}@example.com"}


def row(sobject, id_, **values):
    """A record as a query shows it."""
    url = f"/services/data/{VERSION}/sobjects/{sobject}/{id_}"
    return {"attributes": {"type": sobject, "url": url}, **values}


def page(*records):
    return {"totalSize": len(records), "done": True, "records": list(records)}


def query(soql):
    return f"/query/?q={soql.replace(' ', '+').replace(',', '%2C')}"


def part(name, url, **more):
    url = f"/services/data/{VERSION}{url}"
    return {"referenceId": name, "method": "GET", "url": url} | more


def answered(name, status, body):
    return {"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": name}


def test_upserts_by_email_in_collections(rest):
    """Two rounds of upserts, records that refer to them, and a query of both."""
    status, body = rest("POST", "/composite/sobjects", collection("Account", {"Name": "Acme"}))
    assert (status, [list(result) for result in body]) == (200, [CREATED])
    account = body[0]["id"]
    assert re.fullmatch(r"001\w{15}", account)

    people = [person(f"First{n}", f"Last{n}", f"Person.{n}") for n in range(16)]
    people[0]["Email"] = "person.0@example.com"
    body = _upserted(rest, people)
    ids = [result["id"] for result in body]
    assert [result["created"] for result in body] == [True] * 16
    assert len(set(ids)) == 16

    assert rest("GET", query("select Name from Account")) == (
        200,
        page(row("Account", account, Name="Acme")),
    )
    names = [f"First{n}" for n in range(16)]
    assert rest("GET", query("select FirstName from Contact"))[1] == page(
        *(row("Contact", id_, FirstName=name) for id_, name in zip(ids, names, strict=True))
    )

    again = [
        person("Changed", "Last10", "Person.10"),
        person("Two Words", "Last12", "Person.12"),
        person("First0", "Changed", "person.0"),
        person("New", "Last16", "person.16"),
    ]
    body = _upserted(rest, again)
    assert [result["created"] for result in body] == [False, False, False, True]
    assert [result["id"] for result in body[:3]] == [ids[10], ids[12], ids[0]]

    deals = [
        {"Name": name, "StageName": "In Progress", "CloseDate": "2021-10-03", "ContactId": contact}
        for name, contact in (("First deal", ids[12]), ("Second deal", body[3]["id"]))
    ]
    status, made = rest("POST", "/composite/sobjects", collection("Opportunity", *deals))
    assert (status, [list(result) for result in made]) == (200, [CREATED] * 2)
    names[10], names[12] = "Changed", "Two Words"
    inner = {
        contact: page(row("Opportunity", result["id"], Name=deal["Name"]))
        for contact, result, deal in zip((ids[12], body[3]["id"]), made, deals, strict=True)
    }
    soql = "select FirstName,(select Name from Opportunities) from Contact"
    assert rest("GET", query(soql))[1] == page(
        *(
            row("Contact", id_, FirstName=name, Opportunities=inner.get(id_))
            for id_, name in zip([*ids, body[3]["id"]], [*names, "New"], strict=True)
        )
    )


def _upserted(rest, people):
    path = "/composite/sobjects/Contact/Email"
    status, body = rest("PATCH", path, collection("Contact", *people))
    assert (status, [list(result) for result in body]) == (200, [UPSERTED] * len(people))
    assert all(result["success"] and result["errors"] == [] for result in body)
    return body


def test_an_unknown_object_in_a_composite_call(rest):
    asked = {"compositeRequest": [part("a", "/sobjects/Foo")]}
    refused = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
    assert rest("POST", "/composite", asked) == (
        200,
        {"compositeResponse": [answered("a", 404, refused)]},
    )


def test_queries_in_a_composite_call(rest):
    status, body = rest("POST", "/sobjects/Account/", {"Name": "Acme"})
    assert (status, list(body)) == (201, CREATED)
    fields = {"a": "Id", "b": "Name", "c": "Id", "d": "Name"}
    asked = [part(n, f"/query?q=SELECT {f} FROM Account LIMIT 1") for n, f in fields.items()]
    status, answer = rest("POST", "/composite", {"compositeRequest": asked})
    values = {"Id": body["id"], "Name": "Acme"}
    assert (status, answer) == (
        200,
        {
            "compositeResponse": [
                answered(n, 200, page(row("Account", body["id"], **{f: values[f]})))
                for n, f in fields.items()
            ]
        },
    )


@pytest.mark.parametrize("names", [("one", "two"), ("three",)])
def test_no_rows_in_a_composite_call(rest, names):
    asked = [part(name, "/query?q=SELECT Id FROM Account LIMIT 1") for name in names]
    assert rest("POST", "/composite", {"compositeRequest": asked}) == (
        200,
        {"compositeResponse": [answered(name, 200, page()) for name in names]},
    )


def test_conditional_requests_in_a_composite_call(rest):
    since = {"If-Modified-Since": "Fri, 03 Sep 2100 21:35:07 GMT"}
    asked = [part(name, "/sobjects", httpHeaders=since) for name in ("a", "b", "c")]
    _, answer = rest("POST", "/composite", {"compositeRequest": asked})
    assert len(answer["compositeResponse"]) == 3
    for one in answer["compositeResponse"]:
        assert (one["httpStatusCode"], one["body"]) == (304, None)
        assert one["httpHeaders"].keys() == {"ETag", "Last-Modified"}


@pytest.fixture
def accounts(rest):
    """Six accounts, as one collection makes them."""
    records = [{"CleanStatus": "Pending", "Name": f"Account {n}"} for n in (5, 1, 4, 0, 3, 2)]
    status, body = rest("POST", "/composite/sobjects", collection("Account", *records))
    assert (status, [list(result) for result in body]) == (200, [CREATED] * 6)
    assert all(result["success"] for result in body)
    return [result["id"] for result in body]


def test_counts_before_and_after_deleting(rest, accounts):
    counted = {"attributes": {"type": "AggregateResult"}}
    soql = "select count(Id) from Account"
    assert rest("GET", query(soql))[1] == page(counted | {"expr0": 6})
    assert rest("GET", "/limits/recordCount?sObjects=Account")[1] == {
        "sObjects": [{"count": 6, "name": "Account"}]
    }
    for id_ in accounts:
        rest("DELETE", f"/sobjects/Account/{id_}")
    assert rest("GET", query(soql))[1] == page(counted | {"expr0": 0})


def test_a_query_of_many_fields(rest, accounts):
    """All fields that the recorded query names, but the record type, which is not there."""
    soql = f"SELECT {', '.join(WIDE)} FROM Account WHERE Name != 'Another'"
    body = rest.query(soql)
    assert list(body) == ["totalSize", "done", "records"]
    assert body["totalSize"] == 6
    texts = {"Id", "CleanStatus", "Name"}
    for record, id_ in zip(body["records"], accounts, strict=True):
        assert list(record) == ["attributes", *WIDE]
        assert record["attributes"] == row("Account", id_)["attributes"]
        assert {name for name in WIDE if record[name] is not None} == texts
        assert all(isinstance(record[name], str) for name in texts)


def test_the_record_types_of_accounts(rest, local, admin):
    values = {
        "Name": "Partner",
        "DeveloperName": "PartnerAccountRecordType",
        "SobjectType": "Account",
    }
    id_ = local.insert("RecordType", values, by=admin)
    soql = "SELECT Id, DeveloperName FROM RecordType WHERE SObjectType='Account'"
    assert rest.query(soql) == page(
        row("RecordType", id_, Id=id_, DeveloperName="PartnerAccountRecordType")
    )


def test_the_list_of_sites_of_an_org_without_any(rest, local):
    local.set_feature("Networks", on=True)
    assert rest("GET", "/connect/communities") == (200, {"communities": [], "total": 0})
