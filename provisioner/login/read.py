"""Read the facts about one user's login from the org, in few requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lxml import etree

from provisioner.kinds.org_facts import (
    LICENCES,
    ORGANIZATION,
    PORTAL_USER_TYPES,
    PROFILES,
    ROLE_USER_TYPES,
    SWITCHES,
    OrgFacts,
)
from provisioner.kinds.portal.fields import login_page
from provisioner.kinds.portal.kind import PortalKind
from provisioner.kinds.profile.kind import ProfileKind
from provisioner.kinds.settings import portal_is_on
from provisioner.kinds.user.kind import UserKind
from provisioner.kinds.xml import flat
from provisioner.login.login_facts import (
    Attempt,
    LicenceState,
    LoginFacts,
    Owner,
    PasswordState,
    Person,
    Portal,
    Range,
    User,
)
from provisioner.model.operations import (
    LastLogins,
    ListMetadata,
    PasswordExpired,
    Query,
    ReadMembership,
    ReadMetadata,
    ReadSites,
    Row,
    Select,
    ServerTime,
    optional_text,
    text,
)
from provisioner.org.client import Org
from provisioner.org.errors import AuthenticationFailed, NotAllowed, Refused

T = TypeVar("T")

_ATTEMPTS = 5
_LISTED = ListMetadata((PortalKind.type, ProfileKind.type))
_USER = (
    "Id",
    "Username",
    "IsActive",
    "UserType",
    "ProfileId",
    "UserRole.Name",
    "LastLoginDate",
    "LastPasswordChangeDate",
    "Contact.Name",
    "Contact.Account.Name",
    "Contact.Account.Owner.Username",
    "Contact.Account.Owner.IsActive",
    "Contact.Account.Owner.UserRoleId",
)
_HISTORY = ("LoginTime", "LoginType", "SourceIp", "Status")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a user logs in: a portal by name, or one of the portals of a spec."""

    portal: str | None = None
    preferred: tuple[str, ...] = ()


def read(org: Org, username: str, target: Target, address: str | None = None) -> LoginFacts:
    """The facts about the user's login to the target portal. Raises OrgError.

    Without a name, it is the first of: an active portal or site that admits the user, one that
    admits the user, one of the spec, any.
    """
    selected = Select(UserKind.sobject, _USER, (("Username", (username,)),))
    first = (selected, LICENCES, PROFILES, ORGANIZATION, _LISTED)
    facts = OrgFacts(org.read_all(first))
    rows = facts.shared[selected]
    row = rows[0] if rows else None
    profile = _profile_name(facts, row)
    portals = _portals(org, facts, target)
    chosen = _chosen(portals, target, profile)
    if chosen is None or not (chosen.active and profile in (chosen.members or ())):
        # Sites need two more API calls, so they are read only if no portal admits the user.
        chosen = _chosen((*portals, *_sites(org, row, profile, target)), target, profile)
    on = bool(facts.components(PortalKind.type)) or portal_is_on(OrgFacts(org.read_all([SWITCHES])))
    names = tuple(sorted(facts.components(PortalKind.type)))
    if row is None:
        return LoginFacts(
            username, None, on, chosen, names, address=address, has_sites=facts.has_site_users
        )
    details = _details(org, facts, row)
    zone = str(facts.organization.get("TimeZoneSidKey") or "UTC")
    return LoginFacts(
        str(row["Username"]),
        _user(facts, row, details),
        on,
        chosen,
        names,
        hours=details.hours,
        ranges=details.ranges,
        now=_now(org, zone) if details.hours else None,
        zone=zone,
        address=address,
        attempts=details.attempts,
        has_sites=facts.has_site_users,
    )


def portals(org: Org) -> tuple[Portal, ...]:
    """Every portal of the org with its login page, by name; members are not read."""
    first = (ORGANIZATION, _LISTED)
    facts = OrgFacts(org.read_all(first))
    return _portals(org, facts, Target(), members=False)


@dataclass(frozen=True, slots=True)
class _Details:
    """What is read about one user and its profile."""

    frozen: bool | None
    locked: bool | None
    expired: bool | None
    attempts: tuple[Attempt, ...]
    hours: Mapping[str, int]
    ranges: tuple[Range, ...]


def _portals(
    org: Org, facts: OrgFacts, target: Target, *, members: bool = True
) -> tuple[Portal, ...]:
    listed = facts.components(PortalKind.type)
    selected = {
        name: component
        for name, component in listed.items()
        if target.portal is None or name.casefold() == target.portal.casefold()
    }
    if not selected:
        return ()
    read = org.read(ReadMetadata(PortalKind.type, tuple(sorted(selected))))
    organization = str(facts.organization.get("Id", ""))
    return tuple(
        Portal(
            name,
            login_page(org.instance_url, organization, selected[name].id),
            flat(read[name]).get("active") is True,
            _members(org, facts, selected[name].id) if members else None,
        )
        for name in sorted(read)
    )


def _sites(org: Org, row: Row | None, profile: str | None, target: Target) -> tuple[Portal, ...]:
    """The sites. `members` is the user's profile if the user is a member, for whatever reason."""
    named = target.portal.casefold() if target.portal else None
    sites = [s for s in _asked(org, ReadSites()) or [] if named in (None, s.name.casefold())]
    if not sites:
        return ()
    id_ = str(row["Id"]) if row is not None else ""
    joined = Select("NetworkMember", ("NetworkId",), (("MemberId", (id_,)),))
    rows = _asked(org, joined) if row is not None else []
    networks = None if rows is None else {str(r["NetworkId"]) for r in rows}
    return tuple(
        Portal(
            site.name,
            site.login_url,
            site.status == "Live",
            None if networks is None else frozenset({profile or ""} if site.id in networks else ()),
            is_site=True,
        )
        for site in sites
    )


