"""What the Bulk APIs keep in the org's file: jobs, the data sent to them, and what came of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base import ids
from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.soql import cursors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provisioner.emulator.store.org import Org

OPEN: Final = "Open"
UPLOADED: Final = "UploadComplete"
RUNNING: Final = "InProgress"
COMPLETE: Final = "JobComplete"
FAILED: Final = "Failed"
ABORTED: Final = "Aborted"
ASKED: Final = 1.0  # seconds that a job runs while somebody asks how it is doing
_PIECE: Final = 1_000_000  # characters of data kept in one row of the table


# Of the standard objects that the guides list, "PK Chunking Header", those that are here [V].
_SPLIT: Final = frozenset(
    {"Account", "Asset", "Campaign", "CampaignMember", "Case", "Contact", "Event", "Lead",
     "LoginHistory", "Opportunity", "Task", "User"}
)  # fmt: skip


def can_be_split(sobject: str) -> bool:
    """Whether queries of the object can be split by ids; those of custom objects can."""
    return sobject in _SPLIT or sobject.endswith("__c")


@dataclass(frozen=True, slots=True)
class Job:
    """One job; `kind` is `V2Ingest`, `V2Query` or `Classic` (Bulk 1.0)."""

    id: str
    kind: str
    operation: str
    sobject: str
    state: str
    created_by: str
    created: str
    modified: str
    version: int
    content_type: str = "CSV"
    line_ending: str = "LF"
    delimiter: str = "COMMA"
    concurrency: str = "Parallel"
    external_id: str | None = None
    query: str | None = None
    error: str | None = None
    processed: int = 0
    failed: int = 0
    milliseconds: int = 0
    chunk_size: int = 0  # ids in one batch of a chunked query of Bulk 1.0
    chunk_start: str = ""
    size: int = 0  # bytes of the results of a query of Bulk 2.0
    place: int = 0  # how many ids of its cursor a query of Bulk 2.0 has read
    header: Sequence[str] | None = None  # of the data of an ingest job, once it was split
    total: int = 0  # rows of that data


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of a Bulk 1.0 job; `results` is JSON data once it has run."""

    id: str
    job_id: str
    state: str
    created: str
    modified: str
    message: str | None = None
    processed: int = 0
    failed: int = 0
    milliseconds: int = 0


def create(org: Org, by: str, kind: str, **more: Any) -> Job:
    """A new job of the user `by`, kept."""
    now = timestamp(org.now())
    with org.transaction():
        id_ = org.new_id("750")
        job = Job(id=id_, kind=kind, created_by=by, created=now, modified=now, **more)
        org.execute("INSERT INTO bulk_job VALUES (?, ?, ?)", (id_, kind, _json(job)))
    return job


def get(org: Org, id_: str, *kinds: str) -> Job | None:
    """The job of that id, in 15 or 18 characters, if it is of one of the kinds."""
    rows = org.execute(
        "SELECT info FROM bulk_job WHERE id = ? AND kind IN (SELECT value FROM json_each(?))",
        (ids.normal(id_), json.dumps(kinds)),
    )
    return Job(**json.loads(rows[0][0])) if rows else None


def every(org: Org, *kinds: str) -> list[Job]:
    """The jobs of those kinds, oldest first."""
    rows = org.execute(
        "SELECT info FROM bulk_job WHERE kind IN (SELECT value FROM json_each(?)) ORDER BY id",
        (json.dumps(kinds),),
    )
    return [Job(**json.loads(row[0])) for row in rows]


# the rows that make `v2_run.catch_up` due
DUE: Final = (
    "SELECT 1 FROM bulk_job WHERE kind = 'V2Ingest'"
    " AND json_extract(info, '$.state') IN ('UploadComplete', 'InProgress')"
)


def waiting(org: Org) -> Job | None:
    """The oldest ingest job whose data is there and not yet worked off."""
    rows = org.execute(
        "SELECT info FROM bulk_job WHERE kind = 'V2Ingest'"
        " AND json_extract(info, '$.state') IN ('UploadComplete', 'InProgress') ORDER BY id LIMIT 1"
    )
    return Job(**json.loads(rows[0][0])) if rows else None


def running_query(org: Org) -> Job | None:
    """The oldest query job of Bulk 2.0 that somebody asked for and that has not ended."""
    rows = org.execute(
        "SELECT info FROM bulk_job WHERE kind = 'V2Query'"
        " AND json_extract(info, '$.state') = 'InProgress' ORDER BY id LIMIT 1"
    )
    return Job(**json.loads(rows[0][0])) if rows else None


def asked(org: Org, job: Job, lock: str, proceed: Callable[[Org, Job], Job]) -> Job:
    """The job after it was asked for: `proceed` runs it, if no other thread holds `lock`."""
    if job.state not in {UPLOADED, RUNNING}:
        return job
    org.refresh()  # another thread may be running the job: what it does must be seen
    held = org.lock(lock)
    if not held.acquire(timeout=ASKED):
        return get(org, job.id, job.kind) or job
    try:
        return proceed(org, get(org, job.id, job.kind) or job)
    finally:
        held.release()


