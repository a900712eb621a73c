"""The checks of a login, in the order in which they bite. Pure: same facts, same trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from provisioner.logins.causes import STATUS, STATUS_OF_SITE, SUCCESS, Cause, explained, of_error
from provisioner.logins.facts import DAYS, LoginFacts, Password, Portal, User

_STATUS_ROWS = 3


class Verdict(Enum):
    """What a check found. A note does not keep anybody out."""

    HOLDS = "holds"
    FAILS = "fails"
    NOTE = "note"
    UNKNOWN = "not known"


class Certainty(Enum):
    """How sure a finding is."""

    READ = "read in the org"
    PLANNED = "as planned"
    INFERRED = "inferred"
    GUESS = "guess"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was found, whether it holds, how sure that is, and what mends it."""

    cause: Cause
    verdict: Verdict
    found: str
    certainty: Certainty = Certainty.READ
    remedy: str | None = None
    of_site: bool = False

    @property
    def status(self) -> str | None:
        """What LoginHistory says of a login that fails for it."""
        if self.verdict is not Verdict.FAILS:
            return None
        return (STATUS_OF_SITE if self.of_site else STATUS).get(self.cause)


@dataclass(frozen=True, slots=True)
class Trace:
    """Every finding in order, and the answer that follows from them."""

    facts: LoginFacts
    findings: tuple[Finding, ...]
    error: str | None = None

    @property
    def causes(self) -> tuple[Finding, ...]:
        """What keeps the user out, the first to bite first."""
        return tuple(f for f in self.findings if f.verdict is Verdict.FAILS)

    @property
    def unknown(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.verdict is Verdict.UNKNOWN)

    @property
    def can_log_in(self) -> bool:
        """Whether nothing that is known keeps the user out."""
        return not self.causes

    @property
    def suspects(self) -> tuple[Cause, ...]:
        """What the error text that was given may stand for."""
        return of_error(self.error) if self.error else ()

    @property
    def answer(self) -> str:
        """The answer in one line."""
        name, portal = self.facts.username, self.facts.portal
        where = f" to `{portal.name}`" if portal else ""
        if self.causes:
            first = self._headline()
            more = len(self.causes) - 1
            also = f" (and {more} more {'cause' if more == 1 else 'causes'})" if more else ""
            return f"{name} can not log in{where}: {first.found}{also}"
        now = " now" if self.suspects else ""
        if self.unknown:
            listed = " and ".join(f.cause.value for f in self.unknown)
            return f"{name} can log in{where}{now}, as far as is known (not known: {listed})"
        return f"{name} can log in{where}{now}"

    def _headline(self) -> Finding:
        """The cause that the error stands for, if there is one; else the first to bite."""
        return next((f for f in self.causes if f.cause in self.suspects), self.causes[0])


def trace(facts: LoginFacts, error: str | None = None) -> Trace:
    """Run every check that the facts allow. `error` is what the user saw, if it is known."""
    return Trace(facts, tuple(f for check in CHECKS for f in check(facts)), error)


def _user(facts: LoginFacts) -> Iterator[Finding]:
    if facts.user is None:
        yield Finding(
            Cause.USER,
            Verdict.FAILS,
            f"there is no user `{facts.username}`",
            remedy="check the spelling; declare it under `users:` and apply, or let the contact"
            " register itself",
        )
    else:
        yield Finding(Cause.USER, Verdict.HOLDS, f"`{facts.user.username}` is a user")


def _active(facts: LoginFacts) -> Iterator[Finding]:
    if (user := facts.user) is None:
        return
    if user.active:
        yield Finding(Cause.ACTIVE, Verdict.HOLDS, "active")
        return
    yield Finding(
        Cause.ACTIVE, Verdict.FAILS, "the user is inactive", remedy="set `IsActive: true`"
    )


