"""Guards over portal users: contact, account, owner's role, licence, seats, one per contact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from provisioner.kinds.contact import users_by_contact
from provisioner.kinds.org_facts import ROLE_USER_TYPES
from provisioner.model.change import Action
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.plan import SeatUsage
from provisioner.model.resource import Address, Lookup, Ref, Resource, Value
from provisioner.plan.preflight.context import PlanContext


def licence_fits(context: PlanContext) -> Iterator[Diagnostic]:
    """A portal user needs a portal licence, an internal one must have none. (2.3)"""
    for user in context.of_kind("user"):
        if not (context.created(user) or context.changed(user, "ProfileId", "ContactId")):
            continue
        rights = context.rights(context.value(user, "ProfileId"))
        if rights is None or rights.is_portal is None:
            continue
        contact = context.value(user, "ContactId")
        licence = f" (licence `{rights.licence.name}`)" if rights.licence else ""
        if contact is not None and not rights.is_portal:
            yield Diagnostic(
                "licence-does-not-fit",
                f"the profile `{rights.name}`{licence} is not for portal users",
                user.span("ProfileId"),
                help="use a profile on a portal licence, such as a clone of "
                "`High Volume Customer Portal`",
            )
        elif contact is None and rights.is_portal:
            yield Diagnostic(
                "no-contact",
                f"the profile `{rights.name}`{licence} is for portal users, "
                "and a portal user needs a contact",
                user.span("ProfileId"),
                help="give the user its `contact`",
            )
        if rights.licence and not rights.licence.active:
            yield Diagnostic(
                "licence-disabled",
                f"the licence `{rights.licence.name}` of `{rights.name}` is disabled in this org",
                user.span("ProfileId"),
                help="use a profile of another licence, or have the licence enabled",
            )
        if context.value(user, "PortalRole") and rights.user_type not in ROLE_USER_TYPES:
            yield Diagnostic(
                "licence-has-no-roles",
                f"users of `{rights.name}`{licence} have no portal role",
                user.span("PortalRole"),
                help="leave `PortalRole` out, or use a profile whose licence has roles",
            )


def contact_and_account(context: PlanContext) -> Iterator[Diagnostic]:
    """A portal user's contact has an account, and that has an owner with a role. (1.7, 1.8)"""
    for user in context.of_kind("user"):
        change = context.changes.get(user.address)
        if change is None or not (change.action is Action.CREATE or "ContactId" in change.names()):
            continue
        if change.action is Action.UPDATE:
            yield _fixed(context, user)
            continue
        # As written: a reference leads to its contact, and an Id would have to be searched for.
        contact = user.written.get("ContactId")
        if contact is None:
            continue
        if not _has_account(context, contact):
            yield Diagnostic(
                "contact-without-account",
                "the contact has no account, which a portal user needs",
                _contact_span(context, user, contact),
                help="give the contact its `account`",
            )
        owner = _owner_role(context, contact)
        if owner is not None and owner[1] is None:
            yield Diagnostic(
                "owner-without-role",
                f"`{owner[0]}`, who owns the account, has no role, and Salesforce makes no portal "
                "user then",
                _account_span(context, contact) or user.span("ContactId"),
                help="give the owner a role in Setup > Users, or set the account's `owner` to a "
                "user who has one",
            )


def one_user_for_a_contact(context: PlanContext) -> Iterator[Diagnostic]:
    """A contact has at most one portal user, an inactive one too. (1.8)"""
    users = tuple(context.of_kind("user"))
    rows = context.facts.answers["user"]["rows"] if users else ()
    holders = {row["ContactId"]: row for row in rows if row.get("ContactId")}
    for user in users:
        contact = user.fields.get("ContactId")
        holder = holders.get(contact) if isinstance(contact, str) else None
        if holder is None or not context.created(user):
            continue
        state = "" if holder.get("IsActive") else ", who is inactive"
        yield Diagnostic(
            "contact-has-a-user",
            f"the contact already has the portal user `{holder['Username']}`{state}, "
            "and can not have a second",
            user.span("ContactId"),
            help=f"to keep that user under its new username, add `was: {holder['Username']}`",
        )


def contacts_with_users(context: PlanContext) -> Iterator[Diagnostic]:
    """A contact that has a portal user, active or not, is not deleted. (DELETE_FAILED)"""
    gone = [
        change.after
        for address, change in context.changes.items()
        if address.kind == "contact" and change.action is Action.DELETE
    ]
    holders = users_by_contact(context.facts) if gone else {}
    for contact in gone:
        user = holders.get(str(context.live[contact.address].id))
        if user:
            yield Diagnostic(
                "contact-has-a-user",
                f"the contact cannot be deleted: `{user['Username']}` is its user, "
                "and a user is never deleted",
                contact.span(),
                help="leave the contact, and deactivate the user",
            )


