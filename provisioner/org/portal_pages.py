"""A portal's own pages as in a customer's browser: log in, change the password, check, log out.

It uses plain HTTP in a session of its own, without cookies of an administrator. An unexpected page
is an error that says what it contains, and a form is sent back with all its values. No message
contains a password.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from urllib.parse import urljoin, urlsplit

import requests

from provisioner.model import hosts
from provisioner.model.resource import Secret
from provisioner.org import sessions as http
from provisioner.org.errors import OrgError
from provisioner.org.html_page import FormElement, HtmlPage, attribute, parse_page, text
from provisioner.org.transport import Transport

_LOGIN_PATH = "/secur/login_portal.jsp"
_LOGOUT_PATH = "/secur/logout_portal.jsp"


class UnexpectedPage(OrgError):  # noqa: N818 - as the tree in `errors`
    """The page is not the expected one; the message says what it contains."""


class PortalPages:
    """One visit of a customer to a portal; `close` ends it in any case.

    Passwords are only sent to the org itself, and to the hosts in `listed()`, which the org lists
    for its sites.
    """

    def __init__(
        self, transport: Transport, url: str, listed: Callable[[], Collection[str]]
    ) -> None:
        self._transport = transport
        self._url = url
        self._listed = listed
        self._origins = [transport.instance_url]
        self._session = http.session_for(transport.instance_url, transport.session)
        # A customer does not have the administrator's token.
        self._session.headers.pop("Authorization", None)
        self._page: HtmlPage | None = None

    def open(self) -> None:
        """Open the login page. Raises UnexpectedPage if it has no login form."""
        if not self._is_ours(self._url):
            host = urlsplit(self._url).netloc
            if host.lower() not in self._listed():
                message = f"the org does not list `{host}` for a site, so no password is sent there"
                raise UnexpectedPage(message)
            self._origins.append(self._url)
        page = self._get(self._url)
        if _form_with(page, "un", "pw") is None:
            raise _unexpected(page, "the login page")
        self._page = page

    def log_in(self, username: str, password: Secret) -> bool:
        """Send the login form; whether the org asks for a new password. Raises UnexpectedPage."""
        page = self._current()
        form = _form_with(page, "un", "pw")
        assert form is not None, "`open` saw the form"
        reply = self._send(page, form, {"un": username, "pw": password.reveal()})
        self._page = reply
        if _form_with(reply, "un", "pw") is not None:
            raise _unexpected(reply, "the login", "the org shows the login page again")
        if _errors(reply):
            raise _unexpected(reply, "the login")
        return _form_with(reply, "newpassword", "confirmpassword") is not None

    def change_password(self, new: Secret) -> None:
        """Send a new password. Raises UnexpectedPage if it is not accepted."""
        page = self._current()
        form = _form_with(page, "newpassword", "confirmpassword")
        assert form is not None, "`log_in` saw the form"
        value = new.reveal()
        reply = self._send(page, form, {"newpassword": value, "confirmpassword": value})
        self._page = reply
        if _form_with(reply, "newpassword", "confirmpassword") is not None or _errors(reply):
            raise _unexpected(reply, "the change of the password")

    def landed(self, username: str) -> None:
        """Check that the page is for a logged-in user. Raises UnexpectedPage."""
        page = self._current()
        if _form_with(page, "un", "pw") is not None or _errors(page):
            raise _unexpected(page, "the landing page")
        if not _has_link(page, _LOGOUT_PATH) and not _has_link(page, "/secur/logout.jsp"):
            raise _unexpected(page, "the landing page", "the page has no way to log out")
        shown = _text_of(page, "username")
        if shown and shown.casefold() != username.casefold():
            raise _unexpected(page, "the landing page", f"it greets `{shown}`")

    def reach(self, prefix: str) -> None:
        """Open the tab of an object by its key prefix. Raises UnexpectedPage."""
        page = self._get(f"{self._transport.instance_url}/{prefix}/o")
        if _form_with(page, "un", "pw") is not None or _errors(page):
            raise _unexpected(page, f"the tab `/{prefix}/o`")

    def close(self) -> None:
        """Log out, if possible, and close the session."""
        try:
            if self._session.cookies:
                url = f"{self._transport.instance_url}{_LOGOUT_PATH}"
                send = partial(self._session.get, url)
                self._transport.write(send, lambda _: None, counted=False, redirects=True)
        except OrgError:
            pass  # the result is known, and the session ends by itself in two hours
        finally:
            self._session.close()

    def _current(self) -> HtmlPage:
        assert self._page is not None, "`open` comes first"
        return self._page

    def _is_ours(self, url: str) -> bool:
        return any(hosts.same_host(origin, url) for origin in self._origins)

    def _follow(self, reply: requests.Response) -> requests.Response:
        return http.follow(self._session, reply, self._is_ours)

    def _get(self, url: str) -> HtmlPage:
        return self._transport.read(
            lambda: self._follow(self._session.get(url)), _page, counted=False
        )

    def _send(self, page: HtmlPage, form: FormElement, values: dict[str, str]) -> HtmlPage:
        with self._transport.understanding("a portal page"):
            kept = [(n, v) for n, v in form.form_values() if n not in values]
            buttons = form.xpath('.//input[@type="submit"][@name]')[:1]
            url = urljoin(page.url, attribute(form, "action"))
        pressed = [(attribute(button, "name"), attribute(button, "value")) for button in buttons]
        data = [*kept, *values.items(), *pressed]
        if not self._is_ours(url):
            raise _unexpected(page, "the form", f"it is sent to `{urlsplit(url).netloc}`")

        def send() -> requests.Response:
            return self._follow(self._session.post(url, data=data))

        # Sent once: a wrong password that is sent twice may be counted twice.
        return self._transport.write(send, _page, counted=False)


def _form_with(page: HtmlPage, *names: str) -> FormElement | None:
    """The form that has all these fields, if there is one."""
    for form in page.forms():
        if {attribute(e, "name") for e in form.iter("input")}.issuperset(names):
            return form
    return None


def _errors(page: HtmlPage) -> list[str]:
    return page.errors(("errorMsg", "loginError"))


def _has_link(page: HtmlPage, path: str) -> bool:
    return any(urlsplit(attribute(a, "href")).path == path for a in page.root.iter("a"))


def _text_of(page: HtmlPage, id_: str) -> str:
    elements = page.root.xpath("//*[@id = $id]", id=id_)
    return text(elements[0]) if elements else ""


def _unexpected(page: HtmlPage, stage: str, what: str | None = None) -> UnexpectedPage:
    if errors := _errors(page):
        return UnexpectedPage("; ".join(errors))
    shown = what or f"the org answered {page.status} with a page titled `{page.title}`"
    return UnexpectedPage(f"{stage}: {shown}")


def _page(reply: requests.Response) -> HtmlPage:
    page = parse_page(reply)
    if reply.status_code >= 400:
        raise _unexpected(page, "the portal")
    return page
