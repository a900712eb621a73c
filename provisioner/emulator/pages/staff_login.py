"""Where people of the company come in by a browser, and go out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from provisioner.emulator.http import context
from provisioner.emulator.login import login_history, mails, password_login, reset_links
from provisioner.emulator.oauth import codes
from provisioner.emulator.pages import browser, verify_identity
from provisioner.emulator.schema import licenses

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

blueprint = Blueprint("staff_login", __name__)


@blueprint.get("/")
def login() -> Response:
    """The login page, and where the link of a mail leads to a new password."""
    if reset_links.PARAMETER in request.args:
        return _by_link(context.org(), request.args[reset_links.PARAMETER])
    return browser.page("login.html", start=request.args.get("startURL", browser.STAFF_HOME))


@blueprint.post("/")
def log_in() -> Response:
    """Checks username and password, as any login does."""
    if "SAMLResponse" in request.form:
        return browser.no_saml()
    org = context.org()
    attempt = login_history.attempt(request.form.get("pw", ""), api=False)
    start = request.form.get("startURL", browser.STAFF_HOME)
    for user in org.select("User", Username=request.form.get("un", "")):
        with org.transaction():
            status = password_login.by_scope(org, user, attempt, in_org=False, portal=None)
            if status == password_login.SUCCESS and verify_identity.is_needed(org, user):
                status = password_login.CHALLENGED
            login_history.log_in(org, user["Id"], status, login_type="Application")
            password_login.count(org, user, status)
        if status == password_login.CHALLENGED:
            return verify_identity.ask(org, user, start)
        if status == password_login.SUCCESS:
            return browser.enter(org.start_session(user["Id"], browser.UI_KIND), start)
    return _refused(start)


@blueprint.route("/secur/frontdoor.jsp", methods=["GET", "POST"])
def front_door() -> Response:
    """Turns a session id into the cookie of a browser, and goes to `retURL`."""
    org, target = context.org(), request.values.get("retURL", browser.STAFF_HOME)
    found = org.session(request.values.get("sid", ""))
    asked = codes.take(org, "otp", request.values["otp"]) if "otp" in request.values else None
    if asked is not None:  # once, from `singleaccess`
        found, target = org.start_session(asked.user_id, browser.UI_KIND), asked.redirect_uri
    if found is None:
        return browser.to_login()
    return browser.enter(found, target)


@blueprint.get("/secur/logout.jsp")
def log_out() -> Response:
    """Ends the session."""
    return browser.leave("/")


def _by_link(org: Org, code: str) -> Response:
    """Starts a session for the user of the link, who has to choose a password first.

    That it is a login as others are, but for the password, and what the page says: guess.
    """
    user = org.get("User", reset_links.user_of(org, code) or "")
    if user is None:
        text = "This link was used already, or it has expired. Ask for a new one."
        return browser.refusal("Link Expired", text)
    staff = user["UserType"] in licenses.STAFF
    kind = "Application" if staff else "Customer Service Portal"
    portal = None if staff else mails.portal_of(org, user)
    status = password_login.by_link(org, user, str(request.remote_addr), portal)
    with org.transaction():
        login_history.log_in(org, user["Id"], status, login_type=kind)
    if status != password_login.SUCCESS:
        return _refused(browser.STAFF_HOME)
    session = org.start_session(user["Id"], browser.UI_KIND if staff else context.PORTAL_KIND)
    home = browser.STAFF_HOME if staff else browser.PORTAL_HOME
    return browser.enter(session, browser.password_page(home))


def _refused(start: str) -> Response:
    return browser.page("login.html", start=start, failed=True)
