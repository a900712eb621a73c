"""EntityDefinition and FieldDefinition: the objects and fields of an org, as rows to be asked for.

SOQL of the REST, SOAP and Tooling APIs has both (object reference and Tooling API reference [V]).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import defaults
from provisioner.emulator.schema import virtual
from provisioner.emulator.schema.objects import Catalog

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.schema.virtual import Rows
    from provisioner.emulator.store.org import Org

# The fields that this org can tell of, those of the reference being many more.
_ENTITY: Final = virtual.entity("EntityDefinition", None, "queryable", (
    "Id | id | Entity Definition ID | d",
    "DurableId | string 255 | Durable ID | -",
    "QualifiedApiName | string 70 | Qualified API Name | n",
    "DeveloperName | string 40 | Developer Name | n",
    "Label | string 70 | Label | n",
    "PluralLabel | string 70 | Plural Label | n",
    "NamespacePrefix | string 15 | Namespace Prefix | n",
    "KeyPrefix | string 3 | Key Prefix | n",
    "IsQueryable | boolean | Queryable | d",
    "IsCustomizable | boolean | Customizable | d",
    "IsLayoutable | boolean | Layoutable | d",
    "IsCustomSetting | boolean | Custom Setting | d",
    "InternalSharingModel | picklist 40 | Internal Sharing Model | n",
    "ExternalSharingModel | picklist 40 | External Sharing Model | n",
))  # fmt: skip
_FIELD: Final = virtual.entity("FieldDefinition", None, "queryable", (
    "Id | id | Field Definition ID | d",
    "DurableId | string 255 | Durable ID | -",
    "QualifiedApiName | string 70 | Qualified API Name | n",
    "DeveloperName | string 40 | Developer Name | n",
    "EntityDefinitionId | string 255 | Entity Definition ID | n rel=EntityDefinition",
    "Label | string 255 | Label | n",
    "Length | int 8 | Length | n",
    "DataType | string 255 | Data Type | n",
    "IsNillable | boolean | Nillable | d",
    "IsIndexed | boolean | Indexed | d",
))  # fmt: skip
OBJECTS: Final[Mapping[str, SObject]] = {one.name.lower(): one for one in (_ENTITY, _FIELD)}


def added(known: Catalog) -> Catalog:
    """The objects that queries know: those of a catalog and these two."""
    return Catalog({**known.sobjects, **OBJECTS})


def sources(org: Org, seen: Catalog) -> dict[str, Rows]:
    """What makes the SQL of the rows, for a user who sees the objects of `seen`."""
    return {
        _ENTITY.name: lambda: virtual.rows(_ENTITY, _entities(org, seen)),
        _FIELD.name: lambda: virtual.rows(_FIELD, _fields(seen)),
    }


def _entities(org: Org, seen: Catalog) -> Iterable[dict[str, Any]]:
    for sobject in seen.sobjects.values():
        yield {
            "Id": sobject.name,
            "DurableId": sobject.name,
            "QualifiedApiName": sobject.name,
            "DeveloperName": sobject.name.removesuffix("__c"),
            "Label": sobject.label,
            "PluralLabel": sobject.plural,
            "NamespacePrefix": None,
            "KeyPrefix": sobject.prefix,
            "IsQueryable": "queryable" in sobject.flags,
            "IsCustomizable": "layoutable" in sobject.flags,
            "IsLayoutable": "layoutable" in sobject.flags,
            "IsCustomSetting": False,
            **_sharing(org, sobject.name),
        }


def _fields(seen: Catalog) -> Iterable[dict[str, Any]]:
    for sobject in seen.sobjects.values():
        for field in sobject.fields.values():
            durable = f"{sobject.name}.{field.name.removesuffix('__c')}"
            yield {
                "Id": durable,
                "DurableId": durable,
                "QualifiedApiName": field.name,
                "DeveloperName": field.name.removesuffix("__c"),
                "EntityDefinitionId": sobject.name,
                "Label": field.label,
                "Length": field.length,
                # its words ("Text(255)", "Lookup(User)") are those of Setup: the API's type here
                "DataType": field.type,
                "IsNillable": field.nillable,
                "IsIndexed": field.is_key,
            }


def _sharing(org: Org, name: str) -> dict[str, str]:
    told = defaults.told(org, name)
    if not told:
        return {}
    # The words are those of metadata, too (object reference, "EntityDefinition" [V]).
    return {
        "InternalSharingModel": told["sharingModel"],
        "ExternalSharingModel": told["externalSharingModel"],
    }
