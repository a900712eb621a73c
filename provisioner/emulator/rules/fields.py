"""The rules that follow from an object's description: which fields, and which records they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.rules import field_types, usernames
from provisioner.emulator.rules.field_types import malformed_id
from provisioner.emulator.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioner.emulator.schema.objects import Field, SObject
    from provisioner.emulator.store.org import Org


def checked(
    org: Org, sobject: SObject, values: Mapping[str, Any], *, current: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The values by field name, as they are stored; `current` is None for a new record.

    Text is trimmed, an empty one is null, e-mail addresses are in lower case, ids have 18
    characters. Raises the first refusal in the order of fact 335.
    """
    creating = current is None
    shape = org.remember(
        ("shape", id(sobject), creating, tuple(values)),
        lambda: _Shape(sobject, values, creating=creating),
    )
    given = _named(org, shape, values)
    _writable(shape)
    row = {name: convert(field, given[name]) for name, field, convert in shape.typed}
    for field in shape.references:
        _well_formed_id(org, field, row)
    _required(shape, row)
    for name, field, fits in shape.sized:
        fits(field, row[name])
    for name, field, known in shape.restricted:
        row[name] = known(field, row[name])
    for field in shape.emails:
        row[field.name] = field_types.email(field, row[field.name])
    if shape.has_username:
        row["Username"] = usernames.normal(row["Username"])
    _references(org, sobject, shape.references, row, current)
    _unique_keys(org, sobject, shape.unique, row, current)
    return row


def existing(org: Org, sobject: SObject, id_: str) -> dict[str, Any]:
    """The live row of an id; refusals as in fact 711."""
    row = org.get(sobject.name, id_)
    if row is None:
        raise SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)
    if row.get("IsDeleted"):
        raise SalesforceError("ENTITY_IS_DELETED", "entity is deleted", (), status=404)
    return row


class _Shape:
    """What the rules ask of records whose values have the same names: worked out once for them.

    It keeps the object, whose identity it is remembered by.
    """

    def __init__(self, sobject: SObject, names: Iterable[str], *, creating: bool) -> None:
        self.sobject = sobject
        self.targets = [
            (name, field, None if field else sobject.relationship(name))
            for name in names
            if name != "attributes"
            for field in (sobject.field(name),)
        ]
        found = {f.name: f for _, field, parent in self.targets if (f := field or parent)}
        fields = found.values()
        self.refused = tuple(
            f.name for f in fields if not (f.createable if creating else f.updateable)
        )
        self.typed = [(f.name, f, field_types.converter(f)) for f in fields]
        self.references = [f for f in fields if f.type == "reference"]
        self.sized = [(f.name, f, fits) for f in fields if (fits := field_types.bound(f))]
        self.restricted = [(f.name, f, field_types.choice(f)) for f in fields if f.restricted]
        self.has_username = sobject.name == "User" and "Username" in found
        self.emails = [f for f in fields if f.type == "email"]
        self.unique = [f for f in fields if f.custom and "unique" in f.flags]
        self.needed = [f.name for f in sobject.fields.values() if _is_needed(f, creating=creating)]
        if not creating:
            self.needed = [name for name in self.needed if name in found]


def _is_needed(field: Field, *, creating: bool) -> bool:
    return field.required or (
        not creating and field.updateable and not field.nillable and not field.required
    )


def _named(org: Org, shape: _Shape, values: Mapping[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for name, field, parent in shape.targets:
        value = values[name]
        if field is not None:
            named[field.name] = value
            continue
        if parent is None or not isinstance(value, dict):
            raise SalesforceError(  # recorded: amp-labs/connectors, partial-but-allOrNone.json [V]
                "INVALID_FIELD", f"No such column '{name}' on sobject of type {shape.sobject.name}"
            )
        named[parent.name] = _foreign_key(org, parent, value)
    return named


def _foreign_key(org: Org, field: Field, value: Mapping[str, Any]) -> str:
    """The Id of the parent that `{"Email": "..."}` names (fact 743)."""
    keys = [(name, text) for name, text in value.items() if name != "attributes"]
    known = org.catalog()
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


def _writable(shape: _Shape) -> None:
    if shape.refused:
        raise unwritable(shape.refused)


def unwritable(fields: tuple[str, ...]) -> SalesforceError:
    """The refusal of fields that may not be written (fact 324)."""
    return SalesforceError(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {', '.join(fields)}. Please check the security settings"
        " of this field and verify that it is read/write for your profile or permission set.",
        fields,
    )


def _well_formed_id(org: Org, field: Field, row: dict[str, Any]) -> None:
    value = row[field.name]
    if value is None:
        return
    known = org.catalog()
    parents = [parent for name in field.references if (parent := known.get(name))]
    found = ids.normal(value)
    if found is None or (parents and all(p.prefix != found[:3] for p in parents)):
        raise malformed_id(field.label, value, field.name)
    row[field.name] = found


def _required(shape: _Shape, row: Mapping[str, Any]) -> None:
    missing = tuple(name for name in shape.needed if row.get(name) is None)
    if missing:
        raise SalesforceError(  # fact 318
            "REQUIRED_FIELD_MISSING",
            f"Required fields are missing: [{', '.join(missing)}]",
            missing,
        )


def _references(
    org: Org,
    sobject: SObject,
    fields: Iterable[Field],
    row: Mapping[str, Any],
    current: Mapping[str, Any] | None,
) -> None:
    known = org.catalog()
    for field in fields:
        value = row[field.name]
        if value is None:
            continue
        if current is not None and current.get(field.name) == value:
            continue
        parent = known.by_prefix(value[:3])
        state = _state(org, parent, value) if parent else None
        if state is None or state == "deleted":
            # fact 338
            raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
        if field.name == "OwnerId" and state == "inactive":
            raise SalesforceError(  # code and text: documentation of Marketo Measure, logs [V]
                "INACTIVE_OWNER_OR_USER",
                f"operation performed with inactive user [{value[:15]}] as owner of"
                f" {sobject.label.lower()}",
                ("OwnerId",),
            )


def _state(org: Org, sobject: SObject, id_: str) -> str | None:
    """`live`, `deleted` or `inactive`; None when there is no such row."""
    if sobject.name in tables.REMEMBERED:
        row = org.known(sobject.name, id_)
        return None if row is None else _of_row(row.get("IsDeleted"), row.get("IsActive"))
    return _read_state(org, sobject, id_)


def _read_state(org: Org, sobject: SObject, id_: str) -> str | None:
    shown = [f'"{name}"' if sobject.field(name) else "NULL" for name in ("IsDeleted", "IsActive")]
    sql = f'SELECT {", ".join(shown)} FROM "{sobject.name}" WHERE "Id" = ?'  # noqa: S608 - our names
    for deleted, active in org.execute(sql, (id_,)):
        return _of_row(deleted, active)
    return None


def _of_row(deleted: Any, active: Any) -> str:
    if deleted:
        return "deleted"
    return "live" if active is None or active else "inactive"


def _unique_keys(
    org: Org,
    sobject: SObject,
    fields: Iterable[Field],
    row: Mapping[str, Any],
    current: Mapping[str, Any] | None,
) -> None:
    """Custom fields marked unique; the text as public logs of real orgs have it [V]."""
    for field in fields:
        if row[field.name] is None:
            continue
        for other in org.find(sobject.name, **{field.name: row[field.name]}):
            if current is None or other != current["Id"]:
                raise SalesforceError(
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {field.name} duplicates value on record with id:"
                    f" {other[:15]}",
                    (),
                )
