"""The local org as a WSGI app: one Flask blueprint for each Salesforce surface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Flask
from werkzeug.exceptions import HTTPException

from provisioner.emulator.bulk import v1 as bulk1
from provisioner.emulator.http import (
    bodies as transport,
)
from provisioner.emulator.http import (
    concurrency as long_running,
)
from provisioner.emulator.http import (
    refusals,
)
from provisioner.emulator.http import (
    status_lines as reasons,
)
from provisioner.emulator.http.context import EXTENSION
from provisioner.emulator.login import password_login as logins
from provisioner.emulator.metadata import endpoint as metadata
from provisioner.emulator.oauth import endpoints as auth
from provisioner.emulator.pages import (
    forgot_password as forgot_page,
)
from provisioner.emulator.pages import (
    mail as mail_page,
)
from provisioner.emulator.pages import (
    oauth as oauth_pages,
)
from provisioner.emulator.pages import (
    portal_login as portal,
)
from provisioner.emulator.pages import (
    portal_passwords,
    portal_registration,
    site_login,
    staff_login,
)
from provisioner.emulator.pages import (
    security_token as token_page,
)
from provisioner.emulator.pages import (
    setup_custom_object as custom_object_page,
)
from provisioner.emulator.pages import (
    setup_deliverability as deliverability_page,
)
from provisioner.emulator.pages import (
    setup_portals as setup,
)
from provisioner.emulator.pages import (
    site_addresses as site_api,
)
from provisioner.emulator.pages import (
    site_sender as site_pages,
)
from provisioner.emulator.pages import (
    verify_identity as identity_page,
)
from provisioner.emulator.partner import endpoint as partner
from provisioner.emulator.rest import router as rest
from provisioner.emulator.rules import recycle_bin
from provisioner.emulator.scim import api as scim

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

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
    app = Flask(__name__, static_folder=None, template_folder="pages/templates")
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
        from provisioner.emulator.control import endpoint as door

        door.install(app, control_token)
    counted = long_running.Counted(org, app.wsgi_app)
    app.wsgi_app = reasons.Worded(counted)  # type: ignore[assignment, method-assign]
    return app
