"""The form of a Customer Portal: its fields, its choices, and what saving it means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata.types import (
    portal,
    profile_limits,
)
from provisioner.emulator.metadata.types import (
    profile as profiles_metadata,
)
from provisioner.emulator.store import portals
from provisioner.emulator.store.components import display_name, encoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

# name of the form field -> field of Form; the ids up to the role are verified (BF), the rest guess
_TEXTS: Final = {
    "Name": "name",
    "Description": "description",
    "Admin": "admin",
    "SelfRegUserDefaultLicense": "license_id",
    "SelfRegUserDefaultProfile": "profile_id",
    "SelfRegUserDefaultRole": "role",
    "EmailSenderAddress": "sender_address",
    "EmailSenderName": "sender_name",
    "LogoutUrl": "logout_url",
}
_BOXES: Final = {
    "IsSelfRegistrationActivated": "self_registration",
    "Active": "active",
    "EnableSelfCloseCase": "self_close_case",
    "ShowActionConfirmation": "action_confirmation",
}
# form field -> element of the metadata type; the others are looked up
_ELEMENTS: Final = {
    "description": "description",
    "sender_address": "emailSenderAddress",
    "sender_name": "emailSenderName",
    "logout_url": "logoutUrl",
    "role": "selfRegUserDefaultRole",
    "self_registration": "isSelfRegistrationActivated",
    "active": "active",
    "self_close_case": "enableSelfCloseCase",
    "action_confirmation": "showActionConfirmation",
}
# the page says User where the API says Worker, fact 115
ROLES: Final = (("Executive", "Executive"), ("Manager", "Manager"), ("Worker", "User"))


@dataclass(frozen=True, slots=True)
class Form:
    """What the form shows or was sent with; the admin by full name, as the page has it."""

    name: str = ""
    description: str = ""
    admin: str = ""
    license_id: str = ""
    profile_id: str = ""
    role: str = ""
    sender_address: str = ""
    sender_name: str = ""
    logout_url: str = ""
    self_registration: bool = False
    active: bool = False
    self_close_case: bool = False
    action_confirmation: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of the lists, each as value and text."""

    licenses: tuple[tuple[str, str], ...]
    profiles: tuple[tuple[str, str], ...]
    roles: tuple[tuple[str, str], ...] = ROLES


def blank() -> Form:
    """A new portal's form."""
    return Form(active=True)


def from_row(org: Org, row: Row) -> Form:
    """The form of a stored portal."""
    stored = portals.stored(row)
    admin = org.get("User", stored.get("adminId", ""))
    profile = org.get("Profile", stored.get("profileId", ""))
    known = {field: stored[name] for field, name in _ELEMENTS.items() if name in stored}
    return replace(
        Form(**known),
        name=display_name(row.full_name),
        admin="" if admin is None else admin["Name"],
        license_id="" if profile is None else profile["UserLicenseId"],
        profile_id="" if profile is None else profile["Id"],
    )


def from_post(posted: Mapping[str, str]) -> Form:
    """The form as it was sent: an unticked box is not in it."""
    texts = {field: posted.get(name, "").strip() for name, field in _TEXTS.items()}
    boxes = {field: name in posted for name, field in _BOXES.items()}
    return Form(**texts, **boxes)  # type: ignore[arg-type]  # the tables name the fields


def filled(form: Form, arguments: Mapping[str, str]) -> Form:
    """The form with values set by parameters of its address, as Classic pages allow [V]."""
    texts = {field: arguments[name] for name, field in _TEXTS.items() if name in arguments}
    boxes = {
        field: is_ticked(arguments[name]) for name, field in _BOXES.items() if name in arguments
    }
    return replace(form, **texts, **boxes)  # type: ignore[arg-type]  # the tables name the fields


def is_ticked(value: str) -> bool:
    """Whether a parameter ticks a box."""
    return value.lower() in {"1", "true", "on"}


def choices(org: Org) -> Choices:
    """The customer licences in use by profiles, and the customer profiles."""
    profiles = customer_profiles(org)
    used = {profile["UserLicenseId"] for profile in profiles}
    licenses = [(row["Id"], row["Name"]) for row in org.select("UserLicense") if row["Id"] in used]
    return Choices(
        licenses=tuple(sorted(licenses, key=lambda one: str(one[1]))),
        profiles=tuple((profile["Id"], profile["Name"]) for profile in profiles),
    )


def customer_profiles(org: Org) -> list[dict[str, Any]]:
    """The profiles with a customer licence, by name."""
    licenses = {
        row["Id"]
        for row in org.select("UserLicense")
        if profile_limits.is_customer_license(row["LicenseDefinitionKey"])
    }
    found = [row for row in org.select("Profile") if row["UserLicenseId"] in licenses]
    return sorted(found, key=lambda row: str(row["Name"]).lower())


def save(org: Org, row: Row | None, form: Form, by: str) -> None:
    """Makes or changes a portal by the rules of the metadata type; raises SalesforceError."""
    if not form.name:
        # text of Classic pages as remembered [U]
        raise SalesforceError("REQUIRED_FIELD_MISSING", "You must enter a value", ("Name",))
    values = {} if row is None else portal.shown(org, row)
    for name in ("admin", "selfRegUserDefaultProfile"):
        values.pop(name, None)
    values |= {element: getattr(form, field) for field, element in _ELEMENTS.items()}
    values = {name: value for name, value in values.items() if value != ""}
    values.setdefault("type", "CustomerSuccess")
    if form.admin:
        values["admin"] = _admin(org, form.admin)
    if form.profile_id:
        values["selfRegUserDefaultProfile"] = _profile(org, form)
    with org.transaction():
        if row is None:
            portal.Portals().create(org, values | {"fullName": encoded(form.name)}, by)
        else:
            portal.save(org, row, form.name, values, by)


def _admin(org: Org, written: str) -> str:
    """The username of the person the lookup means."""
    found = org.select("User", Name=written) or org.select("User", Username=written)
    if len(found) != 1:
        # what a Classic lookup says, general knowledge [U]
        message = "No matches found." if not found else "Multiple items found."
        raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, ("admin",))
    return str(found[0]["Username"])


def _profile(org: Org, form: Form) -> str:
    """The full name of the chosen profile; the chosen licence must be the profile's."""
    profile = org.get("Profile", form.profile_id)
    field = "selfRegUserDefaultProfile"
    if profile is None:
        raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "No matches found.", (field,))
    if form.license_id and profile["UserLicenseId"] != form.license_id:
        # guess: the page offers the profiles of the chosen licence only
        message = "The profile does not belong to the default license."
        raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, (field,))
    return profiles_metadata.full_name(profile)
