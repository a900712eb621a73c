"""The Classic setup pages of the Customer Portal, as a person or a browser tool drives them.

Addresses, element ids and names are those that browserforce uses against real orgs (facts
104 and 116); what it does not touch is named after the metadata (guess).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, request

from provisioner.emulator.access import permissions
from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.http import context
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.login import mails, passwords
from provisioner.emulator.metadata.types import portal
from provisioner.emulator.pages import browser, portal_form
from provisioner.emulator.store import portals
from provisioner.emulator.store.components import display_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org
    from provisioner.emulator.store.state import Session

blueprint = Blueprint("setup", __name__)

SETTINGS_PAGE: Final = "/_ui/core/portal/CustomerSuccessPortalSetup/e"
LIST_PAGE: Final = "/_ui/core/portal/CustomerSuccessPortalSetup/d"
MEMBERS_PAGE: Final = "/_ui/core/portal/PortalProfileMembershipPage/e"
WIZARD_PAGE: Final = "/ui/setup/portal/RoleConversionWizardSplashPage"
NEW_PAGE: Final = "/060/e"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request by somebody who may see setup."""

    org: Org
    session: Session

    @property
    def by(self) -> str:
        return self.session.user_id


@blueprint.get(browser.STAFF_HOME)
def home() -> Response:
    """The way into setup."""
    return for_staff(lambda visit: browser.page("setup_home.html", org=visit.org))


@blueprint.route(SETTINGS_PAGE, methods=["GET", "POST"])
def settings() -> Response:
    """Customer Portal Settings: the box that turns the portal on."""
    return for_staff(_settings)


@blueprint.get(LIST_PAGE)
def listed() -> Response:
    """The portals, each with a link to its own page."""
    return for_staff(_listed)


@blueprint.get(WIZARD_PAGE)
@blueprint.get("/_ui/core/portal/RoleInternalConvertWizard")
def wizard() -> Response:
    """Where enabling ends: the offer to convert sharing rules, of which this org has none."""
    return for_staff(lambda _: browser.page("role_wizard.html", list_page=LIST_PAGE))


@blueprint.route(MEMBERS_PAGE, methods=["GET", "POST"])
def members() -> Response:
    """Which profiles may log in to a portal: one box for each customer profile."""
    return for_staff(_members)


@blueprint.route(NEW_PAGE, methods=["GET", "POST"])
def new() -> Response:
    """A new portal. The address follows Salesforce's pattern; not verified."""
    return for_staff(lambda visit: _edit(visit, None))


@blueprint.get("/060<rest>")
def detail(rest: str) -> Response:
    """One portal, its values and the profiles of its users."""
    return for_staff(lambda visit: _of_portal(visit, f"060{rest}", _detail))


@blueprint.route("/060<rest>/e", methods=["GET", "POST"])
def edit(rest: str) -> Response:
    """The values of one portal as a form."""
    return for_staff(lambda visit: _of_portal(visit, f"060{rest}", _edit))


def for_staff(answer: Callable[[Visit], Response]) -> Response:
    """What `answer` gives to whoever may see setup; else the login page, or a refusal."""
    session = browser.staff_session()
    if session is None:
        return browser.to_login()
    org = context.org()
    if session.kind == browser.UI_KIND and passwords.is_expired(org, session.user_id):
        return browser.go(browser.password_page(request.path))
    if not permissions.has(org, session.user_id, "CustomizeApplication"):
        # the page people without a permission see, general knowledge [U]
        return browser.refusal(
            "Insufficient Privileges",
            "You do not have the level of access necessary to perform the operation you requested."
            " Please contact the owner of the record or your administrator if access is necessary.",
        )
    return answer(Visit(org, session))


def _of_portal(visit: Visit, portal_id: str, answer: Callable[[Visit, Row], Response]) -> Response:
    row = portals.by_id(visit.org, ids.normal(portal_id) or "")
    return no_longer_there() if row is None else answer(visit, row)


def no_longer_there() -> Response:
    """What Classic shows for an id that leads nowhere, general knowledge [U]."""
    return browser.refusal(
        "URL No Longer Exists",
        "You have attempted to reach a URL that no longer exists on this site.",
    )


