"""Metadata `Profile`: the same profiles that REST shows, with their permissions and settings.

The row of the profile and of the permission set it owns hold name, description, licence and all
permissions, so both doors agree by construction; only what has no sObject (layouts, tabs, login
hours) is kept beside them. An update changes what it names and leaves the rest alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata.types import (
    layout,
    profile_defaults,
    profile_limits,
    profile_permissions,
)
from provisioner.emulator.metadata.types.profile_limits import no_such, refused
from provisioner.emulator.rules import profiles
from provisioner.emulator.settings import profile_login_limits
from provisioner.emulator.store import components
from provisioner.emulator.store.components import Listed, Stamp

if TYPE_CHECKING:
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.org import Org

# Lists that name things this org has none of: element -> (key, type in messages)
_ABSENT_TYPES: Final = {
    "categoryGroupVisibilities": ("dataCategoryGroup", "DataCategoryGroup"),
    "classAccesses": ("apexClass", "ApexClass"),
    "customMetadataTypeAccesses": ("name", "CustomObject"),
    "customPermissions": ("name", "CustomPermission"),
    "customSettingAccesses": ("name", "CustomObject"),
    "externalDataSourceAccesses": ("externalDataSource", "ExternalDataSource"),
    "flowAccesses": ("flow", "Flow"),
    "loginFlows": ("friendlyName", "LoginFlow"),
    "pageAccesses": ("apexPage", "ApexPage"),
    "profileActionOverrides": ("actionName", "CustomApplication"),
    "recordTypeVisibilities": ("recordType", "RecordType"),
}
_APPLICATIONS: Final = frozenset(
    f"standard__{name}" for name in ("LightningSales", "LightningService", "Platform", "Sales",
                                     "Service")
)  # fmt: skip
# kept as they come: element -> the key that tells the entries apart, None replaces the whole
_KEPT: Final = {
    "applicationVisibilities": "application",
    "layoutAssignments": "layout",
    "loginHours": None,
    "loginIpRanges": None,
    "tabVisibilities": "tab",
}


class Profiles:
    """The kind `Profile`; see `registry.Kind` for the promises."""

    name = "Profile"
    directory = "profiles"
    suffix = "profile"

    def list(self, org: Org) -> list[Listed]:
        found = [Listed(row["Id"], full_name(row), _stamp(row)) for row in org.select("Profile")]
        return sorted(found, key=lambda one: one.full_name.lower())

    def read(self, org: Org, full_name: str) -> Value | None:
        row = _by_full_name(org, full_name)
        return None if row is None else _shown(org, row)

    def create(self, org: Org, values: Value, by: str) -> None:
        if "userLicense" not in values:
            raise SalesforceError(
                "REQUIRED_FIELD_MISSING", "Required field is missing: userLicense", ("userLicense",)
            )
        if values.get("custom") is False:
            # fact 505: made with custom true, or nothing said [V]; refusal guess
            raise refused("A standard profile cannot be created", "custom")
        license_ = _license(org, values["userLicense"])
        key = license_["LicenseDefinitionKey"]
        flags = profile_permissions.user_permissions(org, values.get("userPermissions", []), key)
        fields = {
            "Name": unquote(values["fullName"]),
            "Description": values.get("description"),
            "UserLicenseId": license_["Id"],
        }
        standard = profile_defaults.standard_profile(org, key)
        id_ = profiles.create(org, by, fields | profile_defaults.user_permissions(standard) | flags)
        row = org.get("Profile", id_)
        assert row is not None, "just inserted"
        if standard is not None:
            told = {entry["object"].lower() for entry in values.get("objectPermissions", [])}
            profile_defaults.copy(org, standard, id_, by, but=told)
        _merge(org, row, values, key, by)

    def update(self, org: Org, values: Value, by: str) -> None:
        row = self._existing(org, values["fullName"])
        if values.get("userLicense", _license_name(org, row)) != _license_name(org, row):
            # immutable, fact 504; wording guess
            raise refused("The user license of a profile can't be changed", "userLicense")
        if values.get(
            "custom", profile_permissions.is_custom(org, row)
        ) != profile_permissions.is_custom(org, row):
            raise refused("Custom can't be changed", "custom")  # guess
        key = _license_row(org, row)["LicenseDefinitionKey"]
        wanted = profile_permissions.user_permissions(org, values.get("userPermissions", []), key)
        changes = {name: on for name, on in wanted.items() if row[name] != on}
        if changes and not profile_permissions.is_custom(org, row):
            raise refused("Permissions of a standard profile can't be changed")  # guess
        if "description" in values:
            changes["Description"] = values["description"]
        _merge(org, row, values, key, by)
        profiles.update(org, by, row, changes)

    def delete(self, org: Org, full_name: str, by: str) -> None:
        row = self._existing(org, full_name)
        profiles.delete(org, by, row)
        components.remove(org, self.name, row["Id"])

    def rename(self, org: Org, old: str, new: str, by: str) -> None:
        profiles.update(org, by, self._existing(org, old), {"Name": unquote(new)})

    def _existing(self, org: Org, full_name: str) -> dict[str, Any]:
        row = _by_full_name(org, full_name)
        if row is None:
            # wording as certinia/apex-mdapi issue 86 has it for list views [V]
            raise SalesforceError(
                "INVALID_CROSS_REFERENCE_KEY",
                f"In field: fullName - no Profile named {full_name} found",
                (),
            )
        return row


def full_name(profile: dict[str, Any]) -> str:
    """The metadata name of a profile row (fact 510)."""
    return str(profile["FullName"])


def find(org: Org, written: str) -> dict[str, Any] | None:
    """The one profile of that name or full name, in any case."""
    named = org.select("Profile", Name=unquote(written)) or org.select("Profile", FullName=written)
    return named[0] if named else None


def is_customer_profile(org: Org, profile: dict[str, Any]) -> bool:
    """Whether the profile's licence is one for customers."""
    return profile_limits.is_customer_license(_license_row(org, profile)["LicenseDefinitionKey"])


