"""Custom objects and fields: made by the Metadata API, then used by every other one."""

import pytest

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.base.timestamps import parse_timestamp
from provisioner.emulator.lifecycle.first_day import admin_id, open_org
from provisioner.emulator.metadata.types import registry

VALUES = {
    "valueSetDefinition": {
        "sorted": False,
        "value": [
            {"fullName": "Red", "default": False, "label": "Rot | = x"},
            {"fullName": "Blue", "default": True, "label": "Blau"},
            {"fullName": "Old", "default": False, "label": "Alt", "isActive": False},
        ],
    }
}
MASTER = {
    "fullName": "Account__c", "label": "Account", "type": "MasterDetail",
    "referenceTo": "Account", "relationshipName": "Invoices",
}  # fmt: skip


@pytest.fixture
def make(local, admin):
    """Creates a component as createMetadata does."""

    def make(kind, full_name, **values):
        with local.transaction(), local.attempt():
            registry.kind(local, kind).create(local, {"fullName": full_name} | values, admin)

    return make


@pytest.fixture
def change(local, admin):
    def change(kind, full_name, **values):
        with local.transaction(), local.attempt():
            registry.kind(local, kind).update(local, {"fullName": full_name} | values, admin)

    return change


@pytest.fixture
def remove(local, admin):
    def remove(kind, full_name):
        with local.transaction(), local.attempt():
            registry.kind(local, kind).delete(local, full_name, admin)

    return remove


@pytest.fixture
def invoice(make):
    make_object(make, "Invoice__c", "Invoice")


def make_object(make, name, label, **values):
    given = {
        "label": label,
        "pluralLabel": f"{label}s",
        "nameField": {"label": f"{label} Name", "type": "Text"},
        "sharingModel": "ReadWrite",
    }
    make("CustomObject", name, **given | values)


def field_of(rest, sobject, name):
    fields = rest("GET", f"/sobjects/{sobject}/describe")[1]["fields"]
    return next((field for field in fields if field["name"] == name), None)


@pytest.mark.parametrize(
    ("type_", "values", "described", "value"),
    [
        ("Text", {"length": 20}, {"type": "string", "length": 20, "byteLength": 60}, "x"),
        ("TextArea", {}, {"type": "textarea", "length": 255}, "a\nb"),
        ("LongTextArea", {"length": 5000, "visibleLines": 3}, {"length": 5000, "filterable": False}, "x" * 300),
        ("Number", {"precision": 5, "scale": 0}, {"type": "double", "precision": 5, "scale": 0}, 7.0),
        ("Currency", {"precision": 18, "scale": 2}, {"type": "currency", "soapType": "xsd:double"}, 1.5),
        ("Percent", {"precision": 5, "scale": 2}, {"type": "percent"}, 12.5),
        ("Checkbox", {"defaultValue": "true"}, {"type": "boolean", "defaultValue": True, "nillable": False}, False),
        ("Date", {}, {"type": "date"}, "2026-05-01"),
        ("DateTime", {}, {"type": "datetime"}, "2026-05-01T10:00:00.000+0000"),
        ("Email", {}, {"type": "email", "length": 80}, "a@b.example"),
        ("Phone", {}, {"type": "phone", "length": 40}, "555"),
        ("Url", {}, {"type": "url", "length": 255}, "https://a.example"),
        ("Picklist", {"valueSet": VALUES}, {"type": "picklist", "restrictedPicklist": False}, "Anything"),
        ("MultiselectPicklist", {"valueSet": VALUES, "visibleLines": 3}, {"type": "multipicklist"}, "Red;Blue"),
    ],
)  # fmt: skip
def test_a_field_of_each_type_is_described_and_holds_its_value(
    make, rest, type_, values, described, value
):
    make("CustomField", "Account.X__c", label="An X", type=type_, inlineHelpText="Help", **values)
    found = field_of(rest, "Account", "X__c")
    assert {name: found[name] for name in described} == described
    assert (found["custom"], found["label"], found["inlineHelpText"]) == (True, "An X", "Help")
    id_ = rest.create("Account", Name="Acme", X__c=value)
    assert rest.rows("SELECT X__c FROM Account") == [{"X__c": value}]
    assert rest("GET", f"/sobjects/Account/{id_}", params={"fields": "X__c"})[1]["X__c"] == value


