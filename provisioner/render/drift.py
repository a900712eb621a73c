"""A drift report as plain data: the view of its plan, and what only drift tells. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.drift import Author, Drift


def extended(view: Mapping[str, Any], drift: Drift) -> dict[str, Any]:
    """The view with `changed` in each step, and `unmanaged` and `shares` of the whole.

    `changed` is null where nobody but the tool is known to have written the thing.
    """
    authors = {str(address): author for address, author in drift.authors.items()}
    return {
        **view,
        "steps": [{**s, "changed": _author(authors.get(s["address"]))} for s in view["steps"]],
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
