"""Where the members of an Experience Cloud site log in: the address that Connect tells.

Status texts of LoginHistory: fact 617. The form stands for the login pages of all
templates, and inside the site a member sees what a portal's user sees (guess).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, g, request

from provisioner.emulator.http import context
from provisioner.emulator.login import login_history, password_login
from provisioner.emulator.login.site_admission import by_prefix, status_of
from provisioner.emulator.pages import browser
from provisioner.emulator.sites import networks

if TYPE_CHECKING:
    pass

blueprint = Blueprint("site_login", __name__)

# what the login page of a site's Visualforce pages says, general knowledge [U]
_FAILED: Final = "Your login attempt has failed. Make sure the username and password are correct."


@blueprint.route("/login", defaults={"prefix": ""}, methods=["GET", "POST"])
@blueprint.route("/s/login", defaults={"prefix": ""}, methods=["GET", "POST"])
@blueprint.route("/<prefix>/login", methods=["GET", "POST"])
@blueprint.route("/<prefix>/s/login", methods=["GET", "POST"])
def login(prefix: str) -> Response:
    """The login form of one site."""
    org = context.org()
    network = by_prefix(org, prefix)
    if network is None:
        # as Classic says for an address that is none, general knowledge [U]
        text = "You have attempted to reach a URL that no longer exists on salesforce.com."
        return browser.refusal("URL No Longer Exists", text)
    if request.method == "GET":
        return _form(network, "")
    g.site = network
    if "SAMLResponse" in request.form:
        return browser.no_saml()
    attempt = login_history.attempt(request.form.get("pw", ""), api=False)
    for user in org.select("User", Username=request.form.get("un", "").strip()):
        with org.transaction():
            status = status_of(org, network, user, attempt)
            # the type of a login to a site, general knowledge [U]
            login_history.log_in(
                org, user["Id"], status, login_type="Chatter Communities External User"
            )
            password_login.count(org, user, status)
        if status == password_login.SUCCESS:
            session = org.start_session(user["Id"], context.PORTAL_KIND)
            return browser.enter(session, browser.PORTAL_HOME)
    return _form(network, _FAILED)


def _form(network: dict[str, Any], error: str) -> Response:
    return browser.page(
        "site_login.html",
        action=request.path,
        error=error,
        forgot=f"{networks.address('', network)}/secur/forgotpassword.jsp",
        name=network["Name"],
        username=request.form.get("un", ""),
    )
