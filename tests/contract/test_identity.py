"""What a message about a person says to write makes the next plan right: each remedy is tried."""

import copy
import re

import pytest

from provisioner.drift import find as finding

START = {
    "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
    "profiles": {"Portal User": {"clone_of": "High Volume Customer Portal"}},
    "portals": {
        "Customer Portal": {
            "type": "CustomerSuccess",
            "active": True,
            "emailSenderAddress": "portal@x.example",
            "emailSenderName": "Acme",
            "profiles": ["Portal User"],
        }
    },
    "accounts": {
        "acme": {"Name": "Acme", "owner": "portal.admin@acme.example"},
        "beta": {"Name": "Beta", "owner": "portal.admin@acme.example"},
    },
    "contacts": {
        "jane": {
            "account": "acme",
            "FirstName": "Jane",
            "LastName": "Doe",
            "Email": "jane@x.example",
        },
        "john": {
            "account": "acme",
            "FirstName": "John",
            "LastName": "Roe",
            "Email": "info@x.example",
        },
    },
    "users": {
        "jane": {
            "contact": "jane",
            "profile": "Portal User",
            "Username": "jane@x.example.portal",
            "on_create": {"password": "email"},
        }
    },
}


def changed(*, users=(), **contacts):
    """The spec with other contacts; without users but those named."""
    spec = copy.deepcopy(START)
    for name, fields in contacts.items():
        spec["contacts"][name] = spec["contacts"].get(name, {}) | fields
    spec["users"] = {name: spec["users"]["jane"] | fields for name, fields in dict(users).items()}
    return spec


@pytest.fixture
def org(portal):
    portal.apply(START)
    return portal


def people(portal):
    rows = portal.query("SELECT Name, Email FROM Contact WHERE Email LIKE '%x.example'")
    return sorted((row["Name"], row["Email"]) for row in rows)


WAS = {
    "a new email of a person who has a user": (
        changed(jane={"Email": "jane.doe@x.example"}),
        "jane",
        "same-person",
    ),
    "a new email of a person without one": (
        changed(john={"Email": "john@x.example"}),
        "john",
        "same-name",
    ),
    "a person with a user in another account": (
        changed(jane={"account": "beta"}),
        "jane",
        "same-person",
    ),
    "an email in another account": (
        changed(john={"account": "beta", "FirstName": "Jim"}),
        "john",
        "same-email-elsewhere",
    ),
    "a username whose contact is unlike": (
        changed(
            jane={"FirstName": "Ann", "LastName": "Poe", "Email": "ann@x.example"},
            users={"jane": {}},
        ),
        "jane",
        "another-person",
    ),
}


@pytest.mark.parametrize(("spec", "name", "code"), WAS.values(), ids=WAS)
def test_the_former_name_to_write_makes_it_the_same_person(org, spec, name, code):
    before = people(org)
    (problem,) = org.plan(spec).plan.problems
    assert problem.code == code
    was, address = re.search(r"add `was: (\S+)` to `contact/(\w+)`", problem.help).groups()
    assert address == name

    spec["contacts"][name]["was"] = was
    assert org.plan(spec).plan.problems == ()
    org.apply(spec)
    assert len(people(org)) == len(before)
    assert org.plan(spec).plan.steps == ()
    if "Email" in spec["contacts"][name] and spec["contacts"][name]["Email"] != was:
        (removable,) = org.plan(spec).plan.problems
        assert (removable.code, removable.severity.value) == ("unneeded-was", "warning")
        line = (org.folder / "spec/portal.yaml").read_text("utf-8").splitlines()
        assert '"was"' in line[removable.span.line - 1]


def test_two_people_of_one_name_are_two_once_both_are_declared(org):
    spec = changed(jane2={**START["contacts"]["jane"], "Email": "jane2@x.example"})
    assert org.plan(spec).plan.problems == ()


def fixed(org, spec):
    (problem,) = org.plan(spec).plan.problems
    assert problem.code == "contact-is-fixed"
    return problem.help


