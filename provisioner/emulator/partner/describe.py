"""The describe calls of the partner API, in the order that its schema wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.http import context, soap_partner
from provisioner.emulator.http.soap_partner import Nil, Typed
from provisioner.emulator.partner.call import sobject_of, too_many
from provisioner.emulator.schema import describe_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.partner.call import Call

_MOST_DESCRIBED: Final = 100  # objects of describeSObjects (the WSDL's maxOccurs)
# The elements in the order of the schema; `?` marks one that is left out when it is null.
_OBJECT: Final = (
    "activateable childRelationships compactLayoutable createable custom customSetting deletable"
    " deprecatedAndHidden feedEnabled fields hasSubtypes idEnabled isSubtype keyPrefix label"
    " labelPlural layoutable mergeable mruEnabled name networkScopeFieldName queryable"
    " recordTypeInfos replicateable retrieveable searchLayoutable searchable supportedScopes"
    " triggerable undeletable updateable urlDetail urlEdit urlNew"
)
_FIELD: Final = (
    "aggregatable autoNumber byteLength calculated calculatedFormula? cascadeDelete caseSensitive"
    " compoundFieldName? controllerName? createable custom defaultValue? defaultValueFormula?"
    " defaultedOnCreate dependentPicklist deprecatedAndHidden digits displayLocationInDecimal"
    " encrypted externalId extraTypeInfo? filterable filteredLookupInfo? groupable highScaleNumber"
    " htmlFormatted idLookup inlineHelpText? label length mask? maskType? name nameField"
    " namePointing nillable permissionable picklistValues polymorphicForeignKey precision"
    " queryByDistance referenceTargetField? referenceTo relationshipName? relationshipOrder?"
    " restrictedDelete restrictedPicklist scale searchPrefilterable soapType sortable type unique"
    " updateable writeRequiresMasterRead"
)
_GLOBAL: Final = (
    "activateable createable custom customSetting deletable deprecatedAndHidden feedEnabled"
    " hasSubtypes idEnabled isSubtype keyPrefix label labelPlural layoutable mergeable mruEnabled"
    " name queryable replicateable retrieveable searchable triggerable undeletable updateable"
)
_CHILD: Final = (
    "cascadeDelete childSObject deprecatedAndHidden field relationshipName? restrictedDelete"
)
_ENTRY: Final = "active defaultValue label validFor? value"
_RECORD_TYPE: Final = "available defaultRecordTypeMapping master name recordTypeId"


def one(call: Call) -> list[Any]:
    """describeSObject."""
    return [_described(call, soap_partner.text(call.body, "sObjectType"))]


def several(call: Call) -> list[Any]:
    """describeSObjects."""
    names = soap_partner.texts(call.body, "sObjectType")
    if len(names) > _MOST_DESCRIBED:
        raise too_many(_MOST_DESCRIBED)
    return [_described(call, name) for name in names]


def _described(call: Call, name: str) -> dict[str, Any]:
    known, sobject = visible.catalog(call.org, call.by, call.version), sobject_of(call, name)
    whole = describe_json.whole(known, sobject, call.base, context.instance_url())
    urls = whole["urls"]
    whole |= {
        "idEnabled": False,  # general knowledge [U]
        "urlDetail": urls.get("uiDetailTemplate"),
        "urlEdit": urls.get("uiEditTemplate"),
        "urlNew": urls.get("uiNewRecord"),
        "childRelationships": [_ordered(part, _CHILD) for part in whole["childRelationships"]],
        "recordTypeInfos": [_ordered(part, _RECORD_TYPE) for part in whole["recordTypeInfos"]],
        "fields": [_field(field) for field in whole["fields"]],
    }
    return _ordered(whole, _OBJECT)


def _field(described: Mapping[str, Any]) -> dict[str, Any]:
    default = described["defaultValue"]
    shown = dict(described) | {
        "picklistValues": [_ordered(part, _ENTRY) for part in described["picklistValues"]],
        "defaultValue": None if default is None else _any(default),
        # the REST API's prefix is another than the WSDL's
        "soapType": described["soapType"].replace("urn:address", "tns:address"),
    }
    return _ordered(shown, _FIELD)


def _any(value: Any) -> Typed:
    if isinstance(value, bool):
        return Typed("xsd:boolean", "true" if value else "false")
    return Typed("xsd:string", str(value))


def _ordered(values: Mapping[str, Any], names: str) -> dict[str, Any]:
    found = {}
    for name in names.split():
        value = values.get(name.removesuffix("?"))
        found[name.removesuffix("?")] = Nil() if value is None and name[-1] != "?" else value
    return found


def everything(call: Call) -> list[Any]:
    """describeGlobal."""
    known = visible.catalog(call.org, call.by, call.version)
    sobjects = sorted(known.sobjects.values(), key=lambda each: each.name)
    brief = [describe_json.brief(each, call.base) | {"idEnabled": False} for each in sobjects]
    return [
        {
            "encoding": "UTF-8",
            "maxBatchSize": 200,
            "sobjects": [_ordered(each, _GLOBAL) for each in brief],
        }
    ]
