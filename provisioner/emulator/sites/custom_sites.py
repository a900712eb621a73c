"""The CustomSites of an org: a component each, with a row of `Site` and a guest of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from provisioner.emulator.sites import guests, rows
from provisioner.emulator.sites.rows import CUSTOM_SITE
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

# Elements that name a user by the username (ebikes-lwc issue 61 [V]), by the field of the row.
USERS: Final = {"siteAdmin": "AdminId", "siteGuestRecordDefaultOwner": "GuestRecordDefaultOwnerId"}


def add(org: Org, by: str, name: str, values: Value, users: dict[str, str]) -> str:
    """Stores a new CustomSite, whose values were checked; `users` are ids by element."""
    id_ = org.new_id(rows.PREFIX)
    components.add(org, CUSTOM_SITE, id_, name, json.dumps(values), by)
    guest = {"GuestUserId": guests.make(org, by, name, values["masterLabel"])}
    named = {USERS[element]: user for element, user in users.items()}
    rows.keep(org, by, id_, rows.of_custom_site(name, values) | guest | named)
    return id_


def change(org: Org, by: str, row: Row, name: str, values: Value, users: dict[str, str]) -> None:
    """Stores a CustomSite's new name and values; without an administrator it keeps the one it has.

    An element of a user that is left out makes its field empty (guess, as of portals).
    """
    components.change(org, CUSTOM_SITE, row.id, name, json.dumps(values), by)
    named = {USERS[element]: users.get(element) for element in USERS if element != "siteAdmin"}
    if "siteAdmin" in users:
        named["AdminId"] = users["siteAdmin"]
    rows.keep(org, by, row.id, rows.of_custom_site(name, values) | named)


def remove(org: Org, by: str, row: Row) -> None:
    """Forgets a CustomSite and its row; its guest stays, inactive."""
    site = org.get(rows.SITE, row.id)
    components.remove(org, CUSTOM_SITE, row.id)
    if site is not None:
        org.delete(rows.SITE, row.id, by=by)
        guests.retire(org, by, site["GuestUserId"])


def shown(org: Org, row: Row) -> Value:
    """A CustomSite's values as the metadata has them, its name apart."""
    values: Value = json.loads(row.body)
    site = org.get(rows.SITE, row.id) or {}
    for element, field in USERS.items():
        user = org.get("User", site.get(field) or "")
        if user is not None:
            values[element] = user["Username"]
    return values


def users(org: Org, row: Row) -> dict[str, str]:
    """The ids of the users that a CustomSite names, by element."""
    site = org.get(rows.SITE, row.id) or {}
    return {element: site[field] for element, field in USERS.items() if site.get(field)}
