"""No e-mail is sent too early, twice, or unnecessarily: counted in the local org's outbox."""

import copy

import pytest

from provisioner.apply import executor
from provisioner.apply.executor import RunControl
from provisioner.emulator.base.faults import Fault
from provisioner.emulator.control.endpoint import state
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.sites import members, networks, templates
from provisioner.model.outcome import Outcome
from provisioner.model.plan import NoteKind
from provisioner.plan import make as workflow
from provisioner.plan.run_options import RunOptions
from provisioner.spec.selection import Selection

PEOPLE = ("ann", "ben")
ADMITTED = {"Customer Portal": ["Acme A", "Acme B"], "Second": ["Acme B"]}
SETTINGS = {"OrgSettings": {"enableCustomerSuccessPortal": True}}


def portal_spec(profiles, **more):
    return {
        "type": "CustomerSuccess",
        "active": True,
        "emailSenderAddress": "portal@acme.example",
        "emailSenderName": "Acme",
        "profiles": profiles,
        **more,
    }


SPEC = {
    "settings": SETTINGS,
    "profiles": {n: {"clone_of": "High Volume Customer Portal"} for n in ("Acme A", "Acme B")},
    "portals": {name: portal_spec(profiles) for name, profiles in ADMITTED.items()},
    "accounts": {"acme": {"Name": "Acme", "owner": "portal.admin@acme.example"}},
    "contacts": {
        name: {"account": "acme", "LastName": name, "Email": f"{name}@x.example"} for name in PEOPLE
    },
    "users": {
        name: {
            "contact": name,
            "profile": profile,
            "Username": f"{name}@x.example.portal",
            "IsActive": True,
            "on_create": {"password": "email"},
        }
        for name, profile in zip(PEOPLE, ("Acme A", "Acme B"), strict=True)
    },
}


def spec(**changes):
    """The spec with values changed: `users__ann__IsActive=False`; None leaves one out."""
    made = copy.deepcopy(SPEC)
    for path, value in changes.items():
        *where, last = path.replace("_P_", "Customer Portal").split("__")
        place = made
        for name in where:
            place = place[name]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return made


def plan(portal, wanted, **parts):
    planned = workflow.plan(portal.load(wanted), portal.org, RunOptions(**parts))
    assert_explained(planned.plan)
    return planned


def apply(portal, wanted, **parts):
    """Apply the spec; the outcomes by address, and the plan that is left."""
    planned = plan(portal, wanted, **parts)
    assert planned.plan.errors == ()
    return {str(r.step.address): r for r in portal.apply_plan(planned)}


def assert_explained(plan):
    gained, mailed = plan.people(NoteKind.GAINS_LOGIN), plan.people(NoteKind.EMAIL)
    assert mailed - gained == sum(e.difference for e in plan.emails), plan.emails


def assert_in_sync(portal, wanted):
    again = plan(portal, wanted)
    assert [(str(s.address), s.change.names()) for s in again.plan.steps] == []
    return again.plan


def mailed(portal):
    return sorted(m.recipient.partition("@")[0] for m in portal.local.open().outbox())


def causes(plan):
    return {e.cause.value: [str(a) for a in e.addresses] for e in plan.emails}


# ---------------------------------------------------------------- portals that are steps


def test_a_user_waits_for_every_portal_that_admits_its_profile(portal):
    needs = {str(s.address): sorted(map(str, s.needs)) for s in plan(portal, SPEC).plan.steps}
    assert [n for n in needs["user/ann"] if n.startswith("portal")] == ["portal/Customer Portal"]
    assert [n for n in needs["user/ben"] if n.startswith("portal")] == [
        "portal/Customer Portal",
        "portal/Second",
    ]
    apply(portal, SPEC)
    # What is in sync is no step, and nothing waits for it.
    changed = plan(portal, spec(users__ann__Title="Dr", users__ben__Title="Dr"))
    assert [(str(s.address), s.needs) for s in changed.plan.steps] == [
        ("user/ann", frozenset()),
        ("user/ben", frozenset()),
    ]


