"""A portal's own pages as a customer's browser sees them: log in, change the password, look, leave.

Plain HTTP, in a session of its own that has no administrator's cookie. Strict: a page that is
not the one that was to come is an error that says what came, and a form goes back with all that
it came with. No password is ever part of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from lxml import html

from provisioner.model import hosts
from provisioner.model.resource import Secret
from provisioner.org import sessions as http
from provisioner.org.errors import OrgError
from provisioner.org.transport import Wire

_ERRORS = ("error", "errorTitle", "errorDesc", "validationError")
_LOGIN_PATH = "/secur/login_portal.jsp"
_LOGOUT_PATH = "/secur/logout_portal.jsp"


class UnexpectedPage(OrgError):  # noqa: N818 - as the tree in `errors`
    """The page is not the one that was to come; the message says what is on it."""


class PortalPages:
    """One visit of one customer to one portal; `close` ends it, whatever happened.

    Passwords go to the org itself, and to a host that is one of `listed()`: those that the org
    lists for its sites.
    """

    def __init__(self, wire: Wire, url: str, listed: Callable[[], Collection[str]]) -> None:
        self._wire = wire
        self._url = url
        self._listed = listed
        self._origins = [wire.instance_url]
        self._session = http.session_for(wire.instance_url, wire.session)
        # The administrator's token is no matter of a customer.
        self._session.headers.pop("Authorization", None)
        self._page: _Page | None = None

    def open(self) -> None:
        """Reach the login page. Raises UnexpectedPage when it has no form to log in with."""
        if not self._is_ours(self._url):
            host = urlsplit(self._url).netloc
            if host.lower() not in self._listed():
                message = f"the org does not list `{host}` for a site, so no password is sent there"
                raise UnexpectedPage(message)
            self._origins.append(self._url)
        page = self._get(self._url)
        if page.form_with("un", "pw") is None:
            raise page.unexpected("the login page")
        self._page = page

    def log_in(self, username: str, password: Secret) -> bool:
        """Send the form; whether a new password is asked for. Raises UnexpectedPage."""
        page = self._current()
        form = page.form_with("un", "pw")
        assert form is not None, "`open` saw the form"
        reply = self._send(page, form, {"un": username, "pw": password.reveal()})
        self._page = reply
        if reply.form_with("un", "pw") is not None:
            raise reply.unexpected("the login", "the org shows the login page again")
        if reply.errors():
            raise reply.unexpected("the login")
        return reply.form_with("newpassword", "confirmpassword") is not None

    def change_password(self, new: Secret) -> None:
        """Choose a password where one is asked for. Raises UnexpectedPage when it is not taken."""
        page = self._current()
        form = page.form_with("newpassword", "confirmpassword")
        assert form is not None, "`log_in` saw the form"
        value = new.reveal()
        reply = self._send(page, form, {"newpassword": value, "confirmpassword": value})
        self._page = reply
        if reply.form_with("newpassword", "confirmpassword") is not None or reply.errors():
            raise reply.unexpected("the change of the password")

    def landed(self, username: str) -> None:
        """Check that the page is one for somebody who is logged in. Raises UnexpectedPage."""
        page = self._current()
        if page.form_with("un", "pw") is not None or page.errors():
            raise page.unexpected("the landing page")
        if not page.has_link(_LOGOUT_PATH) and not page.has_link("/secur/logout.jsp"):
            raise page.unexpected("the landing page", "the page has no way to log out")
        shown = page.by_id("username")
        if shown and shown.casefold() != username.casefold():
            raise page.unexpected("the landing page", f"it greets `{shown}`")

    def reach(self, prefix: str) -> None:
        """Open the tab of an object by its key prefix. Raises UnexpectedPage."""
        page = self._get(f"{self._wire.instance_url}/{prefix}/o")
        if page.form_with("un", "pw") is not None or page.errors():
            raise page.unexpected(f"the tab `/{prefix}/o`")

    def close(self) -> None:
        """Log out, as far as that is possible, and forget the session."""
        try:
            if self._session.cookies:
                url = f"{self._wire.instance_url}{_LOGOUT_PATH}"
                send = partial(self._session.get, url)
                self._wire.write(send, lambda _: None, counted=False, redirects=True)
        except OrgError:
            pass  # what matters was said; the session ends by itself in two hours
        finally:
            self._session.close()

    def _current(self) -> _Page:
        assert self._page is not None, "`open` comes first"
        return self._page

    def _is_ours(self, url: str) -> bool:
        return any(hosts.same_host(origin, url) for origin in self._origins)

    def _follow(self, reply: requests.Response) -> requests.Response:
        return http.follow(self._session, reply, self._is_ours)

    def _get(self, url: str) -> _Page:
        return self._wire.read(lambda: self._follow(self._session.get(url)), _page, counted=False)

    def _send(self, page: _Page, form: Any, values: dict[str, str]) -> _Page:
        with self._wire.understanding("a portal page"):
            kept = [(n, v) for n, v in form.form_values() if n not in values]
            buttons = form.xpath('.//input[@type="submit"][@name]')[:1]
            url = urljoin(page.url, form.get("action", ""))
        pressed = [(button.get("name"), button.get("value", "")) for button in buttons]
        data = [*kept, *values.items(), *pressed]
        if not self._is_ours(url):
            raise page.unexpected("the form", f"it is sent to `{urlsplit(url).netloc}`")

        def send() -> requests.Response:
            return self._follow(self._session.post(url, data=data))

        # Once: a password that is sent twice may be counted twice.
        return self._wire.write(send, _page, counted=False)


@dataclass(frozen=True, slots=True)
class _Page:
    """A parsed page, where it came from and its status."""

    url: str
    status: int
    root: Any

    def form_with(self, *names: str) -> Any:
        """The form that has all these fields, or `None`."""
        for form in self.root.iter("form"):
            fields = {str(e.get("name")) for e in form.iter("input")}
            if fields.issuperset(names):
                return form
        return None

    def errors(self) -> list[str]:
        """What the page says went wrong, each text once."""
        texts = dict.fromkeys(_text(e) for e in self._told())
        return [t for t in texts if t and not any(t != o and t in o for o in texts)]

    def has_link(self, path: str) -> bool:
        return any(urlsplit(a.get("href", "")).path == path for a in self.root.iter("a"))

    def by_id(self, id_: str) -> str:
        found = self.root.xpath("//*[@id = $id]", id=id_)
        return _text(found[0]) if found else ""

    def unexpected(self, stage: str, what: str | None = None) -> UnexpectedPage:
        said = self.errors()
        title = _text(self.root.find(".//title"))
        if said:
            return UnexpectedPage("; ".join(said))
        shown = what or f"the org answered {self.status} with a page titled `{title}`"
        return UnexpectedPage(f"{stage}: {shown}")

    def _told(self) -> Iterator[Any]:
        for element in self.root.iter():
            if not isinstance(element.tag, str):
                continue
            classes = element.get("class", "").split()
            if element.get("id") in _ERRORS or {"errorMsg", "loginError"} & set(classes):
                yield element


def _page(reply: requests.Response) -> _Page:
    content = reply.content.strip() or b"<html></html>"
    charset = "charset" in reply.headers.get("Content-Type", "")
    parser = html.HTMLParser(encoding=reply.encoding if charset else "utf-8")
    page = _Page(reply.url, reply.status_code, html.document_fromstring(content, parser=parser))
    if reply.status_code >= 400:
        raise page.unexpected("the portal")
    return page


def _text(element: Any) -> str:
    return "" if element is None else " ".join(element.text_content().split())
