"""Narrow a plan to what is selected and what that needs, without what is ignored. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from provisioner.kinds import BY_NAME
from provisioner.kinds.org_facts import OrgFacts
from provisioner.model.change import Action, Change
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.ignore import Ignore, Ignored
from provisioner.model.resource import Address, DesiredState, Resource
from provisioner.spec.selection import Selection

_REMOVALS = frozenset({Action.DELETE, Action.DEACTIVATE})


@dataclass(frozen=True, slots=True)
class PlanScope:
    """The selected addresses, changed or not, and the changes that are skipped.

    `left_out` has each change that needs an excluded change, with the excluded one.
    """

    selected: frozenset[Address]
    left_out: Mapping[Address, Address]

    def of(self, changes: Mapping[Address, Change]) -> dict[Address, Change]:
        return {a: c for a, c in changes.items() if a in self.selected}

    def problems(
        self, problems: Iterable[Diagnostic], desired: DesiredState
    ) -> Iterator[Diagnostic]:
        """The problems that are not about something outside the selection."""
        others = {s for a, r in desired.items() if a not in self.selected for s in r.spans.values()}
        return (p for p in problems if p.span is None or p.span not in others)


def plan_scope(
    selection: Selection,
    desired: DesiredState,
    changes: Mapping[Address, Change],
    referrers: Callable[[Resource], frozenset[Address]],
    facts: OrgFacts,
) -> PlanScope:
    """Resolve a selection: the targets and all that they need, without the excluded resources.

    A change that needs an excluded change is skipped too, unless what it needs exists already.
    """

    def needs(address: Address) -> frozenset[Address]:
        change = changes.get(address)
        if change and change.action in _REMOVALS and change.before:
            return referrers(change.before) & changes.keys() - {address}
        resource = desired[address]
        needed = (change.after if change else resource).refs() & desired.keys()
        return needed.union(BY_NAME[address.kind].enabling_steps(resource, facts))

    selected = set(selection.targeted(desired))
    waiting = list(selected)
    while waiting:
        new = needs(waiting.pop()) - selected
        selected |= new
        waiting += new
    excluded = selection.excluded(desired)
    selected -= excluded
    left_out = _without(
        excluded, selected, changes, needs, {facts.enabling_step, facts.sites_enabling_step}
    )
    return PlanScope(frozenset(selected - left_out.keys()), left_out)


def without_ignored(
    changes: Mapping[Address, Change], ignores: Iterable[Ignore]
) -> tuple[dict[Address, Change], tuple[Ignored, ...]]:
    """The changes without their ignored fields, and what is ignored.

    Single fields are ignored only of resources that exist: a create is complete or ignored as a
    whole. A change that is ignored as a whole stays among the changes: the caller excludes it.
    """
    remaining: dict[Address, Change] = {}
    ignored: list[Ignored] = []
    entries = tuple(ignores)
    for address, change in changes.items():
        mine = [entry for entry in entries if entry.names(address)]
        whole = next((entry for entry in mine if entry.field is None), None)
        if whole:
            ignored.append(Ignored(address, None, whole))
            remaining[address] = change
            continue
        if not mine or change.before is None or not change.fields:
            remaining[address] = change
            continue
        fields = []
        for field in change.fields:
            entry = next((e for e in mine if fnmatchcase(field.name, str(e.field))), None)
            if entry:
                ignored.append(Ignored(address, field.name, entry))
            else:
                fields.append(field)
        if fields:
            remaining[address] = replace(change, fields=tuple(fields))
    return remaining, tuple(ignored)


def _without(
    excluded: Iterable[Address],
    selected: set[Address],
    changes: Mapping[Address, Change],
    needs: Callable[[Address], frozenset[Address]],
    enabling: Collection[Address | None],
) -> dict[Address, Address]:
    """The selected changes that need excluded ones, each with the one that it needs."""
    users: dict[Address, set[Address]] = {}
    for address in changes.keys() & selected:
        for needed in needs(address):
            users.setdefault(needed, set()).add(address)
    left_out: dict[Address, Address] = {}
    waiting = sorted(a for a in excluded if a in changes)
    while waiting:
        missing = waiting.pop()
        for user in sorted(users.get(missing, ())):
            exists = changes[missing].action is Action.UPDATE and missing not in enabling
            if user in left_out or exists:
                continue
            if changes[missing].action in _REMOVALS and changes[user].action not in _REMOVALS:
                continue
            left_out[user] = missing
            waiting.append(user)
    return left_out