@pytest.mark.parametrize("profile", ["High Volume Customer Portal", "HighVolumePortal"])
@pytest.mark.parametrize("listed", ["High Volume Customer Portal", "HighVolumePortal"])
def test_a_profile_is_the_same_by_either_name(portal, profile, listed):
    wanted = spec(users__ann__profile=profile, portals__Second__profiles=[listed])
    for _ in range(2):  # before the profile is there, and when it is
        steps = {str(s.address): s for s in plan(portal, wanted).plan.steps}
        assert "portal/Second" in map(str, steps["user/ann"].needs)
        assert steps["user/ann"].change.field("password") is not None
        portal.apply({"settings": SETTINGS})


@pytest.mark.parametrize("declared", ["High Volume Customer Portal", "HighVolumePortal"])
def test_a_user_waits_for_its_profile_by_either_name(portal, declared):
    portal.apply({"settings": SETTINGS})
    wanted = spec(users__ann__profile="High Volume Customer Portal")
    wanted["profiles"][declared] = {"description": "for customers"}
    steps = {str(s.address): s for s in plan(portal, wanted).plan.steps}
    assert f"profile/{declared}" in map(str, steps["user/ann"].needs)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [({"kind": "refuse", "status": 403}, Outcome.FAILED), ({"kind": "drop"}, Outcome.UNKNOWN)],
)
def test_when_a_portal_fails_its_users_are_skipped_and_get_no_email(portal, app, fault, outcome):
    state(app).faults.arm(Fault(path="PortalProfileMembershipPage", **fault))
    planned = plan(portal, SPEC)
    quick = RunControl(sleep=lambda _: None)
    results = {str(r.step.address): r for r in executor.apply(planned, portal.org, quick)}
    assert results["portal/Customer Portal"].outcome is outcome
    for name in PEOPLE:
        skipped = results[f"user/{name}"]
        assert skipped.outcome is Outcome.SKIPPED
        assert skipped.reason.startswith("needs portal/Customer Portal")
    assert mailed(portal) == []
    assert portal.query("SELECT Id FROM User WHERE ContactId != null") == []
    state(app).faults.clear()
    assert {r.outcome for r in apply(portal, SPEC).values()} == {Outcome.DONE}
    assert mailed(portal) == ["ann", "ben"]
    assert_in_sync(portal, SPEC)


def test_deactivating_waits_for_no_portal(portal):
    apply(portal, SPEC)
    changes = {"portals___P___emailSenderName": "Other", "portals__Second__emailSenderName": "O"}
    wanted = spec(users__ann__IsActive=False, **changes)
    wanted["users"]["ben"]["remove"] = True
    steps = [(str(s.address), s.needs) for s in plan(portal, wanted).plan.steps]
    assert steps[:2] == [("user/ann", frozenset()), ("user/ben", frozenset())]
    targeted = plan(portal, wanted, selection=Selection(("user/ann",)))
    assert [str(s.address) for s in targeted.plan.steps] == ["user/ann"]


# ---------------------------------------------------------------- inactive users


def test_an_inactive_user_gets_its_email_when_it_becomes_active(portal):
    blocked = spec(users__ann__IsActive=False)
    planned = plan(portal, blocked)
    assert causes(planned.plan) == {"inactive": ["user/ann"]}
    apply(portal, blocked)
    assert mailed(portal) == ["ben"]
    assert causes(assert_in_sync(portal, blocked)) == {"inactive": ["user/ann"]}
    (step,) = plan(portal, SPEC).plan.steps
    assert [f.name for f in step.change.fields] == ["IsActive", "password"]
    assert [type(c).__name__ for c in step.calls] == ["UpdateRecord", "ResetPassword"]
    apply(portal, SPEC)
    assert mailed(portal) == ["ann", "ben"]
    assert causes(assert_in_sync(portal, SPEC)) == {}


