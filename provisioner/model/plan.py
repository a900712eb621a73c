"""A plan: ordered steps, with everything that a person must know in advance."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from graphlib import CycleError, TopologicalSorter
from typing import NoReturn

from provisioner.model.change import Action, Change
from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Severity, Span
from provisioner.model.ignore import Ignored
from provisioner.model.operations import Call
from provisioner.model.resource import Address, Resource


class NoteKind(Enum):
    """What a reviewer of a plan looks for; the value is the word in a plan."""

    IRREVERSIBLE = "irreversible"
    EMAIL = "e-mail"
    GAINS_LOGIN = "gains a login"
    LOSES_LOGIN = "loses the login"
    CHANGES_LOGIN = "changes the login"
    REMARK = "note"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a reviewer must know about a step.

    `people` counts the emails sent, or the logins gained, lost or changed. `subject` identifies a
    note whose text contains a number; any other note is identified by its text.
    """

    kind: NoteKind
    text: str
    people: int = 0
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One change and the operations that carry it out. It runs after every step in `needs`.

    `matched_by` names the field by which the record was matched.
    """

    change: Change
    calls: tuple[Call, ...]
    needs: frozenset[Address]
    notes: tuple[Note, ...] = ()
    matched_by: str | None = None

    @property
    def address(self) -> Address:
        return self.change.address

    @property
    def action(self) -> Action:
        return self.change.action

    @property
    def span(self) -> Span | None:
        return self.change.after.span()


@dataclass(frozen=True, slots=True)
class SeatUsage:
    """The seats of a licence that a plan affects: all, used now, and used after the plan."""

    licence: str
    total: int
    used: int
    after: int


@dataclass(frozen=True, slots=True)
class MatchedResource:
    """A resource that the org has: its Id there, and the field by which it was matched."""

    address: Address
    id: str
    matched_by: str


class EmailCause(Enum):
    """Why a login is gained without an email, an email waits, or is sent without a new login.

    The value is its key in reports.
    """

    HELD_BACK = "no-email"
    INACTIVE = "inactive"
    NO_PORTAL = "no-active-portal"
    UNREADABLE = "portals-unreadable"
    NO_PASSWORD = "no-password"  # noqa: S105  (the name of a cause, not a password)
    SET_PASSWORD = "set-password"  # noqa: S105
    HAS_PASSWORD = "has-password"  # noqa: S105
    PORTAL = "portal"
    FIRST_PASSWORD = "first-password"  # noqa: S105
    NEW_ADDRESS = "new-address"


@dataclass(frozen=True, slots=True)
class EmailDifference:
    """Users for whom the emails of a plan differ from its logins, for one cause.

    `difference` is the number of emails minus the number of logins gained, for this cause.
    `waiting` are passwords that stay pending. `text` is for people.
    """

    cause: EmailCause
    text: str
    addresses: tuple[Address, ...]
    difference: int
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Absent:
    """The active users of a roster's profiles that are in none of its rows, by username."""

    roster: str
    deactivates: bool
    usernames: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class OrgInfo:
    """Which org a plan is for."""

    id: str
    name: str
    instance_url: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered steps, and the problems that prevent them.

    `matched` are the resources that the org has, in sync or not; `managed` counts those that
    the specs name, `reads` the API calls that the plan took, `writes` those that applying it
    takes if each is answered at the first try. A plan with an error among its `problems` is not
    applied. `left_out` are changes that were not excluded themselves, each with the excluded one
    that it depends on; `ignored` are differences that `drift-ignore.yaml` lists.
    `emails` explain why the number of emails differs from the number of logins gained; `held` are
    the fields that are not written yet, because that would send an email too early. `absent` are
    the users who are no longer in a roster.
    """

    org: OrgInfo
    steps: tuple[Step, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    seats: tuple[SeatUsage, ...] = ()
    matched: tuple[MatchedResource, ...] = ()
    managed: int = 0
    reads: int = 0
    left_out: tuple[tuple[Address, Address], ...] = ()
    writes: int = 0
    ignored: tuple[Ignored, ...] = ()
    emails: tuple[EmailDifference, ...] = ()
    held: tuple[tuple[Address, str], ...] = ()
    absent: tuple[Absent, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(p for p in self.problems if p.severity is Severity.ERROR)

    def count(self, *actions: Action) -> int:
        return sum(step.action in actions for step in self.steps)

    def people(self, kind: NoteKind) -> int:
        """How many people the notes of one kind count, in total."""
        return sum(n.people for step in self.steps for n in step.notes if n.kind is kind)


def order(
    changes: Iterable[Change],
    rank: Callable[[Change], int],
    referrers: Callable[[Resource], frozenset[Address]],
) -> tuple[tuple[Change, frozenset[Address]], ...]:
    """The changes, each with the addresses it needs, every need before its user.

    Ties go by `rank`, then by address, so that the same changes give the same order. What
    is removed goes after all that `referrers` names as still pointing to it. Raises
    DiagnosticError where resources need each other.
    """
    by_address = {c.address: c for c in changes}
    needs = {a: _needs(c, by_address, referrers) for a, c in by_address.items()}
    waiting = {a: len(n) for a, n in needs.items()}
    users: dict[Address, list[Address]] = {}
    for address, needed in needs.items():
        for other in needed:
            users.setdefault(other, []).append(address)
    addresses = sorted(by_address)
    count = len(addresses)
    # Rank, then address, as one number: there can be hundreds of thousands to compare.
    turns = {a: rank(by_address[a]) * count + place for place, a in enumerate(addresses)}
    ready = [turns[a] for a, left in waiting.items() if not left]
    heapq.heapify(ready)
    ordered: list[tuple[Change, frozenset[Address]]] = []
    while ready:
        address = addresses[heapq.heappop(ready) % count]
        ordered.append((by_address[address], needs[address]))
        for user in users.get(address, ()):
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, turns[user])
    if len(ordered) < count:
        _refuse_cycle(needs, by_address)
    return tuple(ordered)


def _needs(
    change: Change,
    changes: Mapping[Address, Change],
    referrers: Callable[[Resource], frozenset[Address]],
) -> frozenset[Address]:
    if change.action in (Action.DELETE, Action.DEACTIVATE):
        assert change.before is not None, "what is removed was found"
        return referrers(change.before) & changes.keys() - {change.address}
    return frozenset(
        a
        for a in change.after.refs()
        if a in changes and changes[a].action not in (Action.DELETE, Action.DEACTIVATE)
    )


def _refuse_cycle(
    needs: Mapping[Address, frozenset[Address]], changes: Mapping[Address, Change]
) -> NoReturn:
    """Name one of the cycles that there are."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        cycle: list[Address] = error.args[1]
        named = " -> ".join(map(str, cycle))
        raise DiagnosticError(
            [
                Diagnostic(
                    "reference-cycle",
                    f"these resources need each other: {named}",
                    changes[cycle[0]].after.span(),
                    help="leave one of the references out, apply, and add it after",
                )
            ]
        ) from error
    raise AssertionError("what is left over waits for each other")
