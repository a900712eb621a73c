"""The Metadata API through clients that nobody here wrote: simple-salesforce and zeep."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import requests
from simple_salesforce import Salesforce
from zeep.exceptions import Fault

from provisioner.emulator.app import create_app
from provisioner.emulator.http.context import EXTENSION
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.server import InProcessAdapter

# zeep reads its own settings in a way that its dependencies have since deprecated
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:zeep")


@pytest.fixture(scope="module")
def connection():
    """One client for all tests, since it takes half a second to make; each has its own org."""
    first = open_org(":memory:")
    app = create_app(first)
    session = requests.Session()
    session.mount("https://", InProcessAdapter(app))
    client = Salesforce(session_id="none", instance="local.example", session=session)
    zeep = client.mdapi._client
    zeep.transport.session.close()
    zeep.transport.session = session
    yield SimpleNamespace(app=app, mdapi=client.mdapi)
    session.close()
    first.close()


@pytest.fixture
def org():
    org = open_org(":memory:")
    yield org
    org.close()


@pytest.fixture
def mdapi(connection, org):
    connection.app.extensions[EXTENSION] = org
    token = org.start_session(first_day.admin_id(org)).token
    connection.mdapi._session_header = connection.mdapi._client.get_element("ns0:SessionHeader")(
        sessionId=token
    )
    return connection.mdapi


@pytest.fixture
def portal_on(org):
    first_day.enable_customer_portal(org, first_day.admin_id(org))


def test_settings_are_read_and_written(mdapi, org):
    read = mdapi.OrgSettings.read(["Org"])
    assert (read.fullName, read.enableCustomerSuccessPortal) == ("Org", None)
    read.enableCustomerSuccessPortal = True
    mdapi.OrgSettings.update([read])
    assert mdapi.OrgSettings.read(["Org"]).enableCustomerSuccessPortal is True
    assert org.feature("CustomerPortal")


def test_a_type_the_org_does_not_have_is_a_fault(mdapi):
    with pytest.raises(Fault) as caught:
        mdapi.Portal.read(["x"])
    assert (caught.value.code, caught.value.message) == (
        "sf:INVALID_TYPE",
        "INVALID_TYPE: Cannot use: Portal in this organization",
    )


def portal(mdapi, **values):
    required = {
        "active": True,
        "emailSenderAddress": "a@acme.example",
        "emailSenderName": "Acme",
        "type": "CustomerSuccess",
    }
    return mdapi.Portal(**(required | values))


@pytest.mark.usefixtures("portal_on")
def test_a_portal_is_made_changed_renamed_listed_and_deleted(mdapi):
    mdapi.Portal.create([portal(mdapi, fullName="Acme", description="<&>")])
    read = mdapi.Portal.read(["Acme"])
    assert (read.description, read.active, read.type) == ("<&>", True, "CustomerSuccess")
    read.active = False
    mdapi.Portal.update([read])
    mdapi.Portal.rename("Acme", "Better")
    (listed,) = mdapi.list_metadata([mdapi.ListMetadataQuery(type="Portal")])
    assert (listed.fullName, listed.fileName, listed.id[:3]) == (
        "Better",
        "portals/Better.portal",
        "060",
    )
    assert mdapi.Portal.read(["Better"]).active is False
    mdapi.Portal.delete(["Better"])
    assert mdapi.Portal.read(["Better"]).fullName is None


@pytest.mark.usefixtures("portal_on")
def test_a_refusal_reaches_the_caller_with_code_and_message(mdapi):
    with pytest.raises(Exception, match="Acme: ") as caught:
        mdapi.Portal.create([portal(mdapi, fullName="Acme", admin="nobody")])
    assert str(caught.value) == (
        "\nAcme: (INVALID_CROSS_REFERENCE_KEY, In field: admin - no User named nobody found), "
    )


@pytest.mark.usefixtures("portal_on")
def test_a_profile_is_cloned(mdapi):
    read = mdapi.Profile.read(["HighVolumePortal"])
    read.fullName, read.custom = "Acme Portal User", True
    mdapi.Profile.create([read])
    made = mdapi.Profile.read(["Acme Portal User"])
    assert made.userLicense == "High Volume Customer Portal"
    assert [one.object for one in made.objectPermissions if one.allowRead] == [
        "Account",
        "Case",
        "Contact",
    ]


@pytest.mark.usefixtures("portal_on")
def test_a_layout_is_read_changed_and_written(mdapi):
    name = "Contact-Contact Layout"
    layout = mdapi.Layout.read([name])
    (section,) = (s for s in layout.layoutSections if s.label == "Additional Information")
    item = mdapi.LayoutItem(field="CanAllowPortalSelfReg", behavior="Edit")
    section.layoutColumns = [mdapi.LayoutColumn(layoutItems=[item])]
    mdapi.Layout.update([layout])
    (section,) = (
        s for s in mdapi.Layout.read([name]).layoutSections if s.label == "Additional Information"
    )
    assert section.layoutColumns[0].layoutItems[0].field == "CanAllowPortalSelfReg"


def test_a_missing_component_among_others_has_no_name(mdapi):
    read = mdapi.Profile.read(["Nobody", "Admin"])
    assert [one.fullName for one in read] == [None, "Admin"]


def test_describe_tells_what_can_be_listed(mdapi):
    described = mdapi.describe_metadata()
    assert [one.xmlName for one in described.metadataObjects] == [
        "CustomObject",
        "CustomSite",
        "Layout",
        "Profile",
        "Settings",
    ]
