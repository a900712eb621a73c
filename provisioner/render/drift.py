"""What a drift report tells beyond its plan, as plain data. Pure."""

from __future__ import annotations

from typing import Any

from provisioner.drift.report import Author, Drift
from provisioner.model.plan import Plan


def parts(plan: Plan, drift: Drift) -> dict[str, Any]:
    """The parts that a drift adds to the view of its plan; those of `steps` by address.

    `changed` is null where nobody but the tool is known to have written the thing.
    """
    return {
        "steps": {
            str(s.address): {"changed": _author(drift.authors.get(s.address))} for s in plan.steps
        },
        "unmanaged": [
            {"kind": u.kind, "name": u.name, "id": u.id or None, "detail": u.detail}
            for u in drift.unmanaged
        ],
        "shares": [
            {"kind": s.kind, "managed": s.managed, "unmanaged": s.unmanaged} for s in drift.shares
        ],
    }


def _author(author: Author | None) -> dict[str, Any] | None:
    if author is None:
        return None
    return {"by": author.by, "at": author.at, "source": author.source, "said": author.said}
