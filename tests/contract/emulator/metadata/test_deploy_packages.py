"""Deployments over SOAP: what a zip does to the org, and how each of its components is told of."""

import base64
from datetime import timedelta

import pytest
from lxml import etree

from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.metadata import deploy
from provisioner.emulator.schema.wsdl import NAMESPACE

from ..package_zip import (
    DECLARATION,
    XMLNS,
    Soap,
    custom_object,
    manifest,
    messages,
    org_settings,
    problems,
    text_field,
    zipped,
)

INVOICE = {
    "package.xml": manifest(CustomObject=["Invoice__c"]),
    "objects/Invoice__c.object": custom_object(
        text_field("Key__c", "<externalId>true</externalId>")
    ),
}
_MISSING = (
    "An object '{}' of type {} was named in package.xml, but was not found in zipped directory"
)
LOOKUP = (
    "<fields><fullName>Bad__c</fullName><label>Bad</label><type>Lookup</type>"
    "<referenceTo>Nowhere__c</referenceTo></fields>"
)


@pytest.fixture
def soap(rest):
    return Soap(rest)


def test_an_object_is_deployed_and_used(soap, rest):
    result = soap.deploy(INVOICE)
    assert (result["status"], result["success"], result["numberComponentsTotal"]) == (
        "Succeeded",
        "true",
        "2",
    )
    told = [
        (one["fileName"], one["componentType"], one["fullName"], one["created"], one["changed"])
        for one in messages(result)
    ]
    assert told == [
        ("objects/Invoice__c.object", "CustomObject", "Invoice__c", "true", "true"),
        ("objects/Invoice__c.object", "CustomField", "Invoice__c.Key__c", "true", "true"),
        ("package.xml", "", "package.xml", "false", "true"),
    ]
    assert [one["id"][:3] for one in messages(result)[:2]] == ["01I", "00N"]
    assert rest("PATCH", "/sobjects/Invoice__c/Key__c/K1", {"Name": "First"})[0] == 201
    assert rest.rows("SELECT Name FROM Invoice__c WHERE Key__c = 'K1'") == [{"Name": "First"}]


def test_the_same_again_changes_nothing(soap):
    soap.deploy(INVOICE)
    again = [(one["created"], one["changed"]) for one in messages(soap.deploy(INVOICE))]
    assert again == [("false", "false"), ("false", "false"), ("false", "true")]


def test_a_failed_transaction_leaves_nothing_behind(soap, rest, local):
    files = INVOICE | {
        "package.xml": manifest(CustomObject=["Invoice__c"], Settings=["Org"]),
        "objects/Invoice__c.object": custom_object(text_field("Key__c"), LOOKUP),
        "settings/Org.settings": org_settings(("enableCustomerSuccessPortal", "true")),
    }
    result = soap.deploy(files)
    assert (result["status"], result["success"]) == ("Failed", "false")
    assert problems(result) == [
        (
            "objects/Invoice__c.object",
            "Invoice__c.Bad__c",
            "referenceTo value of 'Nowhere__c' does not resolve to a valid sObject type",
        )
    ]
    (failure,) = messages(result, "componentFailures")
    assert (failure["lineNumber"], failure["columnNumber"]) == ("4", "13")
    assert rest("GET", "/sobjects/Invoice__c")[0] == 404
    assert not local.feature("CustomerPortal")
    assert local.execute("SELECT COUNT(*) FROM custom_field")[0][0] == 0


def test_without_rollback_the_rest_stays(soap, rest):
    files = INVOICE | {
        "objects/Invoice__c.object": custom_object(text_field("Key__c"), LOOKUP),
    }
    result = soap.deploy(files, rollbackOnError=False)
    assert (result["status"], result["success"]) == ("SucceededPartial", "true")
    assert [result[f"numberComponent{one}"] for one in ("sTotal", "sDeployed", "Errors")] == [
        "3",
        "2",
        "1",
    ]
    names = {field["name"] for field in rest("GET", "/sobjects/Invoice__c/describe")[1]["fields"]}
    assert names & {"Key__c", "Bad__c"} == {"Key__c"}


def test_a_check_writes_nothing(soap, rest):
    result = soap.deploy(INVOICE, checkOnly=True)
    assert (result["status"], result["checkOnly"]) == ("Succeeded", "true")
    assert messages(result)[0]["created"] == "true"
    assert rest("GET", "/sobjects/Invoice__c")[0] == 404


