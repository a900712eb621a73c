"""The kind `account`: the company that contacts of a portal belong to."""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.kinds.base import Context, Reference
from provisioner.kinds.record import RecordKind
from provisioner.model.change import Action, Change
from provisioner.model.plan import Note, NoteKind


class AccountKind(RecordKind):
    name = "account"
    section = "accounts"
    sobject = "Account"
    natural = ("AccountNumber", "Name")
    # A portal user needs an account whose owner has a role. (fact 310)
    always = ("OwnerId", "Owner.UserRoleId", "Owner.Username")
    lookup_fields = ("Owner.UserRoleId", "Owner.Username")
    references = (
        Reference("owner", "user", "User", "OwnerId", "Username"),
        Reference("parent", "account", "Account", "ParentId"),
    )
    in_rosters = True
    shared_by_rows = True

    def notes(self, change: Change, context: Context) -> Iterable[Note]:
        if change.action is Action.DELETE:
            text = "its contacts and cases go with it, to the recycle bin for 15 days"
            yield Note(NoteKind.REMARK, text)
