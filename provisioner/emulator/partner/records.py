"""The partner API's calls that write records, and that take them out of the recycle bin."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from provisioner.emulator.access import permissions, visible
from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError, ambiguous
from provisioner.emulator.http import context, soap_partner
from provisioner.emulator.http.soap_partner import NIL, Nil
from provisioner.emulator.login import mails, passwords
from provisioner.emulator.partner.call import sobject_in, too_many, triggers_user_email
from provisioner.emulator.rest import record as records
from provisioner.emulator.rules import recycle_bin, repeated_keys
from provisioner.emulator.rules import save as rules
from provisioner.emulator.rules.fields import existing
from provisioner.emulator.schema import objects
from provisioner.emulator.schema.wsdl import wsdl
from provisioner.emulator.store.database import Rollback

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provisioner.emulator.partner.call import Call
    from provisioner.emulator.schema.objects import Field, SObject
    from provisioner.emulator.store.org import Org

# of create, update, upsert, delete, undelete, emptyRecycleBin (SOAP guide)
_MOST_RECORDS: Final = 200


def _create(call: Call) -> list[Any]:
    def create(sobject: SObject, id_: str | None, values: dict[str, Any]) -> dict[str, Any]:
        if id_ is not None:
            raise SalesforceError(  # public logs of real orgs [V]
                "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ("Id",)
            )
        made = rules.create(call.org, call.by, sobject, values)
        _welcome(call, sobject, made)
        return {"id": made, "success": True}

    return _saved(call, create)


def _update(call: Call) -> list[Any]:
    twice = _twice(call, "Id")

    def update(sobject: SObject, id_: str | None, values: dict[str, Any]) -> dict[str, Any]:
        if id_ is None:  # recorded of collections: amp-labs/connectors [V]
            raise SalesforceError("MISSING_ARGUMENT", "Id not specified in an update call", ())
        found = _id(sobject, id_)
        repeated_keys.check(id_, "Id", twice)
        rules.update(call.org, call.by, sobject, found, values)
        return {"id": found, "success": True}

    return _saved(call, update)


def _twice(call: Call, name: str) -> frozenset[str]:
    """The values of the key `name` that several records of the call have."""
    wanted = name.lower()
    values = (
        (node.text or "").strip()
        for record in call.body.iterchildren(etree.Element)
        for node in record.iterchildren(etree.Element)
        if etree.QName(node).localname.lower() == wanted
    )
    return repeated_keys.of(values, "Id" if wanted == "id" else name)


def _upsert(call: Call) -> list[Any]:
    name = soap_partner.text(call.body, "externalIDFieldName")
    twice = _twice(call, name)

    def upsert(sobject: SObject, id_: str | None, values: dict[str, Any]) -> dict[str, Any]:
        key = sobject.field(name)
        if key is None or not key.is_key:
            raise SalesforceError(  # text: public tools that match and quote it [V]; code: guess
                "INVALID_FIELD",
                f"Field name provided, {name} does not match an External ID, Salesforce Id, or"
                f" indexed field for {sobject.name}",
                (name,),
            )
        given = {n: v for n, v in values.items() if n.lower() != key.name.lower()}
        value = next((v for n, v in values.items() if n.lower() == key.name.lower()), id_)
        if value is None and key.type != "id":  # as remembered of real orgs [U]
            raise SalesforceError("MISSING_ARGUMENT", f"{key.name} not specified", (key.name,))
        repeated_keys.check(value, key.name, twice)
        found = records.matching(call.rest(), sobject, key, value)
        if len(found) > 1:
            raise ambiguous(key.label, key.name, found)
        saved, created = records.upsert(call.rest(), sobject, key, value, given, found)
        if created:
            _welcome(call, sobject, saved)
        return {"created": created, "id": saved, "success": True}

    return [{"created": result.get("created", False)} | result for result in _saved(call, upsert)]


def _welcome(call: Call, sobject: SObject, id_: str) -> None:
    """Mails a new user, when the call asks for it (fact 607); what the mail says: guess."""
    if sobject.name == "User" and triggers_user_email(call):
        new = passwords.temporary()
        passwords.keep(call.org, id_, new, expired=True)
        mails.mail_password(call.org, context.instance_url(), id_, new, new=True)


def _delete(call: Call) -> list[Any]:
    def delete(asked: str) -> dict[str, Any]:
        sobject, id_ = _of_any_object(call, asked)
        existing(call.org, sobject, id_)
        rules.delete(call.org, call.by, sobject, id_)
        return {"id": id_, "success": True}

    # beatbox and pyforce say `id`, and delete the records of real orgs so [Q]
    wanted = soap_partner.texts(call.body, "ids") or soap_partner.texts(call.body, "id")
    found = (ids.normal(asked.strip()) for asked in wanted)
    known = call.org.catalog()
    kinds = {sobject.name for id_ in found if id_ and (sobject := known.by_prefix(id_[:3]))}
    _unmixed(kinds)
    return _all(call, [partial(delete, asked) for asked in wanted])


def _undelete(call: Call) -> list[Any]:
    def undelete(asked: str) -> dict[str, Any]:
        sobject, id_ = _of_any_object(call, asked)
        rules.undelete(call.org, call.by, sobject, id_)
        return {"id": id_, "success": True}

    return _all(call, [partial(undelete, one) for one in soap_partner.texts(call.body, "ids")])


def _empty(call: Call) -> list[Any]:
    def empty(asked: str) -> dict[str, Any]:
        _, id_ = _of_any_object(call, asked)
        if not permissions.has(call.org, call.by, "ModifyAllData"):
            raise permissions.no_access()
        recycle_bin.empty(call.org, id_)
        return {"id": id_, "success": True}

    return _all(call, [partial(empty, one) for one in soap_partner.texts(call.body, "ids")])


def _of_any_object(call: Call, asked: str) -> tuple[SObject, str]:
    id_ = ids.normal(asked.strip())
    sobject = call.org.catalog().by_prefix(id_[:3]) if id_ else None
    if id_ is None or sobject is None:
        raise SalesforceError("MALFORMED_ID", f"bad id {asked}", ())  # text: [U]
    return sobject, id_


def _unmixed(kinds: set[str]) -> None:
    """Refuses setup objects together with others (fact 331)."""
    if len(kinds) > 1 and objects.SETUP_OBJECTS & kinds:  # code and text of a fault: guess
        raise SalesforceError(
            "INVALID_OPERATION",
            "You can't create records for multiple object types in one call when one of the types"
            " is related to a feature in the Salesforce Setup area",
        )


def _saved(
    call: Call, save: Callable[[SObject, str | None, dict[str, Any]], dict[str, Any]]
) -> list[dict[str, Any]]:
    known = visible.catalog(call.org, call.by, call.version)
    given = [
        (sobject_in(known, _type(node)), node)
        for node in call.body.iterchildren(etree.Element)
        if etree.QName(node).localname == "sObjects"
    ]
    _unmixed({sobject.name for sobject, _ in given})

    def one(sobject: SObject, node: Any) -> dict[str, Any]:
        id_, values = _values(sobject, node)
        return save(sobject, id_, values)

    return _all(call, [partial(one, sobject, node) for sobject, node in given])


def _type(node: Any) -> str:
    """What an sObject says it is, by its element or, as CumulusCI does it [V], by `xsi:type`."""
    said = soap_partner.text(node, "type").strip()
    return said or str(node.get(soap_partner.TYPE, "")).rpartition(":")[2]


def _all(call: Call, writes: Sequence[Callable[[], dict[str, Any]]]) -> list[dict[str, Any]]:
    if len(writes) > _MOST_RECORDS:
        raise too_many(_MOST_RECORDS)
    header = soap_partner.text(call.headers.get("AllOrNoneHeader"), "allOrNone").strip()
    results: list[dict[str, Any]] = []
    try:
        with call.org.transaction():
            results = [_result(call.org, write) for write in writes]
            if header in {"true", "1"} and not all(result["success"] for result in results):
                raise Rollback
    except Rollback:
        results = [result if not result["success"] else _rolled_back() for result in results]
    return results


def _result(org: Org, write: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        with org.attempt():
            return write()
    except SalesforceError as error:
        return _failed(error)


def _failed(error: SalesforceError) -> dict[str, Any]:
    match error.code:
        case "NOT_FOUND":  # REST's word; here it is an id that leads nowhere: guess
            code, message = "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"
        case "JSON_PARSER_ERROR":
            code, message = "INVALID_TYPE_ON_FIELD_IN_RECORD", error.message
        case known if known in (wsdl().enum("StatusCode") or ()):
            code, message = known, error.message
        case _:
            code, message = "UNKNOWN_EXCEPTION", error.message
    problem = {"fields": list(error.fields or ()), "message": message, "statusCode": code}
    return {"errors": problem, "id": Nil(), "success": False}


def _rolled_back() -> dict[str, Any]:
    return _failed(
        SalesforceError(  # code: fact 737; text: recorded of collections, amp-labs/connectors [V]
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "Record rolled back because not all records were valid and the request was using"
            " AllOrNone header",
        )
    )


def _values(sobject: SObject, node: Any) -> tuple[str | None, dict[str, Any]]:
    """The Id and the values of an sObject; an empty element says nothing, fieldsToNull does."""
    id_ = None
    values: dict[str, Any] = {}
    for child in node.iterchildren(etree.Element):
        name = etree.QName(child).localname
        match name:
            case "type":
                continue
            case "fieldsToNull":
                values[child.text or ""] = None
            case "Id":
                id_ = (child.text or "").strip() or id_
            case _ if len(child):
                values[name] = {
                    etree.QName(part).localname: part.text
                    for part in child.iterchildren(etree.Element)
                    if etree.QName(part).localname not in {"type", "Id"}
                }
            case _ if child.text and child.get(NIL) not in {"true", "1"}:
                values[name] = _value(sobject.field(name), child.text)
            case _:
                continue
    return id_, values


def _value(field: Field | None, text: str) -> Any:
    """What the text means for its field; refused where the field takes no such value."""
    plain = text.strip()
    try:
        match field.type if field else "string":
            case "boolean":
                return {"true": True, "1": True, "false": False, "0": False}[plain]
            case "int":
                return int(plain)
            case "double" | "currency" | "percent":
                number = float(plain)
                if math.isfinite(number):
                    return number
                raise ValueError(plain)
            case _:
                return text
    except (KeyError, ValueError):
        assert field is not None
        raise SalesforceError(  # code [V], fact 337; text: [U]
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            f"{field.label}: value not of required type: {plain}",
            (field.name,),
        ) from None


def _id(sobject: SObject, text: str) -> str:
    found = ids.normal(text)
    if found is None or found[:3] != sobject.prefix:
        raise SalesforceError(  # fact 319, there of a reference
            "MALFORMED_ID", f"{sobject.label} ID: id value of incorrect type: {text}", ("Id",)
        )
    return found


OPERATIONS: Final[dict[str, Callable[[Call], list[Any]]]] = {
    "create": _create,
    "update": _update,
    "upsert": _upsert,
    "delete": _delete,
    "undelete": _undelete,
    "emptyRecycleBin": _empty,
}
