"""Describe answers agree with recordings of real orgs, property by property."""

import pytest

from tests import recorded

# What an org decides for itself: urls name its host, and the recorded org has record types,
# another version, and custom fields (one of them in each shape a field can have).
OWN = {"fields", "childRelationships", "recordTypeInfos", "urls", "sobjectDescribeOption",
       "associateEntityType", "associateParentEntity", "supportedScopes"}  # fmt: skip


def described(rest, name):
    status, body = rest("GET", f"/sobjects/{name}/describe")
    assert status == 200
    return body


@pytest.mark.parametrize("name", ["Account", "Contact"])
def test_every_property_of_every_field_is_as_recorded(rest, portal_on, name):
    real = recorded.fields(name)
    ours = {f["name"]: f for f in described(rest, name)["fields"]}
    wrong = {
        (field, key): (ours[field][key], real[field][key])
        for field in ours.keys() & real.keys()
        for key in real[field]
        if ours[field].get(key) != real[field][key]
    }
    assert not wrong
    assert list(ours["Name"]) == list(real["Name"])


@pytest.mark.parametrize("name", ["Account", "Contact"])
def test_every_standard_field_of_the_recording_is_there(rest, portal_on, name):
    real = recorded.fields(name).keys()
    ours = {f["name"] for f in described(rest, name)["fields"]}
    # Objects a plain Developer org does not have: record types, channel programs, D&B, hours.
    absent = {"RecordTypeId", "ChannelProgramName", "ChannelProgramLevelName", "DandbCompanyId",
              "OperatingHoursId"}  # fmt: skip
    assert real - ours <= absent
    assert ours - real <= {"CanAllowPortalSelfReg"}


@pytest.mark.parametrize("name", ["Account", "Contact"])
def test_the_object_itself_is_as_recorded(rest, name):
    ours = described(rest, name)
    assert {k: v for k, v in ours.items() if k not in OWN} == recorded.properties(name)
    assert ours["urls"].keys() <= recorded.urls(name)


@pytest.mark.parametrize("name", ["Account", "Contact"])
def test_child_relationships_are_among_the_recorded(rest, portal_on, name):
    real = list(recorded.children(name))
    # Merged records and portal roles: reference fields that the recorded versions do not list.
    unlisted = {"MasterRecordId", "PortalAccountId", "ReportsToId"}
    ours = [c for c in described(rest, name)["childRelationships"] if c["field"] not in unlisted]
    assert [child for child in ours if child not in real] == []


def test_the_global_describe_is_as_recorded(rest):
    real = recorded.listed()
    status, body = rest("GET", "/sobjects")
    assert (status, body["encoding"], body["maxBatchSize"]) == (200, "UTF-8", 200)
    ours = {s["name"]: s for s in body["sobjects"]}
    wrong = {
        (name, key): (ours[name][key], real[name][key])
        for name in ours.keys() & real.keys()
        for key in real[name]
        if key != "urls" and ours[name].get(key) != real[name][key]
    }
    assert not wrong
    assert len(ours.keys() & real.keys()) >= 10
    for name in ours.keys() & real.keys():
        assert sorted(ours[name]["urls"]) == sorted(real[name]["urls"])


def test_an_organization_has_the_recorded_fields(rest):
    names, values = recorded.organization()
    (row,) = rest.rows("SELECT Id FROM Organization")
    _, ours = rest("GET", f"/sobjects/Organization/{row['Id']}")
    assert ours.keys() == set(names)
    assert {name: ours[name] for name in values} == values


@pytest.mark.parametrize(
    ("sobject", "field"),
    [
        ("Contact", "CanAllowPortalSelfReg"),
        ("User", "PortalRole"),
        ("User", "IsPortalEnabled"),
        ("User", "IsPortalSelfRegistered"),
        ("Account", "IsPartner"),
        ("Account", "IsCustomerPortal"),
    ],
)
def test_portal_fields_appear_when_the_portal_is_enabled(rest, request, sobject, field):
    assert field not in {f["name"] for f in described(rest, sobject)["fields"]}
    status, *_ = rest.refusal("GET", "/query", params={"q": f"SELECT {field} FROM {sobject}"})
    assert status == 400
    request.getfixturevalue("portal_on")
    assert field in {f["name"] for f in described(rest, sobject)["fields"]}
    rest.query(f"SELECT {field} FROM {sobject}")


def test_a_custom_field_appears_everywhere(rest, local):
    local.add_custom_field("Account", "Ext__c | string 20 | Ext | cun external unique")
    field = next(f for f in described(rest, "Account")["fields"] if f["name"] == "Ext__c")
    assert (field["custom"], field["externalId"], field["unique"]) == (True, True, True)
    rest.create("Account", Name="Acme", Ext__c="A-1")
    assert rest.rows("SELECT Ext__c FROM Account WHERE Ext__c = 'a-1'") == [{"Ext__c": "A-1"}]
    assert rest.refusal("POST", "/sobjects/Account", {"Name": "B", "Ext__c": "a-1"})[1] == (
        "DUPLICATE_VALUE"
    )


def test_an_unchanged_describe_is_not_sent_again(rest):
    first = rest.send("GET", "/sobjects/User/describe")
    again = rest.send(
        "GET",
        "/sobjects/User/describe",
        headers={"If-Modified-Since": first.headers["Last-Modified"]},
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def test_a_user_has_the_fields_of_a_real_org(rest):
    ours = {f["name"] for f in described(rest, "User")["fields"]}
    assert recorded.user_fields().keys() - ours == set()
    assert ours - recorded.user_fields().keys() == {"Id"}
