"""simple-salesforce's `sf.bulk` and `sf.bulk2`, unchanged, on the local org."""

import csv
import io

import pytest
from simple_salesforce import Salesforce, exceptions

URL = "https://127.0.0.1:8787"


@pytest.fixture
def sf(anonymous, local, admin):
    token = local.start_session(admin).token
    return Salesforce(session_id=token, instance_url=URL, session=anonymous.session, version="62.0")


def test_bulk_1_through_simple_salesforce(sf):
    rows = [{"Name": f"A{i}", "NumberOfEmployees": i} for i in range(25)]
    made = sf.bulk.Account.insert([*rows, {"Name": ""}], batch_size=10)
    assert [one["success"] for one in made] == [True] * 25 + [False]
    assert made[-1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    ids = sorted(one["id"] for one in made[:25])  # the client asks for its batches side by side
    found = sf.bulk.Account.query("SELECT Id, Name, CreatedDate FROM Account ORDER BY Id", wait=0)
    assert [row["Id"] for row in found] == ids
    assert isinstance(found[0]["CreatedDate"], int)
    changed = sf.bulk.Account.update([{"Id": ids[0], "Name": "New"}])
    assert changed == [{"success": True, "created": False, "id": ids[0], "errors": []}]
    upserted = sf.bulk.Contact.upsert(
        [{"Email": "a@acme.example", "LastName": "Doe"}], "Email", include_detailed_results=True
    )
    assert (upserted[0]["created"], upserted[0]["LastName"]) == (True, "Doe")
    gone = sf.bulk.Account.delete([{"Id": id_} for id_ in ids[:2]])
    assert all(one["success"] for one in gone)
    everything = sf.bulk.Account.query_all("SELECT Id FROM Account WHERE IsDeleted = true", wait=0)
    assert [row["Id"] for row in everything] == ids[:2]
    with pytest.raises(exceptions.SalesforceMalformedRequest) as caught:
        sf.bulk.Account.insert([{"Nope": "x"}])
    assert caught.value.content == {
        "exceptionCode": "InvalidBatch",
        "exceptionMessage": "Records not processed",
    }
    with pytest.raises(exceptions.SalesforceGeneralError):
        sf.bulk.Account.query("SELECT Nope FROM Account", wait=0)


def test_bulk_2_through_simple_salesforce(sf, tmp_path):
    rows = [{"Name": f"A{i}", "Phone": str(i)} for i in range(25)]
    (done,) = sf.bulk2.Account.insert(records=[*rows, {"Name": "", "Phone": "x"}], wait=0.01)
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (26, 1)
    every = sf.bulk2.Account.get_all_ingest_records(done["job_id"])
    assert {key: len(found) for key, found in every.items()} == {
        "successfulRecords": 25, "failedRecords": 1, "unprocessedRecords": 0
    }  # fmt: skip
    ids = [row["sf__Id"] for row in every["successfulRecords"]]
    soql = "SELECT Id, Name FROM Account ORDER BY Id"
    pages = list(sf.bulk2.Account.query(soql, max_records=10, wait=0.01))
    found = [row for page in pages for row in csv.DictReader(io.StringIO(page))]
    assert (len(pages), [row["Id"] for row in found]) == (3, ids)
    sf.bulk2.Account.update(records=[{"Id": ids[0], "Name": "New"}], wait=0.01)
    assert sf.Account.get(ids[0])["Name"] == "New"
    (done,) = sf.bulk2.Contact.upsert(
        records=[{"Email": "a@acme.example", "LastName": "Doe"}],
        external_id_field="Email",
        wait=0.01,
    )
    assert done["numberRecordsFailed"] == 0
    sf.bulk2.Account.delete(records=[{"Id": id_} for id_ in ids[:2]], wait=0.01)
    files = sf.bulk2.Account.download(soql, path=str(tmp_path), max_records=20, wait=0.01)
    assert [one["number_of_records"] for one in files] == [20, 3]
    with open(files[0]["file"]) as file:
        assert file.readline() == '"Id","Name"\n'
    with pytest.raises(exceptions.SalesforceOperationError, match="Field name not found : Nope"):
        sf.bulk2.Account.insert(records=[{"Nope": "x"}], wait=0.01)


def test_more_of_bulk_through_simple_salesforce(sf, tmp_path):
    made = sf.bulk.submit_dml("Account", "insert", [{"Name": f"A{i}"} for i in range(5)])
    assert all(one["success"] for one in made)
    pages = sf.bulk.Account.query("SELECT Name FROM Account", lazy_operation=True, wait=0)
    assert sorted(row["Name"] for page in pages for row in page) == [f"A{i}" for i in range(5)]
    data = tmp_path / "accounts.csv"
    data.write_text("Name\nB0\nB1\n")
    (done,) = sf.bulk2.Account.insert(str(data), wait=0.01)
    assert done["numberRecordsProcessed"] == 2
    assert sf.bulk2.Account.get_successful_records(done["job_id"]).count("\n") == 3
    assert sf.bulk2.Account.get_failed_records(done["job_id"]) == '"sf__Id","sf__Error",Name\n'
    assert sf.bulk2.Account.get_unprocessed_records(done["job_id"]) == "Name\n"
    with pytest.raises(exceptions.SalesforceMalformedRequest) as caught:
        sf.bulk2.Account.hard_delete(records=[{"Id": made[0]["id"]}], wait=0.01)
    assert caught.value.content[0]["errorCode"] == "FEATURENOTENABLED"
    assert len(list(sf.bulk2.Account.query_all("SELECT Id FROM Account", wait=0.01))) == 1