def test_a_picklist_shows_its_active_values_and_default(make, rest):
    restricted = VALUES | {"restricted": True}
    make("CustomField", "Account.Color__c", label="Color", type="Picklist", valueSet=restricted)
    found = field_of(rest, "Account", "Color__c")
    assert [(v["value"], v["label"], v["defaultValue"]) for v in found["picklistValues"]] == [
        ("Red", "Rot | = x", False),
        ("Blue", "Blau", True),
    ]
    rest.create("Account", Name="Acme")
    assert rest.rows("SELECT Color__c FROM Account") == [{"Color__c": "Blue"}]
    refusal = rest.refusal("POST", "/sobjects/Account", {"Name": "B", "Color__c": "Old"})
    assert refusal[1] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def test_several_values_of_a_restricted_list_are_each_checked(make, rest):
    values = VALUES | {"restricted": True}
    make(
        "CustomField", "Account.C__c", label="C", type="MultiselectPicklist", visibleLines=3,
        valueSet=values,
    )  # fmt: skip
    rest.create("Account", Name="A", C__c="red;Blue")
    assert rest.rows("SELECT C__c FROM Account") == [{"C__c": "Red;Blue"}]
    assert rest("POST", "/sobjects/Account", {"Name": "B", "C__c": "Red;Green"})[0] == 400


@pytest.mark.parametrize(
    ("type_", "written", "value"),
    [
        ("Text", '"Hello"', "Hello"),
        ("Number", "5", "5.0"),
        ("Date", "TODAY()", "2026-05-01"),
        ("DateTime", "NOW()", "2026-05-01T10:00"),
    ],
)
def test_a_default_is_given_to_new_rows(make, rest, local, type_, written, value):
    sizes = {"Text": {"length": 9}, "Number": {"precision": 5, "scale": 0}}.get(type_, {})
    make("CustomField", "Account.D__c", label="D", type=type_, defaultValue=written, **sizes)
    assert field_of(rest, "Account", "D__c")["defaultValueFormula"] == written
    local.set_clock(parse_timestamp("2026-05-01T10:00:00.000+0000"))
    rest.session.headers["Authorization"] = f"Bearer {local.start_session(admin_id(local)).token}"
    rest.create("Account", Name="Acme")
    (row,) = rest.rows("SELECT D__c FROM Account")
    assert str(row["D__c"]).startswith(value)


def test_an_external_id_finds_creates_and_guards(make, rest):
    make(
        "CustomField", "Contact.Key__c", label="Key", type="Text", length=20, externalId=True,
        unique=True,
    )  # fmt: skip
    found = field_of(rest, "Contact", "Key__c")
    assert (found["externalId"], found["idLookup"], found["unique"]) == (True, True, True)
    assert rest("PATCH", "/sobjects/Contact/Key__c/k1", {"LastName": "Doe"})[0] == 201
    status, body = rest("PATCH", "/sobjects/Contact/Key__c/K1", {"LastName": "Roe"})
    assert (status, body["created"]) == (200, False)
    assert rest("GET", "/sobjects/Contact/Key__c/k1")[1]["LastName"] == "Roe"
    refusal = rest.refusal("POST", "/sobjects/Contact", {"LastName": "X", "Key__c": "K1"})
    assert refusal[1] == "DUPLICATE_VALUE"
    assert rest("GET", "/sobjects/Contact/Key__c/none")[0] == 404


def test_a_required_field_must_be_given_and_has_no_permissions(make, rest):
    make("CustomField", "Account.R__c", label="R", type="Text", length=20, required=True)
    found = field_of(rest, "Account", "R__c")
    assert (found["nillable"], found["permissionable"]) == (False, False)
    refusal = rest.refusal("POST", "/sobjects/Account", {"Name": "A"})
    assert refusal[1:] == (
        "REQUIRED_FIELD_MISSING",
        "Required fields are missing: [R__c]",
        ["R__c"],
    )