def _settings(visit: Visit) -> Response:
    enabled = visit.org.feature("CustomerPortal")
    error = ""
    if request.method == "POST":
        if not browser.is_confirmed(visit.session, SETTINGS_PAGE):
            return browser.not_confirmed()
        wanted = "penabled" in request.form
        if wanted and not enabled:
            with visit.org.transaction():
                first_day.enable_customer_portal(visit.org, visit.by)
                portal.make_default(visit.org, visit.by)
                portals.audit(visit.org, visit.by, "Enabled Customer Portal")
            return browser.go(WIZARD_PAGE)
        if wanted or not enabled:
            return browser.go(LIST_PAGE if enabled else browser.STAFF_HOME)
        # fact 102: can not be disabled [V], wording guess
        error = "The Customer Portal can't be disabled after it's enabled."
    return browser.page(
        "portal_settings.html",
        enabled=enabled,
        error=error,
        list_page=LIST_PAGE,
        token=browser.confirmation_token(visit.session, SETTINGS_PAGE),
    )


def _listed(visit: Visit) -> Response:
    if not visit.org.feature("CustomerPortal"):
        return browser.go(SETTINGS_PAGE)
    rows = [
        (row.id[:15], display_name(row.full_name), portal.shown(visit.org, row))
        for row in portals.rows(visit.org)
    ]
    return browser.page("portals.html", rows=rows, new_page=NEW_PAGE, settings_page=SETTINGS_PAGE)


def _detail(visit: Visit, row: Row) -> Response:
    (organization,) = visit.org.select("Organization")
    names = [
        profile["Name"]
        for profile in portal_form.customer_profiles(visit.org)
        if profile["Id"] in portals.profiles(visit.org, row.id)
    ]
    return browser.page(
        "portal_detail.html",
        id15=row.id[:15],
        name=display_name(row.full_name),
        values=portal.shown(visit.org, row),
        admin=portal_form.from_row(visit.org, row).admin,
        profiles=names,
        list_page=LIST_PAGE,
        members_page=MEMBERS_PAGE,
        login_url=mails.login_url(context.instance_url(), organization["Id"], row.id),
    )


def _edit(visit: Visit, row: Row | None) -> Response:
    page = NEW_PAGE if row is None else f"/{row.id[:15]}/e"
    form = portal_form.blank() if row is None else portal_form.from_row(visit.org, row)
    error: SalesforceError | None = None
    if request.method == "POST":
        if not browser.is_confirmed(visit.session, page):
            return browser.not_confirmed()
        form = portal_form.from_post(request.form)
        try:
            portal_form.save(visit.org, row, form, visit.by)
        except SalesforceError as refused:
            error = refused
        else:
            return browser.go(LIST_PAGE)
    else:
        form = portal_form.filled(form, request.args)
    return browser.page(
        "portal_edit.html",
        action=page,
        choices=portal_form.choices(visit.org),
        error=error,
        form=form,
        list_page=LIST_PAGE,
        title="New Customer Portal" if row is None else display_name(row.full_name),
        token=browser.confirmation_token(visit.session, page),
    )


def _members(visit: Visit) -> Response:
    portal_id = ids.normal(request.values.get("portalId", "")) or ""
    return _of_portal(visit, portal_id, _members_of)


def _members_of(visit: Visit, row: Row) -> Response:
    page = f"{MEMBERS_PAGE}?{row.id}"
    profiles = portal_form.customer_profiles(visit.org)
    members = portals.profiles(visit.org, row.id)
    if request.method == "POST":
        if not browser.is_confirmed(visit.session, page):
            return browser.not_confirmed()
        ticked = {profile["Id"] for profile in profiles if profile["Id"][:15] in request.form}
        with visit.org.transaction():
            portals.set_profiles(visit.org, row.id, ticked, visit.by)
        return browser.go(f"/{row.id[:15]}")
    boxes = [_box(profile, members) for profile in profiles]
    return browser.page(
        "portal_members.html",
        action=MEMBERS_PAGE,
        boxes=boxes,
        id15=row.id[:15],
        name=display_name(row.full_name),
        token=browser.confirmation_token(visit.session, page),
    )


def _box(profile: dict[str, Any], members: set[str]) -> tuple[str, str, bool]:
    """Id, label and state of a profile's box; a parameter of the address may set it [V]."""
    id15 = profile["Id"][:15]
    ticked = (
        portal_form.is_ticked(request.args[id15])
        if id15 in request.args
        else (profile["Id"] in members)
    )
    return id15, profile["Name"], ticked
