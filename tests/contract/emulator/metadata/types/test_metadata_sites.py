"""The metadata types Network, CustomSite and SharingSet: read, written, deployed, refused."""

import re
from types import SimpleNamespace

import pytest
from simple_salesforce import Salesforce

from ...package_zip import DECLARATION, XMLNS, Soap, manifest, messages, problems

ADMIN = "portal.admin@acme.example"
SITE = """\
    <active>true</active>
    <allowHomePage>false</allowHomePage>
    <allowStandardIdeasPages>false</allowStandardIdeasPages>
    <allowStandardLookups>false</allowStandardLookups>
    <allowStandardPortalPages>true</allowStandardPortalPages>
    <allowStandardSearch>false</allowStandardSearch>
    <browserXssProtection>true</browserXssProtection>
    <clickjackProtectionLevel>SameOriginOnly</clickjackProtectionLevel>
    <contentSniffingProtection>true</contentSniffingProtection>
    <indexPage>CommunitiesLanding</indexPage>
    <masterLabel>Help</masterLabel>
    <referrerPolicyOriginWhenCrossOrigin>true</referrerPolicyOriginWhenCrossOrigin>
    {}<siteType>{}</siteType>
    <urlPathPrefix>help</urlPathPrefix>
"""
NETWORK = """\
    <changePasswordTemplate>unfiled$public/CommunityChangePasswordEmailTemplate</changePasswordTemplate>
    <emailSenderAddress>help@acme.example</emailSenderAddress>
    <emailSenderName>Acme Help</emailSenderName>
    <forgotPasswordTemplate>unfiled$public/CommunityForgotPasswordEmailTemplate</forgotPasswordTemplate>
    {}<sendWelcomeEmail>true</sendWelcomeEmail>
    <site>{}</site>
    <status>{}</status>
    <tabs><defaultTab>home</defaultTab></tabs>
    <urlPathPrefix>{}</urlPathPrefix>
    <welcomeTemplate>unfiled$public/CommunityWelcomeEmailTemplate</welcomeTemplate>
"""


def file(kind, inner):
    return f"{DECLARATION}<{kind} {XMLNS}>\n{inner}</{kind}>\n"


def network(*, more="", site="Help", status="UnderConstruction", path="help"):
    return NETWORK.format(more, site, status, path)


def profiles(*names):
    inner = "".join(f"<profile>{name}</profile>" for name in names)
    return f"<networkMemberGroups>{inner}</networkMemberGroups>"


PACKAGE = {
    "package.xml": manifest(CustomSite=["Help"], Network=["Acme Help"]),
    "sites/Help.site": file("CustomSite", SITE.format("", "ChatterNetwork")),
    "networks/Acme Help.network": file("Network", network(more=profiles("admin"))),
}


@pytest.fixture
def soap(rest):
    return Soap(rest)


@pytest.fixture
def saved(soap):
    """Sends one component; its errors as (status code, message)."""

    def send(operation, kind, inner):
        result = soap(operation, f'<metadata xsi:type="{kind}" {XSI}>{inner}</metadata>')
        errors = result.get("errors", [])
        errors = errors if isinstance(errors, list) else [errors]
        return [(one["statusCode"], one["message"]) for one in errors]

    return send


XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def statuses(rest):
    rows = rest.rows(
        "SELECT Parent.Name, AssignmentStatus FROM NetworkMemberGroup ORDER BY Parent.Name"
    )
    return {row["Parent"]["Name"]: row["AssignmentStatus"] for row in rows}


# -- without Digital Experiences ---------------------------------------------------------------


def test_networks_are_refused_while_digital_experiences_is_off(soap):
    for operation, inner in (
        ("readMetadata", "<type>Network</type><fullNames>Help</fullNames>"),
        ("listMetadata", "<queries><type>Network</type></queries>"),
        ("readMetadata", "<type>SharingSet</type><fullNames>Help</fullNames>"),
    ):
        kind = re.search("<type>(.*?)</type>", inner)[1]
        assert soap.refusal(operation, inner) == (
            "sf:INVALID_TYPE",
            f"INVALID_TYPE: Cannot use: {kind} in this organization",
        )
    told = problems(soap.deploy(PACKAGE))
    assert [one[1:] for one in told] == [
        ("Help", "Communities must be enabled before deploying a Chatter Network Site"),
        ("Acme Help", "Not available for deploy for this organization"),
    ]
    names = {one["xmlName"] for one in soap("describeMetadata", "")["metadataObjects"]}
    assert "CustomSite" in names
    assert not {"Network", "SharingSet"} & names


