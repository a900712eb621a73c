"""Two profiles of one `Name`: a spec that could mean either is refused, and told the way out."""

import json

import pytest

from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.store import portals
from provisioner.login import read as explaining
from provisioner.login.read import Target

NAME, FULL_NAMES = "Authenticated Website", ("AuthenticatedWebsite", "PlatformPortal")
ON = {"settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}}}


def people(profile):
    return ON | {
        "accounts": {"acme": {"Name": "Acme", "owner": "portal.admin@acme.example"}},
        "contacts": {"jane": {"account": "acme", "LastName": "Doe", "Email": "jane@x.example"}},
        "users": {"jane": {"contact": "jane", "profile": profile, "Username": "jane@x.example"}},
    }


def portal_of(**more):
    return ON | {
        "portals": {
            "Customer Portal": {
                "type": "CustomerSuccess",
                "active": True,
                "emailSenderAddress": "a@acme.example",
                "emailSenderName": "Acme",
                **more,
            }
        }
    }


def line_of(portal, text):
    lines = (portal.folder / "spec/portal.yaml").read_text("utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if text in line)


@pytest.fixture
def on(portal):
    portal.apply(ON)
    return portal


AMBIGUOUS = {
    "the profile of a user": (people(NAME), '"profile"'),
    "a copy": ({**ON, "profiles": {"Acme": {"clone_of": NAME}}}, '"clone_of"'),
    "a portal's profiles": (portal_of(profiles=[NAME]), '"profiles"'),
    # Its page and its element know the Name alone: the other name tells nothing there.
    "a portal's profiles, in full": (portal_of(profiles=["PlatformPortal"]), '"profiles"'),
    "self-registration": (portal_of(selfRegUserDefaultProfile=NAME), '"selfReg'),
}


@pytest.mark.parametrize(("spec", "line"), AMBIGUOUS.values(), ids=AMBIGUOUS)
@pytest.mark.parametrize("enabled", [True, False], ids=["on", "off"])
def test_a_name_that_two_have_is_refused_at_its_line(portal, spec, line, enabled):
    if enabled:
        portal.apply(ON)
    (error,) = portal.plan(spec).plan.errors
    assert (error.code, error.span.line) == ("ambiguous-reference", line_of(portal, line))
    written = [name for name in FULL_NAMES if name in json.dumps(spec)] or FULL_NAMES
    assert [name for name in FULL_NAMES if name in error.help] == [*written]


@pytest.mark.parametrize("full_name", FULL_NAMES)
def test_a_user_gets_the_profile_of_that_full_name(on, full_name):
    on.apply(people(full_name))
    (user,) = on.query("SELECT ProfileId FROM User WHERE Username = 'jane@x.example'")
    shown = on.send("GET", f"/tooling/sobjects/Profile/{user['ProfileId']}").json()
    assert (shown["Name"], shown["FullName"]) == (NAME, full_name)
    assert on.plan(people(full_name)).plan.steps == ()

    other = next(name for name in FULL_NAMES if name != full_name)
    (step,) = on.plan(people(other)).plan.steps
    (field,) = step.change.fields
    shown = step.change.before.shown("ProfileId")
    assert (field.name, shown) == ("ProfileId", full_name)


def test_a_profile_to_change_is_named_in_full(on):
    (error,) = on.plan(ON | {"profiles": {NAME: {"description": "x"}}}).plan.errors
    assert (error.code, error.span.line) == ("ambiguous-reference", line_of(on, f'"{NAME}"'))
    assert error.help.endswith("`AuthenticatedWebsite` or `PlatformPortal`")


def test_a_user_can_have_it_once_the_portal_is_on(portal):
    (error,) = portal.plan(people("PlatformPortal")).plan.errors
    assert error.code == "ambiguous-reference"
    assert error.help.startswith("apply the portal first")
    portal.apply(ON)
    portal.apply(people("PlatformPortal"))


@pytest.mark.parametrize("enabled", [True, False], ids=["on", "off"])
def test_a_copy_of_one_has_a_name_of_its_own(portal, enabled):
    if enabled:
        portal.apply(ON)
    spec = portal_of(profiles=["Acme"], selfRegUserDefaultProfile="Acme") | {
        "profiles": {"Acme": {"clone_of": "AuthenticatedWebsite"}}
    }
    portal.apply(spec)
    assert portal.plan(spec).plan.steps == ()


@pytest.mark.parametrize("member", FULL_NAMES)
def test_explain_tells_apart_whose_profile_the_portal_has(on, member):
    on.apply(people("PlatformPortal"))
    org = on.local.open()
    (row,) = portals.rows(org)
    (profile,) = org.find("Profile", FullName=member)
    portals.set_profiles(org, row.id, {profile}, first_day.admin_id(org))
    facts = explaining.read(on.org, "jane@x.example", Target(), None)
    assert facts.user.profile == "PlatformPortal"
    assert facts.portal.members == {member}