def _frozen(facts: LoginFacts) -> Iterator[Finding]:
    if (user := facts.user) is None or user.frozen is None:
        return
    if not user.frozen:
        yield Finding(Cause.FROZEN, Verdict.HOLDS, "not frozen")
        return
    yield Finding(
        Cause.FROZEN,
        Verdict.FAILS,
        "the user is frozen",
        remedy="unfreeze it: Setup > Users > Unfreeze",
    )


def _locked(facts: LoginFacts) -> Iterator[Finding]:
    if (user := facts.user) is None or user.locked is None:
        return
    if not user.locked:
        yield Finding(Cause.LOCKED, Verdict.HOLDS, "not locked out")
        return
    yield Finding(
        Cause.LOCKED,
        Verdict.FAILS,
        "the user is locked out after too many wrong passwords",
        remedy=f"`provisioner password reset --unlock {user.username}`, or wait for its end",
    )


def _password(facts: LoginFacts) -> Iterator[Finding]:
    if (user := facts.user) is None:
        return
    match user.password:
        case Password.NEVER_GIVEN:
            yield Finding(
                Cause.PASSWORD,
                Verdict.FAILS,
                "the user was never given a password",
                remedy=f"`provisioner password reset {user.username}` mails one",
            )
        case Password.TEMPORARY:
            yield Finding(
                Cause.PASSWORD,
                Verdict.NOTE,
                "temporary or expired: the next login asks for a new one",
            )
        case Password.GIVEN:
            yield Finding(Cause.PASSWORD, Verdict.HOLDS, "set, and not expired")
        case Password.UNKNOWN:
            yield Finding(Cause.PASSWORD, Verdict.UNKNOWN, "whether it is set is not told")


def _licence(facts: LoginFacts) -> Iterator[Finding]:
    user = facts.user
    if user is None or user.licence is None:
        return
    seats = user.licence
    found = f"`{seats.name}`: {seats.used} of {seats.total} seats used"
    if not seats.active:
        yield Finding(
            Cause.LICENCE,
            Verdict.NOTE,
            f"the licence `{seats.name}` is disabled in this org",
            Certainty.GUESS,
            remedy="use a profile of another licence",
        )
    elif not user.active and seats.used >= seats.total:
        yield Finding(
            Cause.LICENCE,
            Verdict.FAILS,
            f"no seat of `{seats.name}` is free to activate the user: {seats.used} of"
            f" {seats.total} are used",
            remedy="free a seat by deactivating another user, or buy more",
        )
    else:
        yield Finding(Cause.LICENCE, Verdict.HOLDS, found)


def _profile(facts: LoginFacts) -> Iterator[Finding]:
    user = facts.user
    if user is None or user.is_portal is None:
        return
    licence = f" (licence `{user.licence.name}`)" if user.licence else ""
    if facts.portal is not None and facts.portal.is_site:
        found = f"`{user.profile}`{licence}: a site takes whoever is a member"
        yield Finding(Cause.PROFILE, Verdict.HOLDS, found)
        return
    if user.is_portal:
        yield Finding(
            Cause.PROFILE, Verdict.HOLDS, f"`{user.profile}`{licence} is for portal users"
        )
        return
    yield Finding(
        Cause.PROFILE,
        Verdict.FAILS,
        f"the profile `{user.profile}`{licence} is for people of the company, not for portals",
        remedy="log in at the org's own page; a customer needs a user of its own, with a contact",
    )


def _person(facts: LoginFacts) -> Iterator[Finding]:
    """Contact, account and owner: they make a user possible, and keep out nobody who is one."""
    user = facts.user
    if user is None or not user.is_portal:
        return
    person = user.person
    if person.contact is None or person.account is None:
        missing = "contact" if person.contact is None else "account"
        yield Finding(
            Cause.PERSON,
            Verdict.NOTE,
            f"the user has no {missing}: there is little that it will see",
            remedy=f"give the {'user' if missing == 'contact' else 'contact'} its {missing}",
        )
        return
    owner, found = person.owner, f"contact `{person.contact}` of `{person.account}`"
    if owner is None:
        yield Finding(Cause.PERSON, Verdict.HOLDS, found)
    elif not owner.has_role or not owner.active:
        lacks = "has no role" if not owner.has_role else "is inactive"
        yield Finding(
            Cause.PERSON,
            Verdict.NOTE,
            f"{found}, whose owner `{owner.username}` {lacks}: no more users can be made there",
            remedy="give the account an active `owner` with a role",
        )
    else:
        yield Finding(Cause.PERSON, Verdict.HOLDS, f"{found}, owned by `{owner.username}`")