# -- sites -------------------------------------------------------------------------------------


def test_a_site_of_visualforce_is_deployed(soap, rest, local, sites_on):
    result = soap.deploy(PACKAGE)
    assert problems(result) == []
    told = [(one["componentType"], one["fullName"], one["created"]) for one in messages(result)]
    assert told[:2] == [("CustomSite", "Help", "true"), ("Network", "Acme Help", "true")]
    (row,) = rest.rows(
        "SELECT Id, Status, UrlPathPrefix, EmailSenderAddress, OptionsSiteAsContainerEnabled"
        " FROM Network"
    )
    assert row.pop("Id").startswith("0DB")
    assert row == {
        "Status": "UnderConstruction",
        "UrlPathPrefix": "help",
        "EmailSenderAddress": "help@acme.example",
        "OptionsSiteAsContainerEnabled": False,
    }
    _, shown = rest("GET", "/connect/communities")
    assert shown["communities"][0]["templateName"] == "Salesforce Tabs + Visualforce"
    again = soap.deploy(PACKAGE)
    assert [one["changed"] for one in messages(again)[:2]] == ["false", "false"]
    listed = soap("listMetadata", "<queries><type>Network</type></queries>")
    assert (listed["fullName"], listed["fileName"], listed["id"][:3]) == (
        "Acme Help", "networks/Acme Help.network", "0DB",
    )  # fmt: skip


def test_a_site_made_by_connect_is_retrieved_and_deploys_unchanged(soap, rest, site):
    site(name="Acme Help", prefix="help")
    _, files = soap.retrieve(Network=["*"], CustomSite=["*"])
    written = files["unpackaged/networks/Acme Help.network"]
    for line in (
        "<emailSenderAddress>portal.admin@acme.example</emailSenderAddress>",
        "<profile>admin</profile>",
        "<picassoSite>Acme_Help1</picassoSite>",
        "<site>Acme_Help</site>",
        "<siteArchiveStatus>NotArchived</siteArchiveStatus>",
        "<status>UnderConstruction</status>",
        "<urlPathPrefix>help</urlPathPrefix>",
        "<welcomeTemplate>unfiled$public/CommunityWelcomeEmailTemplate</welcomeTemplate>",
    ):
        assert line in written
    assert "templateName" not in written
    assert "<siteType>ChatterNetwork</siteType>" in files["unpackaged/sites/Acme_Help.site"]
    before = rest("GET", "/connect/communities")
    result = soap.deploy({name.removeprefix("unpackaged/"): text for name, text in files.items()})
    assert problems(result) == []
    assert [one["changed"] for one in messages(result)[:2]] == ["false", "false"]
    assert rest("GET", "/connect/communities") == before


def test_members_left_out_of_a_deployment_leave(soap, rest, saved, site):
    site()
    name = "<fullName>Acme Help</fullName>"
    pages = "<picassoSite>Acme_Help1</picassoSite>"
    given = profiles("standard", "Customer Community User")
    body = name + network(more=given + pages, site="Acme_Help")
    assert saved("updateMetadata", "Network", body) == []
    assert statuses(rest) == {
        "Customer Community User": "WaitingForAdd",
        "Standard User": "WaitingForAdd",
        "System Administrator": "WaitingForRemove",
    }
    read = soap("readMetadata", "<type>Network</type><fullNames>Acme Help</fullNames>")
    assert read["records"]["networkMemberGroups"]["profile"] == [
        "customer community user", "standard",
    ]  # fmt: skip
    assert [len(statuses(rest)) for _ in range(2)] == [3, 2]
    assert set(statuses(rest).values()) == {"Added"}
    without = name + network(more=pages, site="Acme_Help")
    assert saved("updateMetadata", "Network", without) == []
    assert set(statuses(rest).values()) == {"Added"}, "no element says nothing of members"


