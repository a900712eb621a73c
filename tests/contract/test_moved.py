"""A value that moved between plan and apply is a conflict of its step alone; the rest goes on."""

import json

import pytest

from provisioner.model.outcome import Outcome

BASE = {
    "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
    "layouts": {"Contact-Contact Layout": {"fields": {}}},
    "accounts": {
        "acme": {"Name": "Acme", "AccountNumber": "1", "owner": "portal.admin@acme.example"},
        "other": {"Name": "Other", "AccountNumber": "2"},
    },
    "contacts": {"jane": {"account": "acme", "LastName": "Doe", "Email": "jane@acme.example"}},
    "profiles": {"Acme User": {"clone_of": "High Volume Customer Portal", "description": "one"}},
    "portals": {
        "Customer Portal": {
            "type": "CustomerSuccess",
            "active": True,
            "emailSenderAddress": "portal@acme.example",
            "emailSenderName": "Acme",
            "profiles": ["Acme User"],
        }
    },
    "users": {
        "jane": {
            "contact": "jane",
            "profile": "Acme User",
            "Username": "jane@acme.example.portal",
            "on_create": {"password": "email"},
        }
    },
}
JANE = "{SELECT Id FROM Contact WHERE Email = 'jane@acme.example'}"
USER = "{SELECT Id FROM User WHERE Username = 'jane@acme.example.portal'}"
ACME = "{SELECT Id FROM Account WHERE AccountNumber = '1'}"


def changed(*path, **values):
    """The base, with some values of one resource changed."""
    spec = json.loads(json.dumps(BASE))
    at = spec
    for key in path:
        at = at[key]
    at.update(values)
    return spec


def outcomes(results):
    return {str(r.step.address): r.outcome for r in results}


def apply_over(portal, spec, *by_hand):
    """Plan, let somebody change something by hand, and apply the plan."""
    planned = portal.plan(spec)
    assert not planned.plan.errors
    for request in by_hand:
        portal.by_hand(request)
    portal.requests.clear()
    return list(portal.apply_plan(planned))


@pytest.mark.parametrize(
    ("spec", "by_hand", "address", "said"),
    [
        (
            changed("contacts", "jane", LastName="Roe"),
            {f"PATCH /sobjects/Contact/{JANE}": {"LastName": "Hand"}},
            "contact/jane",
            "LastName was `Doe` and is `Hand`, changed by Portal Admin at ",
        ),
        (
            changed("accounts", "acme", Name="Acme Ltd"),
            {f"PATCH /sobjects/Account/{ACME}": {"Name": "Acme Hand"}},
            "account/acme",
            "Name was `Acme` and is `Acme Hand`",
        ),
        (
            changed("users", "jane", Alias="new"),
            {f"PATCH /sobjects/User/{USER}": {"Alias": "hand"}},
            "user/jane",
            "Alias was `doe` and is `hand`",
        ),
        (
            changed("profiles", "Acme User", description="two"),
            {
                "PATCH /sobjects/Profile/{SELECT Id FROM Profile WHERE Name = 'Acme User'}": {
                    "Description": "hand"
                }
            },
            "profile/Acme User",
            "description was `one` and is `hand`, changed by Portal Admin at ",
        ),
    ],
)
def test_a_value_that_moved_is_a_conflict_and_is_not_overwritten(
    portal, spec, by_hand, address, said
):
    portal.apply(BASE)
    spec = {**spec, "accounts": {**spec["accounts"], "new": {"Name": "New", "AccountNumber": "3"}}}
    results = apply_over(portal, spec, by_hand)
    (conflict,) = (r for r in results if r.outcome is Outcome.CONFLICT)
    assert str(conflict.step.address) == address
    assert said in conflict.reason
    assert conflict.span is not None
    assert outcomes(results)["account/new"] is Outcome.DONE
    # By hand it was, and by hand it stays until there is a new plan.
    planned = portal.plan(spec)
    assert [str(s.address) for s in planned.plan.steps] == [address]


