"""SCIM 2.0, `/services/scim/v2/Users`: users read, found, deactivated and let in again.

The standard is RFC 7643 and 7644; which endpoints Salesforce has, and that DELETE deactivates, is
said in its help ("SCIM and REST API Reference Sheet") [V]. The forms of answers follow the standard
where no recording of Salesforce's is at hand: guess. Users are made and changed by the other APIs.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, request

from provisioner.emulator.access import permissions
from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError, not_found
from provisioner.emulator.http import context, quota
from provisioner.emulator.rules import save
from provisioner.emulator.rules.fields import existing
from provisioner.emulator.schema import objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.emulator.store.org import Org

blueprint = Blueprint("scim", __name__, url_prefix="/services/scim/v2")

_USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
_LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
_PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_MOST: Final = 200  # of one answer (Salesforce help, of entitlements)
_DIGITS: Final = 9
_FILTER: Final = re.compile(
    r'\s*(userName|id|active|externalId|emails(?:\.value)?)\s+eq\s+(?:"([^"]*)"|(true|false))\s*',
    re.IGNORECASE,
)
_FIELDS: Final = {
    "username": "Username", "id": "Id", "active": "IsActive",
    "externalid": "FederationIdentifier", "emails": "Email", "emails.value": "Email",
}  # fmt: skip


@blueprint.get("/Users")
def listed() -> Response:
    """The users, or those that a filter `attribute eq "value"` finds, from `startIndex` on."""

    def work(org: Org, _by: str) -> tuple[Any, int]:
        wanted = _filtered(request.args.get("filter", ""))
        start = max(1, _whole("startIndex", 1))
        count = min(_MOST, _whole("count", _MOST))
        found = org.find("User", **wanted)
        rows = [org.get("User", id_) for id_ in found[start - 1 : start - 1 + count]]
        shown = [_shown(org, row) for row in rows if row is not None]
        return {
            "schemas": [_LIST],
            "totalResults": len(found),
            "startIndex": start,
            "itemsPerPage": len(shown),
            "Resources": shown,
        }, 200

    return _answered(work)


@blueprint.route("/Users/<id_>", methods=("GET", "PATCH", "DELETE"))
def one(id_: str) -> Response:
    """A user: told, let in or kept out (`PATCH` of `active`), deactivated (`DELETE`)."""

    def work(org: Org, by: str) -> tuple[Any, int]:
        table = objects.tables()["user"]
        user = existing(org, table, ids.normal(id_) or id_)
        if request.method == "GET":
            return _shown(org, user), 200
        active = False if request.method == "DELETE" else _wanted(request.get_json(silent=True))
        save.update(org, by, table, user["Id"], {"IsActive": active})
        if request.method == "DELETE":
            return None, 204
        return _shown(org, existing(org, table, user["Id"])), 200

    return _answered(work)


def _answered(work: Callable[[Org, str], tuple[Any, int]]) -> Response:
    """The answer of `work` for the session's user, or its refusal in the form of the standard."""
    try:
        session = context.require_session()
        org = context.org()
        quota.check(org, quota.count(org), request.environ)
        if not permissions.has(org, session.user_id, "ManageUsers"):
            raise permissions.no_access()
        body, status = work(org, session.user_id)
    except SalesforceError as error:
        refused = {"schemas": [_ERROR], "detail": error.message, "status": str(error.status)}
        body, status = refused, error.status
    if body is None:
        return Response(status=status)
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "replace"), status, content_type="application/scim+json")


def _filtered(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    found = _FILTER.fullmatch(text)
    if found is None:
        # codes of RFC 7644; texts: guess
        raise SalesforceError("INVALID_FILTER", f"The local org does not serve the filter {text}")
    name, value, flag = found.groups()
    field = _FIELDS[name.lower()]
    if (flag is None) == (field == "IsActive"):
        raise SalesforceError("INVALID_FILTER", f"The value does not fit the attribute: {text}")
    return {field: value if flag is None else flag.lower() == "true"}


def _whole(name: str, otherwise: int) -> int:
    text = request.args.get(name, "")
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else otherwise


def _wanted(body: Any) -> bool:
    """What a PATCH makes of `active`; anything else is refused."""
    match body:
        case {"schemas": [str() as schema], "Operations": [{"op": str() as op, **rest}]} if (
            schema == _PATCH and op.lower() == "replace"
        ):
            match rest:
                case {"path": "active", "value": bool() as active}:
                    return active
                case {"value": {"active": bool() as active}} if "path" not in rest:
                    return active
        case {"active": bool() as active}:  # as SCIM 1.1 writes it
            return active
    raise SalesforceError(  # text: guess
        "INVALID_SYNTAX", "The local org serves one operation: to replace `active` with a boolean"
    )


def _shown(org: Org, user: dict[str, Any]) -> dict[str, Any]:
    profile = org.get("Profile", user["ProfileId"]) if user["ProfileId"] else None
    here = context.instance_url()
    shown: dict[str, Any] = {
        "schemas": [_USER],
        "id": user["Id"],
        "externalId": user["FederationIdentifier"],
        "userName": user["Username"],
        "name": {
            "formatted": user["Name"],
            "familyName": user["LastName"],
            "givenName": user["FirstName"],
        },
        "displayName": user["Name"],
        "nickName": user["CommunityNickname"],
        "emails": [{"type": "work", "primary": True, "value": user["Email"]}],
        "title": user["Title"],
        "locale": user["LocaleSidKey"],
        "preferredLanguage": user["LanguageLocaleKey"],
        "timezone": user["TimeZoneSidKey"],
        "active": user["IsActive"],
        "entitlements": [
            {"value": profile["Id"], "display": profile["Name"], "type": "Profile",
             "primary": True}
        ] if profile else [],
        "meta": {
            "resourceType": "User",
            "created": user["CreatedDate"].replace("+0000", "Z"),
            "lastModified": user["LastModifiedDate"].replace("+0000", "Z"),
            "location": f"{here}/services/scim/v2/Users/{user['Id']}",
        },
    }  # fmt: skip
    return {name: value for name, value in shown.items() if value is not None}


@blueprint.route("/<path:_other>", methods=("GET", "POST", "PUT", "PATCH", "DELETE"))
def elsewhere(_other: str) -> Response:
    """Everything else of SCIM is not served."""

    def refuse(_org: Org, _by: str) -> tuple[Any, int]:
        raise not_found()

    return _answered(refuse)
