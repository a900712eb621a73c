"""Check a plan against its environment before anything is written: the org and the policy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import output
from provisioner.cli.exit_status import REFUSED, WRONG
from provisioner.cli.options import PlanningOptions
from provisioner.cli.stop import Stop, problem
from provisioner.model.credentials import Local
from provisioner.model.diagnostics import Diagnostic
from provisioner.spec.load import LoadedSpec

if TYPE_CHECKING:
    from provisioner.org.client import Org
    from provisioner.plan.make import Planned
    from provisioner.plan.policy import Refusal
    from provisioner.plan.run_options import RunOptions
    from provisioner.spec.policy import Policy

# An Id is the same with and without the three characters of its checksum.
_SHORT = 15


def check_org(planned: Planned, spec: LoadedSpec, options: PlanningOptions) -> None:
    """Raise Stop if this is not the org that the environment is for.

    With `--pin`, an environment that names no org is pinned to this one.
    """
    environment, org = spec.environment, planned.plan.org
    if environment.org_id is None:
        if options.pin:
            _pin(org.id, spec)
        return
    allowed = [id_[:_SHORT] for id_ in (environment.org_id, options.allow_org) if id_]
    if org.id[:_SHORT] not in allowed:
        raise Stop(
            REFUSED,
            problem(
                f"this is the org {org.id} ({org.name}), and the environment "
                f"`{environment.name}` is for {environment.org_id}",
                f"log in to the right org; to continue with this one, pass `--allow-org {org.id}`",
            ),
        )


def check_complete(planned: Planned) -> None:
    """Raise Stop if the plan has errors, or if the running user lacks permissions for it.

    The plan itself only warns about permissions, because one user may plan and another one apply.
    """
    from provisioner.plan.preflight.permissions import MISSING

    if planned.plan.errors:
        raise Stop(WRONG)
    if any(p.code == MISSING for p in planned.plan.problems):
        raise Stop(
            WRONG,
            problem(
                "nothing was applied, because the running user lacks permissions for it",
                "grant the permissions that the warnings name, or apply as another user",
            ),
        )


def refusals(planned: Planned, run: RunOptions, org: Org) -> tuple[Refusal, ...]:
    """The rules of the policy that the plan breaks."""
    from provisioner.plan import policy

    rules, left = _policy(run), org.usage.left if org.usage else None
    broken = policy.refusals(planned.plan, rules, planned.reading.facts)
    return (*broken, *policy.over_budget(planned.plan, rules, left))


def as_problems(refusals: Iterable[Refusal], spec: LoadedSpec) -> list[Diagnostic]:
    """Refusals as problems, each with the file that has the policy."""
    where = f"environments/{spec.environment.name}.yaml has the policy"
    return [problem(refusal.message, f"{refusal.help}; {where}") for refusal in refusals]


def check(refusals: Iterable[Refusal], spec: LoadedSpec) -> None:
    """Raise Stop if there are refusals."""
    if problems := as_problems(refusals, spec):
        raise Stop(REFUSED, *problems)


def check_apply(
    planned: Planned,
    spec: LoadedSpec,
    run: RunOptions,
    org: Org,
    approvals: Iterable[str],
) -> None:
    """Raise Stop unless the policy allows the plan to be applied now, with these approvals."""
    from provisioner.plan import policy

    now = datetime.now(UTC)
    at_this_time = policy.applying(planned.plan, _policy(run), now=now, approvals=approvals)
    check((*refusals(planned, run, org), *at_this_time), spec)


def check_approvals(spec: LoadedSpec, run: RunOptions, approvals: Iterable[str]) -> None:
    """Raise Stop if `--approval` has a label that the policy does not have."""
    from provisioner.plan.policy import unknown_approvals

    name = spec.environment.name
    unknown = [
        problem(f"the policy of `{name}` has no approval `{label}`", remedy)
        for label, remedy in unknown_approvals(_policy(run), approvals)
    ]
    if unknown:
        raise Stop(WRONG, *unknown)


def report_approvals(planned: Planned, run: RunOptions) -> None:
    """Print the labels that the plan must be approved with."""
    from provisioner.plan.policy import needed_approvals

    for label, steps in needed_approvals(planned.plan, _policy(run)).items():
        count = "1 step" if len(steps) == 1 else f"{len(steps)} steps"
        output.info(f"apply requires `--approval {label}`, for {count}: {', '.join(steps[:5])}")


def report_pin(planned: Planned, spec: LoadedSpec, options: PlanningOptions) -> None:
    """Print how to pin an environment that names no org to this one, unless it just was."""
    environment, org = spec.environment, planned.plan.org
    if options.pin or environment.org_id is not None or isinstance(environment.login, Local):
        return
    output.info(
        f"`{environment.name}` names no org, so any org is accepted: `--pin` writes "
        f"`id: {org.id}` ({org.name}) to environments/{environment.name}.yaml"
    )


def _policy(run: RunOptions) -> Policy:
    assert run.policy is not None, "`planning_session` sets it"
    return run.policy


def _pin(org_id: str, spec: LoadedSpec) -> None:
    from provisioner.spec import document, edit

    file = spec.folder / "environments" / f"{spec.environment.name}.yaml"
    text = spec.texts.get(str(file))
    if text is None:
        missing = "there is no environment to pin"
        raise Stop(REFUSED, problem(missing, f"write {file}, with its `org`"))
    try:
        pinned = edit.insert(document.parse(text, str(file)), ("org", "id"), org_id)
    except edit.EditError as error:
        what = f"{file} cannot be pinned: {error}"
        raise Stop(REFUSED, problem(what, f"write `id: {org_id}` under `org:`")) from error
    _write(file, text, pinned)
    output.info(f"pinned `{spec.environment.name}` to {org_id} in {file}")


def _write(file: Path, before: str, after: str) -> None:
    """Write a text back to its file, with the byte order mark that it had, if any."""
    raw = file.read_bytes()
    mark = raw[: len(raw) - len(before.encode())] if raw.endswith(before.encode()) else b""
    file.write_bytes(mark + after.encode())
