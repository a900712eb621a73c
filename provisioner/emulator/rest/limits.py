"""`/limits`: what of the org is used up, and how many records it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import permissions
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.bulk.quota import DAILY_BATCHES, DAILY_QUERY_JOBS, jobs_today
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.http.routes import Route, read
from provisioner.emulator.rest.limits_table import UNUSED
from provisioner.emulator.settings import editions

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.store.org import Org

_DAILY_RESULTS: Final = 976_562  # megabytes, of 1 TB; fact 802
_BATCHES_SINCE: Final = 49  # "DailyBulkApiRequests" before (REST guide, "Limits")
_COUNTED_SINCE: Final = 40  # REST guide, "Record Count" [V]
_STORAGE: Final = 1_024  # megabytes; a Developer org has 5, and no use for rosters of people


def _all(call: Call) -> Answer:
    _may_view_setup(call)
    return Answer(200, _used(call))


def _record_count(call: Call) -> Answer:
    _may_view_setup(call)
    return Answer(200, _counted(call))


def _may_view_setup(call: Call) -> None:
    """Both are "for API users with the “View Setup and Configuration” permission".

    REST guide, "Limits" and "Record Count" [V]; code and text of the refusal: guess.
    """
    if not permissions.has(call.org, call.by, "ViewSetup"):
        raise SalesforceError(
            "INSUFFICIENT_ACCESS",
            "You do not have the level of access necessary to perform the operation you requested."
            " Please contact the owner of the record or your administrator if access is"
            " necessary.",
            status=403,
        )


def _used(call: Call) -> dict[str, Any]:
    org = call.org
    jobs = jobs_today(org)
    sets = len(org.find("PermissionSet", IsOwnedByProfile=False))
    batches = "DailyBulkApiBatches" if call.version >= _BATCHES_SINCE else "DailyBulkApiRequests"
    found: dict[str, Any] = {name: _left(most, 0) for name, most in UNUSED.items()} | {
        "DailyApiRequests": _left(editions.daily_calls(org), org.api_calls()),
        batches: _left(DAILY_BATCHES, jobs["V2Ingest"] + _classic_batches(org)),
        "DailyBulkV2QueryFileStorageMB": _left(_DAILY_RESULTS, _results(org)),
        "DailyBulkV2QueryJobs": _left(DAILY_QUERY_JOBS, jobs["V2Query"]),
        "DataStorageMB": _left(_STORAGE, _stored(org)),
        "PermissionSets": _left(1500, sets) | {"CreateCustom": _left(1000, sets)},
    }
    return dict(sorted(found.items()))


def _left(most: int, used: int) -> dict[str, Any]:
    return {"Max": most, "Remaining": max(0, most - used)}


def _classic_batches(org: Org) -> int:
    """Those of Bulk 1.0, which has its allocation together with 2.0 ("Limits and Allocations")."""
    rows = org.execute(
        "SELECT COUNT(*) FROM bulk_batch WHERE json_extract(info, '$.created') >= ?",
        (f"{org.now():%Y-%m-%d}",),
    )
    return int(rows[0][0])


def _results(org: Org) -> int:
    """Megabytes of what the query jobs of today found."""
    rows = org.execute(
        "SELECT SUM(json_extract(info, '$.size')) FROM bulk_job"
        " WHERE kind = 'V2Query' AND json_extract(info, '$.created') >= ?",
        (f"{org.now():%Y-%m-%d}",),
    )
    return int(rows[0][0] or 0) // 1_048_576


def _stored(org: Org) -> int:
    """Megabytes; a record counts as 2 KB whatever is in it (help, "Data Storage")."""
    names = ("Account", "Case", "Contact", "Lead", "Opportunity")
    counts = [org.execute(f'SELECT COUNT(*) FROM "{name}"')[0][0] for name in names]  # noqa: S608
    return int(sum(counts)) * 2 // 1024


def _counted(call: Call) -> dict[str, Any]:
    known = call.org.catalog()
    wanted = [name for name in call.params.get("sObjects", "").split(",") if name]
    found = [known.get(name) for name in wanted] if wanted else list(known.sobjects.values())
    return {
        "sObjects": [
            {"count": _count(call.org, sobject), "name": sobject.name}
            for sobject in found
            if sobject is not None
        ]
    }


def _count(org: Org, sobject: SObject) -> int:
    live = ' WHERE "IsDeleted" = 0' if sobject.soft_delete else ""
    rows = org.execute(f'SELECT COUNT(*) FROM "{sobject.name}"{live}')  # noqa: S608 - our names
    return int(rows[0][0])


ROUTES: Final = (
    Route("/limits", read(_all)),
    Route("/limits/recordCount", read(_record_count), since=_COUNTED_SINCE),
)
