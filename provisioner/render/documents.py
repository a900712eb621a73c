"""The documents that can be rendered, as types."""

from __future__ import annotations

from provisioner.plan.document import PlanDocument
from provisioner.render.run_document import RunDocument
from provisioner.render.validation import ValidationDocument

StepsDocument = PlanDocument | RunDocument
"""A document with the steps of a plan."""
Document = PlanDocument | RunDocument | ValidationDocument
"""A document that every format shows. Its `report` tells which one it is."""
