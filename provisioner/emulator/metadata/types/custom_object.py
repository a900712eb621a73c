"""Metadata `CustomObject`: it really adds objects to the org.

What was deployed is kept as it came, for reading it back; what it means is an `SObject` with a
table of its own. Its fields are the business of `custom_field`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from provisioner.emulator.access import defaults, owned_sets
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata.types import custom_references, layout
from provisioner.emulator.metadata.types.custom_field import CustomFields, no_such
from provisioner.emulator.metadata.types.custom_field_types import check_name
from provisioner.emulator.schema import objects
from provisioner.emulator.store import components
from provisioner.emulator.store.components import Listed

if TYPE_CHECKING:
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.org import Org

_OBJECT_PREFIX: Final = "01I"
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# parts of an object that are components of their own, and of which this org has none
_PARTS: Final = (
    "businessProcesses", "compactLayouts", "fieldSets", "indexes", "listViews", "recordTypes",
    "sharingReasons", "validationRules", "webLinks",
)  # fmt: skip
_FLAGS: Final = (
    "createable deletable layoutable queryable replicateable retrieveable triggerable"
    " undeletable updateable"
)
_STANDARD: Final = (
    "Id | id | Record ID | d",
    "OwnerId | reference Group,User | Owner ID | cud rel=Owner",
    "IsDeleted | boolean | Deleted | d",
)


class CustomObjects:
    """The kind `CustomObject`; see `registry.Kind` for the promises.

    A standard object is one too: it can be read, fields can be added to it, and its sharing
    models be changed.
    """

    name = "CustomObject"
    directory = "objects"
    suffix = "object"

    def list(self, org: Org) -> list[Listed]:
        """The custom objects; the standard ones have no id and are not told of here."""
        return [
            Listed(row.id, unquote(row.full_name), row.stamp)
            for row in components.rows(org, self.name)
        ]

    def read(self, org: Org, full_name: str) -> Value | None:
        sobject = org.catalog().get(full_name)
        if sobject is None or "layoutable" not in sobject.flags:
            return None
        row = components.by_name(org, self.name, sobject.name)
        standard: Value = {"label": sobject.label} | defaults.told(org, sobject.name)
        stored = standard if row is None else json.loads(row.body)
        if row is not None and defaults.master(org, sobject.name):
            stored["sharingModel"] = defaults.PARENT
        values = {"fullName": sobject.name} | stored
        fields = [
            json.loads(one.body) | {"fullName": unquote(one.full_name).partition(".")[2]}
            for one in components.rows(org, "CustomField")
            if unquote(one.full_name).partition(".")[0] == sobject.name
        ]
        return values | ({"fields": fields} if fields else {})

    def create(self, org: Org, values: Value, by: str) -> None:
        name = values["fullName"]
        check_name(name)
        if org.catalog().get(name) is not None:
            raise SalesforceError(  # recorded in a comment of a public client [V]
                "DUPLICATE_DEVELOPER_NAME",
                "That object name is already in use.",
                ("DeveloperName",),
            )
        _check_parts(values)
        body = _checked(values)
        _check_sharing(values, detail=False)
        prefix = _key_prefix(org.next_number("custom object"))
        org.put_custom_object(_data(name, prefix, body))
        id_ = org.new_id(_OBJECT_PREFIX)
        components.add(org, self.name, id_, name, json.dumps(body), by)
        _grant(org, name, by)
        layout.make_first(org, name, body["label"], by)
        org.audit(by, "createdcustent", "Custom Objects", f"Created custom object: {body['label']}")
        self._save_fields(org, name, values, by)

    def update(self, org: Org, values: Value, by: str) -> None:
        sobject = org.catalog().get(values["fullName"])
        if sobject is None:
            raise no_such(self.name, values["fullName"])
        _check_parts(values)
        row = components.by_name(org, self.name, sobject.name)
        if row is not None:
            body = _checked(values)
            detail = defaults.master(org, sobject.name) is not None
            _check_sharing(values, detail=detail)
            assert sobject.prefix is not None, "made with one"
            org.put_custom_object(_data(sobject.name, sobject.prefix, body))
            components.change(org, self.name, row.id, row.full_name, json.dumps(body), by)
            display = f"Changed custom object: {body['label']}"
            org.audit(by, "changedcustent", "Custom Objects", display)
        else:
            defaults.change(org, sobject.name, values, by)
        self._save_fields(org, sobject.name, values, by)

    def delete(self, org: Org, full_name: str, by: str) -> None:
        row = components.by_name(org, self.name, full_name)
        if row is None:
            if org.catalog().get(full_name) is not None:
                raise SalesforceError(  # guess
                    "INVALID_OPERATION", f"Cannot delete standard object {full_name}", ()
                )
            raise no_such(self.name, full_name)
        name = unquote(row.full_name)
        for child, field in org.catalog().children(name):
            if child.name != name and field.custom:
                raise _in_use(f"Custom Field - {child.name}.{field.name}")
        for one in components.rows(org, "CustomField"):
            if unquote(one.full_name).partition(".")[0].lower() == name.lower():
                components.remove(org, "CustomField", one.id)
        custom_references.forget_object(org, name)
        components.remove(org, self.name, row.id)
        org.remove_custom_object(name)
        org.audit(by, "deletedcustent", "Custom Objects", f"Deleted custom object: {name}")

    def rename(self, org: Org, old: str, new: str, by: str) -> None:
        """Refused: a real org renames objects, this one does not (guess)."""
        raise SalesforceError("INVALID_OPERATION", f"{self.name} can't be renamed", ())

    def _save_fields(self, org: Org, name: str, values: Value, by: str) -> None:
        kind = CustomFields()
        for field in values.get("fields", []):
            full_name = f"{name}.{field.get('fullName', '')}"
            if not full_name.endswith("__c"):
                continue  # a standard field; what metadata can change of it is not modelled
            kind.save(org, field | {"fullName": full_name}, by)


def _check_parts(values: Value) -> None:
    for part in _PARTS:
        if values.get(part):
            # a real org has them; refused rather than dropped
            raise _refused(f"{part} are not supported in this organization")


def _checked(values: Value) -> dict[str, Any]:
    """What to keep of an object's own values."""
    for name in ("label", "pluralLabel"):
        if not values.get(name):
            # label: sfdx-hardis 2140 [V], pluralLabel by analogy [I]
            raise _refused(f"Must specify a non-empty {name} for the CustomObject")
    held = values.get("nameField", {})
    if held.get("type") not in {"Text", "AutoNumber"}:
        raise _refused("Must specify a nameField of type Text or AutoNumber")  # [U]
    if held["type"] == "AutoNumber" and not held.get("displayFormat"):
        raise _refused("Must specify 'displayFormat' for a CustomField of type AutoNumber")
    if "sharingModel" not in values:
        raise _refused("Must specify a sharingModel for the CustomObject")  # guess
    if values.get("customSettingsType"):
        raise _refused("customSettingsType is not supported in this organization")
    return {k: v for k, v in values.items() if k not in {"fullName", "fields"}}