def seats(context: PlanContext) -> tuple[tuple[SeatUsage, ...], tuple[Diagnostic, ...]]:
    """The seats of every licence the plan touches, and those that would run out. (1.9, 2.3)

    Only active users take a seat. (platform reference 12.11: assumed)
    """
    taken: dict[str, list[Resource]] = {}
    freed: dict[str, int] = {}
    for address, change in context.changes.items():
        if address.kind != "user":
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
                user.span("ProfileId"),
                help="free seats by deactivating users, or buy more",
            )
            for user in users[max(left, 0) :]
        ]
    return tuple(sorted(touched, key=lambda s: s.licence)), tuple(problems)


def disabling(context: PlanContext) -> Iterator[Diagnostic]:
    """`IsPortalEnabled: false` is for ever, and never what is meant. (1.6)"""
    for user in context.of_kind("user"):
        if user.fields.get("IsPortalEnabled") is False:
            yield Diagnostic(
                "disabling-is-for-ever",
                "a portal user that is disabled can never be enabled again",
                user.span("IsPortalEnabled"),
                help="deactivate it with `IsActive: false` instead",
            )


def _fixed(context: PlanContext, user: Resource) -> Diagnostic:
    """The contact of a user cannot be changed. (1.8)"""
    live = context.live[user.address]
    username, id_ = user.shown("Username"), live.fields.get("ContactId")
    if id_ is None:
        message = f"`{username}` is an internal user, and cannot be given a contact"
        remedy = "choose another `Username`"
    else:
        declared = (a for a, r in context.live.items() if a.kind == "contact" and r.id == id_)
        email = live.fields.get("Contact.Email")
        find = f"Email: {email}" if email else f"Id: {id_}"
        name = next((a.name for a in declared), f"{{find: {{{find}}}}}")
        message = f"`{username}` is the user of another contact, {email or id_}"
        remedy = f"choose another `Username`, or write `contact: {name}`"
    return Diagnostic("contact-is-fixed", message, user.span("ContactId"), help=remedy)


def _has_account(context: PlanContext, contact: Value) -> bool:
    match contact:
        case Lookup():
            row = context.row(contact)
            return row is None or row.get("AccountId") is not None
        case _:
            wanted = _contact(context, contact)
            return wanted is None or context.value(wanted, "AccountId") is not None


def _owner_role(context: PlanContext, contact: Value) -> tuple[str, str | None] | None:
    """The owner of a contact's account and the owner's role; `None` when that is not known."""
    if isinstance(contact, Lookup):
        row = context.row(contact)
        if row is None or row.get("AccountId") is None:
            return None
        return str(row.get("Account.Owner.Username")), row.get("Account.Owner.UserRoleId")
    wanted = _contact(context, contact)
    if wanted is None:
        return None
    account = wanted.written.get("AccountId")
    if isinstance(account, Ref):
        return _owner_of(context, context.desired.get(account.to))
    if isinstance(account, Lookup):
        row = context.row(account)
        return (str(row["Owner.Username"]), row["Owner.UserRoleId"]) if row else None
    live = context.live.get(wanted.address)
    if live is None or "AccountId" in wanted.written or live.fields.get("AccountId") is None:
        return None
    role = live.fields.get("Account.Owner.UserRoleId")
    return str(live.fields.get("Account.OwnerId")), None if role is None else str(role)


def _owner_of(context: PlanContext, account: Resource | None) -> tuple[str, str | None] | None:
    if account is None:
        return None
    owner = account.written.get("OwnerId")
    if isinstance(owner, Lookup):
        row = context.row(owner)
        return (str(row["Username"]), row["UserRoleId"]) if row else None
    if isinstance(owner, Ref):
        user = context.desired.get(owner.to)
        role = context.value(user, "UserRoleId") if user else None
        return (str(owner.to), str(role) if role else None) if user else None
    live = context.live.get(account.address)
    if owner is not None:
        return None
    if live is None:
        me = context.facts.running_user
        return (str(me["Username"]), me["UserRoleId"]) if me else None
    role = live.fields.get("Owner.UserRoleId")
    return str(live.fields.get("Owner.Username")), None if role is None else str(role)


def _contact(context: PlanContext, contact: Value) -> Resource | None:
    return context.desired.get(contact.to) if isinstance(contact, Ref) else None


def _contact_span(context: PlanContext, user: Resource, contact: Value) -> Any:
    wanted = _contact(context, contact)
    return wanted.span("AccountId") if wanted else user.span("ContactId")


def _account_span(context: PlanContext, contact: Value) -> Any:
    wanted = _contact(context, contact)
    account = wanted.written.get("AccountId") if wanted else None
    declared = context.desired.get(account.to) if isinstance(account, Ref) else None
    return declared.span("OwnerId") if declared else None


def _licence_before(context: PlanContext, address: Address) -> str | None:
    live = context.live.get(address)
    if live is None or live.fields.get("IsActive") is False:
        return None
    return _licence_id(context, live.fields.get("ProfileId"))


def _licence_after(context: PlanContext, address: Address) -> str | None:
    change = context.changes[address]
    if change.action in (Action.DEACTIVATE, Action.DELETE):
        return None
    if context.value(change.after, "IsActive") is False:
        return None
    return _licence_id(context, context.value(change.after, "ProfileId"))


def _licence_id(context: PlanContext, profile: Value) -> str | None:
    rights = context.rights(profile)
    return rights.licence.id if rights and rights.licence else None
