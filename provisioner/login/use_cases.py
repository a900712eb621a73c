"""The use cases about logins: verify a login, find users, send new passwords."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from provisioner.kinds.user.kind import UserKind
from provisioner.login import read as explaining
from provisioner.login.check_results import Explanation
from provisioner.login.checks import run_checks
from provisioner.login.read import Target
from provisioner.login.verify import Credentials, Stage, StageResult, Verified, verify
from provisioner.model.operations import Describe, ResetPassword, Select, UpdateRecord, text
from provisioner.org.client import Org
from provisioner.org.errors import NoAnswer, Refused


@dataclass(frozen=True, slots=True)
class PasswordRecipient:
    """A user who will get a new password."""

    id: str
    username: str
    email: str
    active: bool


def verify_login(
    org: Org, who: Credentials, target: Target, objects: tuple[str, ...] = ()
) -> tuple[Verified, Explanation | None]:
    """Log a user in to the portal. If that fails, the checks explain why."""
    facts = explaining.read(org, who.username, target)
    if facts.portal is None:
        message = "the org has no portal to log in to"
        stages: tuple[StageResult, ...] = (
            StageResult(Stage.PORTAL, ok=False, milliseconds=0, message=message),
        )
        portal = url = ""
    else:
        portal, url = facts.portal.name, facts.portal.url
        stages = verify(lambda: org.visit(url), who, _prefixes(org, objects))
    verified = Verified(who.username, portal, url, stages)
    if verified.ok:
        return verified, None
    return verified, run_checks(explaining.read(org, who.username, target))


def _prefixes(org: Org, objects: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    describes = org.read_all([Describe(name) for name in objects])
    prefixes = ((name, describes[Describe(name)]) for name in objects)
    return tuple(
        (name, (describe and describe.get("keyPrefix")) or "") for name, describe in prefixes
    )


def find_users(
    org: Org, usernames: Sequence[str]
) -> tuple[tuple[PasswordRecipient, ...], tuple[str, ...]]:
    """The users with these usernames, in order and each once, and the unknown usernames."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in usernames))
    select = Select(
        UserKind.sobject, ("Id", "Username", "Email", "IsActive"), (("Username", names),)
    )
    rows = {str(row["Username"]).lower(): row for row in org.read(select)}
    people = (rows[name] for name in names if name in rows)
    users = tuple(
        PasswordRecipient(text(r, "Id"), text(r, "Username"), text(r, "Email"), bool(r["IsActive"]))
        for r in people
    )
    return users, tuple(name for name in names if name not in rows)


def reset_passwords(
    org: Org, people: Iterable[PasswordRecipient], *, unlock: bool
) -> Iterator[tuple[PasswordRecipient, str | None]]:
    """Send each user a new password, once; `unlock` also ends a lockout. Yields errors, if any.

    A request whose response was lost is not repeated: the email may have been sent. Raises
    Unreachable if the org cannot be reached before that.
    """
    for person in people:
        try:
            if unlock:
                _unlock(org, person.id)
            org.call(ResetPassword(person.id))
        except NoAnswer as error:
            yield person, f"{error}: it is not known whether the email was sent"
        except Refused as error:
            yield person, str(error)
        else:
            yield person, None


def _unlock(org: Org, user_id: str) -> None:
    # "From the API, you can set this field to false, but not true": Object Reference, UserLogin
    select = Select("UserLogin", ("Id", "IsPasswordLocked"), (("UserId", (user_id,)),))
    for row in org.read(select):
        if row["IsPasswordLocked"]:
            org.call(UpdateRecord("UserLogin", row["Id"], {"IsPasswordLocked": False}))
