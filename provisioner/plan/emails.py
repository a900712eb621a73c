"""Decide which passwords a plan emails, and explain how emails and logins differ. Pure.

A password is emailed to an active user that an active portal or site admits. Until then it
stays pending, and a later plan sends it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from provisioner.kinds.profile.rights import Rights
from provisioner.kinds.user.fields import (
    ACTIVE,
    EMAIL,
    MAILED,
    PASSWORD,
    PROFILE_ID,
    confirms_email,
)
from provisioner.kinds.user.kind import UserKind
from provisioner.login.admission import Admission
from provisioner.model.change import Action, Change
from provisioner.model.diagnostics import Diagnostic, Severity
from provisioner.model.plan import EmailCause, EmailDifference, NoteKind, Step
from provisioner.model.resource import Address, DesiredState, Resource, Secret, Value

WAITING = frozenset(
    {EmailCause.HELD_BACK, EmailCause.INACTIVE, EmailCause.NO_PORTAL, EmailCause.UNREADABLE}
)
"""The causes for which a password stays pending."""

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Waiting:
    """A user whose email waits, and why; `profile` is the profile that no portal admits.

    `fields` are not written yet: the password, or an address that would have to be confirmed.
    """

    cause: EmailCause
    user: Resource
    fields: tuple[str, ...]
    gains_login: bool
    profile: str = ""

    @property
    def address(self) -> Address:
        return self.user.address


def hold(
    changes: Mapping[Address, Change],
    admission: Admission,
    rights: Callable[[Value], Rights | None],
    *,
    no_email: bool,
) -> tuple[dict[Address, Change], tuple[Waiting, ...]]:
    """The changes without the fields that would send an email too early, and their users.

    A change with no other fields is left out.
    """
    left: dict[Address, Change] = {}
    waiting: list[Waiting] = []
    for address, change in changes.items():
        held: list[str] = []
        cause = None
        if UserKind.owns(address):
            if change.field(PASSWORD) is not None:
                cause = _cause(change, admission, rights, no_email=no_email)
                held += [PASSWORD] if cause else []
            if no_email and confirms_email(change):
                cause = cause or EmailCause.HELD_BACK
                held.append(EMAIL)
        if cause is None:
            left[address] = change
            continue
        profile = rights(change.result(PROFILE_ID))
        name = profile.name if profile else ""
        gains = PASSWORD in held and _gains_login(change)
        waiting.append(Waiting(cause, change.after, tuple(held), gains, name))
        fields = tuple(f for f in change.fields if f.name not in held)
        if fields or change.action is Action.CREATE:
            left[address] = replace(change, fields=fields)
    return left, tuple(waiting)


def without_held(desired: DesiredState, held: Iterable[tuple[Address, str]]) -> DesiredState:
    """The same state without the fields that are not written yet."""
    by_address: dict[Address, set[str]] = {}
    for address, name in held:
        by_address.setdefault(address, set()).add(name)
    if not by_address:
        return desired
    return DesiredState(_without(r, by_address.get(a, set())) for a, r in desired.items())


def problems(waiting: Iterable[Waiting], *, login_problems: bool) -> Iterator[Diagnostic]:
    """A warning for the emails that wait until a person changes something.

    With `login_problems`, the users whom no portal admits are reported already.
    """
    grouped: dict[tuple[EmailCause, str], list[Waiting]] = {}
    for email in waiting:
        profile = "" if email.cause is EmailCause.HELD_BACK else email.profile
        grouped.setdefault((email.cause, profile), []).append(email)
    for (cause, profile), users in grouped.items():
        match cause:
            case EmailCause.HELD_BACK:
                held = f"{_emails(len(users))} held back by `--no-email`"
                what = "password" if PASSWORD in users[0].fields else "email"
                message = f"{held}: {_who(users)} no {what}"
                it = "it" if len(users) == 1 else "them"
                remedy = f"to send {it}, apply again without `--no-email`"
            case EmailCause.NO_PORTAL if not login_problems:
                message = f"no active portal admits the profile `{profile}`: {_who(users)} no email"
                remedy = (
                    f"add `{profile}` to the `profiles` of an active portal; the first apply after"
                    " that sends the email"
                )
            case EmailCause.UNREADABLE:
                message = (
                    f"this login may not read which portals admit the profile `{profile}`:"
                    f" {_who(users)} no email"
                )
                remedy = (
                    "declare the portal with its `profiles`, or send the email with"
                    " `provisioner password reset USER`"
                )
            case _:
                continue
        spans = [span for email in users if (span := email.user.span(email.fields[0]))]
        yield Diagnostic(
            cause.value,
            f"{message} yet",
            spans[0] if spans else None,
            help=remedy,
            severity=Severity.WARNING,
            also=tuple(spans[1:]),
        )


def differences(steps: Iterable[Step], waiting: Sequence[Waiting]) -> tuple[EmailDifference, ...]:
    """Why the emails of the steps are not as many as their logins gained, one for each cause.

    The sum of their `difference` is the number of emails minus the number of logins gained.
    """
    by_cause: dict[EmailCause, list[tuple[Address, int]]] = {}
    for email in waiting:
        by_cause.setdefault(email.cause, []).append((email.address, -email.gains_login))
    held = {email.address for email in waiting}
    for step in steps:
        gained = sum(n.people for n in step.notes if n.kind is NoteKind.GAINS_LOGIN)
        mailed = sum(n.people for n in step.notes if n.kind is NoteKind.EMAIL)
        if confirms_email(step.change):
            mailed -= 1
            by_cause.setdefault(EmailCause.NEW_ADDRESS, []).append((step.address, 1))
        if mailed != gained and step.address not in held:
            cause = _difference(step.change, mailed - gained)
            by_cause.setdefault(cause, []).append((step.address, mailed - gained))
    return tuple(
        EmailDifference(
            cause,
            _explained(cause, by_cause[cause]),
            tuple(address for address, _ in by_cause[cause]),
            sum(difference for _, difference in by_cause[cause]),
            len(by_cause[cause]) if cause in WAITING else 0,
        )
        for cause in EmailCause
        if cause in by_cause
    )


def _cause(
    change: Change,
    admission: Admission,
    rights: Callable[[Value], Rights | None],
    *,
    no_email: bool,
) -> EmailCause | None:
    """Why the password of a user has to wait; `None` if it does not."""
    if change.result(ACTIVE) is False:
        # Also a password from the spec: it would be of no use yet, and a user who is locked out on
        # purpose gets no password.
        return EmailCause.INACTIVE
    if change.after.written.get(PASSWORD) != MAILED:
        return None
    if no_email:
        return EmailCause.HELD_BACK
    profile = change.result(PROFILE_ID)
    held = rights(profile)
    if held is None or not held.is_portal:
        # An internal user logs in at the org's own page.
        return None
    match admission.is_open(profile):
        case True:
            return None
        case False:
            return EmailCause.NO_PORTAL
        case None:
            return EmailCause.UNREADABLE


def _gains_login(change: Change) -> bool:
    was = change.before is not None and change.before.fields.get(ACTIVE) is not False
    return not was and change.result(ACTIVE) is not False


def _without(resource: Resource, names: Collection[str]) -> Resource:
    if not names:
        return resource
    fields = {n: v for n, v in resource.fields.items() if n not in names}
    written = {n: v for n, v in resource.written.items() if n not in names}
    return replace(resource, fields=fields, written=written)


def _difference(change: Change, difference: int) -> EmailCause:
    """Why the emails of a step are not as many as the logins that it gives."""
    if not UserKind.owns(change.address):
        return EmailCause.PORTAL
    if difference > 0:
        return EmailCause.FIRST_PASSWORD
    if change.before is not None and change.before.fields.get(PASSWORD) is True:
        return EmailCause.HAS_PASSWORD
    password = change.after.written.get(PASSWORD)
    return EmailCause.SET_PASSWORD if isinstance(password, Secret) else EmailCause.NO_PASSWORD


def _explained(cause: EmailCause, users: Sequence[tuple[Address, int]]) -> str:
    named = _named([address for address, _ in users])
    people = -sum(d for _, d in users) if cause is EmailCause.PORTAL else len(users)
    return f"{people} {_TEXTS[cause][people != 1]}: {named}"


_TEXTS: Mapping[EmailCause, tuple[str, str]] = {
    EmailCause.HELD_BACK: (
        "email is held back by `--no-email`",
        "emails are held back by `--no-email`",
    ),
    EmailCause.INACTIVE: (
        "password waits until the user is active",
        "passwords wait until the user is active",
    ),
    EmailCause.NO_PORTAL: (
        "email waits until an active portal admits the user's profile",
        "emails wait until an active portal admits the user's profile",
    ),
    EmailCause.UNREADABLE: (
        "email waits because this login may not read the portals' profiles",
        "emails wait because this login may not read the portals' profiles",
    ),
    EmailCause.NO_PASSWORD: (
        "login is gained without a password, the spec gives none",
        "logins are gained without a password, the spec gives none",
    ),
    EmailCause.SET_PASSWORD: (
        "login is gained with a password from the spec",
        "logins are gained with a password from the spec",
    ),
    EmailCause.HAS_PASSWORD: (
        "login is gained again, with the same password as before",
        "logins are gained again, with the same password as before",
    ),
    EmailCause.PORTAL: (
        "login is gained through a portal, which sends no email",
        "logins are gained through a portal, which sends no email",
    ),
    EmailCause.FIRST_PASSWORD: (
        "email is the first password of an active user",
        "emails are the first password of an active user",
    ),
    EmailCause.NEW_ADDRESS: (
        "email asks a user to confirm a new address",
        "emails ask a user to confirm a new address",
    ),
}
"""The text for one user, and the text for several."""


def _emails(count: int) -> str:
    return "1 email is" if count == 1 else f"{count} emails are"


def _who(users: Sequence[Waiting]) -> str:
    gets = "gets" if len(users) == 1 else "get"
    return f"{_named([email.address for email in users])} {gets}"


def _named(addresses: Sequence[Address]) -> str:
    """The first addresses, and how many more there are."""
    named = [f"`{address}`" for address in addresses[:_MOST_NAMED]]
    more = len(addresses) - len(named)
    if more:
        named.append(f"{more} more")
    return " and ".join((", ".join(named[:-1]), named[-1])) if len(named) > 1 else named[0]
