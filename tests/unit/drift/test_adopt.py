"""Values of the org put where the spec has its own: templates, references, lists, and what can not."""

import pytest

from provisioner.drift.adopt import adopt, patch
from provisioner.model.change import Action, Change, FieldChange
from provisioner.model.plan import Step
from provisioner.model.resource import Address, Lookup, Ref, Resource, Secret, Spec
from provisioner.spec import document as source

NAMES = {"vars": {"domain": "acme.example", "p": "A", "prefix": "Acme"}, "env": {}}
FILE = "specs/acme/a.yaml"


def step(text, path, value, *, name=None, kind="account", action=Action.UPDATE):
    """A change of the field at `path` of the resource `x`, where the org has `value`."""
    document = source.parse(text, FILE)
    section = next(iter(document.data))
    address = Address(kind, "x")
    span = document.values[(section, "x", *path)]
    field = FieldChange(name or ".".join(path), value, "wanted", span)
    row = {field.name: value}
    before = Resource(address, row, id="1", written=row)
    assert Spec(address, {}, {(): span})
    return Step(Change(action, address, before, Resource(address, {}), (field,)), (), frozenset())


def adopted(text, path, value, **more):
    made = adopt([step(text, path, value, **more)], {FILE: text}, NAMES)
    return made.texts.get(FILE), [each.reason for each in made.not_adopted], list(made.remarks)


def line(value):
    return f"accounts:\n  x: {{F: {value}}}   # ours\n"


@pytest.mark.parametrize(
    ("old", "value", "new", "lost"),
    [
        ('"jane@{{ vars.domain }}"', "joe@acme.example", '"joe@{{ vars.domain }}"', None),
        ('"jane@{{ vars.domain }}"', "acme.example", '"{{ vars.domain }}"', None),
        ('"jane@{{ vars.domain }}"', "joe@globex.example", '"joe@globex.example"', "{{ vars.domain }}"),
        ("'{{ vars.prefix }} {{ vars.domain }}'", "Acme of acme.example", "'{{ vars.prefix }} of {{ vars.domain }}'", None),
        ("'{{ vars.prefix }} {{ vars.domain }}'", "The acme.example", "'The {{ vars.domain }}'", "{{ vars.prefix }}"),
        ("'{{ vars.domain }} {{ vars.prefix }}'", "Acme acme.example", "'Acme {{ vars.domain }}'", "{{ vars.prefix }}"),
        # Too short to be found by anything but chance.
        ("'{{ vars.p }}-1'", "A-2", "'A-2'", "{{ vars.p }}"),
        ("'{{ vars.domain }}'", None, "null", "{{ vars.domain }}"),
        ("'{{ vars.domain | upper }}'", "x", "'x'", "{{ vars.domain | upper }}"),
        ("'{% if vars.p %}x{% endif %}'", "y", "'y'", "a template"),
    ],
)  # fmt: skip
def test_a_template_stays_where_its_names_still_stand_for_the_value(old, value, new, lost):
    text, left, remarks = adopted(line(old), ("F",), value)
    assert text == line(new)
    assert left == []
    assert len(remarks) == (lost is not None)
    if lost:
        assert f"{FILE}:2:" in remarks[0]
        assert f": {lost} is replaced by a plain value" in remarks[0]


@pytest.mark.parametrize(
    ("key", "name", "value", "new"),
    [
        ("account", "AccountId", Ref(Address("account", "globex")), "globex"),
        ("account", "AccountId", "001000000000001AAA", "{find: {Id: 001000000000001AAA}}"),
        ("owner", "OwnerId", "sam@acme.example", "sam@acme.example"),
        ("owner", "OwnerId", Lookup("User", (("Username", "sam@acme.example"),)), "sam@acme.example"),
        ("account", "AccountId", Lookup("Account", (("A", "1"), ("B", "2"))), '{find: {A: "1", B: "2"}}'),
        ("profile", "ProfileId", "Customers", "Customers"),
        ("OwnerId", "OwnerId", "005000000000001AAA", "{find: {Id: 005000000000001AAA}}"),
        ("Amount", "Amount", 12.0, "12"),
        ("Active", "Active", False, "false"),
    ],
)  # fmt: skip
def test_a_value_is_written_as_a_spec_has_it(key, name, value, new):
    text, left, _ = adopted(f"accounts:\n  x: {{{key}: old}}\n", (key,), value, name=name)
    assert (text, left) == (f"accounts:\n  x: {{{key}: {new}}}\n", [])


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("[A, b]", ("B",), "[b]"),
        (
            "['{{ vars.prefix }} User', Old]",
            ("Acme User", "New"),
            "['{{ vars.prefix }} User', New]",
        ),
        ("[Red, Blue]", "Blue;Green", "[Blue, Green]"),
    ],
)
def test_items_that_stay_are_left_as_they_are_written(old, value, new):
    text, left, _ = adopted(line(old), ("F",), value)
    assert (text, left) == (line(new), [])


def test_a_field_that_was_taken_off_a_layout_becomes_null():
    text = "layouts:\n  x:\n    fields:\n      Fax: {section: A, behavior: Edit}   # here\n"
    given = step(text, ("fields", "Fax"), None, name="Fax", kind="layout")
    fields = [
        FieldChange("Fax", None, "on the layout", given.change.fields[0].span),
        FieldChange("Fax.section", None, "A", source.parse(text, FILE).values["layouts", "x", "fields", "Fax", "section"]),
    ]  # fmt: skip
    change = Change(
        Action.UPDATE, given.address, given.change.before, given.change.after, tuple(fields)
    )
    made = adopt([Step(change, (), frozenset())], {FILE: text}, NAMES)
    assert made.not_adopted == ()
    assert made.texts[FILE] == "layouts:\n  x:\n    fields:\n      Fax: null   # here\n"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"name": "name"}, "it still has its former name"),
        ({"name": "password"}, "a password is never adopted"),
        ({"action": Action.CREATE}, "it is not in the org"),
        ({"action": Action.DEACTIVATE}, "the spec removes it"),
        ({"value": Secret("x")}, "a secret is never adopted"),
        ({"value": "on the layout"}, "it is on the layout"),
    ],
)
def test_what_has_no_place_is_left_with_its_reason(more, reason):
    value = more.pop("value", "new")
    text, (left,), _ = adopted(line("old"), ("F",), value, **more)
    assert text is None
    assert reason in left


def test_a_difference_in_a_roster_is_left_to_people():
    text = line("old")
    given = step(text, ("F",), "new")
    made = adopt([given], {"other.yaml": text}, NAMES)
    assert made.not_adopted[0].reason == "it is not written in a file of the spec"


def test_what_can_not_be_set_hinders_nothing_else():
    text = "accounts:\n  x: {F: &a old, G: *a, H: old}\n"
    steps = [step(text, ("F",), "new"), step(text, ("H",), "new")]
    made = adopt(steps, {FILE: text}, NAMES)
    assert [(each.field, "shares" in each.reason) for each in made.not_adopted] == [("F", True)]
    assert made.texts[FILE] == "accounts:\n  x: {F: &a old, G: *a, H: new}\n"


def test_a_patch_names_files_as_git_does():
    assert patch("a\nb\n", "a\nc\n", "specs/x.yaml") == (
        "--- a/specs/x.yaml\n+++ b/specs/x.yaml\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    )
    assert patch("a", "b", "x") == (
        "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n"
        "+b\n\\ No newline at end of file\n"
    )
    assert patch("a\n", "a\n", "x") == ""
