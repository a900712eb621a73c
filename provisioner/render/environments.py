"""Plans of one spec for several environments, and the differences between them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypedDict, cast

from provisioner.model.json_value import Json
from provisioner.model.masking import MASK, Masked
from provisioner.model.resource import Secret, Spec
from provisioner.plan.document import FORMAT_VERSION, ActionName, PlanDocument
from provisioner.render import markdown_escape
from provisioner.render.format import SIGNS, shortened, value
from provisioner.render.terminal import Line

_IN_SYNC = "in sync"
_STEPS, _DIFFERENCES = "Steps by environment", "Values that differ"
_WIDEST = 48
# More rows of a table would leave the plans less than half of a comment.
_MOST_ROWS = 60


class EnvironmentStepDocument(TypedDict):
    """What is done to a resource in each environment; null where it is in sync."""

    address: str
    actions: dict[str, ActionName | None]


class DifferenceDocument(TypedDict):
    """A value that is different in some environments, by environment."""

    address: str
    field: str
    values: dict[str, Json]


class PlansDocument(TypedDict):
    """The plans of one spec for several environments."""

    format_version: int
    report: Literal["plans"]
    spec: str
    environments: list[str]
    plans: list[PlanDocument]
    steps: list[EnvironmentStepDocument]
    differences: list[DifferenceDocument]


def plans_document(plans: Sequence[PlanDocument], specs: Sequence[Iterable[Spec]]) -> PlansDocument:
    """The document of the plans, one for each environment and its specs.

    `steps` has the action for each resource that any plan changes, `differences` the values
    of the spec that are not the same in every environment.
    """
    names = [plan["environment"] for plan in plans]
    return {
        "format_version": FORMAT_VERSION,
        "report": "plans",
        "spec": plans[0]["spec"],
        "environments": names,
        "plans": list(plans),
        "steps": [*_steps(names, plans)],
        "differences": [*_differences(names, specs)],
    }


def text(view: PlansDocument) -> Iterator[Line]:
    """The steps and the values that differ in the spec, with a column for each environment."""
    for title, rows in tables(view).items():
        if rows or title == _DIFFERENCES:
            yield Line()
        if rows:
            yield from _table([title, *view["environments"]], rows)
    if not view["differences"]:
        yield Line("The spec has the same values for every environment.")


def markdown(view: PlansDocument) -> str:
    """The two tables as Markdown, which follow the plans."""
    names = view["environments"]
    parts = []
    for title, rows in tables(view).items():
        if rows:
            head = ["", *(markdown_escape.code(n, cell=True) for n in names)]
            body = (
                [markdown_escape.code(shortened(cell, _WIDEST), cell=True) for cell in row]
                for row in rows[:_MOST_ROWS]
            )
            lines = [head, ["---"] * len(head), *body]
            table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
            more = f"\nand {len(rows) - _MOST_ROWS:,} more\n" if len(rows) > _MOST_ROWS else ""
            parts.append(f"### {title}\n\n{table}\n{more}")
    return "\n".join(parts)


def tables(view: PlansDocument) -> dict[str, list[list[str]]]:
    """The rows of each table by its title: a name, and a cell for each environment."""
    names = view["environments"]
    return {
        _STEPS: [[s["address"], *(_done(s["actions"][n]) for n in names)] for s in view["steps"]],
        _DIFFERENCES: [
            [_named(d), *(_shown(d["values"], n) for n in names)] for d in view["differences"]
        ],
    }


def _steps(
    names: Sequence[str], plans: Sequence[PlanDocument]
) -> Iterator[EnvironmentStepDocument]:
    actions: dict[str, dict[str, ActionName]] = {}
    for name, plan in zip(names, plans, strict=True):
        for step in plan["steps"]:
            actions.setdefault(step["address"], {})[name] = step["action"]
    for address in sorted(actions):
        yield {"address": address, "actions": {n: actions[address].get(n) for n in names}}


def _differences(
    names: Sequence[str], specs: Sequence[Iterable[Spec]]
) -> Iterator[DifferenceDocument]:
    by_address = [{str(s.address): dict(_leaves(s.data)) for s in each} for each in specs]
    for address in sorted({a for each in by_address for a in each}):
        mine = [each.get(address, {}) for each in by_address]
        for field in dict.fromkeys(f for fields in mine for f in fields):
            values = {n: f[field] for n, f in zip(names, mine, strict=True) if field in f}
            present = list(values.values())
            if len(present) < len(names) or any(v != present[0] for v in present):
                yield {"address": address, "field": field, "values": values}


def _leaves(data: object, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every value of a resource with its path; a list is one value, a secret is `***`."""
    match data:
        case Mapping():
            for key, item in data.items():
                yield from _leaves(item, f"{path}.{key}" if path else str(key))
        case Secret() | Masked():
            yield path, MASK
        case _:
            # A spec holds the values of YAML, which are those of JSON.
            yield path, cast("Json", data)


def _done(action: ActionName | None) -> str:
    return f"{SIGNS[action]} {action}" if action else _IN_SYNC


def _named(difference: DifferenceDocument) -> str:
    return f"{difference['address']}.{difference['field']}"


def _shown(values: Mapping[str, Json], name: str) -> str:
    return value(values[name]) if name in values else "not set"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    widths = [min(_WIDEST, max(len(row[i]) for row in [head, *rows])) for i in range(len(head) - 1)]
    for number, row in enumerate([head, *rows]):
        cells = [cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)]
        yield Line(("  ".join(cells), "bold" if number == 0 else ""))
