"""The types of the Metadata API, read from the WSDL that simple-salesforce ships.

The file is found through the package's metadata, never by importing the package. `read` turns
a request's element into plain values and refuses what the schema does not know; `build` writes
values back in the schema's order, so that an answer is valid by construction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import distribution
from typing import TYPE_CHECKING, Any

from lxml import etree

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
_XSD = "{http://www.w3.org/2001/XMLSchema}"
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
_NSMAP: Any = {None: NAMESPACE, "xsi": XSI}  # the stubs allow no default namespace
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

type_attribute = f"{{{XSI}}}type"
nil_attribute = f"{{{XSI}}}nil"

Value = dict[str, Any]
"""A component or a part of one: scalars, nested `Value`s, and a list where an element repeats."""


class InvalidXml(Exception):  # noqa: N818 - it is the requester's mistake, reported as a fault
    """The request does not fit the schema; `str()` is Salesforce's wording of why.

    `node` is the element that does not fit; `line` and `column` are where it is in a file.
    """

    def __init__(
        self, message: str, line: int | None = None, column: int | None = None, *, node: Any = None
    ) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.node = node


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a complex type, in the order of the schema."""

    name: str
    type: str
    required: bool
    many: bool


@dataclass(frozen=True, slots=True)
class Component:
    """A value of one of the types that extend `Metadata`, written with its `xsi:type`."""

    type: str
    values: Value


# What the WSDLs of older versions declare and orgs take in every version: CumulusCI 4 deploys with
# the one and waits for retrieves with the other, at version 62 [V].
_OLDER_OPTIONS = {
    "DeployOptions": (Element("runAllTests", "xsd:boolean", required=False, many=False),)
}
_OLDER_MESSAGES = """<schema xmlns="http://www.w3.org/2001/XMLSchema">
<element name="checkStatus"><complexType><sequence>
  <element name="asyncProcessId" type="tns:ID" minOccurs="0" maxOccurs="unbounded"/>
</sequence></complexType></element>
<element name="checkStatusResponse"><complexType><sequence>
  <element name="result" type="tns:AsyncResult" minOccurs="0" maxOccurs="unbounded"/>
</sequence></complexType></element>
</schema>"""


