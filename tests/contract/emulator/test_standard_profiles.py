"""The standard profiles with two names, and those of one name, through every door."""

from __future__ import annotations

import pytest

from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.metadata.types.profile import Profiles

from .package_zip import Soap

kind = Profiles()
HIGH_VOLUME = "High Volume Customer Portal"
# full name: its Name, its licence
BROUGHT = {
    "AuthenticatedWebsite": ("Authenticated Website", "Authenticated Website"),
    "High Volume Customer Portal User": ("High Volume Customer Portal User", HIGH_VOLUME),
    "HighVolumePortal": (HIGH_VOLUME, HIGH_VOLUME),
    "PlatformPortal": ("Authenticated Website", "Authenticated Website"),
}
# What no Developer org has a licence for: full name, key of the licence.
BOUGHT = {"Customer Portal Manager": "POWER_SSP", "Customer Portal User": "SSP"}


def full_names(rest, name):
    """By Id, as the Tooling API tells it: one row with FullName at a time."""
    ids = [row["Id"] for row in rest.rows(f"SELECT Id FROM Profile WHERE Name = '{name}'")]
    return {id_: rest("GET", f"/tooling/sobjects/Profile/{id_}")[1]["FullName"] for id_ in ids}


@pytest.mark.usefixtures("portal_on")
@pytest.mark.parametrize("full_name", BROUGHT)
def test_every_door_shows_the_same_profile(rest, local, full_name):
    name, license_ = BROUGHT[full_name]
    (id_,) = [k for k, v in full_names(rest, name).items() if v == full_name]
    (row,) = rest.rows(f"SELECT Name, UserType, UserLicense.Name FROM Profile WHERE Id = '{id_}'")
    assert (row["Name"], row["UserType"]) == (name, "CspLitePortal")
    assert row["UserLicense"]["Name"] == license_
    assert (id_, full_name) in {(one.id, one.full_name) for one in kind.list(local)}
    read = kind.read(local, full_name)
    assert (read["fullName"], read["custom"]) == (full_name, False)
    assert read["userLicense"] == license_


@pytest.mark.usefixtures("portal_on")
def test_a_retrieve_writes_a_file_for_each(rest):
    _, files = Soap(rest).retrieve(Profile=[*BROUGHT, "Guest"])
    found = {name for name in files if name.endswith(".profile")}
    assert found == {f"unpackaged/profiles/{name}.profile" for name in [*BROUGHT, "Guest"]}
    for full_name, (_, license_) in BROUGHT.items():
        text = files[f"unpackaged/profiles/{full_name}.profile"]
        assert f"<userLicense>{license_}</userLicense>" in text


@pytest.mark.usefixtures("portal_on")
def test_the_resolver_of_names_meets_two_of_one_name(rest):
    soql = "SELECT FullName, Name FROM Profile WHERE Name = 'Authenticated Website'"
    status, body = rest("GET", "/tooling/query", params={"q": f"{soql} LIMIT 1"})
    assert status == 200
    assert body["records"][0]["FullName"] == "PlatformPortal"
    assert rest.refusal("GET", "/tooling/query", params={"q": soql})[1] == "MALFORMED_QUERY"
    one = "SELECT FullName, Name FROM Profile WHERE Name = 'Standard Guest'"
    _, body = rest("GET", "/tooling/query", params={"q": one})
    assert [row["FullName"] for row in body["records"]] == ["Guest"]


def test_the_guest_is_there_from_the_first_day_and_is_nobodys(rest, local, person):
    (row,) = rest.rows("SELECT Id, UserType FROM Profile WHERE Name = 'Standard Guest'")
    assert row["UserType"] == "Guest"
    assert kind.read(local, "Guest")["userLicense"] == "Guest User License"
    nobody = {k: v for k, v in person.items() if k != "ContactId"} | {"ProfileId": row["Id"]}
    refused = rest.refusal("POST", "/sobjects/User", nobody)
    assert refused[1:3] == (
        "INSUFFICIENT_ACCESS_OR_READONLY", "Cannot insert a user of type guest.",
    )  # fmt: skip


@pytest.mark.usefixtures("portal_on")
def test_a_license_bought_later_brings_its_profile_once(rest, local):
    for seats in (5, 0, 7):
        status, _ = rest("PUT", "http://127.0.0.1:8787/emulator/licenses", {"SSP": seats})
        assert status == 200
    assert len(local.find("Profile", Name="Customer Portal User")) == 1
    assert local.find("Profile", Name="Customer Portal Manager") == []


@pytest.mark.parametrize("full_name", BOUGHT)
def test_a_profile_comes_with_the_portal_only_if_its_license_was_bought(
    rest, local, admin, full_name
):
    door = "http://127.0.0.1:8787/emulator/licenses"
    assert rest("GET", door)[1][BOUGHT[full_name]] == 0
    assert rest("PUT", door, {BOUGHT[full_name]: 5})[0] == 200
    assert kind.read(local, full_name) is None
    first_day.enable_customer_portal(local, admin)
    shown = {name for name in BOUGHT if kind.read(local, name) is not None}
    assert shown == {full_name}
    assert kind.read(local, full_name)["userLicense"] == full_name
    (row,) = rest.rows(f"SELECT UserType FROM Profile WHERE Name = '{full_name}'")
    assert row["UserType"].endswith("CustomerSuccess")