def test_a_deployment_to_live_welcomes_the_members(local, soap, saved, site):
    site()
    pages = "<picassoSite>Acme_Help1</picassoSite>"
    body = "<fullName>Acme Help</fullName>" + network(more=pages, site="Acme_Help", status="Live")
    assert saved("updateMetadata", "Network", body) == []
    assert [(mail.recipient, mail.subject) for mail in local.outbox()] == [
        (ADMIN, "Welcome to Acme Help")
    ]


def test_a_member_set_that_is_named_joins(soap, rest, saved, site):
    site()
    rest.create("PermissionSet", Name="Helpers", Label="Helpers")
    groups = (
        "<networkMemberGroups><permissionSet>Helpers</permissionSet><profile>admin</profile>"
        "</networkMemberGroups>"
    )
    pages = "<picassoSite>Acme_Help1</picassoSite>"
    body = "<fullName>Acme Help</fullName>" + network(more=groups + pages, site="Acme_Help")
    assert saved("updateMetadata", "Network", body) == []
    read = soap("readMetadata", "<type>Network</type><fullNames>Acme Help</fullNames>")
    assert read["records"]["networkMemberGroups"] == {
        "permissionSet": "Helpers", "profile": "admin",
    }  # fmt: skip


def test_an_archived_site_leaves_the_limit(rest, local, admin, saved, site):
    from provisioner.emulator.sites import networks, templates

    site()
    for number in range(99):
        values = {"Name": f"Site {number}", "UrlPathPrefix": f"s{number}"}
        networks.create(local, admin, templates.SITE_TEMPLATES[0], values)
    more = {"name": "B", "urlPathPrefix": "b", "templateName": "Aloha"}
    assert rest.refusal("POST", "/connect/communities", more)[1] == "INVALID_INPUT"

    def archive(status):
        pages = "<picassoSite>Acme_Help1</picassoSite>"
        end = "<siteArchiveStatus>TemporarilyArchived</siteArchiveStatus>"
        inner = network(more=pages, site="Acme_Help", status=status)
        inner = inner.replace("    <status>", f"    {end}<status>")
        return saved("updateMetadata", "Network", f"<fullName>Acme Help</fullName>{inner}")

    assert archive("Live") == [
        ("FIELD_INTEGRITY_EXCEPTION", "A site must be deactivated before it's archived.")
    ]
    assert archive("DownForMaintenance") == []
    assert rest("POST", "/connect/communities", more)[0] == 202


REFERENCE = "INVALID_CROSS_REFERENCE_KEY"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"more": profiles("nobody")}, (REFERENCE, "In field: profile - no Profile named nobody found")),
        ({"more": "<networkMemberGroups><permissionSet>x</permissionSet></networkMemberGroups>"},
         (REFERENCE, "In field: permissionSet - no PermissionSet named x found")),
        ({"more": "<picassoSite>Nobody1</picassoSite>"},
         (REFERENCE, "In field: PicassoSite - no SiteDotCom named Nobody1 found")),
        ({"more": "<picassoSite>Other1</picassoSite>"},
         ("FIELD_INTEGRITY_EXCEPTION", "The pages Other1 belong to another Network")),
        ({"site": "Nothing"}, (REFERENCE, "In field: Site - no CustomSite named Nothing found")),
        ({"more": "<lockoutTemplate>unfiled$public/x</lockoutTemplate>"},
         (REFERENCE, "In field: lockoutTemplate - no EmailTemplate named unfiled$public/x found")),
        ({"more": "<emailFooterLogo>x</emailFooterLogo>"},
         (REFERENCE, "In field: emailFooterLogo - no Document named x found")),
        ({"path": "a b"}, ("FIELD_INTEGRITY_EXCEPTION",
                           "The URL can only contain alphanumeric characters.")),
        ({"path": "other"}, ("FIELD_INTEGRITY_EXCEPTION",
                             "That URL is already in use. Please enter a unique one.")),
        ({"more": "<selfRegProfile>customer community user</selfRegProfile>"},
         ("FIELD_INTEGRITY_EXCEPTION",
          "Error: You can only select profiles that are associated with the experience.")),
        ({"more": "<newSenderAddress>nobody</newSenderAddress>"},
         ("INVALID_EMAIL_ADDRESS", "Unverified Sender Email Address: invalid email address: nobody")),
    ],
)  # fmt: skip
def test_a_network_that_breaks_a_rule_is_refused(soap, rest, saved, site, change, error):
    site(name="Other", prefix="other")
    body = "<fullName>Acme Help</fullName>"
    package = PACKAGE | {"networks/Acme Help.network": file("Network", network())}
    assert problems(soap.deploy(package)) == []
    before = rest.rows("SELECT FIELDS(ALL) FROM Network LIMIT 9"), statuses(rest)
    assert saved("updateMetadata", "Network", body + network(**change)) == [error]
    assert (rest.rows("SELECT FIELDS(ALL) FROM Network LIMIT 9"), statuses(rest)) == before


