"""The SOAP Metadata API as raw XML: the protocol, its faults, settings and portals.

Every answer is checked against the WSDL that simple-salesforce ships.
"""

from __future__ import annotations

from importlib.metadata import distribution

import pytest
from lxml import etree

from provisioner.emulator.access import owned_sets
from provisioner.emulator.app import create_app
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.store import portals

META = "{http://soap.sforce.com/2006/04/metadata}"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
ADMIN = "portal.admin@acme.example"
ACME = (
    "<fullName>Acme</fullName><active>true</active>"
    "<emailSenderAddress>portal@acme.example</emailSenderAddress>"
    "<emailSenderName>Acme Support</emailSenderName>{}<type>CustomerSuccess</type>"
)


@pytest.fixture(scope="module")
def schema():
    path = distribution("simple-salesforce").locate_file("simple_salesforce/metadata.wsdl")
    found = etree.parse(str(path)).find(".//{http://www.w3.org/2001/XMLSchema}schema")
    return etree.XMLSchema(etree.fromstring(etree.tostring(found)))


@pytest.fixture
def org():
    org = open_org(":memory:")
    yield org
    org.close()


class Api:
    """Sends one call and gives its answer as an element, checked against the schema."""

    def __init__(self, org, schema):
        self.client = create_app(org).test_client()
        self.token = org.start_session(first_day.admin_id(org)).token
        self.schema = schema

    def post(self, body, *, version="62.0", headers=""):
        return self.client.post(
            f"/services/Soap/m/{version}/deployRequest",
            data='<?xml version="1.0"?><e:Envelope'
            ' xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            ' xmlns="http://soap.sforce.com/2006/04/metadata"><e:Header><CallOptions><client>x'
            f"</client></CallOptions><SessionHeader><sessionId>{self.token}</sessionId>"
            f"</SessionHeader>{headers}</e:Header><e:Body>{body}</e:Body></e:Envelope>",
        )

    def __call__(self, body, **options):
        reply = self.post(body, **options)
        assert (reply.status_code, reply.content_type) == (200, "text/xml;charset=UTF-8"), (
            reply.text
        )
        (answer,) = etree.fromstring(reply.data)[0]
        checked = etree.fromstring(etree.tostring(answer))
        for record in checked.iter(f"{META}records"):
            # a live org sends it so, although the WSDL does not call the element nillable
            if record.get(NIL):
                record.getparent().remove(record)
        self.schema.assertValid(checked)
        return answer

    def fault(self, body, **options):
        reply = self.post(body, **options)
        assert reply.status_code == 500
        root = etree.fromstring(reply.data)
        return root.findtext(".//faultcode"), root.findtext(".//faultstring")

    def saved(self, body, **options):
        """Each result as None or its errors, as (status code, message, fields)."""
        return [
            [
                (
                    error.findtext(f"{META}statusCode"),
                    error.findtext(f"{META}message"),
                    [field.text for field in error.iterfind(f"{META}fields")],
                )
                for error in result.iterfind(f"{META}errors")
            ]
            for result in self(body, **options)
        ]

    def read(self, kind, name):
        """The record as pairs of element and text, or None."""
        answer = self(
            f"<readMetadata><type>{kind}</type><fullNames>{name}</fullNames></readMetadata>"
        )
        (record,) = answer[0]
        if record.get(NIL):
            return None
        return {etree.QName(child).localname: child.text for child in record}


@pytest.fixture
def api(org, schema):
    return Api(org, schema)


@pytest.fixture
def portal_on(org):
    first_day.enable_customer_portal(org, first_day.admin_id(org))


def update(kind, inner):
    return f'<updateMetadata><metadata xsi:type="{kind}">{inner}</metadata></updateMetadata>'


def create(kind, *inners):
    parts = "".join(f'<metadata xsi:type="{kind}">{inner}</metadata>' for inner in inners)
    return f"<createMetadata>{parts}</createMetadata>"


NETWORKS = "<fullName>Communities</fullName><enableNetworksEnabled>true</enableNetworksEnabled>"
ENABLE = "<fullName>Org</fullName><enableCustomerSuccessPortal>{}</enableCustomerSuccessPortal>"


def test_an_answer_has_the_namespace_as_default_and_no_prefixes(api):
    text = api.post("<describeMetadata><asOfVersion>62.0</asOfVersion></describeMetadata>").text
    assert "<soapenv:Body><describeMetadataResponse><result>" in text


