"""`plan --env a --env b`: one plan for each environment, and what differs side by side."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import output, suggestions
from provisioner.cli import policy_gate as guarding
from provisioner.cli.exit_status import CHANGES, DONE, REFUSED, WRONG
from provisioner.cli.formats import ENDINGS
from provisioner.cli.session import online
from provisioner.cli.version import version
from provisioner.model.masking import masked
from provisioner.render.format import json_text, visible_lines
from provisioner.render.terminal import write
from provisioner.spec.files import write_private
from provisioner.spec.load import LoadedSpec
from provisioner.spec.selection import Selection

if TYPE_CHECKING:
    from provisioner.model.plan import Plan
    from provisioner.org.client import Org
    from provisioner.plan.document import PlanDocument
    from provisioner.plan.policy import Refusal
    from provisioner.render.environments import PlansDocument

_FORMATS = ("text", "json", "markdown", "html")


def plan(options: Namespace) -> int:
    """Plan for each environment; the gravest status of any, and no table unless all were read."""
    reports = [(name, ENDINGS[Path(name).suffix]) for name in options.report]
    wrong = [f for f in (options.format, *(f for _, f in reports)) if f not in _FORMATS]
    if wrong or options.out:
        what = "`--out` saves" if options.out else f"`{wrong[0]}` shows"
        output.say(f"{what} the plan of one environment", "plan for one `--env` at a time")
        return WRONG
    made = _Made(options)
    statuses = [made.read(name) for name in dict.fromkeys(options.env)]
    if made.unread:
        return next(s for s in statuses if s not in (DONE, CHANGES))
    made.show(reports)
    # What is refused weighs more than what is pending.
    return max(statuses)


class _Made:
    """The plans made so far, and what came with each."""

    def __init__(self, options: Namespace) -> None:
        self.unread = False
        self._options = options
        self._found: list[tuple[LoadedSpec, Plan, tuple[Refusal, ...], PlanDocument]] = []

    def read(self, environment: str) -> int:
        before = len(self._found)
        options = self._options
        selection = Selection(tuple(options.target), tuple(options.exclude))
        rules = options.policy
        status = online(options.spec, environment, self._plan, selection, rules, plans=True)
        self.unread |= len(self._found) == before
        return status

    def _plan(self, loaded: LoadedSpec, org: Org) -> int:
        from provisioner.plan import make as workflow

        planned = workflow.plan(replace(loaded, no_email=self._options.no_email), org)
        if not guarding.right_org(planned, loaded, self._options):
            return REFUSED
        refused = guarding.refusals(planned, loaded, org)
        shown = output.plan_document(planned.plan, loaded, refused)
        self._found.append((loaded, planned.plan, refused, shown.document))
        if planned.plan.errors:
            return WRONG
        if refused:
            return REFUSED
        return CHANGES if self._options.detailed_exitcode and planned.plan else DONE

    def show(self, reports: list[tuple[str, str]]) -> None:
        """Print them, and write the files of `--report`. Raises OSError."""
        from provisioner.render import environments as several

        views = [view for *_, view in self._found]
        specs = [loaded.specs for loaded, *_ in self._found]
        whole = masked(several.plans_document(views, specs))
        for name, format_ in reports:
            write_private(name, [_rendered(whole, format_)], parents=True)
        if self._options.format == "text":
            self._say(whole)
        else:
            format_ = self._options.format
            output.write_document([_rendered(whole, format_)], format_)
        for loaded, plan, refused, _ in self._found:
            output.problems(plan.problems, loaded, sys.stderr)
            guarding.say(refused, loaded)

    def _say(self, whole: PlansDocument) -> None:
        from provisioner.render import environments as several
        from provisioner.render import text
        from provisioner.render.terminal import Line

        for view in whole["plans"]:
            write([Line((f"{view['environment']}:", "bold"))], sys.stdout)
            suggestions.about(self._options.spec, view["environment"])
            write(suggestions.lines(text.plan(view, verbose=self._options.verbose)), sys.stdout)
            sys.stdout.write("\n")
        write(several.text(whole), sys.stdout)


def _rendered(whole: PlansDocument, format_: str) -> str:
    if format_ == "json":
        return json_text(whole)
    from provisioner.render import environments as several
    from provisioner.render import html as page

    if format_ == "html":
        pages = page.several(whole, several.tables(whole), version=version())
        return visible_lines("".join(pages))
    from provisioner.render.markdown import LIMIT, markdown

    tables = several.markdown(whole)
    # All of them share one comment.
    each = max(LIMIT - len(tables), LIMIT // 2) // len(whole["plans"])
    plans = [
        markdown(view, title=f"Plan for {view['environment']}", limit=each)
        for view in whole["plans"]
    ]
    return "\n".join([*plans, tables])
