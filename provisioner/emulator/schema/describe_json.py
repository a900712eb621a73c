"""Objects and fields spelled out as the REST API's `describe` answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import Catalog, Field, SObject

_SOAP: Final = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int",
    "double": "xsd:double", "currency": "xsd:double", "percent": "xsd:double",
    "date": "xsd:date", "datetime": "xsd:dateTime", "address": "urn:address",
}  # fmt: skip


def of_field(field: Field) -> dict[str, Any]:
    """The field as `describe` answers it."""
    text = field.is_text
    return {
        "aggregatable": field.aggregatable,
        "aiPredictionField": False,
        "autoNumber": "autonumber" in field.flags,
        "byteLength": field.length * 3 if text else field.length,
        "calculated": False,
        "calculatedFormula": None,
        "cascadeDelete": "master" in field.flags,
        "caseSensitive": "caseSensitive" in field.flags,
        "compoundFieldName": field.compound,
        "controllerName": None,
        "createable": field.createable,
        "custom": field.custom,
        "defaultValue": _default(field),
        "defaultValueFormula": field.formula,
        "defaultedOnCreate": field.defaulted,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": field.digits,
        "displayLocationInDecimal": False,
        "encrypted": False,
        "externalId": "external" in field.flags,
        "extraTypeInfo": field.extra,
        "filterable": field.filterable,
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": False,
        "groupable": field.groupable,
        "highScaleNumber": False,
        "htmlFormatted": False,
        "idLookup": field.id_lookup,
        "inlineHelpText": field.help,
        "label": field.label,
        "length": field.length,
        "mask": None,
        "maskType": None,
        "name": field.name,
        "nameField": "nameField" in field.flags,
        "namePointing": len(field.references) > 1,
        "nillable": field.nillable,
        "permissionable": field.permissionable,
        "picklistValues": [
            {
                "active": True,
                "defaultValue": value.value == field.default,
                "label": value.label,
                "validFor": None,
                "value": value.value,
            }
            for value in field.values
        ],
        "polymorphicForeignKey": len(field.references) > 1,
        "precision": field.precision,
        "queryByDistance": field.type == "address",
        "referenceTargetField": None,
        "referenceTo": list(field.references),
        "relationshipName": field.relationship,
        "relationshipOrder": field.order,
        "restrictedDelete": False,
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "searchPrefilterable": "prefilter" in field.flags,
        "soapType": _SOAP.get(field.type, "xsd:string"),
        "sortable": field.sortable,
        "type": field.type,
        "unique": "unique" in field.flags,
        "updateable": field.updateable,
        "writeRequiresMasterRead": False,
    }


def brief(sobject: SObject, base: str) -> dict[str, Any]:
    """The object as the global describe lists it; `base` is `/services/data/vXX.0`."""
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        **{flag: flag in sobject.flags for flag in _BRIEF},
        "custom": sobject.name.endswith("__c"),
        "customSetting": False,
        "deprecatedAndHidden": False,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": sobject.prefix,
        "label": sobject.label,
        "labelPlural": sobject.plural,
        "name": sobject.name,
        "urls": _urls(sobject, base),
    }


def whole(known: Catalog, sobject: SObject, base: str, instance: str) -> dict[str, Any]:
    """The whole describe of an object, as recorded from a real org."""
    layoutable = "layoutable" in sobject.flags
    urls = _urls(sobject, base)
    if layoutable:
        urls |= {
            "uiDetailTemplate": f"{instance}/{{ID}}",
            "uiEditTemplate": f"{instance}/{{ID}}/e",
            "uiNewRecord": f"{instance}/{sobject.prefix}/e",
        }
    return brief(sobject, base) | {
        "actionOverrides": [],
        "childRelationships": [
            {
                "cascadeDelete": "cascade" in field.flags,
                "childSObject": child.name,
                "deprecatedAndHidden": False,
                "field": field.name,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
                "relationshipName": field.child,
                "restrictedDelete": "restrict" in field.flags,
            }
            for child, field in known.children(sobject.name)
        ],
        "compactLayoutable": layoutable or sobject.name == "UserRole",
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": [of_field(field) for field in sobject.fields.values()],
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [_master(sobject, base)] if layoutable else [],
        "searchLayoutable": layoutable,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": s.label, "name": s.value} for s in sobject.scopes],
        "urls": urls,
    }


_BRIEF: Final = (
    "createable", "deepCloneable", "deletable", "feedEnabled", "layoutable", "mergeable",
    "mruEnabled", "queryable", "replicateable", "retrieveable", "searchable", "triggerable",
    "undeletable", "updateable",
)  # fmt: skip


def _urls(sobject: SObject, base: str) -> dict[str, str]:
    here = f"{base}/sobjects/{sobject.name}"
    urls = {"rowTemplate": f"{here}/{{ID}}", "describe": f"{here}/describe", "sobject": here}
    if "layoutable" in sobject.flags:
        urls |= {
            "compactLayouts": f"{here}/describe/compactLayouts",
            "quickActions": f"{here}/quickActions",
            "layouts": f"{here}/describe/layouts",
        }
        if sobject.name == "User":
            urls["namedLayouts"] = f"{here}/describe/namedLayouts/{{LayoutName}}"
        else:
            urls["approvalLayouts"] = f"{here}/describe/approvalLayouts"
            urls["listviews"] = f"{here}/listviews"
    match sobject.name:
        case "User":
            urls["passwordUtilities"] = f"{here}/{{ID}}/password"
        case "UserRole":
            urls["compactLayouts"] = f"{here}/describe/compactLayouts"
        case "Case":
            urls["caseArticleSuggestions"] = f"{here}/suggestedArticles"
            urls["caseRowArticleSuggestions"] = f"{here}/{{ID}}/suggestedArticles"
    return urls


def _master(sobject: SObject, base: str) -> dict[str, Any]:
    id_ = "012000000000000AAA"
    layout = f"{base}/sobjects/{sobject.name}/describe/layouts/{id_}"
    return {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": True,
        "developerName": "Master",
        "master": True,
        "name": "Master",
        "recordTypeId": id_,
        "urls": {"layout": layout},
    }


def _default(field: Field) -> bool | str | None:
    if field.type == "boolean":
        return field.default == "true"
    return None
