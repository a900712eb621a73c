"""A saved plan is a ceiling: what is applied may be less than it, never more, never elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisioner.render.view import FORMAT_VERSION

# What of a step was reviewed. Its number, and who touched the record last, were not.
_REVIEWED = ("address", "action", "id", "fields", "notes", "calls")


class SavedPlanError(Exception):
    """The file is no plan of ours, or the plan is stale; `stale` tells which."""

    def __init__(self, message: str, *, stale: bool = False) -> None:
        super().__init__(message)
        self.stale = stale


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """What a plan file says of itself."""

    spec: str
    environment: str
    org: str
    steps: tuple[Mapping[str, Any], ...]


def parse(text: str) -> SavedPlan:
    """Read a plan file. Unknown keys are ignored, so that newer plans stay readable."""
    try:
        data = json.loads(text)
        if data["format_version"] != FORMAT_VERSION:
            raise SavedPlanError(
                f"the plan has format {data['format_version']}, this version reads "
                f"{FORMAT_VERSION}: make the plan again"
            )
        return SavedPlan(data["spec"], data["environment"], data["org"]["id"], tuple(data["steps"]))
    except (ValueError, KeyError, TypeError) as error:
        raise SavedPlanError("the file is not a plan that `plan --out` wrote") from error


def check(saved: SavedPlan, view: Mapping[str, Any]) -> None:
    """Raise SavedPlanError when the plan as it would be now goes beyond the saved one."""
    if view["org"]["id"] != saved.org:
        raise SavedPlanError(
            f"the plan was made for the org {saved.org}, this is {view['org']['id']}", stale=True
        )
    reviewed = {_key(step) for step in saved.steps}
    new = [step["address"] for step in view["steps"] if _key(step) not in reviewed]
    if new:
        named = ", ".join(new[:5]) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
        raise SavedPlanError(
            f"the org or the spec has moved since the plan was made: {named}", stale=True
        )


def _key(step: Mapping[str, Any]) -> str:
    fields = [{k: f[k] for k in ("name", "before", "after")} for f in step["fields"]]
    return json.dumps({**{k: step[k] for k in _REVIEWED}, "fields": fields}, sort_keys=True)
