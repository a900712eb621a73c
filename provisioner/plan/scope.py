"""Leave in a plan what was selected, what that needs, and nothing that is ignored. Pure."""

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
    """The selected addresses, changed or not, and the changes that were left out for a reason.

    `left_out` gives, for each change that can not be without an excluded one, that one.
    """

    selected: frozenset[Address]
    left_out: Mapping[Address, Address]

    def of(self, changes: Mapping[Address, Change]) -> dict[Address, Change]:
        return {a: c for a, c in changes.items() if a in self.selected}

    def problems(self, found: Iterable[Diagnostic], desired: DesiredState) -> Iterator[Diagnostic]:
        """The problems that are not about something that was left out."""
        others = {s for a, r in desired.items() if a not in self.selected for s in r.spans.values()}
        return (p for p in found if p.span is None or p.span not in others)


def plan_scope(
    selection: Selection,
    desired: DesiredState,
    changes: Mapping[Address, Change],
    referrers: Callable[[Resource], frozenset[Address]],
    facts: OrgFacts,
) -> PlanScope:
    """What a selection comes to: the targets and all they need, without the excluded.

    A change that needs an excluded one is left out with it, unless what it needs is there
    already.
    """

    def needs(address: Address) -> frozenset[Address]:
        change = changes.get(address)
        if change and change.action in _REMOVALS and change.before:
            return referrers(change.before) & changes.keys() - {address}
        wanted = desired[address]
        needed = (change.after if change else wanted).refs() & desired.keys()
        return needed.union(BY_NAME[address.kind].enabling_steps(wanted, facts))

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
    """The changes without the fields that are ignored of them, and what is ignored.

    Single fields are left alone of what is there; what is missing is made whole, or not. A
    change that is ignored as a whole is still among the changes, for the caller to exclude.
    """
    left: dict[Address, Change] = {}
    ignored: list[Ignored] = []
    entries = tuple(ignores)
    for address, change in changes.items():
        mine = [entry for entry in entries if entry.names(address)]
        whole = next((entry for entry in mine if entry.field is None), None)
        if whole:
            ignored.append(Ignored(address, None, whole))
            left[address] = change
            continue
        if not mine or change.before is None or not change.fields:
            left[address] = change
            continue
        fields = []
        for field in change.fields:
            entry = next((e for e in mine if fnmatchcase(field.name, str(e.field))), None)
            if entry:
                ignored.append(Ignored(address, field.name, entry))
            else:
                fields.append(field)
        if fields:
            left[address] = replace(change, fields=tuple(fields))
    return left, tuple(ignored)


def _without(
    excluded: Iterable[Address],
    selected: set[Address],
    changes: Mapping[Address, Change],
    needs: Callable[[Address], frozenset[Address]],
    enabling: Collection[Address | None],
) -> dict[Address, Address]:
    """The selected changes that can not be without the excluded ones, and which of them."""
    users: dict[Address, set[Address]] = {}
    for address in changes.keys() & selected:
        for needed in needs(address):
            users.setdefault(needed, set()).add(address)
    left_out: dict[Address, Address] = {}
    waiting = sorted(a for a in excluded if a in changes)
    while waiting:
        missing = waiting.pop()
        for user in sorted(users.get(missing, ())):
            stays = changes[missing].action is Action.UPDATE and missing not in enabling
            if user in left_out or stays:
                continue
            if changes[missing].action in _REMOVALS and changes[user].action not in _REMOVALS:
                continue
            left_out[user] = missing
            waiting.append(user)
    return left_out
