"""Ingest jobs of Bulk API 2.0 over raw requests: states, dialects, results, refusals."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from provisioner.emulator.access import owned_sets
from provisioner.emulator.app import create_app
from provisioner.emulator.bulk import v2, v2_run
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.server import InProcessAdapter

from ..conftest import URL, Rest

JOB = {"object": "Account", "operation": "insert"}
UNESCAPED = (
    "InvalidBatch : Failed to parse CSV. Found unescaped quote."
    " A value with quote should be within a quote"
)
PARSING = "InvalidBatch : Failed to parse CSV. "


@pytest.fixture
def bulk2(rest):
    return Bulk2(rest)


class Bulk2:
    def __init__(self, rest):
        self.rest = rest

    def create(self, **more):
        status, job = self.rest("POST", "/jobs/ingest", {**JOB, **more})
        assert status == 200, job
        return job["id"]

    def upload(self, id_, data, kind="text/csv"):
        return self.rest.send(
            "PUT", f"/jobs/ingest/{id_}/batches", data=data.encode(), headers={"Content-Type": kind}
        )

    def close(self, id_, state="UploadComplete"):
        return self.rest("PATCH", f"/jobs/ingest/{id_}", {"state": state})

    def run(self, data, **more):
        id_ = self.create(**more)
        assert self.upload(id_, data).status_code == 201
        assert self.close(id_)[1]["state"] == "UploadComplete"
        return self.rest("GET", f"/jobs/ingest/{id_}")[1]

    def text(self, id_, what):
        response = self.rest.send("GET", f"/jobs/ingest/{id_}/{what}")
        assert response.status_code == 200, response.text
        assert response.headers["Content-Type"] == "text/csv"
        return response.text

    def failures(self, id_):
        rows = csv.DictReader(io.StringIO(self.text(id_, "failedResults")))
        return [row["sf__Error"] for row in rows]


def test_a_job_from_open_to_complete(bulk2, rest, admin):
    status, job = rest("POST", "/jobs/ingest", {**JOB, "contentType": "CSV"})
    assert status == 200
    id_ = job["id"]
    assert job == {
        "id": id_,
        "operation": "insert",
        "object": "Account",
        "createdById": admin,
        "createdDate": job["createdDate"],
        "systemModstamp": job["systemModstamp"],
        "state": "Open",
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": 62.0,
        "contentUrl": f"services/data/v62.0/jobs/ingest/{id_}/batches",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }
    assert id_.startswith("750")
    uploaded = bulk2.upload(id_, 'Name,Description\nAcme,"one, ""two"""\nBolt,\n')
    assert (uploaded.status_code, uploaded.content) == (201, b"")
    status, closed = bulk2.close(id_)
    assert (status, closed["state"]) == (200, "UploadComplete")
    assert "lineEnding" not in closed
    info = rest("GET", f"/jobs/ingest/{id_}")[1]
    assert (info["state"], info["jobType"]) == ("JobComplete", "V2Ingest")
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (2, 0)
    assert (info["retries"], info["apexProcessingTime"]) == (0, 0)
    acme, bolt = (row["Id"] for row in rest.rows("SELECT Id FROM Account ORDER BY Name"))
    assert bulk2.text(id_, "successfulResults") == (
        '"sf__Id","sf__Created",Name,Description\n'
        f'"{acme}","true",Acme,"one, ""two"""\n'
        f'"{bolt}","true",Bolt,\n'
    )
    assert bulk2.text(id_, "failedResults") == '"sf__Id","sf__Error",Name,Description\n'
    assert bulk2.text(id_, "unprocessedrecords") == "Name,Description\n"
    assert rest("DELETE", f"/jobs/ingest/{id_}") == (204, None)
    assert rest.refusal("GET", f"/jobs/ingest/{id_}")[:2] == (404, "NOT_FOUND")


