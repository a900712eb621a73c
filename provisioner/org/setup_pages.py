"""The Classic setup pages, for the two things of a portal that no API offers.

They are read and sent as a browser does it: a form goes back with all that it came with but
for what is to change. An answer of 200 proves nothing, so the page is searched for errors,
and read once more to see that the change holds. (platform reference 1.1, 1.3; browserforce
`plugins/customer-portal`, `page-errors`)
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import requests
from lxml import html

from provisioner.model import hosts
from provisioner.model.canonical import long_id
from provisioner.model.operations import Member
from provisioner.model.resource import Secret
from provisioner.org import sessions as http
from provisioner.org.error_mapping import refused
from provisioner.org.errors import AuthenticationFailed, NoAnswer, OrgError, Refused, refusal
from provisioner.org.transport import Wire

_PORTALS = "/_ui/core/portal/CustomerSuccessPortalSetup"
_MEMBERSHIP = "/_ui/core/portal/PortalProfileMembershipPage/e"
_PROFILE_ID = re.compile(r"00e[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?\b")
_ERRORS = ("error", "errorTitle", "errorDesc", "validationError")


class Setup:
    """One org's setup pages, in a web session of their own."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._session = http.session_for(wire.instance_url, wire.session)
        self._logged_in: Secret | None = None
        self._lock = threading.Lock()

    def enable_customer_portal(self) -> None:
        """Switch the Customer Portal on; when it is on already, nothing is sent."""
        path = f"{_PORTALS}/e"
        page = self._get(path)
        switch = page.checkbox("penabled")
        if switch.checked:
            return
        switch.checked = True
        self._save(page, switch)
        with self._saved("the switch of the Customer Portal"):
            on = self._get(path).checkbox("penabled").checked
        if not on:
            raise _not_kept("the Customer Portal is still off")

    def portal_id(self, name: str) -> str:
        """The Id of the portal of that name. Raises Refused when there is none."""
        for link in self._get(f"{_PORTALS}/d").root.iter("a"):
            path = urlsplit(link.get("href", "")).path
            if re.fullmatch(r"/060\w{12,15}", path) and _text(link).casefold() == name.casefold():
                return long_id(path[1:])
        raise Refused("INVALID_CROSS_REFERENCE_KEY", f"the org has no portal named `{name}`")

    def members(self, portal_id: str) -> list[Member]:
        """Every profile that could be of the portal, by name."""
        page = self._get(_membership(portal_id))
        found = [_member(name, box) for name, box in page.profiles()]
        return sorted(found, key=lambda member: (member.name, member.profile_id))

    def set_members(self, portal_id: str, profiles: Collection[str]) -> None:
        """Make exactly `profiles` the members; when they are already, nothing is sent."""
        page = self._get(_membership(portal_id))
        boxes = page.profiles()
        wanted = {name.casefold() for name in profiles}
        listed = {name.casefold() for name, _ in boxes}
        missing = [name for name in profiles if name.casefold() not in listed]
        if missing:
            names = ", ".join(f"`{name}`" for name in missing)
            raise Refused(
                "PORTAL_PROFILE_NOT_LISTED",
                f"the portal can not have the profile {names}",
                remedy="only profiles on a portal licence can be assigned to a portal",
            )
        wrong = [box for name, box in boxes if box.checked != (name.casefold() in wanted)]
        if not wrong:
            return
        for box in wrong:
            box.checked = not box.checked
        self._save(page, wrong[0])
        with self._saved("the portal's profiles"):
            members = self.members(portal_id)
        now = {member.name.casefold() for member in members if member.member}
        if now != wanted:
            raise _not_kept("the portal's profiles are not those that were saved")

    def _get(self, path: str) -> _Page:
        url = self._wire.instance_url + path

        def get() -> _Page:
            self._log_in()
            return self._wire.read(
                lambda: self._follow(self._session.get(url)), self._page, counted=False
            )

        return self._wire.in_session(get)

    def _log_in(self) -> None:
        """Take the session of the API into the web, once for each."""
        with self._lock:
            token = self._wire.token
            if self._logged_in is token:
                return
            # Posted, so that the token stands in no URL, and so in no log and no message.
            # (Salesforce help, "Using Frontdoor.jsp to Bridge an Existing Session")
            url = f"{self._wire.instance_url}/secur/frontdoor.jsp"
            data = {"sid": token.reveal(), "retURL": f"{_PORTALS}/d"}

            def send() -> requests.Response:
                return self._follow(self._session.post(url, data=data))

            self._wire.read(send, lambda _: None, counted=False)
            self._logged_in = token

    def _follow(self, reply: requests.Response) -> requests.Response:
        org = self._wire.instance_url
        return http.follow(self._session, reply, lambda url: hosts.is_of_org(org, url))

    def _save(self, page: _Page, changed: Any) -> None:
        """Send the form that holds `changed`. Raises Refused for what the next page says."""
        form = next(changed.iterancestors("form"), None)
        button = None if form is None else form.find('.//input[@name="save"]')
        if form is None or button is None:
            raise page.not_understood("has no form with a button to save it")
        for one in form.inputs:
            # A browser sends no plain buttons; lxml would, and one may be called "cancel".
            if isinstance(one, html.InputElement) and one.type == "button":
                one.set("disabled", "disabled")
        with self._wire.understanding("a setup page"):
            data = [*form.form_values(), ("save", button.get("value", ""))]
            url = urljoin(page.url, form.get("action", ""))
        if not hosts.same_host(self._wire.instance_url, url):
            raise page.not_understood("has a form for another host")

        def send() -> requests.Response:
            # A form that was taken leads on to some other page, which does not matter here.
            return self._session.post(url, data=data)

        def parse(reply: requests.Response) -> None:
            if http.target(reply) is None:
                self._page(reply)

        self._wire.write(send, parse, counted=False, redirects=True)

    @contextmanager
    def _saved(self, what: str) -> Iterator[None]:
        """Reading after a save: a failure now does not mean that nothing was done."""
        try:
            yield
        except OrgError as error:
            message = f"{what} was saved, but could not be read again"
            raise NoAnswer(self._wire.host, message, transient=False) from error

    def _page(self, reply: requests.Response) -> _Page:
        """The page of a reply. Raises OrgError when it is not the one that was asked for."""
        if reply.status_code >= 400 or not reply.content.strip():
            raise refused(reply.status_code, "", self._wire.host)
        charset = "charset" in reply.headers.get("Content-Type", "")
        parser = html.HTMLParser(encoding=reply.encoding if charset else "utf-8")
        page = _Page(reply.url, html.document_fromstring(reply.content, parser=parser))
        if page.asks_for_login():
            raise AuthenticationFailed(
                "the org asks for a login in place of its setup page: the session may use the"
                " API, but not the web pages",
                code="INVALID_SESSION_ID",
                remedy="give the connected app the scope `web` or `full`, and use a user that"
                " is not `API Only` and needs no further verification to log in",
            )
        errors = page.errors()
        if errors:
            message = "; ".join(errors)
            forbidden = "insufficient privileges" in message.casefold()
            raise refusal("INSUFFICIENT_ACCESS" if forbidden else "SETUP_PAGE_ERROR", message)
        return page


