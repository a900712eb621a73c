"""Guards over the running user: it has the permission that each step needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioner.kinds import BY_NAME
from provisioner.kinds.org_facts import PERMISSIONS
from provisioner.kinds.record import RecordKind
from provisioner.kinds.user import PASSWORD
from provisioner.model.change import Action, Change
from provisioner.model.diagnostics import Diagnostic, Severity
from provisioner.model.resource import Address
from provisioner.plan.preflight.context import PlanContext, my_profile

MISSING = "missing-permission"
_NAMED = 3
# "Manage Internal Users" is part of "Manage Users". (Object Reference, User)
_INTERNAL = ("ManageUsers", "ManageInternalUsers")
# (Salesforce Help, "Reset Passwords for Your Users")
_PASSWORDS = ("ResetPasswords", "ManageUsers")
# Metadata records and the setup pages take "Customize Application", profiles have a permission
# of their own. (Metadata API Developer Guide, "Modify Metadata Through Metadata API Functions
# Permission"; Salesforce Help, "Create or Clone Profiles")
_SETUP: Mapping[str, tuple[str, ...]] = {
    "settings": ("CustomizeApplication",),
    "portal": ("CustomizeApplication",),
    "layout": ("CustomizeApplication",),
    "profile": ("ManageProfilesPermissionsets",),
}
_RIGHTS: Mapping[Action, tuple[str, str]] = {
    Action.CREATE: ("createable", "create"),
    Action.UPDATE: ("updateable", "edit"),
    Action.DELETE: ("deletable", "delete"),
}


def permissions(context: PlanContext) -> Iterator[Diagnostic]:
    """A permission that the plan needs and the running user lacks, with the steps that need it.

    A warning, as another user may apply the plan; `apply` does not begin with it.
    Nothing is said of a permission that the org does not tell of.
    """
    lacking: dict[str, list[Address]] = {}
    for address, change in context.changes.items():
        for permission in _lacking(context, change):
            lacking.setdefault(permission, []).append(address)
    for permission, steps in lacking.items():
        yield _missing(context, permission, steps)


def _lacking(context: PlanContext, change: Change) -> Iterator[str]:
    kind = BY_NAME[change.address.kind]
    if isinstance(kind, RecordKind) and kind.sobject != "User":
        right, deed = _RIGHTS[change.action]
        if not context.facts.may(kind.sobject, right):
            yield f"to {deed} records of {kind.sobject}"
        return
    for any_of in _needed(context, change):
        held = context.facts.permissions
        known = [name for name in any_of if name in held]
        if known and not any(held[name] for name in known):
            yield " or ".join(f"`{PERMISSIONS[name]}`" for name in known)


def _needed(context: PlanContext, change: Change) -> Iterator[tuple[str, ...]]:
    """What the calls of a change need: of each of these, any one."""
    if change.address.kind != "user":
        yield _SETUP[change.address.kind]
        return
    me = context.facts.running_user
    if me and change.before and change.before.id == me["Id"]:
        return  # everyone may edit themselves, to some extent
    if PASSWORD in change.names():
        yield _PASSWORDS
    if change.names() == {PASSWORD}:
        return
    rights = context.rights(context.value(change.after, "ProfileId"))
    if rights is None or rights.is_portal is None:
        return
    if not rights.is_portal:
        yield _INTERNAL
    elif rights.user_type == "PowerPartner":
        yield ("ManagePartners",)
    else:
        yield ("ManageCssUsers",)


def _missing(context: PlanContext, permission: str, steps: list[Address]) -> Diagnostic:
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
