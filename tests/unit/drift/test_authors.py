"""Who made a difference, as far as the org shows it."""

import pytest

from provisioner.drift.authors import Author, RunningUser, audit_trail_query, find_authors
from provisioner.model.change import Action, Change, FieldChange
from provisioner.model.plan import Step
from provisioner.model.resource import Address, Resource

ME = RunningUser("tool@acme.example", "Tool")


def step(
    kind, name, *fields, by="Tool", username=None, at="2026-03-01T10:00:00.000+0000", **written
):
    row = {"LastModifiedBy.Name": by, "LastModifiedDate": at, **written}
    if username:
        row["LastModifiedBy.Username"] = username
    address = Address(kind, name)
    before = Resource(address, row, id="1", written=row)
    after = Resource(address, {"Username": "jane@acme.example"})
    changed = tuple(FieldChange(f, None, "x") for f in fields)
    return Step(Change(Action.UPDATE, address, before, after, changed), (), frozenset())


def entry(display, by="Sam", at="2026-03-02T10:00:00.000+0000", **more):
    return {"Display": display, "CreatedBy.Name": by, "CreatedDate": at, "Action": "x", **more}


def author(given, *trail, me=ME):
    return find_authors([given], trail, me).get(given.address)


def test_the_last_write_of_a_record_names_its_author():
    given = step("account", "acme", "Fax", by="Sam Hand", username="sam@acme.example")
    assert author(given) == Author("Sam Hand", "2026-03-01T10:00:00.000+00:00", "last modified")


@pytest.mark.parametrize("username", ["tool@acme.example", "TOOL@acme.example"])
def test_the_tools_own_last_write_names_nobody(username):
    assert author(step("account", "acme", "Fax", by="Sam", username=username)) is None


def test_somebody_of_the_same_name_is_somebody_else():
    given = step("account", "acme", "Fax", by="Tool", username="other@acme.example")
    assert author(given).by == "Tool"


def test_where_the_org_does_not_tell_who_is_logged_in_nobody_is_left_out():
    assert author(step("account", "acme", "Fax", by="Tool"), me=RunningUser()).by == "Tool"


@pytest.mark.parametrize(
    ("given", "display", "meant"),
    [
        (step("profile", "Acme", "description"), "Changed profile Acme", True),
        (step("profile", "Acme", "description"), "Changed profile Acmeology", False),
        (step("profile", "Acme", "description"), "Changed profile acme: description", True),
        (step("portal", "Acme Portal", "admin"), "Changed Customer Portal Acme Portal", True),
        (step("portal", "Acme Portal", "admin"), "Changed the profiles assigned to a Customer Portal", False),
        (step("portal", "Acme Portal", "profiles"), "Changed the profiles assigned to a Customer Portal", True),
        (step("layout", "Contact-Contact Layout", "Fax"), "Changed page layout Contact Layout", True),
        (step("layout", "Contact-Contact Layout", "Fax"), "Changed page layout Account Layout", False),
        (step("settings", "CommunitiesSettings", "enableGuestChatter"), "Turned on Guest Chatter", True),
        (step("settings", "CommunitiesSettings", "enableGuestChatter"), "Changed enableGuestChatter to true", True),
        (step("user", "jane", "IsActive", Name="Jane Doe"), "Deactivated user Jane Doe", True),
        (step("user", "jane", "IsActive", Name="Jane Doe"), "Deactivated user Jane Doerr", False),
        (step("user", "jane", "IsActive"), "Changed username to jane@acme.example", True),
        (step("account", "acme", "Fax"), "Changed acme", False),
    ],
)  # fmt: skip
def test_an_entry_of_the_audit_trail_is_about_what_it_names(given, display, meant):
    found = author(given, entry(display))
    assert (found is not None) == meant
    if meant:
        assert found == Author("Sam", "2026-03-02T10:00:00.000+00:00", "setup audit trail", display)


@pytest.mark.parametrize("name", ["Acme (EU)", "A b c d e f g h i j", "(Acme)"])
def test_names_of_many_words_and_brackets_are_found_too(name):
    assert author(step("profile", name, "x"), entry(f"Changed profile {name}: x")).by == "Sam"
    assert author(step("profile", name, "x"), entry(f"Changed profile {name[:-1]}")) is None


def test_many_people_are_looked_up_in_a_long_trail_at_once():
    people = [step("user", f"u{n}", "IsActive", Name=f"Jane Doe{n}") for n in range(3000)]
    trail = [entry(f"Deactivated user Jane Doe{n}", by=f"Sam {n}") for n in range(2000)]
    found = find_authors(people, trail, ME)
    assert len(found) == 2000
    assert found[Address("user", "u1999")].by == "Sam 1999"


def test_the_latest_of_all_that_says_so_counts():
    late = step("profile", "Acme", "description", by="Sue", at="2026-03-03T10:00:00.000+0000")
    assert author(late, entry("Changed profile Acme")).by == "Sue"
    newest, older = entry("Changed profile Acme"), entry("Changed profile Acme", by="Old")
    early = step("profile", "Acme", "description", by="Sue")
    assert author(early, newest, older).by == "Sam"


def test_who_logged_in_as_somebody_else_is_named():
    found = author(step("profile", "Acme", "x"), entry("Changed profile Acme", DelegateUser="Boss"))
    assert found.by == "Boss"


def test_the_audit_trail_is_not_asked_where_it_can_not_tell():
    assert audit_trail_query([step("account", "acme", "Fax")], "tool@acme.example") is None
    query = audit_trail_query([step("user", "jane", "IsActive")], "tool@acme.example")
    assert query.without == (("CreatedBy.Username", ("tool@acme.example",)),)
    assert audit_trail_query([step("user", "jane", "IsActive")], "").without == ()
