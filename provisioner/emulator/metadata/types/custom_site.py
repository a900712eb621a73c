"""The metadata type `CustomSite`; see `registry.Kind` for the promises.

The pages of Visualforce that a site names are not checked: this org has no Visualforce.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from provisioner.emulator.base.component_refusals import no_such, refused
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata.types.stored import StoredKind
from provisioner.emulator.sites import custom_sites, networks, rows
from provisioner.emulator.sites.settings import FEATURE
from provisioner.emulator.store import components, portals

if TYPE_CHECKING:
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

# "Read only" (Metadata guide [V]): given, they are passed over, and no public retrieval of a
# newer site has them [I]
_READ_ONLY: Final = frozenset({"fullName", "guestProfile", "subdomain"})
_USERS: Final = "users"  # what was checked, by element, on its way to be stored
_OF_NETWORKS: Final = "ChatterNetwork"


class CustomSites(StoredKind):
    """The kind `CustomSite`: a site of Visualforce, or the half that a `Network` names.

    The half of a `Network` is neither removed nor renamed (guess).
    """

    name = "CustomSite"
    directory = "sites"
    suffix = "site"
    prefix = rows.PREFIX
    noun = "site"
    section = "Sites"
    pattern = re.compile(r"[A-Za-z]\w*", re.ASCII)

    def _shown(self, org: Org, row: Row) -> Value:
        return custom_sites.shown(org, row)

    def _checked(self, org: Org, values: Value, row: Row | None) -> Value:
        return _checked(org, values, row)

    def _check_free(self, org: Org, row: Row) -> None:
        if networks.of_custom_site(org, row.full_name) is not None:
            raise SalesforceError(  # guess
                "DEPENDENCY_EXISTS", f"The site {row.full_name} belongs to a Network", ()
            )

    def settle(self, org: Org, full_name: str) -> None:
        """Refuses half a site of Experience Cloud: devops-center-feedback issue 253 [V]."""
        row = self.existing(org, full_name)
        values = json.loads(row.body)
        if values["siteType"] == _OF_NETWORKS and not networks.of_custom_site(org, row.full_name):
            raise no_such("Name", "Network", values["masterLabel"], fields=())

    def _insert(self, org: Org, by: str, name: str, body: Value) -> None:
        users = body.pop(_USERS, {})
        custom_sites.add(org, by, name, body, users)

    def _replace(self, org: Org, by: str, row: Row, name: str, body: Value) -> None:
        users = body.pop(_USERS, None)
        if users is None:  # only the name is another
            users = custom_sites.users(org, row)
        custom_sites.change(org, by, row, name, body, users)

    def _remove(self, org: Org, by: str, row: Row) -> None:
        custom_sites.remove(org, by, row)


def _checked(org: Org, values: Value, row: Row | None) -> Value:
    body = {
        name: value
        for name, value in values.items()
        if name not in _READ_ONLY and name not in custom_sites.USERS and value != ""
    }
    before = {} if row is None else json.loads(row.body)
    kind = body["siteType"]
    if kind == _OF_NETWORKS and not org.feature(FEATURE):
        # ebikes-lwc issue 105 [V]; code: guess
        raise refused(
            "Communities must be enabled before deploying a Chatter Network Site", "siteType"
        )
    if kind != before.get("siteType", kind):
        raise refused("The type of a site can't be changed", "siteType")  # guess
    if kind not in {_OF_NETWORKS, "Visualforce"}:
        # the pages of Site.com are SiteDotCom (Metadata guide [V]); code and text: guess
        raise refused(f"A CustomSite can't be of the type {kind}", "siteType")
    if row is None and not rows.is_free(org, values["fullName"]):
        raise refused(f"The name {values['fullName']} is taken", "fullName")  # guess
    named = {
        element: _user(org, element, values[element])
        for element in custom_sites.USERS
        if values.get(element)
    }
    if "portal" in body and not any(
        one.full_name == components.encoded(body["portal"]) for one in portals.rows(org)
    ):  # wording of public deployment logs for other types [V]
        raise no_such("portal", "Portal", body["portal"])
    _check_path(org, body.get("urlPathPrefix", "").casefold(), before, row)
    return body | {_USERS: named}


def _check_path(org: Org, path: str, before: Value, row: Row | None) -> None:
    for other in components.rows(org, "CustomSite"):
        held = json.loads(other.body).get("urlPathPrefix", "").casefold()
        if path and path == held and (row is None or other.id != row.id):
            raise refused("That URL is already in use. Please enter a unique one.", "urlPathPrefix")
    network = networks.of_custom_site(org, row.full_name) if row is not None else None
    if network is not None and path != before.get("urlPathPrefix", "").casefold():
        raise refused("The URL of this site is that of its Network", "urlPathPrefix")  # guess


def _user(org: Org, element: str, username: str) -> str:
    """A user is named by the username (ebikes-lwc issue 61 [V])."""
    found = org.select("User", Username=username)
    if not found:
        raise no_such(element, "User", username)
    if not found[0]["IsActive"]:
        raise SalesforceError(  # code [V]; text: guess
            "INACTIVE_OWNER_OR_USER", f"{username} is inactive", (element,)
        )
    return str(found[0]["Id"])
