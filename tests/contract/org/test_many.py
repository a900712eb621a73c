"""Many rows come back the same in whatever way they are read, and in few calls."""

from __future__ import annotations

import pytest

from provisioner.emulator.lifecycle import first_day
from provisioner.model.operations import Describe, Select
from provisioner.org.errors import Refused
from provisioner.org.read_strategy import ReadStrategy
from provisioner.org.reads import Reads

FIELDS = (
    "Id",
    "Email",
    "FirstName",
    "MailingLatitude",
    "IsDeleted",
    "Account.Name",
    "LastModifiedDate",
)
PEOPLE = 2_500
WANTED = tuple(f"Person{n}@x.io" for n in range(0, PEOPLE, 2))


@pytest.fixture
def people(local):
    """Contacts in an org, of whom some have no account, no first name or odd ones."""
    store = local.open()
    by = first_day.admin_id(store)
    names = [None, "Ann", 'Q "uo", te', "Zoë\nMay"]
    with store.transaction():
        account = store.insert("Account", {"Name": "Acme, Inc."}, by=by)
        for n in range(PEOPLE):
            values = {
                "LastName": f"L{n}",
                "FirstName": names[n % 4],
                "Email": f"person{n}@x.io",
                "AccountId": account if n % 3 else None,
                "MailingLatitude": n / 4 if n % 5 else None,
            }
            store.insert("Contact", values, by=by)


def by(org, way):
    """The reads of an org, all of them this way."""
    chosen = Reads(org._rest, lambda *_, **__: way, few=1_000)
    chosen.read([Describe("Contact")])
    return chosen


@pytest.mark.parametrize(
    ("way", "paths"),
    [
        (ReadStrategy.BY_KEY, {"/limits/recordCount": 1, "/composite": 1}),
        (ReadStrategy.SCAN, {"/limits/recordCount": 1, "/query": 1, "/query/more": 1}),
        (ReadStrategy.BULK, {"/limits/recordCount": 1, "/jobs/query": 1, "job": 2, "results": 1}),
    ],
)
def test_every_way_gives_the_same_rows(people, org, log, way, paths):
    chosen = by(org, way)
    expected = org.read(Select("Contact", FIELDS, (("Email", WANTED[:900]),)))
    expected += org.read(Select("Contact", FIELDS, (("Email", WANTED[900:]),)))
    before, calls = len(log()), org.api_calls
    (found,) = chosen.read([Select("Contact", FIELDS, (("Email", WANTED),))]).values()
    instants = [str(row["LastModifiedDate"])[:23] for row in found]
    assert instants == [str(row["LastModifiedDate"])[:23] for row in expected]
    without = [name for name in FIELDS if name != "LastModifiedDate"]
    assert [[r[n] for n in without] for r in found] == [[r[n] for n in without] for r in expected]
    assert len(found) == len(WANTED)
    asked = [path.partition("v62.0")[2] for _, path, _ in log()[before:]]
    counted = {}
    for path in asked:
        name = path
        if path.startswith("/jobs/query/"):
            name = "results" if path.endswith("results") else "job"
        elif path.startswith("/query/"):
            name = "/query/more"
        counted[name] = counted.get(name, 0) + 1
    assert counted == paths
    assert org.api_calls - calls == len(asked)


def test_how_many_rows_there_are_is_asked_once(people, org, log):
    reads = Reads(org._rest, few=1_000)
    for _ in range(2):
        reads.read([Select("Contact", ("Id",), (("Email", WANTED),))])
    assert [path for _, path, _ in log()].count("/services/data/v62.0/limits/recordCount") == 1


def test_ids_are_always_read_by_key(people, org, log):
    ids = tuple(row["Id"] for row in org.read(Select("Contact", ("Id",))))
    before = len(log())
    (found,) = (
        Reads(org._rest, few=1_000)
        .read([Select("Contact", ("Id",), (("Id", tuple(i[:15] for i in ids)),))])
        .values()
    )
    assert [row["Id"] for row in found] == sorted(ids)
    assert not any("recordCount" in path for _, path, _ in log()[before:])


def test_what_a_job_refuses_is_a_refusal(people, org):
    with pytest.raises(Refused, match="Nonsense"):
        by(org, ReadStrategy.BULK).read(
            [Select("Contact", ("Id", "Nonsense"), (("Email", WANTED),))]
        )


def test_what_a_scan_refuses_is_a_refusal(people, org):
    with pytest.raises(Refused, match="Nonsense"):
        by(org, ReadStrategy.SCAN).read(
            [
                Select("Contact", ("Id", "Nonsense"), (("Email", WANTED),)),
                Select("Account", ("Id",), (("Name", WANTED),)),
            ]
        )
