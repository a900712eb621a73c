"""The page "Reset My Security Token" of a user's own settings.

Its name, its button, and that a profile with login IP ranges has none: Salesforce help, "Reset Your
Security Token", and knowledge article 000182450 [V]. Its address is as remembered [U]; its texts:
guess.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from provisioner.emulator.http import context
from provisioner.emulator.login import security_tokens
from provisioner.emulator.pages import browser

blueprint = Blueprint("token_page", __name__)

PAGE: Final = "/_ui/system/security/ResetApiTokenEdit"


@blueprint.route(PAGE, methods=["GET", "POST"])
def reset() -> Response:
    """Sends the user of the session a new token by mail; shows it to nobody."""
    session = browser.staff_session()
    if session is None:
        return browser.to_login()
    org = context.org()
    user = org.get("User", session.user_id)
    assert user is not None, "users are never removed"
    if not security_tokens.has_one(org, user):
        text = "Your profile says from where you log in: you need no security token."
        return browser.refusal("Insufficient Privileges", text)
    if request.method == "POST":
        if not browser.is_confirmed(session, PAGE):
            return browser.not_confirmed()
        with org.transaction():
            security_tokens.renew(org, session.user_id)
    return browser.page(
        "security_token.html",
        action=PAGE,
        sent=request.method == "POST",
        token=browser.confirmation_token(session, PAGE),
        user=user,
    )
