"""Deployments, retrieves and custom fields through clients that nobody here wrote."""

from __future__ import annotations

import json

import pytest
import requests
from simple_salesforce import Salesforce
from zeep.exceptions import Fault

from provisioner.emulator.app import create_app
from provisioner.emulator.http.context import EXTENSION
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.server import InProcessAdapter

from ..package_zip import custom_object, manifest, text_field, unzipped, zipped

# zeep reads its own settings in a way that its dependencies have since deprecated
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:zeep")
FILES = {
    "package.xml": manifest(CustomObject=["Invoice__c"]),
    "objects/Invoice__c.object": custom_object(
        text_field("Key__c", "<externalId>true</externalId>")
    ),
}


@pytest.fixture(scope="module")
def connection():
    """One client for all tests, since it takes half a second to make; each has its own org."""
    first = open_org(":memory:")
    app = create_app(first)
    session = requests.Session()
    session.mount("https://", InProcessAdapter(app))
    client = Salesforce(
        session_id="none", instance="local.example", session=session, version="62.0"
    )
    zeep = client.mdapi._client
    zeep.transport.session.close()
    zeep.transport.session = session
    yield app, client
    session.close()
    first.close()


@pytest.fixture
def sf(connection):
    app, client = connection
    org = open_org(":memory:")
    app.extensions[EXTENSION] = org
    token = org.start_session(first_day.admin_id(org)).token
    client.session_id = client.mdapi._session_id = token
    client.headers["Authorization"] = f"Bearer {token}"
    client.mdapi._session_header = client.mdapi._client.get_element("ns0:SessionHeader")(
        sessionId=token
    )
    yield client
    # deploy() leaves its content type in the headers of the client (simple-salesforce)
    client.headers["Content-Type"] = "application/json"
    client.headers.pop("SOAPAction", None)
    org.close()


def test_simple_salesforce_deploys_and_uses_an_object(sf):
    started = sf.deploy(zipped(FILES), sandbox=True)
    assert started["state"] == "Queued"
    told = [sf.checkDeployStatus(started["asyncId"]) for _ in range(3)]
    assert [one["state"] for one in told] == ["Pending", "InProgress", "Succeeded"]
    assert told[2]["deployment_detail"] == {
        "total_count": "2",
        "failed_count": "0",
        "deployed_count": "2",
        "errors": [],
    }
    sf.headers["Content-Type"] = "application/json"
    assert sf.Invoice__c.upsert("Key__c/K1", {"Name": "One"}) == 201
    assert sf.Invoice__c.upsert("Key__c/K1", {"Name": "Two"}) == 200
    assert sf.Invoice__c.get_by_custom_id("Key__c", "K1")["Name"] == "Two"
    sf.Invoice__c.delete(sf.query("SELECT Id FROM Invoice__c")["records"][0]["Id"])


def test_simple_salesforce_tells_of_failures(sf):
    files = FILES | {"package.xml": manifest(CustomObject=["Invoice__c", "Gone__c"])}
    id_ = sf.deploy(zipped(files), sandbox=False)["asyncId"]
    told = [sf.checkDeployStatus(id_) for _ in range(3)][-1]
    assert told["state"] == "Failed"
    (error,) = told["deployment_detail"]["errors"]
    assert (error["type"], error["file"], error["status"]) == (None, "package.xml", "Error")
    assert error["message"].startswith("An object 'Gone__c' of type CustomObject was named in")


def test_simple_salesforce_retrieves_a_zip(sf):
    id_, state = sf.mdapi.retrieve("x", unpackaged={"Settings": ["Org"], "Layout": ["*"]})
    assert state == "Queued"
    states = [sf.mdapi.check_retrieve_status(id_)[0] for _ in range(2)]
    assert states == ["Pending", "InProgress"]
    state, error, messages, data = sf.mdapi.retrieve_zip(id_)
    assert (state, error, messages) == ("Succeeded", None, [])
    assert {"package.xml", "settings/Org.settings"} <= set(unzipped(data))


