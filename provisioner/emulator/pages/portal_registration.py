"""Self-registration: a contact who is allowed to makes its own user of the portal.

"Self-registration will allow existing contacts within your Salesforce org to sign up for portal
access": the portal switches it on, the contact's `CanAllowPortalSelfReg` allows it, and the new
user gets the portal's default profile and role (Customer Portal how-to of forcecertified.com [Q]).
Address, form and texts of the page: guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, request

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.http import context
from provisioner.emulator.login import mails, passwords
from provisioner.emulator.pages import browser, portal_login
from provisioner.emulator.rules import save
from provisioner.emulator.schema import licenses
from provisioner.emulator.store import portals

if TYPE_CHECKING:
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

blueprint = Blueprint("portal_registration", __name__)

_UNKNOWN: Final = (
    "We can't register you with this e-mail address. Please contact your administrator for help."
)


@blueprint.route(portal_login.REGISTER_PAGE, methods=["GET", "POST"])
def register() -> Response:
    """The form that takes an e-mail address."""
    row = portal_login.asked_portal()
    if row is None or not portals.stored(row)["isSelfRegistrationActivated"]:
        return portal_login.no_portal("Registration")
    org = context.org()
    email = request.form.get("email", "").strip()
    error = ""
    if request.method == "POST":
        error = _register(org, row, email) if email else "Enter your e-mail address."
    return browser.page(
        "portal_register.html",
        **portal_login.fields(org, row),
        email=email,
        error=error,
        sent=request.method == "POST" and not error,
    )


def _register(org: Org, row: Row, email: str) -> str:
    """Makes the user of the one contact with that address; the problem, or nothing.

    Its username is the address, and the portal's administrator makes it (guess).
    """
    contacts = [one for one in org.select("Contact", Email=email) if one["CanAllowPortalSelfReg"]]
    if len(contacts) != 1:
        return _UNKNOWN
    (contact,) = contacts
    held = portals.stored(row)
    by = held.get("adminId")
    sobject = org.catalog().get("User")
    assert sobject is not None, "every org has users"
    if by is None:
        return _UNKNOWN
    try:
        with org.transaction():
            id_ = save.create(org, by, sobject, _values(org, contact, held))
            new = passwords.temporary()
            passwords.keep(org, id_, new, expired=True)
            mails.mail_password(org, context.instance_url(), id_, new, new=True)
    except SalesforceError as error:
        return f"Error: {error.message.partition('<br>')[0]}"
    return ""


def _values(org: Org, contact: dict[str, Any], portal_values: dict[str, Any]) -> dict[str, Any]:
    (organization,) = org.select("Organization")
    profile = org.get("Profile", portal_values["profileId"])
    assert profile is not None, "the default profile of a portal is not deleted"
    license_ = org.get("UserLicense", profile["UserLicenseId"])
    assert license_ is not None, "a profile without a licence"
    # a licence has roles or has none, fact 417
    takes_role = licenses.BY_KEY[license_["LicenseDefinitionKey"]].roles
    role = portal_values.get("selfRegUserDefaultRole")
    first = contact["FirstName"] or ""
    return {
        "Username": contact["Email"],
        "Email": contact["Email"],
        "FirstName": contact["FirstName"],
        "LastName": contact["LastName"],
        "Alias": (first[:1] + contact["LastName"])[:8].lower(),
        "TimeZoneSidKey": organization["TimeZoneSidKey"],
        "LocaleSidKey": organization["DefaultLocaleSidKey"],
        "LanguageLocaleKey": portal_values.get(
            "defaultLanguage", organization["LanguageLocaleKey"]
        ),
        "EmailEncodingKey": "UTF-8",
        "ProfileId": portal_values["profileId"],
        "ContactId": contact["Id"],
        "IsPortalSelfRegistered": True,
        **({"PortalRole": role} if role and takes_role else {}),
    }
