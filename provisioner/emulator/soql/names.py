"""The object `Name`: what SOQL sees of an owner or parent that may be of several kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from provisioner.emulator.schema.objects import Field, SObject

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import Catalog

NAME: Final = "Name"
# The fields of Name, but for those of objects this org has not (Object Reference, "Name").
_FIELDS: Final = (
    "Id", "Name", "FirstName", "LastName", "Alias", "Username", "Email", "Phone", "Title",
    "IsActive", "ProfileId", "UserRoleId",
)  # fmt: skip


def name_object(known: Catalog) -> SObject:
    """The object `Name`; its fields are those of a user, and `Type`."""
    user = known.get("User")
    assert user is not None, "every org has users"
    found = [field for name in _FIELDS if (field := user.field(name)) is not None]
    found.append(Field(name="Type", type="picklist", label="Type", nillable=True))
    flags = frozenset({"queryable"})
    fields = {field.name.lower(): field for field in found}
    return replace(user, name=NAME, label=NAME, plural="Names", flags=flags, fields=fields)


def table(known: Catalog, reference: Field) -> str:
    """The SQL of the rows that a field with several kinds of parents may lead to."""
    names = name_object(known)
    parts = []
    for kind in reference.references:
        sobject = known.get(kind)
        if sobject is None:
            continue
        columns = [_column(sobject, field) for field in names.fields.values()]
        parts.append(f'SELECT {", ".join(columns)} FROM "{sobject.name}"')  # noqa: S608 - our names
    return "(" + " UNION ALL ".join(parts) + ")"


def _column(sobject: SObject, field: Field) -> str:
    if field.name == "Type":
        return f"'{sobject.name}' AS \"Type\""
    has = field.name.lower() in sobject.fields
    return f'"{field.name}"' if has else f'NULL AS "{field.name}"'
