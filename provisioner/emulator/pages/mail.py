"""The page that login pages link to: where the org's e-mail is.

Salesforce has no such page. The e-mails are not on it, because every user of the machine can open
it, and temporary passwords are in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from provisioner.emulator.pages import browser

if TYPE_CHECKING:
    from flask import Response

blueprint = Blueprint("mail_page", __name__)


@blueprint.get("/local-org/mail")
def mail() -> Response:
    """How to read the org's e-mail."""
    return browser.page("local_mail.html")