def deployed(soap, full_name, inner):
    """Deploys a Network with its CustomSite; (name, problem) of what was refused."""
    package = {
        "package.xml": manifest(CustomSite=["Help"], Network=[full_name]),
        "sites/Help.site": PACKAGE["sites/Help.site"],
        f"networks/{full_name}.network": file("Network", inner),
    }
    return [one[1:] for one in problems(soap.deploy(package))]


def test_what_can_not_be_made_removed_or_renamed(soap, rest, saved, site):
    site(name="Other", prefix="other")
    new = "<fullName>Acme Help</fullName>"
    half = ("Help", "In field: Name - no Network named Help found")
    custom = "<fullName>Help</fullName>" + SITE.format("", "ChatterNetwork")
    assert saved("createMetadata", "CustomSite", custom) == [
        (REFERENCE, "In field: Name - no Network named Help found")
    ]
    taken = new + network(site="Other")
    assert saved("createMetadata", "Network", taken) == [
        ("FIELD_INTEGRITY_EXCEPTION", "The site Other belongs to another Network")
    ]
    message = "That URL is already in use. Please enter a unique one."
    told = deployed(soap, "Acme Help", network(path="other"))
    assert sorted(told) == [("Acme Help", message), half]
    assert saved("updateMetadata", "Network", new + network()) == [
        (REFERENCE, "In field: fullName - no Network named Acme Help found")
    ]
    wrong = "emailSenderAddress: invalid email address: help acme.example"
    told = deployed(soap, "Acme Help", network().replace("help@acme", "help acme"))
    assert sorted(told) == [("Acme Help", wrong), half]
    refused = soap("deleteMetadata", "<type>Network</type><fullNames>Other</fullNames>")
    assert refused["errors"]["message"] == "The site Other can't be deleted."
    refused = soap("deleteMetadata", "<type>CustomSite</type><fullNames>Other</fullNames>")
    assert refused["errors"]["statusCode"] == "DEPENDENCY_EXISTS"
    done = soap(
        "renameMetadata",
        "<type>Network</type><oldFullName>Other</oldFullName><newFullName>Others</newFullName>",
    )
    assert done["success"] == "true"
    assert rest.rows("SELECT Name FROM Network") == [{"Name": "Others"}]


def test_a_new_path_is_that_of_both_halves(soap, rest, site):
    id_ = site()
    assert rest("PATCH", f"/sobjects/Network/{id_}", {"UrlPathPrefix": "support"})[0] == 204
    read = soap("readMetadata", "<type>CustomSite</type><fullNames>Acme_Help</fullNames>")
    assert read["records"]["urlPathPrefix"] == "support"
    rest("PATCH", f"/sobjects/Network/{id_}", {"Name": "Acme Support"})
    read = soap("readMetadata", "<type>Network</type><fullNames>Acme Support</fullNames>")
    assert (read["records"]["fullName"], read["records"]["urlPathPrefix"]) == (
        "Acme Support", "support",
    )  # fmt: skip


# -- sites of Visualforce ----------------------------------------------------------------------


