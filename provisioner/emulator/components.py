"""The metadata types this org knows: a registry, what every kind promises, and the settings.

`Portal`, `Profile` and `Layout` live in modules of their own. A type that is missing here is
refused by `metadata` even when the WSDL has it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from provisioner.emulator import component_rows, portal_rows, profile_permissions, security, seed
from provisioner.emulator.component_rows import Listed, Stamp
from provisioner.emulator.custom_field_metadata import CustomFields
from provisioner.emulator.custom_metadata import CustomObjects
from provisioner.emulator.errors import SalesforceError
from provisioner.emulator.layouts import Layouts
from provisioner.emulator.portals import Portals
from provisioner.emulator.profiles_metadata import Profiles
from provisioner.emulator.sharing_sets import SharingSets
from provisioner.emulator.sites.bundle_metadata import ExperienceBundles, SiteDotComs
from provisioner.emulator.sites.custom_site_metadata import CustomSites
from provisioner.emulator.sites.digital_experiences import (
    DigitalExperienceBundles,
    DigitalExperienceConfigs,
)
from provisioner.emulator.sites.network_metadata import Networks

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.emulator.store import Org
    from provisioner.emulator.wsdl import Value


class Kind(Protocol):
    """One component type; every refusal is a SalesforceError."""

    @property
    def name(self) -> str:
        """The type as the WSDL names it."""

    def read(self, org: Org, full_name: str) -> Value | None:
        """The component as the WSDL has it, or None when there is none of that name."""

    def create(self, org: Org, values: Value, by: str) -> None:
        """Makes the component `values["fullName"]`."""

    def update(self, org: Org, values: Value, by: str) -> None:
        """Changes the component `values["fullName"]`."""

    def delete(self, org: Org, full_name: str, by: str) -> None:
        """Removes the component."""

    def rename(self, org: Org, old: str, new: str, by: str) -> None:
        """Gives the component a new full name."""


class Folder(Protocol):
    """A type as `listMetadata` and `describeMetadata` name it, with its place in a package."""

    @property
    def name(self) -> str:
        """`Portal`, `Settings`, ..."""

    @property
    def directory(self) -> str:
        """The folder of a package."""

    @property
    def suffix(self) -> str:
        """The end of a file's name."""

    def list(self, org: Org) -> list[Listed]:
        """Every component of the type, in order of their names."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A setting that is a feature of the org."""

    feature: str
    label: str