def test_a_user_that_becomes_inactive_gets_no_email(portal):
    apply(portal, SPEC, no_email=True)
    assert mailed(portal) == []
    blocked = spec(users__ann__IsActive=False)
    planned = plan(portal, blocked)
    ann = planned.plan.steps[0]
    assert [f.name for f in ann.change.fields] == ["IsActive"]
    assert causes(planned.plan) == {"inactive": ["user/ann"], "first-password": ["user/ben"]}
    apply(portal, blocked)
    assert mailed(portal) == ["ben"]
    removed = spec(users__ann__remove=True, users__ben__IsActive=False)
    apply(portal, removed)
    assert mailed(portal) == ["ben"]
    assert_in_sync(portal, removed)


def test_a_user_that_is_active_again_keeps_its_password(portal):
    apply(portal, SPEC)
    apply(portal, spec(users__ann__IsActive=False))
    again = plan(portal, SPEC)
    assert causes(again.plan) == {"has-password": ["user/ann"]}
    apply(portal, SPEC)
    assert mailed(portal) == ["ann", "ben"]


def test_a_password_of_the_spec_waits_for_an_active_user_too(portal, monkeypatch):
    monkeypatch.setenv("FIRST", "correct-horse-1")
    given = {"on_create": {"password": {"env": "FIRST"}}}
    wanted = spec(users__ann__IsActive=False)
    for name in PEOPLE:
        wanted["users"][name] |= given
    wanted["portals"] = {}
    planned = plan(portal, wanted)
    # It sends no e-mail, and so needs no portal.
    assert causes(planned.plan) == {"inactive": ["user/ann"], "set-password": ["user/ben"]}
    apply(portal, wanted)
    assert mailed(portal) == []
    dates = portal.query(
        "SELECT Name, LastPasswordChangeDate FROM User WHERE ContactId != null ORDER BY Name"
    )
    assert [bool(d["LastPasswordChangeDate"]) for d in dates] == [False, True]
    assert_in_sync(portal, wanted)


# ---------------------------------------------------------------- active portals


@pytest.mark.parametrize(
    ("changes", "sent", "warned"),
    [
        ({}, ["ann", "ben"], []),
        ({"portals___P___active": False}, ["ben"], ["could-not-log-in"]),
        ({"portals___P___profiles": []}, ["ben"], ["could-not-log-in"]),
        (
            {"portals___P___active": False, "portals__Second__active": False},
            [],
            ["could-not-log-in"],
        ),
        ({"portals__Second": None, "portals___P___active": False}, [], ["could-not-log-in"]),
        # The portal that enabling creates has no profiles.
        ({"portals": {}}, [], ["no-active-portal", "no-active-portal"]),
        ({"portals___P___profiles": None}, ["ben"], ["no-active-portal"]),
    ],
)
def test_an_email_is_sent_where_an_active_portal_admits_the_user(portal, changes, sent, warned):
    wanted = spec(**changes)
    planned = plan(portal, wanted)
    # That Salesforce may not let a second portal be created is not what this is about.
    codes = [p.code for p in planned.plan.problems if p.code != "unproven-portal"]
    assert codes == warned
    apply(portal, wanted)
    assert mailed(portal) == sent
    again = assert_in_sync(portal, wanted)
    left = [f"user/{name}" for name in PEOPLE if name not in sent]
    assert causes(again) == ({"no-active-portal": left} if left else {})
    apply(portal, SPEC)
    assert mailed(portal) == ["ann", "ben"]
    assert_in_sync(portal, SPEC)


def test_a_portal_that_no_spec_names_counts(portal):
    apply(portal, spec(users={}))
    people = spec(portals={}, profiles={})
    planned = plan(portal, people)
    assert causes(planned.plan) == {}
    apply(portal, people)
    assert mailed(portal) == ["ann", "ben"]


def test_a_portal_without_its_profiles_in_the_spec_counts(portal):
    apply(portal, spec(users={}))
    wanted = spec(portals__Second=None, portals___P___profiles=None)
    wanted["portals"]["Customer Portal"]["emailSenderName"] = "Other"
    steps = {str(s.address): s for s in plan(portal, wanted).plan.steps}
    for name in PEOPLE:
        assert "portal/Customer Portal" in map(str, steps[f"user/{name}"].needs)
        assert steps[f"user/{name}"].change.field("password")


