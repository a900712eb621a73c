"""Group calls: which of them are one request, and which can run in parallel. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from provisioner.kinds import BY_NAME, reads_one_at_a_time
from provisioner.model.change import Action, Change
from provisioner.model.operations import (
    Call,
    CloneMetadata,
    CreateMetadata,
    CreateRecord,
    DeleteMetadata,
    DeleteRecord,
    EditMetadata,
    EnableCustomerPortal,
    RenameMetadata,
    ResetPassword,
    SetMembership,
    SetPassword,
    UpdateRecord,
    UpsertRecord,
)
from provisioner.model.plan import Step
from provisioner.model.resource import Address, Resource

COLLECTION = 200
COMPONENTS = 10
COMPOSITE = 25
# From here on a bulk job takes fewer calls, and no more time: a collection is a call for every
# 200 rows, a job ten calls or so for any number. Salesforce says the same. (fact
# 806, "worth it over ~2,000 records")
BULK_FROM = 2_000
# How many rows are looked at again, and then written, at once: the longer this takes, the more
# may move in between.
SLICE = 10_000
_CALLS_OF_A_JOB = 10
# A lease is acquired, checked and released.
_CALLS_OF_A_LEASE = 3
_ROWS_OF_A_PAGE = 2_000


class Lane(Enum):
    """An API family, whose requests keep each other waiting and no others."""

    RECORDS = "records"
    PASSWORDS = "passwords"
    METADATA = "metadata"


# How many requests of a lane may be under way at once. Salesforce ends a 26th that runs long (a
# sixth in a Developer org), so there is room for others. (fact 725) Metadata is
# locked by whoever writes it.
AT_ONCE: Mapping[Lane, int] = {Lane.RECORDS: 4, Lane.PASSWORDS: 4, Lane.METADATA: 1}


@dataclass(frozen=True, slots=True)
class Family:
    """Calls that can be one request: one operation on one object or type."""

    lane: Lane
    kind: str
    of: str
    most: int


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """Items whose calls are one request, or one bulk job if there are more than 200."""

    family: Family
    items: tuple[T, ...]


def family(call: Call) -> Family:
    """What a call can go together with."""
    kind = type(call).__name__
    match call:
        case CreateRecord() | UpdateRecord() | DeleteRecord():
            return Family(Lane.RECORDS, kind, call.sobject.casefold(), COLLECTION)
        case UpsertRecord():
            of = f"{call.sobject}.{call.key}".casefold()
            return Family(Lane.RECORDS, kind, of, COLLECTION)
        case SetPassword() | ResetPassword():
            return Family(Lane.PASSWORDS, "Password", "User", COMPOSITE)
        case CreateMetadata() | CloneMetadata() | EditMetadata() | DeleteMetadata():
            return Family(Lane.METADATA, kind, call.type, COMPONENTS)
        case RenameMetadata() | EnableCustomerPortal() | SetMembership():
            return Family(Lane.METADATA, kind, "", 1)


def form(
    items: Iterable[T], call_of: Callable[[T], Call], sibling_of: Callable[[T], Hashable]
) -> tuple[tuple[Batch[T], ...], ...]:
    """The batches of these items, in turns: the batches of one turn run one after the other.

    Siblings, which lock the same record in the org, are in one batch; if they are too many for
    one, their batches are in one turn. Otherwise the items keep their order.
    """
    by_family: dict[Family, list[T]] = {}
    for item in items:
        by_family.setdefault(family(call_of(item)), []).append(item)
    turns: list[tuple[Batch[T], ...]] = []
    for kind, members in by_family.items():
        if kind.lane is Lane.RECORDS and len(members) >= BULK_FROM:
            ordered = [item for group in _siblings(members, sibling_of) for item in group]
            turns.append((Batch(kind, tuple(ordered)),))
        else:
            turns += _packed(kind, _siblings(members, sibling_of))
    return tuple(turns)


def _siblings(items: Iterable[T], sibling_of: Callable[[T], Hashable]) -> list[list[T]]:
    """The items in groups of siblings; an item without siblings is a group of its own."""
    groups: dict[Hashable, list[T]] = {}
    for number, item in enumerate(items):
        key = sibling_of(item)
        groups.setdefault(number if key is None else (key,), []).append(item)
    return list(groups.values())


def _packed(kind: Family, groups: Iterable[Sequence[T]]) -> Iterable[tuple[Batch[T], ...]]:
    open_: list[T] = []
    for group in groups:
        if len(group) > kind.most:
            pieces = [group[i : i + kind.most] for i in range(0, len(group), kind.most)]
            yield tuple(Batch(kind, tuple(piece)) for piece in pieces)
            continue
        if len(open_) + len(group) > kind.most:
            yield (Batch(kind, tuple(open_)),)
            open_ = []
        open_ += group
    if open_:
        yield (Batch(kind, tuple(open_)),)


def sibling(change: Change, resource: Callable[[Address], Resource | None]) -> Hashable:
    """The other record that Salesforce locks while this change is written; `None` if none."""
    return BY_NAME[change.address.kind].locked_record(change, resource)


def waves(steps: Sequence[Step]) -> tuple[tuple[Step, ...], ...]:
    """The steps in the waves in which they run, when nothing fails."""
    left = {step.address: step for step in steps}
    result: list[tuple[Step, ...]] = []
    while left:
        wave = ready(left)
        assert wave, "a plan is ordered, and has no cycle"
        result.append(wave)
        for step in wave:
            del left[step.address]
    return tuple(result)


def ready(
    left: Mapping[Address, Step], waiting: Container[Address] = frozenset()
) -> tuple[Step, ...]:
    """The remaining steps that can run now, in parallel, in plan order.

    Deactivations go first, because they free seats; then the kinds that run first, such as
    settings, which create objects and fields that other steps use without a reference. The steps
    in `waiting` were sent, and their outcome is not known: neither they nor the steps that need
    them are returned.
    """
    able = [step for step in left.values() if not (step.needs & left.keys())]
    for goes_first in (_deactivates, _runs_first):
        if first := [step for step in able if goes_first(step)]:
            able = first
            break
    return tuple(step for step in able if step.address not in waiting)


def _deactivates(step: Step) -> bool:
    return step.change.deactivates


def _runs_first(step: Step) -> bool:
    return BY_NAME[step.address.kind].runs_first


def estimate(steps: Sequence[Step]) -> int:
    """The number of API calls that these steps take, if each call succeeds at the first try.

    Each wave is read again before it is written. (decision D7)
    """
    total = _CALLS_OF_A_LEASE if steps else 0
    for wave in waves(steps):
        total += sum(_looks(wave))
        for position in range(max((len(step.calls) for step in wave), default=0)):
            calls = [step.calls[position] for step in wave if position < len(step.calls)]
            for turn in form(calls, lambda call: call, lambda _: None):
                total += sum(map(_requests, turn))
    return total


def _looks(wave: Sequence[Step]) -> Iterable[int]:
    counts: dict[str, int] = {}
    for step in wave:
        if looked_at(step):
            counts[step.address.kind] = counts.get(step.address.kind, 0) + 1
    return (1 + count // _ROWS_OF_A_PAGE for count in counts.values())


def looked_at(step: Step) -> bool:
    """Whether the org is read again just before the step is made."""
    return step.action is not Action.CREATE or BY_NAME[step.address.kind].recheck_before_create


def _requests(batch: Batch[Call]) -> int:
    match batch.items[0]:
        case EnableCustomerPortal() | SetMembership():
            return 0  # a setup page, which Salesforce does not count
        case CreateMetadata():
            return 2  # the Id of the new component is read
        case CloneMetadata() | EditMetadata():
            reads = len(batch.items) if reads_one_at_a_time(batch.family.of) else 1
            return reads + (2 if isinstance(batch.items[0], CloneMetadata) else 1)
        case _:
            return _CALLS_OF_A_JOB if len(batch.items) > COLLECTION else 1
