"""What every page of the org needs: the session cookie, confirmation tokens, error pages."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from flask import Response, make_response, redirect, render_template, request

from provisioner.emulator.base.errors import SalesforceError, not_served
from provisioner.emulator.http import context, gate

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org
    from provisioner.emulator.store.state import Session

COOKIE: Final = "sid"
UI_KIND: Final = "UI"  # of a session that began at the login page of people of the company
PASSWORD_PAGE: Final = "/_ui/system/security/ChangePassword"  # noqa: S105 - an address
STAFF_HOME: Final = "/setup/forcecomHomepage.apexp"
PORTAL_HOME: Final = "/home/home.jsp"
TOKEN_FIELD: Final = "_CONFIRMATIONTOKEN"  # noqa: S105 - the name of a form field


def session() -> Session | None:
    """The session of the `sid` cookie, if it may see pages."""
    return _session("pages")


def staff_session() -> Session | None:
    """The session of the cookie, if it may see pages of Setup."""
    return _session("setup")


def _session(surface: str) -> Session | None:
    try:
        return gate.enter(surface, request.cookies.get(COOKIE, "")).session
    except SalesforceError:
        return None


def to_login() -> Response:
    """Sends to the login page and back here afterwards.

    `ec=302` says why, as browserforce's check of the address knows it [V].
    """
    path = request.full_path.rstrip("?")
    return _redirect(f"/?{urlencode({'ec': 302, 'startURL': path})}")


def enter(found: Session, target: str) -> Response:
    """Sets the cookie and goes to `target`, if that is a page of this org."""
    response = _redirect(inside(target))
    response.set_cookie(
        COOKIE, found.token, httponly=True, samesite="Lax", secure=request.is_secure
    )
    return response


def leave(target: str) -> Response:
    """Ends the session of the cookie and goes to `target`."""
    found = session()
    if found is not None:
        context.org().end_sessions(token=found.token)
    response = _redirect(target)
    response.delete_cookie(COOKIE)
    return response


def go(target: str) -> Response:
    """Goes to a page of this org after a form was saved."""
    return _redirect(inside(target))


def password_page(target: str) -> str:
    """Where a user chooses a password, and goes to `target` from there."""
    return f"{PASSWORD_PAGE}?{urlencode({'retURL': target})}"


def inside(target: str) -> str:
    """`target` as a path of this org; the home page where it leads elsewhere."""
    path = "/" + target.lstrip("/\\")
    return PORTAL_HOME if path == "/" or "\\" in path or "\n" in path else path


def confirmation_token(found: Session, page: str) -> str:
    """What a form on `page` must send back: only this session and this page know it."""
    message = f"{found.token}\n{page}".encode()
    return hmac.new(_key(context.org()), message, hashlib.sha256).hexdigest()


def is_confirmed(found: Session, page: str) -> bool:
    """Whether the posted form carries the token of this session and page."""
    sent = request.form.get(TOKEN_FIELD, "")
    return hmac.compare_digest(sent.encode(), confirmation_token(found, page).encode())


def page(template: str, *, status: int = 200, **values: object) -> Response:
    """A rendered page, never kept by the browser."""
    response = make_response(render_template(template, **values), status)
    response.headers["Cache-Control"] = "no-cache,must-revalidate,max-age=0,no-store,private"
    return response


def refusal(title: str, text: str) -> Response:
    """A page that only says what is wrong; Salesforce sends such pages with status 200."""
    return page("message.html", title=title, error_title=title, error_text=text)


def no_saml() -> Response:
    """The honest answer to a SAML response: Salesforce would log its user in, or record the try.

    So the statuses `Failed: Invalid Portal Id` and `Failed: Missing Portal Id` are never in this
    org's LoginHistory (fact 617); the page's title: guess.
    """
    return refusal("Single Sign-On Error", not_served("SAML logins").message)


def not_confirmed() -> Response:
    """The answer to a form without the right token; the wording is a guess."""
    return refusal(
        "Your request can't be confirmed",
        "The page you submitted was invalid for your session. Please click Save again to confirm"
        " your change.",
    )


def _redirect(target: str) -> Response:
    response = redirect(target, 302)
    assert isinstance(response, Response), "the app answers with Flask's own responses"
    return response


def _key(org: Org) -> bytes:
    name = "confirmation key"
    if org.setting(name) is None:
        with org.transaction():
            # another process may have been faster
            if org.setting(name) is None:
                org.put_setting(name, secrets.token_hex(32))
    return str(org.setting(name)).encode()