def _role(facts: LoginFacts) -> Iterator[Finding]:
    user = facts.user
    if user is None or user.user_type is None:
        return
    if user.has_roles and user.role is None:
        yield Finding(
            Cause.ROLE,
            Verdict.NOTE,
            f"{user.user_type}, without the role that its licence has",
            remedy="set `PortalRole: Worker`",
        )
    else:
        role = f", role `{user.role}`" if user.role else ", no role"
        yield Finding(Cause.ROLE, Verdict.HOLDS, f"{user.user_type}{role}")


def _portal(facts: LoginFacts) -> Iterator[Finding]:
    if facts.portal is not None:
        yield _open(facts.portal)
    elif not facts.portal_on:
        yield Finding(
            Cause.ENABLED,
            Verdict.FAILS,
            "the Customer Portal is off in this org",
            remedy="set `settings.OrgSettings.enableCustomerSuccessPortal: true`",
        )
    else:
        known = ", ".join(f"`{name}`" for name in facts.portals)
        yield Finding(
            Cause.PORTAL,
            Verdict.FAILS,
            "there is no portal to log in to" if not known else f"the portals are {known}",
            remedy="declare one under `portals:`" if not known else "name one with `--portal`",
        )


def _open(portal: Portal) -> Finding:
    name = portal.name
    if portal.active:
        found = f"`{name}` is {'live' if portal.is_site else 'active'}"
        return Finding(Cause.OPEN, Verdict.HOLDS, found)
    if portal.is_site:
        return Finding(
            Cause.OPEN,
            Verdict.FAILS,
            f"the site `{name}` is not live",
            remedy="activate it: Workspaces > Administration > Settings > Activate",
            of_site=True,
        )
    return Finding(
        Cause.OPEN,
        Verdict.FAILS,
        f"the portal `{name}` is not active",
        remedy=f"set `active: true` in `portals.{name}`",
    )


def _member(facts: LoginFacts) -> Iterator[Finding]:
    user, portal = facts.user, facts.portal
    if user is None or portal is None or (user.is_portal is False and not portal.is_site):
        return
    if portal.is_site:
        yield _site_member(user, portal)
    elif portal.members is None:
        yield _inferred_member(facts, user, portal)
    elif user.profile.casefold() in {name.casefold() for name in portal.members}:
        yield Finding(
            Cause.MEMBER, Verdict.HOLDS, f"`{user.profile}` is one of `{portal.name}`'s profiles"
        )
    else:
        yield Finding(
            Cause.MEMBER,
            Verdict.FAILS,
            f"the profile `{user.profile}` is not one of the profiles of `{portal.name}`",
            remedy=f"add `{user.profile}` to `portals.{portal.name}.profiles`",
        )


def _site_member(user: User, portal: Portal) -> Finding:
    if portal.members is None:
        found = "the org does not show the site's members to this login"
        return Finding(Cause.MEMBER, Verdict.UNKNOWN, found)
    if user.profile in portal.members:
        return Finding(Cause.MEMBER, Verdict.HOLDS, f"a member of `{portal.name}`")
    return Finding(
        Cause.MEMBER,
        Verdict.FAILS,
        f"neither the profile `{user.profile}` nor a permission set of the user is a member of the"
        f" site `{portal.name}`",
        remedy="add the profile: Workspaces > Administration > Members",
        of_site=True,
    )