def test_a_refused_row_leaves_the_others_alone(bulk2, rest):
    info = bulk2.run("Name,NumberOfEmployees\nA,1\n,2\nC,many\nD,4\n")
    assert (info["state"], info["numberRecordsProcessed"]) == ("JobComplete", 4)
    assert info["numberRecordsFailed"] == 2
    assert bulk2.failures(info["id"]) == [
        "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --",
        (
            "INVALID_FIELD:Failed to deserialize field at col 1. Due to, 'many' is not a valid value"
            " for the type xsd:int:NumberOfEmployees --"
        ),
    ]
    assert [r["Name"] for r in rest.rows("SELECT Name FROM Account ORDER BY Name")] == ["A", "D"]


@pytest.mark.parametrize(
    ("delimiter", "sign"),
    [("BACKQUOTE", "`"), ("CARET", "^"), ("COMMA", ","), ("PIPE", "|"), ("SEMICOLON", ";"),
     ("TAB", "\t")],
)  # fmt: skip
@pytest.mark.parametrize(("ending", "newline"), [("LF", "\n"), ("CRLF", "\r\n")])
def test_dialects(bulk2, rest, delimiter, sign, ending, newline):
    lines = (
        ("Name", "Phone"),
        (f'"A{sign}B"', "1"),
        ('"two\nlines"' if ending == "LF" else "C", "2"),
    )
    data = "".join(sign.join(line) + newline for line in lines)
    info = bulk2.run(data, columnDelimiter=delimiter, lineEnding=ending)
    assert (info["state"], info["numberRecordsFailed"]) == ("JobComplete", 0), info
    assert (info["columnDelimiter"], info["lineEnding"]) == (delimiter, ending)
    names = [row["Name"] for row in rest.rows("SELECT Name FROM Account ORDER BY Name")]
    assert names[0] == f"A{sign}B"
    header = bulk2.text(info["id"], "successfulResults").split(newline)[0]
    assert header == sign.join(('"sf__Id"', '"sf__Created"', "Name", "Phone"))


@pytest.mark.parametrize(
    ("data", "more", "message"),
    [
        ("Name,Nope\nA,1\n", {}, "InvalidBatch : Field name not found : Nope"),
        ("Name,Account.Name\nA,1\n", {}, "InvalidBatch : Field name not found : Account.Name"),
        ("Name\r\nA\r\n", {},
         "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF"),
        ("Name\nA\n", {"lineEnding": "CRLF"},
         "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is CRLF"),
        ("Name\nA\n", {"operation": "update"}, "InvalidBatch : Field name not found : Id"),
        ("Name\nA\n", {"operation": "delete"}, "InvalidBatch : Field name not found : Id"),
        ("Name,Parent.Id\nA,x\n", {"columnDelimiter": "PIPE"},
         "InvalidBatch : Field name not found : Name,Parent.Id"),
        ("Name,Account:Parent.Id\nA,x\n", {},
         "InvalidBatch : type is not needed for non polymorphic foreign key"),
        ("", {}, "InvalidBatch : Records not found"),
        ("\ufeffName\nA\n", {}, "InvalidBatch : Field name not found : \ufeffName"),
        ('\ufeff"Name"\nA\n', {}, UNESCAPED),
        ('Name\nA "B"\n', {}, UNESCAPED),
        ('Name,Phone\n"A,B", "1"\n', {}, UNESCAPED),
        ('Name,Phone\n"A"B,1\n', {},
         "InvalidBatch : Failed to parse CSV. Not expecting more text after end quote"),
        ('Name\n"A\nB\n', {},
         "InvalidBatch : Failed to parse CSV. EOF reached before closing an opened quote"),
        ('Name\nA\n5" pipe\n', {}, UNESCAPED),
        (f"Name\n{'x' * 131_073}\n", {},
         f"{PARSING}Exceeded max field size: 131073"),
        (f"Name,Phone,Fax,Site\n{','.join(4 * ['x' * 100_001])}\n", {},
         (f"{PARSING}Exceeded max length for one record: 400004. Max length for one record should be"
         " less than or equal to 400000")),
        (",".join(f"F{n}" for n in range(5001)) + "\n", {},
         f"{PARSING}Exceeded max number of columns per record : 5000"),
        ("Name,Phone\nA\n", {}, "InvalidBatch : Row 2 has 1 fields, the header has 2"),
    ],
)  # fmt: skip
def test_data_that_fails_the_whole_job(bulk2, rest, data, more, message):
    info = bulk2.run(data, **more)
    assert (info["state"], info["errorMessage"]) == ("Failed", message)
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (0, 0)
    assert rest.rows("SELECT Id FROM Account") == []
    assert rest("DELETE", f"/jobs/ingest/{info['id']}")[0] == 204


