"""The elements of a portal that need special care, and what the org says of its admins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from provisioner.kinds.org_facts import FIRST_PORTAL, OrgFacts
from provisioner.model.resource import Resource

NAME = "portal"
TYPE = "Portal"
MEMBERS = "profiles"
SELF_REGISTRATION_PROFILE = "selfRegUserDefaultProfile"
# "Manage Customer Users", by its name in the API. (fact 112)
ADMIN_PERMISSION = "PermissionsManageCssUsers"
REQUIRED = ("active", "emailSenderAddress", "emailSenderName", "type")


def admins(name: str, facts: OrgFacts) -> tuple[Mapping[str, Any], ...]:
    """The users with this full name or username, which a spec has as the admin of a portal."""
    folded = name.strip().casefold()
    return tuple(
        row
        for row in facts.answers[NAME]["admins"]
        if folded in (str(row["Name"]).casefold(), str(row["Username"]).casefold())
    )


def may_be_admin(user: Mapping[str, Any], facts: OrgFacts) -> bool | None:
    """Whether an admin has the permission to manage customer users; `None` if not known."""
    granted = facts.answers[NAME]["granted"]
    if granted is None:
        return None
    mine = (row for row in granted if row["AssigneeId"] == user["Id"])
    return any(row[f"PermissionSet.{ADMIN_PERMISSION}"] for row in mine)


def adopts(portal: Resource, facts: OrgFacts) -> bool:
    """Whether the plan creates this portal by enabling the Customer Portal."""
    return facts.enabling_step is not None and FIRST_PORTAL in (portal.address.name, portal.was)


def names_in(value: object) -> tuple[str, ...]:
    """The names in a list of profiles; none if the value is no list."""
    return tuple(str(n) for n in value) if isinstance(value, list | tuple) else ()


def login_page(instance_url: str, organization_id: str, portal_id: str) -> str:
    """The address where the users of a portal log in. (fact 615)"""
    query = urlencode({"orgId": organization_id[:15], "portalId": portal_id[:15]})
    return f"{instance_url}/secur/login_portal.jsp?{query}"
