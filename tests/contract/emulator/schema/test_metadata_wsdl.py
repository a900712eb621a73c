"""The WSDL's types: what is read from a request, what is refused, how an answer is built."""

from __future__ import annotations

import pytest
from lxml import etree

from provisioner.emulator.schema.wsdl import NAMESPACE, XSI, Component, InvalidXml, wsdl


def portal(inner, *, declared="Portal"):
    kind = f' xsi:type="{declared}"' if declared else ""
    return etree.fromstring(
        f'<metadata xmlns="{NAMESPACE}" xmlns:xsi="{XSI}"{kind}>{inner}</metadata>'
    )


def test_a_component_is_read_as_plain_values():
    node = portal(
        "<fullName> Acme </fullName><active>1</active><type>CustomerSuccess</type>"
        '<admin xsi:nil="true"/><!-- no comment -->'
    )
    assert wsdl().read_component(node) == Component(
        "Portal", {"fullName": "Acme", "active": True, "type": "CustomerSuccess"}
    )


@pytest.mark.parametrize(
    ("inner", "refusal"),
    [
        (
            "<foo>1</foo>",
            (f"Element {{{NAMESPACE}}}foo invalid at this location in type Portal"),
        ),
        ('<active xmlns="">1</active>', "Element active invalid at this location in type Portal"),
        (
            "<active>true</active><active>true</active>",
            (
                "Element {http://soap.sforce.com/2006/04/metadata}active is duplicated at this"
                " location in type Portal"
            ),
        ),
        ("<type>Customer</type>", "'Customer' is not a valid value for the enum 'PortalType'"),
        ("<active>yes</active>", "'yes' is not valid for the type xsd:boolean"),
    ],
)
def test_what_the_schema_does_not_know_is_refused(inner, refusal):
    with pytest.raises(InvalidXml) as caught:
        wsdl().read_component(portal(inner))
    assert str(caught.value) == refusal


def test_entries_of_a_list_stand_together():
    entry = "<objectPermissions><object>Case</object></objectPermissions>"
    apart = f"{entry}<userLicense>x</userLicense>{entry}"
    with pytest.raises(InvalidXml, match="objectPermissions is duplicated"):
        wsdl().read_component(portal(apart, declared="Profile"))
    together = wsdl().read_component(portal(entry + entry, declared="Profile"))
    assert together.values == {"objectPermissions": [{"object": "Case"}, {"object": "Case"}]}


@pytest.mark.parametrize("declared", ["", "Nonsense", "SaveResult", "x:Portal"])
def test_a_component_says_its_type(declared):
    node = portal("", declared="")
    if declared:
        node.set(f"{{{XSI}}}type", declared)
    with pytest.raises(InvalidXml):
        wsdl().read_component(node)


def test_an_inherited_element_comes_first_and_the_rest_in_schema_order():
    values = {"type": "CustomerSuccess", "emailSenderName": "A", "emailSenderAddress": "a@b.co"}
    node = wsdl().build("x", "Portal", values | {"active": False, "fullName": "Acme"})
    assert [etree.QName(child).localname for child in node] == [
        "fullName",
        "active",
        "emailSenderAddress",
        "emailSenderName",
        "type",
    ]


def test_missing_elements_are_named_nested_ones_too():
    assert wsdl().missing({}, "Portal") == [
        "active",
        "emailSenderAddress",
        "emailSenderName",
        "type",
    ]
    assert wsdl().missing({"tabVisibilities": [{"tab": "x"}]}, "Profile") == ["visibility"]


def test_what_is_built_reads_back_the_same():
    values = {
        "layoutSections": [
            {
                "style": "OneColumn",
                "label": "<&>",
                "layoutColumns": [{"layoutItems": [{"height": 3}]}],
            }
        ]
    }
    assert wsdl().read(wsdl().build("x", "Layout", values), "Layout") == values
