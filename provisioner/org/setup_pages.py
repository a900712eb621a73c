"""The Classic setup pages, for the two settings of a portal that no API supports.

They are read and sent as in a browser: a form is sent back with all its values, except for the
changed ones. A response of 200 proves nothing, so the page is searched for errors, and read again
to check that the change was saved. (facts 104 and 116; browserforce
`plugins/customer-portal`, `page-errors`)
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import cast
from urllib.parse import quote, urljoin, urlsplit

import requests

from provisioner.model import hosts
from provisioner.model.canonical import long_id
from provisioner.model.operations import Member
from provisioner.model.resource import Secret
from provisioner.org import sessions as http
from provisioner.org.error_mapping import refused
from provisioner.org.errors import AuthenticationFailed, NoAnswer, OrgError, Refused, refusal
from provisioner.org.html_page import (
    FormElement,
    HtmlPage,
    InputElement,
    attribute,
    parse_page,
    text,
)
from provisioner.org.transport import Transport

_PORTALS = "/_ui/core/portal/CustomerSuccessPortalSetup"
_MEMBERSHIP = "/_ui/core/portal/PortalProfileMembershipPage/e"
_PROFILE_ID = re.compile(r"00e[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?\b")


class Setup:
    """One org's setup pages, in a web session of their own."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._session = http.session_for(transport.instance_url, transport.session)
        self._logged_in: Secret | None = None
        self._lock = threading.Lock()

    def enable_customer_portal(self) -> None:
        """Enable the Customer Portal; if it is already enabled, nothing is sent."""
        path = f"{_PORTALS}/e"
        page = self._get(path)
        switch = _checkbox(page, "penabled")
        if switch.checked:
            return
        switch.checked = True
        self._save(page, switch)
        with self._saved("the switch of the Customer Portal"):
            on = _checkbox(self._get(path), "penabled").checked
        if not on:
            raise _not_kept("the Customer Portal is still off")

    def portal_id(self, name: str) -> str:
        """The Id of the portal with this name. Raises Refused if there is none."""
        for link in self._get(f"{_PORTALS}/d").root.iter("a"):
            path = urlsplit(attribute(link, "href")).path
            if re.fullmatch(r"/060\w{12,15}", path) and text(link).casefold() == name.casefold():
                return long_id(path[1:])
        raise Refused("INVALID_CROSS_REFERENCE_KEY", f"the org has no portal named `{name}`")

    def members(self, portal_id: str) -> list[Member]:
        """Every profile that can be a member of the portal, by name."""
        page = self._get(_membership(portal_id))
        members = [_member(name, box) for name, box in _profiles(page)]
        return sorted(members, key=lambda member: (member.name, member.profile_id))

    def set_members(self, portal_id: str, profiles: Collection[str]) -> None:
        """Make exactly `profiles` the members; if they already are, nothing is sent."""
        page = self._get(_membership(portal_id))
        boxes = _profiles(page)
        desired = {name.casefold() for name in profiles}
        listed = {name.casefold() for name, _ in boxes}
        missing = [name for name in profiles if name.casefold() not in listed]
        if missing:
            names = ", ".join(f"`{name}`" for name in missing)
            raise Refused(
                "PORTAL_PROFILE_NOT_LISTED",
                f"the portal cannot have the profile {names}",
                remedy="only profiles on a portal licence can be assigned to a portal",
            )
        wrong = [box for name, box in boxes if box.checked != (name.casefold() in desired)]
        if not wrong:
            return
        for box in wrong:
            box.checked = not box.checked
        self._save(page, wrong[0])
        with self._saved("the portal's profiles"):
            members = self.members(portal_id)
        now = {member.name.casefold() for member in members if member.member}
        if now != desired:
            raise _not_kept("the portal's profiles are not those that were saved")

    def _get(self, path: str) -> HtmlPage:
        url = self._transport.instance_url + path

        def get() -> HtmlPage:
            self._log_in()
            return self._transport.read(
                lambda: self._follow(self._session.get(url)), self._page, counted=False
            )

        return self._transport.in_session(get)

    def _log_in(self) -> None:
        """Open a web session with the token of the API session, once for each token."""
        with self._lock:
            token = self._transport.token
            if self._logged_in is token:
                return
            # Posted, so that the token is in no URL, log or message.
            # (Salesforce help, "Using Frontdoor.jsp to Bridge an Existing Session")
            url = f"{self._transport.instance_url}/secur/frontdoor.jsp"
            data = {"sid": token.reveal(), "retURL": f"{_PORTALS}/d"}

            def send() -> requests.Response:
                return self._follow(self._session.post(url, data=data))

            self._transport.read(send, lambda _: None, counted=False)
            self._logged_in = token

    def _follow(self, reply: requests.Response) -> requests.Response:
        org = self._transport.instance_url
        return http.follow(self._session, reply, lambda url: hosts.is_of_org(org, url))

    def _save(self, page: HtmlPage, changed: InputElement) -> None:
        """Send the form that contains `changed`. Raises Refused for errors on the next page."""
        form = next((cast("FormElement", e) for e in changed.iterancestors("form")), None)
        button = None if form is None else form.find('.//input[@name="save"]')
        if form is None or button is None:
            raise _not_understood(page, "has no form with a button to save it")
        for element in form.iter("input"):
            # A browser sends no plain buttons; lxml would, and one may be called "cancel".
            if attribute(element, "type").lower() == "button":
                element.set("disabled", "disabled")
        with self._transport.understanding("a setup page"):
            data = [*form.form_values(), ("save", attribute(button, "value"))]
            url = urljoin(page.url, attribute(form, "action"))
        if not hosts.same_host(self._transport.instance_url, url):
            raise _not_understood(page, "has a form for another host")

        def send() -> requests.Response:
            # A form that was accepted redirects to some other page, which does not matter here.
            return self._session.post(url, data=data)

        def parse(reply: requests.Response) -> None:
            if http.target(reply) is None:
                self._page(reply)

        self._transport.write(send, parse, counted=False, redirects=True)

    @contextmanager
    def _saved(self, what: str) -> Iterator[None]:
        """Code inside it reads after a save: a failure does not mean that nothing was done."""
        try:
            yield
        except OrgError as error:
            message = f"{what} was saved, but could not be read again"
            raise NoAnswer(self._transport.host, message, transient=False) from error

    def _page(self, reply: requests.Response) -> HtmlPage:
        """The page of a response. Raises OrgError if it is not the requested one."""
        if reply.status_code >= 400 or not reply.content.strip():
            raise refused(reply.status_code, "", self._transport.host)
        page = parse_page(reply)
        if _asks_for_login(page):
            raise AuthenticationFailed(
                "the org asks for a login in place of its setup page: the session may use the"
                " API, but not the web pages",
                code="INVALID_SESSION_ID",
                remedy="give the connected app the scope `web` or `full`, and use a user that"
                " is not `API Only` and needs no further verification to log in",
            )
        errors = page.errors(("errorMsg",))
        if errors:
            message = "; ".join(errors)
            forbidden = "insufficient privileges" in message.casefold()
            raise refusal("INSUFFICIENT_ACCESS" if forbidden else "SETUP_PAGE_ERROR", message)
        return page


