"""What users who do not manage users may change: their own record, but for what admins decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import permissions, reach
from provisioner.emulator.rules.fields import unwritable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store.org import Org

# Who one is and what one may do. That these are the administrators' and all else one's own: the
# tools that Salesforce itself gives to users write names, e-mail, nickname, phones, address, title,
# locale, language and time zone (its Apex class MyProfilePageController, of portal users [V]);
# delegate and manager are on a page of personal settings, "Approver Settings" [U]; for the rest,
# the username among them: guess.
_OF_ADMINISTRATORS: Final = frozenset(
    {"CallCenterId", "ContactId", "EmployeeNumber", "FederationIdentifier", "ForecastEnabled",
     "IndividualId", "IsActive", "IsPortalEnabled", "IsPortalSelfRegistered",
     "JigsawImportLimitOverride", "PortalRole", "ProfileId", "Username", "UserRoleId"}
)  # fmt: skip
_PERMISSION: Final = "UserPermissions"


def check(org: Org, by: str, current: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    """Refuses a change of another's record, and of what is the administrators' of one's own.

    "Users have ... full access on their own user record" (Security guide, "User Records" [V]);
    which refusal comes for a field that is not one's own: as for any that may not be written [I].
    """
    if current["Id"] != by:
        raise permissions.no_access()
    refused = tuple(
        name for name in row if name in _OF_ADMINISTRATORS or name.startswith(_PERMISSION)
    )
    if refused:
        raise unwritable(refused)
    user = org.catalog().get("User")
    assert user is not None, "every org has users"
    reach.check_references(org, by, user, row, current)
