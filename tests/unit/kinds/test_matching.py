from provisioner.kinds.matching import Matcher, pair
from provisioner.model.resource import Address, Resource


def account(name, **fields):
    return Resource(Address("account", name), fields, written=fields)


def by(field):
    return Matcher(field, lambda r: r.written.get(field), lambda row: row.get(field))


MATCHERS = (by("AccountNumber"), by("Name"))


def paired(wanted, rows):
    matches, problems = pair(wanted, rows, MATCHERS)
    return {str(a): (m.row["Id"], m.matched_by) for a, m in matches.items()}, [
        (p.code, p.notes) for p in problems
    ]


def test_the_best_rung_that_finds_any_says_who_it_is():
    rows = [{"Id": "1", "Name": "Acme", "AccountNumber": "7"}, {"Id": "2", "Name": "Beta"}]
    wanted = [account("a", Name="Other", AccountNumber="7"), account("b", Name="Beta")]
    assert paired(wanted, rows) == (
        {"account/a": ("1", "AccountNumber"), "account/b": ("2", "Name")},
        [],
    )


def test_a_row_known_by_a_better_rung_is_not_taken_by_a_worse_one():
    rows = [{"Id": "1", "Name": "Acme", "AccountNumber": "7"}]
    wanted = [account("a", Name="Acme"), account("b", Name="Acme", AccountNumber="7")]
    assert paired(wanted, rows) == ({"account/b": ("1", "AccountNumber")}, [])


def test_two_candidates_are_listed_and_never_guessed_between():
    rows = [{"Id": "2", "Name": "Acme"}, {"Id": "1", "Name": "Acme"}]
    assert paired([account("a", Name="Acme")], rows) == (
        {},
        [("ambiguous-record", ("1  Acme", "2  Acme"))],
    )


def test_two_resources_are_never_one_record():
    rows = [{"Id": "1", "Name": "Acme"}]
    wanted = [account("a", Name="Acme"), account("b", Name="Acme")]
    assert paired(wanted, rows) == (
        {"account/a": ("1", "Name")},
        [("same-record", ())],
    )


def test_nothing_to_be_known_by_is_no_match():
    assert paired([account("a")], [{"Id": "1", "Name": None}]) == ({}, [])
