"""Components over SOAP: envelopes sent, answers read, refusals told."""

from __future__ import annotations

import pytest
from lxml import etree

from provisioner.model.operations import (
    CloneMetadata,
    Component,
    CreateMetadata,
    DeleteMetadata,
    EditMetadata,
    ListMetadata,
    ReadMetadata,
    RenameMetadata,
)
from provisioner.org.errors import AuthenticationFailed, NoAnswer, NotAllowed, Refused

M = "{http://soap.sforce.com/2006/04/metadata}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
SOAP = "/services/Soap/m/62.0"


def envelope(inner, status=200):
    return status, (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns="http://soap.sforce.com/2006/04/metadata"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
    )


def fault(code, message):
    return envelope(
        '<soapenv:Fault xmlns:sf="http://soap.sforce.com/2006/04/metadata">'
        f'<faultcode xmlns="">sf:{code}</faultcode>'
        f'<faultstring xmlns="">{code}: {message}</faultstring></soapenv:Fault>',
        500,
    )


def saved(operation="createMetadata"):
    result = "<result><fullName>X</fullName><success>true</success></result>"
    return envelope(f"<{operation}Response>{result}</{operation}Response>")


def read(*records):
    inner = "".join(records)
    return envelope(f"<readMetadataResponse><result>{inner}</result></readMetadataResponse>")


def record(type_, full_name, rest=""):
    return f'<records xsi:type="{type_}"><fullName>{full_name}</fullName>{rest}</records>'


def listed(*rows):
    results = "".join(
        f"<result><createdById>005</createdById><fileName>f</fileName><fullName>{name}</fullName>"
        f"<id>{id_}</id><lastModifiedByName>Ann</lastModifiedByName>"
        f"<lastModifiedDate>2026-05-01T10:00:00.000Z</lastModifiedDate><type>{type_}</type></result>"
        for type_, name, id_ in rows
    )
    return envelope(f"<listMetadataResponse>{results}</listMetadataResponse>")


def sent(script, number=-1):
    """The operation element of one request."""
    root = etree.fromstring(script.requests[number].body)
    return root.find("{http://schemas.xmlsoap.org/soap/envelope/}Body")[0]


def texts(element):
    return [(etree.QName(e).localname, e.text) for e in element.iter() if len(e) == 0]


def operations(script):
    return [etree.QName(sent(script, n)).localname for n in range(len(script.requests))]


# ---------------------------------------------------------------- list


def test_list_asks_for_three_types_at_a_time(org, script):
    script.answers = [listed(("Layout", "B", "00h2"), ("Layout", "A", "00h1")), listed()]
    answers = org.read(ListMetadata(("Layout", "Portal", "Profile", "Network")))
    assert answers == [
        Component("Layout", "A", "00h1", "Ann", "2026-05-01T10:00:00.000Z"),
        Component("Layout", "B", "00h2", "Ann", "2026-05-01T10:00:00.000Z"),
    ]
    assert texts(sent(script, 0)) == [
        ("type", "Layout"),
        ("type", "Portal"),
        ("type", "Profile"),
        ("asOfVersion", "62.0"),
    ]
    assert script.sent == [("POST", SOAP)] * 2
    assert org.api_calls == 2


def test_a_list_of_other_types_is_unexpected(org, script):
    script.answers = [listed(("Queue", "A", "00G1"))] * 4
    with pytest.raises(NoAnswer, match="it lists components of other types"):
        org.read(ListMetadata(("Layout",)))


def test_what_a_read_does_not_mention_is_not_taken_for_missing(org, script):
    script.answers = [read(record("Layout", "Contact-A"))] * 4
    with pytest.raises(NoAnswer, match="it has 1 records for 2"):
        org.read(ReadMetadata("Layout", ("Contact-A", "Contact-B")))


def test_the_session_goes_in_the_soap_header(org, script):
    script.answers = [listed()]
    org.read(ListMetadata(("Layout",)))
    request = script.requests[0]
    root = etree.fromstring(request.body)
    assert root.findtext(f".//{M}SessionHeader/{M}sessionId") == "00Dtoken"
    assert request.headers["SOAPAction"] == '""'
    assert "xml" in request.headers["Content-Type"]


