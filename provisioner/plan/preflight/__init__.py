"""What Salesforce would reject and can be known before: problems at the line of the spec.

Each kind has its own checks, in its folder. Here are those that concern several kinds. Each check
names its source. A check reports nothing if the org does not tell enough: a rejection that may not
come is left to Salesforce.
"""

from collections.abc import Callable, Iterable

from provisioner.kinds import KINDS
from provisioner.kinds.base import Context
from provisioner.model.diagnostics import Diagnostic
from provisioner.plan.preflight import permissions, records, removals

CHECKS: tuple[Callable[[Context], Iterable[Diagnostic]], ...] = (
    removals.never_removed,
    removals.unneeded_former_names,
    records.unknown_fields,
    records.fields_that_cannot_be_set,
    records.missing_fields,
    records.references,
    permissions.permissions,
    *(kind.problems for kind in KINDS),
)


def problems(context: Context) -> tuple[Diagnostic, ...]:
    """The problems that all checks report."""
    return tuple(problem for check in CHECKS for problem in check(context))
