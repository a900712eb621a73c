"""`apply`: make a plan, check and confirm it, run it, and prove the result."""

from __future__ import annotations

from provisioner.cli import output, plan_files, policy_gate, verify
from provisioner.cli.confirm import confirm
from provisioner.cli.exit_status import PARTLY
from provisioner.cli.options import ApplyOptions
from provisioner.cli.session import journals, planning_session


def apply(options: ApplyOptions) -> int:
    """Make the org match a spec, or apply a saved plan and nothing beyond it."""
    options, saved = plan_files.open_for_apply(options)
    with planning_session(options) as (spec, run, org):
        from provisioner.apply import session
        from provisioner.cli import prove, run_plan, run_report
        from provisioner.cli.progress import RunDisplay
        from provisioner.plan import make

        listener = RunDisplay()
        policy_gate.check_approvals(spec, run, options.approval)
        unfinished = session.unfinished_runs(journals(), org)
        planned = make.plan(spec, org, run)
        policy_gate.check_org(planned, spec, options)
        earlier = session.look_up(
            unfinished, planned, org, listener, assume_settled=options.assume_settled
        )

        shown = output.plan_document(planned.plan, spec)
        output.print_plan(shown, planned.plan, spec, verbose=options.verbose)
        policy_gate.check_complete(planned)
        plan_files.check_limit(saved, shown.document, spec)
        policy_gate.check_apply(planned, spec, run, org, options.approval)
        policy_gate.report_pin(planned, spec, options)
        logins = verify.prepare(spec, org, real_org=options.verify_real_org)

        if planned.plan:
            if not options.auto_approve:
                to = f"{planned.plan.org.name} ({planned.plan.org.id})"
                confirm(
                    f"Apply these {len(planned.plan.steps)} steps to {to}?",
                    without_terminal="run `provisioner plan`, then apply with `--auto-approve`",
                    declined="nothing was changed",
                )
            result = run_plan.run_plan(planned, spec, run, org, options, listener, earlier)
            proof = prove.prove(result, planned, spec, run, org, listener)
            run_report.write(result, proof, shown, planned, org, options.report)
            if not proof.in_sync:
                return PARTLY
            planned = proof.again or planned
        else:
            if options.auto_approve:
                session.clean_up(unfinished, org, journals())
            output.write_reports(shown, options.report)
        prove.print_urls(planned, spec)
        return verify.log_in(logins, spec, org)
