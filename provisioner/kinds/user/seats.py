"""The licence seats that the users of a plan take and free."""

from __future__ import annotations

from provisioner.kinds.base import Context
from provisioner.kinds.profile.rights import rights
from provisioner.kinds.user.fields import ACTIVE, NAME, PROFILE_ID
from provisioner.model.change import Action
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.plan import SeatUsage
from provisioner.model.resource import Address, Resource, Value


def seats(context: Context) -> tuple[tuple[SeatUsage, ...], tuple[Diagnostic, ...]]:
    """The seats of each licence in the plan, and what runs out. (facts 313 and 336)

    Only active users take a seat. (fact 336)
    """
    taken: dict[str, list[Resource]] = {}
    freed: dict[str, int] = {}
    for address, change in context.changes.items():
        if address.kind != NAME:
            continue
        before, after = _licence_before(context, address), _licence_after(context, address)
        if before == after:
            continue
        if after:
            taken.setdefault(after, []).append(change.after)
        if before:
            freed[before] = freed.get(before, 0) + 1
    touched: list[SeatUsage] = []
    problems: list[Diagnostic] = []
    for licence in context.facts.licences.values():
        users = taken.get(licence.id, [])
        if not users and licence.id not in freed:
            continue
        after_all = licence.used + len(users) - freed.get(licence.id, 0)
        touched.append(SeatUsage(licence.name, licence.total, licence.used, after_all))
        left = licence.left + freed.get(licence.id, 0)
        problems += [
            Diagnostic(
                "no-seat-left",
                f"`{licence.name}` has no seat left: {licence.used} of {licence.total} are used, "
                f"and the plan needs {len(users)} more",
                user.span(PROFILE_ID),
                help="free seats by deactivating users, or buy more",
            )
            for user in users[max(left, 0) :]
        ]
    return tuple(sorted(touched, key=lambda s: s.licence)), tuple(problems)


def _licence_before(context: Context, address: Address) -> str | None:
    live = context.live.get(address)
    if live is None or live.fields.get(ACTIVE) is False:
        return None
    return _licence_id(context, live.fields.get(PROFILE_ID))


def _licence_after(context: Context, address: Address) -> str | None:
    change = context.changes[address]
    if change.action in (Action.DEACTIVATE, Action.DELETE):
        return None
    if context.value(change.after, ACTIVE) is False:
        return None
    return _licence_id(context, context.value(change.after, PROFILE_ID))


def _licence_id(context: Context, profile: Value) -> str | None:
    granted = rights(profile, context)
    return granted.licence.id if granted and granted.licence else None
