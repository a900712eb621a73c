"""The recorded requests that test_rest_recorded.py leaves out, sent again: status and shape.

Together the two send every request of every recording; a recording that is added fails here.
"""

from pathlib import Path
from urllib.parse import unquote_plus

import pytest

EXCHANGES = {
    "exchange_composite_parallel_salesforce.json": 2,
    "exchange_datasets_e2e.json": 8,
    "exchange_errors.json": 1,
    "exchange_http_headers.json": 1,
    "exchange_integration_tests.json": 1,
    "exchange_reference_ids.json": 2,
    "exchange_simple_upsert__rest.json": 7,
    "exchange_upsert__rest.json": 7,
}


def test_every_recording_is_sent_again(recorded):
    folder = Path(__file__).parents[4] / "shared" / "reference" / "recorded"
    found = {path.name: len(recorded(path.name)) for path in folder.glob("exchange_*.json")}
    assert found == EXCHANGES


def soql(exchange):
    return unquote_plus(exchange["request"]["uri"].partition("?q=")[2])


def shape(value):
    """Keys and kinds of a JSON value."""
    match value:
        case dict():
            return {name: shape(inner) for name, inner in value.items()}
        case list():
            return [shape(inner) for inner in value]
        case _:
            return type(value).__name__


@pytest.fixture
def exchanges(rest, recorded):
    """The exchanges of a data set's test, after the records that they presume were loaded."""
    found = recorded("exchange_datasets_e2e.json")
    load = next(e["request"] for e in found if e["request"]["method"] == "POST")
    assert rest("POST", "/composite/sobjects", load["body"])[0] == 200
    return found


def test_a_wide_query(rest, exchanges):
    """All but the record type, which the local org does not have."""
    wanted = exchanges[2]["response"]["body"]
    body = rest.query(soql(exchanges[2]).replace(" RecordTypeId,", ""))
    for record in wanted["records"]:
        del record["RecordTypeId"]
    assert shape(body) == shape(wanted)
    assert [list(record) for record in body["records"]] == [list(r) for r in wanted["records"]]


@pytest.mark.parametrize("at", [3, 5])
def test_the_record_types_of_accounts(rest, local, admin, exchanges, at):
    values = {
        "Name": "Pytest",
        "DeveloperName": "PytestAccountRecordType",
        "SobjectType": "Account",
    }
    id_ = local.insert("RecordType", values, by=admin)
    wanted = exchanges[at]["response"]["body"]
    body = rest.query(soql(exchanges[at]))
    assert shape(body) == shape(wanted)
    assert body["records"][0] | {"attributes": {}} == {
        "attributes": {}, "Id": id_, "DeveloperName": "PytestAccountRecordType",
    }  # fmt: skip


def test_counts_before_and_after_loading(rest, exchanges):
    for at, count in ((0, 6), (7, 6)):
        assert exchanges[at]["response"]["body"]["records"][0]["expr0"] == count
        assert rest.query(soql(exchanges[at])) == exchanges[at]["response"]["body"]
    for id_ in [row["Id"] for row in rest.rows("SELECT Id FROM Account")]:
        rest("DELETE", f"/sobjects/Account/{id_}")
    assert rest.query(soql(exchanges[4])) == exchanges[4]["response"]["body"]


def test_the_list_of_sites(rest, recorded, local):
    local.set_feature("Networks", on=True)
    (exchange,) = recorded("exchange_integration_tests.json")
    wanted = exchange["response"]
    assert rest("GET", "/connect/communities") == (wanted["status"], wanted["body"])
