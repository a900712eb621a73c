"""An answer that was never asked for is a KeyError, never an empty answer."""

import pytest

from provisioner.kinds.org_facts import LICENCES, PROFILES, OrgFacts
from provisioner.model.operations import Describe, ListMetadata
from provisioner.model.resource import Lookup

PROFILE = {"Id": "00e1", "Name": "Customers", "UserLicenseId": "1", "UserType": "CspLitePortal"}
READ = OrgFacts(
    {
        LICENCES: [],
        PROFILES: [PROFILE],
        ListMetadata(("Profile",)): [],
        Describe("Contact"): None,
    },
    {"portal": {"admins": [], "granted": None}},
    active_user_counts={},
)


@pytest.mark.parametrize(
    "look_up",
    [
        lambda facts: facts.describe("Account"),
        lambda facts: facts.organization,
        lambda facts: facts.switches,
        lambda facts: facts.running_user,
        lambda facts: facts.components("Portal"),
        lambda facts: facts.id_of(Lookup("User", (("Username", "a@b.example"),))),
        lambda facts: facts.active_users(["Customers"]),
        lambda facts: facts.answers["contact"],
        lambda facts: facts.answers["portal"]["members"],
    ],
)
def test_an_answer_that_was_never_asked_for_is_a_key_error(look_up):
    with pytest.raises(KeyError):
        look_up(READ)


def test_an_empty_answer_is_an_answer():
    assert READ.describe("Contact") is None
    assert READ.licences == {}
    assert READ.components("Profile") == {}
    assert READ.active_users(["Nobody"]) == 0
    assert READ.answers["portal"]["admins"] == []