def _by_full_name(org: Org, name: str) -> dict[str, Any] | None:
    found = org.select("Profile", FullName=components.encoded(unquote(name)))
    return found[0] if found else None


def _shown(org: Org, row: dict[str, Any]) -> Value:
    """What is switched on; what is off is left out (fact 514)."""
    kept = _kept(org, row)
    values: Value = {
        "custom": profile_permissions.is_custom(org, row),
        "fieldPermissions": profile_permissions.field_permissions(org, row["Id"]),
        "fullName": full_name(row),
        "objectPermissions": [
            {"object": sobject} | permissions
            for sobject, permissions in sorted(
                profile_permissions.object_permissions(org, row["Id"]).items()
            )
            if any(permissions.values())
        ],
        "userLicense": _license_name(org, row),
        "userPermissions": [
            {"enabled": True, "name": name.removeprefix("Permissions")}
            for name, value in sorted(row.items())
            if name.startswith("Permissions") and value
        ],
    }
    if row["Description"]:
        values["description"] = row["Description"]
    for element, key in _KEPT.items():
        if element == "layoutAssignments":
            values[element] = _layout_assignments(org, kept.get(element, {}))
        elif element in kept:
            held = kept[element]
            values[element] = held if key is None else [held[one] for one in sorted(held)]
    return {name: value for name, value in values.items() if value != []}


def _merge(org: Org, row: dict[str, Any], values: Value, license_key: str, by: str) -> None:
    """Writes what is not in the profile's own row."""
    for element, (key, kind) in _ABSENT_TYPES.items():
        for entry in values.get(element, []):
            raise no_such(key, kind, entry.get(key, ""))
    profile_permissions.merge_object_permissions(
        org, row, values.get("objectPermissions", []), license_key, by
    )
    profile_permissions.merge_field_permissions(org, row, values.get("fieldPermissions", []), by)
    _merge_kept(org, row, values, by)


def _merge_kept(org: Org, row: dict[str, Any], values: Value, by: str) -> None:
    _check_names(org, values)
    kept = _kept(org, row)
    before = json.dumps(kept)
    for element, key in _KEPT.items():
        if element in values:
            kept[element] = _merged(kept.get(element), values[element], key)
    after = json.dumps(kept)
    if after == before:
        return
    if components.by_id(org, "Profile", row["Id"]) is None:
        components.add(org, "Profile", row["Id"], row["Id"], after, by)
    else:
        components.change(org, "Profile", row["Id"], row["Id"], after, by)


def _check_names(org: Org, values: Value) -> None:
    profile_login_limits.check(values)
    for entry in values.get("applicationVisibilities", []):
        if entry["application"] not in _APPLICATIONS:
            raise no_such("application", "CustomApplication", entry["application"])
    for entry in values.get("tabVisibilities", []):
        if entry["tab"] not in profile_limits.TABS:
            raise no_such("tab", "CustomTab", entry["tab"])
    for entry in values.get("layoutAssignments", []):
        if layout.find(org, entry["layout"]) is None:
            raise no_such("layout", "Layout", entry["layout"])
        if "recordType" in entry:
            raise no_such("recordType", "RecordType", entry["recordType"])


def _merged(old: Any, new: Any, key: str | None) -> Any:
    """Entries by what `key` names; a layout stands for the one of its object."""
    if key is None:
        return new
    return (old or {}) | {
        entry[key].partition("-")[0] if key == "layout" else entry[key]: entry for entry in new
    }


def _layout_assignments(org: Org, assigned: dict[str, Value]) -> list[Value]:
    """One layout for each object, as retrievals have it: the assigned one or the first."""
    chosen: dict[str, Value] = {}
    for row in layout.rows(org):
        chosen.setdefault(row.full_name.partition("-")[0], {"layout": row.full_name})
    chosen |= {
        sobject: entry
        for sobject, entry in assigned.items()
        if layout.find(org, entry["layout"]) is not None
    }
    return [chosen[sobject] for sobject in sorted(chosen)]


def _kept(org: Org, row: dict[str, Any]) -> dict[str, Any]:
    stored = components.by_id(org, "Profile", row["Id"])
    found: dict[str, Any] = {} if stored is None else json.loads(stored.body)
    return found


def _license(org: Org, name: str) -> dict[str, Any]:
    """The active licence of that name; names are not unique (fact 414)."""
    found = org.select("UserLicense", Name=name, Status="Active")
    if len(found) != 1:
        raise no_such("userLicense", "UserLicense", name)  # public deployment logs [V]
    return found[0]


def _license_row(org: Org, profile: dict[str, Any]) -> dict[str, Any]:
    row = org.get("UserLicense", profile["UserLicenseId"])
    assert row is not None, "a profile without a licence"
    return row


def _license_name(org: Org, profile: dict[str, Any]) -> str:
    return str(_license_row(org, profile)["Name"])


def _stamp(row: dict[str, Any]) -> Stamp:
    return Stamp(
        row["CreatedById"],
        components.xsd_date(row["CreatedDate"]),
        row["LastModifiedById"],
        components.xsd_date(row["LastModifiedDate"]),
    )
