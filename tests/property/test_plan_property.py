"""The laws of comparing, ordering, showing and saving, for whatever values."""

from __future__ import annotations

import json
import string
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.model.canonical import canonical, long_id
from provisioner.model.change import Action
from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Severity, Span
from provisioner.model.operations import CreateRecord, UpdateRecord
from provisioner.model.plan import Note, NoteKind, OrgInfo, Plan, SeatUsage, Step, order
from provisioner.model.resource import (
    Address,
    DesiredState,
    LiveState,
    Lookup,
    Ref,
    Resource,
    Secret,
)
from provisioner.plan import document as view
from provisioner.plan import plan_file as saved
from provisioner.plan.diff import diff
from provisioner.render import report

HIDDEN = "the hidden password"
MARKUP = "<nasty>&|`"
NAMES = st.sampled_from(["Name", "Email", "Fax", "AccountId"])
ADDRESSES = st.builds(
    Address, st.sampled_from(["account", "contact", "user"]), st.sampled_from("abcde")
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.just(MARKUP)
)
VALUES = (
    SCALARS
    | st.builds(Ref, ADDRESSES)
    | st.just(Lookup("User", (("Username", "a@b.example"),)))
    | st.just(Secret(HIDDEN))
    | st.lists(st.sampled_from("xyz"), unique=True, max_size=3).map(tuple)
)
SPANS = st.builds(
    Span,
    st.sampled_from(["a.yaml", "b/c.yaml"]),
    *[st.integers(1, 9)] * 2,
    *[st.integers(9, 12)] * 2,
)
RESOURCES = st.builds(
    lambda address, fields, id_, remove, spans: Resource(
        address, fields, id=id_, written=fields, spans=spans, remove=remove
    ),
    ADDRESSES,
    st.dictionaries(NAMES, VALUES, max_size=4),
    st.none() | st.just("001Lo0000000001AAA"),
    st.just(value=False),
    st.dictionaries(st.sampled_from(["", "Name"]), SPANS),
)
STATES = st.lists(RESOURCES, unique_by=lambda r: r.address, max_size=6)
TYPES = [
    *["boolean", "combobox", "currency", "date", "datetime", "double", "email", "encryptedstring"],
    *["id", "int", "long", "multipicklist", "percent", "phone", "picklist", "reference"],
    *["string", "textarea", "time", "url"],
]
WRITTEN = (
    SCALARS
    | st.text(max_size=20)
    | st.sampled_from(
        [
            " 1 ",
            "1e3",
            "1e400",
            "-0",
            "NaN",
            "٣",
            "1_000",
            "0x1",
            "ß",
            "İ",
            "\u017f",
            "a;b; A",
            ";;",
        ]
    )
    | st.sampled_from(["2026-01-02", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678+0000"])
    | st.sampled_from(["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "20260102T03"])
    | st.datetimes(timezones=st.none() | st.timezones()).map(lambda moment: moment.isoformat())
    | st.text(string.ascii_letters + string.digits, min_size=15, max_size=15)
)


# ---------------------------------------------------------------- values


@pytest.mark.parametrize("type_", TYPES)
@given(value=WRITTEN)
def test_a_canonical_form_is_its_own(type_, value):
    once = canonical(value, type_)
    assert canonical(once, type_) == once
    assert type(canonical(once, type_)) is type(once)


@given(st.text(string.ascii_letters + string.digits, min_size=15, max_size=15) | st.text())
def test_an_id_is_made_long_once(value):
    once = long_id(value)
    assert once.startswith(value)
    assert long_id(once) == once


# ---------------------------------------------------------------- comparing


def applied(changes, live):
    """The live state once every change was made."""
    state = {r.address: r for r in live}
    for change in changes:
        if change.action is Action.DELETE:
            del state[change.address]
        else:
            before = change.before.fields if change.before else {}
            changed = {f.name: change.after.fields[f.name] for f in change.fields}
            state[change.address] = Resource(change.address, {**before, **changed})
    return LiveState(state.values())


@given(STATES)
def test_what_is_the_same_does_not_differ(resources):
    assert diff(DesiredState(resources), LiveState(resources)) == ()


@given(STATES, STATES, st.sets(ADDRESSES))
def test_after_the_changes_nothing_differs(wanted, found, removed):
    wanted = [replace(r, remove=True) if r.address in removed else r for r in wanted]
    desired = DesiredState(wanted)
    changes = diff(desired, LiveState(found))
    assert [c.address for c in changes] == sorted({c.address for c in changes})
    assert diff(desired, applied(changes, found)) == ()


@given(STATES, STATES)
def test_what_is_not_wanted_is_left_alone(wanted, found):
    changes = diff(DesiredState(wanted), LiveState(found))
    assert {c.address for c in changes} <= {r.address for r in wanted}
    named = {r.address: r.fields.keys() for r in wanted}
    assert all(c.names() <= named[c.address] for c in changes)


# ---------------------------------------------------------------- ordering


def in_order(changes):
    """The ordered changes, and the codes of what stands in their way."""
    try:
        return order(changes, lambda c: 0, lambda r: frozenset()), []
    except DiagnosticError as error:
        return (), [d.code for d in error.diagnostics]


@given(STATES, STATES, st.randoms(use_true_random=False))
def test_every_need_comes_before_its_user_and_the_order_is_one(wanted, found, random):
    changes = list(diff(DesiredState(wanted), LiveState(found)))
    ordered, refused = in_order(changes)
    assert refused in ([], ["reference-cycle"])
    assert len(ordered) == (0 if refused else len(changes))
    before = set()
    for change, needs in ordered:
        assert needs == change.after.refs() & {c.address for c in changes}
        assert needs <= before
        before.add(change.address)
    random.shuffle(changes)
    assert in_order(changes) == (ordered, refused)


@given(STATES)
def test_what_is_removed_goes_after_all_that_points_to_it(resources):
    changes = diff(
        DesiredState(replace(r, remove=True, fields={}) for r in resources), LiveState(resources)
    )
    later = sorted(c.address for c in changes)

    def referrers(resource):
        return frozenset(a for a in later if a > resource.address)

    ordered = [change.address for change, _ in order(changes, lambda c: 0, referrers)]
    assert ordered == later[::-1]


# ---------------------------------------------------------------- showing and saving

NOTES = st.builds(
    Note, st.sampled_from(NoteKind), st.just(MARKUP) | st.text(max_size=8), st.integers(0, 3)
)
PROBLEMS = st.builds(
    Diagnostic,
    st.just("odd"),
    st.sampled_from(["a `b` c", MARKUP]),
    st.none() | SPANS,
    help=st.none() | st.just("do `this`"),
    notes=st.sampled_from([(), ("one", MARKUP)]),
    severity=st.sampled_from(Severity),
)


@st.composite
def plans(draw):
    wanted, found = draw(STATES), draw(STATES)
    steps = []
    for change in diff(DesiredState(wanted), LiveState(found)):
        fields = {f.name: f.after for f in change.fields}
        calls = draw(
            st.sampled_from([(), (CreateRecord("A", fields),), (UpdateRecord("A", "001", fields),)])
        )
        notes = tuple(draw(st.lists(NOTES, max_size=2)))
        matched_by = draw(st.sampled_from([None, "Name"]))
        steps.append(Step(change, calls, frozenset(), notes, matched_by))
    return Plan(
        OrgInfo("00DLo0000000001MAA", draw(st.text(max_size=5)), "https://acme.example"),
        tuple(steps),
        tuple(draw(st.lists(PROBLEMS, max_size=2))),
        tuple(draw(st.lists(st.just(SeatUsage("Licence", 9, 1, 2)), max_size=1))),
        managed=len(wanted),
        reads=draw(st.integers(0, 9)),
    )


def seen(plan):
    return view.plan_document(plan, spec="specs/acme", environment="local")


@given(plans())
def test_a_plan_survives_json_and_tells_no_secret(plan):
    shown = seen(plan)
    text = json.dumps(shown)
    assert json.loads(text) == shown
    assert HIDDEN not in text


@settings(max_examples=25, deadline=None)
@given(plans(), st.sampled_from(["plan", "drift"]))
def test_every_document_of_a_plan_can_be_made_and_tells_no_secret(plan, kind):
    shown = seen(plan) | {"report": kind}
    for form in ("markdown", "html", "junit", "sarif", "github"):
        text = report.render(shown, form, "1")
        assert HIDDEN not in text
        assert "built-in method" not in text
        assert form != "html" or "<nasty>" not in text


NOW = datetime(2026, 3, 1, tzinfo=UTC)


def reviewed_of(shown):
    """The plan as it was saved and read again."""
    week = timedelta(days=7)
    sealed = saved.sign(shown, spec_digest="sha256:0", version="1", now=NOW, valid_for=week)
    return saved.parse(json.dumps(sealed))


def refuses(reviewed, shown):
    try:
        saved.check(reviewed, shown, spec_digest="sha256:0", now=NOW)
    except saved.SavedPlanError as error:
        return error.stale
    return False


@given(plans(), st.data())
def test_a_saved_plan_takes_itself_or_less_and_nothing_more(plan, data):
    whole = seen(plan)
    numbers = data.draw(st.sets(st.sampled_from(range(len(plan.steps))))) if plan.steps else set()
    part = seen(
        Plan(plan.org, tuple(s for i, s in enumerate(plan.steps) if i in numbers), managed=1)
    )
    assert not refuses(reviewed_of(whole), whole)
    assert not refuses(reviewed_of(whole), part)
    assert refuses(reviewed_of(part), whole) == (len(part["steps"]) < len(plan.steps))


@given(plans(), st.data())
def test_a_saved_plan_refuses_a_step_that_says_anything_else(plan, data):
    whole = seen(plan)
    reviewed = reviewed_of(whole)
    if not whole["steps"]:
        return
    step = data.draw(st.sampled_from(whole["steps"]))
    match data.draw(st.sampled_from(["address", "action", "id", "field", "note", "call", "org"])):
        case "address" | "action" | "id" as name:
            step[name] = "another"
        case "field":
            new = {"name": "New", "before": None, "after": 1, "default": False}
            step["fields"].append({**new, "file": None, "line": None, "column": None})
        case "note":
            step["notes"].append({"kind": "e-mail", "text": "to all", "people": 9})
        case "call":
            step["calls"].append("ResetPassword")
        case _:
            whole["org"]["id"] = "00DLo0000000002MAA"
    assert refuses(reviewed, whole)


@given(
    st.text()
    | st.recursive(SCALARS, lambda i: st.lists(i) | st.dictionaries(NAMES, i)).map(json.dumps)
)
def test_any_file_is_a_plan_or_is_refused_in_words(text):
    with suppress(saved.SavedPlanError):
        saved.parse(text)
