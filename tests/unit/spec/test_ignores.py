"""Entries of drift-ignore.yaml: read, over, naming nothing, and what they take off a plan."""

from datetime import date

import pytest

from provisioner.model.change import Action, Change, FieldChange
from provisioner.model.ignore import Ignore
from provisioner.model.resource import Address, Resource
from provisioner.plan.scope import without_ignored
from provisioner.spec.document import parse
from provisioner.spec.ignores import read, resolve

ACME, DOTTED = Address("account", "acme"), Address("profile", "Force.com User")
TODAY = date(2026, 3, 1)


def entries(text):
    return read(parse(text, "drift-ignore.yaml"), [ACME, DOTTED], TODAY)


def entry(address="account/acme", field="Fax", until="2026-03-01"):
    named = f"field: {field}, " if field else ""
    return f"ignore:\n  - {{address: {address}, {named}reason: sales, until: {until}}}\n"


def test_an_entry_is_valid_through_its_last_day():
    found, problems = entries(entry())
    assert (str(found[0]), found[0].reason, found[0].until) == ("account/acme.Fax", "sales", TODAY)
    assert problems == ()


@pytest.mark.parametrize(
    ("text", "code", "help_"),
    [
        (entry(until="2026-02-28"), "warning expired-ignore", "revert or adopt"),
        (entry("account/acm"), "warning unknown-address", "did you mean `account/acme`?"),
        (entry("user/*"), "warning unknown-address", "remove the entry"),
        (entry(until="2026-02-30"), "error wrong-value", ""),
    ],
)
def test_an_invalid_or_expired_entry_is_reported(text, code, help_):
    found, (problem,) = entries(text)
    assert found == ()
    assert f"{problem.severity.value} {problem.code}" == code
    assert help_ in (problem.help or "")
    assert problem.span.line == 2


def test_a_file_may_be_empty():
    assert entries("ignore:\n") == ((), ())


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("account/acme", ("account/acme", None)),
        ("account/acme.Fax", ("account/acme", "Fax")),
        ("profile/Force.com User", ("profile/Force.com User", None)),
        ("profile/Force.com User.objectPermissions.Case", ("profile/Force.com User", "objectPermissions.Case")),
        ("account/acm.Fax", None),
        ("account/acme.", None),
    ],
)  # fmt: skip
def test_an_address_and_a_field_are_split(given, found):
    assert resolve(given, [ACME, DOTTED]) == found


def change(action=Action.UPDATE, *fields):
    before = None if action is Action.CREATE else Resource(ACME, {}, id="1")
    given = tuple(FieldChange(name, None, "x") for name in fields)
    return Change(action, ACME, before, Resource(ACME, {}), given)


def left(made, *entries_):
    ignores = [Ignore(a, f, "why", TODAY) for a, f in entries_]
    changes, ignored = without_ignored({ACME: made}, ignores)
    names = [f.name for f in changes[ACME].fields] if ACME in changes else None
    return names, [i.field for i in ignored]


def test_ignored_fields_are_removed_from_a_change():
    made = change(Action.UPDATE, "Fax", "Phone", "Site")
    assert left(made, ("account/acme", "Fax"), ("account/*", "Ph*")) == (["Site"], ["Fax", "Phone"])
    assert left(made, ("account/acme", "*")) == (None, ["Fax", "Phone", "Site"])
    assert left(made, ("contact/*", "*")) == (["Fax", "Phone", "Site"], [])


def test_a_missing_resource_is_created_whole():
    assert left(change(Action.CREATE, "Fax", "Name"), ("account/acme", "Fax")) == (
        ["Fax", "Name"],
        [],
    )


def test_an_ignored_resource_is_excluded_by_the_planner():
    assert left(change(Action.CREATE, "Fax"), ("account/acme", None)) == (["Fax"], [None])