@dataclass(frozen=True, slots=True)
class Settings:
    """One block of settings: the only component of its type, always there.

    An update changes what it names, in a block within it too, but for one in `whole`, which is
    replaced. `switches` turn features on and can not be turned off again; `defaults` are what a
    new org shows. `check` refuses values.
    """

    name: str
    full_name: str
    defaults: dict[str, Any]
    switches: dict[str, Switch] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    check: Callable[[Value], None] = lambda _: None

    def read(self, org: Org, full_name: str) -> Value | None:
        if full_name.lower() != self.full_name.lower():
            return None
        values: Value = {"fullName": self.full_name} | self._held(org)
        for element, switch in self.switches.items():
            # absent means off, platform reference 1.1 [V]
            if org.feature(switch.feature):
                values[element] = True
        return values

    def update(self, org: Org, values: Value, by: str) -> None:
        if values["fullName"].lower() != self.full_name.lower():
            # wording as certinia/apex-mdapi issue 86 has it for list views [V]; for settings [I]
            raise SalesforceError(
                "INVALID_CROSS_REFERENCE_KEY",
                f"In field: fullName - no {self.name} named {values['fullName']} found",
                (),
            )
        self.check(values)
        stored, held = self._stored(org), self._held(org)
        for element, given in values.items():
            switch, value = self.switches.get(element), given
            if isinstance(value, dict) and element not in self.whole:
                value = held.get(element, {}) | value
            if switch is not None:
                self._turn(org, element, switch, by, on=value)
            elif element != "fullName" and value != held.get(element):
                stored[element] = value
                org.audit(by, "orgsetting", "Company Settings", f"Changed {element} to {value}")
        self._store(org, stored, by)

    def create(self, org: Org, values: Value, by: str) -> None:
        """Refused: settings exist from the first day. Code and wording are a guess."""
        raise self._unmovable("created")

    def delete(self, org: Org, full_name: str, by: str) -> None:
        """Refused, as `create` is."""
        raise self._unmovable("deleted")

    def rename(self, org: Org, old: str, new: str, by: str) -> None:
        """Refused, as `create` is."""
        raise self._unmovable("renamed")

    def listed(self, org: Org) -> Listed:
        """The block as one line of `listMetadata`; settings have no id."""
        row = component_rows.by_name(org, self.name, self.full_name)
        return Listed("", self.full_name, first_stamp(org) if row is None else row.stamp)

    def _turn(self, org: Org, element: str, switch: Switch, by: str, *, on: bool) -> None:
        if org.feature(switch.feature) == on:
            return
        if not on:
            # platform reference 1.1: can not be disabled [V], the answer is a guess (12.1);
            # for Digital Experiences all of it is a guess (12.6)
            raise SalesforceError(
                "FIELD_INTEGRITY_EXCEPTION",
                f"{switch.label} can't be disabled after it's enabled.",
                (element,),
            )
        if switch.feature == "CustomerPortal":
            # platform reference 1.1: unlike the browser, without a first portal [I]
            seed.enable_customer_portal(org, by)
        else:
            seed.enable_digital_experiences(org, by)
        org.audit(by, "orgsetting", "Company Settings", f"Enabled {switch.label}")

    def _held(self, org: Org) -> Value:
        return self.defaults | self._stored(org)

    def _stored(self, org: Org) -> Value:
        row = component_rows.by_name(org, self.name, self.full_name)
        found: Value = {} if row is None else json.loads(row.body)
        return found

    def _store(self, org: Org, values: Value, by: str) -> None:
        body = json.dumps(values)
        if component_rows.by_name(org, self.name, self.full_name) is None:
            component_rows.add(org, self.name, self.full_name, self.full_name, body, by)
        else:
            component_rows.change(org, self.name, self.full_name, self.full_name, body, by)

    def _unmovable(self, what: str) -> SalesforceError:
        # guess
        return SalesforceError("INVALID_OPERATION", f"{self.name} can't be {what}", ())


@dataclass(frozen=True, slots=True)
class SettingsFolder:
    """All settings blocks as `listMetadata` names them: one type, `Settings`."""

    name: str = "Settings"
    directory: str = "settings"
    suffix: str = "settings"

    def list(self, org: Org) -> list[Listed]:
        return [block.listed(org) for block in SETTINGS]


CUSTOMER_PORTAL: Final = "CustomerPortal"
NETWORKS: Final = "Networks"

# the defaults are what public retrievals of Developer and scratch orgs show [V]
SETTINGS: Final = (
    Settings(
        "CommunitiesSettings",
        "Communities",
        {"enableNetworksEnabled": False, "enableOotbProfExtUserOpsEnable": False},
        {"enableNetworksEnabled": Switch(NETWORKS, "Digital Experiences")},
    ),
    # the default: Metadata guide, ExperienceBundleSettings [V]
    Settings(
        "ExperienceBundleSettings",
        "ExperienceBundle",
        {"enableExperienceBundleMetadata": False},
    ),
    Settings(
        "OrgSettings",
        "Org",
        {
            "enableMakeDeploymentsMandatory": False,
            "enableManageSelfServiceUsers": False,
            "enableRADeploymentAttributeOnly": True,
        },
        {"enableCustomerSuccessPortal": Switch(CUSTOMER_PORTAL, "Customer Portal")},
    ),
    Settings(
        "PortalsSettings",
        "Portals",
        {"clickjackSSPLoginPage": False, "redirectPortalLoginToHttps": True},
    ),
    # "to remove all ranges, leave networkAccess empty": META SecuritySettings [V]
    Settings(
        security.NAME,
        security.FULL_NAME,
        security.DEFAULTS,
        whole=frozenset({"networkAccess"}),
        check=security.check,
    ),
    # Off in a new org: guess, but for the two that make new orgs look as they do.
    Settings(
        "UserManagementSettings",
        "UserManagement",
        {
            "enableEnhancedProfileMgmt": True,
            "enableNewProfileUI": True,
            "enableProfileFiltering": False,
            "enableRestrictEmailDomains": False,
        },
    ),
)
_Component = (
    CustomFields
    | CustomObjects
    | CustomSites
    | DigitalExperienceBundles
    | DigitalExperienceConfigs
    | ExperienceBundles
    | Layouts
    | Networks
    | Portals
    | Profiles
    | SharingSets
    | SiteDotComs
)
_COMPONENTS: Final = (
    CustomFields(), CustomObjects(), CustomSites(), DigitalExperienceBundles(),
    DigitalExperienceConfigs(), ExperienceBundles(), Layouts(), Networks(), Portals(), Profiles(),
    SharingSets(), SiteDotComs(),
)  # fmt: skip
# An org has these types with one of these features: of the portals 1.2 [V], of sites 1.5 [I]; that
# sharing sets come with either [I].
_NEEDS: Final = {
    "DigitalExperienceBundle": (NETWORKS,),
    "DigitalExperienceConfig": (NETWORKS,),
    "ExperienceBundle": (NETWORKS,),
    "Network": (NETWORKS,),
    "Portal": (CUSTOMER_PORTAL,),
    "SharingSet": (CUSTOMER_PORTAL, NETWORKS),
    "SiteDotCom": (NETWORKS,),
}
META_FILES: Final = frozenset({"SiteDotCom"})  # a file and its XML (public describes [V])
# kept in the file of their parent: they have no folder of their own
CHILDREN: Final = {"CustomObject": ("CustomField",)}


