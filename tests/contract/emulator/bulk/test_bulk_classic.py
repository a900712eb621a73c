"""Bulk API 1.0 over raw requests, in XML, JSON and CSV."""

import gzip
import json
import xml.etree.ElementTree as ET

import pytest

from provisioner.emulator.access import owned_sets

HOST = "http://127.0.0.1:8787"
ROOT = f"{HOST}/services/async/62.0/job"
NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"


class Classic:
    def __init__(self, session, token):
        self.session = session
        self.headers = {"X-SFDC-Session": token} if token else {}

    def send(self, method, path="", body=None, kind="application/xml", **more):
        url = path if path.startswith("http") else ROOT + path
        headers = {**self.headers, "Content-Type": kind, **more}
        data = body.encode() if isinstance(body, str) else body
        return self.session.request(method, url, data=data, headers=headers)

    def xml(self, method, path="", body=None, kind="application/xml"):
        response = self.send(method, path, body, kind)
        assert response.status_code in {200, 201}, response.text
        assert response.headers["Content-Type"] == "application/xml"
        return ET.fromstring(response.text)

    def job(self, operation, kind="CSV", sobject="Account", more=""):
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?><jobInfo xmlns="{NAMESPACE}">'
            f"<operation>{operation}</operation><object>{sobject}</object>{more}"
            f"<contentType>{kind}</contentType></jobInfo>"
        )
        return text(self.xml("POST", "", body), "id")

    def batch(self, job, body, kind="text/csv"):
        return text(self.xml("POST", f"/{job}/batch", body, kind), "id")

    def refusal(self, *args, **more):
        response = self.send(*args, **more)
        assert response.status_code >= 400, response.text
        if response.headers["Content-Type"].startswith("application/json"):
            error = response.json()
            return response.status_code, error["exceptionCode"], error["exceptionMessage"]
        error = ET.fromstring(response.text)
        assert error.tag == f"{{{NAMESPACE}}}error"
        return response.status_code, text(error, "exceptionCode"), text(error, "exceptionMessage")


def text(element, name):
    return element.findtext(f"{{{NAMESPACE}}}{name}")


@pytest.fixture
def classic(rest, local, admin):
    return Classic(rest.session, local.start_session(admin).token)


def test_csv_batches_of_an_xml_job(classic, rest):
    job = classic.job("insert")
    first = classic.batch(job, "Name,Phone\nA,1\n,2\n")
    second = classic.batch(job, "Name\r\nB\r\n")
    info = classic.xml("GET", f"/{job}/batch/{first}")
    assert (text(info, "state"), text(info, "jobId")) == ("Completed", job)
    assert text(info, "numberRecordsProcessed") == "2"
    assert text(info, "numberRecordsFailed") == "1"
    result = classic.send("GET", f"/{job}/batch/{first}/result")
    assert result.headers["Content-Type"] == "text/csv"
    (account,) = rest.rows("SELECT Id FROM Account WHERE Name = 'A'")
    assert result.text == (
        '"Id","Success","Created","Error"\n'
        f'"{account["Id"]}","true","true",""\n'
        '"","false","false","REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"\n'
    )
    assert classic.send("GET", f"/{job}/batch/{first}/request").text == "Name,Phone\nA,1\n,2\n"
    listed = classic.xml("GET", f"/{job}/batch")
    assert [text(one, "id") for one in listed] == [first, second]
    closed = classic.xml(
        "POST", f"/{job}", f'<jobInfo xmlns="{NAMESPACE}"><state>Closed</state></jobInfo>'
    )
    assert text(closed, "state") == "Closed"
    assert text(closed, "numberBatchesCompleted") == "2"
    assert text(closed, "apiVersion") == "62.0"
    assert classic.refusal("POST", f"/{job}/batch", "Name\nC\n", "text/csv")[1] == "InvalidJobState"


def test_xml_batches(classic, rest):
    boss = rest.create("Contact", LastName="Boss", Email="boss@acme.example")
    old = rest.create("Contact", LastName="Old", Email="old@acme.example", Phone="1")
    job = classic.job(
        "upsert", "XML", "Contact", "<externalIdFieldName>Email</externalIdFieldName>"
    )
    batch = classic.batch(
        job,
        f'<sObjects xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        "<sObject><Email>old@acme.example</Email><LastName>New</LastName>"
        '<Phone xsi:nil="true"/></sObject>'
        "<sObject><Email>new@acme.example</Email><LastName>Doe</LastName>"
        "<ReportsTo><sObject><Email>boss@acme.example</Email></sObject></ReportsTo></sObject>"
        "</sObjects>",
        "application/xml",
    )
    results = classic.xml("GET", f"/{job}/batch/{batch}/result")
    assert results.tag == f"{{{NAMESPACE}}}results"
    assert [(text(r, "success"), text(r, "created")) for r in results] == [
        ("true", "false"), ("true", "true")
    ]  # fmt: skip
    assert text(results[0], "id") == old
    rows = rest.rows("SELECT LastName, Phone, ReportsToId FROM Contact ORDER BY LastName")
    assert rows[1:] == [
        {"LastName": "Doe", "Phone": None, "ReportsToId": boss},
        {"LastName": "New", "Phone": None, "ReportsToId": None},
    ]


