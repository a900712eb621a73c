"""REST resources around records: relationships, recent items, limits, and how JSON is printed."""

from datetime import timedelta

import pytest

from provisioner.emulator.metadata.types import registry

URL = "http://127.0.0.1:8787"


def test_json_is_printed_without_spaces_and_in_utf_8(rest):
    id_ = rest.create("Account", Name="Müller ☃")
    answer = rest.send("GET", f"/sobjects/Account/{id_}?fields=Name")
    url = f"/services/data/v62.0/sobjects/Account/{id_}"
    expected = f'{{"attributes":{{"type":"Account","url":"{url}"}},"Name":"Müller ☃","Id":"{id_}"}}'
    assert answer.content == expected.encode()


def test_json_is_printed_for_people_on_demand(rest):
    answer = rest.send("GET", "/composite", headers={"X-PrettyPrint": "1"})
    tree = "/services/data/v62.0/composite/tree"
    assert answer.text.splitlines()[:2] == ["{", f'  "tree" : "{tree}",']


def test_children_and_parents_have_addresses(rest, admin):
    account = rest.create("Account", Name="Acme")
    for name in ("Doe", "Roe"):
        rest.create("Contact", LastName=name, AccountId=account)
    status, found = rest("GET", f"/sobjects/Account/{account}/contacts?fields=LastName")
    assert (status, found["totalSize"], found["done"]) == (200, 2, True)
    assert [row["LastName"] for row in found["records"]] == ["Doe", "Roe"]
    contact = rest("GET", f"/sobjects/Account/{account}/Contacts")[1]["records"][0]["Id"]
    parent = rest("GET", f"/sobjects/Contact/{contact}/Account?fields=Name")[1]
    assert (parent["Name"], parent["Id"]) == ("Acme", account)
    assert rest("PATCH", f"/sobjects/Contact/{contact}/Account", {"Phone": "1"})[0] == 204
    assert rest("GET", f"/sobjects/Account/{account}/Owner")[1]["Id"] == admin
    assert rest.refusal("GET", f"/sobjects/Account/{account}/Parent")[:2] == (404, "NOT_FOUND")
    assert rest.refusal("GET", f"/sobjects/Account/{account}/Nonsense")[:2] == (404, "NOT_FOUND")
    refused = rest.refusal("GET", f"/sobjects/Account/{account}/Contacts?fields=Id FROM User")
    assert refused[1] == "INVALID_FIELD"


def test_what_was_looked_at_is_recent(rest):
    assert rest("GET", "/recent") == (200, [])
    id_ = rest.create("Account", Name="Acme")
    rest.query("SELECT Id FROM Account FOR VIEW")
    item = {"attributes": {"type": "Account", "url": f"/services/data/v62.0/sobjects/Account/{id_}"},
            "Id": id_, "Name": "Acme"}  # fmt: skip
    assert rest("GET", "/recent") == (200, [item])
    assert rest("GET", "/sobjects/Account")[1]["recentItems"] == [item]
    assert rest("GET", "/sobjects/Contact")[1]["recentItems"] == []
    rest("DELETE", f"/sobjects/Account/{id_}")
    assert rest("GET", "/recent?limit=1") == (200, [])
    for wrong in ("0", "201", "x"):
        assert rest.refusal("GET", f"/recent?limit={wrong}")[0] == 400


def test_every_limit_has_a_maximum_and_what_remains(rest):
    before = rest("GET", "/limits")[1]
    assert all(set(limit) >= {"Max", "Remaining"} for limit in before.values())
    assert {"DailyApiRequests", "DailyBulkApiBatches", "DailyBulkV2QueryJobs", "DataStorageMB",
            "FileStorageMB", "SingleEmail", "PermissionSets"} <= before.keys()  # fmt: skip
    rest("POST", "/jobs/query", {"operation": "query", "query": "SELECT Id FROM Account"})
    after = rest("GET", "/limits")[1]
    assert after["DailyBulkV2QueryJobs"]["Remaining"] == 9999
    assert after["DailyBulkV2QueryFileStorageMB"] == {"Max": 976_562, "Remaining": 976_562}
    assert after["DailyApiRequests"]["Remaining"] == before["DailyApiRequests"]["Remaining"] - 2
    rest.base = rest.base.replace("62.0", "48.0")
    assert "DailyBulkApiRequests" in rest("GET", "/limits")[1]


