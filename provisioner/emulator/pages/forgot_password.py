"""Forgot Your Password, of people of the company and of the members of a site.

The page mails a link that leads to a new password; the old one is good until then. "A maximum of 10
times in a 1-hour period" (Salesforce help, "Reset Passwords for Your Users" [V]). Its address, and
the field of its form: public tests of the page [V]; its texts, and that it tells nobody who is a
user: guess. The security question, which comes first in a real org, is not asked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, abort, request

from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.http import context
from provisioner.emulator.login import mails, password_login, site_admission
from provisioner.emulator.pages import browser
from provisioner.emulator.schema import licenses

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

blueprint = Blueprint("forgot_page", __name__)

PAGE: Final = "/secur/forgotpassword.jsp"
_MOST: Final = 10
_HOUR: Final = timedelta(hours=1)


@blueprint.route(PAGE, defaults={"prefix": ""}, methods=["GET", "POST"])
@blueprint.route(f"/<prefix>{PAGE}", methods=["GET", "POST"])
def forgot(prefix: str) -> Response:
    """Mails a link to whoever may log in here."""
    org = context.org()
    site = site_admission.by_prefix(org, prefix)
    if prefix and site is None:
        abort(404)
    username = request.form.get("un", "").strip()
    if request.method == "POST":
        for user in org.select("User", Username=username):
            with org.transaction():
                staff = not prefix and user["UserType"] in licenses.STAFF
                if (staff or _is_member(org, user, site)) and _may_ask(org, user):
                    mails.mail_link(org, context.instance_url(), user["Id"])
    return browser.page(
        "forgot_password.html",
        action=request.path,
        login_page=f"/{prefix}/login" if prefix else "/",
        name="Salesforce" if site is None else site["Name"],
        sent=request.method == "POST" and bool(username),
    )


def _is_member(org: Org, user: dict[str, Any], site: dict[str, Any] | None) -> bool:
    return site is not None and site_admission.admits(org, site, user) == password_login.SUCCESS


def _may_ask(org: Org, user: dict[str, Any]) -> bool:
    """Whether the user may log in, and asks less often than the org allows; counts it."""
    if password_login.standing(org, user) != password_login.SUCCESS:
        return False
    now = org.now()
    org.execute("DELETE FROM forgotten WHERE at <= ?", (timestamp(now - _HOUR),))
    asked = org.execute("SELECT COUNT(*) FROM forgotten WHERE user_id = ?", (user["Id"],))
    if asked[0][0] >= _MOST:
        return False
    org.execute("INSERT INTO forgotten VALUES (?, ?)", (user["Id"], timestamp(now)))
    return True
