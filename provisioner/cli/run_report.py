"""The report of a run, kept next to its journal and written to the files of `--report`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import output
from provisioner.cli.session import home
from provisioner.cli.version import version
from provisioner.model.gc_pause import gc_paused
from provisioner.model.masking import MaskedData
from provisioner.model.operations import RunningUsername
from provisioner.org.errors import OrgError
from provisioner.render.run_document import RunFacts, run_document

if TYPE_CHECKING:
    from provisioner.apply.proof import Proof
    from provisioner.apply.session import RunResult
    from provisioner.org.client import Org
    from provisioner.plan.document import PlanDocument
    from provisioner.plan.make import Planned

_KEPT = 100


@gc_paused()
def write(
    result: RunResult,
    proof: Proof,
    shown: MaskedData[PlanDocument],
    planned: Planned,
    org: Org,
    files: Iterable[str],
) -> None:
    """Write the report as JSON and HTML, and to `files`. Reports a full disk."""
    finished = datetime.now(UTC)
    facts: RunFacts = {
        "id": result.run,
        "identity": _identity(planned, org),
        "started": _timestamp(result.started),
        "finished": _timestamp(finished),
        "seconds": round((finished - result.started).total_seconds(), 1),
        "version": version(),
        "api_calls": result.api_calls,
        "interrupted": result.interrupted,
        "in_sync": proof.in_sync,
    }
    report = run_document(shown, result.results, facts)
    folder = home() / "reports"
    own = [folder / f"{result.run}.json", folder / f"{result.run}.html"]
    try:
        # The report names the users of a portal, so only its owner can read it.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        output.write_reports(report, [*map(str, own), *files])
        _tidy(folder)
    except OSError as error:
        output.error(f"the report of the run cannot be written: {error.strerror}")
        return
    output.info(f"Report of the run: {own[1]}")


def _identity(planned: Planned, org: Org) -> str | None:
    """The username that wrote, if the login may read it."""
    facts, query = planned.reading.facts, RunningUsername()
    try:
        username = facts.shared[query] if facts.asked(query) else org.read(query)
    except OrgError:
        return None
    return username or None


def _tidy(folder: Path) -> None:
    """Keep the newest reports: their names begin with the time of the run."""
    names = sorted({path.stem for path in folder.glob("*.*")})
    for name in names[: max(len(names) - _KEPT, 0)]:
        for path in folder.glob(f"{name}.*"):
            path.unlink(missing_ok=True)


def _timestamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
