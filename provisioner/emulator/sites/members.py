"""Who belongs to a site: the profiles and permission sets it admits, and the users that makes.

`is_member` and `is_live` are what a login at a site asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.sites import mails

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store.org import Org

WAITING: Final = "WaitingForAdd"
ADDED: Final = "Added"
LEAVING: Final = "WaitingForRemove"
# The asynchronous way of a group, in and out (fact 224); None: it is gone.
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
# The users that the groups of one site, or of every site for one user, make members; `{one}` is
# the column that `?1` is of, in every branch, so that no other row is looked at.
_ENTITLED: Final = f"""
SELECT g."NetworkId", u."Id" FROM "NetworkMemberGroup" AS g
  JOIN "User" AS u ON u."ProfileId" = g."ParentId"
  WHERE g."AssignmentStatus" IN ({_ADMITTING}) AND {{one}} = ?1
UNION
SELECT g."NetworkId", u."Id" FROM "NetworkMemberGroup" AS g
  JOIN "PermissionSetAssignment" AS a ON a."PermissionSetId" = g."ParentId"
  JOIN "User" AS u ON u."Id" = a."AssigneeId" JOIN "Profile" AS p ON p."Id" = u."ProfileId"
  JOIN "UserLicense" AS l ON l."Id" = p."UserLicenseId"
  WHERE g."AssignmentStatus" IN ({_ADMITTING}) AND {{one}} = ?1
  AND l."LicenseDefinitionKey" != '{_CHATTER_CUSTOMERS}'"""  # noqa: S608 - our names
_HELD: Final = 'SELECT "NetworkId", "MemberId" FROM "NetworkMember" WHERE {one} = ?1'
_OF_SITE: Final = (_ENTITLED.format(one='g."NetworkId"'), _HELD.format(one='"NetworkId"'))
_OF_USER: Final = (_ENTITLED.format(one='u."Id"'), _HELD.format(one='"MemberId"'))


def is_member(org: Org, user_id: str, network_id: str) -> bool:
    """Whether a user's profile or a permission set of the user is a member of the site."""
    return bool(org.find("NetworkMember", NetworkId=network_id, MemberId=user_id))


def is_live(org: Org, network_id: str) -> bool:
    """Whether members may enter the site: its status is `Live` (fact 206)."""
    row = org.get("Network", network_id)
    return row is not None and row["Status"] == mails.LIVE


def add_group(org: Org, by: str, network_id: str, parent_id: str, *, status: str = WAITING) -> str:
    """Admits a profile or permission set; its users become members when the status is `Added`."""
    values = {"NetworkId": network_id, "ParentId": parent_id, "AssignmentStatus": status}
    id_ = org.insert("NetworkMemberGroup", values, by=by)
    if status == ADDED:
        follow_site(org, by, network_id)
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
        follow_site(org, by, group["NetworkId"])
    return status in NEXT


def forget_parent(org: Org, by: str, parent_id: str) -> None:
    """Takes the groups of a profile or permission set along that is deleted (guess)."""
    for id_ in org.find("NetworkMemberGroup", ParentId=parent_id):
        org.delete("NetworkMemberGroup", id_, by=by)


def follow_site(org: Org, by: str, network_id: str) -> None:
    """Makes the members of a site what its groups say.

    Rows appear and go by themselves (fact 225); who joins a live site is
    welcomed.
    """
    _follow(org, by, *_OF_SITE, network_id)
    mails.welcome(org, network_id=network_id)


def follow_user(org: Org, by: str, user_id: str) -> None:
    """Makes the memberships of a user what the groups say; see `follow_site`."""
    sql = 'SELECT 1 FROM "NetworkMemberGroup" LIMIT 1'
    if not org.feature("Networks"):
        return
    if org.remember("sites have members", lambda: org.execute(sql)):  # the usual org has no sites
        _follow(org, by, *_OF_USER, user_id)
        mails.welcome(org, user_id=user_id)


def _follow(org: Org, by: str, entitled: str, held: str, one: str) -> None:
    pairs = {
        wanted: [(row[0], row[1]) for row in org.execute(sql, (one,))]
        for wanted, sql in ((True, entitled), (False, held))
    }
    for network, user in sorted(set(pairs[True]) - set(pairs[False])):
        org.insert("NetworkMember", {"NetworkId": network, "MemberId": user}, by=by)
    for network, user in sorted(set(pairs[False]) - set(pairs[True])):
        for id_ in org.find("NetworkMember", NetworkId=network, MemberId=user):
            org.delete("NetworkMember", id_, by=by)
