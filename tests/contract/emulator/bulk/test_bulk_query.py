"""Query jobs of Bulk API 2.0: columns, pages, states, and what they refuse."""

import csv
import io
import time

import pytest
import requests

from provisioner.emulator.bulk import v2_query
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org

from ..conftest import URL, Rest


@pytest.fixture
def jobs(rest):
    return Jobs(rest)


class Jobs:
    def __init__(self, rest):
        self.rest = rest

    def create(self, soql, **more):
        body = {"operation": "query", "query": soql, **more}
        status, job = self.rest("POST", "/jobs/query", body)
        assert status == 200, job
        return job["id"]

    def run(self, soql, **more):
        id_ = self.create(soql, **more)
        info = self.rest("GET", f"/jobs/query/{id_}")[1]
        assert info["state"] == "JobComplete", info
        return id_

    def page(self, id_, **params):
        response = self.rest.send("GET", f"/jobs/query/{id_}/results", params=params)
        assert response.status_code == 200, response.text
        headers = response.headers
        return response.text, headers["Sforce-Locator"], headers["Sforce-NumberOfRecords"]


@pytest.fixture
def accounts(rest):
    for i in range(5):
        rest.create("Account", Name=f"A{i}", NumberOfEmployees=i)


def test_a_query_job_from_start_to_results(jobs, rest, admin):
    account = rest.create("Account", Name='Say "hi"', AnnualRevenue=2.5)
    rest.create("Contact", LastName="Doe\nline", AccountId=account, Phone="1")
    rest.create("Contact", LastName="Alone")
    soql = "SELECT id, lastname, Phone, Account.Name, account.owner.username, IsDeleted, CreatedDate, Account.AnnualRevenue FROM Contact ORDER BY LastName"
    status, job = rest("POST", "/jobs/query", {"operation": "query", "query": soql})
    assert (status, job["state"], job["object"]) == (200, "UploadComplete", "Contact")
    assert job["createdById"] == admin
    assert (job["lineEnding"], job["columnDelimiter"]) == ("LF", "COMMA")
    info = rest("GET", f"/jobs/query/{job['id']}")[1]
    assert (info["state"], info["jobType"]) == ("JobComplete", "V2Query")
    assert (info["numberRecordsProcessed"], info["retries"]) == (2, 0)
    assert "numberRecordsFailed" not in info
    text, locator, number = jobs.page(job["id"])
    assert (locator, number) == ("null", "2")
    assert text.startswith('"Id","LastName","Phone","Account.Name","Account.Owner.Username",')
    alone, doe = csv.reader(io.StringIO(text.split("\n", 1)[1]))
    assert alone[1:6] == ["Alone", "", "", "", "false"]
    assert doe[1:4] == ["Doe\nline", "1", 'Say "hi"']
    assert doe[6].endswith(".000Z")
    assert doe[7] == "2.5"


def test_results_in_pages(jobs, accounts):
    id_ = jobs.run("SELECT Name FROM Account ORDER BY Name")
    seen, locator = [], ""
    for expected in ("2", "2", "1"):
        text, locator, number = jobs.page(
            id_, maxRecords=2, **({"locator": locator} if locator else {})
        )
        assert number == expected
        header, *rows = text.splitlines()
        assert header == '"Name"'
        seen += rows
    assert locator == "null"
    assert seen == [f'"A{i}"' for i in range(5)]


def test_urls_of_pages_to_fetch_side_by_side(jobs, rest, accounts):
    id_ = jobs.run("SELECT Name FROM Account ORDER BY Name")
    rest.create("Account", Name="later")
    host = rest.base.removesuffix("/services/data/v62.0")
    body = rest("GET", f"/jobs/query/{id_}/resultPages", params={"maxRecords": 1})[1]
    assert (len(body["resultPages"]), body["done"]) == (5, True)
    texts = [rest.send("GET", host + one["resultUrl"]).text for one in body["resultPages"]]
    assert texts == [f'"Name"\n"A{i}"\n' for i in range(5)]
    large = jobs.run("SELECT Id FROM Account")
    body = rest("GET", f"/jobs/query/{large}/resultPages", params={"maxRecords": 1})[1]
    assert (len(body["resultPages"]), body["done"]) == (5, False)
    body = rest("GET", host + body["nextRecordsUrl"])[1]
    assert (len(body["resultPages"]), body["done"]) == (1, True)
    assert "nextRecordsUrl" not in body


