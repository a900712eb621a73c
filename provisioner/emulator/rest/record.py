"""REST resources of one record: by id, by key, and a user's password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import permissions, visible
from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError, no_such_column, not_found
from provisioner.emulator.http import bodies
from provisioner.emulator.http.call import Answer, Call, unknown_key
from provisioner.emulator.login import mails, password_login, passwords
from provisioner.emulator.rest import recent
from provisioner.emulator.rules import save
from provisioner.emulator.rules.fields import existing
from provisioner.emulator.schema import describe_json, objects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.objects import Field, SObject

_POST_ID_SINCE: Final = 37  # `POST /sobjects/X/Id`, fact 745
_CREATED_SINCE: Final = 46  # `created` in upsert answers, fact 740


def collection(call: Call, sobject: SObject) -> Answer:
    """`/sobjects/X`: what it is, or a new record."""
    if call.method == "POST":
        return _created(call, sobject, save.create(call.org, call.by, sobject, call.json()))
    brief = describe_json.brief(sobject, call.base)
    return Answer(200, {"objectDescribe": brief, "recentItems": recent.of_object(call, sobject)})


def by_id(call: Call, sobject: SObject, text: str) -> Answer:
    """`/sobjects/X/<id>`; `Id` in its place inserts (API >= 37, fact 745)."""
    if call.method == "POST":
        if call.version < _POST_ID_SINCE:
            call.allow("DELETE", "GET", "HEAD", "PATCH")
        return collection(call, sobject)
    id_ = ids.normal(text)
    if id_ is None:
        raise unknown_key(text)
    if id_[:3] != sobject.prefix:
        raise not_found()
    return _row(call, sobject, id_)


def by_key(call: Call, sobject: SObject, name: str, value: str) -> Answer:
    """`/sobjects/X/<field>/<value>`: reads, upserts or deletes the one record with that key."""
    key = key_field(sobject, name)
    found = matching(call, sobject, key, value)
    if len(found) > 1:
        return Answer(300, [f"{call.base}/sobjects/{sobject.name}/{id_}" for id_ in found])
    if call.method != "PATCH":
        if not found:
            raise not_found()
        return _row(call, sobject, found[0])
    if not found and call.params.get("updateOnly", "").lower() == "true":
        raise not_found()  # no new record: fact 740; the answer: guess
    values = call.json()
    id_, created = upsert(call, sobject, key, value, values, found)
    if created:
        answer = _created(call, sobject, id_)
        assert isinstance(answer.body, dict)
        with_created = answer.body | _created_flag(call, value=True)
        return Answer(201, with_created, answer.headers)
    if call.version < _CREATED_SINCE:
        return Answer(204)
    return Answer(200, {"id": id_, "success": True, "errors": [], "created": False})


def key_field(sobject: SObject, name: str) -> Field:
    """The field of that name, which must be able to find a record."""
    key = sobject.field(name)
    if key is None or not key.is_key:
        raise unknown_key(name)
    return key


def matching(call: Call, sobject: SObject, key: Field, value: Any) -> list[str]:
    """The ids of the live records that the caller sees whose key is `value`."""
    if value is None or value == "":
        return []
    found = call.org.find(sobject.name, **{key.name: value})
    return [id_ for id_ in found if visible.sees(call.org, call.by, sobject.name, id_)]


def upsert(
    call: Call,
    sobject: SObject,
    key: Field,
    value: Any,
    values: Mapping[str, Any],
    found: list[str],
) -> tuple[str, bool]:
    """Updates the one record found or inserts one; returns its id and whether it is new."""
    if "noupsert" in sobject.flags:
        # "The upsert() call is not supported for this object" (object reference); as elsewhere [I]
        raise SalesforceError(
            "INVALID_TYPE_FOR_OPERATION", f"entity type cannot be upserted: {sobject.label}", ()
        )
    given = {name: v for name, v in values.items() if name.lower() != key.name.lower()}
    if len(given) < len(values):
        # fact 740: without the key field; text: REST guide's example [V]
        raise SalesforceError(
            "INVALID_FIELD", f"The {key.name} field should not be specified in the sobject data."
        )
    if found:
        save.update(call.org, call.by, sobject, found[0], given)
        return found[0], False
    if key.type == "id":
        if value:
            raise not_found()
        return save.create(call.org, call.by, sobject, given), True
    return save.create(call.org, call.by, sobject, {**given, key.name: value}), True


def password(call: Call, user_id: str) -> Answer:
    """`/sobjects/User/<id>/password` (fact 601)."""
    org = call.org
    user = existing(org, objects.tables()["user"], ids.normal(user_id) or user_id)
    id_ = user["Id"]
    if not permissions.may_set_password(org, call.by, id_):
        # An object here, not an array: fact 602.
        message = "You do not have permission to view this record."
        return Answer(403, {"message": message, "errorCode": "INSUFFICIENT_ACCESS"})
    match call.method:
        case "POST":
            new = call.json().get("NewPassword")
            if not isinstance(new, str):
                raise SalesforceError("INVALID_NEW_PASSWORD", "NewPassword is required")  # guess
            with org.transaction():
                passwords.set_password(org, id_, new, own=id_ == call.by)
                display = f"Changed password for user {user['Name']}"
                org.audit(call.by, "changedpassword", "Manage Users", display)
            return Answer(204)
        case "DELETE":
            new = passwords.temporary()
            with org.transaction():
                passwords.keep(org, id_, new, expired=True)
                password_login.unlock(org, id_, call.by)
                mails.mail_password(org, call.instance, id_, new)
                display = f"Reset password for user {user['Name']}"
                org.audit(call.by, "resetpassword", "Manage Users", display)
            return Answer(200, {"NewPassword": new})
        case _:
            return Answer(200, {"isExpired": passwords.is_expired(org, id_)})


def _row(call: Call, sobject: SObject, id_: str) -> Answer:
    validators: dict[str, str] = {}
    if sobject.name == "Account" and call.method != "DELETE":
        found = call.org.get(sobject.name, id_)
        if found is not None and not found["IsDeleted"]:
            failed, validators = bodies.row_conditions(call, found)
            if failed is not None:
                return failed
    match call.method:
        case "PATCH":
            values = call.json()
            if any(name.lower() == "id" for name in values):
                raise SalesforceError(
                    "INVALID_FIELD", "The Id field should not be specified in the sobject data."
                )
            save.update(call.org, call.by, sobject, id_, values)
            return Answer(204)
        case "DELETE":
            save.delete(call.org, call.by, sobject, id_)
            return Answer(204)
        case _:
            row = call.org.get(sobject.name, id_)
            if row is None or not visible.sees(call.org, call.by, sobject.name, id_):
                raise not_found()
            if row.get("IsDeleted"):  # without `fields` here: fact 711
                raise SalesforceError("ENTITY_IS_DELETED", "entity is deleted", status=404)
            return Answer(200, shown(call, sobject, row, call.params.get("fields")), validators)


def shown(
    call: Call, sobject: SObject, row: Mapping[str, Any], fields: str | None
) -> dict[str, Any]:
    """A row as JSON: all fields, or those asked for and the Id."""
    url = f"{call.base}/sobjects/{sobject.name}/{row['Id']}"
    record: dict[str, Any] = {"attributes": {"type": sobject.name, "url": url}}
    names = [f.name for f in sobject.fields.values()]
    if fields is not None:
        names = []
        for name in filter(None, (part.strip() for part in fields.split(","))):
            found = sobject.field(name)
            if found is None:
                raise no_such_column(name, sobject.name)
            names.append(found.name)
        names.append("Id")
    return record | {name: row[name] for name in names}


def _created(call: Call, sobject: SObject, id_: str) -> Answer:
    url = f"{call.base}/sobjects/{sobject.name}/{id_}"
    return Answer(201, {"id": id_, "success": True, "errors": []}, {"Location": url})


def _created_flag(call: Call, *, value: bool) -> dict[str, bool]:
    return {"created": value} if call.version >= _CREATED_SINCE else {}
