"""Plans as files: written by `plan --out`, printed by `show`, opened by `apply`."""

from __future__ import annotations

import json
import os
import shlex
import sys
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import output
from provisioner.cli.exit_status import DONE, REFUSED, WRONG
from provisioner.cli.version import version
from provisioner.model.masking import masked_data
from provisioner.render.format import visible_lines
from provisioner.spec.files import write_private
from provisioner.spec.load import LoadedSpec
from provisioner.spec.selection import Selection

if TYPE_CHECKING:
    from provisioner.plan.document import PlanDocument
    from provisioner.plan.plan_file import SavedPlan

_REVIEW = "plan again, and have the new plan reviewed"


def now() -> datetime:
    """The time, which only commands read."""
    return datetime.now(UTC)


def save(
    file: str,
    view: PlanDocument,
    loaded: LoadedSpec,
    valid_for: timedelta,
    *,
    refused: bool = False,
    commit: str | None = None,
) -> bool:
    """Write a plan for `apply FILE`. Returns False if that failed, which is then reported.

    `refused` says that the policy does not allow the plan to be applied as it is.
    """
    from provisioner.plan import plan_file as saved

    # `apply FILE` reads the spec that the plan names: below the current folder, and nowhere else.
    spec = Path(os.path.relpath(loaded.folder)).as_posix()
    if not saved.is_relative(spec):
        remedy = f"run it in a folder that contains `{loaded.folder}`"
        output.say(f"the plan cannot be saved to `{file}`: its spec is elsewhere", remedy)
        return False
    sealed = saved.seal(
        {**view, "spec": spec},
        spec_digest=saved.spec_digest(loaded.specs, loaded.identity),
        version=version(),
        now=now(),
        valid_for=valid_for,
        targets=loaded.selection.targets,
        excludes=loaded.selection.excludes,
        commit=commit,
    )
    try:
        write_private(file, [visible_lines(json.dumps(sealed, indent=2)), "\n"])
    except OSError as error:
        output.say(f"the plan cannot be saved to `{file}`: {error.strerror}")
        return False
    until = sealed["saved"]["expires_at"]
    command = f"provisioner apply {shlex.quote(file)}"
    what = "the policy does not allow it to be applied" if refused else f"apply it with `{command}`"
    output.talk(f"saved to {file}, good until {until}: {what}")
    return True


def opened(file: str) -> SavedPlan | int:
    """The plan of a file, or the status to exit with, when what is wrong was said."""
    from provisioner.plan.plan_file import SavedPlanError, parse

    try:
        return parse(Path(file).read_text("utf-8"))
    except OSError as error:
        output.say(f"`{file}` cannot be read: {error.strerror}", "name a file of `plan --out`")
        return WRONG
    except UnicodeDecodeError:
        output.say(f"`{file}` is not a plan that `plan --out` wrote", _REVIEW)
        return WRONG
    except SavedPlanError as error:
        output.say(f"`{file}`: {error}", _REVIEW)
        return REFUSED if error.stale else WRONG


def selection(options: Namespace, saved: SavedPlan | None) -> Selection:
    """The part of the spec to apply: that of a saved plan, or less of it where that is asked."""
    targets, excludes = tuple(options.target), tuple(options.exclude)
    if saved is None:
        return Selection(targets, excludes)
    return Selection(targets or saved.targets, (*saved.excludes, *excludes))


def is_expected(saved: SavedPlan, options: Namespace) -> bool:
    """Whether a plan is for the spec, environment and commit that the options name.

    What is not is said.
    """
    spec = options.expected_spec
    made_and_wanted = {
        "spec": (saved.spec, saved.spec if spec and Path(spec) == Path(saved.spec) else spec),
        "environment": (saved.environment, options.env),
        "commit": (saved.commit or "unknown", options.commit),
    }
    wrong = [
        f"the {name} `{made}`, not `{wanted}`"
        for name, (made, wanted) in made_and_wanted.items()
        if wanted not in (None, made)
    ]
    if wrong:
        output.say(f"the plan is for {'; for '.join(wrong)}", "apply the plan that was reviewed")
    return not wrong


def expired(saved: SavedPlan) -> bool:
    """Whether the plan is too old to be applied, which is then said."""
    if now() < saved.expires:
        return False
    output.say(f"the plan expired at {saved.until}", _REVIEW)
    return True


def within(saved: SavedPlan, view: PlanDocument, loaded: LoadedSpec) -> bool:
    """Whether the plan as it is now goes no further than the saved one; if not, it is said."""
    from provisioner.plan.plan_file import SavedPlanError, check, spec_digest

    try:
        check(saved, view, spec_digest=spec_digest(loaded.specs, loaded.identity), now=now())
    except SavedPlanError as error:
        out = ", or leave out what moved with `--exclude ADDRESS`" if error.details else ""
        output.say(str(error), f"{_REVIEW}{out}", details=error.details)
        return False
    return True


def show(options: Namespace) -> int:
    """Print a saved plan, in any format; no org is asked."""
    found = opened(options.plan)
    if isinstance(found, int):
        return found
    try:
        if options.format == "text":
            from provisioner.render import text
            from provisioner.render.terminal import write

            write(list(text.plan(found.document, verbose=options.verbose)), sys.stdout)
        else:
            output.print_report(masked_data(found.document), options.format)
        output.write_reports(masked_data(found.document), options.report)
    except (LookupError, TypeError, ValueError, AttributeError):
        # Its digest is right, and yet another tool wrote it.
        output.say(f"`{options.plan}` is not a plan that `plan --out` wrote", _REVIEW)
        return WRONG
    over = "expired" if now() >= found.expires else "can be applied until"
    output.talk(f"for `{found.spec}`, environment `{found.environment}`: {over} {found.until}")
    return DONE