def test_a_new_object_is_everywhere(invoice, rest, local, admin):
    listed = rest("GET", "/sobjects")[1]["sobjects"]
    (found,) = [one for one in listed if one["custom"]]
    assert (found["name"], found["keyPrefix"], found["labelPlural"]) == (
        "Invoice__c",
        "a00",
        "Invoices",
    )
    names = [f["name"] for f in rest("GET", "/sobjects/Invoice__c/describe")[1]["fields"]]
    assert names == [
        "Id", "OwnerId", "IsDeleted", "Name", "CreatedDate", "CreatedById", "LastModifiedDate",
        "LastModifiedById", "SystemModstamp",
    ]  # fmt: skip
    id_ = rest.create("Invoice__c")
    assert rest.rows("SELECT Id, Name, Owner.Name FROM Invoice__c")[0]["Name"] == id_
    layouts = [one.full_name for one in registry.folder(local, "Layout").list(local)]
    assert "Invoice__c-Invoice Layout" in layouts
    soql = "SELECT COUNT() FROM ObjectPermissions WHERE SobjectType = 'Invoice__c'"
    assert rest.query(soql)["totalSize"] == 1
    assert rest("DELETE", f"/sobjects/Invoice__c/{id_}")[0] == 204
    assert rest("GET", f"/sobjects/Invoice__c/{id_}")[0] == 404


def test_names_are_numbered(make, rest):
    form = {"label": "Number", "type": "AutoNumber", "displayFormat": "INV-{0000}"}
    make_object(make, "Invoice__c", "Invoice", nameField=form)
    rest.create("Invoice__c")
    make(
        "CustomField", "Invoice__c.No__c", label="No", type="AutoNumber", displayFormat="{00}",
        startingNumber=5,
    )  # fmt: skip
    rest.create("Invoice__c")
    assert rest.rows("SELECT Name, No__c FROM Invoice__c ORDER BY Name") == [
        {"Name": "INV-0001", "No__c": "05"},
        {"Name": "INV-0002", "No__c": "06"},
    ]
    assert rest("POST", "/sobjects/Invoice__c", {"Name": "Mine"})[0] == 400


@pytest.fixture
def line(make, invoice):
    """A detail of the invoice, which looks up an account."""
    make_object(make, "Line__c", "Line")
    make(
        "CustomField", "Line__c.Invoice__c", label="Invoice", type="MasterDetail",
        referenceTo="Invoice__c", relationshipName="Lines",
    )  # fmt: skip
    make(
        "CustomField", "Invoice__c.Account__c", label="Account", type="Lookup",
        referenceTo="Account", relationshipName="Invoices",
    )  # fmt: skip


def test_relationships_go_up_and_down(line, rest):
    account = rest.create("Account", Name="Acme")
    invoice = rest.create("Invoice__c", Name="One", Account__c=account)
    rest.create("Line__c", Name="First", Invoice__c=invoice)
    (row,) = rest.rows("SELECT Name, Invoice__r.Name, Invoice__r.Account__r.Name FROM Line__c")
    assert row["Invoice__r"]["Account__r"]["Name"] == "Acme"
    (row,) = rest.rows("SELECT Name, (SELECT Name FROM Lines__r) FROM Invoice__c")
    assert row["Lines__r"]["records"][0]["Name"] == "First"
    children = rest("GET", "/sobjects/Invoice__c/describe")[1]["childRelationships"]
    assert [
        (one["childSObject"], one["relationshipName"], one["cascadeDelete"]) for one in children
    ] == [("Line__c", "Lines__r", True)]


def test_a_detail_belongs_to_its_master(line, rest):
    described = field_of(rest, "Line__c", "Invoice__c")
    assert (described["nillable"], described["updateable"], described["cascadeDelete"]) == (
        False,
        False,
        True,
    )
    assert (described["relationshipOrder"], field_of(rest, "Line__c", "OwnerId")) == (0, None)
    assert rest.refusal("POST", "/sobjects/Line__c", {})[1] == "REQUIRED_FIELD_MISSING"
    invoice = rest.create("Invoice__c")
    rest.create("Line__c", Invoice__c=invoice)
    rest("DELETE", f"/sobjects/Invoice__c/{invoice}")
    assert rest.query("SELECT COUNT() FROM Line__c")["totalSize"] == 0


