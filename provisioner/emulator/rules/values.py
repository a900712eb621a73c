"""The rules that follow from a field's description: names, writability, types, lengths, values."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator import describe, ids
from provisioner.emulator.api import JsonKindError
from provisioner.emulator.errors import SalesforceError
from provisioner.emulator.soql_sql import parse_moment
from provisioner.emulator.store import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.describe import Field, SObject
    from provisioner.emulator.store import Org

_EMAIL: Final = re.compile(r"[^@\s,;:<>()\[\]\"\\]+@[^@\s.,;:<>()]+(\.[^@\s.,;:<>()]+)+")
_JSON_KIND: Final = {
    bool: "VALUE_{}", int: "VALUE_NUMBER_INT", float: "VALUE_NUMBER_FLOAT", str: "VALUE_STRING",
    dict: "START_OBJECT", list: "START_ARRAY",
}  # fmt: skip


def checked(
    org: Org, sobject: SObject, values: Mapping[str, Any], *, current: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The values by field name, as they are stored; `current` is None for a new record.

    Text is trimmed, an empty one is null, e-mail addresses are in lower case, ids have 18
    characters. Raises the first refusal in the order of platform reference 11.3 [U].
    """
    named = _named(org, sobject, values)
    _writable(named, creating=current is None)
    row = {field.name: _typed(field, value) for field, value in named.items()}
    for field in named:
        _well_formed_id(org, field, row)
    _required(sobject, row, creating=current is None)
    for field in named:
        _fits(field, row[field.name])
    for field in named:
        if field.restricted and field.type == "multipicklist" and row[field.name]:
            parts = (_known_value(field, part) for part in row[field.name].split(";"))
            row[field.name] = ";".join(parts)
        elif field.restricted:
            row[field.name] = _known_value(field, row[field.name])
    for field in named:
        if field.type == "email" and row[field.name] is not None:
            if not _EMAIL.fullmatch(row[field.name]):
                raise SalesforceError(
                    "INVALID_EMAIL_ADDRESS",
                    f"{field.label}: invalid email address: {row[field.name]}",
                    (field.name,),
                )
            row[field.name] = row[field.name].lower()
    _references(org, named, row, current)
    _unique_keys(org, sobject, named, row, current)
    return row


def existing(org: Org, sobject: SObject, id_: str) -> dict[str, Any]:
    """The live row of an id; refusals as in platform reference 2.4 [V]."""
    row = org.get(sobject.name, id_)
    if row is None:
        raise SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)
    if row.get("IsDeleted"):
        raise SalesforceError("ENTITY_IS_DELETED", "entity is deleted", (), status=404)
    return row


def id_of(sobject: SObject, text: str, field: Field | None = None) -> str:
    """The 18-character id of that object that `text` is; MALFORMED_ID otherwise (2.3 [V])."""
    found = ids.normal(text)
    if found is None or sobject.prefix != found[:3]:
        name = field.label if field else f"{sobject.label} ID"
        raise malformed_id(name, text, field.name if field else "Id")
    return found


def malformed_id(label: str, text: object, name: str) -> SalesforceError:
    """The refusal of an id of the wrong form or kind (platform reference 2.3 [V])."""
    message = f"{label}: id value of incorrect type: {text}"
    return SalesforceError("MALFORMED_ID", message, (name,))


def _named(org: Org, sobject: SObject, values: Mapping[str, Any]) -> dict[Field, Any]:
    named: dict[Field, Any] = {}
    for name, value in values.items():
        if name == "attributes":
            continue
        field = sobject.field(name)
        if field is None:
            parent = sobject.relationship(name)
            if parent is None or not isinstance(value, dict):
                raise SalesforceError(  # text: platform reference 2.3 [U]
                    "INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}"
                )
            named[parent] = _foreign_key(org, parent, value)
        else:
            named[field] = value
    return named


def _foreign_key(org: Org, field: Field, value: Mapping[str, Any]) -> str:
    """The Id of the parent that `{"Email": "..."}` names (platform reference 9 [V])."""
    keys = [(name, text) for name, text in value.items() if name != "attributes"]
    known = describe.catalog(org)
    attributes = value.get("attributes")
    kind = attributes.get("type") if isinstance(attributes, dict) else None
    if kind not in field.references:
        kind = "User" if "User" in field.references else field.references[0]
    parent = known.get(str(kind))
    key = parent.field(keys[0][0]) if parent and len(keys) == 1 else None
    scalar = len(keys) == 1 and isinstance(keys[0][1], str | int | float)
    if parent is None or key is None or not key.is_key or not scalar:
        raise SalesforceError(  # guess
            "INVALID_FIELD",
            "The external foreign key reference does not reference a valid entity:"
            f" {field.relationship}",
        )
    found = org.find(parent.name, **{key.name: keys[0][1]})
    if len(found) != 1:
        problem = "not found" if not found else "matches several records"
        raise SalesforceError(
            "INVALID_FIELD",
            f"Foreign key external ID: {keys[0][1]} {problem} for field {key.name} in entity"
            f" {parent.name}",
            (),
        )
    return found[0]


def _writable(named: Mapping[Field, Any], *, creating: bool) -> None:
    refused = [
        field.name for field in named if not (field.createable if creating else field.updateable)
    ]
    if refused:
        raise SalesforceError(  # platform reference 2.3 [V]
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            f"Unable to create/update fields: {', '.join(refused)}. Please check the security"
            " settings of this field and verify that it is read/write for your profile or"
            " permission set.",
            tuple(refused),
        )


