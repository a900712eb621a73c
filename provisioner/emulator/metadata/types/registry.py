"""The metadata types this org knows: a registry, and what every kind promises.

Each lives in a module of its own. A type that is missing here is
refused by `endpoint` even when the WSDL has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from provisioner.emulator.metadata.types.custom_field import CustomFields
from provisioner.emulator.metadata.types.custom_object import CustomObjects
from provisioner.emulator.metadata.types.custom_site import CustomSites
from provisioner.emulator.metadata.types.digital_experience import DigitalExperiences
from provisioner.emulator.metadata.types.digital_experience_bundle import (
    DigitalExperienceBundles,
    DigitalExperienceConfigs,
)
from provisioner.emulator.metadata.types.layout import Layouts
from provisioner.emulator.metadata.types.network import Networks
from provisioner.emulator.metadata.types.portal import Portals
from provisioner.emulator.metadata.types.profile import Profiles
from provisioner.emulator.metadata.types.settings import (
    CUSTOMER_PORTAL,
    NETWORKS,
    SETTINGS,
    SettingsFolder,
)
from provisioner.emulator.metadata.types.sharing_set import SharingSets
from provisioner.emulator.metadata.types.site_bundles import ExperienceBundles, SiteDotComs
from provisioner.emulator.store.components import Listed

if TYPE_CHECKING:
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.org import Org


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


_Component = (
    CustomFields
    | CustomObjects
    | CustomSites
    | DigitalExperienceBundles
    | DigitalExperienceConfigs
    | DigitalExperiences
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
    DigitalExperienceConfigs(), DigitalExperiences(), ExperienceBundles(), Layouts(), Networks(),
    Portals(), Profiles(), SharingSets(), SiteDotComs(),
)  # fmt: skip
# An org has these types with one of these features (portals: fact 110, sites: fact 210); that
# sharing sets come with either: [I].
_NEEDS: Final = {
    "DigitalExperience": (NETWORKS,),
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
CHILDREN: Final = {
    "CustomObject": ("CustomField",),
    "DigitalExperienceBundle": ("DigitalExperience",),
}


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


_SINCE: Final = {  # facts 201 and 205; Metadata guide
    "CommunitiesSettings": 47,
    "DigitalExperience": 56,
    "DigitalExperienceBundle": 56,
    "DigitalExperienceConfig": 56,
    "ExperienceBundle": 46,
    "ExperienceBundleSettings": 46,
    "SiteDotCom": 30,
}


def knows(version: float, type_name: str) -> bool:
    """Whether a version of the API has a type."""
    return version >= _SINCE.get(type_name, 0)
