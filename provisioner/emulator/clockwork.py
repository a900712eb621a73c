"""What the org does by itself as time passes, before each request: one statement finds what is due.

A job that becomes due by the clock of the org goes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from provisioner.emulator.base.patience import PATIENCE
from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.bulk import jobs as bulk_jobs
from provisioner.emulator.bulk import v2_run
from provisioner.emulator.login import password_login
from provisioner.emulator.metadata import file_calls
from provisioner.emulator.metadata import jobs as metadata_jobs
from provisioner.emulator.rules import recycle_bin
from provisioner.emulator.sites import jobs as site_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provisioner.emulator.store.org import Org

# By name: the rows that make a job due, and what runs it. In SQL, `:now` is the clock of the org
# and `:before` the moment since when a job that nobody asks for must have moved.
_JOBS: Final[Mapping[str, tuple[str, Callable[[Org], None]]]] = {
    "sites": (site_jobs.DUE, site_jobs.run_forgotten),
    "deployments": (metadata_jobs.DUE, file_calls.run_forgotten),
    "lockouts": (password_login.DUE, password_login.end_lockouts),
    "recycle bin": (recycle_bin.DUE, recycle_bin.expire),
}
_BULK: Final = "bulk jobs"
_FIND: Final = "SELECT " + ", ".join(
    f'EXISTS ({sql}) AS "{name}"'
    for name, sql in [*((name, sql) for name, (sql, _) in _JOBS.items()), (_BULK, bulk_jobs.DUE)]
)


def run_due(org: Org) -> None:
    """Runs what is due in the org, but no Bulk jobs."""
    due = _due(org)
    for name, (_, run) in _JOBS.items():
        if name in due:
            run(org)


def catch_up(org: Org) -> None:
    """Runs a pending Bulk job for a short time, if there is one."""
    if _BULK in _due(org):
        v2_run.catch_up(org)


def _due(org: Org) -> frozenset[str]:
    moments = {"now": timestamp(org.now()), "before": timestamp(org.now() - PATIENCE)}

    def find() -> frozenset[str]:
        (row,) = org.execute(_FIND, moments)
        return frozenset(name for name in (*_JOBS, _BULK) if row[name])

    return org.remember("due", find)