def test_a_job_without_data_fails(bulk2, rest):
    id_ = bulk2.create()
    bulk2.close(id_)
    info = rest("GET", f"/jobs/ingest/{id_}")[1]
    assert (info["state"], info["errorMessage"]) == (
        "Failed",
        "InvalidBatch : No data was uploaded",
    )


def test_empty_leaves_alone_and_not_available_is_null(bulk2, rest):
    id_ = rest.create("Account", Name="A", Phone="1", Fax="2")
    info = bulk2.run(f"Id,Name,Phone,Fax\n{id_[:15]},B,,#N/A\n", operation="update")
    assert info["numberRecordsFailed"] == 0
    assert rest.rows("SELECT Name, Phone, Fax FROM Account") == [
        {"Name": "B", "Phone": "1", "Fax": None}
    ]
    assert '"false"' in bulk2.text(info["id"], "successfulResults")


def test_booleans_as_the_guide_lists_them(bulk2, rest, portal_on):
    info = bulk2.run(
        "LastName,CanAllowPortalSelfReg\na,YES\nb,t\nc,1\nd,off\ne,maybe\n", object="Contact"
    )
    assert [error.split(" Due to, ")[1] for error in bulk2.failures(info["id"])] == [
        "'t' is not a valid value for the type xsd:boolean:CanAllowPortalSelfReg --",
        "'maybe' is not a valid value for the type xsd:boolean:CanAllowPortalSelfReg --",
    ]
    soql = "SELECT LastName, CanAllowPortalSelfReg FROM Contact ORDER BY LastName"
    assert [row["CanAllowPortalSelfReg"] for row in rest.rows(soql)] == [True, True, False]


def test_days_and_numbers(bulk2, rest):
    info = bulk2.run(
        "Name,StageName,CloseDate,Amount\n"
        "a,New,2026-01-31,1.5\n"
        "b,New,2026-01-31T10:00:00Z,2\n"
        "c,New,31/01/2026,2\n"
        "d,New,2026-01-31,nan\n",
        object="Opportunity",
    )
    assert [error.split(" Due to, ")[1] for error in bulk2.failures(info["id"])] == [
        "'31/01/2026' is not a valid value for the type xsd:date:CloseDate --",
        "'nan' is not a valid value for the type xsd:double:Amount --",
    ]


def test_parents_by_key(bulk2, rest):
    boss = rest.create("Contact", LastName="Boss", Email="boss@acme.example")
    info = bulk2.run(
        "LastName,ReportsTo.Email\nDoe,boss@acme.example\nDow,nobody@acme.example\n",
        object="Contact",
    )
    assert bulk2.failures(info["id"]) == [
        (
            "INVALID_FIELD:Foreign key external ID: nobody@acme.example not found for field Email in"
            " entity Contact:--"
        )
    ]
    assert rest.rows("SELECT ReportsToId FROM Contact WHERE LastName = 'Doe'") == [
        {"ReportsToId": boss}
    ]


