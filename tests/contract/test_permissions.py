"""What a plan's steps need of the running user, and the user lacks, is an error before a write."""

import pytest

READER = "reader@acme.example"
# A custom profile, made by the product itself; what it may do is set for each test.
GRANTED = ("ApiEnabled", "ViewSetup", "ModifyMetadata", "ViewRoles", "ViewAllUsers", "ViewAllData")
SPEC = {
    "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
    "profiles": {"Acme Portal User": {"clone_of": "High Volume Customer Portal"}},
    "layouts": {"Contact-Contact Layout": {"fields": {"Phone": {"behavior": "Required"}}}},
    "accounts": {"acme": {"Name": "Acme", "owner": "portal.admin@acme.example"}},
    "contacts": {"jane": {"account": "acme", "LastName": "Doe", "Email": "j@x.example"}},
    "users": {
        "sue": {
            "LastName": "Staff",
            "Email": "sue@acme.example",
            "Username": "sue@acme.example",
            "profile": "Standard User",
            "on_create": {"password": "email"},
        }
    },
}


@pytest.fixture
def as_user(portal):
    """Log in as somebody who may do no more than `permissions`."""

    def log_in(*permissions):
        granted = dict.fromkeys((*GRANTED, *permissions), True)
        portal.apply(
            {
                "profiles": {
                    "Reader": {
                        "userLicense": "Salesforce",
                        "userPermissions": granted,
                        "objectPermissions": {"Account": ["read"], "Contact": ["read"]},
                    }
                },
                "users": {
                    "reader": {
                        "LastName": "Reader",
                        "Email": READER,
                        "Username": READER,
                        "profile": "Reader",
                    }
                },
            }
        )
        (row,) = portal.query(f"SELECT Id FROM User WHERE Username = '{READER}'")
        portal.token = portal.local.open().start_session(row["Id"]).token

    return log_in


def lacking(portal, spec):
    return {
        problem.message: (len(problem.places), problem.help)
        for problem in portal.plan(spec).plan.problems
        if problem.code == "missing-permission"
    }


HELP = f"grant it to the profile `Reader`, or to `{READER}` by a permission set"


def test_each_missing_permission_is_named_once_with_its_steps(portal, as_user):
    as_user()
    assert lacking(portal, SPEC) == {
        f"`{READER}` has no permission `Customize Application`, which "
        "`layout/Contact-Contact Layout`, `settings/OrgSettings` need": (2, HELP),
        f"`{READER}` has no permission `Manage Profiles and Permission Sets`, which "
        "`profile/Acme Portal User` needs": (1, HELP),
        f"`{READER}` has no permission `Manage Users` or `Manage Internal Users`, which "
        "`user/sue` needs": (1, HELP),
        f"`{READER}` has no permission `Reset User Passwords and Unlock Users` or `Manage Users`, "
        "which `user/sue` needs": (1, HELP),
        f"`{READER}` has no permission to create records of Account, which `account/acme` needs": (
            1,
            HELP,
        ),
        f"`{READER}` has no permission to create records of Contact, which `contact/jane` needs": (
            1,
            HELP,
        ),
    }


def test_what_is_granted_by_a_permission_set_is_enough(portal, as_user):
    label = {"Name": "Setup", "Label": "Setup", "PermissionsCustomizeApplication": True}
    created = portal.send("POST", "/sobjects/PermissionSet", label).json()
    administrator = portal.token
    as_user("ManageUsers")
    reader, portal.token = portal.token, administrator
    (row,) = portal.query(f"SELECT Id FROM User WHERE Username = '{READER}'")
    assigned = {"AssigneeId": row["Id"], "PermissionSetId": created["id"]}
    assert portal.send("POST", "/sobjects/PermissionSetAssignment", assigned).ok
    portal.token = reader
    spec = {name: SPEC[name] for name in ("settings", "layouts", "users")}
    assert lacking(portal, spec) == {}


def test_a_customer_is_made_by_who_may_manage_customers(portal, as_user):
    portal.apply({"settings": SPEC["settings"]})
    as_user("ManageUsers")
    user = {
        "contact": "jane",
        "profile": "High Volume Customer Portal",
        "Username": "j@x.example",
    }
    spec = {name: SPEC[name] for name in ("accounts", "contacts")} | {"users": {"jane": user}}
    assert any(
        "`Manage Customer Users`, which `user/jane` needs" in m for m in lacking(portal, spec)
    )


def test_a_plan_without_steps_needs_no_permission(portal, as_user):
    portal.apply(SPEC)
    as_user()
    planned = portal.plan({name: SPEC[name] for name in ("settings", "layouts", "accounts")})
    assert (planned.plan.steps, planned.plan.problems) == ((), ())


def test_an_administrator_lacks_nothing_and_it_takes_no_more_calls(portal):
    org = portal.org
    planned = portal.plan(SPEC, org)
    assert planned.plan.errors == ()
    assert planned.plan.reads <= 8
