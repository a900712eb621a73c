"""Collapse similar steps of a long plan: show the first few, and count the others. Pure.

Nobody reads a hundred thousand steps. The formats for machines have all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from provisioner.plan.document import StepDocument

_SHORT = 100
"""With this many steps or fewer, all are shown."""
_SHOWN = 3
"""The number of similar steps that are shown."""


@dataclass(frozen=True, slots=True)
class Collapsed:
    """The number of steps that are similar to the step `like` and not shown, and the last one."""

    count: int
    like: str
    last: str

    def __str__(self) -> str:
        return f"... {self.count:,} more like {self.like}, the last is {self.last}"


def collapse(steps: Sequence[StepDocument]) -> Iterator[StepDocument | Collapsed]:
    """The steps in order; of many similar steps the first three, and how many are left out."""
    if len(steps) <= _SHORT:
        yield from steps
        return
    similar: dict[Hashable, list[int]] = defaultdict(list)
    for index, step in enumerate(steps):
        similar[_common(step)].append(index)
    hidden: set[int] = set()
    collapsed: dict[int, Collapsed] = {}
    for indexes in similar.values():
        if len(indexes) <= _SHOWN + 1:
            continue
        rest = indexes[_SHOWN:]
        like, last = (steps[index]["address"] for index in (indexes[_SHOWN - 1], rest[-1]))
        collapsed[rest[0]] = Collapsed(len(rest), like, last)
        hidden.update(rest)
    for index, step in enumerate(steps):
        if index in collapsed:
            yield collapsed[index]
        elif index not in hidden:
            yield step


def _common(step: StepDocument) -> Hashable:
    """What similar steps have in common: everything except the name and the values."""
    kind, _, name = step["address"].partition("/")
    roster, colon, _ = name.partition(":")
    return (
        step["action"],
        kind,
        roster + colon if colon else "",
        step["matched_by"],
        tuple(field["name"] for field in step["fields"]),
        tuple(note["kind"] for note in step["notes"]),
    )
