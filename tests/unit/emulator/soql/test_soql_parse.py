"""SOQL text to a tree, and the days that date words mean."""

from datetime import date

import pytest

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.soql import dates, parse
from provisioner.emulator.soql.tree import Compare, Ref, Selected, Value


def test_a_query():
    query = parse.parse("select Id, Account.Name from Contact where LastName = 'O\\'Neil' limit 3")
    assert query.selected == (
        Selected(Ref(("Id",), 7)),
        Selected(Ref(("Account", "Name"), 11)),
    )
    assert query.where == Compare(Ref(("LastName",), 43), "=", Value("string", "O'Neil"))
    assert (query.source, query.source_at, query.limit) == ("Contact", 29, 3)


@pytest.mark.parametrize("name", ["Group", "Order", "Account"])
def test_objects_named_like_keywords(name):
    assert parse.parse(f"SELECT Id FROM {name} ORDER BY Id").source == name


def test_a_list_of_thousands_is_read_whole():
    names = ",".join(f"'user{i}@acme.example'" for i in range(2000))
    query = parse.parse(f"SELECT Id FROM User WHERE Username IN ({names})")
    assert len(query.where.values) == 2000


def test_long_queries_are_shown_to_whole_words():
    text = (
        "SELECT CreatedById, CreatedDate, LastActivityDate, LastModifiedById, LastModifiedDate,"
        " From Account "
    )
    with pytest.raises(SalesforceError) as caught:
        parse.parse(text)
    assert caught.value.message == (
        "\nLastModifiedById, LastModifiedDate, From Account \n"
        "                                    ^\nERROR at Row:1:Column:88\nunexpected token: 'From'"
    )


def test_a_query_may_have_100_000_characters():
    with pytest.raises(SalesforceError, match="100000"):
        parse.parse("SELECT Id FROM Account" + " " * 100_000)


TODAY = date(2026, 5, 20)  # a Wednesday


@pytest.mark.parametrize(
    ("word", "first", "after"),
    [
        ("TODAY", (2026, 5, 20), (2026, 5, 21)),
        ("YESTERDAY", (2026, 5, 19), (2026, 5, 20)),
        ("TOMORROW", (2026, 5, 21), (2026, 5, 22)),
        ("THIS_WEEK", (2026, 5, 17), (2026, 5, 24)),
        ("LAST_WEEK", (2026, 5, 10), (2026, 5, 17)),
        ("NEXT_MONTH", (2026, 6, 1), (2026, 7, 1)),
        ("THIS_QUARTER", (2026, 4, 1), (2026, 7, 1)),
        ("LAST_YEAR", (2025, 1, 1), (2026, 1, 1)),
        ("LAST_N_DAYS:7", (2026, 5, 13), (2026, 5, 21)),
        ("NEXT_N_DAYS:2", (2026, 5, 21), (2026, 5, 23)),
        ("N_DAYS_AGO:1", (2026, 5, 19), (2026, 5, 20)),
        ("LAST_90_DAYS", (2026, 2, 19), (2026, 5, 21)),
        ("LAST_N_MONTHS:5", (2025, 12, 1), (2026, 5, 1)),
        ("NEXT_N_WEEKS:1", (2026, 5, 24), (2026, 5, 31)),
    ],
)
def test_date_words(word, first, after):
    assert dates.days(word, TODAY) == (date(*first), date(*after))


def test_days_begin_at_midnight_of_the_user():
    midnight = dates.midnight(TODAY, "America/Los_Angeles")
    assert midnight.isoformat() == "2026-05-20T07:00:00+00:00"