class Wsdl:
    """The schema part of one WSDL; a type is parsed when it is first asked for."""

    def __init__(self, path: Path) -> None:
        root = etree.parse(str(path)).getroot()
        schema = root.find(f"{_WSDL}types/{_XSD}schema")
        assert schema is not None, "a WSDL without a schema"
        port = root.find(f"{_WSDL}portType")
        assert port is not None, "a WSDL without a portType"
        self.operations = frozenset(
            str(operation.get("name")) for operation in port.iterfind(f"{_WSDL}operation")
        ) | {"checkStatus"}
        self._types: dict[str, Any] = {}
        self._enums: dict[str, Any] = {}
        self._messages: dict[str, Any] = {}
        for node in [*schema, *etree.fromstring(_OLDER_MESSAGES)]:
            name = str(node.get("name"))
            match str(node.tag).removeprefix(_XSD):
                case "complexType":
                    self._types[name] = node
                case "simpleType":
                    self._enums[name] = node
                case _:
                    self._messages[name] = node.find(f"{_XSD}complexType")
        self._elements: dict[str, tuple[Element, ...]] = {}

    def elements(self, type_name: str) -> tuple[Element, ...]:
        """The elements of a complex type or of a message, those of its base first."""
        found = self._elements.get(type_name)
        if found is None:
            node = self._types.get(type_name)
            if node is None:
                node = self._messages[type_name]
            extension = node.find(f"{_XSD}complexContent/{_XSD}extension")
            inherited: tuple[Element, ...] = ()
            if extension is not None:
                inherited = self.elements(_local(extension.get("base")))
                node = extension
            own = tuple(
                Element(
                    name=str(child.get("name")),
                    type=_local(str(child.get("type"))),
                    required=child.get("minOccurs", "1") != "0",
                    many=child.get("maxOccurs", "1") != "1",
                )
                for child in node.iterfind(f"{_XSD}sequence/{_XSD}element")
            )
            older = _OLDER_OPTIONS.get(type_name, ())
            found = self._elements[type_name] = inherited + own + older
        return found

    def enum(self, type_name: str) -> tuple[str, ...] | None:
        """The values of an enumeration; None when the type is not one."""
        node = self._enums.get(type_name)
        if node is None:
            return None
        values = node.iterfind(f"{_XSD}restriction/{_XSD}enumeration")
        return tuple(str(value.get("value")) for value in values) or None

    def is_complex(self, type_name: str) -> bool:
        """Whether the type has elements of its own."""
        return type_name in self._types

    def is_component(self, type_name: str) -> bool:
        """Whether the type extends `Metadata`, directly or through another type."""
        node = self._types.get(type_name)
        if node is None:
            return False
        extension = node.find(f"{_XSD}complexContent/{_XSD}extension")
        if extension is None:
            return False
        base = _local(extension.get("base"))
        return base == "Metadata" or self.is_component(base)

    def read(self, node: Any, type_name: str) -> Value:
        """The values of an element of this type; raises InvalidXml where it does not fit.

        Elements may come in any order, but those of one name must stand together. White space
        around text is dropped, and an element with `xsi:nil` counts as left out.
        """
        known = {element.name: element for element in self.elements(type_name)}
        values: Value = {}
        previous = None
        for child in node.iterchildren(etree.Element):
            name = etree.QName(child)
            element = known.get(name.localname) if name.namespace == NAMESPACE else None
            if element is None:
                # seen in many public deployment logs, e.g. of EmailServicesFunction [V]
                raise InvalidXml(
                    f"Element {child.tag} invalid at this location in type {type_name}", node=child
                )
            apart = not element.many or previous != element.name
            if element.name in values and apart:
                # "Element X is duplicated at this location in type Flow", public logs [V]
                raise InvalidXml(
                    f"Element {child.tag} is duplicated at this location in type {type_name}",
                    node=child,
                )
            previous = element.name
            if _BOOLEANS.get(child.get(nil_attribute, "false"), False):
                continue
            value = self._read_value(child, element)
            if element.many:
                values.setdefault(element.name, []).append(value)
            else:
                values[element.name] = value
        return values

    def read_component(self, node: Any) -> Component:
        """The component of a `metadata` element; its `xsi:type` says which type it is."""
        declared = node.get(type_attribute)
        if not declared:
            # certinia/apex-mdapi issue 250 [V]
            raise InvalidXml("Must specify a type attribute value for the metadata element")
        prefix, _, local = declared.rpartition(":")
        if node.nsmap.get(prefix or None) != NAMESPACE or not self.is_component(local):
            raise InvalidXml(f"Invalid metadata type: {declared}")  # guess
        return Component(local, self.read(node, local))

    def missing(self, values: Value, type_name: str) -> list[str]:
        """The required elements that the values lack, nested ones too, in schema order."""
        found: list[str] = []
        for element in self.elements(type_name):
            held = values.get(element.name)
            if held is None:
                if element.required:
                    found.append(element.name)
            elif element.type in self._types:
                for part in held if element.many else [held]:
                    found += self.missing(part, element.type)
        return found

    def build(self, tag: str, type_name: str, values: Value) -> Any:
        """An element of this type in the metadata namespace, its children in schema order."""
        node = etree.Element(f"{{{NAMESPACE}}}{tag}", nsmap=_NSMAP)
        self._fill(node, type_name, values)
        return node

    def _fill(self, node: Any, type_name: str, values: Value) -> None:
        left = set(values)
        for element in self.elements(type_name):
            if element.name not in left:
                assert not element.required, f"{type_name} needs {element.name}"
                continue
            left.discard(element.name)
            held = values[element.name]
            for value in held if element.many else [held]:
                self._write_value(
                    etree.SubElement(node, f"{{{NAMESPACE}}}{element.name}"), element, value
                )
        assert not left, f"{type_name} has no {sorted(left)}"

    def _write_value(self, node: Any, element: Element, value: Any) -> None:
        match value:
            case None:
                # what a live org sends for a component that does not exist, although the WSDL
                # does not call `records` nillable; public recordings [V]
                node.set(nil_attribute, "true")
            case Component(type_name, values):
                node.set(type_attribute, type_name)
                self._fill(node, type_name, values)
            case dict():
                self._fill(node, element.type, value)
            case bool():
                node.text = "true" if value else "false"
            case _:
                node.text = str(value)

    def _read_value(self, node: Any, element: Element) -> Any:
        if element.type in self._types:
            return self.read(node, element.type)
        # updateMetadata, Metadata API guide: "the API trims any leading and trailing white
        # space" of string values [V]
        text = "".join(node.itertext()).strip()
        allowed = self.enum(element.type)
        if allowed is not None:
            if text not in allowed:
                # certinia/apex-mdapi issue 54: a fault with code soapenv:Client [V]
                raise InvalidXml(
                    f"'{text}' is not a valid value for the enum '{element.type}'", node=node
                )
            return text
        match element.type:
            case "xsd:boolean":
                if text not in _BOOLEANS:
                    raise _bad_simple(text, element, node)
                return _BOOLEANS[text]
            case "xsd:int" | "xsd:long":
                if not _INTEGER.match(text):
                    raise _bad_simple(text, element, node)
                return int(text)
            case "xsd:double":
                if not _NUMBER.match(text):
                    raise _bad_simple(text, element, node)
                return float(text)
            case _:
                return text


@lru_cache(maxsize=1)
def wsdl() -> Wsdl:
    """The WSDL of the installed simple-salesforce (Metadata API 63.0), parsed once."""
    path = distribution("simple-salesforce").locate_file("simple_salesforce/metadata.wsdl")
    return Wsdl(path)  # type: ignore[arg-type]  # locate_file promises less than it gives


def _local(name: str) -> str:
    """`tns:Portal` -> `Portal`; the schema's own types keep their prefix, `xsd:string`."""
    return name.removeprefix("tns:")


def _bad_simple(text: str, element: Element, node: Any) -> InvalidXml:
    # notes and logs of refused deployments [V]
    return InvalidXml(f"'{text}' is not valid for the type {element.type}", node=node)