def test_what_needs_a_step_in_conflict_is_skipped_by_name(portal):
    portal.apply({k: v for k, v in BASE.items() if k != "users"})
    spec = changed("contacts", "jane", Title="Boss")
    results = apply_over(portal, spec, {f"PATCH /sobjects/Contact/{JANE}": {"Title": "By hand"}})
    assert outcomes(results) == {
        "contact/jane": Outcome.CONFLICT,
        "user/jane": Outcome.SKIPPED,
    }
    assert "needs contact/jane" in results[-1].reason
    assert portal.query("SELECT Id FROM User WHERE ContactId != null") == []


def test_a_field_that_no_spec_manages_may_move(portal):
    portal.apply(BASE)
    by_hand = {f"PATCH /sobjects/Contact/{JANE}": {"Title": "By hand"}}
    results = apply_over(portal, changed("contacts", "jane", LastName="Roe"), by_hand)
    assert outcomes(results) == {"contact/jane": Outcome.DONE}


def test_what_somebody_did_already_is_done_without_a_write(portal):
    portal.apply(BASE)
    by_hand = {f"PATCH /sobjects/Contact/{JANE}": {"LastName": "Roe"}}
    (result,) = apply_over(portal, changed("contacts", "jane", LastName="Roe"), by_hand)
    assert (result.outcome, result.already) == (Outcome.DONE, True)
    assert portal.writes() == []


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        ({"Name": "New", "AccountNumber": "3"}, Outcome.DONE),
        ({"Name": "New by hand", "AccountNumber": "3"}, Outcome.CONFLICT),
    ],
)
def test_a_record_that_somebody_made_meanwhile_is_not_made_twice(portal, made, outcome):
    portal.apply(BASE)
    spec = {**BASE, "accounts": {**BASE["accounts"], "new": {"Name": "New", "AccountNumber": "3"}}}
    results = apply_over(portal, spec, {"POST /sobjects/Account": made})
    assert outcomes(results) == {"account/new": outcome}
    assert len(portal.query("SELECT Id FROM Account WHERE AccountNumber = '3'")) == 1


def test_a_record_that_somebody_deleted_is_a_conflict(portal):
    portal.apply(BASE)
    spec = changed("accounts", "other", Name="Other Ltd")
    by_hand = {"DELETE /sobjects/Account/{SELECT Id FROM Account WHERE AccountNumber = '2'}": None}
    (result,) = apply_over(portal, spec, by_hand)
    assert (result.outcome, result.reason) == (Outcome.CONFLICT, "it no longer exists")


def test_what_is_to_be_removed_and_is_gone_is_done(portal):
    portal.apply(BASE)
    by_hand = {"DELETE /sobjects/Account/{SELECT Id FROM Account WHERE AccountNumber = '2'}": None}
    (result,) = apply_over(portal, changed("accounts", "other", remove=True), by_hand)
    assert (result.outcome, result.already) == (Outcome.DONE, True)


def test_a_password_is_not_mailed_again_when_somebody_did(portal):
    spec = {k: v for k, v in BASE.items() if k != "users"}
    portal.apply(spec)
    bare = json.loads(json.dumps(BASE))
    del bare["users"]["jane"]["on_create"]
    portal.apply(bare)
    results = apply_over(portal, BASE, {f"DELETE /sobjects/User/{USER}/password": None})
    assert outcomes(results) == {"user/jane": Outcome.DONE}
    mails = [m for m in portal.local.open().outbox() if m.recipient == "jane@acme.example"]
    assert len(mails) == 1


def test_many_are_looked_at_in_a_few_reads(portal):
    people = {
        f"p{n}": {"account": "acme", "LastName": "L", "Email": f"p{n}@acme.example"}
        for n in range(300)
    }
    portal.apply({**BASE, "contacts": {**BASE["contacts"], **people}})
    more = {key: {**value, "LastName": "M"} for key, value in people.items()}
    planned = portal.plan({**BASE, "contacts": {**BASE["contacts"], **more}})
    portal.by_hand(
        {
            "PATCH /sobjects/Contact/{SELECT Id FROM Contact WHERE Email = 'p7@acme.example'}": {
                "LastName": "X"
            }
        }
    )
    org = portal.org
    from provisioner.apply import executor

    results = list(executor.apply(planned, org))
    assert [str(r.step.address) for r in results if r.outcome is Outcome.CONFLICT] == ["contact/p7"]
    assert sum(r.outcome is Outcome.DONE for r in results) == 299
    assert org.api_calls == 3  # one look, two collections
