"""The mails of sites: the welcome of members, news of publishing, proof of a sender's address."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from provisioner.emulator.http import context
from provisioner.emulator.settings import deliverability
from provisioner.emulator.settings.deliverability import Mail
from provisioner.emulator.sites import networks, templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store.org import Org

LIVE: Final = networks.LIVE
SENDER_PAGE: Final = "/verifyemail/sender"


def welcome(org: Org, *, network_id: str | None = None, user_id: str | None = None) -> None:
    """Sends the mail that members of a live site get, unless they had it.

    Site live, `sendWelcomeEmail`, member, all e-mail let out: fact 227. That only
    active users are written to, and nobody twice: guess.
    """
    if not deliverability.allows(org, Mail.OTHER):
        return
    sides = (("NetworkId", network_id), ("MemberId", user_id))
    narrowed = [(f'm."{name}" = ?', value) for name, value in sides if value is not None]
    rows = org.execute(
        'SELECT m."NetworkId", u."Email", u."FirstName", u."Username", u."Id"'  # noqa: S608 - our names
        ' FROM "NetworkMember" AS m JOIN "Network" AS n ON n."Id" = m."NetworkId"'
        ' JOIN "User" AS u ON u."Id" = m."MemberId"'
        ' WHERE n."Status" = ? AND n."OptionsSendWelcomeEmail" = 1 AND u."IsActive" = 1'
        ' AND NOT EXISTS (SELECT 1 FROM site_welcome AS w WHERE w.network_id = m."NetworkId"'
        ' AND w.user_id = m."MemberId")'
        + "".join(f" AND {condition}" for condition, _ in narrowed)
        + ' ORDER BY m."Id"',
        [LIVE, *(value for _, value in narrowed)],
    )
    known: dict[str, tuple[str, str, dict[str, Any]]] = {}
    for network, *person in rows:
        if network not in known:
            known[network] = _welcome_of(org, network)
        subject, body, fields = known[network]
        email, first_name, username, user = person
        named = {"Receiving_User.FirstName": first_name, "Receiving_User.Username": username}
        merged = (templates.merged(text, fields | named) for text in (subject, body))
        org.mail(email, *merged)
        org.execute_quietly("INSERT INTO site_welcome VALUES (?, ?)", (network, user))


def published(org: Org, network: Mapping[str, Any], by: str) -> None:
    """Tells who asked for it that the changes of a site are live (fact 215; text: guess)."""
    user = org.get("User", by) or {}
    here = networks.address(context.here(), network)
    subject = f"Your changes to {network['Name']} are live"
    text = f"Hi {user['Name']},\n\nYour changes are live at {here}\n"
    deliverability.send(org, Mail.SYSTEM, user["Email"], subject, text)


def prove_sender(org: Org, network: Mapping[str, Any], sender: str) -> None:
    """Asks whether a new sender's address is real (fact 226).

    Text and address are a guess; only the latest question can be answered (object reference).
    """
    token = secrets.token_urlsafe(24)
    org.put_setting(_proof(network["Id"]), token)
    link = f"{context.here()}{SENDER_PAGE}?{urlencode({'network': network['Id'], 'c': token})}"
    body = f"{sender} is to send the mails of {network['Name']}.\n\nTo confirm, go to {link}\n"
    subject = f"Verify the sender's address of {network['Name']}"
    deliverability.send(org, Mail.SYSTEM, sender, subject, body)


def sender_proven(org: Org, network_id: str, token: str) -> bool:
    """Takes the answer to `prove_sender`: the new address sends from now on (fact 226)."""
    row = org.get("Network", network_id)
    known = org.setting(_proof(network_id))
    if row is None or not row["NewSenderAddress"] or not known:
        return False
    if not secrets.compare_digest(known.encode(), token.encode()):
        return False
    proven = {"EmailSenderAddress": row["NewSenderAddress"], "NewSenderAddress": None}
    org.update("Network", network_id, proven, by=row["LastModifiedById"])
    org.put_setting(_proof(network_id), "")
    return True


def _proof(network_id: str) -> str:
    return f"sender proof {network_id}"


def _welcome_of(org: Org, network_id: str) -> tuple[str, str, dict[str, Any]]:
    """Subject, body and merge fields of a site's welcome, which its e-mail template decides."""
    network = org.get("Network", network_id)
    assert network is not None, "a member's site is there"
    template = org.get("EmailTemplate", network["WelcomeEmailTemplateId"] or "") or {}
    (organization,) = org.select("Organization")
    fields = {
        "Community_Name": network["Name"],
        "Community_Url": networks.address(context.here(), network),
        "Organization.Name": organization["Name"],
    }
    return template.get("Subject") or "", template.get("Body") or "", fields