def _inferred_member(facts: LoginFacts, user: User, portal: Portal) -> Finding:
    """What the last attempt tells, where the portal's setup page can not be read."""
    last = facts.attempts[0].status if facts.attempts else None
    if last == STATUS[Cause.MEMBER]:
        return Finding(
            Cause.MEMBER,
            Verdict.FAILS,
            f"the profile `{user.profile}` was not one of the portal's at the last attempt",
            Certainty.INFERRED,
            remedy=f"add `{user.profile}` to `portals.{portal.name}.profiles`",
        )
    if last == SUCCESS:
        found = f"`{user.profile}` came in at the last attempt"
        return Finding(Cause.MEMBER, Verdict.HOLDS, found, Certainty.INFERRED)
    found = "the org does not show the portal's profiles to this login"
    return Finding(Cause.MEMBER, Verdict.UNKNOWN, found)


def _hours(facts: LoginFacts) -> Iterator[Finding]:
    user = facts.user
    if user is None:
        return
    if not facts.hours:
        yield Finding(Cause.HOURS, Verdict.HOLDS, "the profile sets none")
        return
    remedy = f"widen them: Setup > Profiles > {user.profile} > Login Hours"
    if facts.now is None:
        yield Finding(
            Cause.HOURS, Verdict.UNKNOWN, "the profile sets some, and the time is not known"
        )
        return
    minute = facts.now.hour * 60 + facts.now.minute
    start, end = facts.hours_of(facts.now.weekday())
    day = DAYS[facts.now.weekday()].capitalize()
    when = f"it is {day} {_clock(minute)} ({facts.zone})"
    hours = f"{_clock(start)} to {_clock(end)}" if start != end else "closed"
    if start <= minute < end:
        yield Finding(Cause.HOURS, Verdict.HOLDS, f"{day} {hours}; {when}")
    else:
        yield Finding(
            Cause.HOURS,
            Verdict.FAILS,
            f"the profile's login hours on {day} are {hours}, and {when}"
            if start != end
            else f"the profile lets nobody in on {day}",
            remedy=remedy,
        )


def _address(facts: LoginFacts) -> Iterator[Finding]:
    user = facts.user
    if user is None:
        return
    if not facts.ranges:
        yield Finding(Cause.ADDRESS, Verdict.HOLDS, "the profile sets none")
        return
    listed = ", ".join(map(str, facts.ranges))
    if facts.address is None:
        yield Finding(
            Cause.ADDRESS,
            Verdict.UNKNOWN,
            f"only from {listed}",
            remedy="say where the user logs in from with `--ip`",
        )
    elif any(one.holds(facts.address) for one in facts.ranges):
        yield Finding(Cause.ADDRESS, Verdict.HOLDS, f"{facts.address} is in {listed}")
    else:
        yield Finding(
            Cause.ADDRESS,
            Verdict.FAILS,
            f"{facts.address} is outside the profile's login IP ranges, {listed}",
            remedy=f"widen them: Setup > Profiles > {user.profile} > Login IP Ranges",
        )


def _url(facts: LoginFacts) -> Iterator[Finding]:
    if facts.portal is not None and facts.portal.url:
        yield Finding(Cause.URL, Verdict.HOLDS, facts.portal.url)


def _history(facts: LoginFacts) -> Iterator[Finding]:
    if facts.user is None:
        return
    if not facts.attempts:
        yield Finding(Cause.HISTORY, Verdict.HOLDS, "none: nobody tried with this username")
        return
    said = "; ".join(
        f"{one.at[:16].replace('T', ' ')} UTC from {one.address or 'somewhere'}:"
        f" {one.status}, {explained(one.status)}"
        for one in facts.attempts[:_STATUS_ROWS]
    )
    verdict = Verdict.HOLDS if facts.attempts[0].status == SUCCESS else Verdict.NOTE
    yield Finding(Cause.HISTORY, verdict, said)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


CHECKS: tuple[Callable[[LoginFacts], Iterator[Finding]], ...] = (
    _user,
    _active,
    _frozen,
    _locked,
    _licence,
    _password,
    _profile,
    _person,
    _role,
    _portal,
    _member,
    _hours,
    _address,
    _url,
    _history,
)
