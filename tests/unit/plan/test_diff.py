from provisioner.model.change import Action, Change, FieldChange
from provisioner.model.resource import Address, DesiredState, LiveState, Resource
from provisioner.plan.diff import diff

ACME = Address("account", "acme")


def wanted(**more):
    return Resource(ACME, more.pop("fields", {"Name": "acme"}), **more)


def test_what_is_missing_is_created_with_what_the_spec_says():
    want = wanted(fields={"Name": "acme", "Fax": None}, written={"Name": "Acme", "Fax": None})
    (change,) = diff(DesiredState([want]), LiveState())
    assert change == Change(Action.CREATE, ACME, None, want, (FieldChange("Name", None, "Acme"),))


def test_a_field_that_the_spec_leaves_out_never_differs():
    have = Resource(ACME, {"Name": "acme", "Fax": "1"}, id="001")
    assert diff(DesiredState([wanted()]), LiveState([have])) == ()


def test_null_clears_a_field():
    have = Resource(ACME, {"Name": "acme", "Fax": "1"}, id="001")
    want = wanted(fields={"Name": "acme", "Fax": None})
    (change,) = diff(DesiredState([want]), LiveState([have]))
    assert change.fields == (FieldChange("Fax", "1", None),)


def test_a_default_is_given_to_what_is_new_and_never_compared():
    want = wanted(fields={"Name": "acme", "Fax": "1"}, defaults=frozenset({"Fax"}))
    (created,) = diff(DesiredState([want]), LiveState())
    assert [(f.name, f.default) for f in created.fields] == [("Name", False), ("Fax", True)]
    have = Resource(ACME, {"Name": "acme", "Fax": "2"}, id="001")
    assert diff(DesiredState([want]), LiveState([have])) == ()


def test_only_what_the_spec_asks_to_remove_is_removed():
    have = Resource(ACME, {"Name": "acme"}, id="001")
    assert diff(DesiredState(), LiveState([have])) == ()
    (change,) = diff(DesiredState([wanted(remove=True)]), LiveState([have]))
    assert (change.action, change.before) == (Action.DELETE, have)
    assert diff(DesiredState([wanted(remove=True)]), LiveState()) == ()


def test_people_see_the_value_as_written():
    want = Resource(ACME, {"Name": "b"}, written={"Name": "B"})
    have = Resource(ACME, {"Name": "a"}, id="001", written={"Name": "A"})
    (change,) = diff(DesiredState([want]), LiveState([have]))
    assert change.fields == (FieldChange("Name", "A", "B"),)
