"""The metadata type `SharingSet`: which records users get by their account or contact.

What it grants is enforced by `access.sharing_sets`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from provisioner.emulator.access import permissions
from provisioner.emulator.base.component_refusals import no_such, refused
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata.types.stored import StoredKind
from provisioner.emulator.rules.profiles import license_of
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

_LONGEST: Final = 255  # of a description (fact 419)
_LEVELS: Final = ("Read", "Edit")  # fact 419
# The objects of the Metadata guide (meta_sharingset, v67 [V]); custom ones besides.
_OBJECTS: Final = frozenset(
    {"Account", "Campaign", "Contact", "Case", "Opportunity", "Order", "ServiceContract", "User",
     "WorkOrder"}
)  # fmt: skip
# `userField`: fact 422; the values are the Metadata guide's [V].
_USER_FIELD: Final = re.compile(
    r"(?:(?P<plain>Account|Contact|Contact\.RelatedAccount|Manager\.Account|Manager\.Contact)"
    r"|(?P<object>Account|Contact)\.(?P<field>\w+))"
)
# The licences of fact 420, by their keys; which key is "High Volume Portal" [I].
_LICENSES: Final = frozenset(
    {"Overage_Platform_Portal_User", "PID_Customer_Community", "PID_Customer_Community_Login",
     "PID_Customer_Community_Plus", "PID_High_Volume_Customer_Portal",
     "PID_Overage_High Volume Customer Portal", "PID_Partner_Community", "Platform_Portal_User"}
)  # fmt: skip


class SharingSets(StoredKind):
    """The kind `SharingSet`; see `registry.Kind` for the promises."""

    name = "SharingSet"
    directory = "sharingSets"
    suffix = "sharingSet"
    prefix = "0H2"  # as listed of a real org [Q]
    noun = "sharing set"
    section = "Sharing Settings"

    def _may_write(self, org: Org, by: str) -> None:
        # "Customize Application (+ Manage Sharing to edit)": fact 421; the
        # refusal is that of a record: guess
        for name in ("CustomizeApplication", "ManageSharing"):
            if not permissions.has(org, by, name):
                raise permissions.no_access()

    def _shown(self, org: Org, row: Row) -> Value:
        return _shown(org, row)

    def _checked(self, org: Org, values: Value, _row: Row | None) -> Value:
        return _checked(org, values)


def _shown(org: Org, row: Row) -> Value:
    """The values as the metadata has them: profiles in lower case, as the guide's samples [V]."""
    values: Value = json.loads(row.body)
    found = [org.get("Profile", id_) for id_ in values.pop("profileIds")]
    names = sorted(profile["FullName"].lower() for profile in found if profile)
    return values | ({"profiles": names} if names else {})


def _checked(org: Org, values: Value) -> Value:
    body = {name: value for name, value in values.items() if name not in {"fullName", "profiles"}}
    if len(body.get("description", "")) > _LONGEST:
        raise SalesforceError(  # the wording of a record, fact 322
            "STRING_TOO_LONG",
            f"description: data value too large: {body['description']} (max length={_LONGEST})",
            ("description",),
        )
    for mapping in body.get("accessMappings", []):
        _check_mapping(org, mapping)
    return body | {"profileIds": [_profile(org, name) for name in values.get("profiles", [])]}


def _check_mapping(org: Org, mapping: Value) -> None:
    if mapping["accessLevel"] not in _LEVELS:
        raise refused(f"Invalid access level: {mapping['accessLevel']}", "accessLevel")
    named = mapping["object"]
    sobject = org.catalog().get(named)
    custom = named.endswith("__c")
    if sobject is None or (not custom and sobject.name not in _OBJECTS):
        # wording of public deployment logs for other types [V]; that it is used here [I]
        raise no_such("object", "CustomObject", named)
    lookup = mapping["objectField"]
    field = sobject.field(lookup) or sobject.relationship(lookup)
    if lookup != "Id" and not (field and {"Account", "Contact"} & set(field.references)):
        raise refused(
            f"{lookup} is no lookup of {sobject.name} to an account or contact", "objectField"
        )
    found = _USER_FIELD.fullmatch(mapping["userField"])
    parent = org.catalog().get(found["object"] or "") if found else None
    known = parent and (parent.field(found["field"]) or parent.relationship(found["field"]))  # type: ignore[index]
    if found is None or (not found["plain"] and not known):
        raise refused(f"Invalid user field: {mapping['userField']}", "userField")


def _profile(org: Org, written: str) -> str:
    """The id of a profile that may be in a sharing set (fact 420: its licence [V])."""
    name = unquote(written)
    found = org.find("Profile", FullName=components.encoded(name)) or org.find("Profile", Name=name)
    if not found:  # wording of public deployment logs for other types [V]
        raise no_such("profiles", "Profile", written)
    if license_of(org, found[0]).key not in _LICENSES:
        raise refused(f"The license of {written} can't use sharing sets", "profiles")
    return found[0]
