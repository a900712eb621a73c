"""The schemas themselves: valid, described, in step with Salesforce and with our words."""

from __future__ import annotations

import dataclasses
import functools
import json
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from provisioner.spec import environment
from provisioner.spec.policy import Policy
from tests import recorded

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "schemas").glob("*.schema.json"))
SCHEMAS = {path.name: json.loads(path.read_text("utf-8")) for path in FILES}
XSD = "{http://www.w3.org/2001/XMLSchema}"


def parts(node, name="properties"):
    """Every schema that stands for a property, with its JSON path."""
    if isinstance(node, list):
        for item in node:
            yield from parts(item, name)
    if not isinstance(node, dict):
        return
    for keyword, value in node.items():
        if keyword in ("properties", "patternProperties", "$defs"):
            yield from ((f"{name}/{key}", part) for key, part in value.items())
        elif keyword == "additionalProperties" and isinstance(value, dict) and "$ref" not in value:
            yield f"{name}/*", value
        yield from parts(value, f"{name}/{keyword}")


def keywords(node):
    """The keywords in use, apart from the names of properties."""
    if isinstance(node, list):
        for item in node:
            yield from keywords(item)
    if not isinstance(node, dict):
        return
    for keyword, value in node.items():
        yield keyword
        named = keyword in ("properties", "patternProperties", "$defs")
        for part in value.values() if named else [value]:
            yield from keywords(part)


@functools.cache
def metadata():
    folder = find_spec("simple_salesforce").submodule_search_locations[0]
    return ElementTree.parse(Path(folder) / "metadata.wsdl")


def wsdl(type_):
    """The elements of a complex type of the Metadata WSDL with their types."""
    elements = metadata().find(f".//{XSD}complexType[@name='{type_}']").iter(f"{XSD}element")
    return {e.get("name"): e.get("type") for e in elements}


def values(type_):
    """The values of an enumeration of the Metadata WSDL."""
    found = metadata().find(f".//{XSD}simpleType[@name='{type_}']").iter(f"{XSD}enumeration")
    return {v.get("value") for v in found}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_and_its_id_is_its_file(name):
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMAS[name]["$id"] == name


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_property_has_a_description(name):
    bare = [path for path, part in parts(SCHEMAS[name]) if not part.get("description")]
    assert bare == []
    ends = [p for p, part in parts(SCHEMAS[name]) if not part["description"].endswith(".")]
    assert ends == []


def test_every_keyword_has_words():
    known = {
        *["$schema", "$id", "$ref", "$defs", "title", "description"],
        *["x-expected", "x-refused", "x-help", "x-noun", "x-unknown-help", "x-secret"],
        *["properties", "patternProperties", "items", "allOf", "if", "then"],
        *["additionalProperties", "propertyNames", "required", "anyOf", "not", "uniqueItems"],
        *["type", "maxLength", "minLength", "enum", "const", "pattern", "minimum", "maximum"],
        *["minProperties", "maxProperties", "minItems"],
    }
    assert {k for s in SCHEMAS.values() for k in keywords(s)} <= known


@pytest.mark.parametrize("type_", ["OrgSettings", "CommunitiesSettings", "PortalsSettings"])
def test_settings_are_the_booleans_of_the_wsdl(type_):
    boolean = {name for name, kind in wsdl(type_).items() if kind == "xsd:boolean"}
    assert set(SCHEMAS["settings.schema.json"]["properties"][type_]["properties"]) == boolean


def test_a_portal_has_the_elements_of_the_wsdl():
    ours = {"was", "remove", "profiles"}
    properties = SCHEMAS["portal.schema.json"]["properties"]
    assert set(properties) - ours == set(wsdl("Portal"))
    boolean = {name for name, kind in wsdl("Portal").items() if kind == "xsd:boolean"}
    assert {name for name in boolean if properties[name]["type"] == "boolean"} == boolean
    assert set(properties["type"]["enum"]) == values("PortalType")
    assert set(properties["selfRegUserDefaultRole"]["enum"]) - {None} == values("PortalRoles")


def test_layout_behaviours_are_those_of_the_wsdl():
    item = SCHEMAS["layout.schema.json"]["properties"]["fields"]["additionalProperties"]
    assert set(item["properties"]["behavior"]["enum"]) == values("UiBehavior")


@pytest.mark.parametrize("sobject", ["Account", "Contact"])
def test_every_standard_field_of_a_recorded_describe_is_known(sobject):
    properties = SCHEMAS[f"{sobject.lower()}.schema.json"]["properties"]
    for field in recorded.fields(sobject).values():
        known = properties[field["name"]]
        assert ("x-refused" in known) == (not field["updateable"] or field["name"] in REFUSED)
        # A picklist's length is the org's, as are its values.
        if "maxLength" in known and field["type"] != "picklist":
            assert known["maxLength"] == field["length"], field["name"]
        if field["type"] == "boolean" and "type" in known:
            assert known["type"] == "boolean"


# Updateable, but not by us: see its reason in the schema.
REFUSED = {"IsCustomerPortal"}


def test_every_standard_field_of_a_real_user_is_known():
    known = SCHEMAS["user.schema.json"]["properties"]
    flags = ("UserPermissions", "UserPreferences")
    assert {n for n in recorded.user_fields() if not n.startswith(flags)} <= set(known)


@pytest.mark.parametrize(
    ("login", "type_"),
    [
        ("local", environment.Local),
        ("access_token", environment.AccessToken),
        ("jwt", environment.Jwt),
        ("client_credentials", environment.ClientCredentials),
        ("password", environment.UsernamePassword),
        ("sf_cli", environment.SfCli),
    ],
)
def test_a_login_takes_the_fields_of_its_type(login, type_):
    org = SCHEMAS["environment.schema.json"]["properties"]["org"]
    (rule,) = [r["then"] for r in org["allOf"] if r["if"]["properties"]["login"]["const"] == login]
    fields = {f.name for f in dataclasses.fields(type_)}
    assert set(rule["propertyNames"]["enum"]) - {"login", "id"} == fields
    assert set(rule["required"]) <= fields <= set(org["properties"])


def test_a_policy_takes_the_fields_of_its_type():
    policy = SCHEMAS["environment.schema.json"]["properties"]["policy"]["properties"]
    assert set(policy) == {f.name for f in dataclasses.fields(Policy)}


def references(node):
    """Every `$ref` of a schema."""
    if isinstance(node, list):
        node = dict(enumerate(node))
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)


def test_references_between_the_files_are_resolved():
    every = [(name, ref) for name, content in SCHEMAS.items() for ref in references(content)]
    assert len(every) > 50
    for name, ref in every:
        file, _, pointer = ref.partition("#")
        target = SCHEMAS[file or name]
        for step in pointer.split("/")[1:]:
            target = target[step]
        assert isinstance(target, dict)
