"""What was changed or deleted in a span of time: getUpdated and getDeleted of both APIs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.base.timestamps import parse_moment, timestamp

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

_OLDEST: Final = timedelta(days=30)  # how far back a span may begin (SOAP guide)


def updated(org: Org, by: str, sobject: SObject, start: str, end: str) -> dict[str, Any]:
    """The ids of rows made or changed in the span, of those that `by` sees, and until when."""
    first, last = _span(org, sobject, start, end)
    live = ' AND "IsDeleted" = 0' if sobject.soft_delete else ""
    rows = org.execute(
        f'SELECT "Id" FROM {visible.rows(org, by, sobject.name)} WHERE "SystemModstamp" >= ?'  # noqa: S608 - our names
        f' AND "SystemModstamp" < ?{live} ORDER BY "Id"',
        (first, last),
    )
    return {"ids": [row[0] for row in rows], "latestDateCovered": last}


def deleted(org: Org, by: str, sobject: SObject, start: str, end: str) -> dict[str, Any]:
    """The rows that `by` saw, deleted in the span.

    Of objects whose rows leave nothing behind (users are never deleted, profiles are gone) the
    list is empty; the earliest date is that of the org (guess).
    """
    first, last = _span(org, sobject, start, end)
    rows = (
        org.execute(
            f'SELECT "Id", "SystemModstamp" FROM {visible.rows(org, by, sobject.name)}'  # noqa: S608 - our names
            ' WHERE "IsDeleted" = 1 AND "SystemModstamp" >= ? AND "SystemModstamp" < ?'
            ' ORDER BY "Id"',
            (first, last),
        )
        if sobject.soft_delete
        else []
    )
    return {
        "deletedRecords": [{"id": row[0], "deletedDate": row[1]} for row in rows],
        "earliestDateAvailable": org.select("Organization")[0]["CreatedDate"],
        "latestDateCovered": last,
    }


def _span(org: Org, sobject: SObject, start: str, end: str) -> tuple[str, str]:
    if "replicateable" not in sobject.flags or sobject.field("SystemModstamp") is None:
        raise SalesforceError(  # code and text: guess
            "INVALID_TYPE_FOR_OPERATION", f"entity type {sobject.name} is not replicateable"
        )
    first, last = _moment(start), _moment(end)
    now = org.now()
    if first >= last:
        raise SalesforceError("INVALID_REPLICATION_DATE", "startDate must be before endDate")
    if first < now - _OLDEST:
        # text: jsforce issue 406 [V]; that it comes then: guess
        raise SalesforceError(
            "INVALID_REPLICATION_DATE", "startDate before org replication enabled date"
        )
    if last - first < timedelta(minutes=1):
        # the call looks at whole minutes (SOAP guide)
        raise SalesforceError(
            "INVALID_REPLICATION_DATE", "the endDate must be at least one minute after startDate"
        )
    return timestamp(first), timestamp(min(last, now + timedelta(seconds=1)))


def _moment(text: str) -> datetime:
    try:
        return parse_moment(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        raise SalesforceError(  # code and text: guess
            "INVALID_REPLICATION_DATE", f"invalid date and time: {text}"
        ) from None