def test_upsert_by_a_key(bulk2, rest):
    rest.create("Contact", LastName="Old", Email="a@acme.example")
    for _ in range(2):
        rest.create("Contact", LastName="Twin", Email="twin@acme.example")
    info = bulk2.run(
        "Email,LastName\na@acme.example,New\nb@acme.example,B\nb@acme.example,B2\n"
        "twin@acme.example,T\n,X\n",
        object="Contact",
        operation="upsert",
        externalIdFieldName="email",
    )
    assert info["externalIdFieldName"] == "Email"
    lines = bulk2.text(info["id"], "successfulResults").splitlines()[1:]
    assert [line.split(",")[1:] for line in lines] == [
        ['"false"', "a@acme.example", "New"],
    ]
    assert [error.split(":")[:2] for error in bulk2.failures(info["id"])] == [
        ["DUPLICATE_VALUE", "Duplicate external id specified"],
        ["DUPLICATE_VALUE", "Duplicate external id specified"],
        ["DUPLICATE_EXTERNAL_ID", "Email"],
        ["MISSING_ARGUMENT", "Email not specified"],
    ]


def test_rows_of_one_record_fail_together_but_not_in_two_chunks(bulk2, rest):
    id_ = rest.create("Account", Name="A")
    info = bulk2.run(f"Id,Name\n{id_},B\n{id_[:15]},C\n", operation="update")
    assert bulk2.failures(info["id"]) == [
        f"DUPLICATE_VALUE:Duplicate id specified: {id_}:Id --",
        f"DUPLICATE_VALUE:Duplicate id specified: {id_[:15]}:Id --",
    ]
    others = "".join(f"{rest.create('Account', Name='O')},O\n" for _ in range(199))
    info = bulk2.run(f"Id,Name\n{id_},B\n{others}{id_},C\n", operation="update")
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (201, 0)
    assert rest.rows(f"SELECT Name FROM Account WHERE Id = '{id_}'") == [{"Name": "C"}]


def test_delete_and_ids_that_nothing_has(bulk2, rest):
    id_ = rest.create("Account", Name="A")
    data = f"Id\n{id_}\n{id_}\n001000000000000AAA\nnonsense\n003000000000000\n"
    info = bulk2.run(data, operation="delete")
    assert bulk2.failures(info["id"]) == [
        "ENTITY_IS_DELETED:entity is deleted:--",
        "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--",
        "MALFORMED_ID:bad id nonsense:--",
        "MALFORMED_ID:bad id 003000000000000:--",
    ]
    assert rest.rows("SELECT Id FROM Account") == []


def test_hard_delete_needs_its_permission(bulk2, rest, local, admin):
    assert rest.refusal("POST", "/jobs/ingest", {**JOB, "operation": "hardDelete"}) == (
        400,
        "FEATURENOTENABLED",
        (
            "hardDelete operation requires special user profile permission, please contact your"
            " system administrator"
        ),
        None,
    )
    (assigned,) = local.select("PermissionSetAssignment", AssigneeId=admin)
    granted = {"PermissionsBulkApiHardDelete": True}
    local.update("PermissionSet", assigned["PermissionSetId"], granted, by=admin)
    id_ = rest.create("Account", Name="A")
    info = bulk2.run(f"Id\n{id_}\n", operation="hardDelete")
    assert info["numberRecordsFailed"] == 0
    assert local.get("Account", id_) is None


def test_users_are_loaded_under_their_rules(bulk2, person, profiles, rest):
    person["ProfileId"] = profiles["High Volume Customer Portal"]
    second = {
        **person,
        "Username": "b@acme.example.portal",
        "Alias": "b",
        "Email": "b@acme.example",
    }
    text = io.StringIO()
    writer = csv.DictWriter(text, person, lineterminator="\n")
    writer.writeheader()
    writer.writerows([person, second])
    info = bulk2.run(text.getvalue(), object="User")
    assert info["numberRecordsFailed"] == 1
    assert bulk2.failures(info["id"])[0].startswith("PORTAL_USER_ALREADY_EXISTS_FOR_CONTACT:")


# -- states --------------------------------------------------------------------------------------


