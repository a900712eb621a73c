"""The SOAP partner API: `/services/Soap/u/<version>`, who is there and their passwords.

This module knows the protocol (envelope, session, versions, faults) and the calls about users;
calls about records are in `queries` and `records`. The enterprise API, whose types depend on the
org, is not served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response
from lxml import etree

from provisioner.emulator.access import permissions
from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError, not_served
from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.http import bodies, context, gate, soap_partner
from provisioner.emulator.http.soap_partner import PARTNER
from provisioner.emulator.login import mails, password_login, passwords
from provisioner.emulator.partner import (
    call as partner_call,
)
from provisioner.emulator.partner import (
    login,
    queries,
    records,
)
from provisioner.emulator.partner.call import Call
from provisioner.emulator.rules import duplicates
from provisioner.emulator.rules.fields import existing
from provisioner.emulator.schema import objects
from provisioner.emulator.schema.versions import OLDEST
from provisioner.emulator.schema.wsdl import InvalidXml

if TYPE_CHECKING:
    from collections.abc import Callable

blueprint = Blueprint("partner", __name__)

_OWN_PASSWORD_SINCE: Final = 37  # changeOwnPassword, fact 605
# Operations of the partner WSDL that this org has not; they are refused by name.
_ELSEWHERE: Final = frozenset(
    {"convertLead", "describeAllTabs", "describeAppMenu", "describeApprovalLayout",
     "describeAvailableQuickActions", "describeCompactLayouts", "describeDataCategoryGroups",
     "describeDataCategoryGroupStructures", "describeGlobalTheme", "describeKnowledgeSettings",
     "describeLayout", "describeNouns", "describePathAssistants", "describePrimaryCompactLayouts",
     "describeQuickActions", "describeSObjectListViews", "describeSearchLayouts",
     "describeSearchScopeOrder", "describeSearchableEntities", "describeSoftphoneLayout",
     "describeSoqlListViews", "describeTabs", "describeTheme", "describeVisualForce",
     "executeListView", "findDuplicates", "findDuplicatesByIds", "merge", "performQuickActions",
     "process",
     "renderEmailTemplate", "renderStoredEmailTemplate", "retrieveQuickActionTemplates",
     "sendEmail", "sendEmailMessage"}
)  # fmt: skip


@blueprint.post("/services/Soap/u/<version>")
@blueprint.post("/services/Soap/u/<version>/<path:_rest>")
def serve(version: str, _rest: str = "") -> Response:
    """Answers one SOAP call; a path behind the version (an org's id) is ignored."""
    try:
        body, headers = soap_partner.read(bodies.unpacked())
        return _answer(version, body, headers)
    except (InvalidXml, bodies.BadEncodingError) as error:
        return soap_partner.client_fault(str(error))
    except SalesforceError as error:
        return soap_partner.fault(error.code, error.message)


def _answer(version: str, body: Any, headers: dict[str, Any]) -> Response:
    name = etree.QName(body)
    number = gate.version_number("partner", version) or 0
    if name.localname == "login" and 0 < number < OLDEST:
        login.too_old(Call(context.org(), number, None, body, headers))
    gate.check_version("partner", version)
    if name.namespace == PARTNER and name.localname in _ELSEWHERE:
        gate.enter("partner", _token(headers), version, operation=name.localname)
        raise not_served(name.localname)
    if name.namespace != PARTNER or name.localname not in OPERATIONS:
        raise InvalidXml(_no_operation(body))
    org = context.org()
    answered = f"{name.localname}Response"
    if name.localname == "login":
        call = Call(org, number, None, body, headers)
        return soap_partner.answer(answered, login.login(call))
    caller = gate.enter("partner", _token(headers), version, operation=name.localname)
    call = Call(org, number, caller.session, body, headers)
    saves = soap_partner.text(headers.get("DuplicateRuleHeader"), "allowSave").strip()
    with duplicates.saving(f"allowSave={saves}" if saves else "", call.base):
        result = OPERATIONS[name.localname](call)
    return soap_partner.answer(answered, result, usage=caller.usage)


def _no_operation(body: Any) -> str:
    # stubs of a real org's answers [V]
    return f"No operation available for request {body.tag}, please check the WSDL for the service."


def _token(headers: dict[str, Any]) -> str:
    return soap_partner.text(headers.get("SessionHeader"), "sessionId").strip()


# -- users -------------------------------------------------------------------------------------


def _user_info(call: Call) -> list[Any]:
    user = call.org.get("User", call.by)
    assert user is not None, "a session without its user"
    return [login.info(call.org, user)]


def _logout(call: Call) -> list[Any]:
    assert call.session is not None
    call.org.end_sessions(token=call.session.token)
    return []


def _invalidate(call: Call) -> list[Any]:
    """Ends sessions of the caller; another's is refused (guess)."""
    results: list[Any] = []
    for token in soap_partner.texts(call.body, "sessionIds"):
        found = call.org.session(token)
        if found is not None and found.user_id == call.by:
            call.org.end_sessions(token=token)
            results.append({"success": True})
            continue
        problem = {"message": "Invalid session id", "statusCode": "INVALID_SESSION_ID"}
        results.append({"errors": problem, "success": False})
    return results


def _timestamp(call: Call) -> list[Any]:
    return [{"timestamp": partner_call.moment(timestamp(call.org.now()))}]


def _set_password(call: Call) -> list[Any]:
    org, new = call.org, soap_partner.text(call.body, "password")
    user = _user(call)
    with org.transaction():
        passwords.set_password(org, user["Id"], new, own=user["Id"] == call.by)
        org.audit(
            call.by, "changedpassword", "Manage Users", f"Changed password for user {user['Name']}"
        )
        if user["Id"] == call.by:
            _full_session(call)
    return [{}]


def _reset_password(call: Call) -> list[Any]:
    org = call.org
    user = _user(call)
    new = passwords.temporary()
    with org.transaction():
        passwords.keep(org, user["Id"], new, expired=True)
        password_login.unlock(org, user["Id"], call.by)
        org.audit(
            call.by, "resetpassword", "Manage Users", f"Reset password for user {user['Name']}"
        )
        if partner_call.triggers_user_email(call):
            mails.mail_password(org, context.instance_url(), user["Id"], new)
    return [{"password": new}]


def _change_own_password(call: Call) -> list[Any]:
    if call.version < _OWN_PASSWORD_SINCE:
        raise InvalidXml(_no_operation(call.body))
    old = soap_partner.text(call.body, "oldPassword")
    if not passwords.matches(call.org, call.by, old):
        # the fault [V], its text: guess
        raise SalesforceError("INVALID_OLD_PASSWORD", "invalid old password")
    with call.org.transaction():
        new = soap_partner.text(call.body, "newPassword")
        passwords.set_password(call.org, call.by, new, own=True)
    return [{}]


def _user(call: Call) -> dict[str, Any]:
    """The user of `userId`, whose password the caller may set."""
    asked = soap_partner.text(call.body, "userId").strip()
    id_ = ids.normal(asked)
    try:
        if id_ is None or id_[:3] != "005":
            raise SalesforceError("INVALID_ID_FIELD", "")
        user = existing(call.org, objects.tables()["user"], id_)
    except SalesforceError:
        # "A specified ID was invalid" (fact 606); the text: guess
        raise SalesforceError("INVALID_ID_FIELD", f"invalid user id: {asked}") from None
    if not permissions.may_set_password(call.org, call.by, id_):
        raise SalesforceError("INSUFFICIENT_ACCESS", "insufficient access rights on object id")
    return user


def _full_session(call: Call) -> None:
    """A session of somebody whose password had expired may do everything from here on."""
    assert call.session is not None
    if call.session.kind == context.EXPIRED_KIND:
        token = call.session.token
        call.org.execute("UPDATE session SET kind = 'API' WHERE token = ?", (token,))


_USERS: Final[dict[str, Callable[[Call], list[Any]]]] = {
    "logout": _logout,
    "invalidateSessions": _invalidate,
    "getUserInfo": _user_info,
    "getServerTimestamp": _timestamp,
    "setPassword": _set_password,
    "resetPassword": _reset_password,
    "changeOwnPassword": _change_own_password,
}
OPERATIONS: Final[dict[str, Callable[[Call], list[Any]]]] = (
    _USERS | {"login": login.login} | queries.OPERATIONS | records.OPERATIONS
)
