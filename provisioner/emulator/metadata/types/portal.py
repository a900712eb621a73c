"""Customer Portals: what they hold, the rules both of their doors share, and their members.

A portal has no sObject; Metadata `Portal` and the setup pages read and write the same rows.
The set of profiles that may log in is not part of the metadata at all.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from provisioner.emulator.access import object_rights, permissions
from provisioner.emulator.base.component_refusals import no_such
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata.types import profile as profiles_metadata
from provisioner.emulator.metadata.types.stored import Listing
from provisioner.emulator.schema.wsdl import Value, wsdl
from provisioner.emulator.store import components, portals

if TYPE_CHECKING:
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

DEFAULT_NAME: Final = "Customer Portal"
_KEY_PREFIX: Final = "060"  # fact 107
_EMAIL: Final = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]+\Z")
# the e-mail templates that public retrievals of untouched portals name [V]
_CHANGE_EMAIL: Final = "unfiled$public/CustomerPortalChangePwdEmail"
_NEW_USER: Final = "unfiled$public/CustomerPortalNewUserEmail"
_SELF_REGISTERED: Final = "unfiled$public/CustomerPortalSelfRegUserEmail"
_TEMPLATES: Final = frozenset({_CHANGE_EMAIL, _NEW_USER, _SELF_REGISTERED})
_BOOLEANS: Final = (
    "active",
    "enableSelfCloseCase",
    "isSelfRegistrationActivated",
    "showActionConfirmation",
)


class Portals(Listing):
    """The kind `Portal`; see `registry.Kind` for the promises."""

    name = "Portal"
    directory = "portals"
    suffix = "portal"

    def _shown(self, org: Org, row: Row) -> Value:
        return shown(org, row)

    def create(self, org: Org, values: Value, by: str) -> None:
        """Makes a portal. Whether a live org lets the API do so is not verified (fact 111)."""
        full_name = values["fullName"]
        if components.by_name(org, self.name, full_name) is not None:
            raise _taken(full_name)
        body = _checked(org, values)
        if body["type"] != "CustomerSuccess":
            # Partner portals are a feature of their own, and Network belongs to sites: guess
            raise SalesforceError(
                "INVALID_TYPE", f"Cannot use: {body['type']} portal in this organization", ("type",)
            )
        id_ = org.new_id(_KEY_PREFIX)
        components.add(org, self.name, id_, full_name, json.dumps(body), by)
        portals.audit(org, by, f"Created Customer Portal {unquote(full_name)}")

    def update(self, org: Org, values: Value, by: str) -> None:
        """Replaces a portal's values: an element left out becomes empty.

        Fact 527: "All required fields must be passed"; that the optional ones are
        cleared too is a guess, and the stricter of the two.
        """
        row = self.existing(org, values["fullName"])
        save(org, row, unquote(row.full_name), values, by)

    def delete(self, org: Org, full_name: str, by: str) -> None:
        row = self.existing(org, full_name)
        if portals.profiles(org, row.id):
            # that delete exists is all that is documented (fact 109); when it is refused is a guess
            raise SalesforceError(
                "DEPENDENCY_EXISTS", f"Cannot delete portal {full_name}: profiles are assigned", ()
            )
        components.remove(org, self.name, row.id)
        portals.audit(org, by, f"Deleted Customer Portal {unquote(row.full_name)}")

    def rename(self, org: Org, old: str, new: str, by: str) -> None:
        row = self.existing(org, old)
        taken = components.by_name(org, self.name, new)
        if taken is not None and taken.id != row.id:
            raise _taken(new)
        components.change(org, self.name, row.id, new, row.body, by)
        portals.audit(
            org, by, f"Changed name of Customer Portal from {unquote(old)} to {unquote(new)}"
        )


def save(org: Org, row: Row, name: str, values: Value, by: str) -> None:
    """Changes name and values of a portal, by the rules of the metadata type.

    Raises SalesforceError; the type of a portal is what it was made with.
    """
    taken = components.by_name(org, "Portal", name)
    if taken is not None and taken.id != row.id:
        raise _taken(name)
    body = _checked(org, values)
    if body["type"] != portals.stored(row)["type"]:
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "Cannot change the type of a portal",
            ("type",),  # guess
        )
    components.change(org, "Portal", row.id, name, json.dumps(body), by)
    portals.audit(org, by, f"Changed Customer Portal {name}")


def make_default(org: Org, by: str) -> None:
    """The portal that enabling in the browser makes, unless one of its name is there.

    Admin and sender are the current user (fact 104); the rest is what public
    retrievals of untouched portals show [V], where `emailSenderName` is the username.
    """
    if components.by_name(org, "Portal", DEFAULT_NAME) is not None:
        return
    user = org.get("User", by)
    assert user is not None, "a session without its user"
    body = dict.fromkeys(_BOOLEANS, False) | {
        "active": True,
        "adminId": by,
        "description": DEFAULT_NAME,
        "emailSenderAddress": user["Email"],
        "emailSenderName": user["Username"],
        "forgotPassTemplate": _CHANGE_EMAIL,
        "newPassTemplate": _CHANGE_EMAIL,
        "newUserTemplate": _NEW_USER,
        "selfRegUserTemplate": _SELF_REGISTERED,
        "type": "CustomerSuccess",
    }
    id_ = org.new_id(_KEY_PREFIX)
    components.add(org, "Portal", id_, DEFAULT_NAME, json.dumps(body), by)
    portals.audit(org, by, f"Created Customer Portal {DEFAULT_NAME}")


def may_administer(org: Org, user: dict[str, Any]) -> bool:
    """Whether a user may be a portal administrator.

    Manage Customer Users and edit on contacts, by profile or permission set: fact
    112.
    """
    manages = permissions.has(org, user["Id"], "ManageCssUsers")
    return manages and object_rights.may(org, user["Id"], "Contact", "Edit")


def find_user(org: Org, written: str) -> dict[str, Any] | None:
    """The user of that username, or else the only one of that full name.

    The Metadata guide speaks of the full name (fact 114); public retrievals have
    usernames, so that is what is read back [V].
    """
    found = org.select("User", Username=written) or org.select("User", Name=written)
    return found[0] if len(found) == 1 else None


def _checked(org: Org, values: Value) -> dict[str, Any]:
    """What to keep of a portal's values; raises for the first rule that is broken."""
    for name in wsdl().missing(values, "Portal"):
        raise _missing(name)
    body = dict.fromkeys(_BOOLEANS, False) | {
        name: value for name, value in values.items() if name != "fullName" and value != ""
    }
    for name in ("emailSenderAddress", "emailSenderName"):
        if name not in body:
            raise _missing(name)
    address = body["emailSenderAddress"]
    if not _EMAIL.match(address):
        # fact 320, wording for User.Email [V]
        message = f"emailSenderAddress: invalid email address: {address}"
        raise SalesforceError("INVALID_EMAIL_ADDRESS", message, ("emailSenderAddress",))
    _check_references(body)
    if "defaultLanguage" in body:
        _check_language(org, body["defaultLanguage"])
    if "admin" in body:
        body["adminId"] = _admin(org, body.pop("admin"))
    if "selfRegUserDefaultProfile" in body:
        body["profileId"] = _default_profile(org, body.pop("selfRegUserDefaultProfile"))
    elif body["isSelfRegistrationActivated"]:
        # every public retrieval with self-registration on has the profile [I]
        raise _missing("selfRegUserDefaultProfile")
    return body


