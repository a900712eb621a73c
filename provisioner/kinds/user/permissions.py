"""The permissions of the running user that a change of a user needs."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.kinds.base import Context
from provisioner.kinds.profile.rights import rights
from provisioner.kinds.user.fields import PASSWORD, PROFILE_ID
from provisioner.model.change import Change

# "Manage Internal Users" is part of "Manage Users". (Object Reference, User)
_INTERNAL_USERS = ("ManageUsers", "ManageInternalUsers")
# (Salesforce Help, "Reset Passwords for Your Users")
_PASSWORDS = ("ResetPasswords", "ManageUsers")
_PARTNERS = ("ManagePartners",)
_CUSTOMERS = ("ManageCssUsers",)


def missing(change: Change, context: Context) -> Iterator[str]:
    """The permissions that the change needs and the running user does not have, in words."""
    for any_of in _needed(change, context):
        yield from context.facts.missing_permissions(any_of)


def _needed(change: Change, context: Context) -> Iterator[tuple[str, ...]]:
    """What the calls of a change need: any one of each."""
    me = context.facts.running_user
    if me and change.before and change.before.id == me["Id"]:
        return  # users may edit themselves, to some extent
    names = change.names()
    if PASSWORD in names:
        yield _PASSWORDS
    if names == {PASSWORD}:
        return
    granted = rights(context.value(change.after, PROFILE_ID), context)
    if granted is None or granted.is_portal is None:
        return
    if not granted.is_portal:
        yield _INTERNAL_USERS
    elif granted.user_type == "PowerPartner":
        yield _PARTNERS
    else:
        yield _CUSTOMERS