@pytest.mark.parametrize(
    "path",
    ["/tabs", "/theme", "/ui-api/records",
     "/chatter/users/me", "/query?explain=SELECT Id FROM Account", "/sobjects/Account/listviews",
     "/sobjects/Account/describe/layouts", "/sobjects/Account/quickActions"],
)  # fmt: skip
def test_what_is_not_served_says_so(rest, path):
    status, code, message, _ = rest.refusal("GET", path)
    assert (status, code) == (403, "FUNCTIONALITY_NOT_ENABLED")
    assert message.startswith("The local org does not serve ")


def test_pages_with_two_long_texts_are_short(rest, local, admin):
    for name in ("First__c", "Second__c"):
        values = {"label": name, "type": "LongTextArea", "length": 5000, "visibleLines": 3}
        with local.transaction():
            kind = registry.kind(local, "CustomField")
            kind.create(local, {"fullName": f"Account.{name}"} | values, admin)
    for n in range(201):
        local.insert("Account", {"Name": f"{n}"}, by=admin)
    for fields, size in [("Id", 201), ("Description, First__c", 201), ("First__c, Second__c", 200)]:
        assert len(rest.query(f"SELECT {fields} FROM Account")["records"]) == size
    contact = rest.create("Contact", LastName="Doe")
    assert contact
    soql = "SELECT Account.First__c, Account.Second__c FROM Contact"
    assert len(rest.query(soql)["records"]) == 1


@pytest.mark.parametrize("path", ["/query", "/queryAll", "/tooling/query"])
def test_a_query_must_be_given(rest, path):
    refused = (400, "MALFORMED_QUERY", "A query string has to be specified", None)
    assert rest.refusal("GET", path) == refused


@pytest.mark.parametrize("path", ["/query?q=", "/query?q=%20", "/queryAll?q="])
def test_a_query_must_say_something(rest, path):
    refused = (400, "MALFORMED_QUERY", "SOQL statements cannot be empty or null", None)
    assert rest.refusal("GET", path) == refused


def test_a_locator_lives_for_two_days(rest, local, admin):
    for n in range(401):
        local.insert("Account", {"Name": f"{n}"}, by=admin)
    few = {"Sforce-Query-Options": "batchSize=200"}
    first = rest.query("SELECT Id FROM Account", headers=few)
    locator = first["nextRecordsUrl"].rpartition("/")[2]
    second = rest("GET", f"/query/{locator}")[1]
    assert (len(second["records"]), second["done"]) == (200, False)
    beyond = locator.partition("-")[0] + "-402"
    assert rest.refusal("GET", f"/query/{beyond}")[1] == "INVALID_QUERY_LOCATOR"
    local.set_clock(local.now() + timedelta(days=2, seconds=1))
    token = local.start_session(admin).token
    headers = {"Authorization": f"Bearer {token}"}
    refused = rest.refusal("GET", f"/query/{locator}", headers=headers)
    assert refused[1] == "INVALID_QUERY_LOCATOR"


def test_addresses_are_of_an_allowed_domain(rest, person, profiles):
    domains = f"{URL}/emulator/email-domains"
    assert rest("PUT", domains, ["Bolt.example"]) == (200, ["bolt.example"])
    body = {**person, "ProfileId": profiles["High Volume Customer Portal"]}
    assert rest.refusal("POST", "/sobjects/User", body) == (
        400, "FIELD_INTEGRITY_EXCEPTION",
        "Invalid Email Address: Must be in domain(s) bolt.example: Email", ["Email"],
    )  # fmt: skip
    jane = rest.create("User", **{**body, "Email": "jane@bolt.example"})
    refused = rest.refusal("PATCH", f"/sobjects/User/{jane}", {"Email": "jane@acme.example"})
    assert refused[1] == "FIELD_INTEGRITY_EXCEPTION"
    assert rest("PATCH", f"/sobjects/User/{jane}", {"Title": "Boss"})[0] == 204
    assert rest("PUT", domains, "acme.example")[0] == 400
    assert rest("PUT", domains, []) == (200, [])
    assert rest("PATCH", f"/sobjects/User/{jane}", {"Email": "jane@acme.example"})[0] == 204
