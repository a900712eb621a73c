"""`login` of the SOAP APIs: who gets a session, and what the others are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.http import context, soap_partner
from provisioner.emulator.http.soap_partner import Nil
from provisioner.emulator.login import login_history, password_login, passwords, site_admission
from provisioner.emulator.sites import networks
from provisioner.emulator.store import portals

if TYPE_CHECKING:
    from provisioner.emulator.partner.call import Call
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

SWITCH: Final = "SOAP login"  # the org's setting that may be "off"
_LAST: Final = 64  # `login` is not in v65 and later, fact 612
_SESSION_SECONDS: Final = 7200  # fact 609
# fact 611
_REFUSED: Final = "Invalid username, password, security token; or user locked out."
# what real orgs told clients that named an organisation: simple-salesforce issue 99 [V]
_REFUSED_IN_ORG: Final = (
    "Invalid username or password, locked out or Self-Service portal is not enabled"
)
# What public logs have of it, as jsforce issue 487 [V]
_NEW_LOCATION: Final = (
    "Invalid username, password, security token; or user locked out. Are you at a new location?"
    " When accessing Salesforce--either via a desktop client or the API--from outside of your"
    " company’s trusted networks, you must add a security token to your password to log in. To"  # noqa: RUF001 - theirs
    " get your new security token, log in to Salesforce. From your personal settings, enter Reset"
    " My Security Token in the Quick Find box, then select Reset My Security Token."
)
# Real orgs say so: theswamis/dataloadercliq issue 84, joeferraro/MavensMate-SublimeText issue 797
# [V]. "Login Rate Exceeded": knowledge article 000233559 [V], its code: guess. An inactive portal's
# code: WSDL [V]; that the text is the guide's description of it: guess.
_FAULTS: Final = {
    password_login.BAD_TIME: (
        "LOGIN_DURING_RESTRICTED_TIME",
        "cannot log in during restricted time",
    ),
    password_login.BAD_ADDRESS: (
        "LOGIN_DURING_RESTRICTED_DOMAIN",
        "cannot log in from current domain",
    ),
    password_login.NO_TOKEN: ("LOGIN_MUST_USE_SECURITY_TOKEN", _NEW_LOCATION),
    password_login.TOO_OFTEN: ("INVALID_LOGIN", "Login Rate Exceeded"),
    password_login.PORTAL_OFF: ("INACTIVE_PORTAL", "The referenced portal is inactive."),
}
# The SOAP guide has the code for it; that the text is the guide's description: guess
_NO_ACCESS: Final = ("PORTAL_NO_ACCESS", "Access to the specified portal is not available.")


def login(call: Call) -> list[Any]:
    """A session for whoever may have one, as LoginResult; each try of a known user is recorded."""
    _check_served(call)
    org = call.org
    in_org, portal = _scope(call)
    users = org.select("User", Username=_username(call))
    if not users:
        raise _refused(in_org=in_org and portal is None)
    (user,) = users
    with org.transaction():
        attempt = login_history.attempt(soap_partner.text(call.body, "password"), api=True)
        site = context.site()
        if site is None:
            status = password_login.by_scope(org, user, attempt, in_org=in_org, portal=portal)
        else:
            status = site_admission.status_of(org, site, user, attempt)
        _record(call, user, status, by_portal=portal is not None)
        password_login.count(org, user, status)
        if status == password_login.SUCCESS:
            expired = passwords.is_expired(org, user["Id"])
            session = org.start_session(user["Id"], context.EXPIRED_KIND if expired else "API")
    if status == password_login.NOT_MEMBER and portal is not None:
        raise SalesforceError(*_NO_ACCESS)
    if status in _FAULTS:
        raise SalesforceError(*_FAULTS[status])
    if status != password_login.SUCCESS:
        # A lock-out, too, is told so (fact 611); the rest: guess
        raise _refused(in_org=in_org and portal is None)
    here, organization = context.instance_url(), org.organization_id()
    here = here if site is None else networks.address(here, site)
    tail = f"{call.version}.0/{organization[:15]}"
    return [
        {
            "metadataServerUrl": f"{here}/services/Soap/m/{tail}",
            "passwordExpired": expired,
            "sandbox": bool(org.select("Organization")[0]["IsSandbox"]),
            "serverUrl": f"{here}/services/Soap/u/{tail}",
            "sessionId": session.token,
            "userId": user["Id"],
            "userInfo": info(org, user),
        }
    ]


def too_old(call: Call) -> None:
    """Records that a known user tried a retired version, whatever the password was (guess)."""
    for user in call.org.select("User", Username=_username(call)):
        with call.org.transaction():
            _record(call, user, password_login.TOO_OLD, by_portal=False)


def info(org: Org, user: dict[str, Any]) -> dict[str, Any]:
    """The user as GetUserInfoResult; its fields as in fact 609."""
    (organization,) = org.select("Organization")
    return {
        "accessibilityMode": False,
        "chatterExternal": False,
        "currencySymbol": "$",
        "orgAttachmentFileSizeLimit": 26_214_400,  # 25 MB, general knowledge [U]
        "orgDefaultCurrencyIsoCode": "USD",
        "orgDefaultCurrencyLocale": "en_US",
        "orgDisallowHtmlAttachments": False,
        "orgHasPersonAccounts": org.feature("PersonAccounts"),
        "organizationId": organization["Id"],
        "organizationMultiCurrency": False,
        "organizationName": organization["Name"],
        "profileId": user["ProfileId"],
        "roleId": user["UserRoleId"] or Nil(),
        "sessionSecondsValid": _SESSION_SECONDS,
        "userDefaultCurrencyIsoCode": Nil(),
        "userEmail": user["Email"] or "",
        "userFullName": user["Name"],
        "userId": user["Id"],
        "userLanguage": user["LanguageLocaleKey"],
        "userLocale": user["LocaleSidKey"],
        "userName": user["Username"],
        "userTimeZone": user["TimeZoneSidKey"],
        "userType": user["UserType"],
        "userUiSkin": "Theme3",
    }


def _check_served(call: Call) -> None:
    """Refuses versions that have no `login`, and every one where the org has it switched off.

    It is off in orgs made in Winter '26 and later (fact 612); a local org is as one made before
    (guess), until its option `SoapLogin` says otherwise. That no row of LoginHistory comes of
    either: guess.
    """
    if call.version > _LAST:  # forcedotcom/wsc issue 363 [V]
        raise SalesforceError(
            "INVALID_OPERATION",
            f"The SOAP Login operation is not available in the API version specified"
            f" ({call.version}.0). Refer to the documentation for supported versions.",
        )
    if call.org.setting(SWITCH) == "off":  # OpenFn/adaptors issue 1715 [V]
        raise SalesforceError(
            "INVALID_OPERATION",
            "SOAP API login() is disabled by default in this org. Contact the org administrator to"
            " enable SOAP API login().",
        )


def _username(call: Call) -> str:
    return soap_partner.text(call.body, "username").strip()


def _refused(*, in_org: bool) -> SalesforceError:
    """What a client is told that may be wrong in any way: texts as above [V]."""
    return SalesforceError("INVALID_LOGIN", _REFUSED_IN_ORG if in_org else _REFUSED)


def _scope(call: Call) -> tuple[bool, Row | None]:
    """The LoginScopeHeader: whether it names this organisation, and the portal it names."""
    header = call.headers.get("LoginScopeHeader")
    organization = soap_partner.text(header, "organizationId").strip()
    portal = soap_partner.text(header, "portalId").strip()
    if header is None or not organization:
        return False, None
    wanted = ids.normal(organization)
    if wanted is None:  # the WSDL gives `login` an InvalidIdFault; text: guess
        raise SalesforceError("INVALID_ID_FIELD", f"invalid organization id: {organization}")
    if wanted != call.org.organization_id():
        raise _refused(in_org=not portal)
    if not portal:
        return True, None
    row = portals.by_id(call.org, ids.normal(portal) or "")
    if row is None:
        raise SalesforceError("INVALID_ID_FIELD", f"invalid portal id: {portal}")  # guess
    return True, row


def _record(call: Call, user: dict[str, Any], status: str, *, by_portal: bool) -> None:
    client = soap_partner.text(call.headers.get("CallOptions"), "client") or "N/A"
    login_history.log_in(
        call.org,
        user["Id"],
        status,
        login_type="Customer Service Portal" if by_portal else "Other Apex API",
        more={
            "Application": client[:64],
            "ApiType": "SOAP Partner",  # as in LoginHistory of real orgs, general knowledge [U]
            "ApiVersion": f"{call.version}.0",
            "OptionsIsPost": True,
        },
    )
