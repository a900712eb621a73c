"""What Salesforce would refuse and can be known beforehand, as problems at the spec line.

Every rule names its place in the platform reference. A guard is silent where the org does
not tell enough: a refusal that might not come is left to Salesforce.
"""

from collections.abc import Callable, Iterable

from provisioner.model.diagnostics import Diagnostic
from provisioner.plan.preflight import identity, layouts, permissions, records, setup, users
from provisioner.plan.preflight.context import PlanContext

GUARDS: tuple[Callable[[PlanContext], Iterable[Diagnostic]], ...] = (
    setup.switching_off,
    setup.removals,
    setup.portals,
    setup.profiles,
    layouts.layouts,
    records.unknown_fields,
    records.fields_that_can_not_be_set,
    records.missing_fields,
    records.references,
    records.unidentified,
    permissions.permissions,
    users.licence_fits,
    users.contact_and_account,
    users.one_user_for_a_contact,
    users.contacts_with_users,
    users.disabling,
    identity.similar_contacts,
    identity.repeated_contacts,
    identity.contacts_of_users,
    identity.unneeded_former_names,
)


def problems(context: PlanContext) -> tuple[Diagnostic, ...]:
    """What every guard says."""
    return tuple(d for guard in GUARDS for d in guard(context))
