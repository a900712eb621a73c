"""`apply`: ask, run the plan, read the org again, and report the outcome."""

from __future__ import annotations

import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import (
    canaries,
    leftovers,
    output,
    running,
)
from provisioner.cli import (
    plan_files as saving,
)
from provisioner.cli import (
    policy_gate as guarding,
)
from provisioner.cli import (
    run_report as reporting,
)
from provisioner.cli.exit_status import DONE, PARTLY, REFUSED, WRONG
from provisioner.cli.session import online
from provisioner.model.credentials import Local
from provisioner.model.masking import MaskedData
from provisioner.render.format import visible
from provisioner.render.terminal import Line, write
from provisioner.spec.load import LoadedSpec

if TYPE_CHECKING:
    from provisioner.apply.recovery import Finding
    from provisioner.org.client import Org
    from provisioner.plan.document import PlanDocument
    from provisioner.plan.make import Planned
    from provisioner.plan.plan_file import SavedPlan


def apply(options: Namespace) -> int:
    """Make the org look like a spec, or like a saved plan and no more."""
    saved: SavedPlan | None = None
    spec, environment = options.spec, options.env
    if spec is not None and Path(spec).is_file():
        found = saving.opened(spec)
        if isinstance(found, int):
            return found
        if saving.expired(found):
            return REFUSED
        saved = found
        if not saving.is_expected(saved, options):
            return WRONG
        spec, environment = saved.spec, saved.environment
    elif options.expected_spec or options.commit:
        output.say("`--spec` and `--commit` are checked against a saved plan", "name its file")
        return WRONG
    selection = saving.selection(options, saved)
    return online(
        spec,
        environment,
        lambda loaded, org: _apply(options, loaded, org, saved),
        selection,
        options.policy,
        plans=True,
    )


def _apply(options: Namespace, loaded: LoadedSpec, org: Org, saved: SavedPlan | None) -> int:
    from provisioner.plan import make as workflow

    loaded = replace(loaded, no_email=options.no_email, verbose=options.verbose)
    if guarding.unknown_approvals(loaded, options):
        return WRONG
    unfinished = running.unfinished(org)
    planned = workflow.plan(loaded, org)
    if not guarding.right_org(planned, loaded, options):
        return REFUSED
    earlier = running.look_up(unfinished, planned, org, assume_settled=options.assume_settled)
    shown = output.plan_document(planned.plan, loaded)
    output.print_plan(shown, planned.plan, loaded, "text")
    if planned.plan.errors or guarding.lacks_permissions(planned):
        return WRONG
    if saved is not None and not saving.within(saved, shown.document, loaded):
        return REFUSED
    if not guarding.may_apply(planned, loaded, options, org):
        return REFUSED
    guarding.remind(planned, loaded, options)
    watched = canaries.ready(options, loaded, org)
    if isinstance(watched, int):
        return watched
    if not planned.plan:
        if options.auto_approve:
            running.clean_up(unfinished, org)
        output.write_reports(shown, options.report)
        _urls(planned, loaded)
        return canaries.check(watched, loaded, org)
    if not options.auto_approve and (asked := _ask(planned)) is not None:
        return asked
    status = _carry_out(options, planned, loaded, org, shown, earlier)
    return canaries.check(watched, loaded, org) if status == DONE else status