@pytest.mark.parametrize("kind", ["CSV", "XML", "JSON"])
def test_queries(classic, rest, kind):
    account = rest.create("Account", Name="Acme")
    rest.create("Contact", LastName="Doe", AccountId=account)
    job = classic.job("query", kind, "Contact")
    mime = {"CSV": "text/csv", "XML": "application/xml", "JSON": "application/json"}[kind]
    soql = "SELECT LastName, Account.Name, Phone FROM Contact"
    response = classic.send("POST", f"/{job}/batch", soql, mime)
    batch = response.json()["id"] if kind == "JSON" else text(ET.fromstring(response.text), "id")
    listed = classic.send("GET", f"/{job}/batch/{batch}/result", kind=mime)
    if kind == "JSON":
        (result,) = listed.json()
    else:
        top = ET.fromstring(listed.text)
        assert top.tag == f"{{{NAMESPACE}}}result-list"
        result = text(top, "result")
    assert result.startswith("752")
    found = classic.send("GET", f"/{job}/batch/{batch}/result/{result}")
    match kind:
        case "CSV":
            assert found.text == '"LastName","Account.Name","Phone"\n"Doe","Acme",""\n'
        case "JSON":
            (record,) = found.json()
            assert (record["LastName"], record["Account"]["Name"]) == ("Doe", "Acme")
        case _:
            (record,) = ET.fromstring(found.text)
            assert (text(record, "type"), text(record, "LastName")) == ("Contact", "Doe")
    assert classic.refusal("GET", f"/{job}/batch/{batch}/result/7520")[1] == "InvalidBatch"


def test_a_json_job_is_told_of_in_json(classic):
    # salesforce-api asks so, without a header, and reads JSON; who asks for XML gets it
    job = classic.job("insert", "JSON")
    batch = classic.send("POST", f"/{job}/batch", '[{"Name": "Acme"}]', "application/json").json()
    url = f"{ROOT}/{job}/batch/{batch['id']}"
    plain = classic.session.get(url, headers=classic.headers)
    assert plain.headers["Content-Type"] == "application/json"
    assert plain.json()["numberRecordsProcessed"] == 1
    asked = classic.session.get(url, headers={**classic.headers, "Accept": "application/xml"})
    assert asked.headers["Content-Type"] == "application/xml"


def test_a_csv_job_is_told_of_in_xml_whatever_a_get_says_it_sends(classic):
    # tap-salesforce makes the job in JSON, and reads XML of its batches ever after
    body = '{"operation": "query", "object": "Account", "contentType": "CSV"}'
    job = classic.send("POST", "", body, "application/json").json()["id"]
    batch = text(classic.xml("POST", f"/{job}/batch", "SELECT Id FROM Account", "text/csv"), "id")
    told = classic.xml("GET", f"/{job}/batch/{batch}", kind="application/json")
    assert text(told, "state") == "Completed"
    closed = classic.send("POST", f"/{job}", '{"state": "Closed"}', "application/json")
    assert closed.json()["state"] == "Closed"


def test_batches_travel_packed(classic, rest):
    packed = gzip.compress(b"Name\nAcme\n")
    job = classic.job("insert")
    sent = {"body": packed, "kind": "text/csv", "Content-Encoding": "gzip"}
    assert classic.send("POST", f"/{job}/batch", **sent).status_code == 201
    classic.xml("GET", f"/{job}")
    assert [row["Name"] for row in rest.rows("SELECT Name FROM Account")] == ["Acme"]
    sent["body"] = b"Name\nAcme\n"
    assert classic.refusal("POST", f"/{job}/batch", **sent)[0] == 400


