"""Rows are kept small, each once, and only those that were asked for."""

from __future__ import annotations

import json

import pytest

from provisioner.org.rows import Record, RowCollector

ROWS = [
    {"attributes": {}, "Id": "2", "Email": "B@x.io", "Owner": {"attributes": {}, "Name": "Bo"}},
    {"attributes": {}, "Id": "1", "Email": None, "Owner": None},
    {"attributes": {}, "Id": "2", "Email": "B@x.io", "Owner": {"attributes": {}, "Name": "Bo"}},
]


def test_a_record_is_a_mapping_of_its_fields():
    record = Record({"Id": 0, "Name": 1}, ("1", None))
    assert record == {"Id": "1", "Name": None}
    assert dict(record) == {"Id": "1", "Name": None}
    assert (record["Id"], record.get("Name", 7), record.get("Other", 7)) == ("1", None, 7)
    assert ("Id" in record, "Other" in record, len(record)) == (True, False, 2)
    assert repr(record) == "{'Id': '1', 'Name': None}"
    with pytest.raises(KeyError):
        record["Other"]


def test_each_row_is_there_once_by_id_or_as_it_came():
    sieve = RowCollector(["Email", "Owner.Name"])
    sieve.add(ROWS)
    rows = [{"Email": None, "Owner.Name": None}, {"Email": "B@x.io", "Owner.Name": "Bo"}]
    assert sieve.rows() == rows
    assert sieve.rows(in_order_added=True) == rows[::-1]
    assert sieve.fields == ("Email", "Owner.Name", "Id")


def test_names_are_found_as_salesforce_spells_them():
    sieve = RowCollector(["id", "EMAIL", "owner.name"])
    sieve.add(ROWS[:1])
    assert sieve.rows() == [{"id": "2", "EMAIL": "B@x.io", "owner.name": "Bo"}]


def test_rows_that_were_not_asked_for_fall_through():
    sieve = RowCollector(["Id"], [("Email", ["b@X.io "]), ("Owner.Name", ["Al"])])
    assert sieve.fields == ("Id", "Email", "Owner.Name")
    sieve.add([*ROWS, {"Id": "3", "Email": "c@x.io", "Owner": {"Name": "AL"}}])
    assert sieve.rows() == [{"Id": "2"}, {"Id": "3"}]


def test_equal_values_are_kept_once():
    sieve = RowCollector(["Email"])
    rows = json.loads('[{"Id": "1", "Email": "long@x.io"}, {"Id": "2", "Email": "long@x.io"}]')
    assert rows[0]["Email"] is not rows[1]["Email"]
    sieve.add(rows)
    one, other = sieve.rows()
    assert one["Email"] is other["Email"]


def test_text_of_a_csv_file_becomes_what_json_would_have():
    types = {"IsActive": "boolean", "Count": "int", "Amount": "currency", "Name": "string"}
    sieve = RowCollector(["IsActive", "Count", "Amount", "Name", "Owner.Name"], types=types)
    header = ["Id", "ISACTIVE", "Count", "Amount", "Name", "Owner.Name"]
    sieve.add_csv(header, [["1", "true", "7", "1.5", "7", ""], ["2", "false", "", "2.0", "", "Bo"]])
    assert sieve.rows() == [
        {"IsActive": True, "Count": 7, "Amount": 1.5, "Name": "7", "Owner.Name": None},
        {"IsActive": False, "Count": None, "Amount": 2, "Name": None, "Owner.Name": "Bo"},
    ]
