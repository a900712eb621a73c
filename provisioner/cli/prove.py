"""Prove an apply: print what was done, and what a second plan of the org still shows and why."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.apply import proof
from provisioner.apply.proof import Proof
from provisioner.cli import output
from provisioner.cli.session import journals
from provisioner.kinds import BY_NAME
from provisioner.model.credentials import Local
from provisioner.org.errors import OrgError
from provisioner.render import text
from provisioner.render.format import visible
from provisioner.render.terminal import Line
from provisioner.spec.load import LoadedSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.apply.session import RunListener, RunResult
    from provisioner.model.outcome import StepResult
    from provisioner.model.plan import Step
    from provisioner.org.client import Org
    from provisioner.plan.make import Planned
    from provisioner.plan.run_options import RunOptions

_FEW = 5


def prove(
    result: RunResult,
    planned: Planned,
    spec: LoadedSpec,
    run: RunOptions,
    org: Org,
    listener: RunListener,
) -> Proof:
    """Print the outcomes, make a second plan, and print what it shows."""
    output.info("")
    counts = [text.applied(result.counts), Line(f"API calls made: {result.api_calls}.")]
    output.print_quietly(counts)
    proved = proof.prove(result, planned, spec, org, run, journals(), listener)
    try:
        _print_proof(proved, result, spec)
    except Exception as error:  # noqa: BLE001 - the report of the run must be written
        _print_error(error)
        return replace(proved, error=error)
    return proved


def print_urls(planned: Planned, spec: LoadedSpec) -> None:
    """Print the login page of every active portal of the spec."""
    org = planned.plan.org
    for address, live in planned.reading.live.items():
        if url := BY_NAME[address.kind].login_url(live, org.id, org.instance_url):
            sys.stdout.write(visible(f"Log in to {address.name}: {url}") + "\n")
    if isinstance(spec.environment.login, Local):
        output.info(
            "To open the login page, run `provisioner org serve`. To read the local org's emails, "
            "run `provisioner org mail`."
        )


def _print_proof(proved: Proof, result: RunResult, spec: LoadedSpec) -> None:
    if result.error is not None:
        _print_error(result.error)
    elif result.interrupted:
        output.error("interrupted", "run the command again to continue from here")
    elif isinstance(proved.error, OrgError):
        output.error(str(proved.error), proved.error.remedy)
        help_ = "apply again: steps that are done are not repeated"
        output.error("the org could not be read again", help_)
    elif proved.error is not None:
        _print_error(proved.error)
    elif proved.in_sync:
        output.print_quietly([Line(("In sync", "bold green"), ": a second plan is empty.")])
    elif proved.again is not None:
        _print_remaining(proved, proved.again, spec)


def _print_error(error: Exception) -> None:
    """Print what ended a run that has written: a full disk, or a bug with its place."""
    if isinstance(error, OSError):
        output.error(
            f"the run was ended: {error.strerror or error}",
            "free some space, then apply again: steps that are done are not repeated",
        )
        return
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    output.error(
        f"the run was ended by an unexpected error: {type(error).__name__}: {error}",
        "this is a bug in provisioner: please report it with these lines. Apply again to "
        "continue: steps that are done are not repeated",
        details=[f"{Path(f.filename).name}:{f.lineno} in {f.name}" for f in frames],
    )


def _print_remaining(proved: Proof, again: Planned, spec: LoadedSpec) -> None:
    """Print what is left to do: it failed, is unknown, or was changed since."""
    if proved.unknown:
        _print_unknown(proved.unknown)
    if proved.failed:
        output.error(
            f"{_steps(len(again.plan.steps))} left to do", "fix what failed, and apply again"
        )
    if proved.changed:
        output.error(
            "changed in the org since this run wrote it, by a person or by automation there: "
            + _listed(map(_change, proved.changed)),
            "look at the change; apply again to restore what the spec says",
        )
    if proved.not_kept:
        names = _listed(str(step.address) for step in proved.not_kept)
        output.error(
            f"every step was done, but the org does not keep what it was sent for {names}",
            "check the value in the spec; if it is right, this is a bug in provisioner: please "
            "report it",
        )
    if again.plan.steps:
        output.print_lines(text.plan(output.plan_document(again.plan, spec).document))
    output.problems(again.plan.problems, spec.texts)


def _print_unknown(unknown: Sequence[StepResult]) -> None:
    names = _listed(str(result.step.address) for result in unknown)
    until = max((result.until for result in unknown if result.until), default=None)
    help_ = "apply again: the next run looks up the outcome"
    if until:
        help_ = (
            f"apply again after {until:%H:%M:%S} UTC; an earlier apply does everything else and "
            "does not send this again"
        )
    output.error(f"the outcome of {names} is unknown", help_)


def _change(step: Step) -> str:
    """The address, the fields and who changed them."""
    fields = ", ".join(field.name for field in step.change.fields)
    live = step.change.before
    author = live.written.get("LastModifiedBy.Name") if live else None
    return (
        f"{step.address}" + (f" ({fields})" if fields else "") + (f" by {author}" if author else "")
    )


def _listed(names: Iterable[str]) -> str:
    all_ = list(names)
    more = f" and {len(all_) - _FEW} more" if len(all_) > _FEW else ""
    return ", ".join(all_[:_FEW]) + more


def _steps(count: int) -> str:
    return "1 step is" if count == 1 else f"{count} steps are"