def test_batches_that_fail(classic):
    for operation, body, message in (
        ("insert", "Name,Nope\nA,1\n", "InvalidBatch : Field name not found : Nope"),
        ("query", "SELECT Name, (SELECT Id FROM Contacts) FROM Account",
         ("InvalidBatch : Failed to process query: FUNCTIONALITY_NOT_ENABLED: Aggregate"
         " Relationships not supported in Bulk Query")),
        ("query", "SELECT Id FROM Contact",
         ("InvalidBatch : Failed to process query: INVALID_TYPE_FOR_OPERATION: The root entity of"
         " the requested query (Contact) does not match the entity of the requested Bulk API Job"
         " (Account).")),
    ):  # fmt: skip
        job = classic.job(operation)
        batch = classic.batch(job, body)
        info = classic.xml("GET", f"/{job}/batch/{batch}")
        assert text(info, "state") == "Failed"
        assert text(info, "stateMessage") == message
        refused = classic.refusal("GET", f"/{job}/batch/{batch}/result")
        assert refused == (400, "InvalidBatch", "Records not processed")


def test_an_aborted_job_does_nothing_more(classic, rest):
    job = classic.job("insert")
    batch = classic.batch(job, "Name\nA\n")
    classic.xml("POST", f"/{job}", f'<jobInfo xmlns="{NAMESPACE}"><state>Aborted</state></jobInfo>')
    assert text(classic.xml("GET", f"/{job}/batch/{batch}"), "state") == "NotProcessed"
    assert rest.rows("SELECT Id FROM Account") == []
    body = f'<jobInfo xmlns="{NAMESPACE}"><state>Closed</state></jobInfo>'
    assert classic.refusal("POST", f"/{job}", body)[1] == "InvalidJobState"


def test_refusals_in_the_kind_of_the_request(classic, rest, anonymous):
    nobody = Classic(rest.session, None)
    refused = (400, "InvalidSessionId", "Invalid session id")
    assert nobody.refusal("GET", "/7500000000000000AA") == refused
    assert nobody.refusal("GET", "/7500000000000000AA", kind="application/json") == refused
    unknown = f"{HOST}/services/async/99.0/job"
    assert classic.refusal("POST", unknown, "")[1:] == ("InvalidUrl", "unknown version: 99.0")
    retired = f"{HOST}/services/async/20.0/job"
    assert classic.refusal("POST", retired, "")[1] == "InvalidVersion"
    assert classic.refusal("GET", "/7500000000000000AA")[1] == "InvalidJob"
    assert classic.refusal("POST", "", "<jobInfo")[1] == "InvalidXML"
    assert classic.refusal("POST", "", "{", kind="application/json")[1] == "InvalidJob"
    body = '{"operation": "insert", "object": "Nope", "contentType": "JSON"}'
    assert classic.refusal("POST", "", body, kind="application/json") == (
        400, "InvalidJob", "Unable to find object: Nope"
    )  # fmt: skip
    body = '{"operation": "hardDelete", "object": "Account", "contentType": "JSON"}'
    assert classic.refusal("POST", "", body, kind="application/json")[1] == "FeatureNotEnabled"
    body = '{"operation": "insert", "object": "Account", "createdById": "x"}'
    assert classic.refusal("POST", "", body, kind="application/json")[2] == (
        "CreatedById cannot be specified"
    )
    job = classic.job("insert", "JSON")
    assert (
        classic.refusal("POST", f"/{job}/batch", "Name\nA\n", "text/csv")[1] == "ClientInputError"
    )
    assert classic.refusal("GET", f"/{job}/batch/7510")[1] == "InvalidBatch"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"Name": "x" * 131_073}, "Exceeded max field size: 131073"),
        (dict.fromkeys(("Name", "Phone", "Fax", "Site"), "x" * 100001),
         ("Exceeded max length for one record: 400004. Max length for one record should be less than"
          " or equal to 400000")),
    ],
)  # fmt: skip
def test_records_beyond_the_limits_in_every_kind(classic, record, message):
    job = classic.job("insert", "JSON")
    made = classic.send("POST", f"/{job}/batch", json.dumps([record]), "application/json").json()
    told = classic.send("GET", f"/{job}/batch/{made['id']}", kind="application/json").json()
    assert (told["state"], told["stateMessage"]) == ("Failed", f"InvalidBatch : {message}")
    job = classic.job("insert", "XML")
    cells = "".join(f"<{name}>{value}</{name}>" for name, value in record.items())
    body = f'<sObjects xmlns="{NAMESPACE}"><sObject>{cells}</sObject></sObjects>'
    batch = classic.batch(job, body, "application/xml")
    info = classic.xml("GET", f"/{job}/batch/{batch}")
    assert text(info, "stateMessage") == f"InvalidBatch : {message}"


def test_nobody_else_closes_a_job(classic, local, admin):
    job = classic.job("insert")
    (profile,) = local.select("Profile", Name="System Administrator")
    values = {"Username": "other@acme.example", "LastName": "Other", "IsActive": True}
    other = owned_sets.insert_user(local, values | {"ProfileId": profile["Id"]}, by=admin)
    token = {"X-SFDC-Session": local.start_session(other).token}

    def end(state):
        body = f"<jobInfo xmlns='{NAMESPACE}'><state>{state}</state></jobInfo>"
        return classic.send("POST", f"/{job}", body, **token)

    closed = end("Closed")
    assert closed.status_code == 403
    assert text(ET.fromstring(closed.text), "exceptionCode") == "InvalidUser"
    assert end("Aborted").status_code == 200