@pytest.mark.parametrize(
    ("constraint", "status", "left"),
    [("SetNull", 204, 1), ("Restrict", 400, 1), ("Cascade", 204, 0)],
)
def test_a_lookup_lets_go_as_it_says(make, invoice, rest, constraint, status, left):
    make(
        "CustomField", "Invoice__c.Contact__c", label="Contact", type="Lookup",
        referenceTo="Contact", deleteConstraint=constraint,
    )  # fmt: skip
    contact = rest.create("Contact", LastName="Doe")
    rest.create("Invoice__c", Contact__c=contact)
    assert rest("DELETE", f"/sobjects/Contact/{contact}")[0] == status
    assert rest.query("SELECT COUNT() FROM Invoice__c")["totalSize"] == left


def test_a_field_that_is_deleted_is_gone_everywhere(make, remove, rest, local, admin):
    make("CustomField", "Contact.Key__c", label="Key", type="Text", length=20, externalId=True)
    layout = registry.kind(local, "Layout").read(local, "Contact-Contact Layout")
    column = layout["layoutSections"][0]["layoutColumns"][0]
    column["layoutItems"].append({"behavior": "Edit", "field": "Key__c"})
    profile = {
        "fullName": "Standard",
        "fieldPermissions": [{"editable": True, "field": "Contact.Key__c", "readable": True}],
    }
    with local.transaction():
        registry.kind(local, "Layout").update(local, layout, admin)
        registry.kind(local, "Profile").update(local, profile, admin)
    rest.create("Contact", LastName="Doe", Key__c="k")
    remove("CustomField", "Contact.Key__c")
    assert field_of(rest, "Contact", "Key__c") is None
    assert rest("GET", "/query", params={"q": "SELECT Key__c FROM Contact"})[0] == 400
    assert rest("GET", "/sobjects/Contact/Key__c/k")[0] == 404
    assert "Key__c" not in str(registry.kind(local, "Layout").read(local, "Contact-Contact Layout"))
    assert rest.query("SELECT COUNT() FROM FieldPermissions")["totalSize"] == 0
    make("CustomField", "Contact.Key__c", label="Key", type="Text", length=20)
    assert rest.rows("SELECT Key__c FROM Contact") == [{"Key__c": None}]


def test_an_object_that_is_deleted_is_gone_everywhere(line, remove, rest, local):
    with pytest.raises(SalesforceError, match=r"Custom Field - Line__c.Invoice__c"):
        remove("CustomObject", "Invoice__c")
    remove("CustomObject", "Line__c")
    remove("CustomObject", "Invoice__c")
    assert rest("GET", "/sobjects/Invoice__c")[0] == 404
    assert registry.folder(local, "CustomField").list(local) == []
    children = local.catalog().children("Account")
    assert "Invoice__c" not in {child.name for child, _ in children}


def test_a_field_changes_its_label_and_length(make, change, rest):
    make("CustomField", "Account.X__c", label="X", type="Text", length=10)
    change("CustomField", "Account.X__c", label="Y", type="Text", length=20, externalId=True)
    found = field_of(rest, "Account", "X__c")
    assert (found["label"], found["length"], found["externalId"]) == ("Y", 20, True)
    with pytest.raises(SalesforceError, match="Cannot change type from Text to Date"):
        change("CustomField", "Account.X__c", label="Y", type="Date")
    with pytest.raises(SalesforceError, match="to a Lookup, MasterDetail, or Hierarchy from"):
        change("CustomField", "Account.X__c", label="Y", type="Lookup", referenceTo="Contact")