def _check_sharing(values: Value, *, detail: bool) -> None:
    """Refuses a sharing model that does not fit; only the fields of the call count (salto 1648).

    Texts: deployment logs, and what Gearset and AutoRABIT tell of them [V].
    """
    model = values["sharingModel"]
    masters = any(field.get("type") == "MasterDetail" for field in values.get("fields", []))
    if model == defaults.PARENT and not masters:
        raise _refused(
            f"Cannot set sharingModel to {model} on a CustomObject without a MasterDetail"
            " relationship field"
        )
    if model != defaults.PARENT and (masters or detail):
        raise _refused(
            f"Cannot set sharingModel to {model} on a CustomObject with a MasterDetail"
            " relationship field"
        )


def _data(name: str, prefix: str, body: Value) -> dict[str, Any]:
    """The object in the form of the files in `data/`."""
    held = body["nameField"]
    automatic = held["type"] == "AutoNumber"
    name_field = objects.Field(
        name="Name",
        type="string",
        label=held.get("label") or f"{body['label']} Name",
        length=30 if automatic else 80,
        createable=not automatic,
        updateable=not automatic,
        nillable=not automatic,  # a record without a name gets its id, hence defaulted too
        defaulted=True,
        flags=frozenset(
            {"nameField"} | ({"autonumber", "idLookup"} if automatic else {"idLookup"})
        ),
        display_format=held.get("displayFormat") if automatic else None,
    )
    fields = [*_STANDARD, objects.field_line(name_field), "@audit"]
    if body.get("enableActivities"):
        fields.append("LastActivityDate | date | Last Activity Date | n")
    flags = _FLAGS
    flags += " feedEnabled" if body.get("enableFeeds") else ""
    flags += " searchable" if body.get("enableSearch") else ""
    return {
        "name": name,
        "keyPrefix": prefix,
        "label": body["label"],
        "labelPlural": body["pluralLabel"],
        "flags": flags,
        "scopes": [f"everything=All {body['pluralLabel']}", f"mine=My {body['pluralLabel']}"],
        "fields": fields,
    }


def _key_prefix(number: int) -> str:
    """`a00` for the first custom object, then `a01` and on [U]."""
    high, low = divmod(number - 1, len(_DIGITS))
    return f"a{_DIGITS[high]}{_DIGITS[low]}"


def _grant(org: Org, name: str, by: str) -> None:
    """The administrator's profile may do all with a new object [U]; no other profile anything."""
    (profile,) = org.select("Profile", FullName="Admin")
    owned = owned_sets.of(org, profile["Id"])
    rights = ("Create", "Read", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords")
    values = {"ParentId": owned, "SobjectType": name}
    org.insert(
        "ObjectPermissions", values | {f"Permissions{right}": True for right in rights}, by=by
    )


def _in_use(by: str) -> SalesforceError:
    # salesforce.stackexchange.com question 16777 [V], said there of a field
    return SalesforceError(
        "DEPENDENCY_EXISTS", f"This custom object is referenced elsewhere in salesforce.com: {by}",
        (),
    )  # fmt: skip


def _refused(message: str) -> SalesforceError:
    # code: as that of a field in a recorded answer, see custom_fields [I]
    return SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, ())