def test_an_inactive_portal_that_no_spec_names_does_not_count(portal):
    off = spec(users={}, portals___P___active=False, portals__Second__active=False)
    apply(portal, off)
    people = spec(portals={}, profiles={})
    apply(portal, people)
    assert mailed(portal) == []
    assert causes(assert_in_sync(portal, people)) == {"no-active-portal": ["user/ann", "user/ben"]}


def test_a_portal_whose_profiles_cannot_be_read_is_not_relied_on(portal, app):
    apply(portal, spec(users={}))
    page = "PortalProfileMembershipPage"
    state(app).faults.arm(Fault("refuse", path=page, code="INSUFFICIENT_ACCESS", status=403))
    people = spec(portals={}, profiles={})
    planned = plan(portal, people)
    assert causes(planned.plan) == {"portals-unreadable": ["user/ann", "user/ben"]}
    assert [p.code for p in planned.plan.problems] == ["portals-unreadable"] * 2
    apply(portal, people)
    assert mailed(portal) == []


def test_a_live_site_that_admits_the_profile_counts(portal):
    sites = {**SETTINGS, "CommunitiesSettings": {"enableNetworksEnabled": True}}
    start = spec(users={}, portals={}, settings=sites)
    apply(portal, start)
    local = portal.local.open()
    by = first_day.admin_id(local)
    values = {"Name": "Acme Site", "UrlPathPrefix": "customers"}
    site = networks.create(local, by, templates.site_template("Customer Service"), values)
    (profile,) = portal.query("SELECT Id FROM Profile WHERE Name = 'Acme B'")
    members.add_group(local, by, site, profile["Id"], status=members.ADDED)
    wanted = spec(portals={}, settings=sites)
    assert causes(plan(portal, wanted).plan) == {"no-active-portal": ["user/ann", "user/ben"]}
    local.update("Network", site, {"Status": networks.LIVE}, by=by)
    assert causes(plan(portal, wanted).plan) == {"no-active-portal": ["user/ann"]}


def test_an_internal_user_needs_no_portal(portal):
    ada = {"Username": "ada@acme.example", "profile": "Standard User", "LastName": "Lovelace",
           "Email": "ada@acme.example", "on_create": {"password": "email"}}  # fmt: skip
    wanted = {"users": {"ada": ada, "bob": {**ada, "Username": "bob@acme.example"}}}
    assert causes(plan(portal, wanted).plan) == {}
    apply(portal, wanted)
    assert len(mailed(portal)) == 2


def test_a_portal_that_becomes_active_explains_its_logins(portal):
    off = spec(portals___P___active=False, portals__Second__active=False)
    apply(portal, off)
    assert mailed(portal) == []
    planned = plan(portal, SPEC)
    assert causes(planned.plan) == {
        "first-password": ["user/ann", "user/ben"],
        "portal": ["portal/Customer Portal", "portal/Second"],
    }
    apply(portal, SPEC)
    assert mailed(portal) == ["ann", "ben"]


# ---------------------------------------------------------------- parts of a spec


def test_excluded_portals_and_emails(portal):
    wanted = SPEC
    planned = plan(portal, wanted, selection=Selection((), ("portal/Second",)))
    assert [(str(a), str(b)) for a, b in planned.plan.left_out] == [("user/ben", "portal/Second")]
    apply(portal, wanted, selection=Selection((), ("portal/Second",)))
    assert mailed(portal) == ["ann"]
    apply(portal, spec(portals__Second__active=False), no_email=True)
    only_a = spec(portals___P___profiles=["Acme A"], portals__Second__active=False)
    apply(portal, only_a, selection=Selection(("portal/*",)))
    # The second portal would become active, but not by this plan.
    apply(portal, SPEC, selection=Selection((), ("portal/*",)))
    assert mailed(portal) == ["ann"]
    apply(portal, SPEC)
    assert mailed(portal) == ["ann", "ben"]


# ---------------------------------------------------------------- changed usernames


