"""`validate`, `plan` and `drift`: what is wrong, what would change, what has changed."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.cli import output
from provisioner.cli import plan_files as saving
from provisioner.cli import policy_gate as guarding
from provisioner.cli.exit_status import CHANGES, DONE, REFUSED, WRONG
from provisioner.cli.session import online
from provisioner.model.masking import masked_data
from provisioner.render.validation import validation_document
from provisioner.spec.load import LoadedSpec, find, load
from provisioner.spec.selection import Selection

if TYPE_CHECKING:
    from provisioner.org.client import Org


def validate(options: Namespace) -> int:
    """Offline: every problem of every file."""
    loaded = load(find(options.spec), options.env, secrets=False)
    report = validation_document(
        loaded.problems,
        spec=str(loaded.folder),
        environment=loaded.environment.name,
        files=loaded.texts,
        resources=len(loaded.specs),
    )
    shown = masked_data(report)
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
    """What apply would do, saved where `--out` says; of several environments side by side."""
    if len(options.env) > 1:
        from provisioner.cli import plan_environments as several

        return several.plan(options)
    options.env = options.env[0] if options.env else None
    return _online(options, _plan)


def drift(options: Namespace) -> int:
    """Where the org differs from the spec, or what of it is to be left alone."""
    if options.ignore:
        from provisioner.cli.ignoring import ignore

        return ignore(options)
    return _online(options, _drift)


def _online(options: Namespace, use: Callable[[Namespace, LoadedSpec, Org], int]) -> int:
    selection = Selection(tuple(options.target), tuple(options.exclude))
    return online(
        options.spec,
        options.env,
        lambda loaded, org: use(options, loaded, org),
        selection,
        options.policy,
        plans=True,
    )


def _plan(options: Namespace, loaded: LoadedSpec, org: Org) -> int:
    from provisioner.plan import make as workflow

    loaded = replace(loaded, no_email=options.no_email, verbose=options.verbose)
    planned = workflow.plan(loaded, org)
    made = planned.plan
    if not guarding.right_org(planned, loaded, options):
        return REFUSED
    refused = guarding.refusals(planned, loaded, org)
    shown = output.plan_document(made, loaded, refused)
    output.print_plan(shown, made, loaded, options.format, options.report)
    if made.errors:
        return WRONG
    saving_as = options.out, shown.document, loaded, options.valid_for
    if options.out and not saving.save(*saving_as, refused=bool(refused), commit=options.commit):
        return WRONG
    if guarding.say(refused, loaded):
        return REFUSED
    guarding.say_approvals(planned, loaded)
    guarding.remind(planned, loaded, options)
    return CHANGES if options.detailed_exitcode and made else DONE


def _drift(options: Namespace, loaded: LoadedSpec, org: Org) -> int:
    from provisioner.cli.adopting import adopt
    from provisioner.drift import find as finding

    planned, found = finding.find_drift(loaded, org)
    made = planned.plan
    if not guarding.right_org(planned, loaded, options):
        return REFUSED
    for unread in found.unread:
        output.talk(f"not told: {unread}")
    shown = output.drift_document(made, found, loaded)
    if options.adopt == "-":
        output.problems(made.problems, loaded, sys.stderr)
    else:
        output.print_plan(shown, made, loaded, options.format, options.report)
    if options.adopt and not adopt(made, loaded, options.adopt):
        return WRONG
    if made.errors:
        return WRONG
    if options.revert and not saving.save(
        options.revert, shown.document, loaded, options.valid_for
    ):
        return WRONG
    return CHANGES if made else DONE