# -- PK chunking -------------------------------------------------------------------------------


@pytest.fixture
def chunked(classic):
    """Starts a query job with the header; gives its id and its batches after one query."""

    def run(soql, header, sobject="Account"):
        body = (
            f'<jobInfo xmlns="{NAMESPACE}"><operation>query</operation>'
            f"<object>{sobject}</object><contentType>CSV</contentType></jobInfo>"
        )
        made = classic.send("POST", "", body, **{"Sforce-Enable-PKChunking": header})
        assert made.status_code == 201, made.text
        job = text(ET.fromstring(made.text), "id")
        first = classic.xml("POST", f"/{job}/batch", soql, "text/csv")
        assert text(first, "state") == "Queued"
        return job, list(classic.xml("GET", f"/{job}/batch"))

    return run


def names(classic, job, batch):
    id_ = text(batch, "id")
    (result,) = classic.xml("GET", f"/{job}/batch/{id_}/result")
    found = classic.send("GET", f"/{job}/batch/{id_}/result/{result.text}").text
    return [line.strip('"') for line in found.splitlines()[1:]]


def test_a_query_is_split_by_ids(classic, chunked, rest):
    made = [rest.create("Account", Name=f"A{n}") for n in range(5)]
    job, (original, *chunks) = chunked("SELECT Name FROM Account", "chunkSize=2")
    assert text(original, "state") == "NotProcessed"
    assert [text(one, "state") for one in chunks] == ["Completed"] * 3
    assert [names(classic, job, one) for one in chunks] == [["A0", "A1"], ["A2", "A3"], ["A4"]]
    sent = classic.send("GET", f"/{job}/batch/{text(chunks[1], 'id')}/request").text
    low, high = made[2][:15], made[4][:15]
    assert sent == f"SELECT Name FROM Account WHERE Id >= '{low}' AND Id < '{high}'"
    assert classic.refusal("GET", f"/{job}/batch/{text(original, 'id')}/result")[1] == (
        "InvalidBatch"
    )
    info = classic.xml("GET", f"/{job}")
    assert (text(info, "numberBatchesTotal"), text(info, "numberRecordsProcessed")) == ("4", "5")


def test_a_chunked_query_keeps_its_condition_and_begins_where_it_is_told(classic, chunked, rest):
    made = [rest.create("Account", Name=f"A{n}") for n in range(6)]
    rest("DELETE", f"/sobjects/Account/{made[3]}")
    soql = "SELECT Name FROM Account WHERE Name != 'A4' OR Name = 'A5'"
    job, (_, *chunks) = chunked(soql, f"TRUE; chunkSize=3; startRow={made[2]}")
    assert [names(classic, job, one) for one in chunks] == [["A2"], ["A5"]]
    assert len(chunked("SELECT Id FROM Account", "true")[1]) == 2
    other, (only,) = chunked("SELECT Id FROM Account", "FALSE")
    assert text(only, "state") == "Completed"
    for wanted, found in (("true", False), ("false", True)):
        _, jobs = rest("GET", f"/jobs/query?isPkChunkingEnabled={wanted}")
        assert (other in [one["id"] for one in jobs["records"]]) is found
        assert (job in [one["id"] for one in jobs["records"]]) is not found


def test_what_can_not_be_split(classic, chunked, rest):
    for n in range(3):
        rest.create("Account", Name=f"A{n}")
    job, (only,) = chunked("SELECT Name FROM Account ORDER BY Name DESC", "chunkSize=1")
    assert names(classic, job, only) == ["A2", "A1", "A0"]
    _, (wrong,) = chunked("SELECT Nope FROM Account WHERE", "chunkSize=1")
    assert text(wrong, "state") == "Failed"
    _, (other,) = chunked("SELECT Id FROM Profile", "chunkSize=1", "Profile")
    assert (text(other, "state"), text(other, "stateMessage")) == (
        "Failed", "InvalidBatch : PK chunking is not supported for Profile",
    )  # fmt: skip
    body = "<jobInfo><operation>query</operation><object>Account</object></jobInfo>"
    for value in ("chunkSize=250001", "chunkSize=x", "startRow=1", "size=3"):
        header = {"Sforce-Enable-PKChunking": value}
        assert classic.refusal("POST", "", body, **header)[:2] == (400, "InvalidJob")
