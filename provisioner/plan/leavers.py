"""Find the users who have left a roster: active, with one of its profiles, and in no row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from provisioner.kinds.account import AccountKind
from provisioner.kinds.contact.kind import ContactKind
from provisioner.kinds.profile.kind import ProfileKind
from provisioner.kinds.user.kind import UserKind
from provisioner.model.operations import CountActive, Describe, Select
from provisioner.model.plan import Absent
from provisioner.model.resource import Resource
from provisioner.org.client import Org
from provisioner.plan.read import Reading
from provisioner.spec.roster.expand import Scope

_FIELDS = ("Id", "ContactId", "Contact.AccountId", "Contact.Account.Name", "IsActive")
_SELF_REGISTERED = "IsPortalSelfRegistered"


def read(org: Org, reading: Reading, scopes: Sequence[Scope]) -> tuple[Absent, ...]:
    """The users that are in no row, for each roster that has some.

    A user of several rosters counts for the first one that keeps absent users, else for the
    first. Takes one API call if no user has left, else one more for each 2,000 users of the
    profiles. Raises OrgError.
    """
    profiles = {scope.roster: _profiles(scope, reading) for scope in scopes}
    ids = tuple(sorted({id_ for mine in profiles.values() for id_ in mine}))
    if not ids:
        return ()
    counts = org.read(CountActive(ids))
    users = [user for address, user in reading.live.items() if UserKind.owns(address)]
    declared = sum(_is_active(user) and user.fields.get("ProfileId") in ids for user in users)
    if sum(counts.values()) == declared:
        return ()
    # The field is part of an org only once it has a portal. (fact 305)
    described = Describe(UserKind.sobject)
    facts = reading.facts
    user = facts.shared[described] if facts.asked(described) else org.read(described)
    fields = {field["name"] for field in user["fields"]} if user else set()
    more = (_SELF_REGISTERED,) if _SELF_REGISTERED in fields else ()
    names = ("Username", "ProfileId", *more)
    rows = org.read(Select(UserKind.sobject, (*_FIELDS, *names), (("ProfileId", ids),)))
    absent: dict[str, list[str]] = {}
    ordered = sorted(scopes, key=lambda scope: (scope.deactivates, scope.roster))
    for row in _strangers(rows, reading):
        for scope in ordered:
            if row["ProfileId"] in profiles[scope.roster] and _of_account(row, scope, reading):
                absent.setdefault(scope.roster, []).append(str(row["Username"]))
                break
    return tuple(
        Absent(scope.roster, scope.deactivates, tuple(sorted(absent[scope.roster])), scope.span)
        for scope in scopes
        if scope.roster in absent
    )


def resources(absent: Iterable[Absent]) -> tuple[Resource, ...]:
    """The users that are to be deactivated, as the spec would declare them."""
    return tuple(
        Resource(
            UserKind.address(f"{users.roster}:absent:{username}"),
            {"Username": username},
            written={"Username": username},
            spans={"": users.span},
            remove=True,
        )
        for users in absent
        if users.deactivates
        for username in users.usernames
    )


def _profiles(scope: Scope, reading: Reading) -> frozenset[str]:
    declared = (reading.live.get(ProfileKind.address(name)) for name in scope.profiles)
    named = (p for name in scope.profiles for p in reading.facts.profiles_named(name))
    return frozenset((*(p.id for p in named), *(d.id for d in declared if d and d.id)))


def _strangers(rows: Iterable[Mapping[str, Any]], reading: Reading) -> Iterator[Mapping[str, Any]]:
    """The active users of a contact that no spec declares, neither them nor their contact."""
    declared = {r.id for a, r in reading.live.items() if ContactKind.owns(a) or UserKind.owns(a)}
    for row in rows:
        if (
            row["IsActive"]
            and row["ContactId"]
            and not row.get(_SELF_REGISTERED)
            and not {row["Id"], row["ContactId"]} & declared
        ):
            yield row


def _of_account(row: Mapping[str, Any], scope: Scope, reading: Reading) -> bool:
    if scope.account is None:
        return True
    declared = reading.live.get(AccountKind.address(scope.account))
    if declared is not None:
        return bool(row["Contact.AccountId"] == declared.id)
    return str(row["Contact.Account.Name"]).casefold() == scope.account.casefold()


def _is_active(user: Resource) -> bool:
    return user.fields.get("IsActive") is True