def test_a_site_of_visualforce_needs_no_digital_experiences(soap, saved, portal_on):
    portal = (
        "<fullName>Acme</fullName><active>true</active><emailSenderAddress>a@b.example"
        "</emailSenderAddress><emailSenderName>A</emailSenderName><type>CustomerSuccess</type>"
    )
    assert saved("createMetadata", "Portal", portal) == []
    more = f"<portal>Acme</portal><siteAdmin>{ADMIN}</siteAdmin>"
    body = "<fullName>Help</fullName>" + SITE.format(more, "Visualforce")
    assert saved("createMetadata", "CustomSite", body) == []
    read = soap("readMetadata", "<type>CustomSite</type><fullNames>Help</fullNames>")
    assert (read["records"]["portal"], read["records"]["siteAdmin"]) == ("Acme", ADMIN)
    assert soap("deleteMetadata", "<type>CustomSite</type><fullNames>Help</fullNames>")[
        "success"
    ] == "true"  # fmt: skip


@pytest.mark.parametrize(
    ("name", "more", "kind", "error"),
    [
        ("Help", "<siteAdmin>x</siteAdmin>", "Visualforce",
         (REFERENCE, "In field: siteAdmin - no User named x found")),
        ("Help", "<portal>x</portal>", "Visualforce",
         (REFERENCE, "In field: portal - no Portal named x found")),
        ("Help me", "", "Visualforce",
         ("FIELD_INTEGRITY_EXCEPTION", "Help me is not a valid name of a site")),
        ("Help", "", "Siteforce",
         ("FIELD_INTEGRITY_EXCEPTION",
          "A CustomSite can't be of the type Siteforce")),
        ("Help", "", "ChatterNetwork",
         ("FIELD_INTEGRITY_EXCEPTION",
          "Communities must be enabled before deploying a Chatter Network Site")),
    ],
)  # fmt: skip
def test_a_custom_site_that_breaks_a_rule_is_refused(soap, saved, name, more, kind, error):
    body = f"<fullName>{name}</fullName>" + SITE.format(more, kind)
    assert saved("createMetadata", "CustomSite", body) == [error]


def test_two_sites_have_two_paths(soap, saved):
    body = SITE.format("", "Visualforce")
    assert saved("createMetadata", "CustomSite", "<fullName>Help</fullName>" + body) == []
    assert saved("createMetadata", "CustomSite", "<fullName>Other</fullName>" + body) == [
        ("FIELD_INTEGRITY_EXCEPTION", "That URL is already in use. Please enter a unique one.")
    ]


# -- sharing sets ------------------------------------------------------------------------------

MAPPING = (
    "<accessMappings><accessLevel>{}</accessLevel><object>{}</object><objectField>{}</objectField>"
    "<userField>{}</userField></accessMappings>"
)
SHARED = (
    "<fullName>Customers</fullName>{}<description>Cases of the account</description>"
    "<name>Customers</name>{}"
)


def sharing(*mapping, members=("Customer Community User",)):
    named = "".join(f"<profiles>{name}</profiles>" for name in members)
    return SHARED.format(MAPPING.format(*mapping), named)


