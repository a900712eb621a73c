"""Batches of Bulk API 1.0: what is in them, what running them does, and how results look."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base import faults
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.base.timestamps import parse_timestamp
from provisioner.emulator.bulk import (
    csv_text,
    jobs,
    v2_query,
)
from provisioner.emulator.bulk.csv_text import BatchError
from provisioner.emulator.bulk.rows import CHUNK, Work
from provisioner.emulator.soql import parse

if TYPE_CHECKING:
    from provisioner.emulator.bulk.jobs import Batch, Job
    from provisioner.emulator.bulk.rows import Outcome
    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

NAMESPACE: Final = "http://www.force.com/2009/06/asyncapi/dataload"
# Without a charset: salesforce-bulk 2.2.0, in use on real orgs, compares the whole header [V].
MIME: Final = {"CSV": "text/csv", "JSON": "application/json", "XML": "application/xml"}
_MOST_ROWS: Final = 10_000  # of a batch (Bulk API guide, "Bulk API Limits")
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_QUERIES: Final = frozenset({"query", "queryAll"})
_Record = dict[str, Any] | SalesforceError


class AsyncError(Exception):
    """A refusal in the words of this API."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def ran(org: Org, job: Job, batch: Batch) -> Batch:
    """The batch once it has run; the others as they are."""
    if batch.state != "Queued":
        return batch
    if job.operation in _QUERIES:
        return _queried(org, job, batch)
    started = time.perf_counter()
    upload = f"/services/async/{job.version}.0/job/{job.id}/batch"
    with faults.on_behalf("POST", upload), org.transaction():
        now = _now(org, job, batch)
        if now.state != "Queued":
            return now
        text = jobs.data(org, job.id, batch=batch.id) or ""
        try:
            outcome, failed = _run(org, job, text)
        except BatchError as error:
            return jobs.end_batch(org, batch, None, state="Failed", message=str(error))
        return jobs.end_batch(
            org,
            batch,
            outcome,
            state="Completed",
            processed=outcome["count"],
            failed=failed,
            milliseconds=int((time.perf_counter() - started) * 1000),
        )


def _queried(org: Org, job: Job, batch: Batch) -> Batch:
    """The batch of a query once it has run; no other writer waits for that."""
    started = time.perf_counter()
    with org.lock("bulk 1.0 queries"):
        now = _now(org, job, batch)
        if now.state != "Queued":
            return now
        ended: dict[str, Any] = {"state": "Completed"}
        outcome = None
        try:
            outcome = _query(org, job, jobs.data(org, job.id, batch=batch.id) or "")
            ended["processed"] = outcome["count"]
            ended["milliseconds"] = int((time.perf_counter() - started) * 1000)
        except BatchError as error:
            ended = {"state": "Failed", "message": str(error)}
        with org.transaction():
            now = _now(org, job, batch)
            return now if now.state != "Queued" else jobs.end_batch(org, batch, outcome, **ended)


def _now(org: Org, job: Job, batch: Batch) -> Batch:
    return next(other for other in jobs.batches(org, job) if other.id == batch.id)


def result(org: Org, job: Job, batch: Batch, wanted: str | None) -> str:
    """The results of a batch that has run, in the kind of its job."""
    held = jobs.batch_results(org, batch)
    if job.operation not in _QUERIES:
        return _row_results(job, held["rows"])
    if wanted is None:
        if job.content_type == "JSON":
            return json.dumps([held["id"]])
        return printed("result-list", {"result": [held["id"]]}, as_json=False)
    if wanted != held["id"]:  # text: guess
        raise AsyncError("InvalidBatch", f"Unable to find result for id: {wanted}")
    return str(held["text"])


def parsed(text: str, root: str, *, as_json: bool) -> dict[str, Any]:
    """A request's body as data; `root` is the element it must be in XML."""
    if as_json:
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise AsyncError("InvalidJob", "Unable to parse Job")  # text of real orgs
        return body
    element = _element(text)
    if element is None or _name(element) != root:
        raise AsyncError("InvalidXML", "Unable to parse XML")  # code: guide; text: guess
    return {_name(child): (child.text or "").strip() for child in element}


def printed(root: str, body: dict[str, Any], *, as_json: bool) -> str:
    """An answer in JSON or in XML."""
    if as_json:
        return json.dumps(body)
    top = ET.Element(root, xmlns=NAMESPACE)
    _fill(top, body)
    return _text(top)


