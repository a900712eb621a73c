"""Saved plans: written by `plan --out`, printed by `show`, opened by `apply`."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import output
from provisioner.cli.exit_status import DONE, REFUSED, WRONG
from provisioner.cli.options import ApplyOptions, ReportOptions
from provisioner.cli.stop import Stop, problem
from provisioner.cli.version import version
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.masking import masked_data
from provisioner.render.format import visible_lines
from provisioner.spec.files import write_private
from provisioner.spec.load import LoadedSpec

if TYPE_CHECKING:
    from provisioner.plan.document import PlanDocument
    from provisioner.plan.plan_file import SavedPlan
    from provisioner.plan.run_options import RunOptions

_REVIEW = "plan again, and have the new plan reviewed"


@dataclass(frozen=True, kw_only=True)
class ShowOptions(ReportOptions):
    """The options of `show`."""

    plan: str
    verbose: bool = False


def now() -> datetime:
    """The current time."""
    return datetime.now(UTC)


def save(
    file: str,
    document: PlanDocument,
    spec: LoadedSpec,
    run: RunOptions,
    valid_for: timedelta,
    *,
    refused: bool = False,
    commit: str | None = None,
) -> None:
    """Write a plan for `apply FILE`. Raises Stop.

    `refused` says that the policy does not allow the plan to be applied as it is.
    """
    from provisioner.plan import plan_file
    from provisioner.render.report import json_pieces

    # `apply FILE` reads the spec that the plan names, which must be below the current folder.
    folder = Path(os.path.relpath(spec.folder)).as_posix()
    if not plan_file.is_relative(folder):
        what = f"the plan cannot be saved to `{file}`: its spec is elsewhere"
        raise Stop(WRONG, problem(what, f"run it in a folder that contains `{spec.folder}`"))
    saved = plan_file.sign(
        {**document, "spec": folder},
        spec_digest=plan_file.spec_digest(spec.specs, spec.identity),
        version=version(),
        now=now(),
        valid_for=valid_for,
        targets=run.selection.targets,
        excludes=run.selection.excludes,
        commit=commit,
    )
    try:
        write_private(file, map(visible_lines, json_pieces(saved)))
    except OSError as error:
        what = f"the plan cannot be saved to `{file}`: {error.strerror}"
        raise Stop(WRONG, problem(what)) from error
    until = saved["saved"]["expires_at"]
    command = f"provisioner apply {shlex.quote(file)}"
    how = "the policy does not allow it to be applied" if refused else f"apply it with `{command}`"
    output.info(f"saved to {file}, valid until {until}: {how}")


def read(file: str) -> SavedPlan:
    """The plan in a file. Raises Stop."""
    from provisioner.plan.plan_file import SavedPlanError, parse

    try:
        return parse(Path(file).read_text("utf-8"))
    except OSError as error:
        what = f"`{file}` cannot be read: {error.strerror}"
        raise Stop(WRONG, problem(what, "name a file that `plan --out` wrote")) from error
    except UnicodeDecodeError as error:
        raise Stop(WRONG, _not_a_plan(file)) from error
    except SavedPlanError as error:
        status = REFUSED if error.stale else WRONG
        raise Stop(status, problem(f"`{file}`: {error}", _REVIEW)) from error


def open_for_apply(options: ApplyOptions) -> tuple[ApplyOptions, SavedPlan | None]:
    """The saved plan that `options.spec` names, if it is a file, and the options to apply it with.

    Raises Stop if the plan has expired, or if it is not for the spec, environment and commit that
    the options name.
    """
    if options.spec is None or not Path(options.spec).is_file():
        if options.expected_spec or options.commit:
            what = "`--spec` and `--commit` are checked against a saved plan"
            raise Stop(WRONG, problem(what, "name its file"))
        return options, None
    saved = read(options.spec)
    if now() >= saved.expires:
        raise Stop(REFUSED, problem(f"the plan expired at {saved.until}", _REVIEW))
    _check_expected(saved, options)
    of_plan = replace(
        options,
        spec=saved.spec,
        env=saved.environment,
        target=options.target or saved.targets,
        exclude=(*saved.excludes, *options.exclude),
    )
    return of_plan, saved


def _check_expected(saved: SavedPlan, options: ApplyOptions) -> None:
    spec = options.expected_spec
    if spec is not None and Path(spec) == Path(saved.spec):
        spec = saved.spec
    pairs = {
        "spec": (saved.spec, spec),
        "environment": (saved.environment, options.env),
        "commit": (saved.commit or "unknown", options.commit),
    }
    wrong = [
        f"the {name} `{actual}`, not `{expected}`"
        for name, (actual, expected) in pairs.items()
        if expected not in (None, actual)
    ]
    if wrong:
        what = f"the plan is for {'; for '.join(wrong)}"
        raise Stop(WRONG, problem(what, "apply the plan that was reviewed"))


def check_limit(saved: SavedPlan | None, document: PlanDocument, spec: LoadedSpec) -> None:
    """Raise Stop if the current plan does more than the saved one, or something else."""
    from provisioner.plan.plan_file import SavedPlanError, check, spec_digest

    if saved is None:
        return
    try:
        check(saved, document, spec_digest=spec_digest(spec.specs, spec.identity), now=now())
    except SavedPlanError as error:
        exclude = ", or exclude what has changed with `--exclude ADDRESS`" if error.details else ""
        raise Stop(REFUSED, problem(str(error), f"{_REVIEW}{exclude}", error.details)) from error


def show(options: ShowOptions) -> int:
    """Print a saved plan, in any format, without an org."""
    saved = read(options.plan)
    try:
        if options.format == "text":
            from provisioner.render import text
            from provisioner.render.terminal import write

            write(list(text.plan(saved.document, verbose=options.verbose)), sys.stdout)
        else:
            output.print_report(masked_data(saved.document), options.format)
        output.write_reports(masked_data(saved.document), options.report)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        # Its digest is valid, but another tool wrote it.
        raise Stop(WRONG, _not_a_plan(options.plan)) from error
    state = "expired" if now() >= saved.expires else "can be applied until"
    output.info(f"for `{saved.spec}`, environment `{saved.environment}`: {state} {saved.until}")
    return DONE


def _not_a_plan(file: str) -> Diagnostic:
    return problem(f"`{file}` is not a plan that `plan --out` wrote", _REVIEW)
