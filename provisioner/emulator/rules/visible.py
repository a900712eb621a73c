"""Which profiles a user sees: all of them, or with profile filtering on the own one only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from provisioner.emulator import component_rows
from provisioner.emulator.rules import permissions

if TYPE_CHECKING:
    from provisioner.emulator.store import Org

SETTINGS: Final = "UserManagementSettings"
SETTINGS_NAME: Final = "UserManagement"


def sources(org: Org, user_id: str) -> dict[str, str]:
    """The SQL of the rows of objects of which a user does not see every row."""
    if not _filtered(org, user_id):
        return {}
    own = org.some("User", user_id, "ProfileId")
    # An id, so that nothing in it needs a quote.
    id_ = own["ProfileId"] if own else ""
    return {"Profile": f"""(SELECT * FROM "Profile" WHERE "Id" = '{id_}')"""}  # noqa: S608


def sees(org: Org, user_id: str, sobject: str, id_: str) -> bool:
    """Whether a user sees one row."""
    if sobject != "Profile" or not _filtered(org, user_id):
        return True
    own = org.some("User", user_id, "ProfileId")
    return own is not None and own["ProfileId"] == id_


def _filtered(org: Org, user_id: str) -> bool:
    """Profile filtering hides the others from users without "View All Profiles" (4.2 [V])."""
    row = component_rows.by_name(org, SETTINGS, SETTINGS_NAME)
    on = row is not None and bool(json.loads(row.body).get("enableProfileFiltering"))
    return on and not permissions.has(org, user_id, "ViewAllProfiles")