def test_a_fault_without_session_is_worded_as_recorded(api):
    api.token = "00Dnonsense"
    reply = api.post("<describeMetadata><asOfVersion>62.0</asOfVersion></describeMetadata>")
    assert reply.status_code == 500
    assert (
        "<faultcode>sf:INVALID_SESSION_ID</faultcode><faultstring>INVALID_SESSION_ID: Invalid"
        " Session ID found in SessionHeader: Illegal Session</faultstring>" in reply.text
    )


READ = "<readMetadata><type>{}</type><fullNames>Org</fullNames></readMetadata>"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (
            READ.format("Portal"),
            ("sf:INVALID_TYPE", "INVALID_TYPE: Cannot use: Portal in this organization"),
        ),
        (
            READ.format("Flow"),
            ("sf:INVALID_TYPE", "INVALID_TYPE: Cannot use: Flow in this organization"),
        ),
        (READ.format("Nonsense"), ("sf:INVALID_TYPE", "INVALID_TYPE: Unknown type:Nonsense")),
        (
            "<deployRecentValidation/>",
            (
                "sf:UNKNOWN_EXCEPTION",
                "UNKNOWN_EXCEPTION: deployRecentValidation is not served by this org",
            ),
        ),
        (
            "<nonsense/>",
            (
                "soapenv:Client",
                (
                    f"No operation available for request {META}nonsense,"
                    " please check the WSDL for the service."
                ),
            ),
        ),
        (
            "<readMetadata><kind>Portal</kind></readMetadata>",
            (
                "soapenv:Client",
                f"Element {META}kind invalid at this location in type readMetadata",
            ),
        ),
        (
            "<readMetadata><type>Profile</type>"
            + "<fullNames>x</fullNames>" * 11
            + "</readMetadata>",
            (
                "sf:EXCEEDED_ID_LIMIT",
                (
                    "EXCEEDED_ID_LIMIT: record limit reached. cannot submit more than 10 records in"
                    " this operation"
                ),
            ),
        ),
        (  # 200 of these in one call, which this org has none of
            "<readMetadata><type>CustomMetadata</type>"
            + "<fullNames>x</fullNames>" * 200
            + "</readMetadata>",
            ("sf:INVALID_TYPE", "INVALID_TYPE: Cannot use: CustomMetadata in this organization"),
        ),
        (
            create("Profile", "<custom>true</custom>"),
            ("sf:UNKNOWN_EXCEPTION", "null: Required field is missing: fullName"),
        ),
        (
            "<createMetadata><metadata><fullName>x</fullName></metadata></createMetadata>",
            ("soapenv:Client", "Must specify a type attribute value for the metadata element"),
        ),
        (
            (
                '<createMetadata><metadata xsi:type="Profile"><fullName>x</fullName></metadata>'
                '<metadata xsi:type="Layout"><fullName>x</fullName></metadata></createMetadata>'
            ),
            ("sf:INVALID_TYPE", "INVALID_TYPE: All components must be of the same type"),
        ),
    ],
)
def test_a_call_that_can_not_be_served_is_a_fault(api, body, fault):
    assert api.fault(body) == fault


def test_more_than_three_lists_are_a_fault(api):
    query = "<queries><type>Profile</type></queries>"
    body = f"<listMetadata>{query * 4}<asOfVersion>62.0</asOfVersion></listMetadata>"
    assert api.fault(body)[0] == "sf:EXCEEDED_ID_LIMIT"


def test_a_retired_version_is_a_fault(api):
    code, _ = api.fault(READ.format("OrgSettings"), version="28.0")
    assert code == "sf:UNSUPPORTED_API_VERSION"


def test_somebody_without_the_permission_may_not_use_the_api(api, org):
    profile = org.select("Profile", Name="Standard User")[0]["Id"]
    owned_sets.update_user(
        org, first_day.admin_id(org), {"ProfileId": profile}, by=first_day.admin_id(org)
    )
    assert api.fault(READ.format("OrgSettings"))[0] == "sf:INSUFFICIENT_ACCESS"


def test_an_entity_in_a_request_is_not_resolved(api):
    body = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
    reply = api.client.post("/services/Soap/m/62.0", data=body)
    assert (reply.status_code, "root:" in reply.text) == (500, False)


def test_settings_of_a_new_org_do_not_mention_the_portal(api):
    assert api.read("OrgSettings", "Org") == {
        "fullName": "Org",
        "enableMakeDeploymentsMandatory": "false",
        "enableManageSelfServiceUsers": "false",
        "enableRADeploymentAttributeOnly": "true",
    }


def test_settings_are_found_by_their_own_name_only(api):
    assert api.read("OrgSettings", "Communities") is None