def test_a_type_the_org_does_not_offer_has_no_components_and_takes_none_from_others(org, script):
    script.answers = [
        fault("INVALID_TYPE", "Cannot use: Portal in this organization"),
        listed(("Profile", "Admin", "00e1")),
    ]
    found = org.read(ListMetadata(("Layout", "Portal", "Profile")))
    assert [c.full_name for c in found] == ["Admin"]
    assert texts(sent(script))[:2] == [("type", "Layout"), ("type", "Profile")]


def test_a_refused_list_that_blames_no_type_is_asked_one_by_one(org, script):
    script.answers = [
        fault("INVALID_TYPE", "no"),
        listed(("Layout", "A", "00h1")),
        fault("INVALID_TYPE", "no"),
    ]
    found = org.read(ListMetadata(("Layout", "Portal")))
    assert [c.full_name for c in found] == ["A"]


# ---------------------------------------------------------------- read


def test_read_gives_the_containers_as_they_came(org, script):
    script.answers = [
        read(record("Layout", "Contact-A"), '<records xsi:nil="true"/>', "<records/>")
    ]
    found = org.read(ReadMetadata("Layout", ("Contact-A", "Contact-Gone", "Contact-Too")))
    assert list(found) == ["Contact-A"]
    root = etree.fromstring(found["Contact-A"])
    assert (root.tag, root.get(XSI_TYPE)) == (f"{M}records", "Layout")
    assert texts(sent(script)) == [
        ("type", "Layout"),
        ("fullNames", "Contact-A"),
        ("fullNames", "Contact-Gone"),
        ("fullNames", "Contact-Too"),
    ]


def test_a_name_that_salesforce_encodes_or_spells_its_way_is_found_by_ours(org, script):
    script.answers = [read(record("Layout", "Contact-Contact %28Marketing%29 Layout"))]
    name = "Contact-contact (Marketing) Layout"
    found = org.read(ReadMetadata("Layout", (name,)))
    assert list(found) == [name]


@pytest.mark.parametrize(
    ("type_", "sizes"),
    [("Layout", [10, 2]), ("Profile", [1] * 12), ("PermissionSet", [1] * 12)],
)
def test_ten_components_are_read_at_a_time_but_profiles_one_by_one(org, script, type_, sizes):
    names = tuple(f"N{n}" for n in range(12))
    waiting = iter(names)
    script.answers = [read(*(record(type_, next(waiting)) for _ in range(n))) for n in sizes]
    found = org.read(ReadMetadata(type_, names))
    assert tuple(found) == names
    assert len(script.requests) == len(sizes)


def test_reading_a_type_the_org_does_not_offer_finds_nothing(org, script):
    script.answers = [fault("INVALID_TYPE", "Cannot use: Portal in this organization")]
    assert org.read(ReadMetadata("Portal", ("Customer Portal",))) == {}


# ---------------------------------------------------------------- writes


def test_create_sends_the_component_and_returns_its_id(org, script):
    script.answers = [saved(), listed(("Portal", "Other", "0601"), ("Portal", "Acme", "0602"))]
    call = CreateMetadata("Portal", "Acme", {"active": True, "admin": None, "description": "d"})
    assert org.call(call) == "0602"
    component = sent(script, 0)[0]
    assert (component.tag, component.get(XSI_TYPE)) == (f"{M}metadata", "Portal")
    assert texts(component) == [("fullName", "Acme"), ("active", "true"), ("description", "d")]
    assert operations(script) == ["createMetadata", "listMetadata"]


def test_a_new_component_whose_id_can_not_be_read_has_an_open_outcome(org, script):
    script.answers = [saved(), fault("INSUFFICIENT_ACCESS", "no")]
    with pytest.raises(NoAnswer, match="was created, but its Id could not be read"):
        org.call(CreateMetadata("Portal", "Acme", {}))


def test_a_clone_of_a_standard_profile_is_a_custom_one_with_its_licence(org, script):
    source = "<custom>false</custom><userLicense>High Volume Customer Portal</userLicense>"
    script.answers = [
        read(record("Profile", "HighVolumePortal", source)),
        saved(),
        listed(("Profile", "Acme Portal User", "00e9")),
    ]
    edits = {"description": "Customers of Acme"}
    call = CloneMetadata("Profile", "HighVolumePortal", "Acme Portal User", edits)
    assert org.call(call) == "00e9"
    assert texts(sent(script, 1)[0]) == [
        ("fullName", "Acme Portal User"),
        ("custom", "true"),
        ("description", "Customers of Acme"),
        ("userLicense", "High Volume Customer Portal"),
    ]


