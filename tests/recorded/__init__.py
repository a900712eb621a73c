"""What recordings of real orgs show, as names, types and flags: nothing here is a recorded body.

`describe.json` keeps a describe as what differs from the most frequent value of each property;
the functions below put the two together again.
"""

import json
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def _document():
    return json.loads((FOLDER / "describe.json").read_text("utf-8"))


def fields(sobject):
    """The standard fields of Account or Contact by name, each with all of its properties."""
    default = _document()["field"]
    described = {
        name: default | {"name": name} | properties
        for name, properties in _document()["objects"][sobject]["fields"].items()
    }
    return {
        name: field | {"picklistValues": [_value(text) for text in field["picklistValues"]]}
        for name, field in described.items()
    }


def properties(sobject):
    """The properties of Account or Contact that are neither lists nor objects."""
    return _document()["objects"][sobject]["properties"]


def urls(sobject):
    """The names of the addresses in the describe of Account or Contact."""
    return set(_document()["objects"][sobject]["urls"])


def children(sobject):
    """The child relationships of Account or Contact, in the form of a describe."""
    for path, (name, *flags) in _document()["objects"][sobject]["children"].items():
        child, field = path.split(".")
        yield {
            "cascadeDelete": "cascadeDelete" in flags,
            "childSObject": child,
            "deprecatedAndHidden": "deprecatedAndHidden" in flags,
            "field": field,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": name,
            "restrictedDelete": "restrictedDelete" in flags,
        }


def listed():
    """The standard objects in the list of all objects, by name: properties and address names."""
    listing = _document()["listed"]
    return {
        name: listing["properties"] | {"name": name, "urls": listing["urls"]} | properties
        for name, properties in listing["objects"].items()
    }


def organization():
    """The names of the fields of an Organization row, and values that Developer orgs share."""
    return _document()["organization"]["fields"], _document()["organization"]["values"]


def user_fields():
    """The plain fields of User in a Developer org without portals: name -> XML type."""
    return {name: kind for kind, names in _document()["user"].items() for name in names}


def _value(text):
    value, _, label = text.partition("=")
    return {
        "active": True,
        "defaultValue": False,
        "label": label or value,
        "validFor": None,
        "value": value,
    }
