"""A saved plan: signed, read again, and held against the plan as it is now."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from provisioner.model.diagnostics import Span
from provisioner.model.plan import OrgInfo, Plan
from provisioner.model.resource import Address, Secret, Spec
from provisioner.plan import plan_file as saved
from provisioner.plan.document import place, plan_document
from provisioner.render import text
from provisioner.render.report import json_pieces

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIGEST = saved.digest({"identity": {}, "specs": []})
SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "plan.schema.json").read_text("utf-8"))


def field(name, before, after):
    return {"name": name, "before": before, "after": after, "default": False, **place(None)}


def step(address="account/acme", action="update", **more):
    given = {
        "number": 1,
        "address": address,
        "action": action,
        "id": "001000000000001AAA",
        "matched_by": "Name",
        "irreversible": False,
        **place(None),
        "fields": [field("Phone", "1", "2"), field("Fax", None, "3")],
        "notes": [],
        "needs": [],
        "calls": ["UpdateRecord"],
        "last_modified": None,
    }
    return given | more


def view(*steps, org="00D000000000001AAA"):
    plan = Plan(OrgInfo(org, "Acme", "https://acme.example"))
    document = plan_document(plan, spec="specs/acme", environment="local")
    return document | {"steps": list(steps)}


def signed(plan):
    return saved.sign(
        plan, spec_digest=DIGEST, version="1.0", now=NOW, valid_for=timedelta(hours=1)
    )


def check(then, now, *, digest=DIGEST, later=timedelta(0)):
    read = saved.parse(json.dumps(signed(then)))
    saved.check(read, now, spec_digest=digest, now=NOW + later)


def refused(then, now, **more):
    with pytest.raises(saved.SavedPlanError) as caught:
        check(then, now, **more)
    assert caught.value.stale
    return caught.value


def test_the_file_is_as_its_schema_says():
    Draft202012Validator(SCHEMA).validate(signed(view(step())))


def test_what_was_reviewed_may_be_applied():
    check(view(step()), view(step()))


def test_the_same_plan_is_sealed_byte_for_byte():
    assert json.dumps(signed(view(step()))) == json.dumps(signed(view(step())))


@pytest.mark.parametrize("count", [1_000, 1_001])
def test_a_file_of_many_steps_is_read_as_it_was_signed(count):
    plan = signed(view(*(step(f"account/a{n}") for n in range(count))))
    text_ = "".join(json_pieces(plan))
    assert json.loads(text_) == plan
    assert len(saved.parse(text_).steps) == count


def test_keys_of_newer_versions_are_ignored():
    newer = signed({**view({**step(), "colour": "red"}), "later": 1})
    assert saved.parse(json.dumps(newer)).steps[0]["address"] == "account/acme"


def test_a_plan_of_an_older_version_is_completed():
    later = ("known", "left_out", "ignored", "absent", "email_differences", "licences")
    older = {name: value for name, value in view(step()).items() if name not in later}
    older["summary"] = {n: v for n, v in older["summary"].items() if n != "change_login"}
    read = saved.parse(json.dumps(signed(older))).document
    assert read == view(step()) | dict.fromkeys(later, ())
    assert [str(line) for line in text.plan(read)]


@pytest.mark.parametrize(
    "path",
    [
        ("org", "id"),
        ("org", "name"),
        ("environment",),
        ("steps", 0, "fields", 0, "after"),
        ("steps", 0, "needs"),
        ("saved", "expires_at"),
        ("saved", "spec_digest"),
        ("saved", "tool_version"),
    ],
)
def test_an_edit_anywhere_is_seen(path):
    edited = copy.deepcopy(signed(view(step())))
    at = edited
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = "2030-01-01T00:00:00Z"
    with pytest.raises(saved.SavedPlanError, match="edited") as caught:
        saved.parse(json.dumps(edited))
    assert caught.value.stale


def test_layout_of_the_json_is_no_edit():
    assert saved.parse(json.dumps(signed(view(step())), indent=7, sort_keys=True))


def test_another_org():
    error = refused(view(step()), view(step(), org="00D000000000002AAA"))
    assert "made for the org 00D000000000001AAA, this is 00D000000000002AAA" in str(error)


def test_an_expired_plan():
    check(view(step()), view(step()), later=timedelta(minutes=59))
    error = refused(view(step()), view(step()), later=timedelta(hours=1))
    assert str(error) == "the plan expired at 2026-03-01T13:00:00Z"


def test_other_specs():
    error = refused(view(step()), view(step()), digest="sha256:0")
    assert str(error) == "the specs changed after the plan was made"


@pytest.mark.parametrize(
    "now",
    [
        [],
        [step(fields=[field("Phone", "1", "2")])],
        [step(fields=[])],
    ],
)
def test_less_may_be_done(now):
    check(view(step()), view(*now))


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (step(fields=[field("Phone", "9", "2")]), 'account/acme.Phone: was "1", is "9" now'),
        (step(fields=[field("Fax", "1", "3")]), 'account/acme.Fax: was null, is "1" now'),
        (
            step(fields=[field("Name", "A", "B")]),
            'account/acme.Name: was in sync, is "A" now',
        ),
        (
            step(fields=[field("Phone", "1", "7")]),
            'account/acme.Phone: would become "7", but the plan has "2"',
        ),
        (
            step(id="001000000000002AAA"),
            (
                "account/acme: update 001000000000002AAA is not in the plan, "
                "which has update 001000000000001AAA"
            ),
        ),
        (
            step(action="create", id=None),
            "account/acme: create is not in the plan, which has update 001000000000001AAA",
        ),
        (step("account/other"), "account/other: update is not in the plan"),
        (
            step(calls=["UpdateRecord", "ResetPassword"]),
            "account/acme: needs calls that are not in the plan",
        ),
        (
            step(notes=[{"kind": "e-mail", "text": "to a@b.example", "people": 1}]),
            "account/acme: e-mail: 1 people, but the plan has 0",
        ),
    ],
)
def test_more_is_named(now, said):
    error = refused(view(step()), view(now))
    assert str(error) == "the org changed after the plan was made"
    assert said in error.details


def test_fewer_people_may_lose_their_login_but_not_more():
    def losing(people):
        text = f"everybody: {people} active user{'' if people == 1 else 's'}"
        note = {"kind": "loses the login", "text": text, "people": people, "subject": "everybody"}
        return step(notes=[note])

    check(view(losing(2)), view(losing(1)))
    error = refused(view(losing(1)), view(losing(2)))
    assert error.details == ("account/acme: loses the login: 2 people, but the plan has 1",)


def test_the_digest_of_specs_sees_values_alone():
    def spec(key, line=1, **data):
        return Spec(Address("account", key), data, {(): Span("a.yaml", line, 1, line, 2)})

    def digest(*specs):
        return saved.spec_digest(specs, {})

    one, two = spec("a", Name="A", Phone="1"), spec("b", Name="B")
    assert digest(one, two) == digest(two, spec("a", 9, Phone="1", Name="A"))
    assert digest(one, two) != digest(one)
    assert digest(one) != digest(spec("a", Name="A", Phone="2"))
    assert digest(spec("a", P=Secret("x"))) == digest(spec("a", P=Secret("y")))
