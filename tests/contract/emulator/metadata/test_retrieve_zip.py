"""Retrieves over SOAP: the files, what is told of them, and that they deploy again."""

import base64

import pytest

from ..package_zip import (
    Soap,
    custom_object,
    manifest,
    messages,
    problems,
    text_field,
    unzipped,
    zipped,
)


@pytest.fixture
def soap(rest):
    return Soap(rest)


@pytest.fixture
def invoice(soap):
    files = {
        "package.xml": manifest(CustomObject=["Invoice__c"]),
        "objects/Invoice__c.object": custom_object(text_field("Key__c"), text_field("Note__c")),
    }
    assert problems(soap.deploy(files)) == []


def test_wildcards_give_what_there_is(soap, invoice, portal_on):
    result, files = soap.retrieve(CustomObject=["*"], Settings=["*"], Portal=["*"])
    assert sorted(files) == [
        "unpackaged/objects/Invoice__c.object",
        "unpackaged/package.xml",
        "unpackaged/settings/Communities.settings",
        "unpackaged/settings/ExperienceBundle.settings",
        "unpackaged/settings/MyDomain.settings",
        "unpackaged/settings/Org.settings",
        "unpackaged/settings/Portals.settings",
        "unpackaged/settings/Security.settings",
        "unpackaged/settings/UserManagement.settings",
    ]
    assert "messages" not in result
    told = {(one["type"], one["fullName"], one["fileName"]) for one in result["fileProperties"]}
    assert ("CustomObject", "Invoice__c", "unpackaged/objects/Invoice__c.object") in told
    assert "<enableCustomerSuccessPortal>true<" in files["unpackaged/settings/Org.settings"]
    assert "<members>Org</members>" in files["unpackaged/package.xml"]


def test_a_file_is_written_as_salesforce_writes_it(soap):
    _, files = soap.retrieve(Settings=["Portals"])
    assert files["unpackaged/settings/Portals.settings"] == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<PortalsSettings xmlns="http://soap.sforce.com/2006/04/metadata">\n'
        "    <clickjackSSPLoginPage>false</clickjackSSPLoginPage>\n"
        "    <redirectPortalLoginToHttps>true</redirectPortalLoginToHttps>\n"
        "</PortalsSettings>\n"
    )


def test_what_is_not_there_is_told(soap):
    result, files = soap.retrieve(
        CustomField=["Account.Gone__c", "*"], Portal=["X"], Layout=["Contact-None"], Sandwich=["A"]
    )
    assert list(files) == ["unpackaged/package.xml"]
    assert [one["problem"] for one in result["messages"]] == [
        "Entity of type 'CustomField' named 'Account.Gone__c' cannot be found",
        "Entity of type 'CustomField' named '*' cannot be found",
        "Cannot use: Portal in this organization",
        "Entity of type 'Layout' named 'Contact-None' cannot be found",
        "Entity type: 'Sandwich' is unknown",
    ]


def test_a_field_comes_without_the_rest_of_its_object(soap, invoice):
    _, files = soap.retrieve(CustomField=["Invoice__c.Key__c"])
    text = files["unpackaged/objects/Invoice__c.object"]
    assert "Key__c" in text
    assert "Note__c" not in text
    assert "pluralLabel" not in text


def test_a_profile_tells_only_of_components_in_the_same_retrieve(soap, invoice):
    _, alone = soap.retrieve(Profile=["Admin"])
    text = alone["unpackaged/profiles/Admin.profile"]
    assert "userPermissions" in text
    assert "objectPermissions" not in text
    assert "layoutAssignments" not in text
    _, files = soap.retrieve(
        CustomObject=["Invoice__c"], Layout=["Invoice__c-Invoice Layout"], Profile=["Admin"]
    )
    text = files["unpackaged/profiles/Admin.profile"]
    assert text.count("<objectPermissions>") == text.count("<layoutAssignments>") == 1
    assert "<object>Invoice__c</object>" in text


@pytest.mark.usefixtures("portal_on", "invoice")
def test_all_of_an_org_deploys_again_without_a_change(soap):
    kinds = ("Layout", "Portal", "Profile", "Settings")
    _, files = soap.retrieve(CustomObject=["*", "Account"], **{kind: ["*"] for kind in kinds})
    again = soap.deploy(files, singlePackage=False)
    assert problems(again) == []
    changed = [one["fullName"] for one in messages(again) if one["changed"] == "true"]
    assert changed == ["package.xml"]


def test_one_package_has_no_folder_and_files_may_be_chosen(soap):
    request = (
        "<retrieveRequest><apiVersion>62.0</apiVersion><singlePackage>true</singlePackage>"
        "<specificFiles>settings/Org.settings</specificFiles><unpackaged><types><members>*</members>"
        "<name>Settings</name></types><version>62.0</version></unpackaged></retrieveRequest>"
    )
    id_ = soap("retrieve", request)["id"]
    inner = f"<asyncProcessId>{id_}</asyncProcessId><includeZip>{{}}</includeZip>"
    for _ in range(2):
        soap("checkRetrieveStatus", inner.format("true"))
    assert soap("checkRetrieveStatus", inner.format("false"))["zipFile"] == ""
    done = soap("checkRetrieveStatus", inner.format("true"))
    assert sorted(unzipped(base64.b64decode(done["zipFile"]))) == [
        "package.xml",
        "settings/Org.settings",
    ]


def test_packages_there_are_none(soap):
    request = (
        "<retrieveRequest><apiVersion>62.0</apiVersion><packageNames>Sales</packageNames>"
        "<singlePackage>true</singlePackage></retrieveRequest>"
    )
    id_ = soap("retrieve", request)["id"]
    inner = f"<asyncProcessId>{id_}</asyncProcessId><includeZip>true</includeZip>"
    for _ in range(3):
        result = soap("checkRetrieveStatus", inner)
    assert (result["status"], result["success"]) == ("Failed", "false")


def test_the_same_retrieve_gives_the_same_bytes(soap):
    assert soap.retrieve(Layout=["*"])[0]["zipFile"] == soap.retrieve(Layout=["*"])[0]["zipFile"]


def test_zipped_is_what_unzipped_reads():
    assert unzipped(zipped({"a": "b"}).read()) == {"a": "b"}