def test_a_clone_of_what_is_not_there_is_refused(org, script):
    script.answers = [read('<records xsi:nil="true"/>')]
    with pytest.raises(Refused, match="no Profile named `Gone`") as caught:
        org.call(CloneMetadata("Profile", "Gone", "New", {}))
    assert caught.value.code == "INVALID_CROSS_REFERENCE_KEY"


def test_an_edit_starts_from_what_is_there_now_and_keeps_the_rest(org, script):
    now = "<active>true</active><description>old</description><type>CustomerSuccess</type>"
    script.answers = [read(record("Portal", "Acme", now)), saved("updateMetadata")]
    assert org.call(EditMetadata("Portal", "Acme", {"description": "new"})) is None
    assert operations(script) == ["readMetadata", "updateMetadata"]
    assert texts(sent(script)[0]) == [
        ("fullName", "Acme"),
        ("active", "true"),
        ("description", "new"),
        ("type", "CustomerSuccess"),
    ]


def test_an_edit_that_changes_nothing_sends_nothing(org, script):
    script.answers = [read(record("Portal", "Acme", "<active>true</active>"))]
    org.call(EditMetadata("Portal", "Acme", {"active": True}))
    assert operations(script) == ["readMetadata"]


def test_an_edit_of_a_layout_that_lost_the_section_is_refused(org, script):
    script.answers = [read(record("Layout", "Contact-A"))]
    with pytest.raises(Refused, match="no section `Gone`") as caught:
        org.call(EditMetadata("Layout", "Contact-A", {"Email.section": "Gone"}))
    assert caught.value.code == "NO_SUCH_PLACE"


def test_rename_and_delete_name_type_and_component(org, script):
    script.answers = [saved("renameMetadata"), saved("deleteMetadata")]
    org.call(RenameMetadata("Portal", "Customer Portal", "Acme"))
    org.call(DeleteMetadata("Profile", "Old"))
    assert texts(sent(script, 0)) == [
        ("type", "Portal"),
        ("oldFullName", "Customer Portal"),
        ("newFullName", "Acme"),
    ]
    assert texts(sent(script, 1)) == [("type", "Profile"), ("fullNames", "Old")]


# ---------------------------------------------------------------- refusals


def test_the_errors_of_a_result_are_told_with_code_and_fields(org, script):
    errors = (
        "<errors><fields>Name</fields><message>The profile name is already in use: Name</message>"
        "<statusCode>FIELD_INTEGRITY_EXCEPTION</statusCode></errors>"
        "<errors><fields>Description</fields><message>too long</message>"
        "<statusCode>STRING_TOO_LONG</statusCode></errors>"
    )
    result = f"<result>{errors}<fullName>X</fullName><success>false</success></result>"
    script.answers = [envelope(f"<createMetadataResponse>{result}</createMetadataResponse>")]
    with pytest.raises(Refused) as caught:
        org.call(CreateMetadata("Profile", "X", {}))
    error = caught.value
    assert (error.code, error.message, error.fields) == (
        "FIELD_INTEGRITY_EXCEPTION",
        "The profile name is already in use: Name; too long",
        ("Name", "Description"),
    )


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (
            "INVALID_SESSION_ID",
            "Invalid Session ID found in SessionHeader: Illegal Session",
            AuthenticationFailed,
        ),
        ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", NotAllowed),
        ("INSUFFICIENT_ACCESS", "no permission", NotAllowed),
        ("UNKNOWN_EXCEPTION", "null", Refused),
    ],
)
def test_a_fault_is_told_by_its_code(org, script, code, message, kind):
    script.answers = [fault(code, message)]
    with pytest.raises(kind) as caught:
        org.call(DeleteMetadata("Layout", "A"))
    assert (type(caught.value), caught.value.code, caught.value.message) == (kind, code, message)


@pytest.mark.parametrize("answer", [(503, "<html><p>Down</html>"), (200, "<html/>"), (200, "")])
def test_what_is_no_soap_is_no_answer(org, script, answer):
    script.answers = [answer]
    with pytest.raises(NoAnswer, match="web page or nothing"):
        org.call(DeleteMetadata("Layout", "A"))
