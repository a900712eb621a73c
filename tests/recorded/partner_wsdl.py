"""The partner WSDL, made of the names and types in `partner-40.json`.

A particle is `name type`, with `nillable` and `from..to` where they apply; `*` stands for elements
of any name. The prefixes are p (partner), s (sObject) and f (fault); types without one are XSD's.
"""

import json
from functools import cache
from pathlib import Path

SPACES = {
    "p": "urn:partner.soap.sforce.com",
    "s": "urn:sobject.partner.soap.sforce.com",
    "f": "urn:fault.partner.soap.sforce.com",
}
_SOAP = "http://schemas.xmlsoap.org/wsdl/soap/"
_NAMES = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in SPACES.items())


@cache
def document():
    return json.loads(Path(__file__).with_name("partner-40.json").read_text("utf-8"))


@cache
def schemas():
    """The XML schema of each namespace, as text."""
    return {prefix: _schema(prefix) for prefix in SPACES}


@cache
def text():
    """The whole WSDL."""
    parts = document()
    headers = dict.fromkeys(
        name for op in parts["operations"].values() for name in (*op["headers"], *op["answers"])
    )
    faults = dict.fromkeys(name for op in parts["operations"].values() for name in op["faults"])
    messages = [_message("Header", {name: f"p:{name}" for name in headers})]
    messages += [_message(name, {"fault": f"f:{name}"}) for name in faults]
    for name in parts["operations"]:
        messages.append(_message(f"{name}Request", {"parameters": f"p:{name}"}))
        messages.append(_message(f"{name}Response", {"result": f"p:{name}Response"}))
    ports = "".join(_port(name, op) for name, op in parts["operations"].items())
    bindings = "".join(_binding(name, op) for name, op in parts["operations"].items())
    return (
        f'<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="{_SOAP}" {_NAMES}'
        f' targetNamespace="{SPACES["p"]}"><types>{"".join(schemas().values())}</types>'
        f'{"".join(messages)}<portType name="Soap">{ports}</portType>'
        '<binding name="SoapBinding" type="p:Soap"><soap:binding style="document"'
        f' transport="http://schemas.xmlsoap.org/soap/http"/>{bindings}</binding>'
        '<service name="SforceService"><port binding="p:SoapBinding" name="Soap">'
        '<soap:address location="https://example.com/services/Soap/u/40.0"/></port></service>'
        "</definitions>"
    )


def _schema(prefix):
    others = "".join(f'<import namespace="{SPACES[p]}"/>' for p in SPACES if p != prefix)
    types = "".join(
        _type(name.split(":")[1], content)
        for name, content in document()["types"].items()
        if name.startswith(f"{prefix}:")
    )
    elements = "".join(
        _element(name.split(":")[1], content)
        for name, content in document()["elements"].items()
        if name.startswith(f"{prefix}:")
    )
    return (
        f'<schema xmlns="http://www.w3.org/2001/XMLSchema" {_NAMES}'
        ' xmlns:x="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified"'
        f' targetNamespace="{SPACES[prefix]}">{others}{types}{elements}</schema>'
    )


def _type(name, content):
    if isinstance(content, dict) and "restricts" in content:
        values = "".join(f'<enumeration value="{value}"/>' for value in content.get("values", ()))
        facets = "".join(
            f'<{facet} value="{content[facet]}"/>'
            for facet in ("length", "pattern")
            if facet in content
        )
        base = _qualified(content["restricts"])
        inner = f'<restriction base="{base}">{values}{facets}</restriction>'
        return f'<simpleType name="{name}">{inner}</simpleType>'
    return f'<complexType name="{name}">{_content(content)}</complexType>'


def _element(name, content):
    if isinstance(content, str):
        return f'<element name="{name}" type="{_qualified(content)}"/>'
    return f'<element name="{name}"><complexType>{_content(content)}</complexType></element>'


def _content(content):
    if isinstance(content, list):
        return f"<sequence>{''.join(map(_particle, content))}</sequence>"
    return (
        f'<complexContent><extension base="{_qualified(content["base"])}">'
        f"{_content(content['parts'])}</extension></complexContent>"
    )


def _particle(line):
    name, type_, *more = line.split()
    counts = next((word for word in more if ".." in word), "1..1")
    least, most = counts.replace("n", "unbounded").split("..")
    times = f'minOccurs="{least}" maxOccurs="{most}"'
    if name == "*":
        return f'<any namespace="##targetNamespace" {times} processContents="lax"/>'
    nil = ' nillable="true"' if "nillable" in more else ""
    return f'<element name="{name}" type="{_qualified(type_)}"{nil} {times}/>'


def _qualified(name):
    return name if ":" in name else f"x:{name}"


def _message(name, parts):
    inner = "".join(f'<part name="{part}" element="{of}"/>' for part, of in parts.items())
    return f'<message name="{name}">{inner}</message>'


def _port(name, operation):
    faults = "".join(
        f'<fault message="p:{fault}" name="{fault}"/>' for fault in operation["faults"]
    )
    return (
        f'<operation name="{name}"><input message="p:{name}Request"/>'
        f'<output message="p:{name}Response"/>{faults}</operation>'
    )


def _binding(name, operation):
    faults = "".join(
        f'<fault name="{fault}"><soap:fault name="{fault}" use="literal"/></fault>'
        for fault in operation["faults"]
    )
    return (
        f'<operation name="{name}"><soap:operation soapAction=""/>'
        f'<input>{_headers(operation["headers"])}<soap:body parts="parameters" use="literal"/></input>'
        f'<output>{_headers(operation["answers"])}<soap:body use="literal"/></output>{faults}</operation>'
    )


def _headers(names):
    return "".join(
        f'<soap:header use="literal" message="p:Header" part="{name}"/>' for name in names
    )
