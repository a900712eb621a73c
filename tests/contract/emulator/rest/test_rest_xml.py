"""XML in place of JSON, in the forms that the REST guide shows."""

from xml.etree import ElementTree as ET

import pytest

URL = "http://127.0.0.1:8787"
ASKS = {"Accept": "application/xml"}
SENDS = {"Content-Type": "application/xml; charset=UTF-8"}
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def ask(rest, method, path, text=None):
    headers = ASKS | (SENDS if text is not None else {})
    data = None if text is None else text.encode()
    answer = rest.send(method, path, data=data, headers=headers)
    if not answer.content:
        return answer.status_code, None
    assert answer.headers["Content-Type"] == "application/xml;charset=UTF-8"
    return answer.status_code, ET.fromstring(answer.content)


@pytest.fixture
def made(rest):
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><Account><Name>Ä &amp; B</Name>'
        "<NumberOfEmployees>5</NumberOfEmployees></Account>"
    )
    status, result = ask(rest, "POST", "/sobjects/Account", text)
    assert (status, result.tag, result.findtext("success")) == (201, "Result", "true")
    return result.findtext("id")


def test_a_record_is_made_read_and_changed(rest, made):
    status, row = ask(rest, "GET", f"/sobjects/Account/{made}?fields=Name,NumberOfEmployees,Phone")
    assert (status, row.tag) == (200, "Account")
    url = f"/services/data/v62.0/sobjects/Account/{made}"
    assert row.attrib == {"type": "Account", "url": url}
    assert (row.findtext("Name"), row.findtext("NumberOfEmployees")) == ("Ä & B", "5")
    assert row.find("Phone").attrib == {NIL: "true"}
    change = "<Account><NumberOfEmployees>7</NumberOfEmployees></Account>"
    assert ask(rest, "PATCH", f"/sobjects/Account/{made}", change) == (204, None)
    assert rest("GET", f"/sobjects/Account/{made}")[1]["NumberOfEmployees"] == 7


def test_a_query(rest, made):
    rest.create("Contact", LastName="Doe", AccountId=made)
    soql = "SELECT Name, Owner.Name, (SELECT LastName FROM Contacts) FROM Account"
    status, result = ask(rest, "GET", f"/query?q={soql}")
    assert (status, result.tag, result.findtext("totalSize")) == (200, "QueryResult", "1")
    (record,) = result.findall("records")
    assert (record.get("type"), record.findtext("Name")) == ("Account", "Ä & B")
    assert record.find("Owner").get("type") == "User"
    assert record.findtext("Contacts/records/LastName") == "Doe"


def test_errors_and_versions(rest):
    status, errors = ask(rest, "GET", "/sobjects/Account/001000000000000AAA")
    assert (status, errors.tag) == (404, "Errors")
    assert errors.findtext("Error/errorCode") == "NOT_FOUND"
    status, errors = ask(rest, "POST", "/sobjects/Account", "<Account><Nam>x</Nam></Account>")
    assert (status, errors.findtext("Error/errorCode")) == (400, "INVALID_FIELD")
    assert ask(rest, "POST", "/sobjects/Account", "<Account><Name></Account>")[0] == 400
    entity = '<!DOCTYPE x [<!ENTITY a "b">]><Account><Name>&a;</Name></Account>'
    assert ask(rest, "POST", "/sobjects/Account", entity)[0] == 400
    versions = ask(rest, "GET", f"{URL}/services/data")[1]
    assert (versions.tag, versions[0].tag) == ("Versions", "Version")
    assert versions[0].findtext("url") == "/services/data/v31.0"


def test_the_password_resource(rest, admin):
    path = f"/sobjects/User/{admin}/password"
    status, answer = ask(rest, "GET", path)
    assert (status, ET.tostring(answer, encoding="unicode")) == (
        200, "<Password><isExpired>false</isExpired></Password>",
    )  # fmt: skip
    new = "<Password><NewPassword>correct1horse</NewPassword></Password>"
    assert ask(rest, "POST", path, new) == (204, None)
    status, answer = ask(rest, "DELETE", path)
    assert (status, answer.tag) == (200, "Password")
    assert answer.findtext("NewPassword")


@pytest.mark.parametrize("path", ["/limits/recordCount", "/recent", "/composite"])
def test_what_is_in_json_only_is_refused(rest, path):
    status, errors = ask(rest, "GET", path)
    assert (status, errors.findtext("Error/errorCode")) == (406, "NOT_ACCEPTABLE")