def _check_references(body: dict[str, Any]) -> None:
    for name, value in body.items():
        if name.endswith("Template") and value not in _TEMPLATES:
            raise no_such(name, "EmailTemplate", value)
        if name.endswith("Document"):
            raise no_such(name, "Document", value)  # this org has no documents


def _check_language(org: Org, code: str) -> None:
    user = org.catalog().get("User")
    field = user.field("LanguageLocaleKey") if user else None
    assert field is not None, "every user has a language"
    if code not in {known.value for known in field.values}:
        # the wording of a picklist, fact 323; that it is checked is a guess
        raise SalesforceError(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"defaultLanguage: bad value for restricted picklist field: {code}",
            ("defaultLanguage",),
        )


def _admin(org: Org, written: str) -> str:
    user = find_user(org, written)
    if user is None:
        raise no_such("admin", "User", written)
    if not user["IsActive"]:
        raise SalesforceError(
            "INACTIVE_OWNER_OR_USER",
            "This user is inactive and can't be a portal administrator",  # guess
            ("admin",),
        )
    if not may_administer(org, user):
        # fact 112
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            "This user has insufficient permissions to be a portal administrator",
            ("admin",),
        )
    found: str = user["Id"]
    return found


def _default_profile(org: Org, written: str) -> str:
    profile = profiles_metadata.find(org, written)
    name = "selfRegUserDefaultProfile"
    if profile is None:
        raise no_such(name, "Profile", written)
    if not profiles_metadata.is_customer_profile(org, profile):
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION",
            f"{written} is not a portal profile",
            (name,),  # guess
        )
    found: str = profile["Id"]
    return found


def shown(org: Org, row: Row) -> Value:
    """A portal's values as the metadata has them, its name apart."""
    values = portals.stored(row)
    admin = org.get("User", values.pop("adminId", ""))
    if admin is not None:
        values["admin"] = admin["Username"]
    profile = org.get("Profile", values.pop("profileId", ""))
    if profile is not None:
        # four unrelated public retrievals have it in lower case, standard profiles too [V]
        values["selfRegUserDefaultProfile"] = profile["Name"].lower()
    return values


def _missing(name: str) -> SalesforceError:
    # the wording of certinia/apex-mdapi issue 41 [V]
    return SalesforceError("REQUIRED_FIELD_MISSING", f"Required field is missing: {name}", (name,))


def _taken(name: str) -> SalesforceError:
    # guess
    message = f"A portal with the name {unquote(name)} already exists"
    return SalesforceError("DUPLICATE_VALUE", message, ("Name",))