def test_settings_profile_layout_and_portal_go_in_one_package(soap, rest, local):
    portal = (
        f"{DECLARATION}<Portal {XMLNS}><active>true</active><emailSenderAddress>a@b.example"
        "</emailSenderAddress><emailSenderName>Acme</emailSenderName>"
        "<selfRegUserDefaultProfile>acme user</selfRegUserDefaultProfile>"
        "<type>CustomerSuccess</type></Portal>"
    )
    profile = (
        f"{DECLARATION}<Profile {XMLNS}><custom>true</custom>"
        "<layoutAssignments><layout>Contact-Acme Layout</layout></layoutAssignments>"
        "<userLicense>High Volume Customer Portal</userLicense></Profile>"
    )
    layout = (
        f"{DECLARATION}<Layout {XMLNS}><layoutSections><customLabel>true</customLabel>"
        "<label>Main</label><layoutColumns><layoutItems><behavior>Required</behavior>"
        "<field>Name</field></layoutItems><layoutItems><behavior>Edit</behavior>"
        "<field>CanAllowPortalSelfReg</field></layoutItems></layoutColumns>"
        "<style>OneColumn</style></layoutSections></Layout>"
    )
    result = soap.deploy(
        {
            "package.xml": manifest(
                Layout=["*"], Portal=["Acme"], Profile=["Acme User"], Settings=["Org"]
            ),
            "layouts/Contact-Acme Layout.layout": layout,
            "portals/Acme.portal": portal,
            "profiles/Acme User.profile": profile,
            "settings/Org.settings": org_settings(("enableCustomerSuccessPortal", "true")),
        }
    )
    assert problems(result) == []
    assert [one["componentType"] for one in messages(result)] == [
        "OrgSettings",
        "Layout",
        "Profile",
        "Portal",
        "",
    ]
    assert local.feature("CustomerPortal")
    assert rest.rows("SELECT Name FROM Profile WHERE Name = 'Acme User'") == [{"Name": "Acme User"}]


def test_a_profile_merges(soap, rest):
    for sobject, allowed in (("Account", "true"), ("Lead", "false")):
        profile = (
            f"{DECLARATION}<Profile {XMLNS}><objectPermissions><allowCreate>{allowed}</allowCreate>"
            f"<allowDelete>{allowed}</allowDelete><allowEdit>{allowed}</allowEdit>"
            f"<allowRead>{allowed}</allowRead>"
            f"<object>{sobject}</object></objectPermissions><userLicense>Salesforce</userLicense>"
            "</Profile>"
        )
        files = {"package.xml": manifest(Profile=["Clerk"]), "profiles/Clerk.profile": profile}
        assert problems(soap.deploy(files)) == []
    soql = (
        "SELECT SobjectType FROM ObjectPermissions WHERE Parent.Profile.Name = 'Clerk'"
        " ORDER BY SobjectType"
    )
    assert [row["SobjectType"] for row in rest.rows(soql)] == [
        "Account", "Case", "Contact", "Opportunity",
    ]  # fmt: skip


def test_a_type_younger_than_the_version_of_the_package_is_refused(soap, rest):
    """Platform reference 1.4 [V]: CommunitiesSettings are there since 47."""
    settings = (
        f"{DECLARATION}<CommunitiesSettings {XMLNS}><enableNetworksEnabled>true"
        "</enableNetworksEnabled></CommunitiesSettings>"
    )
    files = {"settings/Communities.settings": settings}
    old = {"package.xml": manifest("46.0", Settings=["Communities"])} | files
    assert problems(soap.deploy(old)) == [
        ("settings/Communities.settings", "Communities",
         "Not available for deploy for this API version"),
    ]  # fmt: skip
    assert rest("GET", "/sobjects/Network/describe")[0] == 404
    new = {"package.xml": manifest("47.0", Settings=["Communities"])} | files
    assert problems(soap.deploy(new)) == []
    assert rest("GET", "/sobjects/Network/describe")[0] == 200


