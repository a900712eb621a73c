"""SCIM: users are told, found, deactivated and let in again."""

import pytest

URL = "http://127.0.0.1:8787/services/scim/v2/Users"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@pytest.fixture
def jane(rest, person, profiles):
    return rest.create("User", **person, ProfileId=profiles["High Volume Customer Portal"])


def replace(**more):
    return {"schemas": [PATCH], "Operations": [{"op": "replace", **more}]}


def test_a_user_is_told(rest, jane, person):
    answer = rest.send("GET", f"{URL}/{jane}")
    assert answer.headers["Content-Type"] == "application/scim+json"
    told = answer.json()
    assert (told["id"], told["active"]) == (jane, True)
    assert told["userName"] == person["Username"].lower()
    assert told["name"] == {"formatted": "Jane Doe", "familyName": "Doe", "givenName": "Jane"}
    assert told["emails"][0]["value"] == person["Email"]
    assert told["entitlements"][0]["display"] == "High Volume Customer Portal"


def test_users_are_found(rest, jane, admin):
    every = rest("GET", URL)[1]
    assert {one["id"] for one in every["Resources"]} >= {jane, admin}
    name = 'userName eq "JANE.doe@acme.example.portal"'
    found = rest("GET", URL, params={"filter": name})[1]
    assert (found["totalResults"], found["Resources"][0]["id"]) == (1, jane)
    page = rest("GET", URL, params={"startIndex": "2", "count": "1"})[1]
    assert (page["startIndex"], page["itemsPerPage"]) == (2, 1)
    assert page["totalResults"] == every["totalResults"]
    for wrong in ('userName sw "j"', 'active eq "true"', "userName eq true"):
        assert rest("GET", URL, params={"filter": wrong})[0] == 400
    assert rest("GET", URL, params={"filter": "active eq false"})[1]["totalResults"] == 0


@pytest.mark.parametrize("off", [replace(path="active", value=False),
                                 replace(value={"active": False})])  # fmt: skip
def test_a_user_is_deactivated_and_let_in_again(rest, jane, off):
    assert rest("PATCH", f"{URL}/{jane}", off)[1]["active"] is False
    assert rest.rows(f"SELECT IsActive FROM User WHERE Id = '{jane}'") == [{"IsActive": False}]
    assert rest("PATCH", f"{URL}/{jane}", replace(path="active", value=True))[1]["active"] is True


def test_a_deleted_user_is_deactivated_and_keeps_the_name(rest, jane, person):
    assert rest("DELETE", f"{URL}/{jane}") == (204, None)
    told = rest("GET", f"{URL}/{jane}")[1]
    assert (told["active"], told["userName"]) == (False, person["Username"].lower())


def test_refusals_have_the_form_of_the_standard(rest, anonymous, jane):
    status, error = rest("GET", f"{URL}/005000000000000AAA")
    assert (status, error["status"]) == (404, "404")
    assert error["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    for body in ({}, replace(path="userName", value="x"), replace(path="active", value="no")):
        assert rest("PATCH", f"{URL}/{jane}", body)[0] == 400
    assert rest("GET", f"{URL[:-5]}Groups")[0] == 404
    anonymous.session.headers["Authorization"] = "Bearer nonsense"
    assert anonymous("GET", URL)[0] == 401
