"""The blocks of settings: the metadata types of which an org has one component each, always."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.settings import my_domain, security
from provisioner.emulator.store import components
from provisioner.emulator.store.components import Listed, Stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.org import Org


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
            # absent means off, fact 101
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
        row = components.by_name(org, self.name, self.full_name)
        return Listed("", self.full_name, first_stamp(org) if row is None else row.stamp)

    def _turn(self, org: Org, element: str, switch: Switch, by: str, *, on: bool) -> None:
        if org.feature(switch.feature) == on:
            return
        if not on:
            # fact 102: can not be disabled, the answer is a guess;
            # for Digital Experiences all of it is a guess
            raise SalesforceError(
                "FIELD_INTEGRITY_EXCEPTION",
                f"{switch.label} can't be disabled after it's enabled.",
                (element,),
            )
        if switch.feature == "CustomerPortal":
            # fact 103: unlike the browser, without a first portal [I]
            first_day.enable_customer_portal(org, by)
        else:
            first_day.enable_digital_experiences(org, by)
        org.audit(by, "orgsetting", "Company Settings", f"Enabled {switch.label}")

    def _held(self, org: Org) -> Value:
        return self.defaults | self._stored(org)

    def _stored(self, org: Org) -> Value:
        row = components.by_name(org, self.name, self.full_name)
        found: Value = {} if row is None else json.loads(row.body)
        return found

    def _store(self, org: Org, values: Value, by: str) -> None:
        body = json.dumps(values)
        if components.by_name(org, self.name, self.full_name) is None:
            components.add(org, self.name, self.full_name, self.full_name, body, by)
        else:
            components.change(org, self.name, self.full_name, self.full_name, body, by)

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
    Settings(my_domain.NAME, my_domain.FULL_NAME, my_domain.DEFAULTS),
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


def first_stamp(org: Org) -> Stamp:
    """The stamp of what has been there since the org was made."""
    (organization,) = org.select("Organization")
    by, date = organization["CreatedById"], components.xsd_date(organization["CreatedDate"])
    return Stamp(by, date, by, date)