def test_a_user_of_another_declared_contact_is_given_that_contact(org):
    spec = changed(users={"jane": {"contact": "john"}})
    # A declared contact would be matched by this user: only a lookup can name another.
    spec["users"]["jane"]["contact"] = {"find": {"Email": "info@x.example"}}
    assert fixed(org, spec) == "choose another `Username`, or write `contact: jane`"
    spec["users"]["jane"]["contact"] = "jane"
    assert org.plan(spec).plan.steps == ()


def test_a_user_of_an_undeclared_contact_is_given_that_contact(org):
    spec = changed(users={"jane": {"contact": {"find": {"Email": "info@x.example"}}}})
    del spec["contacts"]["jane"]
    remedy = "choose another `Username`, or write `contact: {find: {Email: jane@x.example}}`"
    assert fixed(org, spec) == remedy
    spec["users"]["jane"]["contact"] = {"find": {"Email": "jane@x.example"}}
    assert org.plan(spec).plan.steps == ()


def test_a_user_of_a_contact_without_an_email_is_given_that_contact(org):
    (row,) = org.query("SELECT Id FROM Contact WHERE Email = 'jane@x.example'")
    org.by_hand({f"PATCH /sobjects/Contact/{row['Id']}": {"Email": None}})
    spec = changed(users={"jane": {"contact": {"find": {"Email": "info@x.example"}}}})
    del spec["contacts"]["jane"]
    assert fixed(org, spec).endswith(f"or write `contact: {{find: {{Id: {row['Id']}}}}}`")
    spec["users"]["jane"]["contact"] = {"find": {"Id": row["Id"]}}
    assert org.plan(spec).plan.steps == ()


def test_an_internal_user_is_given_no_contact(org):
    spec = changed(users={"john": {"contact": "john", "Username": "portal.admin@acme.example"}})
    for account in spec["accounts"].values():
        del account["owner"]
    errors = org.plan(spec).plan.errors
    assert [(e.code, e.help) for e in errors] == [("contact-is-fixed", "choose another `Username`")]
    spec["users"]["john"]["Username"] = "john@x.example.portal"
    assert org.plan(spec).plan.errors == ()


def test_a_contact_without_an_email_is_given_the_one_of_the_spec(org):
    (row,) = org.query("SELECT Id FROM Contact WHERE Email = 'jane@x.example'")
    org.by_hand({f"PATCH /sobjects/Contact/{row['Id']}": {"Email": None}})
    (problem,) = org.plan(changed(users={})).plan.problems
    assert problem.code == "same-person"
    assert f"set the Email of {row['Id']} to `jane@x.example` in Salesforce" in problem.help
    org.by_hand({f"PATCH /sobjects/Contact/{row['Id']}": {"Email": "jane@x.example"}})
    planned = org.plan(changed(users={})).plan
    assert (planned.steps, planned.problems) == ((), ())


@pytest.mark.parametrize("declared", [True, False], ids=["its user is declared", "without a user"])
def test_an_email_changed_by_hand_is_drift_or_a_warning(org, declared):
    name = "jane" if declared else "john"
    email = START["contacts"][name]["Email"]
    (row,) = org.query(f"SELECT Id FROM Contact WHERE Email = '{email}'")
    org.by_hand({f"PATCH /sobjects/Contact/{row['Id']}": {"Email": "by.hand@x.example"}})
    planned, _ = finding.find_drift(org.load(START), org.org)
    (step,) = planned.plan.steps
    if declared:
        assert (step.action.value, str(step.address), step.matched_by) == (
            "~",
            "contact/jane",
            "its user",
        )
        assert planned.plan.problems == ()
        return
    (problem,) = planned.plan.problems
    assert problem.severity.value == "warning"
    assert problem.message.startswith(
        "`contact/john` is missing; a contact of that name exists in its account: "
        "John Roe <by.hand@x.example> (003"
    )


def test_only_a_contact_that_was_not_found_takes_another_call(org):
    def calls(spec):
        api = org.org
        org.plan(spec, api)
        return api.api_calls

    every = {"jane": {}}
    unchanged = calls(changed(users=every))
    assert calls(changed(john={"LastName": "Poe"}, users=every)) == unchanged
    assert calls(changed(jane={"Email": "jane.doe@x.example"}, users=every)) == unchanged + 1