def test_states_are_enforced(bulk2, rest):
    id_ = bulk2.create()
    assert rest.refusal("DELETE", f"/jobs/ingest/{id_}")[1] == "INVALIDJOBSTATE"
    assert rest.refusal("GET", f"/jobs/ingest/{id_}/failedResults")[1] == "INVALIDJOBSTATE"
    bulk2.upload(id_, "Name\nA\n")
    again = bulk2.upload(id_, "Name\nB\n")
    assert (again.status_code, again.json()[0]["errorCode"]) == (400, "BULK_API_ERROR")
    assert again.json()[0]["message"].startswith(f"Found multipe contents for job: <{id_[:15]}>")
    bulk2.close(id_)
    assert bulk2.upload(id_, "Name\nB\n").status_code == 400
    refused = (400, "INVALIDJOBSTATE", "Closing already Completed Job not allowed", None)
    assert rest.refusal("PATCH", f"/jobs/ingest/{id_}", {"state": "UploadComplete"}) == refused
    assert rest("GET", f"/jobs/ingest/{id_}")[1]["state"] == "JobComplete"
    refused = (400, "INVALIDJOBSTATE", "Aborting already Completed Job not allowed", None)
    assert rest.refusal("PATCH", f"/jobs/ingest/{id_}", {"state": "Aborted"}) == refused
    assert len(rest.rows("SELECT Id FROM Account")) == 1


def test_an_aborted_job_leaves_its_rows_unprocessed(bulk2, rest):
    id_ = bulk2.create()
    bulk2.upload(id_, "Name\nA\nB\n")
    bulk2.close(id_)
    assert bulk2.close(id_, "Aborted")[1]["state"] == "Aborted"
    assert rest("GET", f"/jobs/ingest/{id_}")[1]["state"] == "Aborted"
    assert bulk2.text(id_, "unprocessedrecords") == "Name\nA\nB\n"
    assert rest.rows("SELECT Id FROM Account") == []


def test_another_process_goes_on_with_a_job(bulk2, rest, local, monkeypatch):
    id_ = bulk2.create()
    bulk2.upload(id_, "Name\n" + "".join(f"A{i}\n" for i in range(450)))
    bulk2.close(id_)
    once = v2_run._chunk

    def dies(*args):
        monkeypatch.setattr(v2_run, "_chunk", fails)
        return once(*args)

    def fails(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(v2_run, "_chunk", dies)
    job = v2_run.jobs.get(local, id_, "V2Ingest")
    with pytest.raises(KeyboardInterrupt):
        v2_run.ingested(local, job)
    monkeypatch.setattr(v2_run, "_chunk", once)
    half = v2_run.jobs.get(local, id_, "V2Ingest")
    assert (half.state, half.processed) == ("InProgress", 200)
    info = rest("GET", f"/jobs/ingest/{id_}")[1]
    assert (info["state"], info["numberRecordsProcessed"]) == ("JobComplete", 450)
    assert rest.query("SELECT COUNT() FROM Account")["totalSize"] == 450


def test_in_two_parts_with_the_data(bulk2, rest):
    body = (
        "--BOUNDARY\r\nContent-Type: application/json\r\n"
        'Content-Disposition: form-data; name="job"\r\n\r\n'
        '{"object": "Account", "contentType": "CSV", "operation": "insert"}\r\n'
        "--BOUNDARY\r\nContent-Type: text/csv\r\n"
        'Content-Disposition: form-data; name="content"; filename="content"\r\n\r\n'
        "Name\nMünchen\n\r\n--BOUNDARY--\r\n"
    )
    kind = "multipart/form-data; boundary=BOUNDARY"
    response = rest.send("POST", "/jobs/ingest", data=body.encode(), headers={"Content-Type": kind})
    assert (response.status_code, response.json()["state"]) == (200, "UploadComplete")
    info = rest("GET", f"/jobs/ingest/{response.json()['id']}")[1]
    assert (info["state"], info["numberRecordsProcessed"]) == ("JobComplete", 1)
    assert rest.rows("SELECT Name FROM Account") == [{"Name": "München"}]
    refused = rest.send("POST", "/jobs/ingest", data=b"--x", headers={"Content-Type": kind})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "BULK_API_ERROR")