def test_a_sharing_set_is_made_read_deployed_and_removed(soap, saved, sites_on):
    body = sharing("Read", "Case", "Contact", "Contact.Account")
    assert saved("createMetadata", "SharingSet", body) == []
    read = soap("readMetadata", "<type>SharingSet</type><fullNames>Customers</fullNames>")
    assert read["records"] == {
        "accessMappings": {
            "accessLevel": "Read", "object": "Case", "objectField": "Contact",
            "userField": "Contact.Account",
        },
        "description": "Cases of the account",
        "fullName": "Customers",
        "name": "Customers",
        "profiles": "customer community user",
    }  # fmt: skip
    _, files = soap.retrieve(SharingSet=["*"])
    held = files["unpackaged/sharingSets/Customers.sharingSet"]
    result = soap.deploy({name.removeprefix("unpackaged/"): text for name, text in files.items()})
    assert (problems(result), messages(result)[0]["changed"]) == ([], "false")
    changed = held.replace("<accessLevel>Read<", "<accessLevel>Edit<")
    result = soap.deploy(
        {"package.xml": manifest(SharingSet=["Customers"]),
         "sharingSets/Customers.sharingSet": changed}
    )  # fmt: skip
    assert messages(result)[0]["changed"] == "true"
    listed = soap("listMetadata", "<queries><type>SharingSet</type></queries>")
    assert (listed["fullName"], listed["id"][:3]) == ("Customers", "0H2")
    gone = soap("deleteMetadata", "<type>SharingSet</type><fullNames>Customers</fullNames>")
    assert gone["success"] == "true"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (sharing("Write", "Case", "Contact", "Contact"),
         ("FIELD_INTEGRITY_EXCEPTION", "Invalid access level: Write")),
        (sharing("Read", "Nothing__c", "Id", "Account"),
         (REFERENCE, "In field: object - no CustomObject named Nothing__c found")),
        (sharing("Read", "Profile", "Id", "Account"),
         (REFERENCE, "In field: object - no CustomObject named Profile found")),
        (sharing("Read", "Case", "Subject", "Account"),
         ("FIELD_INTEGRITY_EXCEPTION", "Subject is no lookup of Case to an account or contact")),
        (sharing("Read", "Case", "Contact", "Owner"),
         ("FIELD_INTEGRITY_EXCEPTION", "Invalid user field: Owner")),
        (sharing("Read", "Case", "Contact", "Contact.Nothing"),
         ("FIELD_INTEGRITY_EXCEPTION", "Invalid user field: Contact.Nothing")),
        (sharing("Read", "Case", "Contact", "Contact", members=("nobody",)),
         (REFERENCE, "In field: profiles - no Profile named nobody found")),
        (sharing("Read", "Case", "Contact", "Contact", members=("Standard User",)),
         ("FIELD_INTEGRITY_EXCEPTION", "The license of Standard User can't use sharing sets")),
    ],
)  # fmt: skip
def test_a_sharing_set_that_breaks_a_rule_is_refused(soap, saved, sites_on, body, error):
    assert saved("createMetadata", "SharingSet", body) == [error]


@pytest.mark.parametrize(
    "mapping",
    [
        ("Read", "Account", "Id", "Account"),
        ("Edit", "Contact", "Account", "Account"),
        ("Read", "Contact", "ReportsTo", "Contact"),
        ("Read", "Case", "Contact", "Manager.Contact"),
        ("Read", "Case", "Account", "Contact.RelatedAccount"),
        ("Read", "Case", "AccountId", "Account.Parent"),
    ],
)
def test_the_mappings_of_the_guide_are_taken(saved, sites_on, mapping):
    assert saved("createMetadata", "SharingSet", sharing(*mapping)) == []


# -- zeep --------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning:zeep")
def test_zeep_reads_and_updates_a_network(rest, local, admin, site):
    site()
    client = Salesforce(session_id="none", instance="127.0.0.1:8787", session=rest.session)
    zeep = client.mdapi._client
    zeep.transport.session.close()
    zeep.transport.session = rest.session
    client.mdapi._session_header = zeep.get_element("ns0:SessionHeader")(
        sessionId=local.start_session(admin).token
    )
    read = client.mdapi.Network.read(["Acme Help"])
    assert (read.status, read.picassoSite, read.networkMemberGroups.profile) == (
        "UnderConstruction", "Acme_Help1", ["admin"],
    )  # fmt: skip
    read.status = "Live"
    read.networkMemberGroups.profile.append("customer community user")
    client.mdapi.Network.update([read])
    again = client.mdapi.Network.read(["Acme Help"])
    assert (again.status, again.networkMemberGroups.profile) == (
        "Live", ["admin", "customer community user"],
    )  # fmt: skip
    assert SimpleNamespace(**rest.rows("SELECT Status FROM Network")[0]).Status == "Live"


# -- settings ----------------------------------------------------------------------------------


def test_standard_profiles_of_customers_wait_for_their_setting(rest, saved, person, sites_on):
    (profile,) = rest.rows("SELECT Id FROM Profile WHERE Name = 'Customer Community User'")
    user = person | {"ProfileId": profile["Id"]}
    assert rest.refusal("POST", "/sobjects/User", user)[1] == "FIELD_INTEGRITY_EXCEPTION"
    body = (
        "<fullName>Communities</fullName>"
        "<enableOotbProfExtUserOpsEnable>true</enableOotbProfExtUserOpsEnable>"
    )
    assert saved("updateMetadata", "CommunitiesSettings", body) == []
    assert rest("POST", "/sobjects/User", user)[0] == 201
