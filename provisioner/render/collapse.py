"""Show a few of very many steps that are alike, and say how many more there are. Pure.

A person reads a hundred steps, not a hundred thousand; of those the first of each sort are
shown, and how many are like them. The formats for machines have all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from provisioner.plan.document import StepDocument

_ALL = 100
"""So many steps are all shown."""
_FIRST = 3
"""So many of a sort are shown of more."""


@dataclass(frozen=True, slots=True)
class More:
    """So many steps that are like another one; the last of them by address."""

    count: int
    like: str
    last: str

    def __str__(self) -> str:
        return f"... {self.count:,} more like {self.like}, the last {self.last}"


def folded(steps: Sequence[StepDocument]) -> Iterator[StepDocument | More]:
    """The steps in order; of many that are alike the first three, and then what is left out."""
    if len(steps) <= _ALL:
        yield from steps
        return
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for place, step in enumerate(steps):
        alike[_sort(step)].append(place)
    left_out: set[int] = set()
    folds: dict[int, More] = {}
    for places in alike.values():
        if len(places) <= _FIRST + 1:
            continue
        left = places[_FIRST:]
        like, last = (steps[place]["address"] for place in (places[_FIRST - 1], left[-1]))
        folds[left[0]] = More(len(left), like, last)
        left_out.update(left)
    for place, step in enumerate(steps):
        if place in folds:
            yield folds[place]
        elif place not in left_out:
            yield step


def _sort(step: StepDocument) -> Hashable:
    """What steps that are alike have in common: the values alone differ."""
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
