"""Many writes in one request: collections of records, and passwords in composite calls.

The rows are independent (`allOrNone` is false), and each has its own answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

from provisioner.model.json_value import Json
from provisioner.model.operations import (
    CreateRecord,
    DeleteRecord,
    ResetPassword,
    SetPassword,
    UpdateRecord,
    UpsertRecord,
)
from provisioner.org import shapes
from provisioner.org.error_mapping import refused
from provisioner.org.errors import OrgError
from provisioner.org.rest import (
    VERSION,
    Rest,
    composite_parts,
    path_of,
    request_fields,
    request_value,
)
from provisioner.org.shapes import JsonObject

Answer = str | OrgError | None
RecordCall = CreateRecord | UpsertRecord | UpdateRecord | DeleteRecord
PasswordCall = SetPassword | ResetPassword


def write(rest: Rest, calls: Sequence[RecordCall]) -> list[Answer]:
    """Make up to 200 calls of one class, in one request. (fact 736)

    An answer is the Id of a new record, `None`, or the error of this row. Raises OrgError if the
    request as a whole was refused or not answered.
    """
    first = calls[0]
    path = "composite/sobjects"
    if isinstance(first, DeleteRecord):
        ids = ",".join(quote(str(call.id), safe="") for call in calls)  # type: ignore[union-attr]
        method, path, body = "DELETE", f"{path}?ids={ids}&allOrNone=false", ""
    else:
        method = "POST" if isinstance(first, CreateRecord) else "PATCH"
        if isinstance(first, UpsertRecord):
            path += f"/{quote(first.sobject, safe='')}/{quote(first.key, safe='')}"
        records = [_record(call) for call in calls]
        body = json.dumps({"allOrNone": False, "records": records})

    def read(answer: Json) -> list[Answer]:
        results = shapes.mappings(answer, "the answer", count=len(calls))
        return [_answer(row, call, rest.host) for row, call in zip(results, calls, strict=True)]

    return rest.send(method, path, body, read)


def set_passwords(rest: Rest, calls: Sequence[PasswordCall]) -> list[Answer]:
    """Set the passwords of up to 25 users, or let Salesforce send them new ones, in one request.

    The temporary passwords in the answer are neither read nor kept. (REST guide,
    "Composite": all sObject resources can be in one; fact 604)
    """
    references = [f"user{number}" for number in range(len(calls))]
    parts = [
        {
            "method": "POST" if isinstance(call, SetPassword) else "DELETE",
            "url": f"/services/data/v{VERSION}/{path_of('User', call.user)}/password",
            "referenceId": reference,
            **_new_password(call),
        }
        for reference, call in zip(references, calls, strict=True)
    ]
    body = json.dumps({"allOrNone": False, "compositeRequest": parts})

    def read(answer: Json) -> list[Answer]:
        return [
            None if 200 <= status < 300 else refused(status, content, rest.host)
            for status, content in composite_parts(answer, references)
        ]

    return rest.send("POST", "composite", body, read)


def _new_password(call: PasswordCall) -> dict[str, Json]:
    if isinstance(call, ResetPassword):
        return {}
    # A value that looks like a reference would be read as one, and cannot be escaped.
    return {"body": {"NewPassword": call.password.reveal()}}


def _record(call: RecordCall) -> dict[str, Json]:
    assert not isinstance(call, DeleteRecord), "a delete call has no fields"
    attributes = {"type": call.sobject}
    record: dict[str, Json] = {"attributes": attributes, **request_fields(call.fields)}
    match call:
        case UpdateRecord(_, id_):
            record["id"] = request_value(id_)
        case UpsertRecord(_, key, value):
            record[key] = value
    return record


def _answer(result: JsonObject, call: RecordCall, host: str) -> Answer:
    if not shapes.flag(result.get("success"), "`success`"):
        return refused(400, result.get("errors"), host)
    id_ = shapes.record_id(result.get("id"))
    if isinstance(call, CreateRecord | UpsertRecord):
        return id_
    if id_[:15] != str(call.id)[:15]:
        raise shapes.UnexpectedError("its rows are not in the order of the request")
    return None