def test_all_jobs_are_listed(bulk2, rest, monkeypatch):
    made = [bulk2.create() for _ in range(3)]
    monkeypatch.setattr(v2, "_LIST_PAGE", 2)
    status, body = rest("GET", "/jobs/ingest")
    assert (status, body["done"]) == (200, False)
    assert [job["id"] for job in body["records"]] == made[:2]
    url = rest.base.removesuffix("/services/data/v62.0") + body["nextRecordsUrl"]
    status, body = rest("GET", url)
    assert [job["id"] for job in body["records"]] == made[2:]
    assert (body["done"], body["nextRecordsUrl"]) == (True, None)
    assert rest("GET", "/jobs/ingest?jobType=Classic")[1]["records"] == []


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"object": "Nope"}, "INVALIDJOB", "InvalidJob : Unable to find object: Nope"),
        ({"operation": ""}, "API_ERROR", "Invalid value: '' supplied for property: 'operation'"),
        ({"contentType": "JSON"}, "API_ERROR",
         "Invalid value: 'JSON' supplied for property: 'contentType'"),
        ({"columnDelimiter": ","}, "API_ERROR",
         "Invalid value: ',' supplied for property: 'columnDelimiter'"),
        ({"operation": "upsert"}, "INVALIDJOB",
         ("InvalidJob : External ID was blank for Account. An External ID must be specified for"
         " upsert.")),
        ({"externalIdFieldName": "Id"}, "INVALIDJOB", "InvalidJob : External ID is only for upsert"),
        ({"operation": "upsert", "externalIdFieldName": "Phone"}, "INVALIDJOB",
         "InvalidJob : Field name provided, Phone does not match an External ID for Account"),
        ({"operation": ["insert"]}, "API_ERROR",
         "Invalid value: '['insert']' supplied for property: 'operation'"),
        ({"color": "red"}, "JSON_PARSER_ERROR",
         'Unrecognized field "color" at [line:1, column:56]'),
    ],
)  # fmt: skip
def test_jobs_that_can_not_be(rest, body, code, message):
    assert rest.refusal("POST", "/jobs/ingest", {**JOB, **body}) == (400, code, message, None)


def test_requests_of_the_wrong_kind(bulk2, rest):
    id_ = bulk2.create()
    assert bulk2.upload(id_, "Name\nA\n", kind="application/json").status_code == 415
    assert rest.refusal("GET", f"/jobs/ingest/{id_}/batches")[:2] == (405, "METHOD_NOT_ALLOWED")
    assert rest.refusal("PUT", "/jobs/ingest", {})[0] == 405
    assert rest.refusal("GET", "/jobs/ingest/7500000000000000AA")[0] == 404
    assert rest.refusal("GET", f"/jobs/query/{id_}")[0] == 404
    assert rest.refusal("GET", "/jobs")[0] == 404
    assert rest.refusal("PATCH", f"/jobs/ingest/{id_}", {"state": "Open"})[1] == "API_ERROR"


def test_data_beyond_the_limit(bulk2, monkeypatch):
    monkeypatch.setattr(v2, "_MOST_BYTES", 10)
    refused = bulk2.upload(bulk2.create(), "Name\nAcme Corporation\n")
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "CLIENTINPUTERROR")


def test_clients_that_ask_at_once_do_not_do_the_work_twice(tmp_path):
    org = open_org(tmp_path / "org.sqlite3")
    app = create_app(org)
    token = org.start_session(first_day.admin_id(org)).token

    def client():
        session = requests.Session()
        session.mount(URL, InProcessAdapter(app))
        session.headers["Authorization"] = f"Bearer {token}"
        return Rest(session)

    bulk2 = Bulk2(client())
    id_ = bulk2.create()
    bulk2.upload(id_, "Name\n" + "".join(f"A{i}\n" for i in range(1500)))
    bulk2.close(id_)
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(client(), "GET", f"/jobs/ingest/{id_}") for _ in range(4)]
        infos = [one.result()[1] for one in asked]
    assert {(info["state"], info["numberRecordsProcessed"]) for info in infos} == {
        ("JobComplete", 1500)
    }
    assert len(org.find("Account")) == 1500
    assert len(bulk2.text(id_, "successfulResults").splitlines()) == 1501
    org.close()


