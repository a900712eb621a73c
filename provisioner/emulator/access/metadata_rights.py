"""Who may use the Metadata API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.emulator.access import permissions

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org


def may_modify_metadata(org: Org, user_id: str) -> bool:
    """Whether a user may use the Metadata API at all (fact 517)."""
    return any(permissions.has(org, user_id, name) for name in ("ModifyAllData", "ModifyMetadata"))
