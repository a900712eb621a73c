"""The local org as a WSGI app: everything that happens to a request, in order.

1. `middleware.Worded`: words the reason of the status line on the way out.
2. `middleware.Snapshot`: one state of the org, and a memory of what was read, until the end.
3. `middleware.Counted`: counts the request among those that run for long.
4. `control.middleware.Watched`, where there is the interface for tests: latency, faults, the log.
5. `clockwork.run_due`: what is due by the clock of the org.
6. The function of a surface, by Flask's map, or `refusals.unrouted` if there is none.
7. `gate.enter`, called by that function: version, session, limits, permissions, pending Bulk jobs.
8. For the REST API, `rest.router.ROUTES`; for SOAP, the table of operations.
9. `bodies.pack`: compresses the body of the answer.
"""

from __future__ import annotations

from functools import partial
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
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication

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
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a path with `//` is not redirected
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # Salesforce does not answer it: `refusals`
    app.json.sort_keys = False  # type: ignore[attr-defined]
    for wrap in reversed(_around(org, app, control=control, control_token=control_token)):
        app.wsgi_app = wrap(app.wsgi_app)  # type: ignore[assignment, method-assign]
    app.before_request(lambda: clockwork.run_due(org))
    for surface in _SURFACES:  # their functions call `gate.enter`, which runs pending Bulk jobs
        app.register_blueprint(surface.blueprint)
    app.extensions[CATCH_UP] = clockwork.catch_up
    app.register_error_handler(HTTPException, refusals.unrouted)
    app.after_request(bodies.pack)
    return app


def _around(
    org: Org, app: Flask, *, control: bool, control_token: str | None
) -> list[Callable[[WSGIApplication], WSGIApplication]]:
    """What surrounds the app, from the outside to the inside."""
    steps: list[Callable[[WSGIApplication], WSGIApplication]] = [
        middleware.Worded,  # the reason in the status line
        partial(middleware.Snapshot, org),  # one state of the org, and what was read of it
        partial(middleware.Counted, org),  # how many requests run for long, with their delays
    ]
    if control:
        from provisioner.emulator.control import endpoint as door

        steps.append(door.install(app, control_token))  # latency, faults and the request log
    return steps
