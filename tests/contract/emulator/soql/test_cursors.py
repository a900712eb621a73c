"""What a long query leaves in the org's file, and what each of its pages costs."""

from datetime import timedelta

import pytest

from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.soql import parse, run
from provisioner.emulator.soql.scope import Context

SOQL = "SELECT Id, LastName FROM Contact"


@pytest.fixture
def contacts(local, admin):
    def add(count):
        with local.transaction():
            for n in range(count):
                local.insert("Contact", {"LastName": f"Doe {n}"}, by=admin)

    return add


@pytest.fixture
def context(local, admin):
    return Context(local, local.catalog(), "/services/data/v62.0", admin)


def place(body):
    return body["nextRecordsUrl"].rpartition("/")[2]


def stored(local):
    (cursors,), (ids,) = (
        local.execute(f"SELECT COUNT(*) FROM {table}")[0] for table in ("cursor", "cursor_ids")
    )
    return cursors, ids


def test_ids_are_kept_in_parts_of_bounded_size(local, context, contacts):
    contacts(4500)
    body, seen = run.run(context, SOQL, page=700), []
    while True:
        seen += [record["Id"] for record in body["records"]]
        if body["done"]:
            break
        body = run.more(context, place(body))
    assert seen == local.find("Contact")
    lengths = local.execute("SELECT length(ids) FROM cursor_ids ORDER BY first")
    assert [row[0] for row in lengths] == [2000 * 19 - 1, 2000 * 19 - 1, 500 * 19 - 1]


def test_a_cursor_is_removed_once_it_is_used_up(local, context, contacts):
    contacts(450)
    middle = place(run.run(context, SOQL, page=200))
    last = place(run.more(context, middle))
    body = run.more(context, last)
    assert (body["done"], len(body["records"])) == (True, 50)
    assert run.more(context, last) == body, "a client whose connection broke asks again"
    local.set_clock(local.now() + timedelta(minutes=2))
    run.run(context, SOQL, page=200)
    assert stored(local) == (1, 1), "only the new one is there"


def test_an_old_cursor_is_removed(local, context, contacts):
    contacts(450)
    for _ in range(3):
        run.run(context, SOQL, page=200)
    assert stored(local) == (3, 3)
    local.set_clock(local.now() + timedelta(days=2, seconds=1))
    run.run(context, SOQL, page=200)
    assert stored(local) == (1, 1)


def test_a_page_costs_the_same_however_many_rows_there_are(admin):
    def steps(count):
        """What SQLite does for one page in the middle, in steps of its machine."""
        org = open_org(":memory:")
        by = org.find("User")[0]
        with org.transaction():
            for n in range(count):
                org.insert("Contact", {"LastName": f"Doe {n}"}, by=by)
        context = Context(org, org.catalog(), "/services/data/v62.0", by)
        cursor = place(run.run(context, SOQL, page=200)).partition("-")[0]
        (connection,) = org._open
        made = 0

        def count_steps():
            nonlocal made
            made += 1
            return 0

        connection.set_progress_handler(count_steps, 10)
        body = run.more(context, f"{cursor}-{count // 2}")
        connection.set_progress_handler(None, 10)
        org.close()
        assert len(body["records"]) == 200
        return made

    few, many = steps(1000), steps(20_000)
    assert few > 100
    assert many < 1.2 * few


def test_a_query_is_parsed_once():
    assert parse.parse("SELECT Id FROM Account") is parse.parse("SELECT Id FROM Account")
    long = f"SELECT Id FROM Account WHERE Name IN ('{'x' * 4000}')"
    assert parse.parse(long) is not parse.parse(long), "the trees of long lists are not kept"
