"""How many Bulk API jobs and batches an org may run in a day."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from provisioner.emulator.base.errors import SalesforceError

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org


DAILY_BATCHES: Final = 15_000  # fact 801

_BATCH: Final = 10_000  # rows; fact 801

DAILY_QUERY_JOBS: Final = 10_000  # fact 802


def check(org: Org, kind: str) -> None:
    """Refuses a job of Bulk 2.0 beyond those of a day (facts 801 and 802)."""
    most = {"V2Query": DAILY_QUERY_JOBS, "V2Ingest": DAILY_BATCHES}[kind]
    if org.execute("SELECT COUNT(*) FROM bulk_job WHERE kind = ?", (kind,))[0][0] < most:
        return
    if jobs_today(org)[kind] >= most:  # the code: guide, "Errors" [V]; its case and text: guess
        raise SalesforceError("EXCEEDEDQUOTA", f"ExceededQuota : {most} a day are allowed")


def jobs_today(org: Org) -> Counter[str]:
    """How many batches, or jobs of queries, were made today."""
    today = f"{org.now():%Y-%m-%d}"
    rows = org.execute(
        "SELECT kind, json_extract(info, '$.processed') FROM bulk_job"
        " WHERE json_extract(info, '$.created') >= ?",
        (today,),
    )
    found: Counter[str] = Counter()
    for kind, processed in rows:
        found[kind] += 1 if kind == "V2Query" else -(-processed // _BATCH)
    return found