@pytest.mark.parametrize(
    ("name", "values", "refusal"),
    [
        ("Account.X", {}, "fullName must end with: __c"),
        ("Account.1X__c", {}, "The name 1X can only contain"),
        ("Nothing.X__c", {}, "bad value for restricted picklist field: Nothing"),
        ("Account.X__c", {}, "Must specify a type"),
        ("Account.X__c", {"type": "Text", "length": 9}, "Must specify a non-empty label"),
        ("Account.X__c", {"type": "Text", "label": "X"}, "Must specify 'length' for a CustomField of type Text"),
        ("Account.X__c", {"type": "Date", "label": "X", "length": 9}, "Can not specify 'length' for a CustomField of type Date"),
        ("Account.X__c", {"type": "Text", "label": "X", "length": 256}, "length must be between 1 and 255"),
        ("Account.X__c", {"type": "Checkbox", "label": "X"}, "Must specify 'defaultValue' for a CustomField of type Checkbox"),
        ("Account.X__c", {"type": "Lookup", "label": "X", "referenceTo": "Y__c"}, "referenceTo value of 'Y__c' does not resolve"),
        ("Account.X__c", {"type": "Text", "label": "X", "length": 9, "formula": "1"}, "Field type Formula is not supported"),
        ("Account.X__c", {"type": "Location", "label": "X"}, "Field type Location is not supported"),
        ("Account.X__c", {"type": "Number", "label": "X", "precision": 19, "scale": 0}, "precision must be between"),
        ("Account.X__c", {"type": "Picklist", "label": "X", "valueSet": {"valueSetName": "G"}}, "no GlobalValueSet named G found"),
        ("Account.X__c", {"type": "Picklist", "label": "X"}, "You must specify either picklist, globalPicklist, or valueSet"),
        ("Account.X__c", {"type": "TextArea", "label": "X", "length": 255}, "Can not specify 'length' for a CustomField of type TextArea"),
        ("Account.X__c", {"type": "LongTextArea", "label": "X", "length": 300, "visibleLines": 3, "required": True}, "Can not specify 'required' for a CustomField of type LongTextArea"),
        ("Account.X__c", {"type": "Text", "label": "X", "length": 9, "defaultValue": "Name & 1"}, "default value formula"),
    ],
)  # fmt: skip
def test_a_field_that_can_not_be_is_refused(make, rest, name, values, refusal):
    with pytest.raises(SalesforceError, match=refusal):
        make("CustomField", name, **values)
    assert field_of(rest, "Account", "X__c") is None


@pytest.mark.parametrize(
    ("name", "values", "refusal"),
    [
        ("Invoice", {}, "fullName must end with: __c"),
        ("Invoice__c", {"label": ""}, "Must specify a non-empty label for the CustomObject"),
        ("Invoice__c", {"nameField": {}}, "Must specify a nameField of type Text or AutoNumber"),
        ("Invoice__c", {"sharingModel": "ControlledByParent"}, "without a MasterDetail relationship field"),
        ("Invoice__c", {"fields": [MASTER]}, "Cannot set sharingModel to ReadWrite on a CustomObject with a"),
        ("Invoice__c", {"recordTypes": [{"fullName": "A"}]}, "recordTypes are not supported"),
    ],
)  # fmt: skip
def test_an_object_that_can_not_be_is_refused(make, rest, name, values, refusal):
    with pytest.raises(SalesforceError, match=refusal):
        make_object(make, name, **{"label": "Invoice"} | values)
    assert rest("GET", "/sobjects/Invoice__c")[0] == 404


def test_a_detail_is_controlled_by_its_parent(line, local, change):
    read = registry.kind(local, "CustomObject").read(local, "Line__c")
    assert read["sharingModel"] == "ControlledByParent"
    values = {name: value for name, value in read.items() if name != "fullName"}
    change("CustomObject", "Line__c", **values)
    with pytest.raises(SalesforceError, match="without a MasterDetail relationship field"):
        change("CustomObject", "Line__c", **values | {"fields": []})
    for fields in (values["fields"], []):
        with pytest.raises(SalesforceError, match="to Private on a CustomObject with a Master"):
            change(
                "CustomObject", "Line__c", **values | {"sharingModel": "Private", "fields": fields}
            )


def test_a_name_is_taken_once(make, invoice):
    with pytest.raises(SalesforceError, match="already in use"):
        make_object(make, "Invoice__c", "Invoice")
    make("CustomField", "Account.X__c", label="X", type="Date")
    with pytest.raises(SalesforceError, match="already a field named X__c on Account"):
        make("CustomField", "Account.X__c", label="X", type="Date")


def test_custom_things_survive_a_restart(tmp_path):
    org = open_org(tmp_path / "org")
    with org.transaction():
        values = {"fullName": "Account.X__c", "label": "X", "type": "Date"}
        registry.kind(org, "CustomField").create(org, values, admin_id(org))
    org.close()
    org = open_org(tmp_path / "org")
    assert org.catalog().get("Account").field("x__c").type == "date"
    org.reset()
    assert org.catalog().get("Account").field("x__c") is None
    org.close()
