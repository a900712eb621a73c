"""What the setup audit trail says of users and permission sets.

The actions and sections are those of public lists of real orgs' trails [V]; the words of the
displays are as remembered [U] or a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store.org import Org

_USERS: Final = "Manage Users"


def user_created(org: Org, by: str, row: Mapping[str, Any], *, portal: str) -> None:
    """A user was made; customers of a portal have a section of their own."""
    if portal == "Customer":
        display = f"Created new customer success user {name_of(row)}"
        org.audit(by, "createdcustomersuccessuser", "Customer Portal", display)
    else:
        org.audit(by, "createduser", _USERS, f"Created new user {name_of(row)}")


def user_changed(org: Org, by: str, current: Mapping[str, Any], merged: Mapping[str, Any]) -> None:
    """One row for each change that the trail tells of."""
    name = name_of(merged)
    if current["IsActive"] != merged["IsActive"]:
        action = "activateduser" if merged["IsActive"] else "deactivateduser"
        word = "Activated" if merged["IsActive"] else "Deactivated"
        org.audit(by, action, _USERS, f"{word} user {name}")
    if current["ProfileId"] != merged["ProfileId"]:
        before, after = (
            (org.get("Profile", row["ProfileId"]) or {})["Name"] for row in (current, merged)
        )
        display = f"Changed profile for user {name} from {before} to {after}"
        org.audit(by, "changedprofileforuser", _USERS, display)
    if current["UserRoleId"] != merged["UserRoleId"]:
        _role(org, by, name, current["UserRoleId"], merged["UserRoleId"])
    for field, action, what in (
        ("Username", "changedUsername", "username"),
        ("Email", "changedemail", "email"),
        ("CommunityNickname", "changedcommunitynickname", "nickname"),
        ("FederationIdentifier", "changedfederationid", "federation ID"),
    ):
        if current[field] != merged[field]:
            display = f"Changed {what} for user {name} from {current[field]} to {merged[field]}"
            org.audit(by, action, _USERS, display)


def user_frozen(org: Org, by: str, user_id: str, *, frozen: bool) -> None:
    """A user was frozen or let in again."""
    user = org.get("User", user_id)
    assert user is not None, "users are never removed"
    action, word = ("frozeuser", "Froze") if frozen else ("unfrozeuser", "Unfroze")
    org.audit(by, action, _USERS, f"{word} user {user['Name']}")


def set_created(org: Org, by: str, row: Mapping[str, Any]) -> None:
    """A permission set was made."""
    display = f"Created permission set {row['Label']}: with no license"
    org.audit(by, "PermSetCreate", _USERS, display)


def set_deleted(org: Org, by: str, row: Mapping[str, Any]) -> None:
    """A permission set was deleted."""
    org.audit(by, "PermSetDelete", _USERS, f"Deleted permission set {row['Label']}")


def set_assigned(org: Org, by: str, set_id: str, user_id: str, *, assigned: bool) -> None:
    """A permission set was assigned to a user, or taken away."""
    found, user = org.get("PermissionSet", set_id), org.get("User", user_id)
    assert found, "references were checked"
    assert user, "references were checked"
    word = "assigned to" if assigned else "unassigned from"
    display = f"Permission set {found['Label']}: {word} user {user['Name']}"
    display += f" (UserID: [{user_id[:15]}])"
    org.audit(by, "PermSetAssign" if assigned else "PermSetUnassign", _USERS, display)


def name_of(row: Mapping[str, Any]) -> str:
    """The name of a person."""
    return " ".join(filter(None, (row.get("FirstName"), row["LastName"])))


def _role(org: Org, by: str, name: str, before: str | None, after: str | None) -> None:
    old, new = (
        (org.get("UserRole", id_) or {}).get("Name") if id_ else None for id_ in (before, after)
    )
    match before, after:
        case None, _:
            action = "changedroleforuserfromnone"
        case _, None:
            action = "changedroleforusertonone"
        case _:
            action = "changedroleforuser"
    display = f"Changed role for user {name} from {old or 'None'} to {new or 'None'}"
    org.audit(by, action, _USERS, display)