def test_dialects_and_deleted_rows(jobs, rest, accounts):
    gone = rest.create("Account", Name="Gone")
    rest("DELETE", f"/sobjects/Account/{gone}")
    soql = "SELECT Name, IsDeleted FROM Account ORDER BY Name DESC LIMIT 1"
    id_ = jobs.run(soql, operation="queryAll", columnDelimiter="PIPE", lineEnding="CRLF")
    assert jobs.page(id_)[0] == '"Name"|"IsDeleted"\r\n"Gone"|"true"\r\n'
    assert jobs.page(jobs.run(soql))[0] == '"Name","IsDeleted"\n"A4","false"\n'


def test_no_rows_is_a_header(jobs):
    text, locator, number = jobs.page(jobs.run("SELECT Id, Owner.Name FROM Account"))
    assert (text, locator, number) == ('"Id","Owner.Name"\n', "null", "0")


@pytest.mark.parametrize(
    ("soql", "code", "message"),
    [
        ("SELECT COUNT() FROM Account", "API_ERROR",
         "Aggregate Relationships not supported in Bulk V2 Query with CSV content type."),
        ("SELECT COUNT(Id) FROM Account", "API_ERROR",
         "Aggregate Relationships not supported in Bulk V2 Query with CSV content type."),
        ("SELECT Name FROM Account GROUP BY Name", "API_ERROR",
         "Aggregate Relationships not supported in Bulk V2 Query with CSV content type."),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "API_ERROR",
         "Aggregate Relationships not supported in Bulk V2 Query with CSV content type."),
        ("SELECT Id, BillingAddress FROM Account", "API_ERROR",
         "Selecting compound data not supported in Bulk Query"),
        ("SELECT Id FROM Account OFFSET 5", "API_ERROR",
         "OFFSET clause not supported in Bulk Query"),
        ("SELECT TYPEOF Owner WHEN User THEN Username END FROM Case", "API_ERROR",
         "TYPEOF clause not supported in Bulk Query"),
        ("SELECT FIELDS(ALL) FROM Account LIMIT 200", "API_ERROR",
         ("The SOQL FIELDS function is not supported with an unbounded set of fields in this"
          " API.")),
        ("SELECT Nope FROM Account", "INVALID_FIELD",
         ("\nSELECT Nope FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Nope' on"
         " entity 'Account'. If you are attempting to use a custom field, be sure to append the"
         " '__c' after the custom field name. Please reference your WSDL or the describe call for"
         " the appropriate names.")),
        ("nonsense", "MALFORMED_QUERY", None),
        ("", "API_ERROR", "The query is required."),
        ("SELECT Id FROM Account WHERE Name = '\ud800'", "MALFORMED_QUERY", None),
    ],
)  # fmt: skip
def test_what_a_query_job_refuses(rest, soql, code, message):
    found = rest.refusal("POST", "/jobs/query", {"operation": "query", "query": soql})
    assert found[:2] == (400, code)
    if message is not None:
        assert found[2] == message
    assert rest("GET", "/jobs/query")[1]["records"] == []


