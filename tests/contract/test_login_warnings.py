"""Before it happens: `plan` names who could not log in once all is applied, at the line to mend."""

import copy

import pytest

from provisioner.model.diagnostics import Severity

PROFILE = "Acme User"
SPEC = {
    "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
    "portals": {
        "Acme": {
            "was": "Customer Portal", "type": "CustomerSuccess", "active": True,
            "emailSenderAddress": "portal@acme.example", "emailSenderName": "Acme",
            "profiles": [PROFILE],
        }
    },
    "profiles": {PROFILE: {"clone_of": "High Volume Customer Portal"}},
    "accounts": {"acme": {"Name": "Acme", "owner": "portal.admin@acme.example"}},
    "contacts": {
        name: {"account": "acme", "LastName": name, "Email": f"{name}@x.example"}
        for name in ("ann", "ben")
    },
    "users": {
        name: {
            "contact": name, "profile": PROFILE, "Username": f"{name}@x.example.portal",
            "on_create": {"password": "email"},
        }
        for name in ("ann", "ben")
    },
}  # fmt: skip


def spec(**changes):
    """The spec with values changed: `portals__Acme__active=False`; None leaves one out."""
    made = copy.deepcopy(SPEC)
    for path, value in changes.items():
        *where, last = path.split("__")
        place = made
        for name in where:
            place = place[name]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return made


def warned(portal, wanted):
    """The warnings about logins: what each says, and what stands at its line."""
    problems = portal.plan(wanted).plan.problems
    lines = (portal.folder / "spec" / "portal.yaml").read_text("utf-8").splitlines()
    assert all(p.severity is Severity.WARNING for p in problems), problems
    return [
        (p.message.partition(": ")[2], lines[p.span.line - 1].strip().strip(",[{ "), p.message)
        for p in problems
        if p.code == "could-not-log-in"
    ]


@pytest.mark.parametrize(
    ("changes", "said", "at"),
    [
        ({}, None, None),
        (
            {"portals__Acme__profiles": []},
            "the profile `Acme User` is not one of the profiles of `Acme`",
            '"profiles": []',
        ),
        ({"portals__Acme__active": False}, "the portal `Acme` is not active", '"active": false'),
        ({"users__ann__on_create": None}, "the user was never given a password", '"ann":'),
        ({"users__ann__IsActive": False}, None, None),
        ({"portals": {}}, None, None),
        ({"portals__Acme__was": None}, None, None),
    ],
)
def test_who_could_not_log_in_is_a_warning_at_its_line(portal, changes, said, at):
    found = warned(portal, spec(**changes))
    if said is None:
        assert found == []
        return
    assert [(one[0], one[1]) for one in found] == [(said, at)]


def test_people_who_are_alike_are_one_warning(portal):
    (found,) = warned(portal, spec(portals__Acme__profiles=[]))
    assert found[2].startswith("`user/ann` and 1 other could not log in once this is applied")


def test_a_user_that_somebody_deactivated_is_named(portal):
    portal.apply(SPEC)
    portal.by_hand(
        {"PATCH /sobjects/User/{SELECT Id FROM User WHERE LastName='ann'}": {"IsActive": False}}
    )
    ((said, _, _),) = warned(portal, SPEC)
    assert said == "the user is inactive"


def test_a_change_in_the_same_plan_is_seen(portal):
    portal.apply(spec(portals__Acme__profiles=[]))
    assert len(warned(portal, spec(portals__Acme__profiles=[]))) == 1
    assert warned(portal, SPEC) == []
