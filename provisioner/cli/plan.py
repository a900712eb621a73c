"""`plan`: show what an apply would change, and save it."""

from __future__ import annotations

from dataclasses import replace

from provisioner.cli import output, plan_files, policy_gate
from provisioner.cli.exit_status import CHANGES, DONE, WRONG
from provisioner.cli.options import PlanOptions
from provisioner.cli.session import planning_session
from provisioner.cli.stop import Stop


def plan(options: PlanOptions) -> int:
    """Plan for one environment."""
    options = replace(options, env=options.envs[0] if options.envs else None)
    with planning_session(options) as (spec, run, org):
        from provisioner.plan import make

        planned = make.plan(spec, org, run)
        policy_gate.check_org(planned, spec, options)
        refusals = policy_gate.refusals(planned, run, org)
        shown = output.plan_document(planned.plan, spec, refusals)
        output.print_plan(
            shown, planned.plan, spec, options.format, options.report, verbose=options.verbose
        )
        if planned.plan.errors:
            raise Stop(WRONG)
        if options.out:
            plan_files.save(
                options.out,
                shown.document,
                spec,
                run,
                options.valid_for,
                refused=bool(refusals),
                commit=options.commit,
            )
        policy_gate.check(refusals, spec)
        policy_gate.report_approvals(planned, run)
        policy_gate.report_pin(planned, spec, options)
        return CHANGES if options.detailed_exitcode and planned.plan else DONE
