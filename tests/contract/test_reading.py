"""Reads are in bulk: the calls of a plan do not grow with the records that a spec names."""

import pytest

from provisioner.model.outcome import Outcome
from provisioner.model.plan import NoteKind

HIGH_VOLUME = "High Volume Customer Portal"
PORTAL = {
    "type": "CustomerSuccess",
    "active": True,
    "emailSenderAddress": "portal@acme.example",
    "emailSenderName": "Acme",
}


def people(count):
    return {
        "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
        "accounts": {"acme": {"Name": "Acme", "owner": "portal.admin@acme.example"}},
        "contacts": {
            f"c{n}": {"account": "acme", "LastName": f"L{n}", "Email": f"c{n}@some.mail.example"}
            for n in range(count)
        },
        "users": {
            f"c{n}": {
                "contact": f"c{n}",
                "profile": "High Volume Customer Portal",
                "Username": f"c{n}@some.mail.example.portal",
            }
            for n in range(count)
        },
    }


@pytest.mark.parametrize("count", [1, 50, 1000])
def test_a_plan_takes_the_same_calls_for_one_person_and_for_a_thousand(portal, count):
    org = portal.org
    planned = portal.plan(people(count), org)
    assert len(planned.plan.steps) == 2 * count + 2
    assert org.api_calls == 4


def test_an_empty_plan_of_many_takes_no_more(portal):
    portal.apply(people(20))
    org = portal.org
    planned = portal.plan(people(20), org)
    assert planned.plan.steps == ()
    assert org.api_calls <= 4


def test_seats_run_out_at_the_people_who_get_none(portal):
    planned = portal.plan(people(103))
    (problem,) = planned.plan.problems
    assert (problem.code, len(problem.places)) == ("no-seat-left", 3)
    (seats,) = planned.plan.seats
    assert (seats.total, seats.used, seats.after) == (100, 0, 103)


def test_deactivating_frees_the_seat_that_a_new_user_takes(portal):
    portal.apply(people(100))
    spec = people(101)
    spec["users"]["c0"] = {"Username": "c0@some.mail.example.portal", "IsActive": False}
    planned = portal.plan(spec)
    assert planned.plan.errors == ()
    assert [str(s.address) for s in planned.plan.steps] == ["user/c0", "contact/c100", "user/c100"]
    assert {r.outcome for r in portal.apply_plan(planned)} == {Outcome.DONE}


def test_closing_a_portal_counts_its_users_whether_or_not_the_spec_names_its_profiles(portal):
    spec = people(3)
    portal.apply(spec | {"portals": {"Customer Portal": {**PORTAL, "profiles": [HIGH_VOLUME]}}})
    planned = portal.plan({"portals": {"Customer Portal": {"active": False}}})
    assert planned.plan.people(NoteKind.LOSES_LOGIN) == 3