def test_describes_as_camel_and_rforcecom_read_them(rest):
    status, found = ask(rest, "GET", "/sobjects")
    assert (status, found.tag, found.findtext("maxBatchSize")) == (200, "DescribeGlobal", "200")
    names = [one.findtext("name") for one in found.findall("sobjects")]
    assert names == [one["name"] for one in rest("GET", "/sobjects")[1]["sobjects"]]
    status, found = ask(rest, "GET", "/sobjects/Account/describe")
    assert (status, found.tag, found.findtext("keyPrefix")) == (200, "Account", "001")
    fields = {one.findtext("name"): one for one in found.iter("fields")}
    assert set(fields) == {
        one["name"] for one in rest("GET", "/sobjects/Account/describe")[1]["fields"]
    }
    assert fields["OwnerId"].findtext("referenceTo") == "User"
    status, found = ask(rest, "GET", "/sobjects/Account")
    assert (status, found.tag) == (200, "Account")
    assert found.findtext("objectDescribe/name") == "Account"
    assert (
        rest.send("HEAD", "/sobjects", headers=ASKS)
        .headers["Content-Type"]
        .startswith("application/xml")
    )


def test_limits(rest):
    status, found = ask(rest, "GET", "/limits")
    assert (status, found.tag) == (200, "LimitsSnapshot")
    assert found.findtext("DailyApiRequests/Max") == "15000"


def test_a_tree_of_records(rest):
    record = {"attributes": {"type": "Account", "referenceId": "ref1"}, "Name": "A"}
    call = "POST", "/composite/tree/Account"
    answer = rest.send(*call, {"records": [record]}, headers=ASKS)
    found = ET.fromstring(answer.content)
    assert (answer.status_code, found.tag) == (201, "SObjectTreeResponse")
    assert found.findtext("hasErrors") == "false"
    assert found.findtext("results/referenceId") == "ref1"
    assert rest("GET", f"/sobjects/Account/{found.findtext('results/id')}")[0] == 200
    record["Name"] = None
    found = ET.fromstring(rest.send(*call, {"records": [record]}, headers=ASKS).content)
    assert found.findtext("hasErrors") == "true"
    assert found.findtext("results/errors/statusCode") == "REQUIRED_FIELD_MISSING"
    assert found.findtext("results/errors/fields") == "Name"


def test_a_batch(rest, made):
    url = f"v62.0/sobjects/Account/{made}"
    calls = [
        {"method": "PATCH", "url": url, "richInput": {"Name": "B"}},
        {"method": "GET", "url": f"{url}?fields=Name"},
        {"method": "GET", "url": "v62.0/sobjects/Account/001000000000000AAA"},
    ]
    answer = rest.send("POST", "/composite/batch", {"batchRequests": calls}, headers=ASKS)
    found = ET.fromstring(answer.content)
    assert (answer.status_code, found.tag) == (200, "batchResults")
    assert found.findtext("hasErrors") == "true"
    changed, read, missing = found.findall("results/batchResult")
    assert (changed.findtext("statusCode"), len(changed.find("result"))) == ("204", 0)
    assert read.find("result/Account").get("type") == "Account"
    assert read.findtext("result/Account/Name") == "B"
    assert missing.findtext("result/Errors/Error/errorCode") == "NOT_FOUND"


def test_json_wins_where_both_are_taken(rest):
    for accept in ("application/json, application/xml", "*/*", "*/*, application/xml"):
        answer = rest.send("GET", "/query?q=SELECT Id FROM Account", headers={"Accept": accept})
        assert answer.headers["Content-Type"].startswith("application/json")


def test_the_address_may_name_the_format(rest):
    id_ = rest.create("Account", Name="Acme")
    for path in (f"/sobjects/Account/{id_}", "/sobjects", "/sobjects/Nope"):
        in_json, in_xml = rest.send("GET", path), rest.send("GET", path, headers=ASKS)
        assert rest.send("GET", f"{path}.json", headers=ASKS).text == in_json.text
        answer = rest.send("GET", f"{path}.xml")
        assert (answer.status_code, answer.text) == (in_json.status_code, in_xml.text)
        assert answer.headers["Content-Type"] == "application/xml;charset=UTF-8"
    versions = rest.send("GET", f"{URL}/services/data.xml")
    assert versions.text.startswith('<?xml version="1.0" encoding="UTF-8"?><Versions>')
    assert rest.send("GET", f"{URL}/services/data.json").json()[0]["version"] == "31.0"
