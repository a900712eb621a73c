"""What can be reached through the portal and is not in the specs."""

import pytest

from provisioner.drift.unmanaged import Coverage, find_unmanaged
from provisioner.kinds.base import Unmanaged
from provisioner.kinds.org_facts import LICENCES, PROFILES, OrgFacts
from provisioner.model.operations import ListMetadata, Member, ReadMembership
from provisioner.model.resource import Address, DesiredState, LiveState, Resource
from provisioner.plan.read import Reading


def reading(*live):
    profiles = [
        {"Id": "00e1", "Name": "Customers", "UserLicenseId": "1", "UserType": "CspLitePortal"},
        {"Id": "00e2", "Name": "Others", "UserLicenseId": "1", "UserType": "CspLitePortal"},
        {"Id": "00e3", "Name": "Chatter", "UserLicenseId": "1", "UserType": "CsnOnly"},
        {"Id": "00e4", "Name": "Inside", "UserLicenseId": "1", "UserType": "Standard"},
        {
            "Id": "00e5",
            "Name": "High Volume Customer Portal",
            "UserLicenseId": "1",
            "UserType": "CspLitePortal",
        },
    ]
    facts = OrgFacts({PROFILES: profiles, LICENCES: [], ListMetadata(("Portal", "Profile")): []})
    wanted = DesiredState(Resource(r.address, {}) for r in live)
    return Reading(wanted, LiveState(live), facts, {}, ())


PORTAL = Resource(Address("portal", "Acme"), {}, id="0601")
JANE = Resource(Address("user", "jane"), {"IsActive": True}, id="0051")


def person(id_, profile="00e1"):
    return {"Id": id_, "Username": f"{id_}@acme.example", "Name": id_, "ProfileId": profile}


def test_what_no_spec_names_is_counted_and_listed():
    page = ReadMembership("0601")
    members = {page: [Member("00e1", "Customers", True), Member("00e2", "Others", False)]}
    found, coverage = find_unmanaged(
        reading(PORTAL, JANE), [person("0051"), person("0052")], members, None
    )
    assert found == (
        Unmanaged("profile", "Customers", "00e1"),
        Unmanaged("profile", "Others", "00e2"),
        Unmanaged("member", "Customers", "00e1", "of portal/Acme"),
        Unmanaged("user", "0052@acme.example", "0052", "0052, Customers"),
    )
    assert coverage == (Coverage("profile", 0, 2), Coverage("user", 1, 1))


@pytest.mark.parametrize(("profile", "listed"), [("00e5", True), ("00e1", False)])
def test_a_profile_of_salesforces_own_counts_once_somebody_has_it(profile, listed):
    found, _ = find_unmanaged(
        reading(PORTAL), [person("0052", profile)], {ReadMembership("0601"): []}, None
    )
    assert (Unmanaged("profile", "High Volume Customer Portal", "00e5") in found) == listed


def test_more_people_than_one_answer_holds_are_counted_by_the_org():
    _, coverage = find_unmanaged(reading(JANE), [person("0052")], {}, 50_000)
    assert coverage[-1] == Coverage("user", 1, 49_999)
