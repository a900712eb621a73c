"""The permission set that every profile owns: it tells the profile's permissions to queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store import Org


def make(org: Org, profile: Mapping[str, Any], *, by: str) -> None:
    """Makes the set of a new profile (platform reference 4.1 [V]).

    Its name is the key prefix and id of the profile as seen in real orgs: X00e...
    """
    values = {
        "Name": f"X{profile['Id'][:15]}",
        "Label": profile["Name"],
        "ProfileId": profile["Id"],
        "LicenseId": profile["UserLicenseId"],
        "IsOwnedByProfile": True,
        "IsCustom": True,
        "Type": "Profile",
    }
    org.insert("PermissionSet", values | _permissions(profile), by=by)


def of(org: Org, profile_id: str) -> str:
    """The id of the set of a profile."""
    (owned,) = _of(org, profile_id)
    return owned


def follow(org: Org, profile_id: str, changed: Mapping[str, Any], *, by: str) -> None:
    """Changes the set as the permissions of its profile have changed."""
    values = _permissions(changed)
    if values:
        for owned in _of(org, profile_id):
            org.update("PermissionSet", owned, values, by=by)


def remove(org: Org, profile_id: str) -> None:
    """Removes the set of a profile that is no more, and all that it grants."""
    for owned in _of(org, profile_id):
        for kind in ("ObjectPermissions", "FieldPermissions"):
            org.execute(f'DELETE FROM "{kind}" WHERE "ParentId" = ?', (owned,))  # noqa: S608
        org.execute('DELETE FROM "PermissionSet" WHERE "Id" = ?', (owned,))


def assign_first(org: Org, user_id: str, profile_id: str | None, *, by: str) -> None:
    """Assigns the set to a new user: quietly, as nobody can have asked what that user may do."""
    sets = org.remember(("owned set", profile_id), lambda: _of(org, profile_id))
    for owned in sets:
        values = {"AssigneeId": user_id, "PermissionSetId": owned}
        org.insert("PermissionSetAssignment", values, by=by, quietly=True)


def assign(org: Org, user_id: str, profile_id: str | None, *, by: str) -> None:
    """Assigns the set of a profile to a user, in place of that of the profile before."""
    org.execute(
        'DELETE FROM "PermissionSetAssignment" WHERE "AssigneeId" = ? AND "PermissionSetId" IN'
        ' (SELECT "Id" FROM "PermissionSet" WHERE "IsOwnedByProfile" = 1)',
        (user_id,),
    )
    for owned in _of(org, profile_id):
        values = {"AssigneeId": user_id, "PermissionSetId": owned}
        org.insert("PermissionSetAssignment", values, by=by)


def _of(org: Org, profile_id: str | None) -> list[str]:
    sql = 'SELECT "Id" FROM "PermissionSet" WHERE "ProfileId" = ?'
    return [row[0] for row in org.execute(sql, (profile_id,))] if profile_id else []


def _permissions(profile: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in profile.items() if name.startswith("Permissions")}
