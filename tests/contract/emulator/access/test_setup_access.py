"""Who may see and change what belongs to an org's setup: counts, entities of metadata, roles."""

import pytest

HIGH_VOLUME = "PID_High_Volume_Customer_Portal"
READ_ONLY = (403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])


@pytest.fixture
def customer(rest, local, person):
    """The headers of a session of a portal's user who may use the API."""
    soql = f"SELECT Id FROM UserLicense WHERE LicenseDefinitionKey = '{HIGH_VOLUME}'"
    (license_,) = rest.rows(soql)
    values = {"Name": "Customers", "UserLicenseId": license_["Id"], "PermissionsApiEnabled": True}
    id_ = rest.create("User", **person, ProfileId=rest.create("Profile", **values))
    return {"Authorization": f"Bearer {local.start_session(id_).token}"}


def ask(rest, soql, headers):
    return rest("GET", "/tooling/query", params={"q": soql}, headers=headers)


@pytest.mark.parametrize("path", ["/limits", "/limits/recordCount?sObjects=Account"])
def test_limits_and_counts_are_for_those_who_view_the_setup(rest, clerk, customer, path):
    _, viewer = clerk("ViewSetup")
    _, other = clerk("RunReports")
    assert rest("GET", path, headers=viewer)[0] == 200
    for headers in (other, customer):
        assert rest.refusal("GET", path, headers=headers)[:2] == (403, "INSUFFICIENT_ACCESS")


def test_records_are_counted_since_40(rest, person):
    path = "/limits/recordCount?sObjects=Contact,Nothing"
    base = rest.base.rpartition("/")[0]
    assert rest.refusal("GET", f"{base}/v39.0{path}")[:2] == (404, "NOT_FOUND")
    counted = {"sObjects": [{"count": 1, "name": "Contact"}]}
    assert rest("GET", f"{base}/v40.0{path}") == (200, counted)


@pytest.mark.parametrize("name", ["Profile", "PermissionSet", "UserRole", "Layout", "CustomField"])
def test_a_portal_user_sees_no_setup_by_the_tooling_api(rest, customer, name):
    _, (error,) = ask(rest, f"SELECT Id FROM {name}", customer)
    assert error["errorCode"] == "INVALID_TYPE"
    assert f"sObject type '{name}' is not supported" in error["message"]
    here = f"/tooling/sobjects/{name}"
    assert rest.refusal("GET", here, headers=customer)[:2] == (404, "NOT_FOUND")
    assert rest.refusal("GET", f"{here}/describe", headers=customer)[:2] == (404, "NOT_FOUND")
    _, listed = rest("GET", "/tooling/sobjects", headers=customer)
    assert name not in {one["name"] for one in listed["sobjects"]}


def test_a_portal_user_is_told_of_the_objects_there_are_for_the_user(rest, customer):
    _, body = ask(rest, "SELECT QualifiedApiName FROM EntityDefinition", customer)
    names = {row["QualifiedApiName"] for row in body["records"]}
    assert "User" in names
    assert not {"Profile", "Lead", "Account"} & names
    fields = "SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinitionId = 'Lead'"
    assert ask(rest, fields, customer)[1]["size"] == 0
    _, own = ask(rest, "SELECT Id FROM User", customer)
    assert own["size"] == 1


def test_who_does_not_view_the_setup_has_no_layouts(rest, clerk):
    _, viewer = clerk("ViewSetup")
    _, other = clerk("RunReports")
    for name, found in (("Layout", 400), ("CustomField", 400), ("Profile", 200)):
        assert ask(rest, f"SELECT Id FROM {name}", viewer)[0] == 200
        assert ask(rest, f"SELECT Id FROM {name}", other)[0] == found


@pytest.mark.parametrize(
    ("name", "openers"),
    [
        ("FieldPermissions", ["ViewSetup"]),
        ("ObjectPermissions", ["ViewSetup"]),
        ("PermissionSetAssignment", ["ViewSetup", "AssignPermissionSets", "ManageUsers"]),
    ],
)
def test_what_profiles_hold_is_for_those_who_may_see_it(rest, clerk, name, openers):
    """Object reference, "Special Access Rules" of each [V]."""
    soql = {"q": f"SELECT Id FROM {name}"}
    for opener in openers:
        _, headers = clerk(opener)
        assert rest("GET", "/query", params=soql, headers=headers)[0] == 200
    _, other = clerk("RunReports")
    refused = rest.refusal("GET", "/query", params=soql, headers=other)
    assert refused[:2] == (400, "INVALID_TYPE")
    assert rest.refusal("GET", f"/sobjects/{name}/describe", headers=other)[0] == 404


# -- roles --------------------------------------------------------------------------------------


def test_roles_are_changed_by_those_who_manage_them(rest, clerk):
    """Platform reference 3.4 [V]: since Summer '20."""
    (ceo,) = rest.rows("SELECT Id FROM UserRole WHERE Name = 'CEO'")
    _, manager = clerk("ManageRoles", "ViewRoles")
    _, other = clerk("ManageUsers", "ViewRoles")
    new = {"Name": "Adviser", "DeveloperName": "Adviser", "ParentRoleId": ceo["Id"]}
    assert rest.refusal("POST", "/sobjects/UserRole", new, headers=other) == READ_ONLY
    status, made = rest("POST", "/sobjects/UserRole", new, headers=manager)
    assert status == 201
    path = f"/sobjects/UserRole/{made['id']}"
    for call in (("PATCH", path, {"Name": "Counsel"}), ("DELETE", path)):
        assert rest.refusal(*call, headers=other) == READ_ONLY
        assert rest(*call, headers=manager) == (204, None)


