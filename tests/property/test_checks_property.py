"""Adding an unrelated resource to a spec never removes an error."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ADMIN = "portal.admin@acme.example"
STANDARD = "High Volume Customer Portal"
# What the org holds before the first plan.
START = {
    "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
    "profiles": {name: {"userLicense": "Salesforce"} for name in ("Free", "Staff", "Crew")},
    "accounts": {"acme": {"Name": "Acme", "owner": ADMIN}},
    "contacts": {
        key: {"account": "acme", "LastName": key, "Email": f"{key}@acme.example"}
        for key in ("jane", "john", "free")
    },
    "users": {
        **{
            key: {"contact": key, "profile": STANDARD, "Username": f"{key}@acme.example"}
            for key in ("jane", "john")
        },
        **{
            key: {
                "LastName": key,
                "Email": f"{key}@acme.example",
                "Username": f"{key}@acme.example",
                "profile": profile,
            }
            for key, profile in (("sue", "Staff"), ("sam", "Crew"))
        },
    },
}
NEW_PORTAL = {
    "type": "CustomerSuccess",
    "active": True,
    "emailSenderAddress": "new@acme.example",
    "emailSenderName": "New",
}
FIND_ACME = {"find": {"Name": "Acme"}}
# No two of these refer to each other. Some are wrong, some are not, some change nothing.
RESOURCES = [
    ("settings", "OrgSettings", {"enableCustomerSuccessPortal": False}),
    ("settings", "CommunitiesSettings", {"enableNetworksEnabled": True}),
    ("portals", "Customer Portal", {"admin": "No Body"}),
    ("portals", "By Name", {**NEW_PORTAL, "admin": "Portal Admin"}),
    ("portals", "By Username", {**NEW_PORTAL, "admin": ADMIN.upper()}),
    ("portals", "By Nobody", {**NEW_PORTAL, "admin": "nobody@acme.example"}),
    ("portals", "Wrong Members", {**NEW_PORTAL, "profiles": ["Standard User", "None Such"]}),
    ("portals", "Not There", {"remove": True}),
    ("portals", "Too Little", {"active": True}),
    ("profiles", "Free", {"remove": True}),
    ("profiles", "Staff", {"remove": True}),
    ("profiles", "Crew", {"remove": True}),
    ("profiles", "Not There", {"remove": True}),
    ("profiles", "From Nothing", {"description": "none"}),
    ("profiles", "Copy", {"clone_of": STANDARD}),
    ("profiles", "Copy of None", {"clone_of": "None Such"}),
    ("profiles", "Unlicensed", {"userLicense": "None Such"}),
    ("layouts", "Contact-Contact Layout", {"fields": {"Phone": {"section": "No Section"}}}),
    ("layouts", "Account-Account Layout", {"fields": {"None__c": {"behavior": "Edit"}}}),
    ("layouts", "Contact-None Layout", {"fields": {"Phone": {"behavior": "Edit"}}}),
    ("accounts", "fine", {"Name": "Fine"}),
    ("accounts", "gone", {"Name": "Gone", "remove": True}),
    ("accounts", "owned", {"Name": "Owned", "owner": ADMIN}),
    ("accounts", "disowned", {"Name": "Disowned", "owner": "nobody@acme.example"}),
    ("accounts", "odd", {"Name": "Odd", "None__c": "x"}),
    ("contacts", "jane", {"Email": "jane@acme.example", "account": FIND_ACME, "remove": True}),
    ("contacts", "john", {"Email": "John@acme.example", "account": FIND_ACME, "remove": True}),
    ("contacts", "free", {"Email": "free@acme.example", "account": FIND_ACME, "remove": True}),
    ("contacts", "none", {"Email": "none@acme.example", "account": FIND_ACME, "remove": True}),
    ("contacts", "new", {"LastName": "New", "Email": "new@acme.example", "account": FIND_ACME}),
    ("contacts", "lost", {"LastName": "L", "Email": "l@acme.example", "account": "No Account"}),
    ("users", "sue", {"Username": "sue@acme.example", "IsActive": False}),
    ("users", "none", {"Username": "none@acme.example", "remove": True}),
    ("users", "customer", {"Username": "c@acme.example", "profile": STANDARD, "LastName": "C"}),
    ("users", "unknown", {"Username": "u@acme.example", "profile": "None Such", "LastName": "U"}),
    (
        "users",
        "second",
        {
            "Username": "second@acme.example",
            "profile": STANDARD,
            "contact": {"find": {"Email": "free@acme.example"}},
            "LastName": "Second",
            "None__c": "x",
        },
    ),
]
NUMBERS = st.sets(st.integers(0, len(RESOURCES) - 1), max_size=8)


@pytest.fixture(scope="module")
def org(rehearse):
    org = rehearse()
    results = org.apply(org.plan(START))
    assert {result.outcome.value for result in results} == {"done"}
    yield org
    org.close()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NUMBERS, NUMBERS)
def test_an_unrelated_resource_never_removes_an_error(org, some, others):
    assert errors(org, some) <= errors(org, some | others)


def errors(org, numbers):
    """How often each error is reported for a spec of these resources."""
    spec = {}
    for number in sorted(numbers):
        section, key, resource = RESOURCES[number]
        spec.setdefault(section, {})[key] = resource
    return Counter((error.code, error.message) for error in org.plan(spec).plan.errors)
