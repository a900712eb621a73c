"""What is wrong with the users of a spec together, which no schema can check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from provisioner.kinds.user.fields import FOLLOW
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.resource import Spec


def one_user_for_a_contact(users: Sequence[Spec]) -> Iterator[Diagnostic]:
    """A contact has at most one user, even a deactivated one. (fact 311)"""
    seen: dict[str, Spec] = {}
    for user in users:
        contact = user.data.get("contact")
        if not isinstance(contact, str):
            continue
        first = seen.setdefault(contact, user)
        if first is not user:
            yield Diagnostic(
                "two-users",
                f"`{first.address}` is already the user of contact `{contact}`",
                user.at("contact"),
                help="a contact has one user at most",
                notes=(f"first declared at {first.at('contact')}",),
            )


def contact_to_follow(users: Sequence[Spec]) -> Iterator[Diagnostic]:
    """A user with `follow_contact` and no contact in the spec."""
    for user in users:
        if user.data.get(FOLLOW) is True and not isinstance(user.data.get("contact"), str):
            yield Diagnostic(
                "nothing-to-follow",
                f"`{user.address}` has no contact in the spec that it could follow",
                user.at(FOLLOW),
                help="name its `contact` by the key that it has under `contacts:`",
            )
