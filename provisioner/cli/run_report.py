"""The report of a run, kept beside its journal and where `--report` says."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import output
from provisioner.cli.running import Ran
from provisioner.cli.session import home
from provisioner.cli.version import version
from provisioner.model.gc_pause import gc_paused
from provisioner.model.masking import MaskedData

if TYPE_CHECKING:
    from provisioner.org.client import Org
    from provisioner.plan.document import PlanDocument
    from provisioner.plan.make import Planned

_KEPT = 100


def reports() -> Path:
    """The folder of the reports, two files a run."""
    return home() / "reports"


def identity(planned: Planned, org: Org) -> str | None:
    """The username that wrote, if the login may ask for it."""
    from provisioner.model.operations import RunningUsername
    from provisioner.org.errors import OrgError

    facts = planned.reading.facts
    query = RunningUsername()
    try:
        username = facts.shared[query] if facts.asked(query) else org.read(query)
    except OrgError:
        return None
    return username or None


@gc_paused()
def write(
    options: Namespace,
    shown: MaskedData[PlanDocument],
    ran: Ran,
    *,
    identity: str | None,
    api_calls: int,
    in_sync: bool,
) -> None:
    """Write what the run did as JSON and as a page; a disk that is full is said and no more."""
    from provisioner.render.run_document import RunFacts, run_document

    finished = datetime.now(UTC)
    facts: RunFacts = {
        "id": ran.run,
        "identity": identity,
        "started": _written(ran.started),
        "finished": _written(finished),
        "seconds": round((finished - ran.started).total_seconds(), 1),
        "version": version(),
        "api_calls": api_calls,
        "interrupted": ran.interrupted,
        "in_sync": in_sync,
    }
    report = run_document(shown, ran.results, facts)
    folder = reports()
    files = [folder / f"{ran.run}.json", folder / f"{ran.run}.html"]
    try:
        # Who is in a portal is nobody else's business.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        output.write_reports(report, [*map(str, files), *options.report])
        _tidy(folder)
    except OSError as error:
        output.say(f"the report of the run can not be written: {error.strerror}")
        return
    output.talk(f"Report of the run: {files[1]}")


def _tidy(folder: Path) -> None:
    """Keep the newest reports: their names begin with when they were made."""
    names = sorted({path.stem for path in folder.glob("*.*")})
    for name in names[: max(len(names) - _KEPT, 0)]:
        for path in folder.glob(f"{name}.*"):
            path.unlink(missing_ok=True)


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