def test_a_user_of_a_new_profile_sees_what_the_standard_one_shows(soap, rest, local, person):
    """Metadata API guide, "Special Behavior in Deployments" [V]; empty ones are made by REST."""
    profile = (
        f"{DECLARATION}<Profile {XMLNS}><custom>true</custom>"
        "<userLicense>High Volume Customer Portal</userLicense><userPermissions>"
        "<enabled>true</enabled><name>ApiEnabled</name></userPermissions></Profile>"
    )
    files = {"package.xml": manifest(Profile=["Buyers"]), "profiles/Buyers.profile": profile}
    assert problems(soap.deploy(files)) == []
    (made,) = rest.rows("SELECT Id, UserLicenseId FROM Profile WHERE Name = 'Buyers'")
    empty = {"Name": "Empty", "UserLicenseId": made["UserLicenseId"], "PermissionsApiEnabled": True}
    id_ = rest.create("User", **person, ProfileId=made["Id"])
    headers = {"Authorization": f"Bearer {local.start_session(id_).token}"}
    new = {"Subject": "Help", "ContactId": person["ContactId"]}
    assert rest("POST", "/sobjects/Case", new, headers=headers)[0] == 201
    soql = {"q": "SELECT Subject, Contact.LastName FROM Case"}
    _, body = rest("GET", "/query", params=soql, headers=headers)
    assert [row["Subject"] for row in body["records"]] == ["Help"]
    rest("PATCH", f"/sobjects/User/{id_}", {"ProfileId": rest.create("Profile", **empty)})
    assert rest.refusal("GET", "/query", params=soql, headers=headers)[1] == "INVALID_TYPE"


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"objects/X__c.object": "<x/>"}, [("package.xml", "package.xml", "No package.xml found")]),
        (
            {"package.xml": manifest(Layout=["Contact-None"])},
            [
                (
                    "package.xml",
                    "Contact-None",
                    _MISSING.format("Contact-None", "Layout"),
                )
            ],
        ),
        (
            {"package.xml": manifest(), "settings/Org.settings": org_settings()},
            [("settings/Org.settings", "Org", "Not in package.xml")],
        ),
        (
            {"package.xml": manifest(ApexClass=["A"]), "classes/A.cls": "class A {}"},
            [("package.xml", "ApexClass", "Cannot use: ApexClass in this organization")],
        ),
        (
            {"package.xml": manifest(Sandwich=["A"])},
            [("package.xml", "Sandwich", "Unknown type name 'Sandwich' specified in package.xml")],
        ),
        (
            {"package.xml": manifest(Portal=["A"]), "portals/A.portal": f"<Portal {XMLNS}/>"},
            [("portals/A.portal", "A", "Cannot use: Portal in this organization")],
        ),
        (
            {"package.xml": manifest(version=None)},
            [("package.xml", "package.xml", "No version specified")],
        ),
    ],
)
def test_what_does_not_fit_is_told(soap, files, told):
    result = soap.deploy(files)
    assert (result["status"], problems(result)) == ("Failed", told)


@pytest.mark.parametrize(
    ("text", "told", "place"),
    [
        (
            f"{DECLARATION}<OrgSettings {XMLNS}>\n    <wrong>1</wrong>\n</OrgSettings>",
            f"Error parsing file: Element {{{NAMESPACE}}}wrong invalid at this location in type OrgSettings",
            ("3", "12"),
        ),
        ("no xml", "Error parsing file: Content is not allowed in prolog.", ("1", "1")),
        (
            f"<OrgSettings {XMLNS}><!-- a -- b --></OrgSettings>",
            'Error parsing file: The string "--" is not permitted within comments.',
            ("1", "69"),
        ),
        (
            f"<OrgSettings {XMLNS}>\n<description></OrgSettings>",
            (
                'Error parsing file: The element type "description" must be terminated by the'
                ' matching end-tag "</description>".'
            ),
            ("2", "28"),
        ),
        (
            org_settings(("enableMakeDeploymentsMandatory", "perhaps")),
            "Error parsing file: 'perhaps' is not valid for the type xsd:boolean",
            ("2", "94"),
        ),
    ],
)
def test_xml_that_does_not_fit_is_told_with_its_place(soap, text, told, place):
    files = {"package.xml": manifest(Settings=["Org"]), "settings/Org.settings": text}
    result = soap.deploy(files)
    assert problems(result) == [("settings/Org.settings", "Org", told)]
    (failure,) = messages(result, "componentFailures")
    assert (failure["lineNumber"], failure["columnNumber"]) == place


def test_bytes_that_are_no_zip_fail_as_a_whole(soap):
    result = soap.deploy(b"no zip")
    assert (result["status"], result["errorStatusCode"]) == ("Failed", "UNKNOWN_EXCEPTION")


