"""The page that asks for the code of a mail: Verify Your Identity.

Its address, and the names of its fields: a copy of the page on the web [V]; texts, cookie: guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from provisioner.emulator.http import context
from provisioner.emulator.login import activations, login_history, password_login
from provisioner.emulator.pages import browser

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

blueprint = Blueprint("identity_page", __name__)

PAGE: Final = "/_ui/identity/verification/method/EmailVerificationFinishUi/e"
_COOKIE: Final = "sfdc_lv2"
_TWO_YEARS: Final = 2 * 365 * 24 * 3600


def is_needed(org: Org, user: dict[str, Any]) -> bool:
    """Whether the user of this request has to go by this page."""
    known = request.cookies.get(_COOKIE, "")
    return activations.is_needed(org, user, str(request.remote_addr), known)


def ask(org: Org, user: dict[str, Any], target: str) -> Response:
    """Sends the code, and the browser to the page."""
    with org.transaction():
        ticket = activations.challenge(org, user)
    return browser.go(f"{PAGE}?{urlencode({'vcsrf': ticket, 'vpol': 'ic', 'retURL': target})}")


@blueprint.route(PAGE, methods=["GET", "POST"])
def verify() -> Response:
    """Takes the code, and lets its user in where the login page would have."""
    org, ticket = context.org(), request.values.get("vcsrf", "")
    target = request.values.get("retURL", browser.STAFF_HOME)
    user = org.get("User", activations.challenged(org, ticket) or "")
    if user is None:
        return browser.refusal(
            "Verify Your Identity", "Your code is not valid any more. Log in again."
        )
    if request.method == "GET":
        return _form(user, ticket, target)
    with org.transaction():
        right = activations.is_answered(org, ticket, request.form.get("emc", "").strip())
        status = password_login.standing(org, user) if right else ""
        if right:
            login_history.log_in(org, user["Id"], status, login_type="Application")
        known = activations.remember(org, user["Id"]) if status == password_login.SUCCESS else ""
    if not right:
        return _form(user, ticket, target, "Invalid or expired verification code. Try again.")
    if status != password_login.SUCCESS:
        return browser.to_login()
    response = browser.enter(org.start_session(user["Id"], browser.UI_KIND), target)
    if "rememberDevice" in request.form:
        response.set_cookie(
            _COOKIE, known, max_age=_TWO_YEARS, httponly=True, samesite="Lax",
            secure=request.is_secure,
        )  # fmt: skip
    return response


def _form(user: dict[str, Any], ticket: str, target: str, error: str = "") -> Response:
    name, _, host = str(user["Email"]).partition("@")
    return browser.page(
        "verify_identity.html",
        action=PAGE,
        error=error,
        masked=f"{name[:2]}{'*' * 8}@{'*' * 2}{host[2:]}",
        start=target,
        ticket=ticket,
    )
