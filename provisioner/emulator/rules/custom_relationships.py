"""What custom relationships and auto numbers mean for the rows of an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.rules import recycle_bin
from provisioner.emulator.store.org import numbered

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import Field, SObject
    from provisioner.emulator.store.org import Org


def release(org: Org, by: str, sobject: SObject, id_: str) -> None:
    """Lets go of a row about to be deleted: details go along, lookups are emptied or stop it.

    As `deleteConstraint` says (Metadata guide, CustomField); the refusal is worded like the one
    for cases of an account.
    """
    id_ = ids.normal(id_) or id_
    for child, field in org.catalog().children(sobject.name):
        if not field.custom:
            continue
        found = org.find(child.name, **{field.name: id_})
        if found and "restrict" in field.flags:
            names = [str((org.get(child.name, one) or {}).get("Name", one)) for one in found]
            row = org.get(sobject.name, id_) or {}
            raise SalesforceError(  # as remembered of real orgs [U]
                "DELETE_FAILED",
                f"Your attempt to delete {row.get('Name', id_)} could not be completed because it"
                f" is associated with the following {child.plural}.: {', '.join(names)}\n",
                (),
            )
        for one in found:
            if "cascade" in field.flags:
                release(org, by, child, one)
                recycle_bin.delete(org, by, child.name, one)
            else:
                recycle_bin.let_go(org, by, child.name, one, field.name)


def has_rows(org: Org, sobject: str) -> bool:
    """Whether an object has a live record."""
    return bool(org.execute(f'SELECT 1 FROM "{sobject}" WHERE "IsDeleted" = 0 LIMIT 1'))  # noqa: S608 - our names


def number_rows(org: Org, sobject: str, field: Field) -> None:
    """Gives every row its auto number, oldest first."""
    assert field.display_format is not None, "an auto number has a format"
    for row in org.execute(f'SELECT "Id" FROM "{sobject}" ORDER BY "CreatedDate", "Id"'):  # noqa: S608 - our names
        number = org.next_number(f"{sobject}.{field.name}")
        org.execute(
            f'UPDATE "{sobject}" SET "{field.name}" = ? WHERE "Id" = ?',  # noqa: S608 - our names
            (numbered(field.display_format, number, org.now()), row[0]),
        )
