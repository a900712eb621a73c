"""Many records in one call: the collections below `/composite/sobjects`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError, ambiguous, not_found
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.http.routes import Route, each
from provisioner.emulator.rest import record as records
from provisioner.emulator.rules import repeated_keys, save
from provisioner.emulator.schema import objects
from provisioner.emulator.store.database import Rollback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from provisioner.emulator.schema.objects import SObject

# Limits: fact 736; codes and texts of their refusals: guess.
_MOST_RECORDS: Final = 200
_MOST_RUNS: Final = 10
_UPSERT_SINCE: Final = 46  # fact 736


_Write = tuple["SObject", "Callable[[], dict[str, Any]]"]


def _collection(call: Call) -> Answer:
    if call.method == "DELETE":
        names = [name for name in call.params.get("ids", "").split(",") if name]
        writes = [_deletion(call, name) for name in names]
        return _all(call, writes, all_or_none=call.params.get("allOrNone", "").lower() == "true")
    body = call.json()
    given = list(_list_of_records(body))
    twice = repeated_keys.NONE
    if call.method == "PATCH":
        twice = repeated_keys.of((repeated_keys.value(record, "id") for record in given), "Id")
    with call.org.transaction():  # so that the schema is read once
        writes = [_write(call, record, twice) for record in given]
    return _all(call, writes, all_or_none=bool(body.get("allOrNone")))


def _write(call: Call, record: dict[str, Any], twice: frozenset[str]) -> _Write:
    sobject = _typed(call, record)
    values = {name: v for name, v in record.items() if name.lower() not in {"attributes", "id"}}
    given = repeated_keys.value(record, "id")

    def create() -> dict[str, Any]:
        if given is not None:
            raise SalesforceError(  # public logs of real orgs [V]
                "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ("Id",)
            )
        return _success(save.create(call.org, call.by, sobject, values))

    def update() -> dict[str, Any]:
        if given is None:  # recorded: amp-labs/connectors, err-each-no-ids.json [V]
            raise SalesforceError("MISSING_ARGUMENT", "Id not specified in an update call", ())
        id_ = _checked_id(sobject, str(given))
        repeated_keys.check(given, "Id", twice)
        save.update(call.org, call.by, sobject, id_, values)
        return _success(id_)

    return sobject, create if call.method == "POST" else update


def _deletion(call: Call, text: str) -> _Write:
    id_ = ids.normal(text)
    sobject = call.org.catalog().by_prefix(id_[:3]) if id_ else None
    if id_ is None or sobject is None:
        account = call.org.catalog().get("Account")
        assert account is not None

        def refuse() -> dict[str, Any]:
            raise SalesforceError("MALFORMED_ID", f"malformed id {text}", ())  # [Q]

        return account, refuse

    def delete() -> dict[str, Any]:
        save.delete(call.org, call.by, sobject, id_)
        return _success(id_)

    return sobject, delete


def _upsert(call: Call, name: str, field: str) -> Answer:
    sobject = _sobject(call, name)
    key = records.key_field(sobject, field)
    body = call.json()
    wanted = key.name.lower()
    rows = list(_list_of_records(body))
    twice = repeated_keys.of((repeated_keys.value(record, wanted) for record in rows), key.name)

    def one(record: dict[str, Any]) -> _Write:
        if _typed(call, record).name != sobject.name:
            raise SalesforceError(  # guess
                "INVALID_TYPE", f"every record must be of type {sobject.name}"
            )
        value = repeated_keys.value(record, wanted)
        values = {n: v for n, v in record.items() if n.lower() not in {"attributes", wanted}}

        def write() -> dict[str, Any]:
            if value is None and key.type != "id":  # as remembered of real orgs [U]
                raise SalesforceError("MISSING_ARGUMENT", f"{key.name} not specified", (key.name,))
            repeated_keys.check(value, key.name, twice)
            found = records.matching(call, sobject, key, value)
            if len(found) > 1:
                raise ambiguous(key.label, key.name, found)
            id_, created = records.upsert(call, sobject, key, value, values, found)
            return _success(id_) | {"created": created}

        return sobject, write

    with call.org.transaction():  # so that the schema is read once
        writes = [one(record) for record in rows]
    return _all(call, writes, all_or_none=bool(body.get("allOrNone")))


def _all(call: Call, writes: list[_Write], *, all_or_none: bool) -> Answer:
    # That of a composite call overrules the collection's (REST guide, "allOrNone Parameters").
    all_or_none = all_or_none or call.together
    if len(writes) > _MOST_RECORDS:  # code and text as reported from real orgs
        raise SalesforceError(
            "EXCEEDED_ID_LIMIT",
            f"record limit reached. cannot submit more than {_MOST_RECORDS} records into this call",
        )
    types = [sobject.name for sobject, _ in writes]
    if len(set(types)) > 1 and objects.SETUP_OBJECTS.intersection(types):
        raise SalesforceError(  # text: fact 331; code: guess
            "MIXED_DML_OPERATION",
            "You can't create records for multiple object types in one call when one of the types"
            " is related to a feature in the Salesforce Setup area",
        )
    runs = sum(1 for i, name in enumerate(types) if i == 0 or types[i - 1] != name)
    if runs > _MOST_RUNS:
        raise SalesforceError(  # the words as Apex has them [V], here [I]; the code: guess
            "LIMIT_EXCEEDED",
            f"Cannot have more than {_MOST_RUNS} chunks in a single operation. Please rearrange the"
            " data to reduce chunking.",
        )
    results: list[dict[str, Any]] = []
    try:
        with call.org.transaction(), call.org.attempt():
            results = [_result(write) for _, write in writes]
            if all_or_none and not all(result["success"] for result in results):
                raise Rollback
    except Rollback:
        results = [_rolled_back(result) for result in results]
    return Answer(200, results)


def _result(write: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return write()
    except SalesforceError as error:
        if error.code == "NOT_FOUND":
            # That is no StatusCode of the WSDL; results of real Bulk jobs say so [I].
            error = SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
        return {"success": False, "errors": [error.collection()]}


def _rolled_back(result: dict[str, Any]) -> dict[str, Any]:
    if not result["success"]:
        return result
    error = SalesforceError(  # recorded: amp-labs/connectors, partial-but-allOrNone.json [V]
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using"
        " AllOrNone header",
        (),
    )
    return {"success": False, "errors": [error.collection()]}


def _retrieve(call: Call, name: str) -> Answer:
    """`/composite/sobjects/X`: several rows by id, null for those that are not there."""
    sobject = _sobject(call, name)
    if call.method == "POST":
        body = call.json()
        wanted, fields = _texts(body, "ids"), ",".join(_texts(body, "fields"))
    else:
        wanted = [name for name in call.params.get("ids", "").split(",") if name]
        fields = call.params.get("fields", "")
    rows = [_seen(call, sobject, _checked_id(sobject, str(text))) for text in wanted]
    return Answer(200, [row and records.shown(call, sobject, row, fields) for row in rows])


def _seen(call: Call, sobject: SObject, id_: str) -> dict[str, Any] | None:
    row = call.org.get(sobject.name, id_)
    if row is None or row.get("IsDeleted"):
        return None
    return row if visible.sees(call.org, call.by, sobject.name, id_) else None


def _texts(body: Mapping[str, Any], name: str) -> list[str]:
    found = body.get(name, [])
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise SalesforceError("JSON_PARSER_ERROR", f"{name} must be a list of texts")  # guess
    return found


def _list_of_records(body: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    found = body.get("records", [])
    if not found:  # recorded: amp-labs/connectors, err-bad-request.json [V]
        raise SalesforceError("REQUIRED_FIELD_MISSING", "At least 1 record is required")
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise SalesforceError("JSON_PARSER_ERROR", "records must be a list of objects")  # guess
    return found


def _typed(call: Call, record: Mapping[str, Any]) -> SObject:
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    found = visible.catalog(call.org, call.by, call.version).get(str(name))
    if found is None:
        raise SalesforceError(  # the wording of a query, fact 712; here [I]
            "INVALID_TYPE",
            f"sObject type '{name}' is not supported. If you are attempting to use a custom"
            " object, be sure to append the '__c' after the entity name. Please reference your"
            " WSDL or the describe call for the appropriate names.",
        )
    return found


def _sobject(call: Call, name: str) -> SObject:
    found = visible.catalog(call.org, call.by, call.version).get(name)
    if found is None:
        raise not_found()
    return found


def _checked_id(sobject: SObject, text: str) -> str:
    id_ = ids.normal(text)
    if id_ is None or id_[:3] != sobject.prefix:
        raise SalesforceError(  # fact 319, there of a reference
            "MALFORMED_ID", f"{sobject.label} ID: id value of incorrect type: {text}", ("Id",)
        )
    return id_


def _success(id_: str) -> dict[str, Any]:
    return {"id": id_, "success": True, "errors": []}


ROUTES: Final = (
    Route("/composite/sobjects", each(_collection, "DELETE", "PATCH", "POST")),
    Route("/composite/sobjects/<name>", each(_retrieve, "GET", "HEAD", "POST")),
    Route("/composite/sobjects/<name>/<field>", {"PATCH": _upsert}, since=_UPSERT_SINCE),
)
