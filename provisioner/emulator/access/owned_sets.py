"""The permission set that every profile owns, through which queries see the profile's permissions.

Profiles, and users with their profile, are written here, so that these sets stay in step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store.org import Org


def insert_profile(org: Org, values: Mapping[str, Any], *, by: str) -> str:
    """Inserts a profile and its set (fact 501); returns the profile's Id.

    The set's name is the key prefix and id of the profile as seen in real orgs: X00e...
    """
    with org.transaction():
        id_ = org.insert("Profile", values, by=by)
        profile = org.get("Profile", id_)
        assert profile is not None, "just inserted"
        owned = {
            "Name": f"X{id_[:15]}",
            "Label": profile["Name"],
            "ProfileId": id_,
            "LicenseId": profile["UserLicenseId"],
            "IsOwnedByProfile": True,
            "IsCustom": True,
            "Type": "Profile",
        }
        org.insert("PermissionSet", owned | _permissions(profile), by=by)
    return id_


def update_profile(org: Org, id_: str, values: Mapping[str, Any], *, by: str) -> None:
    """Updates a profile, and the permissions of its set."""
    changed = _permissions(values)
    with org.transaction():
        org.update("Profile", id_, values, by=by)
        if changed:
            for owned in _of(org, id_):
                org.update("PermissionSet", owned, changed, by=by)


def delete_profile(org: Org, id_: str, *, by: str) -> None:
    """Deletes a profile, its set, and the object and field permissions in the set."""
    with org.transaction():
        for owned in _of(org, id_):
            for kind in ("ObjectPermissions", "FieldPermissions"):
                org.execute(f'DELETE FROM "{kind}" WHERE "ParentId" = ?', (owned,))  # noqa: S608
            org.execute('DELETE FROM "PermissionSet" WHERE "Id" = ?', (owned,))
        org.delete("Profile", id_, by=by)


def insert_user(org: Org, values: Mapping[str, Any], *, by: str) -> str:
    """Inserts a user, assigned to the set of its profile; returns the user's Id."""
    with org.transaction():
        id_ = org.insert("User", values, by=by)
        profile_id = values.get("ProfileId")
        sets = org.remember(("owned set", profile_id), lambda: _of(org, profile_id))
        for owned in sets:
            # quietly: nobody can have asked yet what this user may do
            assignment = {"AssigneeId": id_, "PermissionSetId": owned}
            org.insert("PermissionSetAssignment", assignment, by=by, quietly=True)
    return id_


def update_user(org: Org, id_: str, values: Mapping[str, Any], *, by: str) -> None:
    """Updates a user; with a new profile, its set replaces that of the profile before."""
    with org.transaction():
        org.update("User", id_, values, by=by)
        if "ProfileId" not in values:
            return
        org.execute(
            'DELETE FROM "PermissionSetAssignment" WHERE "AssigneeId" = ? AND "PermissionSetId" IN'
            ' (SELECT "Id" FROM "PermissionSet" WHERE "IsOwnedByProfile" = 1)',
            (id_,),
        )
        for owned in _of(org, values["ProfileId"]):
            assignment = {"AssigneeId": id_, "PermissionSetId": owned}
            org.insert("PermissionSetAssignment", assignment, by=by)


def of(org: Org, profile_id: str) -> str:
    """The id of the set of a profile."""
    (owned,) = _of(org, profile_id)
    return owned


def _of(org: Org, profile_id: str | None) -> list[str]:
    sql = 'SELECT "Id" FROM "PermissionSet" WHERE "ProfileId" = ?'
    return [row[0] for row in org.execute(sql, (profile_id,))] if profile_id else []


def _permissions(profile: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in profile.items() if name.startswith("Permissions")}
