"""Settings: switches of the org, one resource for each Metadata settings type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provisioner.kinds.base import FindDesired, LiveResources, NamedQueries, Removal
from provisioner.kinds.metadata import MetadataKind
from provisioner.kinds.org_facts import OrgFacts
from provisioner.kinds.xml import flat
from provisioner.model.change import Action, Change
from provisioner.model.operations import Call, EditMetadata, EnableCustomerPortal, ReadMetadata
from provisioner.model.resource import Address, Resource, Value

# Each settings type has one component. (platform reference 1.1, 1.4)
FULL_NAMES: Mapping[str, str] = {
    "CommunitiesSettings": "Communities",
    "OrgSettings": "Org",
    "PortalsSettings": "Portals",
}
PORTAL_SWITCH = "enableCustomerSuccessPortal"
SITES_SWITCH = "enableNetworksEnabled"


class SettingsKind(MetadataKind):
    name = "settings"
    section = "settings"
    removal = Removal.NEVER
    type = "Settings"

    def initial_queries(self, wanted: Sequence[Resource]) -> NamedQueries:
        types = [r.address.name for r in wanted]
        return {"components": {type_: ReadMetadata(type_, (FULL_NAMES[type_],)) for type_ in types}}

    def read_live(
        self,
        wanted: Sequence[Resource],
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> LiveResources:
        components = facts.answers[self.name]["components"]
        found = [(r, components[r.address.name].values()) for r in wanted]
        # Settings always are: one that was never saved reads as nothing set.
        resources = tuple(
            self._live(
                r,
                r.address.name,
                FULL_NAMES[r.address.name],
                self.values(*xml) if xml else {},
                facts,
            )
            for r, xml in found
        )
        return LiveResources(resources, {r.address: "full name" for r in wanted})

    def values(self, component: bytes) -> Mapping[str, Value]:
        return flat(component)

    def calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        assert change.action is Action.UPDATE, "settings are neither created nor removed"
        name = change.address.name
        edits = {f.name: f.after for f in change.fields if f.name != PORTAL_SWITCH}
        calls: list[Call] = []
        if PORTAL_SWITCH in change.names():
            # Only the page is known to make the first portal; the settings call is not.
            # (platform reference 1.1)
            calls.append(EnableCustomerPortal())
        if edits:
            calls.append(EditMetadata(name, FULL_NAMES[name], edits))
        return tuple(calls)


def portal_is_on(facts: OrgFacts) -> bool:
    """Whether the Customer Portal is on. An absent element means false. (platform reference 1.1)"""
    return facts.switches is not None and flat(facts.switches).get(PORTAL_SWITCH) is True