def test_each_parent_folder_is_a_package(soap, rest):
    files = {f"src/{name}": text for name, text in INVOICE.items()}
    result = soap.deploy(files, singlePackage=False)
    assert [one["fileName"] for one in messages(result)] == [
        "src/objects/Invoice__c.object",
        "src/objects/Invoice__c.object",
        "src/package.xml",
    ]
    told = problems(soap.deploy({"a/x": "", **INVOICE}, singlePackage=False))
    assert told == [
        ("a/package.xml", "package.xml", "No package.xml found"),
        ("objects/package.xml", "package.xml", "No package.xml found"),
    ]


def test_missing_files_may_be_allowed(soap):
    files = {"package.xml": manifest(Layout=["Contact-None"])}
    assert soap.deploy(files, allowMissingFiles=True)["status"] == "Succeeded"


def test_fields_are_deployed_without_their_object(soap, rest):
    files = {
        "package.xml": manifest(CustomField=["Account.Region__c"]),
        "objects/Account.object": f"{DECLARATION}<CustomObject {XMLNS}>{text_field('Region__c')}"
        "</CustomObject>",
    }
    assert [one["fullName"] for one in messages(soap.deploy(files))] == [
        "Account.Region__c",
        "package.xml",
    ]
    account = rest.create("Account", Name="Acme", Region__c="North")
    assert rest("GET", f"/sobjects/Account/{account}")[1]["Region__c"] == "North"


def test_destructive_changes_delete_before_and_after(soap, rest):
    soap.deploy(INVOICE)
    post = {
        "package.xml": manifest(),
        "destructiveChangesPost.xml": manifest(None, CustomField=["Invoice__c.Key__c"]),
    }
    result = soap.deploy(post, purgeOnDelete=True)
    assert [(one["fullName"], one["deleted"]) for one in messages(result)] == [
        ("Invoice__c.Key__c", "true"),
        ("package.xml", "false"),
    ]
    assert rest("GET", "/sobjects/Invoice__c/Key__c/x")[0] == 404
    pre = INVOICE | {"destructiveChangesPre.xml": manifest(None, CustomObject=["Invoice__c"])}
    result = soap.deploy(pre)
    assert [(one["fullName"], one["created"], one["deleted"]) for one in messages(result)] == [
        ("Invoice__c", "false", "true"),
        ("Invoice__c", "true", "false"),
        ("Invoice__c.Key__c", "true", "false"),
        ("package.xml", "false", "false"),
    ]


def test_deleting_what_is_gone_is_a_warning(soap):
    files = {
        "package.xml": manifest(),
        "destructiveChanges.xml": manifest(None, CustomField=["Account.Gone__c"]),
    }
    told = (
        "destructiveChanges.xml",
        "Account.Gone__c",
        "No CustomField named: Account.Gone__c found",
    )
    result = soap.deploy(files)
    assert (result["status"], problems(result)) == ("Failed", [told])
    assert messages(result, "componentFailures")[0]["problemType"] == "Warning"
    result = soap.deploy(files, ignoreWarnings=True)
    assert (result["status"], messages(result)[0]["problemType"]) == ("Succeeded", "Warning")


def test_a_deployment_is_called_off(soap, rest):
    queued = soap.start(INVOICE)
    assert soap("cancelDeploy", f"<String>{queued}</String>") == {"done": "true", "id": queued}
    assert soap.status(queued)["status"] == "Canceled"
    begun = soap.start(INVOICE)
    soap.status(begun)
    assert soap("cancelDeploy", f"<String>{begun}</String>")["done"] == "false"
    assert [soap.status(begun)["status"] for _ in range(2)] == ["Canceling", "Canceled"]
    assert soap.status(begun)["canceledByName"] == "Portal Admin"
    assert rest("GET", "/sobjects/Invoice__c")[0] == 404
    assert soap.refusal("cancelDeploy", f"<String>{begun}</String>") == (
        "sf:INVALID_ID_FIELD",
        "INVALID_ID_FIELD: Deployment already completed",
    )


def test_a_deployment_nobody_asks_for_ends_by_itself(soap, rest, local):
    id_ = soap.start(INVOICE)
    local.set_clock(local.now() + timedelta(seconds=10))
    assert rest("GET", "/sobjects/Invoice__c")[0] == 200
    assert soap.status(id_)["status"] == "Succeeded"


def test_a_deployment_survives_a_restart(tmp_path):
    for _ in range(2):
        org = open_org(tmp_path / "org")
        if not (tmp_path / "id").exists():
            data = zipped(INVOICE).read()
            (tmp_path / "id").write_text(deploy.start(org, first_day.admin_id(org), data, {}).id)
        status = deploy.check(org, (tmp_path / "id").read_text()).status
        org.close()
    assert status == "InProgress"