def _members(org: Org, facts: OrgFacts, portal_id: str) -> frozenset[str] | None:
    """The portal's profiles by unique name: its page can show several profiles under one name."""
    try:
        members = org.read(ReadMembership(portal_id))
    except (AuthenticationFailed, Refused):
        # The page is for web sessions only: an API session may not be able to read it.
        return None
    names = {p.id: facts.unambiguous_name(p) for p in facts.profiles}
    return frozenset(names.get(m.profile_id, m.name) for m in members if m.member)


def _chosen(portals: Sequence[Portal], target: Target, profile: str | None) -> Portal | None:
    preferred = {name.casefold() for name in target.preferred}

    def rank(portal: Portal) -> tuple[bool, bool, bool, bool, str]:
        mine = profile in (portal.members or ())
        is_preferred = portal.name.casefold() in preferred
        return (not mine, not portal.active, not is_preferred, portal.is_site, portal.name)

    return min(portals, key=rank, default=None)


def _profile_name(facts: OrgFacts, row: Row | None) -> str | None:
    names = (
        facts.unambiguous_name(p)
        for p in facts.profiles
        if row is not None and p.id == row["ProfileId"]
    )
    return next(names, None)


def _details(org: Org, facts: OrgFacts, row: Row) -> _Details:
    id_ = str(row["Id"])
    login = _asked(
        org, Select("UserLogin", ("IsFrozen", "IsPasswordLocked"), (("UserId", (id_,)),))
    )
    switches = login[0] if login else None
    rows = _asked(org, LastLogins(id_, _HISTORY, _ATTEMPTS)) or []
    names = tuple(p.full_name for p in facts.profiles if p.id == row["ProfileId"])
    component = next(
        iter((_asked(org, ReadMetadata(ProfileKind.type, names)) or {}).values()), None
    )
    hours, ranges = limits(component) if component else ({}, ())
    return _Details(
        _flag(switches, "IsFrozen"),
        _flag(switches, "IsPasswordLocked"),
        _asked(org, PasswordExpired(id_)),
        tuple(
            Attempt(*(text(r, name) for name in ("LoginTime", "Status", "SourceIp", "LoginType")))
            for r in rows
        ),
        hours,
        ranges,
    )


def _flag(row: Row | None, field: str) -> bool | None:
    value = row[field] if row else None
    return None if value is None else bool(value)


def _asked(org: Org, query: Query[T]) -> T | None:
    """The answer, or `None` if this login cannot read it: then the fact is not known."""
    try:
        return org.read(query)
    except NotAllowed:
        return None
    except Refused as error:
        if error.code in {"INVALID_TYPE", "INVALID_FIELD", "NOT_FOUND"}:
            return None
        raise


def limits(component: bytes) -> tuple[Mapping[str, int], tuple[Range, ...]]:
    """The login hours of a profile, in minutes from midnight, and its address ranges."""
    root = etree.fromstring(component)

    def children(name: str) -> list[Any]:
        return [e for e in root if etree.QName(e).localname == name]

    def values(element: Any) -> dict[str, str]:
        return {etree.QName(e).localname: e.text or "" for e in element}

    hours = {
        name: int(text) for e in children("loginHours") for name, text in values(e).items() if text
    }
    ranges = [values(e) for e in children("loginIpRanges")]
    return hours, tuple(Range(r["startAddress"], r["endAddress"]) for r in ranges)


def _now(org: Org, zone: str) -> datetime | None:
    try:
        return org.read(ServerTime()).astimezone(ZoneInfo(zone))
    except ZoneInfoNotFoundError:
        return None


def _user(facts: OrgFacts, row: Row, details: _Details) -> User:
    profile = next((p for p in facts.profiles if p.id == row["ProfileId"]), None)
    licence = facts.licences.get(profile.licence_id) if profile else None
    user_type = optional_text(row, "UserType")
    return User(
        username=str(row["Username"]),
        active=bool(row["IsActive"]),
        frozen=details.frozen,
        locked=details.locked,
        password=_password(row, details),
        profile=facts.unambiguous_name(profile) if profile else "",
        is_portal=None if user_type is None else user_type in PORTAL_USER_TYPES - {"CsnOnly"},
        has_roles=user_type in ROLE_USER_TYPES,
        licence=LicenceState(licence.name, licence.active, licence.total, licence.used)
        if licence
        else None,
        person=_person(row),
        role=optional_text(row, "UserRole.Name"),
        user_type=user_type,
    )


def _password(row: Row, details: _Details) -> PasswordState:
    # The date is null until a password was set or reset, as `kinds.user` relies on too.
    if not row["LastPasswordChangeDate"] and not row["LastLoginDate"]:
        return PasswordState.NEVER_GIVEN
    if details.expired is None:
        return PasswordState.UNKNOWN
    return PasswordState.TEMPORARY if details.expired else PasswordState.GIVEN


def _person(row: Row) -> Person:
    username = row["Contact.Account.Owner.Username"]
    owner = (
        Owner(
            str(username),
            bool(row["Contact.Account.Owner.IsActive"]),
            bool(row["Contact.Account.Owner.UserRoleId"]),
        )
        if username
        else None
    )
    return Person(
        optional_text(row, "Contact.Name"), optional_text(row, "Contact.Account.Name"), owner
    )
