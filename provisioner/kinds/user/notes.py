"""What a person must know of a change of a user before it happens."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.kinds.user.fields import (
    ACTIVE,
    EMAIL,
    MAILED,
    PASSWORD,
    USERNAME,
    confirms_email,
)
from provisioner.model.change import Action, Change
from provisioner.model.plan import Note, NoteKind


def notes(change: Change) -> Iterator[Note]:
    """Logins gained, lost and changed, emails that are sent, and what cannot be undone."""
    username = str(change.after.shown(USERNAME) or "")
    if change.action is Action.CREATE:
        yield Note(NoteKind.IRREVERSIBLE, "a user is never deleted, and its username stays taken")
    was_active = change.before is not None and change.before.fields.get(ACTIVE) is not False
    becomes_active = change.action is not Action.DEACTIVATE and change.result(ACTIVE) is not False
    if becomes_active and not was_active:
        yield Note(NoteKind.GAINS_LOGIN, username, people=1)
    if was_active and not becomes_active:
        yield Note(NoteKind.LOSES_LOGIN, username, people=1)
    renamed = change.field(USERNAME)
    if renamed and was_active and becomes_active:
        text = f"from {renamed.before} to {renamed.after}"
        yield Note(NoteKind.CHANGES_LOGIN, text, people=1)
    if confirms_email(change):
        text = f"Salesforce asks {change.after.shown(EMAIL)} to confirm the new address"
        yield Note(NoteKind.EMAIL, text, people=1)
    password = change.field(PASSWORD)
    if password and password.after == MAILED:
        address = change.after.shown(EMAIL)
        if address is None and change.before:
            address = change.before.shown(EMAIL)
        text = f"a new password to {address or username}"
        yield Note(NoteKind.EMAIL, text, people=1)
