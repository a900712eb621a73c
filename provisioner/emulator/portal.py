"""The portal's own pages: login, the home page, and choosing a password.

The login really checks: password, whether the user may be in, whether the portal is open, and
whether the user's profile is one of the portal's. Each try of a known user leaves a LoginHistory
row whose status tells the truth, where the page often does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, request

from provisioner.emulator import auth, browser, context, ids, logins, passwords, portal_rows
from provisioner.emulator.component_rows import display_name
from provisioner.emulator.errors import SalesforceError

if TYPE_CHECKING:
    from provisioner.emulator.component_rows import Row
    from provisioner.emulator.store import Org

blueprint = Blueprint("portal", __name__)

LOGIN_PAGE: Final = "/secur/login_portal.jsp"
PASSWORD_PAGE: Final = "/_ui/system/security/ChangePassword"  # noqa: S105 - an address

# platform reference 6.5: what the page says to a profile outside the portal [Q]
_NOT_ASSOCIATED: Final = (
    "Your user profile is not associated with this service. Please contact your administrator for"
    " more information."
)
# what Classic login pages say for the others, general knowledge [U]
_FAILED: Final = (
    "Your login attempt has failed. The username or password may be incorrect, or your location or"
    " login time may be restricted. Please contact the administrator at your company for help."
)


def login_url(base: str, org_id: str, portal_id: str) -> str:
    """The address where a portal's users log in (platform reference 6.5 [Q])."""
    return f"{base}{LOGIN_PAGE}?orgId={org_id[:15]}&portalId={portal_id[:15]}"


@blueprint.route(LOGIN_PAGE, methods=["GET", "POST"])
def login() -> Response:
    """The login form of one portal."""
    org = context.org()
    row = portal_rows.by_id(org, ids.normal(request.values.get("portalId", "")) or "")
    (organization,) = org.select("Organization")
    if row is None or ids.normal(request.values.get("orgId", "")) != organization["Id"]:
        # guess
        return browser.refusal("Portal Login", "This portal does not exist or is not available.")
    if request.method == "GET" or request.form.get("action") != "loginAction":
        return _form(organization["Id"], row, "")
    users = org.select("User", Username=request.form.get("un", ""))
    if not users:
        return _form(organization["Id"], row, _FAILED)
    (user,) = users
    with org.transaction():
        status = logins.by_password(org, user, request.form.get("pw", ""))
        if status == logins.SUCCESS:
            status = logins.by_scope(org, user, in_org=True, portal=row)
        auth.log_in(org, user["Id"], status, login_type="Customer Service Portal")
        logins.count(org, user, status)
    if status != logins.SUCCESS:
        told = _NOT_ASSOCIATED if status == logins.NOT_MEMBER else _FAILED
        return _form(organization["Id"], row, told)
    session = org.start_session(user["Id"], browser.PORTAL_KIND)
    return browser.enter(session, request.form.get("startURL") or browser.PORTAL_HOME)


@blueprint.get(browser.PORTAL_HOME)
def home() -> Response:
    """The first page after a login; a user with a passing password is sent to change it."""
    session = browser.session()
    if session is None:
        return browser.to_login()
    if session.kind != browser.PORTAL_KIND:
        return browser.go(browser.STAFF_HOME)
    org = context.org()
    if passwords.is_expired(org, session.user_id):
        return browser.go(f"{PASSWORD_PAGE}?retURL={browser.PORTAL_HOME}")
    return browser.page("portal_home.html", user=org.get("User", session.user_id))


@blueprint.route(PASSWORD_PAGE, methods=["GET", "POST"])
def change_password() -> Response:
    """Choosing a password that the user keeps; its field names are a guess."""
    session = browser.session()
    if session is None:
        return browser.to_login()
    org = context.org()
    target = request.values.get("retURL", browser.PORTAL_HOME)
    error = ""
    if request.method == "POST":
        if not browser.is_confirmed(session, PASSWORD_PAGE):
            return browser.not_confirmed()
        error = _choose(org, session.user_id)
        if not error:
            return browser.go(target)
    return browser.page(
        "portal_password.html",
        error=error,
        target=target,
        token=browser.confirmation_token(session, PASSWORD_PAGE),
        user=org.get("User", session.user_id),
    )


@blueprint.get("/secur/logout_portal.jsp")
def logout() -> Response:
    """Ends the session."""
    return browser.leave("/")


def _choose(org: Org, user_id: str) -> str:
    """Sets the password of the form; the problem, or nothing."""
    new = request.form.get("newpassword", "")
    if new != request.form.get("confirmpassword", ""):
        return "Error: The passwords do not match."  # guess
    try:
        with org.transaction():
            passwords.set_password(org, user_id, new)
    except SalesforceError as error:
        return f"Error: {error.message}"
    return ""


def _form(org_id: str, row: Row, error: str) -> Response:
    return browser.page(
        "portal_login.html",
        error=error,
        name=display_name(row.full_name),
        org_id=org_id[:15],
        portal_id=row.id[:15],
        start=request.values.get("startURL", ""),
        username=request.form.get("un", ""),
    )
