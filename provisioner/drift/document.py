"""The drift document: a plan document with who changed what and what is not managed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.model.plan import Plan
from provisioner.plan.document import AuthorDocument, PlanDocument, plan_document

if TYPE_CHECKING:
    from provisioner.drift.authors import Author
    from provisioner.drift.find import Drift


def drift_document(plan: Plan, drift: Drift, *, spec: str, environment: str) -> PlanDocument:
    """The document of a drift report.

    `changed` of a step is null if nobody except this tool is known to have made the difference.
    """
    document = plan_document(plan, spec=spec, environment=environment, report="drift")
    for step, of in zip(document["steps"], plan.steps, strict=True):
        step["changed"] = _author(drift.authors.get(of.address))
    document["unmanaged"] = [
        {"kind": u.kind, "name": u.name, "id": u.id or None, "detail": u.detail}
        for u in drift.unmanaged
    ]
    document["shares"] = [
        {"kind": s.kind, "managed": s.managed, "unmanaged": s.unmanaged} for s in drift.coverage
    ]
    return document


def _author(author: Author | None) -> AuthorDocument | None:
    if author is None:
        return None
    return {"by": author.by, "at": author.at, "source": author.source, "said": author.entry}
