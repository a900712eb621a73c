"""What is kept of the portals: their rows, their administrators, the profiles of their users."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from provisioner.emulator.store import components

if TYPE_CHECKING:
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org


def rows(org: Org) -> list[Row]:
    """All portals, by name."""
    return components.rows(org, "Portal")


def by_id(org: Org, portal_id: str) -> Row | None:
    """The portal with that 18 character id."""
    return components.by_id(org, "Portal", portal_id)


def stored(row: Row) -> dict[str, Any]:
    """A portal's values as they are kept: the admin and the profile by their ids."""
    found: dict[str, Any] = json.loads(row.body)
    return found


def admins(org: Org) -> set[str]:
    """The ids of the users who are administrator of a portal."""
    bodies = (stored(row) for row in rows(org))
    return {body["adminId"] for body in bodies if "adminId" in body}


def profiles(org: Org, portal_id: str) -> set[str]:
    """The ids of the profiles whose users may log in to the portal."""
    found = org.execute("SELECT profile_id FROM portal_profile WHERE portal_id = ?", (portal_id,))
    return {row[0] for row in found}


def set_profiles(org: Org, portal_id: str, profile_ids: set[str], by: str) -> None:
    """Makes exactly these profiles members of the portal."""
    old = profiles(org, portal_id)
    for profile_id in sorted(old - profile_ids):
        org.execute(
            "DELETE FROM portal_profile WHERE portal_id = ? AND profile_id = ?",
            (portal_id, profile_id),
        )
    for profile_id in sorted(profile_ids - old):
        org.execute("INSERT INTO portal_profile VALUES (?, ?)", (portal_id, profile_id))
    if old != profile_ids:
        audit(org, by, "Changed the profiles assigned to a Customer Portal")


def audit(org: Org, by: str, display: str) -> None:
    """Notes a change of a portal in the setup audit trail; the names are a guess."""
    org.audit(by, "portalsetup", "Customer Portal", display)