def test_tests_are_asked_for_as_their_level_allows(soap):
    for options, told in (
        (
            "<testLevel>RunSpecifiedTests</testLevel>",
            "runTests must not be empty when a testLevel of RunSpecifiedTests is used.",
        ),
        (
            "<runTests>A</runTests><testLevel>RunLocalTests</testLevel>",
            "runTests can be used only with a testLevel of RunSpecifiedTests.",
        ),
    ):
        asked = f"<ZipFile>UEsF</ZipFile><DeployOptions>{options}</DeployOptions>"
        assert soap.refusal("deploy", asked) == (
            "sf:INVALID_OPERATION", f"INVALID_OPERATION: {told}",
        )  # fmt: skip
    result = soap.deploy(INVOICE, testLevel="RunSpecifiedTests", runTests=["Nothing"])
    assert problems(result) == [("", "Nothing", "No ApexClass named Nothing found")]
    assert soap.deploy(INVOICE, testLevel="RunLocalTests")["runTestsEnabled"] == "true"


def test_a_deployment_of_nothing_is_refused(soap):
    for nothing in ("", "<ZipFile/>", "<ZipFile> </ZipFile>"):
        assert soap.refusal("deploy", f"{nothing}<DeployOptions/>") == (
            "sf:INVALID_OPERATION", "INVALID_OPERATION: No zip file content passed in",
        )  # fmt: skip


def test_an_unknown_deployment_is_refused(soap):
    id_ = "0AfLo0000000009KAA"
    inner = f"<asyncProcessId>{id_}</asyncProcessId><includeDetails>true</includeDetails>"
    assert soap.refusal("checkDeployStatus", inner)[0] == "sf:INVALID_CROSS_REFERENCE_KEY"


def test_what_older_wsdls_have_is_still_taken(soap):
    # CumulusCI says `runAllTests`, and asks for the state by `checkStatus`
    data = base64.b64encode(zipped(INVOICE).read()).decode()
    options = "<runAllTests>false</runAllTests><singlePackage>true</singlePackage>"
    inner = f"<ZipFile>{data}</ZipFile><DeployOptions>{options}</DeployOptions>"
    id_ = soap("deploy", inner)["id"]
    wanted = "<types><members>Contact</members><name>CustomObject</name></types>"
    retrieve = (
        f"<retrieveRequest><apiVersion>62.0</apiVersion><unpackaged>{wanted}"
        "<version>62.0</version></unpackaged></retrieveRequest>"
    )
    ids = (id_, soap("retrieve", retrieve)["id"])
    for asked in ids:
        states = [_state(soap, asked) for _ in range(4)]
        assert states == ["Queued", "InProgress", "Completed", "Completed"]
    assert soap.status(id_)["status"] == "Succeeded"
    nowhere = "<asyncProcessId>0AfLo0000000009KAA</asyncProcessId>"
    assert soap.refusal("checkStatus", nowhere)[0] == "sf:INVALID_CROSS_REFERENCE_KEY"


def test_a_failed_deployment_ends_in_an_error_for_older_clients(soap):
    id_ = soap.start({"package.xml": manifest(CustomObject=["Nope__c"])})
    assert [_state(soap, id_) for _ in range(3)] == ["Queued", "InProgress", "Error"]


def _state(soap, id_):
    answer = soap.send("checkStatus", f"<asyncProcessId>{id_}</asyncProcessId>")
    (result,) = etree.fromstring(answer.content).iterfind(".//{*}result")
    assert result.findtext("{*}id") == id_
    assert (result.findtext("{*}done") == "true") == (
        result.findtext("{*}state") in {"Completed", "Error"}
    )
    return result.findtext("{*}state")


def test_the_version_of_a_describe_may_have_no_namespace(soap):
    # as CumulusCI writes it
    inner = '<asOfVersion xmlns="">62.0</asOfVersion>'
    assert soap.send("describeMetadata", inner).status_code == 200


def test_asking_for_the_status_costs_no_api_call(soap, local):
    id_ = soap.start(INVOICE)
    before = local.api_call()
    soap.status(id_)
    assert local.api_call() == before + 1


def test_a_type_is_described(soap):
    result = soap(
        "describeValueType", "<type>{http://soap.sforce.com/2006/04/metadata}CustomField</type>"
    )
    (name,) = [one for one in result["valueTypeFields"] if one["isNameField"] == "true"]
    assert (name["name"], result["apiCreatable"]) == ("fullName", "true")
