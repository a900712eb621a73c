"""The local org as a WSGI app: one Flask blueprint for each Salesforce surface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Flask
from werkzeug.exceptions import HTTPException

from provisioner.emulator import clockwork
from provisioner.emulator.bulk import v1 as bulk1
from provisioner.emulator.http import (
    bodies,
    middleware,
    refusals,
)
from provisioner.emulator.http.context import CATCH_UP, EXTENSION
from provisioner.emulator.metadata import endpoint as metadata
from provisioner.emulator.oauth import endpoints as oauth
from provisioner.emulator.pages import (
    forgot_password,
    mail,
    portal_login,
    portal_passwords,
    portal_registration,
    security_token,
    setup_custom_object,
    setup_deliverability,
    setup_portals,
    site_addresses,
    site_login,
    site_sender,
    staff_login,
    verify_identity,
)
from provisioner.emulator.pages import oauth as oauth_pages
from provisioner.emulator.partner import endpoint as partner
from provisioner.emulator.rest import router as rest

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

_SURFACES: Final = (
    oauth, oauth_pages, rest, bulk1, metadata, partner, staff_login, setup_portals,
    portal_login, portal_passwords, portal_registration, site_login, site_sender, security_token,
    setup_custom_object, setup_deliverability, site_addresses, verify_identity, forgot_password,
    mail,
)  # fmt: skip


def create_app(org: Org, *, control: bool = False, control_token: str | None = None) -> Flask:
    """The app that serves `org`.

    With `control`, also `/emulator/` (see `control.endpoint`), which needs `control_token`, or
    else a random token, and requests are logged in `app.extensions["request log"]`.
    """
    app = Flask(__name__, static_folder=None, template_folder="pages/templates")
    app.extensions[EXTENSION] = org
    app.extensions[CATCH_UP] = clockwork.catch_up
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a path with `//` is not redirected
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # Salesforce does not answer it: `refusals`
    app.json.sort_keys = False  # type: ignore[attr-defined]
    for surface in _SURFACES:
        app.register_blueprint(surface.blueprint)
    app.before_request(lambda: clockwork.run_due(org))
    app.after_request(bodies.pack)
    app.register_error_handler(HTTPException, refusals.unrouted)
    if control:
        from provisioner.emulator.control import endpoint as door

        door.install(app, control_token)
    counted = middleware.Counted(org, app.wsgi_app)
    app.wsgi_app = middleware.Worded(middleware.Snapshot(org, counted))  # type: ignore[assignment, method-assign]
    return app
