"""What Salesforce would reject of users: contact, account, owner's role, licence."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.kinds.base import Context
from provisioner.kinds.org_facts import ROLE_USER_TYPES
from provisioner.kinds.profile.rights import rights
from provisioner.kinds.user.fields import CONTACT, NAME, PROFILE_ID, USERNAME
from provisioner.model.change import Action
from provisioner.model.diagnostics import Diagnostic, Span
from provisioner.model.resource import Lookup, Ref, Resource, Value


def problems(context: Context) -> Iterator[Diagnostic]:
    """What Salesforce would reject of the users of a plan."""
    yield from licence_fits(context)
    yield from contact_and_account(context)
    yield from one_user_for_a_contact(context)
    yield from disabling(context)


def licence_fits(context: Context) -> Iterator[Diagnostic]:
    """Portal users need a portal licence, internal users must not have one. (facts 315, 330)"""
    for user in context.of_kind(NAME):
        if not (context.created(user) or context.changed(user, PROFILE_ID, CONTACT)):
            continue
        granted = rights(context.value(user, PROFILE_ID), context)
        if granted is None or granted.is_portal is None:
            continue
        contact = context.value(user, CONTACT)
        licence = f" (licence `{granted.licence.name}`)" if granted.licence else ""
        if contact is not None and not granted.is_portal:
            yield Diagnostic(
                "licence-does-not-fit",
                f"the profile `{granted.name}`{licence} is not for portal users",
                user.span(PROFILE_ID),
                help="use a profile on a portal licence, such as a clone of "
                "`High Volume Customer Portal`",
            )
        elif contact is None and granted.is_portal:
            yield Diagnostic(
                "no-contact",
                f"the profile `{granted.name}`{licence} is for portal users, "
                "and a portal user needs a contact",
                user.span(PROFILE_ID),
                help="give the user its `contact`",
            )
        if granted.licence and not granted.licence.active:
            yield Diagnostic(
                "licence-disabled",
                f"the licence `{granted.licence.name}` of `{granted.name}` is disabled in this org",
                user.span(PROFILE_ID),
                help="use a profile of another licence, or have the licence enabled",
            )
        if context.value(user, "PortalRole") and granted.user_type not in ROLE_USER_TYPES:
            yield Diagnostic(
                "licence-has-no-roles",
                f"users of `{granted.name}`{licence} have no portal role",
                user.span("PortalRole"),
                help="leave `PortalRole` out, or use a profile whose licence has roles",
            )


def contact_and_account(context: Context) -> Iterator[Diagnostic]:
    """A portal user's contact has an account whose owner has a role. (facts 302 and 310)"""
    for user in context.of_kind(NAME):
        change = context.changes.get(user.address)
        if change is None or not (change.action is Action.CREATE or CONTACT in change.names()):
            continue
        if change.action is Action.UPDATE:
            yield _fixed(context, user)
            continue
        # The written value is a reference to the contact; the resolved one is an Id.
        contact = user.written.get(CONTACT)
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
                _account_span(context, contact) or user.span(CONTACT),
                help="give the owner a role in Setup > Users, or set the account's `owner` to a "
                "user who has one",
            )


def one_user_for_a_contact(context: Context) -> Iterator[Diagnostic]:
    """A contact has at most one portal user, an inactive one too. (fact 311)"""
    users = tuple(context.of_kind(NAME))
    rows = context.facts.answers[NAME]["rows"] if users else ()
    holders = {row[CONTACT]: row for row in rows if row.get(CONTACT)}
    for user in users:
        contact = user.fields.get(CONTACT)
        holder = holders.get(contact) if isinstance(contact, str) else None
        if holder is None or not context.created(user):
            continue
        state = "" if holder.get("IsActive") else ", who is inactive"
        yield Diagnostic(
            "contact-has-a-user",
            f"the contact already has the portal user `{holder['Username']}`{state}, "
            "and cannot have a second",
            user.span(CONTACT),
            help=f"to keep that user under its new username, add `was: {holder['Username']}`",
        )


def disabling(context: Context) -> Iterator[Diagnostic]:
    """`IsPortalEnabled: false` cannot be undone, and is never intended. (fact 309)"""
    for user in context.of_kind(NAME):
        if user.fields.get("IsPortalEnabled") is False:
            yield Diagnostic(
                "disabling-is-for-ever",
                "a portal user that is disabled can never be enabled again",
                user.span("IsPortalEnabled"),
                help="deactivate it with `IsActive: false` instead",
            )


def _fixed(context: Context, user: Resource) -> Diagnostic:
    """The contact of a user cannot be changed. (fact 308)"""
    live = context.live[user.address]
    username, id_ = user.shown(USERNAME), live.fields.get(CONTACT)
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
    return Diagnostic("contact-is-fixed", message, user.span(CONTACT), help=remedy)


def _has_account(context: Context, contact: Value) -> bool:
    match contact:
        case Lookup():
            row = context.facts.row_of(contact)
            return row is None or row.get("AccountId") is not None
        case _:
            declared = _contact(context, contact)
            return declared is None or context.value(declared, "AccountId") is not None


def _owner_role(context: Context, contact: Value) -> tuple[str, str | None] | None:
    """The owner of a contact's account and the owner's role; `None` if it is not known."""
    if isinstance(contact, Lookup):
        row = context.facts.row_of(contact)
        if row is None or row.get("AccountId") is None:
            return None
        return str(row.get("Account.Owner.Username")), _role(row.get("Account.Owner.UserRoleId"))
    declared = _contact(context, contact)
    if declared is None:
        return None
    account = declared.written.get("AccountId")
    if isinstance(account, Ref):
        return _owner_of(context, context.desired.get(account.to))
    if isinstance(account, Lookup):
        row = context.facts.row_of(account)
        return (str(row["Owner.Username"]), _role(row["Owner.UserRoleId"])) if row else None
    live = context.live.get(declared.address)
    if live is None or "AccountId" in declared.written or live.fields.get("AccountId") is None:
        return None
    role = live.fields.get("Account.Owner.UserRoleId")
    return str(live.fields.get("Account.OwnerId")), _role(role)


def _role(id_: Value) -> str | None:
    return None if id_ is None else str(id_)


def _owner_of(context: Context, account: Resource | None) -> tuple[str, str | None] | None:
    if account is None:
        return None
    owner = account.written.get("OwnerId")
    if isinstance(owner, Lookup):
        row = context.facts.row_of(owner)
        return (str(row[USERNAME]), _role(row["UserRoleId"])) if row else None
    if isinstance(owner, Ref):
        user = context.desired.get(owner.to)
        role = context.value(user, "UserRoleId") if user else None
        return (str(owner.to), str(role) if role else None) if user else None
    live = context.live.get(account.address)
    if owner is not None:
        return None
    if live is None:
        me = context.facts.running_user
        return (str(me[USERNAME]), me["UserRoleId"]) if me else None
    role = live.fields.get("Owner.UserRoleId")
    return str(live.fields.get("Owner.Username")), _role(role)


def _contact(context: Context, contact: Value) -> Resource | None:
    return context.desired.get(contact.to) if isinstance(contact, Ref) else None


def _contact_span(context: Context, user: Resource, contact: Value) -> Span | None:
    declared = _contact(context, contact)
    return declared.span("AccountId") if declared else user.span(CONTACT)


def _account_span(context: Context, contact: Value) -> Span | None:
    of_user = _contact(context, contact)
    account = of_user.written.get("AccountId") if of_user else None
    declared = context.desired.get(account.to) if isinstance(account, Ref) else None
    return declared.span("OwnerId") if declared else None