def test_enabling_by_settings_makes_no_portal_and_is_a_one_way_door(api, org):
    assert api.saved(update("OrgSettings", ENABLE.format("true"))) == [[]]
    assert org.feature("CustomerPortal")
    assert api.read("OrgSettings", "Org")["enableCustomerSuccessPortal"] == "true"
    assert portals.rows(org) == []
    assert org.select("Profile", FullName="HighVolumePortal")
    ((error,),) = api.saved(update("OrgSettings", ENABLE.format("false")))
    assert error == (
        "FIELD_INTEGRITY_EXCEPTION",
        "Customer Portal can't be disabled after it's enabled.",
        ["enableCustomerSuccessPortal"],
    )


def test_setting_what_is_so_already_is_no_error(api):
    assert api.saved(update("OrgSettings", ENABLE.format("false"))) == [[]]


def test_other_settings_change_alone_and_stay(api):
    inner = "<fullName>Communities</fullName><{0}>true</{0}>"
    assert api.saved(update("CommunitiesSettings", inner.format("enableNetworksEnabled"))) == [[]]
    assert api.saved(
        update("CommunitiesSettings", inner.format("enableOotbProfExtUserOpsEnable"))
    ) == [[]]
    assert api.read("CommunitiesSettings", "Communities") == {
        "fullName": "Communities",
        "enableNetworksEnabled": "true",
        "enableOotbProfExtUserOpsEnable": "true",
    }


def test_settings_can_not_be_made_or_removed(api):
    ((error,),) = api.saved(create("OrgSettings", "<fullName>Org2</fullName>"))
    assert error[0] == "INVALID_OPERATION"


def test_a_version_before_digital_experiences_does_not_know_their_settings(api):
    unknown = "sf:INVALID_TYPE", "INVALID_TYPE: Unknown type:CommunitiesSettings"
    assert api.fault(update("CommunitiesSettings", NETWORKS), version="46.0") == unknown
    assert api.saved(update("CommunitiesSettings", NETWORKS), version="47.0") == [[]]


def test_a_call_has_at_most_50_megabytes(api):
    text = "<readMetadata><type>Layout</type><fullNames>{}</fullNames></readMetadata>"
    assert api.read("Layout", "x" * 10_100_000) is None
    code, message = api.fault(text.format("x" * 52_428_800))
    assert code == "sf:EXCEEDED_MAX_SIZE_REQUEST"
    assert message.endswith("Maximum size of request is 52428800 bytes.")


@pytest.mark.usefixtures("portal_on")
def test_a_portal_is_read_back_as_real_orgs_print_it(api):
    more = (
        "<isSelfRegistrationActivated>true</isSelfRegistrationActivated>"
        "<selfRegUserDefaultProfile>High Volume Customer Portal</selfRegUserDefaultProfile>"
        "<selfRegUserDefaultRole>Worker</selfRegUserDefaultRole>"
    )
    written = ACME.format(more).replace("<active>", "<admin>Portal Admin</admin><active>")
    assert api.saved(create("Portal", written)) == [[]]
    assert api.read("Portal", "acme") == {
        "fullName": "Acme",
        "active": "true",
        "admin": ADMIN,
        "emailSenderAddress": "portal@acme.example",
        "emailSenderName": "Acme Support",
        "enableSelfCloseCase": "false",
        "isSelfRegistrationActivated": "true",
        "selfRegUserDefaultProfile": "high volume customer portal",
        "selfRegUserDefaultRole": "Worker",
        "showActionConfirmation": "false",
        "type": "CustomerSuccess",
    }


def no_such(field, kind, name):
    message = f"In field: {field} - no {kind} named {name} found"
    return ("INVALID_CROSS_REFERENCE_KEY", message, [field])


