"""Whether a user may log in to a site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.emulator.login import password_login
from provisioner.emulator.sites import members, networks

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org


def status_of(
    org: Org, network: dict[str, Any], user: dict[str, Any], attempt: password_login.Attempt
) -> str:
    """What LoginHistory says of this login to a site."""
    return password_login.by_site(org, user, attempt, admits(org, network, user))


def admits(org: Org, network: dict[str, Any], user: dict[str, Any]) -> str:
    """Whether the site is live and has the user as a member, as LoginHistory says it."""
    if not members.is_live(org, network["Id"]):
        return password_login.SITE_OFF
    return (
        password_login.SUCCESS
        if members.is_member(org, user["Id"], network["Id"])
        else password_login.NO_SITE
    )


def by_prefix(org: Org, prefix: str) -> dict[str, Any] | None:
    """The site at the address that begins so."""
    if not org.feature("Networks"):
        return None
    wanted = (row for row in networks.select(org) if (row["UrlPathPrefix"] or "") == prefix)
    return next(wanted, None)
