"""The setup page of a custom object: whether it is "Available for Customer Portal".

The box is the only way to say so, as metadata has no word for it; its address and its id are those
that browserforce uses against real orgs (fact 108), the texts are a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from flask import Blueprint, Response, request

from provisioner.emulator.base import ids
from provisioner.emulator.pages import browser, portal_form, setup_portals
from provisioner.emulator.rules import portal_objects
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from provisioner.emulator.pages.setup_portals import Visit
    from provisioner.emulator.schema.objects import SObject

blueprint = Blueprint("custom_object_page", __name__)

LIST_PAGE: Final = "/p/setup/custent/CustomObjectsPage"
_BOX: Final = "options_9"


@blueprint.get(LIST_PAGE)
def listed() -> Response:
    """The custom objects, each with a link to its page. The address is general knowledge [U]."""
    return setup_portals.for_staff(_listed)


@blueprint.get("/01I<rest>")
def detail(rest: str) -> Response:
    """One custom object."""
    return setup_portals.for_staff(lambda visit: _of_object(visit, f"01I{rest}", form=False))


@blueprint.route("/01I<rest>/e", methods=["GET", "POST"])
def edit(rest: str) -> Response:
    """What this page may set of a custom object."""
    return setup_portals.for_staff(lambda visit: _of_object(visit, f"01I{rest}", form=True))


def _listed(visit: Visit) -> Response:
    rows = components.rows(visit.org, "CustomObject")
    found = [(row.id[:15], unquote(row.full_name)) for row in rows]
    return browser.page("custom_objects.html", objects=found)


def _of_object(visit: Visit, id_: str, *, form: bool) -> Response:
    row = components.by_id(visit.org, "CustomObject", ids.normal(id_) or "")
    if row is None:
        return setup_portals.no_longer_there()
    sobject = visit.org.catalog().get(unquote(row.full_name))
    assert sobject is not None, "every custom object is described"
    return _edit(visit, row.id[:15], sobject) if form else _detail(visit, row.id[:15], sobject)


def _detail(visit: Visit, id15: str, sobject: SObject) -> Response:
    available = portal_objects.is_available(visit.org, sobject.name)
    return browser.page(
        "custom_object.html", available=available, id15=id15, list_page=LIST_PAGE,
        org=visit.org, sobject=sobject,
    )  # fmt: skip


def _edit(visit: Visit, id15: str, sobject: SObject) -> Response:
    page = f"/{id15}/e"
    if request.method == "POST":
        if not browser.is_confirmed(visit.session, page):
            return browser.not_confirmed()
        if visit.org.feature("CustomerPortal"):
            ticked = _BOX in request.form
            with visit.org.transaction():
                portal_objects.set_available(visit.org, sobject.name, ticked, visit.by)
        return browser.go(request.form.get("retURL") or f"/{id15}")
    ticked = portal_objects.is_available(visit.org, sobject.name)
    if _BOX in request.args:  # a parameter of the address sets it, as browserforce does [V]
        ticked = portal_form.is_ticked(request.args[_BOX])
    return browser.page(
        "custom_object_edit.html",
        action=page,
        box=_BOX,
        id15=id15,
        org=visit.org,
        sobject=sobject,
        then=request.args.get("retURL", ""),
        ticked=ticked,
        token=browser.confirmation_token(visit.session, page),
    )
