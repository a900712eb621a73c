"""Who belongs to a site: the profiles and permission sets it admits, and the users that makes.

`is_member` and `is_live` are what a login at a site asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.sites import mails

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store import Org

WAITING: Final = "WaitingForAdd"
ADDED: Final = "Added"
LEAVING: Final = "WaitingForRemove"
# The asynchronous way of a group, in and out (platform reference 1.7, 11.4 [V]); None: it is gone.
NEXT: Final = {
    WAITING: "AddCalculated",
    "AddCalculated": ADDED,
    LEAVING: "RemoveCalculated",
    "RemoveCalculated": None,
}
# Users of these groups are members; those of a group that leaves are until it has left.
_ADMITTING: Final = f"'{ADDED}', '{LEAVING}', 'RemoveCalculated'"
# "If a Chatter customer is assigned a permission set that is also associated with an Experience
# Cloud site, the Chatter customer won't be added to the site" (object reference [V]).
_CHATTER_CUSTOMERS: Final = "PID_CHATTER_EXTERNAL"
_ENTITLED: Final = f"""
SELECT network, user FROM (
SELECT g."NetworkId" AS network, u."Id" AS user FROM "NetworkMemberGroup" AS g
  JOIN "User" AS u ON u."ProfileId" = g."ParentId"
  WHERE g."AssignmentStatus" IN ({_ADMITTING})
UNION
SELECT g."NetworkId", a."AssigneeId" FROM "NetworkMemberGroup" AS g
  JOIN "PermissionSetAssignment" AS a ON a."PermissionSetId" = g."ParentId"
  JOIN "User" AS u ON u."Id" = a."AssigneeId" JOIN "Profile" AS p ON p."Id" = u."ProfileId"
  JOIN "UserLicense" AS l ON l."Id" = p."UserLicenseId"
  WHERE g."AssignmentStatus" IN ({_ADMITTING})
  AND l."LicenseDefinitionKey" != '{_CHATTER_CUSTOMERS}'
)"""  # noqa: S608 - our names


def is_member(org: Org, user_id: str, network_id: str) -> bool:
    """Whether a user's profile or a permission set of the user is a member of the site."""
    return bool(org.find("NetworkMember", NetworkId=network_id, MemberId=user_id))


def is_live(org: Org, network_id: str) -> bool:
    """Whether members may enter the site: its status is `Live` (1.5 [V])."""
    row = org.get("Network", network_id)
    return row is not None and row["Status"] == mails.LIVE


def add_group(org: Org, by: str, network_id: str, parent_id: str, *, status: str = WAITING) -> str:
    """Admits a profile or permission set; its users become members when the status is `Added`."""
    values = {"NetworkId": network_id, "ParentId": parent_id, "AssignmentStatus": status}
    id_ = org.insert("NetworkMemberGroup", values, by=by)
    if status == ADDED:
        follow(org, by, network_id=network_id)
    return id_


def advance(org: Org, group: Mapping[str, Any]) -> bool:
    """Takes a group one step on its way; whether there is another step to take."""
    if group["AssignmentStatus"] not in NEXT:
        return False
    by = group["LastModifiedById"]
    status = NEXT[group["AssignmentStatus"]]
    if status is None:
        org.delete("NetworkMemberGroup", group["Id"], by=by)
    else:
        org.update("NetworkMemberGroup", group["Id"], {"AssignmentStatus": status}, by=by)
    if status in {None, ADDED}:
        follow(org, by, network_id=group["NetworkId"])
    return status in NEXT


def forget_parent(org: Org, by: str, parent_id: str) -> None:
    """Takes the groups of a profile or permission set along that is deleted (guess)."""
    for id_ in org.find("NetworkMemberGroup", ParentId=parent_id):
        org.delete("NetworkMemberGroup", id_, by=by)


def follow(org: Org, by: str, *, network_id: str | None = None, user_id: str | None = None) -> None:
    """Makes the members of a site, or the memberships of a user, what the groups say.

    Rows appear and go by themselves (platform reference 1.7 [V]); who joins a live site is
    welcomed, and so is a member who has become active.
    """
    if not org.execute('SELECT 1 FROM "NetworkMemberGroup" LIMIT 1'):
        return  # the usual org has no sites
    entitled, held = _ENTITLED, "1"
    params: list[str] = []
    if network_id is not None:
        entitled, held, params = f"{entitled} WHERE network = ?", '"NetworkId" = ?', [network_id]
    if user_id is not None:
        entitled, held, params = f"{entitled} WHERE user = ?", '"MemberId" = ?', [user_id]
    for network, user in org.execute(
        f'{entitled} EXCEPT SELECT "NetworkId", "MemberId" FROM "NetworkMember" ORDER BY 1, 2',  # noqa: S608 - our names
        params,
    ):
        org.insert("NetworkMember", {"NetworkId": network, "MemberId": user}, by=by)
    for row in org.execute(
        f'SELECT "Id" FROM "NetworkMember" WHERE {held}'  # noqa: S608 - our names
        f' AND ("NetworkId", "MemberId") NOT IN ({entitled}) ORDER BY "Id"',
        [*params, *params],
    ):
        org.delete("NetworkMember", row[0], by=by)
    mails.welcome(org, network_id=network_id, user_id=user_id)
