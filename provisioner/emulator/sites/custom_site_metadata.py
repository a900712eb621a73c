"""The metadata type `CustomSite`; see `components.Kind` for the promises.

The pages of Visualforce that a site names are not checked: this org has no Visualforce.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from provisioner.emulator import component_rows, portal_rows
from provisioner.emulator.errors import SalesforceError
from provisioner.emulator.sites import FEATURE, networks
from provisioner.emulator.stored_kind import StoredKind, no_such
from provisioner.emulator.stored_kind import refused as _refused

if TYPE_CHECKING:
    from provisioner.emulator.component_rows import Row
    from provisioner.emulator.store import Org
    from provisioner.emulator.wsdl import Value

_USERS: Final = ("siteAdmin", "siteGuestRecordDefaultOwner")
_OF_NETWORKS: Final = "ChatterNetwork"


class CustomSites(StoredKind):
    """The kind `CustomSite`: a site of Visualforce, or the half that a `Network` names.

    The half of a `Network` is neither removed nor renamed (guess).
    """

    name = "CustomSite"
    directory = "sites"
    suffix = "site"
    prefix = "0DM"
    noun = "site"
    section = "Sites"
    pattern = re.compile(r"[A-Za-z]\w*", re.ASCII)

    def _checked(self, org: Org, values: Value, row: Row | None) -> Value:
        return _checked(org, values, row)

    def _check_free(self, org: Org, row: Row) -> None:
        _not_of_a_network(org, row)


def _checked(org: Org, values: Value, row: Row | None) -> Value:
    body = {name: value for name, value in values.items() if name != "fullName" and value != ""}
    before = {} if row is None else json.loads(row.body)
    kind = body["siteType"]
    if kind == _OF_NETWORKS and not org.feature(FEATURE):
        # ebikes-lwc issue 105 [V]; code: guess
        raise _refused(
            "Communities must be enabled before deploying a Chatter Network Site", "siteType"
        )
    if kind != before.get("siteType", kind):
        raise _refused("The type of a site can't be changed", "siteType")  # guess
    if kind not in {_OF_NETWORKS, "Visualforce"}:
        # the other two are those of Site.com, which this org has not; code and text: guess
        raise _refused(f"The local org does not serve sites of the type {kind}", "siteType")
    for element in _USERS:
        _check_user(org, body, element)
    if "portal" in body and not any(
        one.full_name == component_rows.encoded(body["portal"]) for one in portal_rows.rows(org)
    ):  # wording of public deployment logs for other types [V]
        raise no_such("portal", "Portal", body["portal"])
    if "guestProfile" in body and not org.find("Profile", Name=body["guestProfile"]):
        raise no_such("guestProfile", "Profile", body["guestProfile"])
    path = body.get("urlPathPrefix", "").casefold()
    for other in component_rows.rows(org, "CustomSite"):
        held = json.loads(other.body).get("urlPathPrefix", "").casefold()
        if path and path == held and (row is None or other.id != row.id):
            raise _refused(
                "That URL is already in use. Please enter a unique one.", "urlPathPrefix"
            )
    network = networks.of_custom_site(org, row.full_name) if row is not None else None
    if network is not None and path != before.get("urlPathPrefix", "").casefold():
        raise _refused("The URL of this site is that of its Network", "urlPathPrefix")  # guess
    return body


def _check_user(org: Org, body: Value, element: str) -> None:
    """A user is named by the username (ebikes-lwc issue 61 [V])."""
    if element not in body:
        return
    found = org.select("User", Username=body[element])
    if not found:
        raise no_such(element, "User", body[element])
    if not found[0]["IsActive"]:
        raise SalesforceError(  # code [V]; text: guess
            "INACTIVE_OWNER_OR_USER", f"{body[element]} is inactive", (element,)
        )


def _not_of_a_network(org: Org, row: Row) -> None:
    if networks.of_custom_site(org, row.full_name) is not None:
        raise SalesforceError(  # guess
            "DEPENDENCY_EXISTS", f"The site {row.full_name} belongs to a Network", ()
        )