def kind(org: Org, type_name: str) -> Kind | None:
    """The kind of that type, or None when this org has none or its feature is off."""
    found: list[Kind] = [*SETTINGS, *_available(org)]
    return next((one for one in found if one.name == type_name), None)


def settle(org: Org, one: Kind, full_name: str) -> None:
    """Refuses what a call or a deployment leaves by halves: a site without its Network."""
    if isinstance(one, CustomSites | DigitalExperienceConfigs | ExperienceBundles | SiteDotComs):
        one.settle(org, full_name)


def folders(org: Org) -> list[Folder]:
    """What can be listed, in order of their names."""
    found: list[Folder] = [*_available(org), SettingsFolder()]
    return sorted(found, key=lambda one: one.name)


def by_directory() -> dict[str, Folder]:
    """The types that have a folder in a package, by its name, whatever the org's features."""
    children = {name for names in CHILDREN.values() for name in names}
    every: list[Folder] = [*_COMPONENTS, SettingsFolder()]
    return {one.directory: one for one in every if one.name not in children}


def folder(org: Org, type_name: str) -> Folder | None:
    """What can be listed under that name."""
    return next((one for one in folders(org) if one.name == type_name), None)


def may_modify_metadata(org: Org, user_id: str) -> bool:
    """Whether a user may use the Metadata API at all (platform reference 4.4 [V])."""
    return any(
        profile_permissions.has_permission(org, user_id, name)
        for name in ("ModifyAllData", "ModifyMetadata")
    )


def portal_admins(org: Org) -> set[str]:
    """The users who are a portal's administrator.

    They must keep a profile with Manage Customer Users (platform reference 1.2 [V]).
    """
    return portal_rows.admins(org)


def user_name(org: Org, user_id: str) -> str:
    """The full name of a user, for `FileProperties`."""
    user = org.get("User", user_id)
    return "" if user is None else str(user["Name"])


def file_name(folder: Folder, full_name: str) -> str:
    """The file of a package that holds a component."""
    child = folder.name in {name for names in CHILDREN.values() for name in names}
    parent = full_name.partition(".")[0] if child else full_name
    return f"{folder.directory}/{parent}.{folder.suffix}"


def _available(org: Org) -> tuple[_Component, ...]:
    on = org.features()
    return tuple(
        one for one in _COMPONENTS if one.name not in _NEEDS or on.intersection(_NEEDS[one.name])
    )


def first_stamp(org: Org) -> Stamp:
    """The stamp of what has been there since the org was made."""
    (organization,) = org.select("Organization")
    by, date = organization["CreatedById"], component_rows.xsd_date(organization["CreatedDate"])
    return Stamp(by, date, by, date)
