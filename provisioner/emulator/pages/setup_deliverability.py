"""The setup page Deliverability, which sets what e-mail the org sends.

Address, ids and values: browserforce's plugin `email-deliverability` [V]; names and texts: guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, request

from provisioner.emulator.pages import browser, setup_portals
from provisioner.emulator.settings import deliverability

if TYPE_CHECKING:
    from provisioner.emulator.pages.setup_portals import Visit

blueprint = Blueprint("deliverability_page", __name__)

PAGE: Final = "/email-admin/editOrgEmailSettings.apexp"
_FIELD: Final = "thePage:theForm:sendEmailAccessControlSelect"


@blueprint.route(PAGE, methods=["GET", "POST"])
def deliver() -> Response:
    """The access level as a list to choose from."""
    return setup_portals.for_staff(_deliver)


def _deliver(visit: Visit) -> Response:
    saved = request.method == "POST"
    if saved:
        if not browser.is_confirmed(visit.session, PAGE):
            return browser.not_confirmed()
        chosen = dict(enumerate(deliverability.LEVELS)).get(request.form.get(_FIELD, -1, type=int))
        if chosen is None:  # guess: the page offers no other
            return browser.refusal("Deliverability", "Access level: invalid value.")
        with visit.org.transaction():
            deliverability.set_level(visit.org, chosen, visit.by)
    return browser.page(
        "deliverability.html",
        action=PAGE,
        field=_FIELD,
        level=deliverability.level(visit.org),
        levels=deliverability.LEVELS,
        saved=saved,
        token=browser.confirmation_token(visit.session, PAGE),
    )
