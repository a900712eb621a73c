"""Read the org again before a write, and find what has changed since the plan.

A field is written only if the org still has the value that the plan was made with.
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
    """What has changed since the plan: one field, or the record itself.

    `by` and `since` are who changed the record last, and when, if the org has that information.
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
    """Whether a step is done `already`, is in `conflict`, or can be written.

    `now` is the record in the org, if there is one.
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
    """Compare each step with the current org, in a few reads for all steps.

    `ids` are the Ids of `reading` and of records created since. `lists` also reads the names and
    Ids of components, which change when one is created. Raises OrgError.
    """
    pairs = read_again([step.address for step in steps], reading, ids, org, lists=lists)
    verdicts = _verdicts(steps, pairs)
    conflicts = [step for step in steps if verdicts[step.address].conflict]
    if not lists and any(BY_NAME[step.address.kind].own_listed_type() for step in conflicts):
        # Only the list of components says who changed a component last.
        pairs = read_again([step.address for step in conflicts], reading, ids, org, lists=True)
        verdicts |= _verdicts(conflicts, pairs)
    return verdicts


def _verdicts(
    steps: Sequence[Step], pairs: Mapping[Address, tuple[Resource, Resource | None]]
) -> dict[Address, Verdict]:
    return {step.address: _verdict(step.change, *pairs[step.address]) for step in steps}


def _verdict(planned: Change, desired: Resource, now: Resource | None) -> Verdict:
    if planned.action in (Action.DELETE, Action.DEACTIVATE):
        return _removal(planned, now)
    if now is not None and compare(desired, now) is None:
        return Verdict(already=True, now=now)
    return Verdict(conflict=_conflict(planned, desired, now), now=now)


def _conflict(planned: Change, desired: Resource, now: Resource | None) -> Conflict | None:
    before = planned.before
    if before is None:
        return None if now is None else _changed(now, f"it was created since the plan, as {now.id}")
    if now is None:
        return Conflict(None, None, "it no longer exists")
    if now.id != before.id:
        return _changed(now, f"it is a different record now, {now.id}")
    for field in planned.fields:
        was, current = before.fields.get(field.name), now.fields.get(field.name)
        # A field that somebody else set to the desired value is not a conflict.
        if current not in (was, desired.fields.get(field.name)):
            shown = before.shown(field.name), now.shown(field.name)
            return Conflict(field.name, *shown, *_last_change(now))
    return None


def _removal(planned: Change, now: Resource | None) -> Verdict:
    assert planned.before is not None, "a removal is planned for an existing record"
    if now is None:
        return Verdict(already=True)
    if now.id != planned.before.id:
        return Verdict(conflict=_changed(now, f"it is a different record now, {now.id}"), now=now)
    inactive = now.fields.get("IsActive") is False
    return Verdict(already=planned.action is Action.DEACTIVATE and inactive, now=now)


def _changed(now: Resource, what: str) -> Conflict:
    return Conflict(None, None, what, *_last_change(now))


def _last_change(now: Resource) -> tuple[str | None, str | None]:
    by, since = now.written.get("LastModifiedBy.Name"), now.written.get("LastModifiedDate")
    return None if by is None else str(by), None if since is None else str(since)


def _shown(value: Value) -> str:
    return "empty" if value is None else f"`{value}`"
