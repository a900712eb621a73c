"""The local org as a WSGI app: one Flask blueprint for each Salesforce surface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Flask
from werkzeug.exceptions import HTTPException

from provisioner.emulator import (
    auth,
    bulk1,
    custom_object_page,
    deliverability_page,
    forgot_page,
    identity_page,
    logins,
    long_running,
    mail_page,
    metadata,
    oauth_pages,
    partner,
    portal,
    portal_passwords,
    portal_registration,
    reasons,
    recycle_bin,
    refusals,
    rest,
    scim,
    setup,
    site_api,
    site_login,
    site_pages,
    staff_login,
    token_page,
    transport,
)
from provisioner.emulator.context import EXTENSION

if TYPE_CHECKING:
    from provisioner.emulator.store import Org

_SURFACES: Final = (
    auth, oauth_pages, rest, scim, bulk1, metadata, partner, staff_login, setup, portal,
    portal_passwords, portal_registration, site_login, site_pages, token_page, custom_object_page,
    deliverability_page, site_api, identity_page, forgot_page, mail_page,
)  # fmt: skip


def create_app(org: Org, *, control: bool = False, control_token: str | None = None) -> Flask:
    """The app that serves `org`.

    With `control`, also `/emulator/` (see the module `control`), which needs `control_token`, or
    else a random token, and requests are logged in `app.extensions["request log"]`.
    """
    app = Flask(__name__, static_folder=None)
    app.extensions[EXTENSION] = org
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a path with `//` is not redirected
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # Salesforce does not answer it: `refusals`
    app.json.sort_keys = False  # type: ignore[attr-defined]
    for surface in _SURFACES:
        app.register_blueprint(surface.blueprint)
    app.before_request(lambda: logins.end_lockouts(org))
    app.before_request(lambda: recycle_bin.expire(org))
    app.after_request(transport.pack)
    app.register_error_handler(HTTPException, refusals.unrouted)
    if control:
        from provisioner.emulator import control as door

        door.install(app, control_token)
    counted = long_running.Counted(org, app.wsgi_app)
    app.wsgi_app = reasons.Worded(counted)  # type: ignore[assignment, method-assign]
    return app