def test_states_of_a_query_job(jobs, rest, accounts):
    id_ = jobs.create("SELECT Id FROM Account")
    assert rest.refusal("GET", f"/jobs/query/{id_}/results")[1] == "INVALIDJOBSTATE"
    assert rest.refusal("DELETE", f"/jobs/query/{id_}")[1] == "INVALIDJOBSTATE"
    assert rest("PATCH", f"/jobs/query/{id_}", {"state": "Aborted"})[1]["state"] == "Aborted"
    assert rest("GET", f"/jobs/query/{id_}")[1]["state"] == "Aborted"
    done = jobs.run("SELECT Id FROM Account")
    refused = (400, "INVALIDJOBSTATE", "Aborting already Completed Job not allowed", None)
    assert rest.refusal("PATCH", f"/jobs/query/{done}", {"state": "Aborted"}) == refused
    assert rest.refusal("PATCH", f"/jobs/query/{done}", {"state": "Open"})[1] == "API_ERROR"
    assert [job["id"] for job in rest("GET", "/jobs/query")[1]["records"]] == [id_, done]
    other = rest.base.replace("62.0", "61.0")
    assert rest.refusal("GET", f"{other}/jobs/query/{done}/results")[0] == 409
    assert rest.refusal("GET", f"/jobs/query/{done}/results?locator=!")[0] == 400
    assert rest.refusal("GET", f"/jobs/query/{done}/results?maxRecords=0")[0] == 400
    assert rest("DELETE", f"/jobs/query/{done}") == (204, None)
    assert rest.refusal("GET", f"/jobs/query/{done}")[0] == 404


def test_results_stay_as_they_were(jobs, rest, accounts):
    id_ = jobs.run("SELECT Name FROM Account")
    for row in rest.rows("SELECT Id FROM Account"):
        rest("DELETE", f"/sobjects/Account/{row['Id']}")
    assert jobs.page(id_)[2] == "5"


def test_functions_of_one_value(jobs, rest):
    rest.create("Account", Name="Acme", Industry="Banking", AnnualRevenue=1234.5)
    soql = "SELECT Name n, toLabel(Industry), FORMAT(CreatedDate) made FROM Account"
    refused = rest.refusal("POST", "/jobs/query", {"operation": "query", "query": soql})
    assert refused[1] == "MALFORMED_QUERY"  # only functions have aliases
    soql = soql.replace("Name n", "Name")
    text, _, number = jobs.page(jobs.run(soql))
    (shown,) = rest.rows(soql)
    assert number == "1"
    assert text.splitlines() == [
        '"Name","Industry","made"', f'"Acme","Banking","{shown["made"]}"',
    ]  # fmt: skip


def test_jobs_of_a_day(rest, monkeypatch):
    monkeypatch.setattr("provisioner.emulator.bulk.quota.DAILY_QUERY_JOBS", 2)
    job = {"operation": "query", "query": "SELECT Id FROM Account"}
    for _ in range(2):
        assert rest("POST", "/jobs/query", job)[0] == 200
    assert rest.refusal("POST", "/jobs/query", job)[:2] == (400, "EXCEEDEDQUOTA")


# -- many rows ---------------------------------------------------------------------------------


@pytest.fixture
def contacts(local, admin):
    with local.transaction():
        for n in range(4500):
            local.insert("Contact", {"LastName": f"Doe {n:04}"}, by=admin)


@pytest.fixture
def briefly(monkeypatch):
    monkeypatch.setattr(v2_query.jobs, "ASKED", 0)  # one part for each call


def test_a_long_query_is_in_progress_until_it_is_done(jobs, rest, local, contacts, briefly):
    id_ = jobs.create("SELECT LastName FROM Contact ORDER BY LastName DESC")
    infos = [rest("GET", f"/jobs/query/{id_}")[1] for _ in range(3)]
    assert [(info["state"], info["numberRecordsProcessed"]) for info in infos] == [
        ("InProgress", 2000), ("InProgress", 4000), ("JobComplete", 4500),
    ]  # fmt: skip
    text, locator, number = jobs.page(id_)
    assert (locator, number) == ("null", "4500")
    names = ["LastName", *(f"Doe {n:04}" for n in reversed(range(4500)))]
    assert text.splitlines() == [f'"{name}"' for name in names]
    assert local.execute("SELECT * FROM cursor_ids") == []


