"""The checks of a login about the portal, time, IP address and earlier attempts."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.login.causes import STATUS, SUCCESS, Cause, explained, remedy
from provisioner.login.check_results import Certainty, CheckResult, CheckStatus
from provisioner.login.login_facts import DAYS, LoginFacts, Portal, User

_ATTEMPTS_SHOWN = 3


def portal(facts: LoginFacts) -> Iterator[CheckResult]:
    """The org has the portal, and it is active. (fact 109)"""
    if facts.portal is not None:
        yield _open(facts.portal)
    elif not facts.portal_on:
        yield CheckResult(
            Cause.ENABLED,
            CheckStatus.FAILS,
            "the Customer Portal is not enabled in this org",
            remedy="create a site, and make the profile a member of it: "
            "Setup > Digital Experiences > All Sites"
            if facts.has_sites
            else "set `settings.OrgSettings.enableCustomerSuccessPortal: true`",
        )
    else:
        names = ", ".join(f"`{name}`" for name in facts.portals)
        yield CheckResult(
            Cause.PORTAL,
            CheckStatus.FAILS,
            "there is no portal to log in to" if not names else f"the portals are {names}",
            remedy="declare one under `portals:`" if not names else "name one with `--portal`",
        )


def _open(portal: Portal) -> CheckResult:
    name = portal.name
    if portal.active:
        message = f"`{name}` is {'live' if portal.is_site else 'active'}"
        return CheckResult(Cause.OPEN, CheckStatus.HOLDS, message)
    if portal.is_site:
        return CheckResult(
            Cause.OPEN,
            CheckStatus.FAILS,
            f"the site `{name}` is not live",
            remedy="activate it: Workspaces > Administration > Settings > Activate",
            of_site=True,
        )
    return CheckResult(
        Cause.OPEN,
        CheckStatus.FAILS,
        f"the portal `{name}` is not active",
        remedy=f"set `active: true` in `portals.{name}`",
    )


def member(facts: LoginFacts) -> Iterator[CheckResult]:
    """The profile is one of the profiles of the portal. (facts 116 and 616)"""
    user, portal = facts.user, facts.portal
    if user is None or portal is None or (user.is_portal is False and not portal.is_site):
        return
    if portal.is_site:
        yield _site_member(user, portal)
    elif portal.members is None:
        yield _inferred_member(facts, user, portal)
    elif user.profile.casefold() in {name.casefold() for name in portal.members}:
        yield CheckResult(
            Cause.MEMBER,
            CheckStatus.HOLDS,
            f"`{user.profile}` is one of `{portal.name}`'s profiles",
        )
    else:
        yield CheckResult(
            Cause.MEMBER,
            CheckStatus.FAILS,
            f"the profile `{user.profile}` is not one of the profiles of `{portal.name}`",
            remedy=f"add `{user.profile}` to `portals.{portal.name}.profiles`",
        )


def _site_member(user: User, portal: Portal) -> CheckResult:
    if portal.members is None:
        message = "the org does not show the site's members to this login"
        return CheckResult(Cause.MEMBER, CheckStatus.UNKNOWN, message)
    if user.profile in portal.members:
        return CheckResult(Cause.MEMBER, CheckStatus.HOLDS, f"a member of `{portal.name}`")
    return CheckResult(
        Cause.MEMBER,
        CheckStatus.FAILS,
        f"neither the profile `{user.profile}` nor a permission set of the user is a member of the"
        f" site `{portal.name}`",
        remedy="add the profile: Workspaces > Administration > Members",
        of_site=True,
    )


def _inferred_member(facts: LoginFacts, user: User, portal: Portal) -> CheckResult:
    """The result of the last attempt, if the portal's setup page cannot be read."""
    last = facts.attempts[0].status if facts.attempts else None
    if last == STATUS[Cause.MEMBER]:
        return CheckResult(
            Cause.MEMBER,
            CheckStatus.FAILS,
            f"the profile `{user.profile}` was not one of the portal's at the last attempt",
            Certainty.INFERRED,
            remedy=f"add `{user.profile}` to `portals.{portal.name}.profiles`",
        )
    if last == SUCCESS:
        message = f"`{user.profile}` could log in at the last attempt"
        return CheckResult(Cause.MEMBER, CheckStatus.HOLDS, message, Certainty.INFERRED)
    message = "the org does not show the portal's profiles to this login"
    return CheckResult(Cause.MEMBER, CheckStatus.UNKNOWN, message)


