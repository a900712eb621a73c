"""Parts of a spec: what is left in a plan of targets and excludes, and that it can be applied."""

import pytest

from provisioner.plan import make as workflow
from provisioner.plan.run_options import RunOptions
from provisioner.spec.selection import Selection

SPEC = {
    "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
    "profiles": {"Acme": {"clone_of": "High Volume Customer Portal", "description": "x"}},
    "portals": {
        "Customer Portal": {
            "type": "CustomerSuccess",
            "active": True,
            "emailSenderAddress": "a@acme.example",
            "emailSenderName": "Acme",
            "profiles": ["Acme"],
        }
    },
    "accounts": {
        "acme": {"Name": "Acme", "owner": "portal.admin@acme.example"},
        "globex": {"Name": "Globex"},
        "soylent": {"Name": "Soylent", "IsPartner": True},
    },
    "contacts": {"jane": {"account": "acme", "LastName": "Doe", "Email": "jane@acme.example"}},
    "users": {
        "jane": {"contact": "jane", "profile": "Acme", "Username": "jane@acme.example.portal"}
    },
}
SETTINGS, PROFILE = "settings/OrgSettings", "profile/Acme"
PORTAL = "portal/Customer Portal"
PERSON = ["account/acme", "contact/jane"]


def plan(portal, targets=(), excludes=(), spec=SPEC):
    run = RunOptions(selection=Selection(tuple(targets), tuple(excludes)))
    return workflow.plan(portal.load(spec), portal.org, run)


def steps(planned):
    return sorted(str(s.address) for s in planned.plan.steps)


@pytest.mark.parametrize(
    ("targets", "left"),
    [
        (["account/globex"], ["account/globex"]),
        (["contact/*"], PERSON),
        # She logs in at the portal, which has her profile.
        (["user/jane"], [*PERSON, PORTAL, PROFILE, SETTINGS, "user/jane"]),
        ([PORTAL], [PORTAL, PROFILE, SETTINGS]),
        # `IsPartner` is a field that comes with the portal, which no reference says.
        (["account/soylent"], ["account/soylent", SETTINGS]),
        (["account/*", PROFILE], [*("account/" + n for n in SPEC["accounts"]), PROFILE, SETTINGS]),
    ],
)
def test_a_target_brings_what_it_needs_and_can_be_applied(targets, left, portal):
    planned = plan(portal, targets)
    assert planned.plan.errors == ()
    assert steps(planned) == sorted(left)
    assert planned.plan.managed == len(left)
    assert {r.outcome.value for r in portal.apply_plan(planned)} == {"done"}
    assert steps(plan(portal, targets)) == []


@pytest.mark.parametrize(
    ("excludes", "gone", "left_out"),
    [
        (["account/globex"], ["account/globex"], {}),
        (["account/acme"], [*PERSON, "user/jane"], {"contact/jane": "account/acme"}),
        ([PROFILE], [PROFILE, PORTAL, "user/jane"], {PORTAL: PROFILE, "user/jane": PROFILE}),
        (
            [SETTINGS],
            [SETTINGS, PROFILE, PORTAL, "user/jane", "account/soylent"],
            {"account/soylent": SETTINGS, PROFILE: SETTINGS},
        ),
    ],
)
def test_an_exclude_takes_along_what_can_not_be_without_it(excludes, gone, left_out, portal):
    everything = steps(plan(portal))
    planned = plan(portal, excludes=excludes)
    assert planned.plan.errors == ()
    assert steps(planned) == sorted(set(everything) - set(gone))
    told = {str(a): str(b) for a, b in planned.plan.left_out}
    assert left_out.items() <= told.items()
    assert {*told, *excludes} == set(gone)
    assert {r.outcome.value for r in portal.apply_plan(planned)} == {"done"}


def test_what_is_there_already_can_be_excluded_alone(portal):
    portal.apply(SPEC)
    portal.by_hand(
        {"PATCH /sobjects/Account/{SELECT Id FROM Account WHERE Name='Acme'}": {"Fax": "1"}}
    )
    contact = "{SELECT Id FROM Contact WHERE LastName='Doe'}"
    portal.by_hand(
        {f"PATCH /sobjects/Contact/{contact}": {"Email": "JANE@acme.example", "Fax": "2"}}
    )
    spec = {
        **SPEC,
        "accounts": {**SPEC["accounts"], "acme": {**SPEC["accounts"]["acme"], "Fax": None}},
        "contacts": {"jane": {**SPEC["contacts"]["jane"], "Fax": None}},
    }
    assert steps(plan(portal, spec=spec)) == PERSON
    planned = plan(portal, excludes=["account/*"], spec=spec)
    assert steps(planned) == ["contact/jane"]
    assert planned.plan.left_out == ()


def test_a_problem_of_what_is_left_out_does_not_stand_in_the_way(portal):
    contacts = {
        **SPEC["contacts"],
        "bad": {"account": "acme", "LastName": "X", "Nope__c": "1", "Email": "x@y.example"},
    }
    spec = {**SPEC, "contacts": contacts}
    assert [p.code for p in plan(portal, spec=spec).plan.errors] == ["unknown-field"]
    assert plan(portal, ["contact/jane"], spec=spec).plan.errors == ()
    assert plan(portal, excludes=["contact/bad"], spec=spec).plan.errors == ()
    assert [p.code for p in plan(portal, ["contact/bad"], spec=spec).plan.errors] == [
        "unknown-field"
    ]


def test_a_removal_waits_for_what_points_to_it(portal):
    portal.apply({**SPEC, "users": {}})
    spec = {
        **SPEC,
        "users": {},
        "accounts": {**SPEC["accounts"], "acme": {**SPEC["accounts"]["acme"], "remove": True}},
        "contacts": {"jane": {**SPEC["contacts"]["jane"], "remove": True}},
    }
    spec["contacts"]["jane"].pop("account")
    assert steps(plan(portal, ["account/acme"], spec=spec)) == PERSON
    planned = plan(portal, excludes=["contact/*"], spec=spec)
    assert steps(planned) == []
    assert [str(a) for a, _ in planned.plan.left_out] == ["account/acme"]