def test_a_long_job_is_in_progress_until_it_is_done(bulk2, rest, monkeypatch):
    monkeypatch.setattr(v2_run.jobs, "ASKED", 0)  # one chunk for each call
    monkeypatch.setattr(v2_run, "_ASIDE", 0)
    id_ = bulk2.create()
    bulk2.upload(id_, "Name\n" + "".join(f"{n}\n" for n in range(500)))
    bulk2.close(id_)
    info = rest("GET", f"/jobs/ingest/{id_}")[1]
    assert (info["state"], info["numberRecordsProcessed"]) == ("InProgress", 200)
    assert len(rest.rows("SELECT Id FROM Account")) == 400, "it goes on meanwhile"
    info = rest("GET", f"/jobs/ingest/{id_}")[1]
    assert (info["state"], info["numberRecordsProcessed"]) == ("JobComplete", 500)


def test_quotes_and_blank_rows_that_are_well(bulk2, rest):
    data = 'Name,Description\n"A, ""B""","""C"""\n"",\n\n"D\nE","F"""\n'
    info = bulk2.run(data)
    assert (info["state"], info["numberRecordsFailed"]) == ("JobComplete", 1), info
    rows = rest.rows("SELECT Name, Description FROM Account ORDER BY Name")
    assert rows == [
        {"Name": 'A, "B"', "Description": '"C"'}, {"Name": "D\nE", "Description": 'F"'},
    ]  # fmt: skip


def test_nobody_else_closes_a_job(bulk2, rest, local, admin):
    values = {"Username": "other@acme.example", "LastName": "Other", "IsActive": True}
    (profile,) = rest.rows("SELECT Id FROM Profile WHERE Name = 'System Administrator'")
    other = owned_sets.insert_user(local, values | {"ProfileId": profile["Id"]}, by=admin)
    headers = {"Authorization": f"Bearer {local.start_session(other).token}"}
    path = f"/jobs/ingest/{bulk2.create()}"
    refused = rest.refusal("PATCH", path, {"state": "UploadComplete"}, headers=headers)
    assert refused[:2] == (403, "INVALIDUSER")
    assert rest("PATCH", path, {"state": "Aborted"}, headers=headers)[0] == 200


def test_what_waits_is_not_read_by_other_calls(bulk2, rest, local, monkeypatch):
    monkeypatch.setattr(v2_run.jobs, "ASKED", 0)
    monkeypatch.setattr(v2_run, "_ASIDE", 0)
    id_ = bulk2.create()
    bulk2.upload(id_, "Name\n" + "".join(f"{n}\n" for n in range(1000)))
    bulk2.close(id_)
    assert rest("GET", f"/jobs/ingest/{id_}")[1]["numberRecordsProcessed"] == 200
    (connection,) = local._open
    statements = []
    connection.set_trace_callback(statements.append)
    assert rest("GET", "/limits")[0] == 200  # runs the next chunk
    connection.set_trace_callback(None)
    assert not [one for one in statements if "bulk_text" in one]
    assert len([one for one in statements if "SELECT rows FROM bulk_rows" in one]) == 1
    left = local.execute("SELECT first FROM bulk_rows ORDER BY first")
    assert [row[0] for row in left] == [400, 600, 800]
    assert bulk2.close(id_, "Aborted")[1]["state"] == "Aborted"
    rows = "".join(f"{n}\n" for n in range(400, 1000))
    assert bulk2.text(id_, "unprocessedrecords") == f"Name\n{rows}"
    assert len(bulk2.text(id_, "successfulResults").splitlines()) == 401


def test_a_job_of_another_org_does_not_wait(bulk2, local):
    other = open_org(":memory:")
    with other.lock("bulk ingest"), local.lock("bulk queries"):
        assert bulk2.run("Name\nA\n")["state"] == "JobComplete"
    other.close()
    with local.lock("bulk ingest"):
        assert bulk2.run("Name\nB\n")["state"] == "UploadComplete"
