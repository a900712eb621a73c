"""The e-mails about logins: username, password, and where to log in. Their texts are a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.login import reset_links
from provisioner.emulator.schema import licenses
from provisioner.emulator.settings import deliverability
from provisioner.emulator.sites import networks
from provisioner.emulator.store import portals
from provisioner.emulator.store.components import display_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

LOGIN_PAGE: Final = "/secur/login_portal.jsp"
_RESET: Final = "Your Salesforce password has been reset."
_WELCOME: Final = "You can now log in."


def login_url(base: str, org_id: str, portal_id: str) -> str:
    """The address where a portal's users log in (fact 615)."""
    return f"{base}{LOGIN_PAGE}?orgId={org_id[:15]}&portalId={portal_id[:15]}"


def portal_of(org: Org, user: dict[str, Any]) -> Row | None:
    """The portal that a user's profile is of: the first by name, where there are several."""
    rows = portals.rows(org)
    mine = (row for row in rows if user["ProfileId"] in portals.profiles(org, row.id))
    return next(mine, None)


def mail_password(org: Org, base: str, user_id: str, password: str, *, new: bool = False) -> None:
    """Sends a user the way to a password of its own; `new` says that it is the first one.

    There is a link that leads to it (fact 604); that only portals' users are told
    the password that the org made up, too: guess.
    """
    user = org.get("User", user_id)
    assert user is not None, "users are never removed"
    name, at = _place(org, user, base)
    subject = f"Your new {name} password" if not new else f"Welcome to {name}"
    told = "" if user["UserType"] in licenses.STAFF else f"Password: {password}\n"
    text = (
        f"Dear {user['Name']},\n\n{_WELCOME if new else _RESET}\n\n"
        f"Username: {user['Username']}\n{told}\n"
        f"Log in at {at}\nand choose a password of your own.\n\n"
        f"Or choose it at once, within 24 hours: {reset_links.link(org, base, user_id)}\n"
    )
    kind = deliverability.Mail.SYSTEM if new else deliverability.Mail.LOGIN
    deliverability.send(org, kind, user["Email"], subject, text)


def mail_link(org: Org, base: str, user_id: str) -> None:
    """Sends a user who forgot the password the link to a new one; subject: a public page [Q]."""
    user = org.get("User", user_id)
    assert user is not None, "users are never removed"
    name, _ = _place(org, user, base)
    text = (
        f"Dear {user['Name']},\n\nSomebody asked for a new {name} password.\n\n"
        f"Username: {user['Username']}\n\n"
        f"To choose it, go within 24 hours to {reset_links.link(org, base, user_id)}\n"
    )
    subject = f"Finish resetting your {name} password"
    deliverability.send(org, deliverability.Mail.LOGIN, user["Email"], subject, text)


def mail_confirmation(org: Org, user: Mapping[str, Any], address: str) -> None:
    """Asks a user to confirm a new address, at that address.

    Salesforce help 000385115 [V]. There the address changes when the link in it is clicked; here
    it has changed already, as if it had been (simplified), and there is no link.
    """
    text = (
        f"Dear {user['Name']},\n\nThe e-mail address of your user was changed.\n\n"
        f"Username: {user['Username']}\nNew address: {address}\n"
    )
    subject = "Verify your new Salesforce email address"
    deliverability.send(org, deliverability.Mail.LOGIN, address, subject, text)


def _place(org: Org, user: dict[str, Any], base: str) -> tuple[str, str]:
    """What the user logs in to, and where: portal, site or org; the first of several (guess)."""
    portal = portal_of(org, user)
    if portal is not None:
        (organization,) = org.select("Organization")
        return display_name(portal.full_name), login_url(base, organization["Id"], portal.id)
    joined = org.select("NetworkMember", MemberId=user["Id"])
    site = org.get("Network", joined[0]["NetworkId"]) if joined else None
    if site is None or user["UserType"] in licenses.STAFF:
        return "Salesforce", base
    return site["Name"], networks.login_address(base, site)
