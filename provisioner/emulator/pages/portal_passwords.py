"""The portal's pages about passwords: choosing one, and having a new one mailed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, request

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.http import context
from provisioner.emulator.login import mails, password_login, passwords
from provisioner.emulator.pages import browser, portal_login
from provisioner.emulator.settings import security

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

blueprint = Blueprint("portal_passwords", __name__)

_ASKED: Final = {
    "NoRestriction": "",
    "AlphaNumeric": ", letters and numbers",
    "SpecialCharacters": ", letters, numbers and special characters",
    "UpperLowerCaseNumeric": ", lowercase and uppercase letters and numbers",
    "UpperLowerCaseNumericSpecialCharacters": (
        ", lowercase and uppercase letters, numbers and special characters"
    ),
    "Any3UpperLowerCaseNumericSpecialCharacters": (
        ", and three of lowercase letters, uppercase letters, numbers and special characters"
    ),
}


@blueprint.route(browser.PASSWORD_PAGE, methods=["GET", "POST"])
def change_password() -> Response:
    """Choosing a password that the user keeps; its field names are a guess."""
    session = browser.session()
    if session is None:
        return browser.to_login()
    org = context.org()
    user = org.get("User", session.user_id)
    assert user is not None, "users are never removed"
    target = request.values.get("retURL", browser.PORTAL_HOME)
    error = ""
    if request.method == "POST":
        if not browser.is_confirmed(session, browser.PASSWORD_PAGE):
            return browser.not_confirmed()
        error = _choose(org, session.user_id)
        if not error:
            return browser.go(target)
    policy = security.policy(org)
    return browser.page(
        "portal_password.html",
        error=error,
        target=target,
        token=browser.confirmation_token(session, browser.PASSWORD_PAGE),
        user=user,
        portal_name=portal_login.portal_name(org, user),
        asked=f"at least {policy.shortest} characters{_ASKED[policy.complexity]}",
        expired=passwords.is_expired(org, session.user_id),
    )


@blueprint.route(portal_login.FORGOT_PAGE, methods=["GET", "POST"])
def forgot() -> Response:
    """Mails a new password to a user of the portal; tells nobody who is one.

    Address and its parameters: public pages that link to it [V]. Form and texts, and that somebody
    who could not log in all the same gets no mail: guess.
    """
    row = portal_login.asked_portal()
    if row is None:
        return portal_login.no_portal("Forgot Your Password")
    org = context.org()
    username = request.form.get("un", "").strip()
    if request.method == "POST" and username:
        for user in org.select("User", Username=username):
            mine = mails.portal_of(org, user)
            if mine is not None and password_login.standing(org, user) == password_login.SUCCESS:
                with org.transaction():
                    new = passwords.temporary()
                    passwords.keep(org, user["Id"], new, expired=True)
                    mails.mail_password(org, context.instance_url(), user["Id"], new)
    return browser.page(
        "portal_forgot.html",
        **portal_login.fields(org, row),
        sent=bool(username),
        error="Enter your username." if request.method == "POST" and not username else "",
    )


def _choose(org: Org, user_id: str) -> str:
    """Sets the password of the form; the problem, or nothing."""
    new = request.form.get("newpassword", "")
    if new != request.form.get("confirmpassword", ""):
        return "Error: The passwords do not match."  # guess
    try:
        with org.transaction():
            passwords.set_password(org, user_id, new, own=True)
    except SalesforceError as error:
        return f"Error: {error.message}"
    return ""
