"""Whatever two specs ask for, whatever fails and whoever meddles: a clean apply ends it.

After it the next plan is empty, nothing is in the org twice, nobody was mailed twice, and no
step ran before what it needs.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, Phase, event, given, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from provisioner.apply import lease
from provisioner.apply.lease import LeaseTaken
from provisioner.model.outcome import Outcome
from provisioner.model.plan import NoteKind

ADMIN = "portal.admin@acme.example"
LAYOUT = "Contact-Contact Layout"
STANDARD = "High Volume Customer Portal"

# ---------------------------------------------------------------- specs


def some(**fields):
    """Any of these fields, each with one of its values."""
    choices = {name: st.sampled_from(values) for name, values in fields.items()}
    return st.fixed_dictionaries({}, optional=choices)


def fixed(base, **fields):
    """`base`, and any of these fields."""
    return some(**fields).map(lambda more: {**base, **more})


SUBSETS = [[], ["read"], ["read", "create"], ["edit", "read", "create"]]
PROFILES = st.fixed_dictionaries(
    {
        "Acme User": fixed(
            {"clone_of": STANDARD},
            description=["one", " one ", "two", None],
            objectPermissions=[{"Case": flags} for flags in SUBSETS],
            fieldPermissions=[{"Contact.Phone": flags} for flags in ([], ["read"])],
        )
    },
    optional={
        "Inside (v1.0)": fixed(
            {"userLicense": "Salesforce"},
            description=["inner", None],
            userPermissions=[{"ApiEnabled": on} for on in (True, False)],
        )
    },
)
PORTAL = fixed(
    {"selfRegUserDefaultProfile": STANDARD, "selfRegUserDefaultRole": "Worker"},
    active=[True, False],
    description=["ours", None],
    emailSenderAddress=["Portal@acme.example", "portal@acme.example"],
    emailSenderName=["Acme", "Acme "],
    isSelfRegistrationActivated=[True, False],
    profiles=[[], [STANDARD], ["Acme User"], ["Acme User", "HighVolumePortal"]],
)
PORTALS = st.one_of(
    st.builds(lambda portal: {"Customer Portal": portal | {"was": "Acme"}}, PORTAL),
    st.builds(lambda portal: {"Acme": portal | {"was": "Customer Portal"}}, PORTAL),
)


def place(field):
    return st.none() | fixed(
        {"section": "Contact Information"},
        section=["Contact Information", "Additional Information"],
        column=[1, 2],
        behavior=["Edit", "Readonly"],
        # One field only: two can not both be the first.
        **({"position": [1]} if field == "Fax" else {}),
    )


FIELDS = ("AssistantName", "Birthdate", "Department", "Fax")
LAYOUTS = st.fixed_dictionaries({}, optional={field: place(field) for field in FIELDS}).map(
    lambda fields: {LAYOUT: {"fields": fields}}
)


def account(key, *, portal_on):
    return fixed(
        {"Name": f"{key} Ltd", "AccountNumber": f"10{key}"},
        Name=[f"{key} Ltd", f" {key} ltd", f"{key} Corporation"],
        Fax=["1", "2", "", None],
        NumberOfEmployees=[5, 5.0, 0, None],
        Rating=["Hot", "hot", "Cold"],
        Description=["one\ntwo", "one\r\ntwo\n", None],
        owner=[ADMIN, ADMIN.upper()],
        **({"IsPartner": [True, False]} if portal_on else {}),
        **({"parent": ["b", None]} if key == "a" else {}),
    )


# Known by name alone, and perhaps renamed: each may have been the other.
RENAMED = st.sampled_from(
    [
        {"Name": "North"},
        {"Name": " SOUTH"},
        {"Name": "North", "was": "South"},
        {"Name": "South", "was": "North"},
    ]
)
# A contact of no account in particular, known by an e-mail that changes.
STRAY = st.sampled_from(
    [
        {"LastName": "Stray", "Email": "one@acme.example"},
        {"LastName": "Stray", "Email": "two@acme.example", "was": "one@acme.example"},
        {"LastName": "Stray", "Email": "one@acme.example", "was": "TWO@acme.example"},
    ]
)
# The account of each contact; one e-mail is of two people, in two accounts.
PEOPLE = {
    "amy": ("a", "info@acme.example"),
    "ann": ("a", "ann@acme.example"),
    "bob": ("b", "Info@acme.example"),
}


def contact(key):
    owner, email = PEOPLE[key]
    return fixed(
        {"account": owner, "LastName": key, "Email": email},
        LastName=[key, f"{key} Doe"],
        Email=[email, email.upper()],
        Birthdate=["1980-01-01", "1980-02-01", None],
        Title=["Dr", "", None],
        **({"reports_to": ["amy", None]} if key == "ann" else {}),
    )


def user(key):
    return fixed(
        {"contact": key, "profile": "Acme User", "Username": f"{key}@acme.example.portal"},
        profile=["Acme User", STANDARD],
        Username=[f"{key}@acme.example.portal", f"{key}@ACME.example.portal"],
        IsActive=[True, False],
        Alias=[key],
        on_create=[{"password": "email"}],
    )


@st.composite
def specs(draw):
    """A spec that has nothing wrong with it."""
    portal_on = draw(st.sampled_from([True, True, True, False]))
    sections = {
        "settings": draw(fixed({}, PortalsSettings=[{"redirectPortalLoginToHttps": False}])),
        "layouts": draw(LAYOUTS),
        "accounts": {key: draw(account(key, portal_on=portal_on)) for key in "abc"}
        | {"renamed": draw(RENAMED)},
        "contacts": {key: draw(contact(key)) for key in PEOPLE} | {"stray": draw(STRAY)},
    }
    if portal_on:
        sections["settings"]["OrgSettings"] = {"enableCustomerSuccessPortal": True}
        sections["profiles"] = draw(PROFILES)
        sections["portals"] = draw(PORTALS)
        sections["users"] = {key: draw(user(key)) for key in ("amy", "ann")}
    for name in draw(st.sets(st.sampled_from(["layouts", "portals", "users"]))):
        sections.pop(name, None)
    # A contact with a user, and an account with contacts, are not to be had gone.
    for section, key in (("accounts", "c"), ("contacts", "bob"), ("users", "ann")):
        if key in sections.get(section, {}) and draw(st.booleans()):
            sections[section][key]["remove"] = True
    return sections


# ---------------------------------------------------------------- faults and meddling

FAULTS = st.dictionaries(
    st.integers(0, 12),
    st.sampled_from(["refuse", "busy", "drop before", "drop after"]),
    max_size=3,
)
# (sObject, which of its rows, the fields somebody sets; None deletes the row); a portal loses
# its profiles.
MEDDLING = st.lists(
    st.tuples(
        st.just("Account"),
        st.integers(0, 3),
        st.sampled_from([{"Fax": "9"}, {"Name": "renamed by hand"}, {"Rating": "Warm"}]),
    )
    | st.tuples(
        st.just("Contact"),
        st.integers(0, 3),
        st.sampled_from([None, {"LastName": "Roe"}, {"Title": "by hand"}]),
    )
    | st.tuples(
        st.just("User"),
        st.integers(0, 3),
        st.sampled_from([{"IsActive": False}, {"Alias": "hand"}, {"IsActive": True}]),
    )
    | st.just(("Portal", 0, {})),
    max_size=3,
)


def assert_in_order(planned, results):
    """Every step came once; none was begun before all that it needs was done."""
    assert len(results) == len(planned.plan.steps)
    assert {r.step.address for r in results} == {s.address for s in planned.plan.steps}
    done = {}
    for result in results:
        needs = [done.get(a, False) for a in result.step.needs]
        assert all(needs) or result.outcome is Outcome.SKIPPED, result
        done[result.step.address] = result.outcome is Outcome.DONE


def told(result):
    return f"{result.step.address} {result.outcome.value}: {result.code} {result.reason}"


@settings(
    max_examples=25,
    deadline=None,
    phases=set(Phase) - {Phase.explain},
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(rounds=st.lists(st.tuples(specs(), FAULTS, MEDDLING), min_size=2, max_size=2))
def test_a_clean_apply_ends_it(rehearse, rounds):
    at = rehearse()
    try:
        for spec, faults, meddling in rounds:
            note(json.dumps(spec))
            planned = at.plan(spec)
            if planned.plan.errors:
                event(f"refused: {sorted({p.code for p in planned.plan.errors})}")
                continue
            results = at.apply(planned, faults)
            assert_in_order(planned, results)
            event(f"outcomes: {sorted({r.outcome.value for r in results})}")
            for change in meddling:
                at.meddle(*change)

            planned = at.plan(spec)
            assert planned.plan.errors == ()
            gained, mailed = map(planned.plan.people, (NoteKind.GAINS_LOGIN, NoteKind.EMAIL))
            assert mailed - gained == sum(e.difference for e in planned.plan.emails)
            results = at.apply(planned)
            assert_in_order(planned, results)
            assert [told(r) for r in results if r.outcome is not Outcome.DONE] == []
            again = at.plan(spec)
            assert again.plan.errors == ()
            assert [(str(s.address), s.change.fields) for s in again.plan.steps] == []
            assert at.apply(again) == []
            assert at.door.writes == 0
            assert at.doubled() == []
    finally:
        at.local.close()
        at.session.close()


# ---------------------------------------------------------------- one after another, or at once

DEATHS = st.tuples(st.integers(0, 14), st.sampled_from(["die before", "die after"]))


class World(RuleBasedStateMachine):
    rehearse = None

    def __init__(self):
        super().__init__()
        self.at = self.rehearse()
        self.spec = None
        self.holder = None
        self.runs = 0

    @rule(spec=specs(), faults=FAULTS)
    def apply(self, spec, faults):
        """A pipeline applies a spec, and things go wrong."""
        self.run(spec, faults)

    @rule(spec=specs(), faults=FAULTS, death=DEATHS)
    def die(self, spec, faults, death):
        """A pipeline is killed in the middle of a request, and keeps the lease."""
        place, kind = death
        self.run(spec, {**faults, place: kind})

    @rule(change=MEDDLING)
    def meddle(self, change):
        """Somebody clicks in Setup."""
        for one in change:
            self.at.meddle(*one)

    @rule(spec=specs())
    def apply_at_once(self, spec):
        """A second pipeline starts while one is at work: it gets nothing to do."""
        held = self.acquire()
        try:
            with pytest.raises(LeaseTaken):
                lease.acquire(self.at.org(), "r-second", "elsewhere", lambda _: False)
        finally:
            held.release()

    @rule(change=MEDDLING, spec=specs())
    def meddle_between_plan_and_apply(self, change, spec):
        """What moved after the plan is not written over, and nothing is made twice."""
        planned = self.at.plan(spec)
        if planned.plan.errors:
            return
        for one in change:
            self.at.meddle(*one)
        self.at.apply(planned)
        self.spec = spec

    def run(self, spec, faults):
        planned = self.at.plan(spec)
        if planned.plan.errors:
            event(f"refused: {sorted({p.code for p in planned.plan.errors})}")
            return
        held = self.acquire()
        results = self.at.apply(planned, faults)
        event(f"outcomes: {sorted({r.outcome.value for r in results})}")
        self.spec = spec
        if results or not planned.plan:
            held.release()
        else:
            held._over.set()  # the dead do not give it back

    def acquire(self):
        """The lease, from whoever died: none of these runs is alive any more."""
        self.runs += 1
        return lease.acquire(self.at.org(), f"r-{self.runs:04}", "here", lambda _: True)

    def teardown(self):
        try:
            if self.spec is not None:
                self.finish()
        finally:
            self.at.close()

    def finish(self):
        note(json.dumps(self.spec))
        planned = self.at.plan(self.spec)
        if planned.plan.errors:
            return  # what was done by hand since can not be mended by this spec
        results = self.at.apply(planned)
        assert [told(r) for r in results if r.outcome is not Outcome.DONE] == []
        again = self.at.plan(self.spec)
        assert again.plan.errors == ()
        assert [(str(s.address), s.change.fields) for s in again.plan.steps] == []
        assert self.at.doubled() == []


@pytest.fixture
def world(rehearse):
    return type("World", (World,), {"rehearse": staticmethod(rehearse)})


def test_whatever_happens_a_clean_apply_ends_it(world):
    run_state_machine_as_test(
        world,
        settings=settings(
            max_examples=15,
            stateful_step_count=6,
            deadline=None,
            phases=set(Phase) - {Phase.explain},
            suppress_health_check=list(HealthCheck),
        ),
    )
