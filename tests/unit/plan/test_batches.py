"""Which calls become one request, in which order, and what they cost."""

import pytest

from provisioner.model.change import Action, Change, FieldChange
from provisioner.model.operations import (
    CreateRecord,
    DeleteRecord,
    EditMetadata,
    EnableCustomerPortal,
    ResetPassword,
    SetMembership,
    SetPassword,
    UpdateRecord,
)
from provisioner.model.plan import Step
from provisioner.model.resource import Address, Ref, Resource, Secret
from provisioner.plan import batches
from provisioner.plan.batches import Lane


def contacts(*accounts):
    return [
        CreateRecord("Contact", {"LastName": str(n), "AccountId": a})
        for n, a in enumerate(accounts)
    ]


def formed(calls):
    """The batches in turns, each as the accounts of its calls."""
    turns = batches.form(calls, lambda call: call, lambda call: call.fields.get("AccountId"))
    return [[[c.fields.get("AccountId") for c in batch.items] for batch in turn] for turn in turns]


def sizes(calls):
    turns = batches.form(calls, lambda call: call, lambda _: None)
    return [[len(batch.items) for batch in turn] for turn in turns]


def test_siblings_stand_together_in_the_order_of_the_first():
    assert formed(contacts("a", "b", "a", "c", "b")) == [[["a", "a", "b", "b", "c"]]]


def test_siblings_that_do_not_fit_what_is_left_begin_a_batch():
    (first,), (second,) = formed(contacts(*["a"] * 150, *["b"] * 60, *["c"] * 40))
    assert first == ["a"] * 150
    assert second == ["b"] * 60 + ["c"] * 40


def test_siblings_too_many_for_one_batch_go_one_batch_after_the_other():
    turns = formed(contacts(*["a"] * 450, *["b"] * 10))
    assert [[len(batch) for batch in turn] for turn in turns] == [[200, 200, 50], [10]]


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (contacts("a"), [[1]]),
        (contacts(*"a" * 200), [[200]]),
        (contacts(*"a" * 201), [[200], [1]]),
        (contacts(*"a" * 1999), [[200]] * 9 + [[199]]),
        (contacts(*"a" * 2000), [[2000]]),
        ([EditMetadata("Layout", str(n), {}) for n in range(12)], [[10], [2]]),
        ([SetPassword("u", Secret("x")), ResetPassword("v")], [[2]]),
        ([ResetPassword(str(n)) for n in range(60)], [[25], [25], [10]]),
        ([SetMembership("p", ()), SetMembership("q", ())], [[1], [1]]),
        (
            [*contacts("a"), UpdateRecord("Contact", "i", {}), DeleteRecord("Contact", "i")],
            [[1]] * 3,
        ),
        ([CreateRecord("Account", {}), CreateRecord("User", {})], [[1], [1]]),
    ],
)
def test_like_calls_share_a_request_up_to_its_limit(calls, expected):
    assert sizes(calls) == expected


def test_every_call_is_in_one_batch():
    calls = contacts(*(f"a{n % 37}" for n in range(1000)))
    turns = batches.form(calls, lambda call: call, lambda call: call.fields["AccountId"])
    sent = [call.fields["LastName"] for turn in turns for batch in turn for call in batch.items]
    assert sorted(sent, key=int) == [str(n) for n in range(1000)]


def test_metadata_goes_one_at_a_time_and_each_lane_has_its_limit():
    assert batches.AT_ONCE[Lane.METADATA] == 1
    assert set(batches.AT_ONCE) == set(Lane)
    assert batches.family(EnableCustomerPortal()).lane is Lane.METADATA


# ---------------------------------------------------------------- waves


def step(name, *needs, action=Action.CREATE, calls=(), **fields):
    address = Address(*name.split("/"))
    after = Resource(address, fields, written=fields)
    before = None if action is Action.CREATE else Resource(address, {}, id="001")
    changes = tuple(FieldChange(n, None, v) for n, v in fields.items())
    change = Change(action, address, before, after, changes)
    return Step(change, calls, frozenset(Address(*need.split("/")) for need in needs))


def names(waves):
    return [[str(s.address) for s in wave] for wave in waves]


def test_a_wave_is_all_that_waits_for_nothing():
    steps = (
        step("account/a"),
        step("account/b", "account/a"),
        step("contact/c", "account/a"),
        step("user/d", "contact/c", "profile/gone"),
    )
    assert names(batches.waves(steps)) == [["account/a"], ["account/b", "contact/c"], ["user/d"]]


def test_who_leaves_goes_first_and_settings_before_all_else():
    steps = (
        step("user/old", action=Action.DEACTIVATE),
        step("settings/OrgSettings", action=Action.UPDATE),
        step("layout/l", action=Action.UPDATE),
        step("account/a"),
        step("user/idle", action=Action.UPDATE, IsActive=False),
    )
    assert names(batches.waves(steps)) == [
        ["user/old", "user/idle"],
        ["settings/OrgSettings"],
        ["layout/l", "account/a"],
    ]


def test_a_user_is_the_sibling_of_the_users_of_its_contacts_account():
    account = Ref(Address("account", "acme"))
    contact = Resource(Address("contact", "jane"), {}, written={"AccountId": account})
    user = step("user/jane", ContactId=Ref(contact.address)).change
    assert batches.sibling(user, {contact.address: contact}.get) == account.to
    assert batches.sibling(step("contact/x", AccountId="001x").change, {}.get) == "001x"
    assert batches.sibling(step("account/acme").change, {}.get) is None


def test_the_estimate_counts_requests_and_not_records():
    calls = (CreateRecord("Contact", {}),)
    one = batches.estimate((step("contact/c0", calls=calls),))
    many = batches.estimate([step(f"contact/c{n}", calls=calls) for n in range(400)])
    bulk = batches.estimate([step(f"contact/c{n}", calls=calls) for n in range(10_000)])
    assert batches.estimate(()) == 0
    assert many == one + 1
    assert bulk < 30
