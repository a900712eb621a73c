"""The checks of a login about the user: state, password, licence, profile, contact."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.login.causes import Cause
from provisioner.login.check_results import Certainty, CheckResult, CheckStatus
from provisioner.login.login_facts import LoginFacts, PasswordState


def user(facts: LoginFacts) -> Iterator[CheckResult]:
    """A user has this username."""
    if facts.user is None:
        yield CheckResult(
            Cause.USER,
            CheckStatus.FAILS,
            f"there is no user `{facts.username}`",
            remedy="check the spelling, or declare the user under `users:` and apply",
        )
    else:
        yield CheckResult(Cause.USER, CheckStatus.HOLDS, f"`{facts.user.username}` is a user")


def active(facts: LoginFacts) -> Iterator[CheckResult]:
    """The user is active."""
    if (user := facts.user) is None:
        return
    if user.active:
        yield CheckResult(Cause.ACTIVE, CheckStatus.HOLDS, "active")
        return
    yield CheckResult(
        Cause.ACTIVE, CheckStatus.FAILS, "the user is inactive", remedy="set `IsActive: true`"
    )


def frozen(facts: LoginFacts) -> Iterator[CheckResult]:
    """The user is not frozen; no result if this login cannot read that."""
    if (user := facts.user) is None or user.frozen is None:
        return
    if not user.frozen:
        yield CheckResult(Cause.FROZEN, CheckStatus.HOLDS, "not frozen")
        return
    yield CheckResult(
        Cause.FROZEN,
        CheckStatus.FAILS,
        "the user is frozen",
        remedy="unfreeze it: Setup > Users > Unfreeze",
    )


def locked(facts: LoginFacts) -> Iterator[CheckResult]:
    """The user is not locked out; no result if this login cannot read that."""
    if (user := facts.user) is None or user.locked is None:
        return
    if not user.locked:
        yield CheckResult(Cause.LOCKED, CheckStatus.HOLDS, "not locked out")
        return
    yield CheckResult(
        Cause.LOCKED,
        CheckStatus.FAILS,
        "the user is locked out after too many wrong passwords",
        remedy=f"`provisioner password reset --unlock {user.username}`, or wait until it ends",
    )


def password(facts: LoginFacts) -> Iterator[CheckResult]:
    """The user has a password that need not be changed. (fact 601)"""
    if (user := facts.user) is None:
        return
    match user.password:
        case PasswordState.NEVER_GIVEN:
            yield CheckResult(
                Cause.PASSWORD,
                CheckStatus.FAILS,
                "the user was never given a password",
                remedy=f"`provisioner password reset {user.username}` sends one",
            )
        case PasswordState.TEMPORARY:
            yield CheckResult(
                Cause.PASSWORD,
                CheckStatus.NOTE,
                "temporary or expired: the next login asks for a new one",
            )
        case PasswordState.GIVEN:
            yield CheckResult(Cause.PASSWORD, CheckStatus.HOLDS, "set, and not expired")
        case PasswordState.UNKNOWN:
            yield CheckResult(
                Cause.PASSWORD, CheckStatus.UNKNOWN, "this login cannot read whether it is set"
            )


def licence(facts: LoginFacts) -> Iterator[CheckResult]:
    """The licence is active, and an inactive user has a free seat. (fact 336)"""
    user = facts.user
    if user is None or user.licence is None:
        return
    seats = user.licence
    message = f"`{seats.name}`: {seats.used} of {seats.total} seats used"
    if not seats.active:
        yield CheckResult(
            Cause.LICENCE,
            CheckStatus.NOTE,
            f"the licence `{seats.name}` is disabled in this org",
            Certainty.GUESS,
            remedy="use a profile of another licence",
        )
    elif not user.active and seats.used >= seats.total:
        yield CheckResult(
            Cause.LICENCE,
            CheckStatus.FAILS,
            f"no seat of `{seats.name}` is free to activate the user: {seats.used} of"
            f" {seats.total} are used",
            remedy="free a seat by deactivating another user, or buy more",
        )
    else:
        yield CheckResult(Cause.LICENCE, CheckStatus.HOLDS, message)


def profile(facts: LoginFacts) -> Iterator[CheckResult]:
    """The profile is for portal users. (fact 423)"""
    user = facts.user
    if user is None or user.is_portal is None:
        return
    licence = f" (licence `{user.licence.name}`)" if user.licence else ""
    if facts.portal is not None and facts.portal.is_site:
        message = f"`{user.profile}`{licence}: a site admits every member"
        yield CheckResult(Cause.PROFILE, CheckStatus.HOLDS, message)
        return
    if user.is_portal:
        yield CheckResult(
            Cause.PROFILE, CheckStatus.HOLDS, f"`{user.profile}`{licence} is for portal users"
        )
        return
    yield CheckResult(
        Cause.PROFILE,
        CheckStatus.FAILS,
        f"the profile `{user.profile}`{licence} is for internal users, not for portals",
        remedy="log in at the org's own login page; a customer needs a portal user with a contact",
    )


def person(facts: LoginFacts) -> Iterator[CheckResult]:
    """Contact, account and owner: needed to create a user, but not to log in."""
    user = facts.user
    if user is None or not user.is_portal:
        return
    person = user.person
    if person.contact is None or person.account is None:
        no_contact = person.contact is None
        yield CheckResult(
            Cause.PERSON,
            CheckStatus.NOTE,
            f"the user has no {'contact' if no_contact else 'account'}: it can see very little",
            remedy="give the user its contact" if no_contact else "give the contact its account",
        )
        return
    owner, message = person.owner, f"contact `{person.contact}` of `{person.account}`"
    if owner is None:
        yield CheckResult(Cause.PERSON, CheckStatus.HOLDS, message)
    elif not owner.has_role or not owner.active:
        lacks = "has no role" if not owner.has_role else "is inactive"
        yield CheckResult(
            Cause.PERSON,
            CheckStatus.NOTE,
            f"{message}, whose owner `{owner.username}` {lacks}: it can have no more users",
            remedy="give the account an active `owner` with a role",
        )
    else:
        yield CheckResult(
            Cause.PERSON, CheckStatus.HOLDS, f"{message}, owned by `{owner.username}`"
        )


def role(facts: LoginFacts) -> Iterator[CheckResult]:
    """The user has a role, if the licence has roles. (fact 417)"""
    user = facts.user
    if user is None or user.user_type is None:
        return
    if user.has_roles and user.role is None:
        yield CheckResult(
            Cause.ROLE,
            CheckStatus.NOTE,
            f"{user.user_type}, without a role, although the licence has roles",
            remedy="set `PortalRole: Worker`",
        )
    else:
        role = f", role `{user.role}`" if user.role else ", no role"
        yield CheckResult(Cause.ROLE, CheckStatus.HOLDS, f"{user.user_type}{role}")
