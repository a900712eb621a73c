"""The use cases about customers' logins: prove one, find people, mail them new passwords."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from provisioner.kinds.user.kind import UserKind
from provisioner.login import read as explaining
from provisioner.login.check_results import Trace
from provisioner.login.checks import trace
from provisioner.login.read import Target
from provisioner.login.verify import Credentials, Stage, StageResult, Verified, verify
from provisioner.model.operations import Describe, ResetPassword, Select, UpdateRecord, text
from provisioner.org.client import Org
from provisioner.org.errors import NoAnswer, Refused


@dataclass(frozen=True, slots=True)
class Mailed:
    """Somebody who is to get a new password."""

    id: str
    username: str
    email: str
    active: bool


def verify_login(
    org: Org, who: Credentials, target: Target, objects: tuple[str, ...] = ()
) -> tuple[Verified, Trace | None]:
    """Log somebody in at the portal that is meant; and where that fails, the checks of why."""
    facts = explaining.read(org, who.username, target)
    if facts.portal is None:
        said = "the org has no portal to log in to"
        stages: tuple[StageResult, ...] = (
            StageResult(Stage.PORTAL, ok=False, milliseconds=0, said=said),
        )
        portal = url = ""
    else:
        portal, url = facts.portal.name, facts.portal.url
        stages = verify(lambda: org.visit(url), who, _prefixes(org, objects))
    verified = Verified(who.username, portal, url, stages)
    if verified.ok:
        return verified, None
    return verified, trace(explaining.read(org, who.username, target))


def _prefixes(org: Org, objects: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    describes = org.read_all([Describe(name) for name in objects])
    prefixes = ((name, describes[Describe(name)]) for name in objects)
    return tuple((name, (found and found.get("keyPrefix")) or "") for name, found in prefixes)


def users_called(org: Org, usernames: Sequence[str]) -> tuple[tuple[Mailed, ...], tuple[str, ...]]:
    """The users of these names in their order, each once, and the names that are none."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in usernames))
    select = Select(
        UserKind.sobject, ("Id", "Username", "Email", "IsActive"), (("Username", names),)
    )
    rows = {str(row["Username"]).lower(): row for row in org.read(select)}
    people = (rows[name] for name in names if name in rows)
    found = tuple(
        Mailed(text(r, "Id"), text(r, "Username"), text(r, "Email"), bool(r["IsActive"]))
        for r in people
    )
    return found, tuple(name for name in names if name not in rows)


def reset_passwords(
    org: Org, people: Iterable[Mailed], *, unlock: bool
) -> Iterator[tuple[Mailed, str | None]]:
    """Mail each a new password, once; and with `unlock` end its lock-out. What went wrong, if so.

    A lost answer is not sent again: the mail may be on its way. Raises Unreachable before that.
    """
    for person in people:
        try:
            if unlock:
                _unlock(org, person.id)
            org.call(ResetPassword(person.id))
        except NoAnswer as error:
            yield person, f"{error}: whether the e-mail was sent is not known"
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