def _typed(field: Field, value: Any) -> Any:
    """The value in the type of the field; a JSON value of another kind is a parser error."""
    if value is None:
        if field.type == "boolean":
            raise SalesforceError(  # guess
                "INVALID_TYPE_ON_FIELD_IN_RECORD",
                f"{field.label}: value not of required type: null",
                (field.name,),
            )
        return None
    match field.type, value:
        case "boolean", bool():
            return value
        case (("double" | "currency" | "percent"), int() | float()) if not isinstance(value, bool):
            return float(value)
        case "int", int() if not isinstance(value, bool):
            return value
        case (("date" | "datetime"), str()):
            return _moment(field, value)
        case _, str() if field.is_text:
            return value.strip() or None
        case (("id" | "reference"), str()):
            return value.strip() or None
        case _:
            raise _wrong_kind(field, value)


def _moment(field: Field, value: str) -> str | None:
    if not value.strip():
        return None
    try:
        if field.type == "date":
            return date.fromisoformat(value).isoformat()
        return timestamp(parse_moment(value))
    except ValueError:
        raise _wrong_kind(field, value) from None


def _wrong_kind(field: Field, value: Any) -> SalesforceError:
    kind = _JSON_KIND[type(value)].format(str(value).upper())
    shown = "" if isinstance(value, dict | list) else f" value {_json(value)}"
    return JsonKindError(
        f"Cannot deserialize instance of {field.type} from {kind}{shown} or request may be missing"
        " a required field",
        field.name,
    )


def _json(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _well_formed_id(org: Org, field: Field, row: dict[str, Any]) -> None:
    value = row[field.name]
    if field.type != "reference" or value is None:
        return
    known = describe.catalog(org)
    parents = [parent for name in field.references if (parent := known.get(name))]
    found = ids.normal(value)
    if found is None or (parents and all(p.prefix != found[:3] for p in parents)):
        raise malformed_id(field.label, value, field.name)
    row[field.name] = found


def _required(sobject: SObject, row: Mapping[str, Any], *, creating: bool) -> None:
    missing = [
        field.name
        for field in sobject.fields.values()
        if (
            # As `field.required`, spelled out because every row passes every field here.
            field.createable
            and not field.nillable
            and not field.defaulted
            and row.get(field.name) is None
            and (creating or field.name in row)
        )
        or (
            not creating
            and field.updateable
            and not field.nillable
            and field.name in row
            and row[field.name] is None
            and not field.required
        )
    ]
    if missing:
        raise SalesforceError(  # platform reference 2.3 [V]
            "REQUIRED_FIELD_MISSING",
            f"Required fields are missing: [{', '.join(missing)}]",
            tuple(missing),
        )


def _fits(field: Field, value: Any) -> None:
    if isinstance(value, str) and field.is_text and len(value) > field.length:
        raise SalesforceError(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {value} (max length={field.length})",
            (field.name,),
        )
    whole = field.digits or (field.precision - field.scale)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 10**whole:
        raise SalesforceError(  # guess
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on numeric field: {value}",
            (field.name,),
        )


def _known_value(field: Field, value: Any) -> Any:
    if value is None:
        return None
    for known in field.values:
        if known.value.lower() == str(value).lower():
            return known.value
    raise SalesforceError(  # platform reference 2.3 [V]
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        f"{field.label}: bad value for restricted picklist field: {value}",
        (field.name,),
    )


def _references(
    org: Org,
    named: Mapping[Field, Any],
    row: Mapping[str, Any],
    current: Mapping[str, Any] | None,
) -> None:
    known = describe.catalog(org)
    for field in named:
        value = row[field.name]
        if field.type != "reference" or value is None:
            continue
        if current is not None and current.get(field.name) == value:
            continue
        parent = known.by_prefix(value[:3])
        state = _state(org, parent, value) if parent else None
        if state is None or state == "deleted":
            raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
        if field.name == "OwnerId" and state == "inactive":
            raise SalesforceError(  # code [V]; text: guess
                "INACTIVE_OWNER_OR_USER",
                f"operation performed with inactive user [{value[:15]}] as owner",
                ("OwnerId",),
            )


def _state(org: Org, sobject: SObject, id_: str) -> str | None:
    """`live`, `deleted` or `inactive`; None when there is no such row."""
    wanted = [name for name in ("IsDeleted", "IsActive") if sobject.field(name)] or ["Id"]
    listed = ", ".join(f'"{name}"' for name in wanted)
    rows = org.execute(
        f'SELECT {listed} FROM "{sobject.name}" WHERE "Id" = ?',  # noqa: S608 - our names
        (id_,),
    )
    if not rows:
        return None
    found = dict(zip(wanted, rows[0], strict=True))
    if found.get("IsDeleted") == 1:
        return "deleted"
    return "inactive" if found.get("IsActive") == 0 else "live"


def _unique_keys(
    org: Org,
    sobject: SObject,
    named: Mapping[Field, Any],
    row: Mapping[str, Any],
    current: Mapping[str, Any] | None,
) -> None:
    """Custom fields marked unique; the text is platform reference 9 [U]."""
    for field in named:
        if not field.custom or "unique" not in field.flags or row[field.name] is None:
            continue
        for other in org.find(sobject.name, **{field.name: row[field.name]}):
            if current is None or other != current["Id"]:
                raise SalesforceError(
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {field.name} duplicates value on record with id:"
                    f" {other[:15]}",
                    (),
                )
