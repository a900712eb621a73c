"""The kind `settings`: switches of the org, one resource for each Metadata settings type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from provisioner.kinds.base import Context, FindDesired, LiveResources, NamedQueries, Removal
from provisioner.kinds.metadata import MetadataKind
from provisioner.kinds.org_facts import FIRST_PORTAL, OrgFacts
from provisioner.kinds.xml import flat
from provisioner.model.change import Action, Change
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.operations import Call, EditMetadata, EnableCustomerPortal, ReadMetadata
from provisioner.model.plan import Note, NoteKind
from provisioner.model.resource import Address, Resource, Value

# Each settings type has one component. (fact 117)
FULL_NAMES: Mapping[str, str] = {
    "CommunitiesSettings": "Communities",
    "OrgSettings": "Org",
    "PortalsSettings": "Portals",
}
PORTAL_SETTINGS = Address("settings", "OrgSettings")
SITES_SETTINGS = Address("settings", "CommunitiesSettings")
PORTAL_SWITCH = "enableCustomerSuccessPortal"
SITES_SWITCH = "enableNetworksEnabled"
_IRREVERSIBLE: Mapping[str, str] = {
    PORTAL_SWITCH: "the Customer Portal",
    SITES_SWITCH: "Digital Experiences",
}


class SettingsKind(MetadataKind):
    name = "settings"
    section = "settings"
    removal = Removal.NEVER
    type = "Settings"
    runs_first = True

    def initial_queries(self, desired: Sequence[Resource]) -> NamedQueries:
        types = [r.address.name for r in desired]
        return {"components": {type_: ReadMetadata(type_, (FULL_NAMES[type_],)) for type_ in types}}

    def read_live(
        self,
        desired: Sequence[Resource],
        facts: OrgFacts,
        ids: Mapping[Address, str],
        desired_of: FindDesired,
    ) -> LiveResources:
        components = facts.answers[self.name]["components"]
        # Settings always exist: settings that were never saved have no component.
        read = [(r, components[r.address.name].values()) for r in desired]
        resources = tuple(
            self._live(
                r,
                r.address.name,
                FULL_NAMES[r.address.name],
                self.values(*xml) if xml else {},
                facts,
            )
            for r, xml in read
        )
        return LiveResources(resources, {r.address: "full name" for r in desired})

    def problems(self, context: Context) -> Iterable[Diagnostic]:
        """The Customer Portal and Digital Experiences cannot be disabled again. (fact 102)"""
        for settings in context.of_kind(self.name):
            change = context.changes.get(settings.address)
            for field in change.fields if change else ():
                if field.name in _IRREVERSIBLE and field.after is not True:
                    what = _IRREVERSIBLE[field.name]
                    yield Diagnostic(
                        "one-way-switch",
                        f"{what} is on, and cannot be disabled again",
                        field.span,
                        help="to keep people out, set the portal's `active` to false"
                        if field.name == PORTAL_SWITCH
                        else "to keep people out, take the sites offline",
                    )

    def notes(self, change: Change, context: Context) -> Iterable[Note]:
        enabled = [f.name for f in change.fields if f.name in _IRREVERSIBLE and f.after is True]
        for name in sorted(enabled, key=list(_IRREVERSIBLE).index):
            text = f"{_IRREVERSIBLE[name]} can never be switched off again"
            yield Note(NoteKind.IRREVERSIBLE, text)
        if SITES_SWITCH in enabled:
            text = "Salesforce creates the profiles of the licences for sites that have seats"
            yield Note(NoteKind.REMARK, text)
        if PORTAL_SWITCH in enabled:
            text = f"Salesforce creates the portal `{FIRST_PORTAL}`, its profiles and its fields"
            yield Note(NoteKind.REMARK, text)

    def setup_trail_names(self, change: Change) -> Iterator[str]:
        # An entry has the label of a setting, such as `Guest Chatter`.
        for field in change.fields:
            yield from (field.name, _label(field.name))

    def values(self, component: bytes) -> Mapping[str, Value]:
        return flat(component)

    def calls(self, change: Change, facts: OrgFacts) -> tuple[Call, ...]:
        assert change.action is Action.UPDATE, "settings are neither created nor removed"
        name = change.address.name
        edits = {f.name: f.after for f in change.fields if f.name != PORTAL_SWITCH}
        calls: list[Call] = []
        if PORTAL_SWITCH in change.names():
            # The setup page creates the first portal. Whether a Metadata call does is not known.
            # (fact 103)
            calls.append(EnableCustomerPortal())
        if edits:
            calls.append(EditMetadata(name, FULL_NAMES[name], edits))
        return tuple(calls)


def enabling_step(desired: Iterable[Resource], facts: OrgFacts) -> Address | None:
    """The settings whose change enables the Customer Portal, if the spec does and it is off."""
    enables = _sets(desired, PORTAL_SETTINGS, PORTAL_SWITCH)
    return PORTAL_SETTINGS if enables and not portal_is_on(facts) else None


def sites_enabling_step(desired: Iterable[Resource], facts: OrgFacts) -> Address | None:
    """The settings whose change enables Digital Experiences, if the spec does and they are off."""
    if not _sets(desired, SITES_SETTINGS, SITES_SWITCH):
        return None
    components = facts.answers[SettingsKind.name]["components"][SITES_SETTINGS.name].values()
    is_on = any(flat(xml).get(SITES_SWITCH) is True for xml in components)
    return None if is_on else SITES_SETTINGS


def _sets(desired: Iterable[Resource], settings: Address, switch: str) -> bool:
    return any(r.address == settings and r.written.get(switch) is True for r in desired)


def portal_is_on(facts: OrgFacts) -> bool:
    """Whether the Customer Portal is on. An absent element means false. (fact 101)"""
    return facts.switches is not None and flat(facts.switches).get(PORTAL_SWITCH) is True


def _label(setting: str) -> str:
    """The words of a setting: `foo bar` of `enableFooBar`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"^enable", "", setting))
