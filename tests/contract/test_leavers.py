"""Who leaves a roster: counted, or deactivated within the limits of the policy."""

import copy

import pytest

from provisioner.drift import find as finding
from provisioner.model.plan import NoteKind
from provisioner.plan import make as workflow
from provisioner.plan import policy
from provisioner.plan.run_options import RunOptions
from provisioner.spec.policy import Policy
from provisioner.spec.selection import Selection

HEADER = "Nr,Last,Email\n"
PORTAL = {
    "type": "CustomerSuccess", "active": True, "emailSenderAddress": "p@acme.example",
    "emailSenderName": "Acme", "profiles": ["Acme A", "Acme B"],
}  # fmt: skip


def roster(name, profile, account):
    return {
        "file": f"{name}.csv",
        "key": "{{ row.Nr }}",
        "identity": {"Contact": "Portal_Key__c"},
        "contact": {
            "account": account, "LastName": "{{ row.Last }}", "Email": "{{ row.Email }}",
        },
        "user": {
            "profile": profile, "Username": f"{{{{ row.Nr }}}}@{name}.example",
            "follow_contact": True, "on_create": {"password": "email"},
        },
    }  # fmt: skip


# Two accounts have the same profile; a third roster has another profile.
SPEC = {
    "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
    "profiles": {n: {"clone_of": "High Volume Customer Portal"} for n in ("Acme A", "Acme B")},
    "portals": {"Customer Portal": PORTAL},
    "accounts": {
        n: {"Name": n, "owner": "portal.admin@acme.example"} for n in ("north", "south", "west")
    },
    "rosters": {
        "one": roster("one", "Acme A", "north"),
        "two": roster("two", "Acme A", "south"),
        "three": roster("three", "Acme B", "west"),
    },
}


@pytest.fixture
def org(portal):
    portal.local.open().add_custom_field(
        "Contact", "Portal_Key__c | string 80 | Portal Key | cun external unique"
    )
    for name in SPEC["rosters"]:
        rows(portal, name, 1, 2, 3)
    portal.apply(SPEC)
    return portal


def rows(portal, name, *numbers, **emails):
    folder = portal.folder / "spec"
    folder.mkdir(exist_ok=True)
    lines = [f"{name}-{n},L{n},{emails.get(f'e{n}', f'{n}@{name}.example')}\n" for n in numbers]
    (folder / f"{name}.csv").write_text(HEADER + "".join(lines), "utf-8")


def spec(**absent):
    made = copy.deepcopy(SPEC)
    for name, value in absent.items():
        made["rosters"][name]["absent"] = value
    return made


def steps(planned):
    return [f"{s.action.value} {s.address}" for s in planned.plan.steps]


def counted(planned):
    return {found.roster: len(found.usernames) for found in planned.plan.absent}


def test_who_has_left_is_counted_and_kept(org):
    assert counted(org.plan(SPEC)) == {}
    rows(org, "one", 1)
    rows(org, "three", 1, 2)
    planned = org.plan(SPEC)
    assert (steps(planned), counted(planned)) == ([], {"one": 2, "three": 1})
    drifted, _ = finding.find_drift(org.load(SPEC), org.org)
    assert counted(drifted) == {"one": 2, "three": 1}


def test_who_has_left_is_deactivated_and_can_return(org):
    rows(org, "one", 1, 3)
    rows(org, "two", 2)
    wanted = spec(one="deactivate", three="deactivate")
    planned = org.plan(wanted)
    assert steps(planned) == ["! user/one:absent:one-2@one.example"]
    assert counted(planned) == {"one": 1, "two": 2}
    (step,) = planned.plan.steps
    assert [(n.kind, n.text) for n in step.notes] == [(NoteKind.LOSES_LOGIN, "one-2@one.example")]
    (seats,) = planned.plan.seats
    assert (seats.used, seats.after) == (9, 8)
    assert [r.outcome.value for r in org.apply_plan(planned)] == ["done"]
    assert steps(org.plan(wanted)) == []
    rows(org, "one", 1, 2, 3)
    # The spec does not say that the users are active, and nobody is created a second time.
    assert steps(org.plan(wanted)) == []
    mails = len(org.local.open().outbox())
    wanted["rosters"]["one"]["user"]["IsActive"] = True
    assert steps(org.plan(wanted)) == ["~ user/one:one-2"]
    org.apply(wanted)
    assert len(org.local.open().outbox()) == mails


def test_a_roster_without_rows_still_knows_its_users(org):
    rows(org, "three")
    planned = org.plan(spec(three="deactivate"))
    assert steps(planned) == [f"! user/three:absent:three-{n}@three.example" for n in (1, 2, 3)]


def test_the_limits_of_the_policy_hold(org):
    facts = org.plan(SPEC).reading.facts
    for name in SPEC["rosters"]:
        rows(org, name)
    plan = org.plan(spec(one="deactivate", two="deactivate", three="deactivate")).plan
    assert len(plan.steps) == 9
    assert [r.rule for r in policy.refusals(plan, Policy(), facts)] == ["max_removals_percent"]
    bound = Policy(max_deactivations=8, max_removals_percent=100)
    assert [r.rule for r in policy.refusals(plan, bound, facts)] == ["max_deactivations"]


def test_others_are_left_alone(org):
    rows(org, "one", 1, 2)
    declared = spec(one="deactivate")
    declared["users"] = {"kept": {"Username": "one-3@one.example"}}
    assert steps(org.plan(declared)) == []
    declared = spec(one="deactivate")
    person = {"account": "north", "LastName": "L3", "Email": "3@one.example"}
    declared["contacts"] = {"kept": {**person, "Portal_Key__c": "one-3"}}
    assert steps(org.plan(declared)) == []
    wanted = spec(one="deactivate")
    assert steps(org.plan(wanted)) == ["! user/one:absent:one-3@one.example"]
    # Who registered herself is in no row, and never was.
    (user,) = org.query("SELECT Id FROM User WHERE Username = 'one-3@one.example'")
    local = org.local.open()
    local.execute('UPDATE "User" SET "IsPortalSelfRegistered" = 1 WHERE "Id" = ?', (user["Id"],))
    assert steps(org.plan(wanted)) == []


def test_a_part_of_the_spec(org):
    rows(org, "one", 1, 2)
    rows(org, "two", 1, 2)
    loaded = org.load(spec(one="deactivate", two="deactivate"))
    chosen = RunOptions(selection=Selection(("user/one:*",)))
    assert steps(workflow.plan(loaded, org.org, chosen)) == ["! user/one:absent:one-3@one.example"]


def test_the_email_of_a_row_may_change(org):
    rows(org, "one", 1, 2, 3, e2="new@one.example")
    planned = org.plan(SPEC)
    assert steps(planned) == ["~ contact/one:one-2", "~ user/one:one-2"]
    assert [f.name for s in planned.plan.steps for f in s.change.fields] == ["Email", "Email"]
    assert planned.plan.people(NoteKind.EMAIL) == 1
    mails = len(org.local.open().outbox())
    org.apply(SPEC)
    assert len(org.local.open().outbox()) == mails + 1
    assert steps(org.plan(SPEC)) == []
    assert len(org.query("SELECT Id FROM Contact WHERE Portal_Key__c = 'one-2'")) == 1
