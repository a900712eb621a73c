"""Look at the org once more before writing: what has changed since the plan was made.

A write goes out only where the org still holds the value that the plan was made against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provisioner.kinds import BY_NAME
from provisioner.model.change import Action, Change
from provisioner.model.plan import Step
from provisioner.model.resource import Address, Resource, Value
from provisioner.org.client import Org
from provisioner.plan.diff import compare
from provisioner.plan.read import Reading, read_again


@dataclass(frozen=True, slots=True)
class Conflict:
    """What is not as it was planned against: one field, or the record itself.

    `by` and `since` are who changed it last, and when, as far as the org tells.
    """

    field: str | None
    planned: Value
    now: Value
    by: str | None = None
    since: str | None = None

    def __str__(self) -> str:
        who = f", changed by {self.by}" if self.by else ""
        when = f" at {self.since}" if self.since else ""
        if self.field is None:
            return f"{self.now}{who}{when}"
        return f"{self.field} was {_shown(self.planned)} and is {_shown(self.now)}{who}{when}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a step: nothing (`already`), not write it (`conflict`), or make it.

    `now` is what is there, if anything is.
    """

    already: bool = False
    conflict: Conflict | None = None
    now: Resource | None = None

    @property
    def id(self) -> str | None:
        return self.now.id if self.now else None


def look(
    steps: Sequence[Step],
    reading: Reading,
    ids: Mapping[Address, str],
    org: Org,
    *,
    lists: bool = False,
) -> dict[Address, Verdict]:
    """How each step stands to the org of now, in a few reads for all of them.

    `ids` are those of `reading`, and of what was made since; `lists` asks for the names and
    Ids of components too, which creating one changes. Raises OrgError.
    """
    found = read_again([step.address for step in steps], reading, ids, org, lists=lists)
    verdicts = _verdicts(steps, found)
    conflicts = [step for step in steps if verdicts[step.address].conflict]
    if not lists and any(BY_NAME[step.address.kind].own_listed_type() for step in conflicts):
        # Who changed a component last stands in the list of them alone.
        known = read_again([step.address for step in conflicts], reading, ids, org, lists=True)
        verdicts |= _verdicts(conflicts, known)
    return verdicts


def _verdicts(
    steps: Sequence[Step], found: Mapping[Address, tuple[Resource, Resource | None]]
) -> dict[Address, Verdict]:
    return {step.address: _verdict(step.change, *found[step.address]) for step in steps}


def _verdict(planned: Change, wanted: Resource, now: Resource | None) -> Verdict:
    if planned.action in (Action.DELETE, Action.DEACTIVATE):
        return _removal(planned, now)
    if now is not None and compare(wanted, now) is None:
        return Verdict(already=True, now=now)
    return Verdict(conflict=_conflict(planned, wanted, now), now=now)


def _conflict(planned: Change, wanted: Resource, now: Resource | None) -> Conflict | None:
    before = planned.before
    if before is None:
        return None if now is None else _is(now, f"it is there by now, as {now.id}")
    if now is None:
        return Conflict(None, None, "it is gone")
    if now.id != before.id:
        return _is(now, f"it is another record now, {now.id}")
    for field in planned.fields:
        was, current = before.fields.get(field.name), now.fields.get(field.name)
        # Where somebody did already what is wanted, there is less to do, and no quarrel.
        if current not in (was, wanted.fields.get(field.name)):
            shown = before.shown(field.name), now.shown(field.name)
            return Conflict(field.name, *shown, *_who(now))
    return None


def _removal(planned: Change, now: Resource | None) -> Verdict:
    assert planned.before is not None, "what is removed was found"
    if now is None:
        return Verdict(already=True)
    if now.id != planned.before.id:
        return Verdict(conflict=_is(now, f"it is another record now, {now.id}"), now=now)
    inactive = now.fields.get("IsActive") is False
    return Verdict(already=planned.action is Action.DEACTIVATE and inactive, now=now)


def _is(now: Resource, what: str) -> Conflict:
    return Conflict(None, None, what, *_who(now))


def _who(now: Resource) -> tuple[str | None, str | None]:
    by, since = now.written.get("LastModifiedBy.Name"), now.written.get("LastModifiedDate")
    return None if by is None else str(by), None if since is None else str(since)


def _shown(value: Value) -> str:
    return "empty" if value is None else f"`{value}`"