def test_rows_that_go_while_a_query_runs_are_left_out(jobs, rest, local, admin, contacts, briefly):
    id_ = jobs.create("SELECT LastName FROM Contact")
    assert rest("GET", f"/jobs/query/{id_}")[1]["numberRecordsProcessed"] == 2000
    for gone in local.find("Contact")[1999:2010]:
        local.execute('DELETE FROM "Contact" WHERE "Id" = ?', (gone,))
    local.insert("Contact", {"LastName": "later"}, by=admin)
    infos = [rest("GET", f"/jobs/query/{id_}")[1] for _ in range(2)]
    assert [(info["state"], info["numberRecordsProcessed"]) for info in infos] == [
        ("InProgress", 3990), ("JobComplete", 4490),
    ]  # fmt: skip
    assert jobs.page(id_, maxRecords=4490)[1:] == ("null", "4490")


def test_a_query_can_be_aborted_while_it_runs(jobs, rest, local, contacts, briefly):
    id_ = jobs.create("SELECT LastName FROM Contact")
    assert rest("GET", f"/jobs/query/{id_}")[1]["state"] == "InProgress"
    assert rest("PATCH", f"/jobs/query/{id_}", {"state": "Aborted"})[1]["state"] == "Aborted"
    info = rest("GET", f"/jobs/query/{id_}")[1]
    assert (info["state"], info["numberRecordsProcessed"]) == ("Aborted", 2000)
    assert local.execute("SELECT * FROM cursor_ids") == []


@pytest.mark.parametrize("api", ["2.0", "1.0"])
def test_no_row_is_read_while_others_can_not_write(jobs, rest, local, contacts, api):
    statements = []
    (connection,) = local._open
    connection.set_trace_callback(statements.append)
    if api == "2.0":
        id_ = jobs.create("SELECT LastName FROM Contact")
        while rest("GET", f"/jobs/query/{id_}")[1]["state"] != "JobComplete":
            pass
    else:
        base = f"{URL}/services/async/62.0/job"
        headers = {"X-SFDC-Session": rest.session.headers["Authorization"].split()[1]}
        body = {"operation": "query", "object": "Contact", "contentType": "CSV"}
        job = rest("POST", base, body, headers=headers)[1]["id"]
        sent = rest.session.post(
            f"{base}/{job}/batch",
            data="SELECT LastName FROM Contact",
            headers=headers | {"Content-Type": "text/csv"},
        )
        assert sent.status_code == 201, sent.text
        info = rest("GET", f"{base}/{job}/batch", headers=headers | {"Accept": "json"})[1]
        (batch,) = info["batchInfo"]
        assert (batch["state"], batch["numberRecordsProcessed"]) == ("Completed", 4500)
    connection.set_trace_callback(None)
    writing, read = False, {True: 0, False: 0}
    for statement in statements:
        # a snapshot becomes a transaction with the first statement that writes
        begins = statement.startswith(("BEGIN IMMEDIATE", "INSERT", "UPDATE", "DELETE"))
        writing = begins or (writing and statement != "COMMIT")
        read[writing] += 'FROM "Contact"' in statement
    assert read[True] == 0
    assert read[False] >= 4, "the ids, and three parts"


def test_a_query_that_was_asked_for_ends_though_nobody_asks_again(tmp_path, serve, briefly):
    org = open_org(tmp_path / "org.sqlite3")
    admin = first_day.admin_id(org)
    with org.transaction():
        for n in range(4500):
            org.insert("Contact", {"LastName": f"Doe {n}"}, by=admin)

    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {org.start_session(admin).token}"
        rest = Rest(session, f"{serve(org)}/services/data/v62.0")
        id_ = Jobs(rest).create("SELECT LastName FROM Contact")
        rest("GET", f"/jobs/query/{id_}")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            (job,) = rest("GET", "/jobs/query")[1]["records"]
            if job["state"] == "JobComplete":
                break
            time.sleep(0.05)
        assert job["state"] == "JobComplete"
        assert Jobs(rest).page(id_)[2] == "4500"
    org.close()
