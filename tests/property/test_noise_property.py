"""Known noise never shows up: case, order, white space, the form of a number, server defaults.

What a spec says is applied in one form and held against the org in another that means the same:
there is no drift, nothing to apply, and not a single write.
"""

from __future__ import annotations

import json

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from provisioner.drift import find as finding
from provisioner.spec.load import load

STANDARD, STANDARD_FULL = "High Volume Customer Portal", "HighVolumePortal"
ADMIN = "portal.admin@acme.example"
CUSTOM = {
    "Account": [
        "Size__c | double 16,2 | Size | cun",
        "Share__c | percent 5,2 | Share | cun",
        "Seen__c | datetime | Seen | cun",
        "Since__c | date | Since | cun",
        "Kinds__c | multipicklist 4099 | Kinds | cun pick=Red;Green;Blue",
        "Active__c | boolean | Active | cud",
        "Notes__c | textarea 255 | Notes | cun",
    ],
}


def forms(*same):
    """Two forms of one value: the one that is applied, and the one that is compared."""
    return st.tuples(st.sampled_from(same), st.sampled_from(same))


def text(value):
    return forms(value, f" {value}", f"{value}  ", f"{value}\n", f"\t{value}")


def cased(value):
    return forms(value, value.upper(), value.lower(), value.title())


def listed(*items):
    return st.tuples(st.permutations(items), st.permutations(items)).map(
        lambda both: tuple(map(list, both))
    )


NOTHING = forms(None, "", "  ")
ACCOUNT = {
    "Name": text("Acme & Co <Ltd>"),
    "Phone": text("+49 (30) 1"),
    "Fax": NOTHING,
    "Website": text("https://acme.example/A"),
    "Rating": cased("Hot"),
    "NumberOfEmployees": forms(7, 7.0),
    "AnnualRevenue": forms(1000000, 1e6, 1000000.0),
    "Description": forms("one\ntwo", "one\r\ntwo", "one\ntwo\n", " one\ntwo"),
    "BillingStreet": forms("1 Road\nFlat 2", "1 Road\r\nFlat 2\r\n"),
    "Size__c": forms(1.5, 1.50, 1.500),
    "Share__c": forms(10, 10.0),
    "Seen__c": forms(
        "2026-03-01T10:00:00Z",
        "2026-03-01T10:00:00.000+0000",
        "2026-03-01T12:00:00+02:00",
        "2026-03-01T10:00:00.000Z",
    ),
    "Since__c": forms("2026-03-01"),
    "Active__c": forms(True),
    "Kinds__c": forms("Red;Blue", "Blue;Red", "Red; Blue"),
    "Notes__c": NOTHING,
    "owner": forms(ADMIN, ADMIN.upper(), {"find": {"Username": ADMIN}}),
}
CONTACT = {
    "LastName": text("Doe"),
    "FirstName": text("Jane"),
    "Email": cased("jane.doe@acme.example"),
    "Birthdate": forms("1990-02-03"),
    "Title": NOTHING,
    "CanAllowPortalSelfReg": forms(True),
    "LeadSource": cased("Web"),
}
USER = {
    "Username": cased("jane.doe@acme.example.portal"),
    "Email": cased("jane@acme.example"),
    "profile": forms("Acme User"),
    "TimeZoneSidKey": forms("Europe/Berlin"),
    "IsActive": forms(True),
}
PORTAL = {
    "admin": forms("Portal Admin", ADMIN, ADMIN.upper(), "PORTAL ADMIN"),
    "emailSenderAddress": cased("portal@acme.example"),
    "emailSenderName": text("Acme"),
    "selfRegUserDefaultProfile": forms(STANDARD, STANDARD_FULL),
    "profiles": st.tuples(
        st.permutations(["Acme User", STANDARD]), st.permutations(["Acme User", STANDARD_FULL])
    ).map(lambda both: tuple(map(list, both))),
    "description": NOTHING,
}
PROFILE = {
    "description": text("Customers"),
    "objectPermissions": listed("read", "create", "edit").map(
        lambda both: tuple({"Case": flags} for flags in both)
    ),
}


def pairs(table, *always):
    """Some of the fields, each in two forms."""
    return st.fixed_dictionaries(
        {name: table[name] for name in always},
        optional={name: both for name, both in table.items() if name not in always},
    )


@st.composite
def specs(draw):
    """One spec in two spellings."""
    parts = {
        "accounts": ("acme", draw(pairs(ACCOUNT, "Name", "owner"))),
        "contacts": ("jane", draw(pairs(CONTACT, "LastName", "Email"))),
        "users": ("jane", draw(pairs(USER, "Username", "profile"))),
        "portals": (
            "Customer Portal",
            draw(pairs(PORTAL, "emailSenderAddress", "emailSenderName")),
        ),
        "profiles": ("Acme User", draw(pairs(PROFILE))),
    }
    more = {
        "accounts": {"AccountNumber": "1"},
        "contacts": {"account": "acme"},
        "users": {"contact": "jane"},
        "portals": {"type": "CustomerSuccess", "active": True},
        "profiles": {"clone_of": STANDARD},
    }
    return tuple(
        {"settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}}}
        | {
            section: {key: more[section] | {n: both[side] for n, both in fields.items()}}
            for section, (key, fields) in parts.items()
        }
        for side in (0, 1)
    )


@settings(
    max_examples=30,
    deadline=None,
    phases=set(Phase) - {Phase.explain},
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(both=specs())
def test_the_same_in_another_form_is_no_drift(rehearse, both):
    applied, compared = both
    at = rehearse()
    try:
        for sobject, lines in CUSTOM.items():
            for line in lines:
                at.local.add_custom_field(sobject, line)
        note(json.dumps(applied, indent=1))
        planned = at.plan(applied)
        assert planned.plan.errors == ()
        assert {r.outcome.value for r in at.apply(planned)} == {"done"}

        note(json.dumps(compared, indent=1))
        again = at.plan(compared)
        assert again.plan.errors == ()
        assert [(str(s.address), s.change.fields) for s in again.plan.steps] == []
        found, drift = finding.find_drift(load(at.folder, None, secrets=True), at.org())
        assert found.plan.steps == ()
        assert drift.authors == {}
        assert at.apply(again) == []
        assert at.door.writes == 0
    finally:
        at.local.close()
