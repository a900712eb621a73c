"""The portal's own pages: login, the home page, a tab for each object, log out.

The login really checks: password, whether the user may be in, whether the portal is open, whether
the user's profile is one of the portal's, its hours and addresses. Each try of a known user leaves
a LoginHistory row whose status tells the truth, where the page often does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from provisioner.emulator.base import ids
from provisioner.emulator.http import context
from provisioner.emulator.login import login_history, mails, password_login, passwords
from provisioner.emulator.pages import browser, portal_tabs
from provisioner.emulator.store import portals
from provisioner.emulator.store.components import display_name

if TYPE_CHECKING:
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org
    from provisioner.emulator.store.state import Session

blueprint = Blueprint("portal", __name__)

# public pages link to it, with orgId, portalId and retURL [V]
FORGOT_PAGE: Final = "/secur/forgotpasswordp.jsp"
REGISTER_PAGE: Final = "/secur/selfreg_portal.jsp"  # guess

# fact 616: what the page says to a profile outside the portal [Q]
_NOT_ASSOCIATED: Final = (
    "Your user profile is not associated with this service. Please contact your administrator for"
    " more information."
)
# what Classic login pages say for the others, general knowledge [U]
_FAILED: Final = (
    "Your login attempt has failed. The username or password may be incorrect, or your location or"
    " login time may be restricted. Please contact the administrator at your company for help."
)
# what Classic pages say, general knowledge [U]
_NO_ACCESS: Final = (
    "You do not have the level of access necessary to perform the operation you requested. Please"
    " contact the owner of the record or your administrator if access is necessary."
)


@blueprint.route(mails.LOGIN_PAGE, methods=["GET", "POST"])
def login() -> Response:
    """The login form of one portal."""
    org, row = context.org(), asked_portal()
    if row is None:
        return no_portal("Portal Login")
    if request.method == "GET" or request.form.get("action") != "loginAction":
        return _form(org, row, "")
    users = org.select("User", Username=request.form.get("un", "").strip())
    if not users:
        return _form(org, row, _FAILED)
    (user,) = users
    attempt = login_history.attempt(request.form.get("pw", ""), api=False)
    with org.transaction():
        status = password_login.by_scope(org, user, attempt, in_org=True, portal=row)
        login_history.log_in(org, user["Id"], status, login_type="Customer Service Portal")
        password_login.count(org, user, status)
    if status != password_login.SUCCESS:
        return _form(org, row, _NOT_ASSOCIATED if status == password_login.NOT_MEMBER else _FAILED)
    session = org.start_session(user["Id"], context.PORTAL_KIND)
    return browser.enter(session, request.form.get("startURL") or browser.PORTAL_HOME)


@blueprint.get(browser.PORTAL_HOME)
def home() -> Response:
    """The first page after a login: who is logged in, and the tabs of what they may see."""
    visit = _visit()
    if isinstance(visit, Response):
        return visit
    user = visit
    org = context.org()
    return browser.page("portal_home.html", **_frame(org, user), tabs=portal_tabs.tabs(org, user))


@blueprint.get("/<string(length=3):prefix>/o")
def tab(prefix: str) -> Response:
    """The tab of one object, `/500/o`: its records that the user may see.

    The address is that of Classic's tabs, general knowledge [U].
    """
    visit = _visit()
    if isinstance(visit, Response):
        return visit
    user = visit
    org = context.org()
    sobject = org.catalog().by_prefix(prefix)
    mine = {one.prefix: one for one in portal_tabs.tabs(org, user)}
    if sobject is None:
        # as Classic says for an address that is none, general knowledge [U]
        return browser.refusal("URL No Longer Exists", "You have attempted to reach a URL that no"
                               " longer exists on salesforce.com.")  # fmt: skip
    if prefix not in mine:
        return browser.refusal("Insufficient Privileges", _NO_ACCESS)
    return browser.page(
        "portal_tab.html",
        **_frame(org, user),
        tab=mine[prefix],
        tabs=list(mine.values()),
        records=portal_tabs.records(org, user, sobject),
    )


@blueprint.get("/secur/logout_portal.jsp")
def logout() -> Response:
    """Ends the session, and goes where the portal says, else to its login page (guess)."""
    found = browser.session()
    org = context.org()
    user = org.get("User", found.user_id) if found else None
    row = mails.portal_of(org, user) if user else None
    if row is None:
        return browser.leave("/")
    chosen = portals.stored(row).get("logoutUrl")
    return browser.leave(chosen or f"{mails.LOGIN_PAGE}?{_ids(org, row)}")


def asked_portal() -> Row | None:
    """The portal that a page's `orgId` and `portalId` name."""
    org = context.org()
    row = portals.by_id(org, ids.normal(request.values.get("portalId", "")) or "")
    if ids.normal(request.values.get("orgId", "")) != org.organization_id():
        return None
    return row


def no_portal(title: str) -> Response:
    """The page in place of one of a portal that is not there; its text: guess."""
    return browser.refusal(title, "This portal does not exist or is not available.")


def fields(org: Org, row: Row) -> dict[str, Any]:
    """What each page before the login shows: the portal, and the way back to its login."""
    query = _ids(org, row)
    return {
        "name": display_name(row.full_name),
        "org_id": org.organization_id()[:15],
        "portal_id": row.id[:15],
        "login_page": f"{mails.LOGIN_PAGE}?{query}",
        "forgot_page": f"{FORGOT_PAGE}?{query}&{urlencode({'retURL': mails.LOGIN_PAGE})}",
        "register_page": (
            f"{REGISTER_PAGE}?{query}" if portals.stored(row)["isSelfRegistrationActivated"] else ""
        ),
    }


def portal_name(org: Org, user: dict[str, Any]) -> str:
    """The name of the portal that a user is in."""
    row = mails.portal_of(org, user)
    return "Customer Portal" if row is None else display_name(row.full_name)


def _visit() -> dict[str, Any] | Response:
    """The user of the session; else where to go: login, setup, or a password to choose first."""
    session: Session | None = browser.session()
    if session is None:
        return browser.to_login()
    if session.kind != context.PORTAL_KIND:
        return browser.go(browser.STAFF_HOME)
    org = context.org()
    if passwords.is_expired(org, session.user_id):
        return browser.go(browser.password_page(request.path))
    user = org.get("User", session.user_id)
    assert user is not None, "users are never removed"
    return user


def _frame(org: Org, user: dict[str, Any]) -> dict[str, Any]:
    account = org.get("Account", user["AccountId"]) if user["AccountId"] else None
    profile = org.get("Profile", user["ProfileId"])
    return {
        "user": user,
        "account": account,
        "profile": profile,
        "portal_name": portal_name(org, user),
    }


def _ids(org: Org, row: Row) -> str:
    return urlencode({"orgId": org.organization_id()[:15], "portalId": row.id[:15]})


def _form(org: Org, row: Row, error: str) -> Response:
    return browser.page(
        "portal_login.html",
        **fields(org, row),
        error=error,
        start=request.values.get("startURL", ""),
        username=request.form.get("un", ""),
    )