def test_a_changed_username_is_a_changed_login(portal):
    apply(portal, SPEC)
    wanted = spec(users__ann__Username="ann@y.example", users__ben__Username="ben@y.example")
    for name in PEOPLE:
        wanted["users"][name]["was"] = f"{name}@x.example.portal"
    wanted["users"]["ben"]["IsActive"] = False
    planned = plan(portal, wanted).plan
    notes = {str(s.address): [(n.kind, n.text) for n in s.notes] for s in planned.steps}
    assert notes["user/ann"] == [
        (NoteKind.CHANGES_LOGIN, "from ann@x.example.portal to ann@y.example")
    ]
    assert [kind for kind, _ in notes["user/ben"]] == [NoteKind.LOSES_LOGIN]
    assert planned.people(NoteKind.CHANGES_LOGIN) == 1
    assert planned.people(NoteKind.EMAIL) == 0
    again = spec(users__ann__Username="ANN@x.example.portal")
    assert plan(portal, again).plan.steps == ()


# ---------------------------------------------------------------- contacts and their users


def followed(**changes):
    """The spec in which ann's user follows its contact, and ben's does not."""
    made = spec(**changes)
    made["users"]["ann"]["follow_contact"] = True
    return made


def changed_people(made):
    """The same spec with other names and addresses of both contacts."""
    for name in PEOPLE:
        person = made["contacts"][name]
        made["contacts"][name] = {
            **person, "was": person["Email"], "FirstName": "New", "LastName": f"{name}-new",
            "Email": f"{name}@new.example",
        }  # fmt: skip
    return made


def test_a_user_follows_its_contact(portal):
    apply(portal, followed())
    assert mailed(portal) == ["ann", "ben"]
    assert_in_sync(portal, followed())
    wanted = changed_people(followed())
    planned = plan(portal, wanted).plan
    steps = {str(s.address): s for s in planned.steps}
    assert sorted(steps) == ["contact/ann", "contact/ben", "user/ann"]
    assert sorted((f.name, f.after) for f in steps["user/ann"].change.fields) == [
        ("Email", "ann@new.example"), ("FirstName", "New"), ("LastName", "ann-new")
    ]  # fmt: skip
    (note,) = steps["user/ann"].notes
    assert (note.kind, note.people) == (NoteKind.EMAIL, 1)
    assert note.text == "Salesforce asks ann@new.example to confirm the new address"
    assert [n.text for n in steps["contact/ann"].notes] == []
    (note,) = steps["contact/ben"].notes
    assert note.text == (
        "its user `user/ben` keeps the email `ben@x.example` and no first name and "
        "the last name `ben`; `follow_contact: true` on the user changes it, too"
    )
    assert causes(planned) == {"new-address": ["user/ann"]}
    apply(portal, wanted)
    assert len(mailed(portal)) == 3
    assert portal.local.open().outbox()[-1].recipient == "ann@new.example"
    assert_in_sync(portal, wanted)
    later = changed_people(followed())
    later["users"]["ben"]["follow_contact"] = True
    assert [str(s.address) for s in plan(portal, later).plan.steps] == ["user/ben"]


def test_a_field_of_the_user_goes_before_that_of_its_contact(portal):
    wanted = followed(users__ann__Email="own@x.example")
    wanted["users"]["ben"] |= {"follow_contact": False}
    apply(portal, wanted)
    again = changed_people(wanted)
    changed = {str(s.address): s.change.names() for s in plan(portal, again).plan.steps}
    assert changed["user/ann"] == {"FirstName", "LastName"}
    assert "user/ben" not in changed


def test_an_address_that_must_be_confirmed_is_held_back_too(portal):
    apply(portal, followed())
    wanted = changed_people(followed())
    planned = plan(portal, wanted, no_email=True)
    steps = {str(s.address): s for s in planned.plan.steps}
    assert steps["user/ann"].change.names() == {"FirstName", "LastName"}
    assert causes(planned.plan) == {"no-email": ["user/ann"]}
    (problem,) = [p for p in planned.plan.problems if p.code == "no-email"]
    assert "`user/ann` gets no email yet" in problem.message
    apply(portal, wanted, no_email=True)
    assert len(mailed(portal)) == 2
    assert plan(portal, wanted, no_email=True).plan.steps == ()
    apply(portal, wanted)
    assert len(mailed(portal)) == 3
    assert_in_sync(portal, wanted)
