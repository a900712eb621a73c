"""The user that an access check is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.emulator.access import permissions
from provisioner.emulator.schema import licenses

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: somebody of the company, or the user of a portal or site."""

    id: str
    external: bool
    account: str | None
    contact: str | None
    profile: str
    role: str | None
    manager: str | None
    superior: bool  # "Portal Super User"


def person(org: Org, user_id: str) -> Person:
    """What sharing has to know of a user."""

    def work() -> Person:
        names = ("UserType", "AccountId", "ContactId", "ProfileId", "UserRoleId", "ManagerId")
        row = org.some("User", user_id, *names)
        assert row is not None, "users are never removed"
        external = row["UserType"] not in licenses.STAFF
        # For partners it takes a switch of the org, which is off (META SharingSettings [V])
        superior = external and row["UserType"] != "PowerPartner"
        return Person(
            user_id, external, row["AccountId"], row["ContactId"], row["ProfileId"],
            row["UserRoleId"], row["ManagerId"],
            superior and permissions.has(org, user_id, "PortalSuperUser"),
        )  # fmt: skip

    return org.remember(("person", user_id), work)