@pytest.mark.usefixtures("portal_on")
@pytest.mark.parametrize(
    ("inner", "error"),
    [
        (
            (
                "<fullName>A</fullName><active>true</active>"
                "<emailSenderAddress>a@b.co</emailSenderAddress><type>CustomerSuccess</type>"
            ),
            (
                "REQUIRED_FIELD_MISSING",
                "Required field is missing: emailSenderName",
                ["emailSenderName"],
            ),
        ),
        (
            ACME.format("").replace("portal@acme.example", "nobody"),
            (
                "INVALID_EMAIL_ADDRESS",
                "emailSenderAddress: invalid email address: nobody",
                ["emailSenderAddress"],
            ),
        ),
        (ACME.format("<admin>X Y</admin>"), no_such("admin", "User", "X Y")),
        (
            ACME.format("").replace(
                "<emailSenderAddress>",
                "<defaultLanguage>xx_YY</defaultLanguage><emailSenderAddress>",
            ),
            (
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                "defaultLanguage: bad value for restricted picklist field: xx_YY",
                ["defaultLanguage"],
            ),
        ),
        (
            ACME.format("<newUserTemplate>a/b</newUserTemplate>"),
            no_such("newUserTemplate", "EmailTemplate", "a/b"),
        ),
        (
            ACME.format("<logoDocument>a/b</logoDocument>"),
            no_such("logoDocument", "Document", "a/b"),
        ),
        (
            ACME.format("<selfRegUserDefaultProfile>No</selfRegUserDefaultProfile>"),
            no_such("selfRegUserDefaultProfile", "Profile", "No"),
        ),
        (
            ACME.format("<selfRegUserDefaultProfile>Standard User</selfRegUserDefaultProfile>"),
            (
                "FIELD_INTEGRITY_EXCEPTION",
                "Standard User is not a portal profile",
                ["selfRegUserDefaultProfile"],
            ),
        ),
        (
            ACME.format("<isSelfRegistrationActivated>true</isSelfRegistrationActivated>"),
            (
                "REQUIRED_FIELD_MISSING",
                "Required field is missing: selfRegUserDefaultProfile",
                ["selfRegUserDefaultProfile"],
            ),
        ),
        (
            ACME.format("").replace("CustomerSuccess", "Partner"),
            ("INVALID_TYPE", "Cannot use: Partner portal in this organization", ["type"]),
        ),
    ],
)
def test_a_portal_that_breaks_a_rule_is_refused_by_itself(api, inner, error):
    good = ACME.format("").replace("Acme<", "Good<")
    assert api.saved(create("Portal", inner, good)) == [[error], []]
    assert api.read("Portal", "Good") is not None


@pytest.mark.usefixtures("portal_on")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"PermissionsManageCssUsers": False}, "FIELD_INTEGRITY_EXCEPTION"),
        ({}, "INACTIVE_OWNER_OR_USER"),
    ],
)
def test_an_administrator_needs_the_permission_and_must_be_active(api, org, change, code):
    by = first_day.admin_id(org)
    standard = org.select("Profile", Name="Standard User")[0]["Id"]
    user = {"LastName": "Other", "Username": "other@acme.example", "ProfileId": standard}
    user |= {"Email": "o@acme.example", "Alias": "o", "IsActive": bool(change)}
    owned_sets.insert_user(org, user, by=by)
    ((error,),) = api.saved(create("Portal", ACME.format("<admin>other@acme.example</admin>")))
    assert (error[0], error[2]) == (code, ["admin"])
    if change:
        assert error[1] == "This user has insufficient permissions to be a portal administrator"


@pytest.mark.usefixtures("portal_on")
def test_a_permission_set_makes_a_portal_administrator(api, org):
    """Browserforce's own test assigns one (fact 112)."""
    by = first_day.admin_id(org)
    standard = org.select("Profile", Name="Standard User")[0]["Id"]
    user = {"LastName": "Other", "Username": "other@acme.example", "ProfileId": standard}
    other = owned_sets.insert_user(org, user | {"Email": "o@acme.example", "Alias": "o"}, by=by)
    values = {"Name": "Portals", "Label": "Portals", "PermissionsManageCssUsers": True}
    set_ = org.insert("PermissionSet", values, by=by)
    made = create("Portal", ACME.format("<admin>other@acme.example</admin>"))
    assert api.saved(made)[0][0][1] == (
        "This user has insufficient permissions to be a portal administrator"
    )
    org.insert("PermissionSetAssignment", {"AssigneeId": other, "PermissionSetId": set_}, by=by)
    assert api.saved(made) == [[]]
    assert api.read("Portal", "Acme")["admin"] == "other@acme.example"


@pytest.mark.usefixtures("portal_on")
def test_an_update_replaces_a_portal(api):
    api.saved(create("Portal", ACME.format("<description>Old</description>")))
    assert api.saved(update("Portal", ACME.format(""))) == [[]]
    assert "description" not in api.read("Portal", "Acme")


@pytest.mark.usefixtures("portal_on")
def test_upsert_says_what_it_made(api):
    body = '<upsertMetadata><metadata xsi:type="Portal">{}</metadata></upsertMetadata>'
    for created in ("true", "false"):
        (result,) = api(body.format(ACME.format("")))
        assert result.findtext(f"{META}created") == created