# -- running -----------------------------------------------------------------------------------


def _run(org: Org, job: Job, text: str) -> tuple[dict[str, Any], int]:
    sobject = visible.catalog(org, job.created_by, job.version).get(job.sobject)
    if sobject is None:
        raise BatchError(f"InvalidJob : Unable to find object: {job.sobject}")
    records = _RECORDS[job.content_type](sobject, text)
    if len(records) > _MOST_ROWS:  # text: guess
        raise BatchError(f"InvalidBatch : Maximum number of records exceeded: {_MOST_ROWS}")
    key = sobject.field(job.external_id) if job.external_id else None
    work = Work(org, job.created_by, job.operation, sobject, key)
    done: list[Outcome] = []
    for start in range(0, len(records), CHUNK):
        done += work.write(records[start : start + CHUNK])
    rows = [_kept(outcome) for outcome in done]
    return {"count": len(rows), "rows": rows}, sum(not row["success"] for row in rows)


def _kept(outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    errors = []
    if error is not None:
        errors = [
            {
                "message": error.message,
                "fields": list(error.fields or ()),
                "statusCode": error.code,
                "extendedErrorDetails": None,
            }
        ]
    return {
        "success": error is None,
        "created": outcome.created,
        "id": outcome.id,
        "errors": errors,
    }


def _query(org: Org, job: Job, text: str) -> dict[str, Any]:
    try:
        _same_root(org, job, text)
        export = v2_query.Export(org, job, text)
        # Only the ids are kept whole: other writers need not wait, and rows are read part by part.
        parts = list(export.ids())
    except SalesforceError as error:  # shape and code as reported from real orgs
        code = error.code.replace("API_ERROR", "FUNCTIONALITY_NOT_ENABLED")
        raise BatchError(
            f"InvalidBatch : Failed to process query: {code}: {error.message}"
        ) from None
    shown = {"CSV": _csv_records, "JSON": _json_records, "XML": _xml_records}[job.content_type]
    count, text = shown(export, parts)
    return {"count": count, "id": org.new_id("752"), "text": text}


def _same_root(org: Org, job: Job, text: str) -> None:
    """Refuses a query of another object than the job's (simple-salesforce#502 [V])."""
    root = visible.catalog(org, job.created_by, job.version).get(parse.parse(text).source)
    if root is not None and root.name != job.sobject:
        raise SalesforceError(
            "INVALID_TYPE_FOR_OPERATION",
            f"The root entity of the requested query ({root.name}) does not match the entity of the"
            f" requested Bulk API Job ({job.sobject}).",
        )


# -- what is sent ------------------------------------------------------------------------------


def _csv_rows(sobject: SObject, text: str) -> list[_Record]:
    header, *rows = csv_text.read(text, "COMMA", "CRLF" if "\r\n" in text else "LF")
    layout = csv_text.columns(sobject, header)
    found: list[_Record] = []
    for row in rows:
        try:
            found.append(csv_text.values(row, layout))
        except SalesforceError as error:
            found.append(error)
    return found


def _json_rows(sobject: SObject, text: str) -> list[_Record]:
    try:
        rows = json.loads(text)
        if r"\ud" in text.lower():
            json.dumps(rows, ensure_ascii=False).encode()  # half a character is none
    except (ValueError, RecursionError):
        rows = None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BatchError("InvalidBatch : Unable to parse JSON")  # text: guess
    return [_from_values(sobject, row) for row in rows]


def _xml_rows(sobject: SObject, text: str) -> list[_Record]:
    top = _element(text)
    if top is None or _name(top) != "sObjects":
        raise BatchError("InvalidBatch : Unable to parse XML")  # text: guess
    return [_from_values(sobject, _xml_values(row)) for row in top]


_RECORDS: Final = {"CSV": _csv_rows, "JSON": _json_rows, "XML": _xml_rows}


def _xml_values(row: ET.Element) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for cell in row:
        inner = next(iter(cell), None)
        if inner is not None:  # `<Owner><sObject><Username>...` (guide, "Relationship Fields")
            values[_name(cell)] = {_name(one): one.text or "" for one in inner}
        elif cell.get(f"{{{_XSI}}}nil") == "true":
            values[_name(cell)] = None
        else:
            values[_name(cell)] = cell.text or ""
    return values


def _from_values(sobject: SObject, values: dict[str, Any]) -> _Record:
    """A record with the text of each value turned into its field's type."""
    record: dict[str, Any] = {}
    csv_text.measure([str(value) for value in values.values()])
    for number, (name, value) in enumerate(values.items()):
        if name == "attributes":
            continue
        field = sobject.field(name)
        if field is None and (
            not isinstance(value, dict) or sobject.relationship(name) is None
        ):  # text of real orgs
            raise BatchError(f"InvalidBatch : Field name not found : {name}")
        if field is None or not isinstance(value, str):
            as_text = field is not None and field.is_text and isinstance(value, int | float)
            record[name] = json.dumps(value) if as_text else value  # numbers as text: guess
            continue
        if value == "":
            continue
        try:
            record[name] = None if value == "#N/A" else csv_text.converter(field)(value)
        except ValueError:
            return csv_text.wrong_value(field, value, number)
    return record


# -- what is answered --------------------------------------------------------------------------


def _row_results(job: Job, rows: list[dict[str, Any]]) -> str:
    match job.content_type:
        case "JSON":
            return json.dumps(rows)
        case "XML":
            top = ET.Element("results", xmlns=NAMESPACE)
            for row in rows:
                _fill(ET.SubElement(top, "result"), row)
            return _text(top)
        case _:
            writer = csv_text.Writer()
            lines = [writer.quoted(("Id", "Success", "Created", "Error"))]
            for row in rows:
                flags = ("true" if row[name] else "false" for name in ("success", "created"))
                texts = [
                    csv_text.error_text(
                        SalesforceError(e["statusCode"], e["message"], tuple(e["fields"]))
                    )
                    for e in row["errors"]
                ]
                lines.append(writer.quoted((row["id"] or "", *flags, "".join(texts))))
            return "".join(lines)


def _csv_records(export: v2_query.Export, parts: list[list[str]]) -> tuple[int, str]:
    writer = csv_text.Writer()
    lines = [writer.quoted(export.header)]
    for ids in parts:
        lines += [writer.quoted(row) for row in export.cells(ids)]
    return len(lines) - 1, "".join(lines)


def _json_records(export: v2_query.Export, parts: list[list[str]]) -> tuple[int, str]:
    """Records as REST shows them, but moments are milliseconds (simple-salesforce#290)."""
    moments = [column.names for column in export.columns if column.field.type == "datetime"]
    texts: list[str] = []
    for ids in parts:
        for record in export.records(ids):
            for names in moments:
                owner: Any = record
                for name in names[:-1]:
                    owner = None if owner is None else owner[name]
                if owner is not None and owner[names[-1]] is not None:
                    moment = parse_timestamp(owner[names[-1]])
                    owner[names[-1]] = int(moment.timestamp() * 1000)
            texts.append(json.dumps(record))
    return len(texts), f"[{', '.join(texts)}]"


def _xml_records(export: v2_query.Export, parts: list[list[str]]) -> tuple[int, str]:
    top = ET.Element("queryResult", {"xmlns": NAMESPACE, "xmlns:xsi": _XSI})
    for row in (row for ids in parts for row in export.cells(ids)):
        element = ET.SubElement(top, "records", {"xsi:type": "sObject"})
        ET.SubElement(element, "type").text = export.sobject.name
        for column, text in zip(export.columns, row, strict=True):
            owner = element
            for name in column.names[:-1]:
                inner = owner.find(name)
                owner = ET.SubElement(owner, name) if inner is None else inner
            cell = ET.SubElement(owner, column.names[-1])
            if text:
                cell.text = text
            else:
                cell.set("xsi:nil", "true")
    return len(top), _text(top)


def _fill(element: ET.Element, body: dict[str, Any]) -> None:
    for name, value in body.items():
        for one in value if isinstance(value, list) else [value]:
            child = ET.SubElement(element, name)
            if isinstance(one, dict):
                _fill(child, {k: v for k, v in one.items() if v is not None})
            elif one is None:
                element.remove(child)
            elif isinstance(one, bool):
                child.text = "true" if one else "false"
            else:
                child.text = str(one)


def _element(text: str) -> ET.Element | None:
    """The root element; None for what is no XML, or declares entities."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        return ET.fromstring(text)  # noqa: S314 - without a DOCTYPE nothing can expand
    except ET.ParseError:
        return None


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ET.Element) -> str:
    return '<?xml version="1.0" encoding="UTF-8"?>' + ET.tostring(element, encoding="unicode")
