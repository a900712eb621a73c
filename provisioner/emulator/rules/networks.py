"""The rules of Network, NetworkMember, NetworkMemberGroup and NetworkSelfRegistration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import permissions
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.rules.profiles import license_of
from provisioner.emulator.sites import mails, members, networks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

OBJECTS: Final = frozenset(
    {"Network", "NetworkMember", "NetworkMemberGroup", "NetworkSelfRegistration"}
)
# "If you have Modify All Data or Create and Set Up Experiences" (object reference [V])
_RIGHTS: Final = ("ModifyAllData", "ManageNetworks")
_PATH: Final = re.compile(r"[A-Za-z0-9_-]*")  # of a Network's metadata, hyphens too [Q]
_SMALLEST_FILE: Final = 3072  # KB (object reference [V])
_LARGEST_FILE: Final = 2_097_152  # "the default limit of 2 GB" (object reference [V])


def may_write(org: Org, by: str, sobject: SObject, id_: str | None = None) -> bool:
    """Whether a user may write rows of sites; of all members one's own may be (fact 225)."""
    if any(permissions.has(org, by, right) for right in _RIGHTS):
        return True
    row = org.get(sobject.name, id_) if id_ and sobject.name == "NetworkMember" else None
    return row is not None and row["MemberId"] == by


def create(org: Org, by: str, sobject: SObject, row: dict[str, Any]) -> str:
    """Admits a profile or permission set, or says whose account self-registered users get."""
    if sobject.name == "NetworkSelfRegistration":
        _one_for_each_site(org, row, None)
        return org.insert(sobject.name, row, by=by)
    wanted = {"NetworkId": row["NetworkId"], "ParentId": row["ParentId"]}
    if org.find("NetworkMemberGroup", **wanted):
        # that a second one is refused: fact 223; code and text: guess
        raise SalesforceError(
            "DUPLICATE_VALUE",
            "duplicate value found: the profile or permission set is a member already",
            (),
        )
    parent = org.get("PermissionSet", row["ParentId"])
    if parent is not None and parent["IsOwnedByProfile"]:
        raise SalesforceError(  # guess: the profile itself is what can be added
            "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ()
        )
    check_member(org, row["ParentId"])
    return members.add_group(org, by, row["NetworkId"], row["ParentId"])


def check_member(org: Org, parent_id: str) -> None:
    """Refuses the profile of guests, who visit a site and are no members of it (code, text: guess).

    Profiles of the legacy portals' licences are fine (fact 228).
    """
    if org.get("Profile", parent_id) and license_of(org, parent_id).user_type == "Guest":
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "The profile of a site's guest can't be a member of a site",
            ("ParentId",),
        )


def update(
    org: Org, by: str, sobject: SObject, current: Mapping[str, Any], row: dict[str, Any]
) -> None:
    """Changes a site, a membership, a group of members or the account of self-registration."""
    match sobject.name:
        case "Network":
            update_network(org, by, current, row)
        case "NetworkMemberGroup":
            _leave(org, by, current, row)
        case "NetworkSelfRegistration":
            _one_for_each_site(org, row, current)
            org.update(sobject.name, current["Id"], row, by=by)
        case _:
            org.update(sobject.name, current["Id"], row, by=by)


