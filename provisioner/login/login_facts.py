"""The facts that decide a login, whether read from an org or taken from a plan."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_MINUTES = 24 * 60


class PasswordState(Enum):
    """The state of a user's password."""

    GIVEN = "given"
    TEMPORARY = "temporary or expired"
    NEVER_GIVEN = "never given"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class LicenceState:
    """The licence of a profile: whether it is active, and its seats."""

    name: str
    active: bool
    total: int
    used: int


@dataclass(frozen=True, slots=True)
class Portal:
    """A portal or a site: its login page, whether it is active, and the profiles that can log in.

    `members` is `None` if this login cannot read them.
    """

    name: str
    url: str
    active: bool
    members: frozenset[str] | None
    is_site: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of a portal user's account."""

    username: str
    active: bool
    has_role: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Who a portal user is: the contact, the account, the account's owner."""

    contact: str | None
    account: str | None
    owner: Owner | None


@dataclass(frozen=True, slots=True)
class Range:
    """IP addresses from which users of a profile can log in, including both ends."""

    first: str
    last: str

    def contains(self, address: str) -> bool:
        first, last = ipaddress.ip_address(self.first), ipaddress.ip_address(self.last)
        candidate = ipaddress.ip_address(address)
        if first.version != candidate.version:
            return False
        return int(first) <= int(candidate) <= int(last)

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of LoginHistory."""

    at: str
    status: str
    address: str
    type: str


@dataclass(frozen=True, slots=True)
class User:
    """A user in the org, or as a plan will leave it. `None` means that a fact is not known."""

    username: str
    active: bool
    frozen: bool | None
    locked: bool | None
    password: PasswordState
    profile: str
    is_portal: bool | None
    has_roles: bool
    licence: LicenceState | None
    person: Person
    role: str | None = None
    user_type: str | None = None


@dataclass(frozen=True, slots=True)
class LoginFacts:
    """Everything that a check can use.

    `user` is `None` if no user has this username. `portal` is the one to log in to; `now` is
    the org's own time in its own time zone, `address` where the login comes from. `has_sites` says
    that the org has profiles for users of sites.
    """

    username: str
    user: User | None
    portal_on: bool
    portal: Portal | None
    portals: tuple[str, ...] = ()
    hours: Mapping[str, int] = field(default_factory=dict)
    ranges: tuple[Range, ...] = ()
    now: datetime | None = None
    zone: str = ""
    address: str | None = None
    attempts: tuple[Attempt, ...] = ()
    has_sites: bool = False

    def hours_of(self, day: int) -> tuple[int, int]:
        """When users of the profile may log in on a day of the week, in minutes from midnight."""
        name = DAYS[day]
        return self.hours.get(f"{name}Start", 0), self.hours.get(f"{name}End", _DAY_MINUTES)