def _checkbox(page: HtmlPage, id_: str) -> InputElement:
    for box in _checkboxes(page):
        if id_ in (attribute(box, "id"), attribute(box, "name")):
            return box
    raise _not_understood(page, f"has no box `{id_}`")


def _profiles(page: HtmlPage) -> list[tuple[str, InputElement]]:
    """The checkbox of every profile with the profile's name, which is next to it."""
    named = ((_label(page, box), box) for box in _checkboxes(page))
    profiles = [(name, box) for name, box in named if name and _profile_id(box)]
    if not profiles and not page.root.xpath('//*[@id="portalId" or @name="portalId"]'):
        raise _not_understood(page, "lists no profiles")
    return profiles


def _asks_for_login(page: HtmlPage) -> bool:
    return bool(page.root.xpath('//input[@type="password" and (@name="pw" or @id="password")]'))


def _not_understood(page: HtmlPage, what: str) -> Refused:
    path = urlsplit(page.url).path
    return Refused(
        "SETUP_PAGE_NOT_UNDERSTOOD",
        f"the setup page `{path}` (titled `{page.title}`) {what}",
        remedy="check that the user may `Customize Application`, and do this step by hand",
    )


def _checkboxes(page: HtmlPage) -> Iterator[InputElement]:
    return (e for e in page.inputs() if attribute(e, "type").lower() == "checkbox")


def _label(page: HtmlPage, box: InputElement) -> str:
    row = next(box.iterancestors("tr"), None)
    heading = None if row is None else row.find(".//th")
    labels = {attribute(e, "for"): e for e in page.root.iter("label")}
    return text(heading) or text(labels.get(attribute(box, "id")))


def _membership(portal_id: str) -> str:
    query = f"portalId={quote(portal_id, safe='')}&setupid=CustomerSuccessPortalSettings"
    return f"{_MEMBERSHIP}?{query}"


def _member(name: str, box: InputElement) -> Member:
    return Member(long_id(_profile_id(box)), name, bool(box.checked))


def _profile_id(box: InputElement) -> str:
    for name in ("id", "name", "value"):
        if match := _PROFILE_ID.search(attribute(box, name)):
            return match.group()
    return ""


def _not_kept(message: str) -> Refused:
    return Refused(
        "SETUP_CHANGE_NOT_KEPT",
        f"the org accepted the form without an error, but {message}",
        remedy="do this step by hand in Setup and plan again",
    )
