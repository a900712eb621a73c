"""Check that the running user has the permissions that the steps need."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.kinds import BY_NAME
from provisioner.kinds.advice import my_profile
from provisioner.kinds.base import Context
from provisioner.model.diagnostics import Diagnostic, Severity
from provisioner.model.resource import Address

MISSING = "missing-permission"
_NAMED = 3


def permissions(context: Context) -> Iterator[Diagnostic]:
    """A permission that the plan needs and the running user lacks, with the steps that need it.

    A warning, as another user may apply the plan; `apply` does not begin with it.
    A permission that the org does not tell is not checked.
    """
    missing: dict[str, list[Address]] = {}
    for address, change in context.changes.items():
        for permission in BY_NAME[address.kind].missing_permissions(change, context):
            missing.setdefault(permission, []).append(address)
    for permission, steps in missing.items():
        yield _missing(context, permission, steps)


def _missing(context: Context, permission: str, steps: list[Address]) -> Diagnostic:
    me = context.facts.running_user
    named = ", ".join(f"`{address}`" for address in steps[:_NAMED])
    more = len(steps) - _NAMED
    named += f" and {more:,} more steps" if more > 0 else ""
    needs = "needs" if len(steps) == 1 else "need"
    user = f"`{me['Username']}`" if me else "the running user"
    spans = (context.changes[address].after.span() for address in steps)
    places = sorted({span for span in spans if span})
    return Diagnostic(
        MISSING,
        f"{user} has no permission {permission}, which {named} {needs}",
        places[0] if places else None,
        help=f"grant it to {my_profile(context)}, or to {user} by a permission set",
        also=tuple(places[1:]),
        severity=Severity.WARNING,
    )
