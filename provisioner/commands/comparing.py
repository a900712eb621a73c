"""`validate`, `plan` and `drift`: what is wrong, what would change, what has changed."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from provisioner.commands import output, saving
from provisioner.commands.online import online
from provisioner.loader import Loaded, find, load
from provisioner.render.validation import validation
from provisioner.selection import Selection
from provisioner.status import CHANGES, DONE, REFUSED, WRONG

if TYPE_CHECKING:
    from provisioner.org.client import Org
    from provisioner.plan import Plan


def validate(options: Namespace) -> int:
    """Offline: every problem of every file."""
    loaded = load(find(options.spec), options.env, secrets=False)
    shown = validation(
        loaded.problems,
        spec=str(loaded.folder),
        environment=loaded.environment.name,
        files=loaded.texts,
        resources=len(loaded.specs),
    )
    output.write_reports(shown, options.report)
    if options.format != "text":
        output.print_report(shown, options.format)
    elif loaded.problems:
        output.problems(loaded.problems, loaded, sys.stdout)
    else:
        count = len(loaded.specs)
        sys.stdout.write(f"{loaded.folder}: {count} resources in {len(loaded.texts)} files, ok\n")
    return WRONG if output.errors(loaded.problems) else DONE


def plan(options: Namespace) -> int:
    """What apply would do, saved where `--out` says."""
    return _online(options, _plan)


def drift(options: Namespace) -> int:
    """Where the org differs from the spec."""
    return _online(options, _drift)


def bounds_broken(plan: Plan, loaded: Loaded, org: Org) -> bool:
    """Whether the plan goes over a bound of its environment's policy, which is then said."""
    from provisioner.policy import over_budget, violations

    policy, left = loaded.environment.policy, org.usage.left if org.usage else None
    broken = (*violations(plan, policy), *over_budget(plan, policy, left))
    for violation in broken:
        output.say(violation, f"raise it in environments/{loaded.environment.name}.yaml")
    return bool(broken)


def _online(options: Namespace, use: Callable[[Namespace, Loaded, Org], int]) -> int:
    selection = Selection(tuple(options.target), tuple(options.exclude))
    return online(
        options.spec, options.env, lambda loaded, org: use(options, loaded, org), selection
    )


def _plan(options: Namespace, loaded: Loaded, org: Org) -> int:
    from provisioner import workflow

    made = workflow.plan(loaded, org).plan
    shown = output.document("plan", made, loaded, options.format, options.report)
    if made.errors:
        return WRONG
    if options.out and not saving.save(options.out, shown, loaded, options.valid_for):
        return WRONG
    if bounds_broken(made, loaded, org):
        return REFUSED
    return CHANGES if options.detailed_exitcode and made else DONE


def _drift(options: Namespace, loaded: Loaded, org: Org) -> int:
    from provisioner import workflow

    planned, found = workflow.drift(loaded, org)
    made = planned.plan
    shown = output.document("drift", made, loaded, options.format, options.report, found)
    if made.errors:
        return WRONG
    if options.revert and not saving.save(options.revert, shown, loaded, options.valid_for):
        return WRONG
    return CHANGES if made else DONE
