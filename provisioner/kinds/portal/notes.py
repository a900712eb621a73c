"""What a person must know of a change of a portal before it happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provisioner.kinds.base import Context
from provisioner.kinds.org_facts import FIRST_PORTAL, OrgFacts
from provisioner.kinds.portal.fields import MEMBERS, adopts, names_in
from provisioner.model.change import Action, Change
from provisioner.model.plan import Note, NoteKind


def notes(change: Change, context: Context) -> Iterator[Note]:
    """What cannot be undone, and how many users gain or lose their login."""
    if change.action is Action.DELETE:
        yield Note(NoteKind.IRREVERSIBLE, "the portal and its settings are deleted permanently")
    if change.action is Action.CREATE and adopts(change.after, context.facts):
        yield Note(NoteKind.REMARK, f"takes over `{FIRST_PORTAL}`, which enabling creates")
    if change.before is None:
        return
    facts, members = context.facts, set(names_in(change.before.written.get(MEMBERS)))
    active = change.field("active")
    if active and active.after is False:
        users = facts.active_users(members)
        yield _counted(NoteKind.LOSES_LOGIN, "everybody", users)
    if active and active.after is True:
        users = facts.active_users(members)
        yield _counted(NoteKind.GAINS_LOGIN, "every member", users)
    changed = change.field(MEMBERS)
    if changed:
        before, after = set(names_in(changed.before)), set(names_in(changed.after))
        for kind, names in (
            (NoteKind.LOSES_LOGIN, before - after),
            (NoteKind.GAINS_LOGIN, after - before),
        ):
            for name in sorted(names):
                users = facts.active_users([name])
                yield _counted(kind, f"the profile `{name}`", users)


def profiles_to_count(change: Change, facts: OrgFacts) -> Iterable[str]:
    """The Ids of the profiles whose users the notes count, only for a change of their login."""
    if change.before is None:
        return ()
    names: set[str] = set()
    if "active" in change.names():
        names |= set(names_in(change.before.written.get(MEMBERS)))
    if changed := change.field(MEMBERS):
        names |= set(names_in(changed.before)) ^ set(names_in(changed.after))
    return sorted({p.id for name in names for p in facts.profiles_named(name)})


def _counted(kind: NoteKind, subject: str, users: int) -> Note:
    count = "1 active user" if users == 1 else f"{users} active users"
    return Note(kind, f"{subject}: {count}", users, subject)
