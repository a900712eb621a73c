"""What an older version of the API did not have yet, and what a newer one has no more."""

import pytest

from provisioner.emulator.schema import objects, versions

HIGH_VOLUME = "High Volume Customer Portal"
MANAGER = "Customer Portal Manager Custom"


def of(version, path):
    return f"http://127.0.0.1:8787/services/data/v{version}.0{path}"


def described(rest, version, sobject, field):
    _, body = rest("GET", of(version, f"/sobjects/{sobject}/describe"))
    return next(one for one in body["fields"] if one["name"] == field)


@pytest.fixture
def manager(rest, person, profiles):
    return rest.create("User", **person, ProfileId=profiles[MANAGER])


def test_the_portal_role_can_be_changed_since_43(rest, manager):
    path = f"/sobjects/User/{manager}"
    assert described(rest, 42, "User", "PortalRole")["updateable"] is False
    assert described(rest, 42, "User", "PortalRole")["createable"] is True
    assert described(rest, 43, "User", "PortalRole")["updateable"] is True
    refused = (
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        (
            "Unable to create/update fields: PortalRole. Please check the security settings of this"
            " field and verify that it is read/write for your profile or permission set."
        ),
        ["PortalRole"],
    )
    change = {"PortalRole": "Manager"}
    assert rest.refusal("PATCH", of(42, path), change) == (400, *refused)
    record = {"attributes": {"type": "User"}, "Id": manager, **change}
    _, (result,) = rest("PATCH", of(42, "/composite/sobjects"), {"records": [record]})
    (error,) = result["errors"]
    assert (error["statusCode"], error["message"], error["fields"]) == refused
    assert rest("PATCH", of(43, path), change) == (204, None)


def test_the_portal_role_can_be_given_at_first_in_every_version(rest, person, profiles):
    values = {**person, "ProfileId": profiles[MANAGER], "PortalRole": "Executive"}
    assert rest("POST", of(31, "/sobjects/User"), values)[0] == 201
    assert rest.rows("SELECT PortalRole FROM User WHERE ContactId != NULL") == [
        {"PortalRole": "Executive"}
    ]


def test_a_profile_can_be_made_since_53(rest):
    (license_,) = rest.rows("SELECT Id FROM UserLicense WHERE Name = 'Salesforce'")
    values = {"Name": "Blank", "UserLicenseId": license_["Id"]}
    _, old = rest("GET", of(52, "/sobjects/Profile/describe"))
    assert (old["createable"], old["updateable"], old["deletable"]) == (False, True, True)
    assert not any(field["createable"] for field in old["fields"])
    _, new = rest("GET", of(53, "/sobjects/Profile/describe"))
    assert new["createable"] is True
    assert rest.refusal("POST", of(52, "/sobjects/Profile"), values) == (
        400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type cannot be inserted: Profile", [],
    )  # fmt: skip
    status, body = rest("POST", of(53, "/sobjects/Profile"), values)
    assert status == 201
    path = f"/sobjects/Profile/{body['id']}"
    assert rest("PATCH", of(52, path), {"Description": "Nothing"}) == (204, None)
    assert rest("DELETE", of(52, path)) == (204, None)


def test_used_licences_are_for_where_until_63(rest, person, profiles):
    rest.create("User", **person, ProfileId=profiles[HIGH_VOLUME])
    soql = "SELECT Name, UsedLicenses FROM UserLicense WHERE UsedLicenses > 0 ORDER BY UsedLicenses"
    status, body = rest("GET", of(63, "/query"), params={"q": soql})
    assert status == 200
    assert [(row["Name"], row["UsedLicenses"]) for row in body["records"]] == [
        ("Salesforce", 1), (HIGH_VOLUME, 1),
    ]  # fmt: skip
    assert rest.refusal("GET", of(64, "/query"), params={"q": soql})[1] == "INVALID_FIELD"
    assert described(rest, 63, "UserLicense", "UsedLicenses")["filterable"] is True
    assert described(rest, 64, "UserLicense", "UsedLicenses")["filterable"] is False


def test_a_bulk_job_is_of_the_version_it_was_made_with(rest, manager):
    soql = "SELECT Name FROM UserLicense WHERE UsedLicenses > 0"
    job = {"operation": "query", "query": soql}
    assert rest("POST", of(63, "/jobs/query"), job)[0] == 200
    assert rest("POST", of(64, "/jobs/query"), job)[0] == 400
    wanted = {"object": "User", "operation": "update", "contentType": "CSV"}
    for version, failed in ((42, 1), (43, 0)):
        _, made = rest("POST", of(version, "/jobs/ingest"), wanted)
        here = of(version, f"/jobs/ingest/{made['id']}")
        rows = f"Id,PortalRole\n{manager},Manager\n"
        headers = {"Content-Type": "text/csv"}
        assert rest.session.put(f"{here}/batches", data=rows, headers=headers).status_code == 201
        rest("PATCH", here, {"state": "UploadComplete"})
        for _ in range(20):
            _, info = rest("GET", here)
            if info["state"] == "JobComplete":
                break
        assert info["numberRecordsFailed"] == failed


@pytest.mark.parametrize(
    ("method", "path", "body", "since"),
    [
        ("POST", "/composite", {"compositeRequest": []}, 38),
        ("POST", "/composite/batch", {"batchRequests": []}, 34),
        ("POST", "/composite/tree/Account", {"records": []}, 34),
        ("POST", "/composite/sobjects", {"records": []}, 42),
        ("PATCH", "/composite/sobjects/Contact/Email", {"records": []}, 46),
        ("POST", "/composite/graph", {"graphs": []}, 50),
        ("POST", "/jobs/ingest", {"object": "Account", "operation": "insert"}, 41),
        ("POST", "/jobs/query", {"operation": "query", "query": "SELECT Id FROM Account"}, 47),
        ("GET", "/limits/recordCount", None, 40),
    ],
)
def test_resources_came_with_their_version(rest, method, path, body, since):
    assert rest.refusal(method, of(since - 1, path), body)[:2] == (404, "NOT_FOUND")
    assert rest(method, of(since, path), body)[0] != 404
    _, first, *_ = path.split("/")
    assert (first in rest("GET", of(33, "/"))[1]) is (first == "limits")


def test_there_are_power_users_since_57(rest):
    assert (
        rest("PATCH", "http://127.0.0.1:8787/emulator/options", {"PersonAccounts": True})[0] == 200
    )
    path = "/sobjects/PersonAccountOwnerPowerUser/describe"
    assert rest.refusal("GET", of(56, path))[:2] == (404, "NOT_FOUND")
    assert rest("GET", of(57, path))[0] == 200
    names = [
        {one["name"] for one in rest("GET", of(version, "/sobjects"))[1]["sobjects"]}
        for version in (56, 57)
    ]
    assert names[1] - names[0] == {"PersonAccountOwnerPowerUser"}


def test_every_change_of_the_tables_begins_an_era():
    told = set()
    for sobject in objects.tables().values():
        told |= {sobject.since, sobject.createable_since}
        for field in sobject.fields.values():
            told |= {field.updateable_since, field.unfilterable_since}
    assert told - {0} == set(versions.CHANGES)