@pytest.mark.usefixtures("portal_on")
def test_a_portal_is_renamed_and_deleted_while_nobody_uses_it(api, org):
    api.saved(create("Portal", ACME.format("")))
    rename = (
        "<renameMetadata><type>Portal</type><oldFullName>Acme</oldFullName>"
        "<newFullName>Better (Acme)</newFullName></renameMetadata>"
    )
    assert api.saved(rename) == [[]]
    assert api.read("Portal", "Better %28Acme%29")["fullName"] == "Better %28Acme%29"
    assert api.read("Portal", "Acme") is None
    ((error,),) = api.saved(rename)
    assert error[:2] == (
        "INVALID_CROSS_REFERENCE_KEY",
        "In field: fullName - no Portal named Acme found",
    )
    delete = (
        "<deleteMetadata><type>Portal</type><fullNames>Better %28Acme%29</fullNames>"
        "</deleteMetadata>"
    )
    (row,) = portals.rows(org)
    by = first_day.admin_id(org)
    portals.set_profiles(org, row.id, {org.select("Profile")[0]["Id"]}, by)
    assert api.saved(delete)[0][0][0] == "DEPENDENCY_EXISTS"
    portals.set_profiles(org, row.id, set(), by)
    assert api.saved(delete) == [[]]


@pytest.mark.usefixtures("portal_on")
def test_partial_success_is_the_default_and_all_or_none_takes_all_back(api):
    body = create("Portal", ACME.format(""), ACME.format(""))
    header = "<AllOrNoneHeader><allOrNone>true</allOrNone></AllOrNoneHeader>"
    first, second = api.saved(body, headers=header)
    assert first[0][0] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert second[0][0] == "DUPLICATE_VALUE"
    assert api.read("Portal", "Acme") is None
    assert api.saved(body, version="33.0")[0] != []
    assert api.saved(body)[0] == []
    assert api.read("Portal", "Acme") is not None


@pytest.mark.usefixtures("portal_on")
@pytest.mark.parametrize("kind", ["Layout", "Profile"])
def test_every_component_of_a_new_org_fits_the_schema(api, kind):
    query = f"<queries><type>{kind}</type></queries><asOfVersion>62.0</asOfVersion>"
    listed = api(f"<listMetadata>{query}</listMetadata>")
    names = [result.findtext(f"{META}fullName") for result in listed]
    assert len(names) == {"Layout": 4, "Profile": 17}[kind]
    assert all(api.read(kind, name)["fullName"] == name for name in names)


@pytest.mark.usefixtures("portal_on")
def test_listing_tells_ids_names_and_who(api):
    api.saved(create("Portal", ACME.format("")))
    queries = "".join(f"<queries><type>{kind}</type></queries>" for kind in ("Portal", "Settings"))
    answer = api(f"<listMetadata>{queries}<asOfVersion>62.0</asOfVersion></listMetadata>")
    rows = [{etree.QName(c).localname: c.text or "" for c in result} for result in answer]
    assert [(row["type"], row["fullName"], row["fileName"]) for row in rows] == [
        ("Portal", "Acme", "portals/Acme.portal"),
        ("Settings", "Communities", "settings/Communities.settings"),
        ("Settings", "ExperienceBundle", "settings/ExperienceBundle.settings"),
        ("Settings", "MyDomain", "settings/MyDomain.settings"),
        ("Settings", "Org", "settings/Org.settings"),
        ("Settings", "Portals", "settings/Portals.settings"),
        ("Settings", "Security", "settings/Security.settings"),
        ("Settings", "UserManagement", "settings/UserManagement.settings"),
    ]
    assert (rows[0]["id"][:3], len(rows[0]["id"])) == ("060", 18)
    assert {row["createdByName"] for row in rows} == {"Portal Admin"}


def test_describe_leaves_out_what_the_org_does_not_have(api, org):
    def names():
        answer = api("<describeMetadata><asOfVersion>62.0</asOfVersion></describeMetadata>")
        return [node.text for node in answer.iter(f"{META}xmlName")]

    always = ["CustomObject", "CustomSite", "Layout", "Profile", "Settings"]
    assert names() == always
    first_day.enable_customer_portal(org, first_day.admin_id(org))
    assert names() == sorted([*always, "Portal", "SharingSet"])
    first_day.enable_digital_experiences(org, first_day.admin_id(org))
    pages = ["DigitalExperienceBundle", "DigitalExperienceConfig", "ExperienceBundle", "SiteDotCom"]
    assert names() == sorted([*always, *pages, "Network", "Portal", "SharingSet"])


@pytest.mark.usefixtures("portal_on")
def test_each_change_is_in_the_audit_trail_and_admins_are_known(api, org):
    api.saved(create("Portal", ACME.format("<admin>Portal Admin</admin>")))
    assert portals.admins(org) == {first_day.admin_id(org)}
    assert "Created Customer Portal Acme" in {
        row["Display"] for row in org.select("SetupAuditTrail")
    }
