"""Account: the company a portal's contacts belong to."""

from __future__ import annotations

from provisioner.kinds.record import RecordKind, Reference


class AccountKind(RecordKind):
    name = "account"
    section = "accounts"
    sobject = "Account"
    natural = ("AccountNumber", "Name")
    # A portal user needs an account whose owner has a role. (platform reference 1.7)
    always = ("OwnerId", "Owner.UserRoleId", "Owner.Username")
    references = (
        Reference("owner", "OwnerId", "user", "User", "Username"),
        Reference("parent", "ParentId", "account", "Account", "Name"),
    )
