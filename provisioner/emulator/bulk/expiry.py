"""How long jobs of the Bulk APIs may stay open, and how long they are kept, by the org's clock.

"Bulk API and Bulk API 2.0 Limits and Allocations" [Q]: jobs in a terminal state that are older than
seven days are deleted, those of Bulk 1.0 by the age of their youngest batch, if they have one, and
whatever the state of the job; an ingest job may be open for 24 hours. Real orgs clean up some hours
later; here a job is gone with its seventh day.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from provisioner.emulator.base.timestamps import parse_timestamp
from provisioner.emulator.bulk import jobs, v1_batches
from provisioner.emulator.bulk.jobs import ABORTED, COMPLETE, FAILED, OPEN

if TYPE_CHECKING:
    from provisioner.emulator.bulk.jobs import Job
    from provisioner.emulator.store.org import Org

OPEN_FOR: Final = timedelta(hours=24)
_KEPT_FOR: Final = timedelta(days=7)


def today(org: Org, job: Job) -> Job | None:
    """The job as its age has left it; None, and deleted, when it is too old."""
    if not is_older(org, job, OPEN_FOR):
        return job
    if job.kind == "Classic":
        return _classic(org, job)
    ended = job.state in {COMPLETE, FAILED, ABORTED, OPEN}  # the others run on when asked for
    if ended and is_older(org, job, _KEPT_FOR):
        jobs.forget(org, job)
        return None
    if job.state == OPEN:  # that it ends, and as aborted: guess
        return jobs.change(org, job, state=ABORTED)
    return job


def is_older(org: Org, job: Job, age: timedelta) -> bool:
    """Whether the job was made longer ago than that."""
    return org.now() - parse_timestamp(job.created) > age


def _classic(org: Org, job: Job) -> Job | None:
    # An open job of Bulk 1.0 stays open for all to see (help article 000386004 [Q]).
    batches = jobs.batches(org, job)
    youngest = max((batch.created for batch in batches), default=job.created)
    if org.now() - parse_timestamp(youngest) <= _KEPT_FOR:
        return job
    for batch in batches:  # one that nobody asked for has long run
        v1_batches.ran(org, job, batch)
    jobs.forget(org, job)
    return None