def _ask(planned: Planned) -> int | None:
    """Ask on the terminal; the status to exit with when the answer is not `yes`."""
    if not sys.stdin.isatty():
        remedy = "look at `provisioner plan`, then apply with `--auto-approve`"
        output.say("there is no terminal to ask on", remedy)
        return WRONG
    org = planned.plan.org
    sys.stderr.write(f"\nApply these {len(planned.plan.steps)} steps to {org.name} ({org.id})? ")
    sys.stderr.write("Only `yes` is a yes: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() == "yes":
        return None
    output.talk("nothing was changed")
    return REFUSED


def _carry_out(
    options: Namespace,
    planned: Planned,
    loaded: LoadedSpec,
    org: Org,
    shown: MaskedData[PlanDocument],
    earlier: Sequence[Finding],
) -> int:
    from provisioner.apply.lease import LeaseTaken
    from provisioner.org.errors import NotAllowed
    from provisioner.render import text

    before = org.api_calls
    output.talk("")
    try:
        ran = running.carry_out(options, planned, loaded, org, earlier)
    except LeaseTaken as taken:
        remedy = _LEASE.format(seconds=f"{taken.seconds:.0f}")
        output.say(f"{taken}, last heard of {taken.heard:.0f} s ago", remedy)
        return REFUSED
    except NotAllowed as error:
        # A limit is no missing permission: without a lease the same would be refused later.
        is_limit = error.code == "REQUEST_LIMIT_EXCEEDED"
        help_ = error.remedy if is_limit else _NO_LEASE
        output.say(f"the lease on the org cannot be taken: {error}", help_)
        return REFUSED
    except OSError as error:
        reason = f"{error.strerror}: `{error.filename}`" if error.filename else error.strerror
        output.say(
            f"the journal cannot be written: {reason}",
            "nothing was written to the org; free the disk or repair the folder, and apply again",
        )
        return WRONG
    output.talk("")
    made = org.api_calls - before
    _say_quietly([text.applied(ran.counts), Line(f"API calls made: {made}.")])
    status, again = _checked(ran, planned, loaded, org)
    in_sync = again is not None and status == DONE
    identity = reporting.identity(planned, org)
    reporting.write(options, shown, ran, identity=identity, api_calls=made, in_sync=in_sync)
    if again is not None and in_sync:
        _urls(again, loaded)
    return status


def _say_quietly(lines: Sequence[Line]) -> None:
    """Print to stdout; the report is written even if nobody can read this."""
    try:
        write(lines, sys.stdout)
    except OSError:
        return


def _checked(
    ran: running.Ran, planned: Planned, loaded: LoadedSpec, org: Org
) -> tuple[int, Planned | None]:
    """Read the org again: nothing may be left. The status, and the second plan if there is one."""
    from provisioner.org.errors import OrgError
    from provisioner.plan import make as workflow

    if ran.error is not None:
        _say_error(ran.error)
        return PARTLY, None
    if ran.interrupted:
        output.say("interrupted", "run the command again to continue from here")
        return PARTLY, None
    try:
        again = workflow.plan(loaded, org)
        unknown = running.settle(ran, again)
        if again.plan or again.plan.errors or unknown or _repeated(planned, again):
            leftovers.tell(planned, again, ran, unknown, loaded)
            return PARTLY, again
    except OrgError as error:
        output.say_org(error)
        remedy = "apply again: what is done is not done twice"
        output.say("the org could not be read again", remedy)
        return PARTLY, None
    except Exception as error:  # noqa: BLE001 - steps were applied: their report must be written
        _say_error(error)
        return PARTLY, None
    _say_quietly([Line(("In sync", "bold green"), ": a second plan is empty.")])
    return DONE, again


def _repeated(planned: Planned, again: Planned) -> bool:
    """Whether something exists twice that did not before the run."""
    from provisioner.kinds.contact.checks import REPEATED

    before, after = (
        {problem for problem in one.plan.problems if problem.code == REPEATED}
        for one in (planned, again)
    )
    return bool(after - before)


def _say_error(error: Exception) -> None:
    """Say what ended a run that has written: a full disk, or a bug, with where it happened."""
    if isinstance(error, OSError):
        output.say(
            f"the run was ended: {error.strerror or error}",
            "free some space, then apply again: what is done is not done twice",
        )
        return
    trace = traceback.extract_tb(error.__traceback__)
    where = [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in trace[-3:]]
    output.say(
        f"the run was ended by an unexpected error: {type(error).__name__}: {error}",
        "this is a bug in provisioner: please report it with these lines. Apply again to "
        "continue: what is done is not done twice",
        details=where,
    )


_LEASE = (
    "wait for it (`--lease-wait 600`); if its machine has died the lease ends by itself in "
    "{seconds} s, or with `provisioner lease break`"
)
_NO_LEASE = (
    "give the user the permission `Manage Users`, or apply with `--no-lease` if nobody else "
    "applies to this org"
)


def _urls(planned: Planned, loaded: LoadedSpec) -> None:
    for name, url in _login_urls(planned):
        sys.stdout.write(visible(f"Log in to {name}: {url}") + "\n")
    _say_where(loaded)


def _login_urls(planned: Planned) -> tuple[tuple[str, str], ...]:
    """The login page of every active portal of the spec, by the portal's name."""
    from provisioner.kinds import BY_NAME

    org = planned.plan.org
    urls = (
        (address.name, BY_NAME[address.kind].login_url(live, org.id, org.instance_url))
        for address, live in planned.reading.live.items()
    )
    return tuple((name, url) for name, url in urls if url)


def _say_where(loaded: LoadedSpec) -> None:
    """Say how to open the login page of the embedded org, and how to read its e-mail."""
    if isinstance(loaded.environment.login, Local):
        output.talk(
            "To open the login page, run `provisioner org serve`. To read the local org's e-mails, "
            "run `provisioner org mail`."
        )
