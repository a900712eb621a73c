"""Checks of what specs ask to remove or rename, for every kind."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.kinds import BY_NAME
from provisioner.kinds.base import Context, Removal
from provisioner.kinds.metadata import NAME
from provisioner.model.diagnostics import Diagnostic, Severity


def never_removed(context: Context) -> Iterator[Diagnostic]:
    """What a spec asks to remove and this tool never removes."""
    for resource in context.desired.values():
        if not resource.remove or resource.address not in context.changes:
            continue
        if BY_NAME[resource.address.kind].removal is Removal.NEVER:
            yield Diagnostic(
                "never-removed",
                f"`{resource.address}` cannot be removed",
                resource.span(),
                help="leave it out of the spec: what is left out is not managed",
            )


def unneeded_former_names(context: Context) -> Iterator[Diagnostic]:
    """A `was:` whose rename has been applied."""
    for address, resource in context.desired.items():
        if resource.was is None or resource.remove or address not in context.live:
            continue
        kind = BY_NAME[address.kind]
        pending = context.changed(resource, *kind.renamed_fields())
        if pending or kind.former_name_recurs(resource, context):
            continue
        yield Diagnostic(
            "unneeded-was",
            f"`was: {resource.was}` is no longer needed: "
            f"this org has `{address}` under its new name",
            resource.span("was" if "was" in resource.spans else NAME),
            help="remove `was:` once it has been applied in every environment",
            cause=address.kind,
            severity=Severity.WARNING,
        )
