"""The API of one site: the token endpoint and SOAP below the site's own address.

Members of a site get tokens at `https://<site>/services/oauth2/token` (fact 614),
and log in by SOAP below the same address [U]. REST is served at the instance alone, which the
token's answer names.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort, g

from provisioner.emulator.http import context
from provisioner.emulator.login import site_admission
from provisioner.emulator.oauth import endpoints as oauth
from provisioner.emulator.partner import endpoint as partner

blueprint = Blueprint("site_api", __name__)


@blueprint.route("/<prefix>/services/oauth2/token", methods=oauth.METHODS)
def token(prefix: str) -> Response:
    """A token for a member of the site."""
    _enter(prefix)
    return oauth.token()


@blueprint.post("/<prefix>/services/Soap/u/<version>")
@blueprint.post("/<prefix>/services/Soap/u/<version>/<path:_rest>")
def soap(prefix: str, version: str, _rest: str = "") -> Response:
    """One SOAP call, `login` of a member of the site among them."""
    _enter(prefix)
    return partner.serve(version)


def _enter(prefix: str) -> None:
    site = site_admission.by_prefix(context.org(), prefix)
    if site is None:
        abort(404)
    g.site = site