def hours(facts: LoginFacts) -> Iterator[CheckResult]:
    """The time of the org is within the login hours of the profile."""
    user = facts.user
    if user is None:
        return
    if not facts.hours:
        yield CheckResult(Cause.HOURS, CheckStatus.HOLDS, "the profile sets none")
        return
    remedy = f"widen them: Setup > Profiles > {user.profile} > Login Hours"
    if facts.now is None:
        yield CheckResult(
            Cause.HOURS,
            CheckStatus.UNKNOWN,
            "the profile has some, and the time of the org is not known",
        )
        return
    minute = facts.now.hour * 60 + facts.now.minute
    start, end = facts.hours_of(facts.now.weekday())
    day = DAYS[facts.now.weekday()].capitalize()
    when = f"it is {day} {_clock(minute)} ({facts.zone})"
    hours = f"{_clock(start)} to {_clock(end)}" if start != end else "closed"
    if start <= minute < end:
        yield CheckResult(Cause.HOURS, CheckStatus.HOLDS, f"{day} {hours}; {when}")
    else:
        yield CheckResult(
            Cause.HOURS,
            CheckStatus.FAILS,
            f"the profile's login hours on {day} are {hours}, and {when}"
            if start != end
            else f"the profile allows no logins on {day}",
            remedy=remedy,
        )


def address(facts: LoginFacts) -> Iterator[CheckResult]:
    """The login comes from one of the profile's address ranges."""
    user = facts.user
    if user is None:
        return
    if not facts.ranges:
        yield CheckResult(Cause.ADDRESS, CheckStatus.HOLDS, "the profile sets none")
        return
    listed = ", ".join(map(str, facts.ranges))
    if facts.address is None:
        yield CheckResult(
            Cause.ADDRESS,
            CheckStatus.UNKNOWN,
            f"only from {listed}",
            remedy="pass the address of the user with `--ip`",
        )
    elif any(range_.contains(facts.address) for range_ in facts.ranges):
        yield CheckResult(Cause.ADDRESS, CheckStatus.HOLDS, f"{facts.address} is in {listed}")
    else:
        yield CheckResult(
            Cause.ADDRESS,
            CheckStatus.FAILS,
            f"{facts.address} is outside the profile's login IP ranges, {listed}",
            remedy=f"widen them: Setup > Profiles > {user.profile} > Login IP Ranges",
        )


def url(facts: LoginFacts) -> Iterator[CheckResult]:
    """The address of the login page."""
    if facts.portal is not None and facts.portal.url:
        yield CheckResult(Cause.URL, CheckStatus.HOLDS, facts.portal.url)


def history(facts: LoginFacts) -> Iterator[CheckResult]:
    """The results of the last attempts. (fact 617)"""
    if facts.user is None:
        return
    if not facts.attempts:
        yield CheckResult(Cause.HISTORY, CheckStatus.HOLDS, "none: no attempt with this username")
        return
    message = "; ".join(
        f"{attempt.at[:16].replace('T', ' ')} UTC from {attempt.address or 'somewhere'}:"
        f" {attempt.status}, {explained(attempt.status)}"
        for attempt in facts.attempts[:_ATTEMPTS_SHOWN]
    )
    last = facts.attempts[0].status
    status = CheckStatus.HOLDS if last == SUCCESS else CheckStatus.NOTE
    yield CheckResult(Cause.HISTORY, status, message, remedy=remedy(last))


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