@dataclass(frozen=True, slots=True)
class _Page:
    """A parsed page and where it came from."""

    url: str
    root: Any

    def checkbox(self, id_: str) -> Any:
        for box in self._checkboxes():
            if id_ in (box.get("id"), box.get("name")):
                return box
        raise self.not_understood(f"has no box `{id_}`")

    def profiles(self) -> list[tuple[str, Any]]:
        """The box of every profile with the profile's name, which stands beside it."""
        named = ((self._beside(box), box) for box in self._checkboxes())
        found = [(name, box) for name, box in named if name and _profile_id(box)]
        if not found and not self.root.xpath('//*[@id="portalId" or @name="portalId"]'):
            raise self.not_understood("lists no profiles")
        return found

    def asks_for_login(self) -> bool:
        return bool(self.root.xpath('//input[@type="password" and (@name="pw" or @id="password")]'))

    def errors(self) -> Sequence[str]:
        """What the page says went wrong, each text once, without what is not shown."""
        texts: dict[str, None] = {}
        for element in self.root.iter():
            if not isinstance(element.tag, str) or not _tells_error(element):
                continue
            text = _text(element)
            if text and not any(_hidden(e) for e in (element, *element.iterancestors())):
                texts[text] = None
        return [t for t in texts if not any(t in other for other in texts if other != t)]

    def not_understood(self, what: str) -> Refused:
        path = urlsplit(self.url).path
        return Refused(
            "SETUP_PAGE_NOT_UNDERSTOOD",
            f"the setup page `{path}` (titled `{_text(self.root.find('.//title'))}`) {what}",
            remedy="check that the user may `Customize Application`, and do this step by hand",
        )

    def _checkboxes(self) -> Iterator[Any]:
        return (e for e in self.root.iter("input") if e.get("type", "").lower() == "checkbox")

    def _beside(self, box: Any) -> str:
        row = next(box.iterancestors("tr"), None)
        heading = None if row is None else row.find(".//th")
        labels: Mapping[str, Any] = {e.get("for", ""): e for e in self.root.iter("label")}
        return _text(heading) or _text(labels.get(box.get("id", "")))


def _membership(portal_id: str) -> str:
    query = f"portalId={quote(portal_id, safe='')}&setupid=CustomerSuccessPortalSettings"
    return f"{_MEMBERSHIP}?{query}"


def _member(name: str, box: Any) -> Member:
    return Member(long_id(_profile_id(box)), name, bool(box.checked))


def _profile_id(box: Any) -> str:
    for attribute in ("id", "name", "value"):
        found = _PROFILE_ID.search(box.get(attribute, ""))
        if found:
            return found.group()
    return ""


def _tells_error(element: Any) -> bool:
    return element.get("id") in _ERRORS or "errorMsg" in element.get("class", "").split()


def _hidden(element: Any) -> bool:
    return "display:none" in element.get("style", "").replace(" ", "").lower()


def _text(element: Any) -> str:
    return "" if element is None else " ".join(element.text_content().split())


def _not_kept(message: str) -> Refused:
    return Refused(
        "SETUP_CHANGE_NOT_KEPT",
        f"the org took the form without an error, yet {message}",
        remedy="do this step by hand in Setup and plan again",
    )
