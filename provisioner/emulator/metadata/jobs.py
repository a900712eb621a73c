"""The asynchronous jobs of the Metadata API, deployments and retrieves, as the database keeps them.

A job's status moves one step each time somebody asks for it, so that what a client sees is the same
every time; one that nobody asks for is finished when it is older than `PATIENCE`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base import ids
from provisioner.emulator.base.patience import PATIENCE
from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

PREFIXES: Final = {"deploy": "0Af", "retrieve": "09S"}
_COLUMNS: Final = (
    "id, kind, done, status, created_by, created, started, modified, completed, canceled_by,"
    " options, zip, result"
)


@dataclass(frozen=True, slots=True)
class Job:
    """One job; moments are as `timestamp` writes them, `result` is what its kind makes of it."""

    id: str
    kind: str
    done: bool
    status: str
    created_by: str
    created: str
    started: str | None
    modified: str
    completed: str | None
    canceled_by: str | None
    options: dict[str, Any]
    zip: bytes
    result: dict[str, Any]


def add(org: Org, kind: str, by: str, options: dict[str, Any], data: bytes = b"") -> Job:
    """Queues a job."""
    now = timestamp(org.now())
    id_ = org.new_id(PREFIXES[kind])
    job = Job(
        id=id_,
        kind=kind,
        done=False,
        status="Pending",
        created_by=by,
        created=now,
        started=None,
        modified=now,
        completed=None,
        canceled_by=None,
        options=options,
        zip=data,
        result={},
    )
    _write(org, job)
    return job


def get(org: Org, kind: str, id_: str) -> Job | None:
    """The job of that kind and id, in either length."""
    rows = org.execute(
        f"SELECT {_COLUMNS} FROM metadata_job WHERE id = ? AND kind = ?",  # noqa: S608 - a constant
        (ids.normal(id_), kind),
    )
    return _job(rows[0]) if rows else None


def started(org: Org, job: Job, status: str = "InProgress") -> Job:
    """Moves a job on to a status that is not its last."""
    now = timestamp(org.now())
    return _write(org, replace(job, status=status, started=job.started or now, modified=now))


def finished(org: Org, job: Job, status: str, result: dict[str, Any], data: bytes = b"") -> Job:
    """Gives a job its last status, its result and its zip."""
    now = timestamp(org.now())
    return _write(
        org,
        replace(
            job, status=status, done=True, modified=now, completed=now, result=result, zip=data
        ),
    )


def canceled(org: Org, job: Job, by: str, status: str) -> Job:
    """Notes that somebody called a job off; `Canceled` is its last status."""
    now = timestamp(org.now())
    done = status == "Canceled"
    return _write(
        org,
        replace(
            job,
            status=status,
            canceled_by=by,
            done=done,
            modified=now,
            completed=now if done else None,
        ),
    )


# the rows that make `file_calls.run_forgotten` due
DUE: Final = "SELECT 1 FROM metadata_job WHERE done = 0 AND modified < :before"


def forgotten(org: Org) -> list[Job]:
    """The jobs that nobody has asked for in a while and that are not done, oldest first."""
    before = timestamp(org.now() - PATIENCE)
    rows = org.execute(
        f"SELECT {_COLUMNS} FROM metadata_job WHERE done = 0 AND modified < ? ORDER BY id",  # noqa: S608 - a constant
        (before,),
    )
    return [_job(row) for row in rows]


def xsd_date(written: str | None) -> str | None:
    """A moment of a job as an xsd:dateTime."""
    return None if written is None else components.xsd_date(written)


def _write(org: Org, job: Job) -> Job:
    org.execute(
        f"INSERT OR REPLACE INTO metadata_job ({_COLUMNS})"  # noqa: S608 - a constant
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            job.id, job.kind, int(job.done), job.status, job.created_by, job.created, job.started,
            job.modified, job.completed, job.canceled_by, json.dumps(job.options), job.zip,
            json.dumps(job.result),
        ),
    )  # fmt: skip
    return job


def _job(row: Any) -> Job:
    id_, kind, done, status, by, created, begun, modified, completed, canceler, *rest = tuple(row)
    options, data, result = rest
    return Job(
        id_, kind, bool(done), status, by, created, begun, modified, completed, canceler,
        json.loads(options), data, json.loads(result),
    )  # fmt: skip
