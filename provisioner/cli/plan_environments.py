"""`plan --env a --env b`: a plan for each environment, and what differs, side by side."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import output, policy_gate, suggested_commands
from provisioner.cli.exit_status import CHANGES, DONE, REFUSED, WRONG
from provisioner.cli.formats import ENDINGS
from provisioner.cli.options import PlanOptions
from provisioner.cli.session import planning_session
from provisioner.cli.stop import Stop, problem
from provisioner.cli.version import version
from provisioner.model.masking import masked
from provisioner.render.format import json_text, visible_lines
from provisioner.render.terminal import write
from provisioner.spec.files import write_private
from provisioner.spec.load import LoadedSpec

if TYPE_CHECKING:
    from provisioner.model.plan import Plan
    from provisioner.plan.document import PlanDocument
    from provisioner.plan.policy import Refusal
    from provisioner.render.environments import PlansDocument

_FORMATS = ("text", "json", "markdown", "html")


@dataclass(frozen=True, slots=True)
class _EnvironmentPlan:
    """The plan for one environment, the rules that it breaks, and its document."""

    spec: LoadedSpec
    plan: Plan
    refusals: tuple[Refusal, ...]
    document: PlanDocument

    def status(self, *, detailed: bool) -> int:
        if self.plan.errors:
            return WRONG
        if self.refusals:
            return REFUSED
        return CHANGES if detailed and self.plan else DONE


def plan_environments(options: PlanOptions) -> int:
    """Plan for each environment; the most serious status. No table if one cannot be read."""
    reports = [(name, ENDINGS[Path(name).suffix]) for name in options.report]
    _check_formats(options, [format_ for _, format_ in reports])
    plans: list[_EnvironmentPlan] = []

    def add(environment: str) -> int:
        plans.append(_plan(replace(options, env=environment)))
        return plans[-1].status(detailed=options.detailed_exitcode)

    environments = tuple(dict.fromkeys(options.envs))
    statuses = [output.status_of(partial(add, environment)) for environment in environments]
    if len(plans) < len(environments):
        return next(s for s in statuses if s not in (DONE, CHANGES))
    _show(plans, options, reports)
    # A refusal is more serious than pending changes.
    return max(statuses)


def _check_formats(options: PlanOptions, report_formats: list[str]) -> None:
    wrong = [f for f in (options.format, *report_formats) if f not in _FORMATS]
    if wrong or options.out:
        what = "`--out` saves" if options.out else f"`{wrong[0]}` shows"
        help_ = "plan for one `--env` at a time"
        raise Stop(WRONG, problem(f"{what} the plan of one environment", help_))


def _plan(options: PlanOptions) -> _EnvironmentPlan:
    with planning_session(options) as (spec, run, org):
        from provisioner.plan import make

        planned = make.plan(spec, org, run)
        policy_gate.check_org(planned, spec, options)
        refusals = policy_gate.refusals(planned, run, org)
        shown = output.plan_document(planned.plan, spec, refusals)
        return _EnvironmentPlan(spec, planned.plan, refusals, shown.document)


def _show(
    plans: list[_EnvironmentPlan], options: PlanOptions, reports: list[tuple[str, str]]
) -> None:
    """Print the plans, and write the files of `--report`. Raises OSError."""
    from provisioner.render import environments

    documents = [p.document for p in plans]
    whole = masked(environments.plans_document(documents, [p.spec.specs for p in plans]))
    for name, format_ in reports:
        write_private(name, [_rendered(whole, format_)], parents=True)
    if options.format == "text":
        _print(whole, options)
    else:
        output.write_document([_rendered(whole, options.format)], options.format)
    for planned in plans:
        output.problems(planned.plan.problems, planned.spec.texts)
        for refusal in policy_gate.as_problems(planned.refusals, planned.spec):
            output.error(refusal.message, refusal.help)


def _print(whole: PlansDocument, options: PlanOptions) -> None:
    from provisioner.render import environments, text
    from provisioner.render.terminal import Line

    for view in whole["plans"]:
        write([Line((f"{view['environment']}:", "bold"))], sys.stdout)
        suggested_commands.about(options.spec, view["environment"])
        lines = text.plan(view, verbose=options.verbose)
        write(suggested_commands.lines(lines), sys.stdout)
        sys.stdout.write("\n")
    write(environments.text(whole), sys.stdout)


def _rendered(whole: PlansDocument, format_: str) -> str:
    if format_ == "json":
        return json_text(whole)
    from provisioner.render import environments, html

    if format_ == "html":
        pages = html.several(whole, environments.tables(whole), version=version())
        return visible_lines("".join(pages))
    from provisioner.render.markdown import LIMIT, markdown

    tables = environments.markdown(whole)
    # All plans share one comment.
    each = max(LIMIT - len(tables), LIMIT // 2) // len(whole["plans"])
    plans = [
        markdown(view, title=f"Plan for {view['environment']}", limit=each)
        for view in whole["plans"]
    ]
    return "\n".join([*plans, tables])
