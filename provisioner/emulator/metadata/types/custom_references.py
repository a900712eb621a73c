"""What other components say of a custom object or field, and forget when it is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.emulator.metadata.types import layout
from provisioner.emulator.rules import portal_objects
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org


def forget_field(org: Org, sobject: str, name: str) -> None:
    """Takes a field off every layout and out of every profile, as deleting one does [U]."""
    layout.take_off(org, sobject, name)
    org.execute('DELETE FROM "FieldPermissions" WHERE "Field" = ?', (f"{sobject}.{name}",))


def forget_object(org: Org, name: str) -> None:
    """Removes an object's layouts and everybody's permissions for it."""
    for row in layout.rows(org):
        if row.full_name.partition("-")[0].lower() == name.lower():
            components.remove(org, "Layout", row.id)
    portal_objects.forget(org, name)
    for kind in ("FieldPermissions", "ObjectPermissions"):
        org.execute(f'DELETE FROM "{kind}" WHERE "SobjectType" = ?', (name,))  # noqa: S608 - our names