def update_network(org: Org, by: str, current: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    """Changes a site's row, and does what follows from it: names, mails, the first day."""
    id_, merged = current["Id"], {**current, **row}
    moved = merged["Name"], merged["UrlPathPrefix"]
    if moved != (current["Name"], current["UrlPathPrefix"]):
        check_path(merged["UrlPathPrefix"])
        networks.check_free(org, *moved, own=id_, code="FIELD_INTEGRITY_EXCEPTION")
    _check_status(current["Status"], merged["Status"])
    archived = networks.details(org, id_).get("siteArchiveStatus") == networks.ARCHIVED
    if merged["Status"] == networks.LIVE and archived:  # code and text: guess
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION", "An archived site can't be activated.", ("Status",)
        )
    size = merged["MaxFileSizeKb"]
    if size is not None and not _SMALLEST_FILE <= size <= _LARGEST_FILE:  # text: guess
        raise SalesforceError(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"Max File Size KB: must be from {_SMALLEST_FILE} to {_LARGEST_FILE}",
            ("MaxFileSizeKb",),
        )
    check_self_registration(org, id_, merged["SelfRegProfileId"], current["SelfRegProfileId"])
    values = dict(row)
    opened = merged["Status"] == networks.LIVE != current["Status"]
    if opened and not current["FirstActivationDate"]:
        values["FirstActivationDate"] = org.now().date().isoformat()
    org.update("Network", id_, values, by=by)
    networks.keep_details(org, id_, merged["Name"], networks.details(org, id_), by)
    if merged["UrlPathPrefix"] != current["UrlPathPrefix"]:
        networks.follow_path(org, id_, merged["UrlPathPrefix"], by)
    sender = merged["NewSenderAddress"]
    if sender and sender != current["NewSenderAddress"]:
        mails.prove_sender(org, merged, sender)
    if merged["Status"] != current["Status"]:
        display = f"Changed status of site {merged['Name']} to {merged['Status']}"  # guess
        org.audit(by, "changedNetworkStatus", "Sites", display)
    if opened or (merged["OptionsSendWelcomeEmail"] and not current["OptionsSendWelcomeEmail"]):
        mails.welcome(org, network_id=id_)


def check_path(prefix: str | None) -> None:
    """Refuses an address that is no path (code and text: guess)."""
    if not _PATH.fullmatch(prefix or ""):
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "The URL can only contain alphanumeric characters.",
            ("UrlPathPrefix",),
        )


def check_self_registration(
    org: Org, network_id: str, profile_id: str | None, before: str | None
) -> None:
    """The profile of self-registered users is a member's (commerce-on-lightning issue 194 [V])."""
    if profile_id is None or profile_id == before:
        return
    if not org.find("NetworkMemberGroup", NetworkId=network_id, ParentId=profile_id):
        raise SalesforceError(  # code: guess
            "FIELD_INTEGRITY_EXCEPTION",
            "Error: You can only select profiles that are associated with the experience.",
            ("SelfRegProfileId",),
        )


def _check_status(before: str, after: str) -> None:
    if after == networks.NEW != before:
        # "After a site is published, it can never be in this status again" (object reference [V]);
        # code and text: guess
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "A site that was published can't be in Preview status again.",
            ("Status",),
        )


def _leave(org: Org, by: str, current: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    """The one change of a group: `WaitingForRemove` (fact 222)."""
    wanted = row.get("AssignmentStatus", current["AssignmentStatus"])
    if wanted == current["AssignmentStatus"]:
        return
    if wanted != members.LEAVING or current["AssignmentStatus"] != members.ADDED:
        raise SalesforceError(  # code and text: guess
            "FIELD_INTEGRITY_EXCEPTION",
            "The status of a member group can only be changed from Added to Waiting for Remove",
            ("AssignmentStatus",),
        )
    profile = org.find("Network", Id=current["NetworkId"], SelfRegProfileId=current["ParentId"])
    if profile:
        raise SalesforceError(  # the reverse of issue 194 above [I]; code: guess
            "FIELD_INTEGRITY_EXCEPTION",
            "Error: You can only select profiles that are associated with the experience.",
            ("AssignmentStatus",),
        )
    org.update("NetworkMemberGroup", current["Id"], {"AssignmentStatus": wanted}, by=by)


def _one_for_each_site(org: Org, row: Mapping[str, Any], current: Mapping[str, Any] | None) -> None:
    """`NetworkId` is unique (object reference [V]); the text as elsewhere [U]."""
    own = current["Id"] if current else None
    network = row.get("NetworkId")
    for other in org.find("NetworkSelfRegistration", NetworkId=network) if network else ():
        if other != own:
            raise SalesforceError(
                "DUPLICATE_VALUE",
                "duplicate value found: NetworkId duplicates value on record with id:"
                f" {other[:15]}",
                (),
            )
