"""Profile filtering: people without "View All Profiles" see their own profile only."""

import pytest

from provisioner.emulator.access import owned_sets
from provisioner.emulator.metadata.types import settings


@pytest.fixture
def clerk(rest, local, admin):
    """The headers of a user of the company who may use the API and little else."""
    standard = local.find("Profile", Name="Standard User")[0]
    owned_sets.update_profile(local, standard, {"PermissionsApiEnabled": True}, by=admin)
    person = {
        "LastName": "Clerk", "Alias": "clerk", "Email": "clerk@acme.example",
        "Username": "clerk@acme.example.x", "TimeZoneSidKey": "GMT", "LocaleSidKey": "en_US",
        "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US", "ProfileId": standard,
    }  # fmt: skip
    user = rest.create("User", **person)
    return {"Authorization": f"Bearer {local.start_session(user).token}"}


def seen(rest, headers):
    answer = rest("GET", "/query", params={"q": "SELECT Name FROM Profile"}, headers=headers)
    return sorted(row["Name"] for row in answer[1]["records"])


def switch(local, admin, *, on):
    (block,) = [one for one in settings.SETTINGS if one.name == "UserManagementSettings"]
    block.update(local, {"fullName": "UserManagement", "enableProfileFiltering": on}, admin)


def test_everybody_sees_every_profile_at_first(rest, clerk):
    assert seen(rest, clerk) == seen(rest, {}) != ["Standard User"]


def test_with_filtering_one_sees_the_own_profile(rest, local, admin, clerk):
    switch(local, admin, on=True)
    assert seen(rest, clerk) == ["Standard User"]
    other = local.find("Profile", Name="System Administrator")[0]
    own = local.find("Profile", Name="Standard User")[0]
    assert rest("GET", f"/sobjects/Profile/{other}", headers=clerk)[0] == 404
    assert rest("GET", f"/sobjects/Profile/{own}", headers=clerk)[0] == 200
    soql = "SELECT Username, Profile.Name FROM User WHERE Username LIKE 'portal.admin%'"
    (row,) = rest("GET", "/query", params={"q": soql}, headers=clerk)[1]["records"]
    assert row["Profile"] is None
    assert "System Administrator" in seen(rest, {}), "an administrator sees them all"
    switch(local, admin, on=False)
    assert len(seen(rest, clerk)) > 1
