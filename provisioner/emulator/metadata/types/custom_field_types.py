"""What a custom field's metadata means: which properties its type takes, and how it is described.

Pure: metadata in, a `objects.Field` or a refusal out. The texts of the refusals are Salesforce's
where a comment says so; "Can not specify 'deleteConstraint' for a CustomField of type
MasterDetail" is quoted in forcedotcom/afv-library [V], and the others of that form follow it [I].
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.schema.objects import Field
from provisioner.emulator.schema.objects import Value as PicklistValue

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import Catalog, SObject
    from provisioner.emulator.schema.wsdl import Value

_NAME: Final = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*\Z")
_LONGEST_NAME: Final = 40  # without the suffix; general knowledge [U]
_LITERAL: Final = re.compile(r'"([^"\\]*)"\Z|([+-]?[0-9]+(?:\.[0-9]+)?)\Z')
_FORMULAS: Final = frozenset({"TODAY()", "NOW()"})


@dataclass(frozen=True, slots=True)
class _Type:
    """What describe calls a type, which properties it needs and which it may have besides."""

    described: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    length: int = 0
    extra: str | None = None


_KEY: Final = ("externalId", "unique", "caseSensitive")
# lengths and describe types as in the recorded describes of custom fields, or [U]
_TYPES: Final = {
    "AutoNumber": _Type("string", ("displayFormat",), ("startingNumber", "externalId"), 30),
    "Checkbox": _Type("boolean", ("defaultValue",)),
    "Currency": _Type("currency", ("precision", "scale")),
    "Date": _Type("date"),
    "DateTime": _Type("datetime"),
    "Email": _Type("email", (), ("externalId", "unique"), 80),
    "LongTextArea": _Type("textarea", ("length", "visibleLines"), extra="plaintextarea"),
    "Lookup": _Type("reference", ("referenceTo",), ("relationshipName", "deleteConstraint")),
    "MasterDetail": _Type(
        "reference",
        ("referenceTo", "relationshipName"),
        ("relationshipOrder", "reparentableMasterDetail", "writeRequiresMasterRead"),
    ),
    "MultiselectPicklist": _Type("multipicklist", ("valueSet", "visibleLines"), (), 4099),
    "Number": _Type("double", ("precision", "scale"), ("externalId", "unique")),
    "Percent": _Type("percent", ("precision", "scale")),
    "Phone": _Type("phone", (), (), 40),
    "Picklist": _Type("picklist", ("valueSet",), (), 255),
    "Text": _Type("string", ("length",), _KEY),
    "TextArea": _Type("textarea", (), (), 255, "plaintextarea"),
    "Url": _Type("url", (), (), 255),
}
# properties that only some types take; all others are accepted and read back with any type
_PARTICULAR: Final = frozenset(
    name for known in _TYPES.values() for name in known.needs + known.takes
) - {"defaultValue"}
# what many tools write into every field; harmless when it says nothing
_IDLE: Final = frozenset({"externalId", "unique", "caseSensitive"})
_LENGTHS: Final = {"Text": (1, 255), "LongTextArea": (256, 131_072)}  # Metadata guide, CustomField


def check_name(name: str) -> None:
    """Refuses a developer name that is not one; `name` has its suffix."""
    if not name.endswith("__c"):
        # lightning-fieldset issue 17, b2c-crm-sync issue 71 [V]
        raise _refused(
            "fullName must end with: __c or __kav or __x or __b or __e or __p or __mdt or __dll"
            " or __dlm"
        )
    plain = name.removesuffix("__c")
    if not _NAME.match(plain):
        raise _refused(  # what the setup pages say [U]
            f"The name {plain} can only contain underscores and alphanumeric characters. It must"
            " be unique, begin with a letter, not include spaces, not end with an underscore,"
            " and not contain two consecutive underscores."
        )
    if len(plain) > _LONGEST_NAME:
        raise _refused(f"fullName: data value too large: {name} (max length={_LONGEST_NAME + 3})")


def described(known: Catalog, sobject: SObject, name: str, values: Value) -> Field:
    """The field `name` of `sobject` as describe has it; refuses what Salesforce would."""
    type_name = values.get("type")
    if not type_name:
        raise _refused("Must specify a type for the CustomField")  # guess
    if values.get("formula") or type_name not in _TYPES:
        what = "Formula" if values.get("formula") else type_name
        # a real org has them; this one refuses what it can not compute
        raise _refused(f"Field type {what} is not supported in this organization")
    if not values.get("label"):
        # as for CustomObject, devops issue sfdx-hardis 2140 [V]
        raise _refused("Must specify a non-empty label for the CustomField")
    kind = _TYPES[type_name]
    _check_properties(kind, type_name, values)
    reference = type_name in {"Lookup", "MasterDetail"}
    required = bool(values.get("required")) or type_name == "MasterDetail"
    automatic = type_name == "AutoNumber"
    boolean = kind.described == "boolean"
    default, formula = _default(type_name, values)
    numeric = {"precision", "scale"} <= set(kind.needs)
    writable = not automatic
    moved = type_name != "MasterDetail" or bool(values.get("reparentableMasterDetail"))
    picks = _picklist(values.get("valueSet", {})) if "valueSet" in kind.needs else ((), None)
    return Field(
        name=name,
        type=kind.described,
        label=values["label"],
        length=18 if reference else values.get("length", kind.length),
        precision=values["precision"] if numeric else 0,
        scale=values["scale"] if numeric else 0,
        createable=writable,
        updateable=writable and moved,
        nillable=not (required or automatic or boolean),
        # what every profile may see has no field permissions: guess from "You cannot deploy to a
        # required field", public deployment logs
        permissionable=not required,
        defaulted=automatic or boolean or default is not None or picks[1] is not None,
        references=(_parent(known, values["referenceTo"]),) if reference else (),
        relationship=f"{name.removesuffix('__c')}__r" if reference else None,
        child=_child(known, sobject, name, values) if reference else None,
        values=picks[0],
        extra=kind.extra,
        default=default if default is not None else picks[1],
        flags=_flags(type_name, values),
        custom=True,
        formula=formula,
        help=values.get("inlineHelpText"),
        display_format=values["displayFormat"] if automatic else None,
        order=_order(sobject, name) if type_name == "MasterDetail" else None,
    )


def _check_properties(kind: _Type, type_name: str, values: Value) -> None:
    for needed in kind.needs:
        if needed not in values and needed == "valueSet":
            # salesforcer issue 7 [V]
            raise _refused("You must specify either picklist, globalPicklist, or valueSet")
        if needed not in values:
            raise _refused(f"Must specify '{needed}' for a CustomField of type {type_name}")
    for given in sorted(_PARTICULAR.intersection(values)):
        idle = given in _IDLE and values[given] is False
        # so of the fixed length of a TextArea, deployment logs of 2026 [V]
        if given not in kind.needs + kind.takes and not idle:
            raise _not_for(type_name, given)
    if type_name == "MasterDetail" and "required" in values:
        # forcedotcom/afv-library [V]
        raise _refused("Master-Detail Relationship Fields Cannot be Optional or Required")
    if type_name == "LongTextArea" and values.get("required"):
        # findings of a public project's deployments [V]
        raise _not_for(type_name, "required")
    _check_values(kind, type_name, values)


def _not_for(type_name: str, given: str) -> SalesforceError:
    return _refused(f"Can not specify '{given}' for a CustomField of type {type_name}")


def _check_values(kind: _Type, type_name: str, values: Value) -> None:
    low, high = _LENGTHS.get(type_name, (0, 0))
    if high and not low <= values["length"] <= high:
        raise _refused(f"length must be between {low} and {high}")  # guess
    if "precision" in kind.needs:
        precision, scale = values["precision"], values["scale"]
        if not 1 <= precision <= 18 or not 0 <= scale <= precision:
            raise _refused(f"precision must be between 1 and 18, and scale at most {precision}")
    if kind.described == "boolean" and values["defaultValue"] not in {"true", "false"}:
        raise _refused("defaultValue must be true or false")  # guess


def _flags(type_name: str, values: Value) -> frozenset[str]:
    flags = set()
    if values.get("externalId"):
        flags |= {"external", "idLookup"}
    if values.get("unique"):
        flags.add("unique")
    if values.get("caseSensitive"):
        flags.add("caseSensitive")
    if values.get("valueSet", {}).get("restricted"):
        flags.add("restricted")
    match type_name, values.get("deleteConstraint"):
        case "AutoNumber", _:
            flags.add("autonumber")
        case "MasterDetail", _:
            flags |= {"master", "cascade"}
        case _, "Restrict":
            flags.add("restrict")
        case _, "Cascade":
            flags.add("cascade")
    return frozenset(flags)


def _default(type_name: str, values: Value) -> tuple[str | None, str | None]:
    """The value a new record gets, and the formula that describe shows."""
    written = values.get("defaultValue")
    if written is None:
        return None, None
    if type_name == "Checkbox":
        return written, None
    if written in _FORMULAS:
        return written, written
    found = _LITERAL.match(written)
    if not found:
        # a real org computes any formula; this one only literals, TODAY() and NOW()
        raise _refused(f"The default value formula {written} is not supported in this organization")
    return found[1] if found[1] is not None else found[2], written


def _picklist(given: Value) -> tuple[tuple[PicklistValue, ...], str | None]:
    """The active values, and the one that is the default."""
    if "valueSetName" in given or "controllingField" in given:
        name = "valueSetName" if "valueSetName" in given else "controllingField"
        # this org has no global value sets and no dependent picklists
        raise _refused(f"In field: {name} - no GlobalValueSet named {given[name]} found")
    entries = given.get("valueSetDefinition", {}).get("value", [])
    if not entries:
        raise _refused("You must specify at least one picklist value")  # guess
    active = [entry for entry in entries if entry.get("isActive", True)]
    seen: set[str] = set()
    for entry in entries:
        name = entry.get("fullName", "")
        if name.lower() in seen:
            raise _refused(f"Duplicate label: {name}")  # guess
        seen.add(name.lower())
    default = next((entry["fullName"] for entry in active if entry.get("default")), None)
    found = (PicklistValue(entry["fullName"], entry.get("label", entry["fullName"]))
             for entry in active)  # fmt: skip
    return tuple(found), default


def _parent(known: Catalog, written: str) -> str:
    parent = known.get(written)
    if parent is None or "queryable" not in parent.flags:
        # a recorded answer in a public test [V]
        raise _refused(f"referenceTo value of '{written}' does not resolve to a valid sObject type")
    return parent.name


def _child(known: Catalog, sobject: SObject, name: str, values: Value) -> str | None:
    """The child relationship, which must be free among those of the parent."""
    if not values.get("relationshipName"):
        return None
    child = f"{values['relationshipName']}__r"
    for other, reference in known.children(_parent(known, values["referenceTo"])):
        same = (other.name, reference.name.lower()) == (sobject.name, name.lower())
        if reference.child and reference.child.lower() == child.lower() and not same:
            raise SalesforceError(  # text: public deployment logs [V]; code: that of objects [I]
                "DUPLICATE_DEVELOPER_NAME",
                "There is already a Child Relationship named"
                f" {values['relationshipName']} on {values['referenceTo']}.",
                (),
            )
    return child


def _order(sobject: SObject, name: str) -> int:
    others = [f for f in sobject.fields.values() if "master" in f.flags and f.name != name]
    if len(others) > 1:
        raise _refused(f"{sobject.label} has already two master-detail relationships")  # guess
    return len(others)


def _refused(message: str) -> SalesforceError:
    # code: a recorded answer in a public test, of a wrong referenceTo [V]; of the others [I]
    return SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, ())