def test_roles_are_read_by_those_who_may_view_them(rest, clerk):
    """Platform reference 3.4 [V]: since Summer '20."""
    (ceo,) = rest.rows("SELECT Id FROM UserRole WHERE Name = 'CEO'")
    path = f"/sobjects/UserRole/{ceo['Id']}"
    _, viewer = clerk("ViewRoles")
    _, other = clerk("ManageUsers")
    soql = {"q": "SELECT Id FROM UserRole"}
    assert rest("GET", path, headers=viewer)[0] == 200
    assert rest("GET", "/query", params=soql, headers=viewer)[1]["totalSize"] == 18
    assert rest.refusal("GET", path, headers=other)[:2] == (404, "NOT_FOUND")
    refused = rest.refusal("GET", "/query", params=soql, headers=other)
    assert refused[:2] == (400, "INVALID_TYPE")
    above = {"q": "SELECT UserRole.Name FROM User"}
    assert rest.refusal("GET", "/query", params=above, headers=other)[1] == "INVALID_FIELD"


# -- profiles, permission sets, sharing sets ----------------------------------------------------


def test_profiles_are_made_by_those_who_manage_them(rest, clerk):
    """Help, "Create or Clone Profiles" [V]; permission sets alike."""
    (license_,) = rest.rows("SELECT Id FROM UserLicense WHERE LicenseDefinitionKey = 'SFDC'")
    _, manager = clerk("ManageProfilesPermissionsets", "ViewSetup")
    assigner_id, assigner = clerk("AssignPermissionSets")
    _, other = clerk("ManageUsers")
    new = {
        "Profile": {"Name": "Sellers", "UserLicenseId": license_["Id"]},
        "PermissionSet": {"Name": "Extra", "Label": "Extra"},
    }
    for sobject, values in new.items():
        path = f"/sobjects/{sobject}"
        assert rest.refusal("POST", path, values, headers=other) == READ_ONLY
        status, made = rest("POST", path, values, headers=manager)
        assert status == 201
        new[sobject] = made["id"]
    rights = {"SobjectType": "Case", "ParentId": new["PermissionSet"], "PermissionsRead": True}
    refused = rest.refusal("POST", "/sobjects/ObjectPermissions", rights, headers=other)
    assert refused[:2] == (404, "NOT_FOUND")
    assert rest("POST", "/sobjects/ObjectPermissions", rights, headers=manager)[0] == 201
    assigned = {"AssigneeId": assigner_id, "PermissionSetId": new["PermissionSet"]}
    path = "/sobjects/PermissionSetAssignment"
    assert rest.refusal("POST", path, assigned, headers=other) == READ_ONLY
    assert rest("POST", path, assigned, headers=assigner)[0] == 201
    assert rest.refusal("DELETE", f"/sobjects/Profile/{new['Profile']}", headers=other) == READ_ONLY
    assert rest("DELETE", f"/sobjects/Profile/{new['Profile']}", headers=manager) == (204, None)


def test_sharing_sets_ask_for_more_than_to_modify_metadata(rest, clerk):
    """Platform reference 3.6 [V]: Customize Application, and Manage Sharing to edit."""
    meta = "http://soap.sforce.com/2006/04/metadata"
    values = (
        "<fullName>Cases</fullName><accessMappings><accessLevel>Edit</accessLevel><object>Case"
        "</object><objectField>Contact</objectField><userField>Contact</userField>"
        "</accessMappings><name>Cases</name><profiles>highvolumeportal</profiles>"
    )

    def send(headers, body):
        token = headers["Authorization"].removeprefix("Bearer ")
        soap = "http://schemas.xmlsoap.org/soap/envelope/"
        text = (
            f'<e:Envelope xmlns:e="{soap}" xmlns="{meta}"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Header><SessionHeader>'
            f"<sessionId>{token}</sessionId></SessionHeader></e:Header><e:Body>{body}</e:Body>"
            "</e:Envelope>"
        )
        url = f"{rest.base.partition('/services')[0]}/services/Soap/m/62.0"
        answer = rest.session.post(url, data=text, headers={"Content-Type": "text/xml"})
        assert answer.status_code == 200, answer.text
        return answer.text

    _, modifier = clerk("ModifyMetadata", "CustomizeApplication")
    _, sharer = clerk("ManageSharing", "CustomizeApplication", "ModifyMetadata")
    create = f'<createMetadata><metadata xsi:type="SharingSet">{values}</metadata></createMetadata>'
    update = create.replace("createM", "updateM")
    delete = "<deleteMetadata><type>SharingSet</type><fullNames>Cases</fullNames></deleteMetadata>"
    for body in (create, update, delete):
        assert "<statusCode>INSUFFICIENT_ACCESS_OR_READONLY</statusCode>" in send(modifier, body)
        assert "<success>true</success>" in send(sharer, body)
