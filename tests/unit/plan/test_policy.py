"""A plan held against a policy: each rule that is broken, with the number and the flag."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from provisioner.kinds.org_facts import LICENCES, PROFILES, OrgFacts
from provisioner.model.change import Action, Change, FieldChange
from provisioner.model.plan import Note, NoteKind, OrgInfo, Plan, SeatUsage, Step
from provisioner.model.resource import Address, Lookup, Ref, Resource
from provisioner.plan import policy
from provisioner.spec import document as source
from provisioner.spec import policy as bounds
from provisioner.spec.policy import DAYS, Policy, RuleError, Window, with_rules

FACTS = OrgFacts(
    {
        PROFILES: [
            {"Id": "00e1", "Name": "System Administrator", "UserLicenseId": "1", "UserType": "Standard"},
            {"Id": "00e2", "Name": "Customers", "UserLicenseId": "2", "UserType": "CspLitePortal"},
        ],
        LICENCES: [],
    }
)  # fmt: skip
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday


def step(address="account/acme", action=Action.UPDATE, *, notes=(), after=(), **fields):
    at = Address(*address.split("/"))
    made = Resource(at, dict(after or fields))
    given = tuple(FieldChange(name, None, value) for name, value in fields.items())
    return Step(Change(action, at, None, made, given), (), frozenset(), tuple(notes))


def plan(*steps, managed=10, seats=()):
    return Plan(OrgInfo("00D1", "Acme", ""), steps, seats=seats, managed=managed)


def refusals(made, **rules):
    return policy.refusals(made, Policy(**rules), FACTS)


def rules(found):
    return [r.rule for r in found]


def removals(count, action=Action.DELETE):
    return [step(f"account/a{n}", action) for n in range(count)]


@pytest.mark.parametrize(
    ("made", "rule", "most", "said"),
    [
        (plan(*removals(2)), "max_changes", 1, "2 changes"),
        (plan(*removals(1, Action.CREATE)), "max_creations", 0, "1 creation"),
        (plan(*removals(2, Action.DEACTIVATE)), "max_deactivations", 1, "2 deactivations"),
        (plan(*removals(2)), "max_deletions", 0, "2 deletions"),
        (plan(*removals(1), *removals(1, Action.DEACTIVATE)), "max_removals", 1, "2 removals"),
        (
            plan(step(notes=[Note(NoteKind.EMAIL, "x", 3)]), step(notes=[Note(NoteKind.EMAIL, "y", 1)])),
            "max_emails",
            3,
            "4 emails",
        ),
    ],
)  # fmt: skip
def test_a_bound_is_named_with_the_count_and_the_flag(made, rule, most, said):
    (found,) = refusals(made, **{rule: most})
    count = said.split()[0]
    assert found == policy.Refusal(
        rule,
        f"the plan has {said}, and the policy's `{rule}` is {most}",
        f"to proceed anyway, pass `--policy {rule}={count}`",
    )
    assert refusals(made, **{rule: int(count)}) == ()


@pytest.mark.parametrize(
    ("rule", "action"),
    [
        ("max_changes_percent", Action.UPDATE),
        ("max_creations_percent", Action.CREATE),
        ("max_deactivations_percent", Action.DEACTIVATE),
        ("max_deletions_percent", Action.DELETE),
        ("max_removals_percent", Action.DELETE),
    ],
)
def test_a_share_of_what_is_managed_is_bounded(rule, action):
    (found,) = refusals(plan(*removals(1, action), managed=3), **{rule: 33})
    assert f"34 % of 3 resources, and the policy's `{rule}` is 33" in found.message
    assert found.help == f"to proceed anyway, pass `--policy {rule}=34`"
    assert refusals(plan(*removals(1, action), managed=3), **{rule: 34}) == ()


def test_many_removals_are_refused_without_any_policy():
    (found,) = refusals(plan(*removals(4)))
    assert found.message == (
        "the plan has 4 removals, 40 % of 10 resources, and the policy's `max_removals_percent` "
        "is 30 by default"
    )
    assert refusals(plan(*removals(3), managed=3)) == ()
    assert refusals(plan(*removals(4), managed=14)) == ()
    assert refusals(plan(*removals(4)), max_removals_percent=40) == ()


def test_a_spec_without_resources_is_refused_unless_it_is_meant():
    (found,) = refusals(plan(managed=0))
    assert found.rule == "empty_spec"
    assert "to proceed anyway, pass `--policy empty_spec=off`" in found.help
    assert refusals(plan(managed=0), empty_spec=False) == ()


@pytest.mark.parametrize(
    ("least", "refused"), [(5, True), (4, False), ({"Gold": 5}, True), ({"Silver": 5}, False)]
)
def test_seats_are_left_free(least, refused):
    made = plan(step(), seats=(SeatUsage("Gold", 10, 5, 6),))
    found = refusals(made, min_licences_left=least)
    assert bool(found) == refused
    if found:
        assert found[0].message == (
            "the plan leaves 4 seats of `Gold`, and the policy's `min_licences_left` is 5"
        )
        assert found[0].help == "to proceed anyway, pass `--policy min_licences_left=4`"


def test_a_plan_that_takes_no_seat_does_not_answer_for_those_taken():
    made = plan(step(), seats=(SeatUsage("Gold", 10, 10, 9),))
    assert refusals(made, min_licences_left=5) == ()


@pytest.mark.parametrize(
    ("pattern", "hit"),
    [
        ("account", "`account/acme`"),
        ("account/acme", "`account/acme`"),
        ("account/*", "`account/acme`"),
        ("account.Fax", "`account/acme.Fax`"),
        ("account/ac*.F*", "`account/acme.Fax`"),
        ("*.fax", "`account/acme.Fax`"),
        ("contact", None),
        ("account.Phone", None),
        ("accoun", None),
    ],
)
def test_what_is_frozen_does_not_change(pattern, hit):
    found = refusals(plan(step(Fax="1", Name="2")), frozen=(pattern, "settings"))
    assert bool(found) == (hit is not None)
    if found:
        assert (
            found[0].message == f"the plan changes {hit}, and the policy's `frozen` has `{pattern}`"
        )
        assert found[0].help == "to proceed anyway, pass `--policy 'frozen=settings'`"


ADMIN = "System Administrator"


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        (step("user/jane", ProfileId="00e1"), True),
        (step("user/jane", ProfileId="00e2"), False),
        (step("user/jane", ProfileId=Ref(Address("profile", ADMIN))), True),
        (step("user/jane", ProfileId=Lookup("Profile", (("Name", "system administrator"),))), True),
        (step("user/jane", after={"ProfileId": "00e1"}, ProfileId=Lookup("Profile", (("Id", "00e1"),))), True),
        (step("profile/Mine", clone_of=ADMIN), True),
        (step("portal/Acme", selfRegUserDefaultProfile=ADMIN), True),
        (step("portal/Acme", profiles=("Customers", ADMIN)), True),
        (step("portal/Acme", profiles=("Customers",)), False),
    ],
)  # fmt: skip
def test_nobody_is_given_a_forbidden_profile(given, refused):
    found = refusals(plan(given), forbidden_profiles=(ADMIN,))
    assert bool(found) == refused
    if found:
        assert f"gives the profile `{ADMIN}` in 1 step: `{given.address}`" in found[0].message
        assert "forbidden_profiles=off" in found[0].help


def test_a_member_that_stays_is_not_given_anew():
    at = Address("portal", "Acme")
    field = FieldChange("profiles", (ADMIN,), ("Customers", ADMIN))
    change = Change(Action.UPDATE, at, None, Resource(at, {}), (field,))
    assert refusals(plan(Step(change, (), frozenset())), forbidden_profiles=(ADMIN,)) == ()


OFFICE = Window(DAYS[:5], time(9), time(17), "Europe/Berlin")
NIGHT = Window(("wed",), time(22), time(6))


def at(day, hour, minute=0):
    return datetime(2026, 3, 2 + DAYS.index(day), hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("windows", "now", "open_"),
    [
        ((), at("sun", 3), True),
        ((OFFICE,), at("wed", 8), True),  # nine in Berlin
        ((OFFICE,), at("wed", 7, 59), False),
        ((OFFICE,), at("wed", 16), False),
        ((OFFICE,), at("sat", 10), False),
        ((NIGHT,), at("wed", 22), True),
        ((NIGHT,), at("thu", 5, 59), True),
        ((NIGHT,), at("thu", 6), False),
        ((NIGHT,), at("wed", 5), False),
        ((OFFICE, NIGHT), at("thu", 1), True),
        ((Window(("sun",)),), at("sun", 23, 59), True),
        ((Window(("sun",)),), at("sat", 23, 59), False),
    ],
)
def test_a_plan_is_applied_in_a_window_only(windows, now, open_):
    found = policy.applying(plan(step()), Policy(windows=windows), now=now, approvals=())
    assert (found == ()) == open_
    assert policy.applying(plan(), Policy(windows=windows), now=now, approvals=()) == ()


def test_a_closed_window_says_what_time_it_is_there():
    (found,) = policy.applying(
        plan(step()), Policy(windows=(OFFICE,)), now=at("wed", 16), approvals=()
    )
    assert found.message == (
        "it is wed 17:00 Europe/Berlin, and the policy's `windows` are mon tue wed thu fri 09:00-17:00"
    )
    assert "to proceed anyway, pass `--policy windows=off`" in found.help


@pytest.mark.parametrize(
    ("reason", "asked"),
    [
        ("any", True),
        ("update", True),
        ("delete", False),
        ("irreversible", True),
        ("email", False),
        ("account", True),
        ("account.Fax", True),
        ("account.Phone", False),
        ("user/*", False),
    ],
)
def test_an_approval_is_asked_for_what_the_policy_says(reason, asked):
    made = plan(step(notes=[Note(NoteKind.IRREVERSIBLE, "x")], Fax="1"))
    given = Policy(approvals={"board": (reason,)})
    found = policy.applying(made, given, now=NOW, approvals=["other"])
    assert bool(found) == asked
    if found:
        assert found[0].message == "1 step must be approved as `board`: `account/acme`"
        assert "`--approval board`" in found[0].help
    assert policy.applying(made, given, now=NOW, approvals=["board"]) == ()


@pytest.mark.parametrize(
    ("reason", "asked"),
    [("loses-login", [0, 1]), ("changes-login", [1]), ("gains-login", [])],
)
def test_a_changed_login_is_guarded_like_a_lost_one(reason, asked):
    kinds = (NoteKind.LOSES_LOGIN, NoteKind.CHANGES_LOGIN, NoteKind.REMARK)
    made = [plan(step(notes=[Note(kind, "x", people=1)], Fax="1")) for kind in kinds]
    given = Policy(approvals={"board": (reason,)})
    found = [policy.applying(one, given, now=NOW, approvals=()) for one in made]
    assert [number for number, refused in enumerate(found) if refused] == asked


# ---------------------------------------------------------------- where rules come from


def read(text, kinds=("account", "user")):
    return bounds.read_policy(source.parse(text, "e.yaml"), kinds)


def test_a_policy_is_read_whole():
    found, wrong = read(
        "policy:\n"
        "  max_changes: 3\n"
        "  frozen: [user.ProfileId]\n"
        "  windows: [{days: [fri, mon], from: '09:00', to: '24:00', time_zone: Asia/Tokyo}]\n"
        "  approvals: {board: [delete, account]}\n"
    )
    assert wrong == ()
    assert found == Policy(
        max_changes=3,
        frozen=("user.ProfileId",),
        windows=(Window(("mon", "fri"), time(9), None, "Asia/Tokyo"),),
        approvals={"board": ("delete", "account")},
    )


@pytest.mark.parametrize(
    ("text", "code", "place", "help_"),
    [
        ("policy:\n  frozen: [acount.Fax]\n", "unknown-kind", "e.yaml:2:12", "did you mean `account`?"),
        ("policy:\n  approvals: {board: [deletes]}\n", "unknown-kind", "e.yaml:2:23", "did you mean `delete`?"),
        ("policy:\n  windows: [{time_zone: Berlin}]\n", "unknown-time-zone", "e.yaml:2:25", "use an IANA name"),
    ],
)  # fmt: skip
def test_what_would_never_be_met_is_a_problem(text, code, place, help_):
    _, (problem,) = read(text)
    assert (problem.code, str(problem.span)) == (code, place)
    assert help_ in problem.help


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ("max_changes=5", {"max_changes": 5}),
        ("max_changes=off", {"max_changes": None}),
        ("max_removals_percent=off", {"max_removals_percent": 100}),
        ("frozen=user,account.Fax", {"frozen": ("user", "account.Fax")}),
        ("frozen=off", {"frozen": ()}),
        ("forbidden_profiles=System Administrator", {"forbidden_profiles": (ADMIN,)}),
        ("windows=off", {"windows": ()}),
        ("approvals=off", {"approvals": {}}),
        ("empty_spec=off", {"empty_spec": False}),
    ],
)
def test_a_rule_of_the_command_line_goes_first(rule, given):
    before = Policy(
        max_changes=1, frozen=("settings",), windows=(OFFICE,), approvals={"a": ("any",)}
    )
    after = with_rules(before, [rule])
    assert {name: getattr(after, name) for name in given} == given


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("max_change=5", "did you mean `max_changes`?"),
        ("zzz", "the rules are max_changes, "),
        ("max_changes=-1", "`max_changes` must be a whole number or `off`"),
        ("max_changes", "`max_changes` must be a whole number or `off`"),
        ("windows=mon", "`windows` can only be `off`"),
        ("empty_spec=maybe", "`empty_spec` must be `on` or `off`"),
    ],
)
def test_a_rule_that_is_none_is_refused(rule, said):
    with pytest.raises(RuleError, match=said.replace("?", r"\?")):
        with_rules(Policy(), [rule])
