"""Clients that nobody here wrote can not tell the local org from Salesforce."""

from datetime import UTC, datetime, timedelta

import pytest
from simple_salesforce import Salesforce, exceptions, format_soql

URL = "https://127.0.0.1:8787"


@pytest.fixture
def sf(anonymous, local, admin):
    token = local.start_session(admin).token
    return Salesforce(session_id=token, instance_url=URL, session=anonymous.session, version="62.0")


def test_a_record_through_simple_salesforce(sf):
    created = sf.Account.create({"Name": "Acme"})
    assert (created["success"], created["errors"]) == (True, [])
    assert sf.Account.get(created["id"])["Name"] == "Acme"
    assert sf.Account.update(created["id"], {"Name": "Acme Ltd"}) == 204
    assert sf.Contact.upsert("Email/jane@acme.example", {"LastName": "Doe"}) == 201
    assert sf.Contact.upsert("Email/jane@acme.example", {"LastName": "Dow"}) == 200
    assert sf.Contact.get_by_custom_id("Email", "jane@acme.example")["LastName"] == "Dow"
    assert sf.Account.delete(created["id"]) == 204
    with pytest.raises(exceptions.SalesforceResourceNotFound) as caught:
        sf.Account.get(created["id"])
    assert caught.value.content == [
        {"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED"}
    ]


def test_queries_through_simple_salesforce(sf):
    sf.bulk_names = [f"Doe {i:03}" for i in range(450)]
    for start in range(0, 450, 150):
        sf.restful(
            "composite/sobjects",
            method="POST",
            json={
                "records": [
                    {"attributes": {"type": "Contact"}, "LastName": name}
                    for name in sf.bulk_names[start : start + 150]
                ]
            },
        )
    pages = {"Sforce-Query-Options": "batchSize=200"}
    first = sf.query("SELECT LastName FROM Contact ORDER BY LastName", headers=pages)
    assert (first["totalSize"], first["done"], len(first["records"])) == (450, False, 200)
    every = sf.query_all_iter("SELECT LastName FROM Contact ORDER BY LastName", headers=pages)
    assert [row["LastName"] for row in every] == sf.bulk_names
    safe = format_soql("SELECT Id FROM Contact WHERE LastName IN {}", ["Doe 001", "O'Neil"])
    assert sf.query(safe)["totalSize"] == 1


def test_refusals_through_simple_salesforce(sf):
    with pytest.raises(exceptions.SalesforceMalformedRequest) as caught:
        sf.query("SELECT Nope FROM Account")
    assert caught.value.content[0]["errorCode"] == "INVALID_FIELD"
    for name in ("a", "b"):
        sf.Contact.create({"LastName": name, "Email": "twice@acme.example"})
    with pytest.raises(exceptions.SalesforceMoreThanOneRecord) as several:
        sf.Contact.upsert("Email/twice@acme.example", {"LastName": "c"})
    assert len(several.value.content) == 2


def test_describe_limits_and_password_through_simple_salesforce(sf, admin):
    assert {"Account", "User"} <= {one["name"] for one in sf.describe()["sobjects"]}
    assert sf.User.describe()["keyPrefix"] == "005"
    assert sf.limits()["DailyApiRequests"]["Max"] == 15000
    sf.set_password(admin, "correct1horse")
    assert sf.restful(f"sobjects/User/{admin}/password") == {"isExpired": False}
    assert sf.api_usage["api-usage"].total == 15000


def test_logging_in_with_simple_salesforce(anonymous, local, tmp_path):
    """It logs in at salesforce.com only, so that host is the local org here."""
    from provisioner.emulator.app import create_app
    from provisioner.emulator.oauth import keys
    from provisioner.emulator.server import InProcessAdapter

    session = anonymous.session
    session.mount("https://login.salesforce.com", InProcessAdapter(create_app(local)))
    session.mount("https://acme.my.salesforce.com", InProcessAdapter(create_app(local)))
    key = tmp_path / "key.pem"
    key.write_text(keys.private_key(local))
    consumer = local.setting("consumer key")
    by_jwt = Salesforce(
        username="portal.admin@acme.example", consumer_key=consumer, privatekey_file=str(key),
        session=session, version="62.0",
    )  # fmt: skip
    assert by_jwt.sf_instance == "login.salesforce.com"
    by_client = Salesforce(
        consumer_key=consumer, consumer_secret=local.setting("consumer secret"),
        domain="acme.my", session=session, version="62.0",
    )  # fmt: skip
    assert by_client.query("SELECT Id FROM User")["totalSize"] == 1


def test_looking_around_with_simple_salesforce(sf, admin):
    made = [sf.Account.create({"Name": name})["id"] for name in ("Acme", "Bolt")]
    sf.Account.delete(made[1])
    assert sf.is_sandbox() is False
    assert made[0] in [row["Id"] for row in sf.quick_search("Acme")["searchRecords"]]
    found = sf.search("FIND {Acme} RETURNING Account(Name)")["searchRecords"]
    assert [row["Name"] for row in found] == ["Acme"]
    now = datetime.now(UTC)
    start, end = now - timedelta(hours=1), now + timedelta(minutes=2)
    assert sf.Account.updated(start, end)["ids"] == made[:1]
    assert [row["id"] for row in sf.Account.deleted(start, end)["deletedRecords"]] == made[1:]
    assert sf.Account.metadata()["objectDescribe"]["name"] == "Account"
    assert sf.toolingexecute("sobjects")["sobjects"]
    assert sf.oauth2("userinfo")["user_id"] == admin
    every = sf.query_all("SELECT Id FROM Account", include_deleted=True)["records"]
    assert [row["Id"] for row in every] == made
    with pytest.raises(exceptions.SalesforceRefusedRequest) as caught:
        sf.Account.describe_layout("012000000000000AAA")  # said so by the local org itself
    assert caught.value.content[0]["errorCode"] == "FUNCTIONALITY_NOT_ENABLED"
    with pytest.raises(exceptions.SalesforceGeneralError) as unchanged:
        sf.Account.describe(headers={"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"})
    assert unchanged.value.status == 304
