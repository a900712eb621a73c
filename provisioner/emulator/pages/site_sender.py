"""The page of a site that a mail leads to: a new sender's address is confirmed there."""

from __future__ import annotations

from flask import Blueprint, Response, request

from provisioner.emulator.base import ids
from provisioner.emulator.http import context
from provisioner.emulator.pages import browser
from provisioner.emulator.sites import mails

blueprint = Blueprint("site_pages", __name__)


@blueprint.get(mails.SENDER_PAGE)
def sender() -> Response:
    """Confirms a sender's address (fact 226; what the page says: guess)."""
    org = context.org()
    network_id = ids.normal(request.args.get("network", "")) or ""
    with org.transaction():
        done = mails.sender_proven(org, network_id, request.args.get("c", ""))
        row = org.get("Network", network_id) or {}
    title = "Email Address Verified" if done else "Email Address Not Verified"
    text = (
        f"{row['EmailSenderAddress']} sends the mails of {row['Name']} from now on."
        if done
        else "This link is not valid, or not any more."
    )
    return browser.page("site_sender.html", title=title, text=text, done=done)
