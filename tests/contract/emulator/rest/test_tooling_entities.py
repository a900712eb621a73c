"""The Tooling API's entities, and custom fields made by it."""

import pytest

FIELD = {
    "FullName": "Contact.Loyalty__c",
    "Metadata": {"label": "Loyalty", "type": "Text", "length": 40},
}


@pytest.fixture
def tooling(rest):
    def ask(soql):
        return rest("GET", "/tooling/query", params={"q": soql})

    return ask


def test_layouts_objects_and_fields(tooling):
    status, body = tooling("SELECT Name, TableEnumOrId FROM Layout WHERE TableEnumOrId = 'Contact'")
    assert (status, body["entityTypeName"], body["queryLocator"]) == (200, "Layout", None)
    (layout,) = body["records"]
    assert layout["Name"] == "Contact Layout"
    assert layout["attributes"]["url"].startswith(
        "/services/data/v62.0/tooling/sobjects/Layout/00h"
    )
    _, body = tooling("SELECT Label FROM EntityDefinition WHERE QualifiedApiName = 'account'")
    assert [row["Label"] for row in body["records"]] == ["Account"]
    _, body = tooling(
        "SELECT QualifiedApiName, EntityDefinition.QualifiedApiName FROM FieldDefinition"
        " WHERE EntityDefinition.QualifiedApiName = 'Contact' AND QualifiedApiName = 'Email'"
    )
    (field,) = body["records"]
    assert field["EntityDefinition"]["QualifiedApiName"] == "Contact"
    assert tooling("SELECT Name FROM Organization")[1]["size"] == 1


def test_objects_and_fields_are_rows_for_the_other_apis_too(rest):
    # CumulusCI asks so for the organization-wide defaults
    asked = (
        "SELECT QualifiedApiName, InternalSharingModel, ExternalSharingModel FROM EntityDefinition"
        " WHERE QualifiedApiName IN ('Account', 'Contact', 'Lead') ORDER BY QualifiedApiName"
    )
    found = [tuple(row.values()) for row in rest.rows(asked)]
    assert found == [
        ("Account", "ReadWrite", "Private"),
        ("Contact", "ControlledByParent", "ControlledByParent"),
        ("Lead", "ReadWriteTransfer", "Private"),
    ]
    fields = "SELECT COUNT() FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Case'"
    assert rest("GET", "/query", params={"q": fields})[1]["totalSize"] > 10
    _, refused = rest("GET", "/query", params={"q": "SELECT Id FROM Layout"})
    assert refused[0]["errorCode"] == "INVALID_TYPE"


def test_data_objects_are_not_there(tooling, rest):
    assert tooling("SELECT Id FROM Account")[1][0]["errorCode"] == "INVALID_TYPE"
    assert rest.refusal("GET", "/tooling/sobjects/Account")[:2] == (404, "NOT_FOUND")


def test_one_row_with_a_full_name(tooling):
    status, body = tooling("SELECT FullName FROM Layout")
    assert (status, body[0]["errorCode"]) == (400, "MALFORMED_QUERY")


def test_a_custom_field_comes_and_goes(rest, tooling, local):
    status, made = rest("POST", "/tooling/sobjects/CustomField", FIELD)
    assert (status, made["success"]) == (201, True), made
    contact = rest.create("Contact", LastName="Doe", Loyalty__c="gold")
    assert rest.rows("SELECT Loyalty__c FROM Contact") == [{"Loyalty__c": "gold"}]
    _, body = tooling("SELECT Id, FullName, DeveloperName FROM CustomField LIMIT 1")
    assert body["records"][0]["FullName"] == "Contact.Loyalty__c"
    path = f"/tooling/sobjects/CustomField/{made['id']}"
    assert rest("GET", path)[1]["Metadata"]["label"] == "Loyalty"
    changed = {"Metadata": {"label": "Level", "type": "Text", "length": 40}}
    assert rest("PATCH", path, changed)[0] == 204
    labels = {f["name"]: f["label"] for f in rest("GET", "/sobjects/Contact/describe")[1]["fields"]}
    assert labels["Loyalty__c"] == "Level"
    assert rest("DELETE", path)[0] == 204
    assert rest("GET", path)[0] == 404
    assert "Loyalty__c" not in rest("GET", f"/sobjects/Contact/{contact}")[1]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"FullName": "Contact.X__c"}, "REQUIRED_FIELD_MISSING"),
        ({"Metadata": {}}, "REQUIRED_FIELD_MISSING"),
        ({"FullName": "Contact.X__c", "Metadata": {"nope": 1}}, "JSON_PARSER_ERROR"),
        ({"FullName": "Contact.X__c", "Metadata": {"type": "Nope"}}, "JSON_PARSER_ERROR"),
        ({"FullName": "Contact.X__c", "Metadata": {"a b": 1}}, "JSON_PARSER_ERROR"),
    ],
)
def test_a_wrong_field(rest, body, code):
    assert rest.refusal("POST", "/tooling/sobjects/CustomField", body)[:2] == (400, code)


def test_what_can_not_be_written(rest):
    refused = rest.refusal("POST", "/tooling/sobjects/Profile", {"Name": "x"})
    assert refused[1] == "INVALID_TYPE_FOR_OPERATION"


def test_describes(rest, profiles):
    _, body = rest("GET", "/tooling/sobjects")
    assert {"CustomField", "EntityDefinition", "FieldDefinition", "Layout", "Profile"} <= {
        one["name"] for one in body["sobjects"]
    }
    assert rest("GET", "/tooling/sobjects/Layout/describe")[1]["keyPrefix"] == "00h"
    assert rest("GET", "/tooling/sobjects/Layout")[1]["objectDescribe"]["name"] == "Layout"
    id_ = profiles["System Administrator"]
    assert rest("GET", f"/tooling/sobjects/Profile/{id_}")[1]["FullName"] == "Admin"
    assert rest("GET", "/tooling/sobjects/EntityDefinition/Contact")[1]["KeyPrefix"] == "003"
    assert rest.refusal("GET", "/tooling/sobjects/Profile/nonsense")[0] == 404
