"""Metadata `CustomField`: it really adds fields to the org.

What was deployed is kept as it came, for reading it back; what it means is a `objects.Field` and
a column of its own, so that describe, SOQL and rows follow by construction.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata.types import (
    custom_field_types,
    custom_references,
    layout,
)
from provisioner.emulator.metadata.types.custom_field_types import check_name
from provisioner.emulator.rules import custom_relationships
from provisioner.emulator.schema import objects
from provisioner.emulator.store import components
from provisioner.emulator.store.components import Listed

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import Field, SObject
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.org import Org

_KEY_PREFIX: Final = "00N"
_REFERENCES: Final = ("Lookup", "MasterDetail")


class CustomFields:
    """The kind `CustomField`; see `registry.Kind` for the promises.

    No profile is given permissions for a new field, as in Salesforce; the local org shows it to
    everybody all the same, for it has no field-level security.
    """

    name = "CustomField"
    directory = "objects"
    suffix = "object"

    def list(self, org: Org) -> list[Listed]:
        return [
            Listed(row.id, unquote(row.full_name), row.stamp)
            for row in components.rows(org, self.name)
        ]

    def read(self, org: Org, full_name: str) -> Value | None:
        row = components.by_name(org, self.name, full_name)
        if row is None:
            return None
        values: Value = json.loads(row.body)
        return {"fullName": unquote(row.full_name)} | values

    def create(self, org: Org, values: Value, by: str) -> None:
        sobject, name = _place(org, values["fullName"])
        check_name(name)
        if sobject.field(name) is not None:
            raise SalesforceError(  # general knowledge [U]
                "DUPLICATE_DEVELOPER_NAME", f"There is already a field named {name} on"
                f" {sobject.label}.", (),
            )  # fmt: skip
        field = custom_field_types.described(org.catalog(), sobject, name, values)
        if "master" in field.flags:
            _check_detail(org, sobject)
            layout.take_off(org, sobject.name, "OwnerId")
        org.add_custom_field(sobject.name, objects.field_line(field))
        if field.display_format:
            _number(org, sobject, field, values.get("startingNumber", 1))
        id_ = org.new_id(_KEY_PREFIX)
        components.add(org, self.name, id_, f"{sobject.name}.{name}", _body(values), by)
        display = f"Created custom field: {field.label} ({values['type']})"
        org.audit(by, "createdCF", f"Customize {sobject.plural}", display)

    def update(self, org: Org, values: Value, by: str) -> None:
        sobject, name = _place(org, values["fullName"])
        row = components.by_name(org, self.name, values["fullName"])
        held = sobject.field(name)
        if row is None or held is None:
            raise no_such(self.name, values["fullName"])
        before = json.loads(row.body)
        if values.get("type") != before["type"]:
            raise _other_type(before["type"], values.get("type", ""))
        field = custom_field_types.described(org.catalog(), sobject, held.name, values)
        if field.references != held.references:
            raise SalesforceError(  # text: notes of refused deployments [V]; code: as the others
                "FIELD_INTEGRITY_EXCEPTION", "Cannot update referenceTo", ()
            )
        org.change_custom_field(sobject.name, objects.field_line(field))
        components.change(org, self.name, row.id, row.full_name, _body(values), by)
        display = f"Changed custom field: {field.label}"
        org.audit(by, "changedCF", f"Customize {sobject.plural}", display)

    def delete(self, org: Org, full_name: str, by: str) -> None:
        row = components.by_name(org, self.name, full_name)
        if row is None:
            raise no_such(self.name, full_name)
        sobject, name = _place(org, unquote(row.full_name))
        custom_references.forget_field(org, sobject.name, name)
        components.remove(org, self.name, row.id)
        org.remove_custom_field(sobject.name, name)
        display = f"Deleted custom field: {sobject.name}.{name}"
        org.audit(by, "deletedCF", f"Customize {sobject.plural}", display)

    def rename(self, org: Org, old: str, new: str, by: str) -> None:
        """Refused: a real org renames fields, this one does not (guess)."""
        raise SalesforceError("INVALID_OPERATION", f"{self.name} can't be renamed", ())

    def save(self, org: Org, values: Value, by: str) -> None:
        """Creates the field or changes it."""
        made = components.by_name(org, self.name, values["fullName"]) is None
        (self.create if made else self.update)(org, values, by)


def no_such(kind: str, name: str) -> SalesforceError:
    """The refusal of a component that is not there."""
    # wording as certinia/apex-mdapi issue 86 has it for list views [V]
    return SalesforceError(
        "INVALID_CROSS_REFERENCE_KEY", f"In field: fullName - no {kind} named {name} found", ()
    )


def _place(org: Org, full_name: str) -> tuple[SObject, str]:
    """The object and the field's name that `Object.Field__c` tells."""
    parent, _, name = full_name.partition(".")
    sobject = org.catalog().get(parent)
    if sobject is None or "layoutable" not in sobject.flags:
        # general knowledge [U]
        raise SalesforceError(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"Entity Enumeration Or ID: bad value for restricted picklist field: {parent}",
            (),
        )
    return sobject, name


def _other_type(before: str, wanted: str) -> SalesforceError:
    if wanted in _REFERENCES and before not in _REFERENCES:
        # trailheadapps/ebikes-lwc issue 457 [V]
        return _refused(
            "Cannot update a field to a Lookup, MasterDetail, or Hierarchy from something else"
        )
    # a real org allows some; wording general knowledge [U]
    return _refused(f"Cannot change type from {before} to {wanted}")


def _check_detail(org: Org, sobject: SObject) -> None:
    if not sobject.name.endswith("__c"):
        raise _refused("A standard object can not be the detail of a master")  # guess
    if custom_relationships.has_rows(org, sobject.name):
        # what setup says when it offers no Master-Detail there [U]
        raise _refused(
            "You cannot create a master-detail relationship because there are existing records"
        )


def _number(org: Org, sobject: SObject, field: Field, first: int) -> None:
    """Counting starts behind `startingNumber`; rows that are there are numbered, oldest first."""
    assert field.display_format is not None, "an auto number has a format"
    for _ in range(first - 1):
        org.next_number(f"{sobject.name}.{field.name}")
    custom_relationships.number_rows(org, sobject.name, field)


def _body(values: Value) -> str:
    return json.dumps({name: value for name, value in values.items() if name != "fullName"})


def _refused(message: str) -> SalesforceError:
    # code: as that of a field in a recorded answer, see custom_fields [I]
    return SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, ())
