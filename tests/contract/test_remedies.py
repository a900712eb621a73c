"""What an error says to do: the nearest user, or what to do about a field that is not there."""

import pytest

ADMIN = "portal.admin@acme.example"


def only(portal, spec):
    (problem,) = portal.plan(spec).plan.problems
    return problem


@pytest.mark.parametrize(
    "spec",
    [
        {"accounts": {"acme": {"Name": "Acme", "owner": "portal.admn@acme.example"}}},
        {
            "contacts": {
                "jane": {
                    "LastName": "D",
                    "Email": "j@x.example",
                    "owner": "portaladmin@acme.example",
                }
            }
        },
        {
            "users": {
                "sue": {
                    "LastName": "S",
                    "Email": "s@x.example",
                    "Username": "s@x.example",
                    "profile": "Standard User",
                    "manager": "portal.admin@acme.exampel",
                }
            }
        },
    ],
    ids=["owner of an account", "owner of a contact", "manager"],
)
def test_the_nearest_user_is_suggested_for_an_unknown_one(portal, spec):
    problem = only(portal, spec)
    assert (problem.code, problem.help) == ("unknown-reference", f"did you mean `{ADMIN}`?")


@pytest.mark.parametrize("name", ["Portal Admn", "portal.admin@acme.exmple"])
def test_the_nearest_user_is_suggested_for_an_unknown_admin(portal, name):
    portal.apply({"settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}}})
    problem = only(portal, {"portals": {"Customer Portal": {"admin": name}}})
    assert (problem.code, problem.help) == ("unknown-admin", f"did you mean `{ADMIN}`?")


def test_users_are_read_only_where_one_is_unknown(portal):
    org = portal.org
    portal.plan({"accounts": {"acme": {"Name": "Acme", "owner": ADMIN}}}, org)
    known = org.api_calls
    portal.plan({"accounts": {"acme": {"Name": "Acme", "owner": "x@acme.example"}}}, org)
    assert org.api_calls - known == known + 1


REMEDY = (
    "if the field exists, grant the profile `System Administrator` field-level security for it; "
    "if it does not, create it in Setup, since this tool does not create fields"
)


@pytest.mark.parametrize(
    ("spec", "help_"),
    [
        ({"accounts": {"acme": {"Name": "Acme", "Region__c": "EMEA"}}}, REMEDY),
        (
            {"accounts": {"acme": {"Name": "Acme", "Sectr__c": "1"}}},
            f"did you mean `Sector__c`? otherwise, {REMEDY}",
        ),
        (
            {
                "layouts": {
                    "Account-Account Layout": {
                        "fields": {"Region__c": {"section": "Account Information"}}
                    }
                }
            },
            REMEDY,
        ),
    ],
    ids=["a custom field", "a misspelt field", "a field on a layout"],
)
def test_an_unknown_field_says_what_to_do_and_for_which_profile(portal, spec, help_):
    portal.local.open().add_custom_field("Account", "Sector__c | string 80 | Sector | cun")
    problem = only(portal, spec)
    assert (problem.code, problem.help) == ("unknown-field", help_)