def change(org: Org, job: Job, **values: Any) -> Job:
    """The job with other values, kept."""
    changed = replace(job, modified=timestamp(org.now()), **values)
    org.execute("UPDATE bulk_job SET info = ? WHERE id = ?", (_json(changed), job.id))
    return changed


def forget(org: Org, job: Job) -> None:
    """Deletes a job with its data, batches and results."""
    with org.transaction():
        for table in ("bulk_text", "bulk_rows", "bulk_result", "bulk_batch"):
            org.execute(f"DELETE FROM {table} WHERE job_id = ?", (job.id,))  # noqa: S608 - ours
        cursors.remove(org, job.id)
        org.execute("DELETE FROM bulk_job WHERE id = ?", (job.id,))


def put_data(org: Org, job_id: str, text: str, *, batch: str = "") -> None:
    """Keeps what a client sent for a job, or for a batch of it."""
    # In pieces: every connection keeps a copy of the last value that a statement was given.
    for piece, start in enumerate(range(0, max(len(text), 1), _PIECE)):
        org.execute(
            "INSERT INTO bulk_text VALUES (?, ?, ?, ?)",
            (job_id, batch, piece, text[start : start + _PIECE]),
        )


def data(org: Org, job_id: str, *, batch: str = "") -> str | None:
    """What a client sent, None when it sent nothing yet."""
    rows = org.execute(
        "SELECT text FROM bulk_text WHERE job_id = ? AND batch = ? ORDER BY piece", (job_id, batch)
    )
    return "".join(row[0] for row in rows) if rows else None


def put_rows(org: Org, job_id: str, first: int, rows: list[list[str]]) -> None:
    """Keeps rows of an ingest job's data, of which the first has that number."""
    org.execute(
        "INSERT OR REPLACE INTO bulk_rows VALUES (?, ?, ?)", (job_id, first, json.dumps(rows))
    )


def rows(org: Org, job_id: str, first: int) -> list[list[str]]:
    """The rows that `put_rows` kept under that number, none if there are none."""
    found = org.execute(
        "SELECT rows FROM bulk_rows WHERE job_id = ? AND first = ?", (job_id, first)
    )
    return json.loads(found[0][0]) if found else []


def remove_rows(org: Org, job_id: str, first: int | None = None) -> None:
    """Removes the rows kept under a number, or all of a job."""
    org.execute(
        "DELETE FROM bulk_rows WHERE job_id = ? AND first = ifnull(?, first)", (job_id, first)
    )


def remove_data(org: Org, job_id: str) -> None:
    """Removes what a client sent."""
    org.execute("DELETE FROM bulk_text WHERE job_id = ?", (job_id,))


def put_results(org: Org, job: Job, first: int, count: int, done: str, failed: str = "") -> None:
    """Keeps the results of `count` rows from row `first` on, as text."""
    org.execute(
        "INSERT INTO bulk_result VALUES (?, ?, ?, ?, ?)", (job.id, first, count, done, failed)
    )


def results(org: Org, job: Job, column: str = "done") -> str:
    """The texts of `done` or `failed` in the order of the rows."""
    assert column in {"done", "failed"}
    rows = org.execute(
        f"SELECT {column} FROM bulk_result WHERE job_id = ? ORDER BY first",  # noqa: S608 - asserted
        (job.id,),
    )
    return "".join(row[0] for row in rows)


def result_parts(org: Org, job: Job, start: int, end: int) -> list[tuple[int, str]]:
    """The parts, each with its first row, that hold the rows from `start` to before `end`."""
    rows = org.execute(
        "SELECT first, done FROM bulk_result"
        " WHERE job_id = ? AND first < ? AND first + count > ? ORDER BY first",
        (job.id, end, start),
    )
    return [(row[0], row[1]) for row in rows]


def add_batch(org: Org, job: Job, text: str) -> Batch:
    """A new batch of a Bulk 1.0 job."""
    now = timestamp(org.now())
    with org.transaction():
        batch = Batch(org.new_id("751"), job.id, "Queued", now, now)
        org.execute(
            "INSERT INTO bulk_batch VALUES (?, ?, ?, NULL)", (batch.id, job.id, _json(batch))
        )
        put_data(org, job.id, text, batch=batch.id)
    return batch


def batches(org: Org, job: Job) -> list[Batch]:
    """The batches of a job in the order they came."""
    rows = org.execute("SELECT info FROM bulk_batch WHERE job_id = ? ORDER BY id", (job.id,))
    return [Batch(**json.loads(row[0])) for row in rows]


def end_batch(org: Org, batch: Batch, outcome: Any, **values: Any) -> Batch:
    """The batch with its end state, kept with its outcome, which is JSON data."""
    changed = replace(batch, modified=timestamp(org.now()), **values)
    org.execute(
        "UPDATE bulk_batch SET info = ?, results = ? WHERE id = ?",
        (_json(changed), json.dumps(outcome), batch.id),
    )
    return changed


def batch_results(org: Org, batch: Batch) -> Any:
    """The outcome that `end_batch` kept."""
    rows = org.execute("SELECT results FROM bulk_batch WHERE id = ?", (batch.id,))
    return json.loads(rows[0][0]) if rows and rows[0][0] else None


def _json(value: Job | Batch) -> str:
    return json.dumps(asdict(value))
