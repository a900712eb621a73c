"""Deployments over REST, as CumulusCI and jsforce send them."""

import json

import pytest

from ..package_zip import manifest, org_settings, zipped

FILES = {
    "package.xml": manifest(Settings=["Org"]),
    "settings/Org.settings": org_settings(("enableMakeDeploymentsMandatory", "true")),
}


def post(rest, *, part="json", body=None, files=FILES):
    given = (
        {"deployOptions": {"singlePackage": True, "rollbackOnError": True}}
        if body is None
        else body
    )
    parts = {
        part: (None, given if isinstance(given, str) else json.dumps(given), "application/json"),
        "file": ("deploy.zip", zipped(files).read(), "application/zip"),
    }
    return rest("POST", "/metadata/deployRequest", files=parts)


@pytest.mark.parametrize("part", ["json", "entity_content"])
def test_a_zip_is_deployed(rest, part):
    status, body = post(rest, part=part)
    assert (status, body["id"][:3]) == (201, "0Af")
    assert body["deployOptions"]["singlePackage"] is True
    path = f"/metadata/deployRequest/{body['id']}"
    told = [rest("GET", path)[1]["deployResult"]["status"] for _ in range(3)]
    assert told == ["Pending", "InProgress", "Succeeded"]
    status, body = rest("GET", path, params={"includeDetails": "true"})
    result = body["deployResult"]
    assert (status, result["success"], result["numberComponentsTotal"]) == (200, True, 1)
    assert [one["fullName"] for one in result["details"]["componentSuccesses"]] == [
        "Org",
        "package.xml",
    ]
    assert rest("GET", path)[1]["deployResult"]["details"] is None


def test_one_parent_folder_as_cumulusci_zips_it(rest):
    files = {f"unpackaged/{name}": text for name, text in FILES.items()}
    body = {"deployOptions": {"singlePackage": False, "rollbackOnError": True}}
    path = f"/metadata/deployRequest/{post(rest, body=body, files=files)[1]['id']}"
    assert [rest("GET", path)[1]["deployResult"]["status"] for _ in range(3)][-1] == "Succeeded"


def test_a_failure_is_told_with_its_line(rest):
    files = FILES | {"settings/Org.settings": org_settings(("wrong", "1"))}
    path = f"/metadata/deployRequest/{post(rest, files=files)[1]['id']}?includeDetails=true"
    result = [rest("GET", path)[1]["deployResult"] for _ in range(3)][-1]
    (failure,) = result["details"]["componentFailures"]
    assert result["status"] == "Failed"
    assert (failure["problemType"], failure["fileName"], failure["lineNumber"]) == (
        "Error",
        "settings/Org.settings",
        2,
    )


def test_a_deployment_is_called_off(rest):
    path = f"/metadata/deployRequest/{post(rest)[1]['id']}"
    status, body = rest("PATCH", path, {"deployResult": {"status": "Canceling"}})
    assert (status, body["deployResult"]["status"]) == (202, "Canceled")
    assert rest.refusal("PATCH", path, {"deployResult": {"status": "Canceling"}})[:3] == (
        400,
        "INVALID_ID_FIELD",
        "Deployment already completed",
    )
    assert rest("PATCH", path, {"deployResult": {"status": "Succeeded"}})[0] == 400


def test_what_is_no_deployment_is_refused(rest):
    assert rest("GET", "/metadata/deployRequest/0AfLo0000000009KAA")[0] == 404
    assert rest("GET", "/metadata/deployRequest")[0] == 405
    assert rest("GET", "/metadata")[0] == 404
    assert rest("POST", "/metadata/deployRequest", {"validatedDeployRequestId": "0Af"})[0] == 404
    assert rest("POST", "/metadata/deployRequest", {})[0] == 400
    assert post(rest, body="{")[0] == 400
    assert post(rest, body="[]")[0] == 400
    assert post(rest, body={"deployOptions": {"runTests": 1}})[0] == 400
    assert post(rest, body={"deployOptions": {"testLevel": "RunSomeTests"}})[0] == 400
    assert post(rest, body={"deployOptions": {"testLevel": "RunLocalTests"}})[0] == 201
    assert rest("POST", "/metadata/deployRequest", files={"other": b"x"})[0] == 400
    assert rest("POST", "/sobjects/Account", files={"other": b"x"})[0] == 415


def test_it_needs_a_session_and_a_permission(rest, anonymous, local, person, profiles):
    person |= {"ProfileId": profiles["Standard User"]}
    del person["ContactId"]
    user = rest.create("User", **person)
    rest.session.headers["Authorization"] = f"Bearer {local.start_session(user).token}"
    assert post(rest)[0] == 403
    del anonymous.session.headers["Authorization"]
    assert post(anonymous)[0] == 401
