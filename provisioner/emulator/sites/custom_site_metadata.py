"""The metadata type `CustomSite`; see `components.Kind` for the promises.

The pages of Visualforce that a site names are not checked: this org has no Visualforce.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from provisioner.emulator import component_rows, portal_rows
from provisioner.emulator.component_rows import Listed
from provisioner.emulator.errors import SalesforceError
from provisioner.emulator.sites import FEATURE, networks

if TYPE_CHECKING:
    from provisioner.emulator.component_rows import Row
    from provisioner.emulator.store import Org
    from provisioner.emulator.wsdl import Value

_PREFIX: Final = "0DM"
_NAME: Final = re.compile(r"[A-Za-z]\w*", re.ASCII)
_USERS: Final = ("siteAdmin", "siteGuestRecordDefaultOwner")
_OF_NETWORKS: Final = "ChatterNetwork"


class CustomSites:
    """The kind `CustomSite`."""

    name = "CustomSite"
    directory = "sites"
    suffix = "site"

    def list(self, org: Org) -> list[Listed]:
        rows = component_rows.rows(org, self.name)
        return [Listed(row.id, row.full_name, row.stamp) for row in rows]

    def read(self, org: Org, full_name: str) -> Value | None:
        row = component_rows.by_name(org, self.name, full_name)
        return None if row is None else {"fullName": row.full_name} | json.loads(row.body)

    def create(self, org: Org, values: Value, by: str) -> None:
        """Makes a site of Visualforce, or the half that a `Network` then names."""
        name = values["fullName"]
        if not _NAME.fullmatch(name):
            raise _refused(f"{name} is not a valid name of a site", "fullName")
        if component_rows.by_name(org, self.name, name) is not None:
            raise SalesforceError(  # guess
                "DUPLICATE_VALUE", f"A site with the name {name} already exists", ("fullName",)
            )
        body = _checked(org, values, None)
        component_rows.add(org, self.name, org.new_id(_PREFIX), name, json.dumps(body), by)
        org.audit(by, "createdSite", "Sites", f"Created site {name}")  # words: guess

    def update(self, org: Org, values: Value, by: str) -> None:
        """Replaces a site's values: an element left out becomes empty (guess, as of portals)."""
        row = self._existing(org, values["fullName"])
        body = _checked(org, values, row)
        component_rows.change(org, self.name, row.id, row.full_name, json.dumps(body), by)
        org.audit(by, "changedSite", "Sites", f"Changed site {row.full_name}")  # words: guess

    def delete(self, org: Org, full_name: str, by: str) -> None:
        """Removes a site of Visualforce; that of a `Network` stays (guess)."""
        row = self._existing(org, full_name)
        _not_of_a_network(org, row)
        component_rows.remove(org, self.name, row.id)
        org.audit(by, "deletedSite", "Sites", f"Deleted site {row.full_name}")  # words: guess

    def rename(self, org: Org, old: str, new: str, by: str) -> None:
        """Gives a site of Visualforce another name; that of a `Network` keeps it (guess)."""
        row = self._existing(org, old)
        _not_of_a_network(org, row)
        taken = component_rows.by_name(org, self.name, new)
        if not _NAME.fullmatch(new) or (taken is not None and taken.id != row.id):
            raise _refused(f"{new} is not a valid name of a site, or taken", "fullName")
        component_rows.change(org, self.name, row.id, new, row.body, by)

    def _existing(self, org: Org, full_name: str) -> Row:
        row = component_rows.by_name(org, self.name, full_name)
        if row is None:
            # wording as certinia/apex-mdapi issue 86 has it for list views [V]
            raise SalesforceError(
                "INVALID_CROSS_REFERENCE_KEY",
                f"In field: fullName - no CustomSite named {full_name} found",
                (),
            )
        return row


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
        raise _no_such("portal", "Portal", body["portal"])
    if "guestProfile" in body and not org.find("Profile", Name=body["guestProfile"]):
        raise _no_such("guestProfile", "Profile", body["guestProfile"])
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
        raise _no_such(element, "User", body[element])
    if not found[0]["IsActive"]:
        raise SalesforceError(  # code [V]; text: guess
            "INACTIVE_OWNER_OR_USER", f"{body[element]} is inactive", (element,)
        )


def _not_of_a_network(org: Org, row: Row) -> None:
    if networks.of_custom_site(org, row.full_name) is not None:
        raise SalesforceError(  # guess
            "DEPENDENCY_EXISTS", f"The site {row.full_name} belongs to a Network", ()
        )


def _no_such(field: str, kind: str, name: str) -> SalesforceError:
    # ebikes-lwc issue 61, of siteAdmin [V]
    message = f"In field: {field} - no {kind} named {name} found"
    return SalesforceError("INVALID_CROSS_REFERENCE_KEY", message, (field,))


def _refused(message: str, field: str) -> SalesforceError:
    # the code of every refusal here that has no other: guess
    return SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, (field,))
