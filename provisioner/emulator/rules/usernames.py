"""The names of users: what a username looks like, and who else must not have it.

Most usernames are unique across every Salesforce org. Those of other orgs are told to this one
by `/emulator/options`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.sites import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.licenses import License
    from provisioner.emulator.store.org import Org

ELSEWHERE: Final = "usernames elsewhere"
_USERNAME: Final = re.compile(r"[^@\s,;:<>()\[\]\"\\]+@[^@\s.]+(\.[^@\s.]+)+")
# Unique in the org only (fact 333); that the Login licences are as theirs [I].
_IN_ORG: Final = frozenset(
    {"PID_Customer_Community", "PID_Customer_Community_Login", "PID_Customer_Community_Plus",
     "PID_Customer_Community_Plus_Login"}
)  # fmt: skip
# As those where the org prefers it so (facts 204 and 333).
_IN_ORG_BY_CHOICE: Final = frozenset({"PID_Partner_Community", "PID_Partner_Community_Login"})
_CHOICE: Final = "enableUsernameUniqForOrgPref"


def normal(text: str) -> str:
    """The username as it is stored; refuses one that is not like an e-mail address."""
    if not _USERNAME.fullmatch(text):
        raise SalesforceError(  # fact 314
            "FIELD_INTEGRITY_EXCEPTION",
            "Username must be in the form of an email address (for example, john@acme.com):"
            " Username",
            ("Username",),
        )
    return text.lower()


def elsewhere(org: Org) -> list[str]:
    """The usernames that other orgs have."""
    return org.remember(ELSEWHERE, lambda: list(json.loads(org.setting(ELSEWHERE) or "[]")))


def check_free(
    org: Org, row: Mapping[str, Any], current: Mapping[str, Any] | None, license_: License
) -> None:
    """Refuses a username or nickname of another user, where the licence minds it."""
    own = current["Id"] if current else None
    refusals = {
        "Username": ("DUPLICATE_USERNAME", _TAKEN_USERNAME),
        "CommunityNickname": ("DUPLICATE_COMM_NICKNAME", _TAKEN_NICKNAME),
    }
    names = {name: row[name] for name in refusals if row.get(name) is not None}
    for name, id_ in org.find_each("User", names):
        if id_ != own:
            raise SalesforceError(*refusals[name], (name,))
    username = row.get("Username")
    if username and username in elsewhere(org) and not _in_org_only(org, license_):
        # fact 312
        raise SalesforceError("DUPLICATE_USERNAME", _TAKEN_USERNAME, ("Username",))


def _in_org_only(org: Org, license_: License) -> bool:
    if license_.key in _IN_ORG_BY_CHOICE:
        return settings.setting(org, _CHOICE)
    return license_.key in _IN_ORG


_TAKEN_USERNAME: Final = (
    "Duplicate Username.<br>The username already exists in this or another Salesforce"
    " organization. Usernames must be unique across all Salesforce organizations. To resolve, use"
    " a different username (it doesn't need to match the user's email address). "
)
_TAKEN_NICKNAME: Final = (  # fact 329
    "Duplicate Nickname.<br>Another user has already selected this nickname.<br>"
    "Please select another."
)
