"""The partner API's calls that read records: queries, by id, and what changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.http import soap_partner
from provisioner.emulator.http.soap_partner import Nil
from provisioner.emulator.partner import describe
from provisioner.emulator.partner.call import moment, sobject_of, too_many
from provisioner.emulator.rest import changes, record, search
from provisioner.emulator.schema.wsdl import InvalidXml
from provisioner.emulator.soql import run, sosl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provisioner.emulator.partner.call import Call
    from provisioner.emulator.schema.objects import SObject

_MOST_RETRIEVED: Final = 2000  # ids of retrieve (SOAP guide)
_ZONE: Final = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$", re.IGNORECASE)


def _query(call: Call) -> list[Any]:
    return [_first_page(call, deleted=False)]


def _query_all(call: Call) -> list[Any]:
    return [_first_page(call, deleted=True)]


def _first_page(call: Call, *, deleted: bool) -> dict[str, Any]:
    asked = soap_partner.text(call.headers.get("QueryOptions"), "batchSize").strip()
    page = max(200, min(run.PAGE, int(asked))) if asked.isdecimal() else run.PAGE
    text = soap_partner.text(call.body, "queryString")
    here = visible.context(call.org, call.by, call.version, deleted=deleted)
    return _page(run.run(here, text, page=page))


def _query_more(call: Call) -> list[Any]:
    locator = soap_partner.text(call.body, "queryLocator")
    return [_page(run.more(visible.context(call.org, call.by, call.version), locator))]


def _search(call: Call) -> list[Any]:
    text = soap_partner.text(call.body, "searchString")
    found = search.find(visible.context(call.org, call.by, call.version), sosl.parse(text))
    # what the id of a search is for, nobody is told: empty (guess)
    return [
        {
            "queryId": "",
            "searchRecords": [{"record": soap_partner.record(one)} for one in found],
        }
    ]


def _page(body: Mapping[str, Any]) -> dict[str, Any]:
    locator = body.get("nextRecordsUrl", "").rpartition("/")[2] or None
    return soap_partner.query_result(body["records"], body["totalSize"], locator)


def _retrieve(call: Call) -> list[Any]:
    sobject = sobject_of(call, soap_partner.text(call.body, "sObjectType"))
    wanted = soap_partner.texts(call.body, "ids")
    if len(wanted) > _MOST_RETRIEVED:
        raise too_many(_MOST_RETRIEVED)
    fields = soap_partner.text(call.body, "fieldList")
    found: list[Any] = []
    for asked in wanted:
        id_ = ids.normal(asked.strip())
        if id_ is None or id_[:3] != sobject.prefix:
            raise SalesforceError("MALFORMED_ID", f"malformed id {asked}")  # text: [U]
        row = call.org.get(sobject.name, id_)
        seen = row is not None and visible.sees(call.org, call.by, sobject.name, id_)
        if row is None or not seen or row.get("IsDeleted"):
            found.append(Nil())
            continue
        shown = record.shown(call.rest(), sobject, row, fields)
        found.append(soap_partner.record(shown))
    return found


def _updated(call: Call) -> list[Any]:
    sobject, start, end = _span(call)
    found = changes.updated(call.org, call.by, sobject, start, end)
    return [{"ids": found["ids"], "latestDateCovered": moment(found["latestDateCovered"])}]


def _deleted(call: Call) -> list[Any]:
    sobject, start, end = _span(call)
    found = changes.deleted(call.org, call.by, sobject, start, end)
    return [
        {
            "deletedRecords": [
                {"deletedDate": moment(one["deletedDate"]), "id": one["id"]}
                for one in found["deletedRecords"]
            ],
            "earliestDateAvailable": moment(found["earliestDateAvailable"]),
            "latestDateCovered": moment(found["latestDateCovered"]),
        }
    ]


def _span(call: Call) -> tuple[SObject, str, str]:
    sobject = sobject_of(call, soap_partner.text(call.body, "sObjectType"))
    start, end = (_moment(call, name) for name in ("startDate", "endDate"))
    return sobject, start, end


def _moment(call: Call, name: str) -> str:
    text = soap_partner.text(call.body, name).strip()
    if not text:
        raise InvalidXml("'' is not a valid value for the type xsd:dateTime")
    # An xsd:dateTime needs no zone; what has none is of UTC, as pyforce sends it [Q].
    return text if _ZONE.search(text) else f"{text}Z"


OPERATIONS: Final[dict[str, Callable[[Call], list[Any]]]] = {
    "query": _query,
    "queryAll": _query_all,
    "queryMore": _query_more,
    "retrieve": _retrieve,
    "search": _search,
    "describeSObject": describe.one,
    "describeSObjects": describe.several,
    "describeGlobal": describe.everything,
    "getUpdated": _updated,
    "getDeleted": _deleted,
}
