"""Read which profiles are admitted by portals and sites that the specs do not describe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioner.kinds.metadata import COMPONENT
from provisioner.kinds.portal.fields import MEMBERS
from provisioner.kinds.portal.kind import PortalKind
from provisioner.kinds.xml import flat
from provisioner.login.admission import Entrance
from provisioner.model.operations import (
    Component,
    ListMetadata,
    ReadMembership,
    ReadMetadata,
    ReadSites,
    Select,
)
from provisioner.org.client import Org
from provisioner.org.errors import AuthenticationFailed, Refused
from provisioner.plan.read import Reading

_LIVE = "Live"
# "Added: users with this profile or permission set are members." (Object Reference,
# NetworkMemberGroup.AssignmentStatus)
_ADDED = "Added"


def read(org: Org, reading: Reading) -> tuple[Entrance, ...]:
    """The portals whose profiles are not part of the reading, and the live sites of the org.

    Takes at most two API calls for the portals and two for the sites; a membership page takes
    none.
    Raises OrgError.
    """
    described = {
        str(portal.fields[COMPONENT]).casefold()
        for address, portal in reading.live.items()
        if PortalKind.owns(address) and MEMBERS in reading.desired[address].fields
    }
    listed = _listed(org, reading)
    portals = {name: c for name, c in listed.items() if name.casefold() not in described}
    return (*_portals(org, portals), *_sites(org))


def _listed(org: Org, reading: Reading) -> Mapping[str, Component]:
    if any(map(PortalKind.owns, reading.desired)):
        return reading.facts.components(PortalKind.type)
    listed = org.read(ListMetadata((PortalKind.type,)))
    return {component.full_name: component for component in listed}


def _portals(org: Org, portals: Mapping[str, Component]) -> Iterator[Entrance]:
    if not portals:
        return
    read = org.read(ReadMetadata(PortalKind.type, tuple(sorted(portals))))
    for name in sorted(read):
        active = flat(read[name]).get("active") is True
        yield Entrance(name, active, _members(org, portals[name].id))


def _members(org: Org, portal_id: str) -> frozenset[str] | None:
    try:
        members = org.read(ReadMembership(portal_id))
    except (AuthenticationFailed, Refused):
        # The page is for web sessions only: an API session may not be able to open it.
        return None
    return frozenset(member.profile_id for member in members if member.member)


def _sites(org: Org) -> Iterator[Entrance]:
    try:
        every = org.read(ReadSites())
        sites = {site.id: site.name for site in every if site.status == _LIVE}
        if not sites:
            return
        groups = Select(
            "NetworkMemberGroup",
            ("Id", "NetworkId", "ParentId", "AssignmentStatus"),
            (("NetworkId", tuple(sorted(sites))),),
        )
        rows = org.read(groups)
    except Refused:
        # This login may not read them, and a site may admit the profile.
        yield Entrance("sites", active=True, members=None)
        return
    added = [row for row in rows if row["AssignmentStatus"] == _ADDED]
    for id_, name in sites.items():
        mine = frozenset(str(row["ParentId"]) for row in added if row["NetworkId"] == id_)
        yield Entrance(name, active=True, members=mine)