def test_zeep_deploys_with_the_wsdl(sf):
    service, types = sf.mdapi._service, sf.mdapi._client
    options = types.get_type("ns0:DeployOptions")(
        allowMissingFiles=False, autoUpdatePackage=False, checkOnly=True, ignoreWarnings=False,
        performRetrieve=False, purgeOnDelete=False, rollbackOnError=True, singlePackage=True,
        testLevel="NoTestRun",
    )  # fmt: skip
    header = [sf.mdapi._session_header]
    started = service.deploy(zipped(FILES).read(), options, _soapheaders=header)
    for _ in range(3):
        answer = service.checkDeployStatus(started.id, True, _soapheaders=header)
    result = answer.body.result  # beside a header with the log of tests
    assert (result.status, result.checkOnly, result.numberComponentsTotal) == ("Succeeded", True, 2)
    assert result.details.componentSuccesses[0].fullName == "Invoice__c"
    with pytest.raises(Fault) as caught:
        service.cancelDeploy(started.id, _soapheaders=header)
    assert caught.value.message == "INVALID_ID_FIELD: Deployment already completed"


def test_zeep_describes_a_type(sf):
    result = sf.mdapi._service.describeValueType(
        "{http://soap.sforce.com/2006/04/metadata}Portal", _soapheaders=[sf.mdapi._session_header]
    )
    assert "emailSenderAddress" in {one.name for one in result.valueTypeFields}


def test_a_custom_field_is_made_read_changed_listed_and_deleted(sf):
    mdapi = sf.mdapi
    field = mdapi.CustomField(
        fullName="Account.Color__c",
        label="Color",
        type=mdapi.FieldType("Picklist"),
        valueSet=mdapi.ValueSet(
            restricted=True,
            valueSetDefinition=mdapi.ValueSetValuesDefinition(
                sorted=False,
                value=[mdapi.CustomValue(fullName="Red", default=True, label="Rot")],
            ),
        ),
    )
    mdapi.CustomField.create([field])
    (listed,) = mdapi.list_metadata([mdapi.ListMetadataQuery(type="CustomField")])
    assert (listed.fullName, listed.fileName) == ("Account.Color__c", "objects/Account.object")
    read = mdapi.CustomField.read(["Account.Color__c"])
    assert read.valueSet.valueSetDefinition.value[0].label == "Rot"
    read.label = "Farbe"
    mdapi.CustomField.update([read])
    fields = {one["name"]: one for one in sf.Account.describe()["fields"]}
    assert fields["Color__c"]["label"] == "Farbe"
    mdapi.CustomField.delete(["Account.Color__c"])
    assert mdapi.CustomField.read(["Account.Color__c"]).fullName is None


def test_a_custom_object_is_made_and_read(sf):
    mdapi = sf.mdapi
    mdapi.CustomObject.create(
        [
            mdapi.CustomObject(
                fullName="Invoice__c",
                label="Invoice",
                pluralLabel="Invoices",
                nameField=mdapi.CustomField(label="Name", type=mdapi.FieldType("Text")),
                deploymentStatus=mdapi.DeploymentStatus("Deployed"),
                sharingModel=mdapi.SharingModel("ReadWrite"),
            )
        ]
    )
    assert mdapi.CustomObject.read(["Invoice__c"]).label == "Invoice"
    assert sf.Invoice__c.create({"Name": "One"})["success"]
    (row,) = sf.query("SELECT Name FROM Invoice__c")["records"]
    assert row["Name"] == "One"


def test_rest_deploys_through_requests(sf):
    parts = {
        "json": (None, json.dumps({"deployOptions": {"singlePackage": True}}), "application/json"),
        "file": ("deploy.zip", zipped(FILES).read(), "application/zip"),
    }
    url = f"{sf.base_url}metadata/deployRequest"
    headers = {"Authorization": sf.headers["Authorization"]}
    id_ = sf.session.post(url, files=parts, headers=headers).json()["id"]
    for _ in range(3):
        told = sf.session.get(f"{url}/{id_}", headers=headers).json()["deployResult"]["status"]
    assert told == "Succeeded"
