"""What a person must be told of a change before it happens: it is part of the plan's data."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.kinds.metadata import NAME
from provisioner.kinds.org_facts import FIRST_PORTAL, OrgFacts
from provisioner.kinds.portal import MEMBERS, adopts
from provisioner.kinds.settings import PORTAL_SWITCH, SITES_SWITCH
from provisioner.kinds.user import EMAIL, FOLLOWED, MAILED, PASSWORD, confirms_email
from provisioner.model.change import Action, Change
from provisioner.model.plan import Note, NoteKind
from provisioner.model.resource import Value
from provisioner.plan.preflight.context import PlanContext


def notes(change: Change, context: PlanContext) -> tuple[Note, ...]:
    """The notes of one change, the gravest first."""
    match change.address.kind:
        case "settings":
            return tuple(_settings(change))
        case "portal":
            return tuple(_portal(change, context))
        case "profile":
            return tuple(_profile(change))
        case "user":
            return tuple(_user(change))
        case "contact":
            return (*_contact(change, context), *_record(change))
        case _:
            return tuple(_record(change))


def _settings(change: Change) -> Iterator[Note]:
    for name, what in (
        (PORTAL_SWITCH, "the Customer Portal"),
        (SITES_SWITCH, "Digital Experiences"),
    ):
        field = change.field(name)
        if field and field.after is True:
            yield Note(NoteKind.IRREVERSIBLE, f"{what} can never be switched off again")
    sites = change.field(SITES_SWITCH)
    if sites and sites.after is True:
        text = "Salesforce makes the profiles of the licences for sites that have seats"
        yield Note(NoteKind.REMARK, text)
    switch = change.field(PORTAL_SWITCH)
    if switch and switch.after is True:
        text = f"Salesforce makes the portal `{FIRST_PORTAL}`, its profiles and its fields"
        yield Note(NoteKind.REMARK, text)


def _portal(change: Change, context: PlanContext) -> Iterator[Note]:
    if change.action is Action.DELETE:
        yield Note(NoteKind.IRREVERSIBLE, "the portal and its settings are gone for good")
    if change.action is Action.CREATE and adopts(change.after, context.facts):
        text = f"takes over `{FIRST_PORTAL}`, which enabling makes"
        yield Note(NoteKind.REMARK, text)
    if change.before is None:
        return
    facts, members = context.facts, _names(change.before.written.get(MEMBERS))
    active = change.field("active")
    if active and active.after is False:
        people = facts.active_users(members)
        yield Note(NoteKind.LOSES_LOGIN, f"everybody: {_count(people)}", people)
    if active and active.after is True:
        people = facts.active_users(members)
        yield Note(NoteKind.GAINS_LOGIN, f"every member: {_count(people)}", people)
    changed = change.field(MEMBERS)
    if changed:
        before, after = _names(changed.before), _names(changed.after)
        for kind, names in (
            (NoteKind.LOSES_LOGIN, before - after),
            (NoteKind.GAINS_LOGIN, after - before),
        ):
            for name in sorted(names):
                people = facts.active_users([name])
                yield Note(kind, f"the profile `{name}`: {_count(people)}", people)


def to_count(change: Change, facts: OrgFacts) -> tuple[str, ...]:
    """The profiles whose people the notes of a change are about, by Id.

    They are counted only for a plan that touches their login: they may be many.
    """
    if change.address.kind != "portal" or change.before is None:
        return ()
    names: set[str] = set()
    if "active" in change.names():
        names |= _names(change.before.written.get(MEMBERS))
    if changed := change.field(MEMBERS):
        names |= _names(changed.before) ^ _names(changed.after)
    return tuple(sorted({p.id for name in names for p in facts.profiles_named(name)}))


def _profile(change: Change) -> Iterator[Note]:
    if change.action is Action.DELETE:
        yield Note(NoteKind.IRREVERSIBLE, "the profile and its permissions are gone for good")
    if NAME in change.names():
        yield Note(NoteKind.REMARK, "the users of the profile keep it under its new name")


def _user(change: Change) -> Iterator[Note]:
    username = str(change.after.shown("Username") or "")
    if change.action is Action.CREATE:
        yield Note(NoteKind.IRREVERSIBLE, "a user is never deleted, and its username stays taken")
    was = change.before is not None and change.before.fields.get("IsActive") is not False
    will = change.action is not Action.DEACTIVATE and change.result("IsActive") is not False
    if will and not was:
        yield Note(NoteKind.GAINS_LOGIN, username, people=1)
    if was and not will:
        yield Note(NoteKind.LOSES_LOGIN, username, people=1)
    renamed = change.field("Username")
    if renamed and was and will:
        text = f"from {renamed.before} to {renamed.after}"
        yield Note(NoteKind.CHANGES_LOGIN, text, people=1)
    if confirms_email(change):
        text = f"Salesforce asks {change.after.shown(EMAIL)} to confirm the new address"
        yield Note(NoteKind.EMAIL, text, people=1)
    password = change.field(PASSWORD)
    if password and password.after == MAILED:
        address = change.after.shown("Email")
        if address is None and change.before:
            address = change.before.shown("Email")
        text = f"a new password to {address or username}"
        yield Note(NoteKind.EMAIL, text, people=1)


def _contact(change: Change, context: PlanContext) -> Iterator[Note]:
    """The user of a changed contact that keeps what it has: Salesforce does not change both."""
    user = context.user_of(change.address)
    if user is None or user.address not in context.live or user.remove:
        return
    words = {EMAIL: "e-mail", "FirstName": "first name", "LastName": "last name"}
    live = context.live[user.address]
    kept = [
        f"the {words[name]} `{value}`" if (value := live.shown(name)) else f"no {words[name]}"
        for name in FOLLOWED
        if change.field(name)
        and name not in user.fields
        and live.fields.get(name) != change.result(name)
    ]
    if kept:
        text = f"its user `{user.address}` keeps {' and '.join(kept)}"
        remedy = "`follow_contact: true` on the user changes it, too"
        yield Note(NoteKind.REMARK, f"{text}; {remedy}")


def _record(change: Change) -> Iterator[Note]:
    if change.action is Action.DELETE:
        with_it = "its contacts and cases go with it, " if change.address.kind == "account" else ""
        yield Note(NoteKind.REMARK, f"{with_it}to the recycle bin for 15 days")


def _count(people: int) -> str:
    return "1 active user" if people == 1 else f"{people} active users"


def _names(value: Value) -> set[str]:
    return set(value) if isinstance(value, tuple) else set()
