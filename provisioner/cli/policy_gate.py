"""Hold a run against its environment: the right org, and a plan that its policy lets through."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import output
from provisioner.cli import plan_files as saving
from provisioner.model.credentials import Local
from provisioner.spec.load import LoadedSpec

if TYPE_CHECKING:
    from provisioner.org.client import Org
    from provisioner.plan.make import Planned
    from provisioner.plan.policy import Refusal

# An Id is the same with and without the three characters of its checksum.
_SHORT = 15


def right_org(planned: Planned, loaded: LoadedSpec, options: Namespace) -> bool:
    """Whether this is the org that the environment is for; if not, it is said.

    An environment that names none yet is pinned to this one where `--pin` asks for that.
    """
    environment, org = loaded.environment, planned.plan.org
    allowed = [i[:_SHORT] for i in (environment.org_id, options.allow_org) if i]
    if environment.org_id is None:
        return not options.pin or _pin(org.id, loaded)
    if org.id[:_SHORT] in allowed:
        return True
    output.say(
        f"this is the org {org.id} ({org.name}), and the environment `{environment.name}` is for "
        f"{environment.org_id}",
        f"log in to the right one; `--allow-org {org.id}` goes on with this one",
    )
    return False


def lacks_permissions(planned: Planned) -> bool:
    """Whether the running user lacks a permission that the plan needs; if so, it is said.

    The plan itself only warns, as one user may plan and another one apply.
    """
    from provisioner.plan.preflight.permissions import MISSING

    if all(problem.code != MISSING for problem in planned.plan.problems):
        return False
    output.say(
        "nothing was applied, because the running user has not all permissions for it",
        "grant what the warnings name, or apply as another user",
    )
    return True


def remind(planned: Planned, loaded: LoadedSpec, options: Namespace) -> None:
    """Say how an environment that names no org is pinned to this one, unless it just was."""
    environment, org = loaded.environment, planned.plan.org
    if options.pin or isinstance(environment.login, Local):
        return
    if environment.org_id is None:
        output.talk(
            f"`{environment.name}` names no org, so any would do: `--pin` writes `id: {org.id}` "
            f"({org.name}) into environments/{environment.name}.yaml"
        )


def refusals(planned: Planned, loaded: LoadedSpec, org: Org) -> tuple[Refusal, ...]:
    """The rules of the policy that the plan breaks."""
    from provisioner.plan.policy import over_budget, refusals

    policy, left = loaded.environment.policy, org.usage.left if org.usage else None
    broken = refusals(planned.plan, policy, planned.reading.facts)
    return (*broken, *over_budget(planned.plan, policy, left))


def say(found: Iterable[Refusal], loaded: LoadedSpec) -> bool:
    """Say each refusal; whether there are any."""
    found = tuple(found)
    for refusal in found:
        where = f"environments/{loaded.environment.name}.yaml has the policy"
        output.say(refusal.message, f"{refusal.help}; {where}")
    return bool(found)


def may_apply(planned: Planned, loaded: LoadedSpec, options: Namespace, org: Org) -> bool:
    """Whether the policy lets the plan be applied now; if not, it is said why."""
    from provisioner.plan.policy import applying

    now = applying(
        planned.plan,
        loaded.environment.policy,
        now=saving.now(),
        approvals=options.approval,
    )
    return not say((*refusals(planned, loaded, org), *now), loaded)


def unknown_approvals(loaded: LoadedSpec, options: Namespace) -> bool:
    """Whether `--approval` gives a label that the policy does not have; if so, it is reported."""
    from provisioner.plan.policy import unknown_approvals

    unknown = tuple(unknown_approvals(loaded.environment.policy, options.approval))
    for label, remedy in unknown:
        output.say(f"the policy of `{loaded.environment.name}` has no approval `{label}`", remedy)
    return bool(unknown)


def say_approvals(planned: Planned, loaded: LoadedSpec) -> None:
    """Say which labels the plan will have to be approved with."""
    from provisioner.plan.policy import needed_approvals

    for label, steps in needed_approvals(planned.plan, loaded.environment.policy).items():
        count = "1 step" if len(steps) == 1 else f"{len(steps)} steps"
        output.talk(f"apply asks for `--approval {label}`, for {count}: {', '.join(steps[:5])}")


def _pin(org_id: str, loaded: LoadedSpec) -> bool:
    from provisioner.spec import document as source
    from provisioner.spec import edit

    file = loaded.folder / "environments" / f"{loaded.environment.name}.yaml"
    text = loaded.texts.get(str(file))
    if text is None:
        output.say("there is no environment to pin", f"write {file}, with its `org`")
        return False
    try:
        pinned = edit.insert(source.parse(text, str(file)), ("org", "id"), org_id)
    except edit.EditError as error:
        output.say(f"{file} can not be pinned: {error}", f"write `id: {org_id}` under `org:`")
        return False
    _write(file, text, pinned)
    output.talk(f"pinned `{loaded.environment.name}` to {org_id} in {file}")
    return True


def _write(file: Path, before: str, after: str) -> None:
    """Write a text back as the bytes it had: with its byte order mark, if any."""
    raw = file.read_bytes()
    mark = raw[: len(raw) - len(before.encode())] if raw.endswith(before.encode()) else b""
    file.write_bytes(mark + after.encode())
