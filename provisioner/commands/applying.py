"""`apply`: ask, carry the plan out, read again, and say honestly what became of it."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioner.commands import canaries, guarding, output, reporting, running, saving
from provisioner.commands.online import online
from provisioner.loader import Loaded
from provisioner.render.lines import Line, write
from provisioner.status import DONE, PARTLY, REFUSED, WRONG

if TYPE_CHECKING:
    from provisioner.org.client import Org
    from provisioner.outcome import Outcome
    from provisioner.saved import SavedPlan
    from provisioner.workflow import Planned


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
        if environment not in (None, saved.environment):
            output.say(
                f"the plan is for the environment `{saved.environment}`", "leave out `--env`"
            )
            return WRONG
        spec, environment = saved.spec, saved.environment
    selection = saving.selection(options, saved)
    return online(
        spec,
        environment,
        lambda loaded, org: _apply(options, loaded, org, saved),
        selection,
        options.policy,
    )


def _apply(options: Namespace, loaded: Loaded, org: Org, saved: SavedPlan | None) -> int:
    from provisioner import workflow

    loaded = replace(loaded, no_email=options.no_email)
    doubtful = running.in_doubt(org)
    planned = workflow.plan(loaded, org)
    if not guarding.right_org(planned, loaded, options):
        return REFUSED
    if doubtful:
        running.settle(doubtful, planned)
    shown = output.document("plan", planned.plan, loaded, "text")
    if planned.plan.errors:
        return WRONG
    if saved is not None and not saving.within(saved, shown, loaded):
        return REFUSED
    if not guarding.may_apply(planned, loaded, options, org):
        return REFUSED
    guarding.remind(planned, loaded)
    watched = canaries.ready(options, loaded, org)
    if isinstance(watched, int):
        return watched
    if not planned.plan:
        output.write_reports(shown, options.report)
        _urls(planned)
        return canaries.check(watched, loaded, org)
    if not options.auto_approve and (asked := _ask(planned)) is not None:
        return asked
    status = _carry_out(options, planned, loaded, org, shown)
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
    options: Namespace, planned: Planned, loaded: Loaded, org: Org, shown: Mapping[str, Any]
) -> int:
    from provisioner.lease import LeaseTaken
    from provisioner.org.errors import NotAllowed
    from provisioner.render import plan as text

    before = org.api_calls
    output.talk("")
    try:
        ran = running.carry_out(options, planned, loaded, org)
    except LeaseTaken as taken:
        remedy = _LEASE.format(seconds=f"{taken.seconds:.0f}")
        output.say(f"{taken}, last heard of {taken.heard:.0f} s ago", remedy)
        return REFUSED
    except NotAllowed as error:
        output.say(f"the lease on the org can not be taken: {error}", _NO_LEASE)
        return REFUSED
    output.talk("")
    made = org.api_calls - before
    write([text.applied(ran.counts), Line(f"API calls made: {made}.")], sys.stdout)
    identity = reporting.identity(planned, org)
    status, again = _checked(ran, loaded, org)
    in_sync = again is not None and status == DONE
    reporting.write(options, shown, ran, identity=identity, api_calls=made, in_sync=in_sync)
    if again is not None and in_sync:
        _urls(again)
    return status


def _checked(ran: running.Ran, loaded: Loaded, org: Org) -> tuple[int, Planned | None]:
    """Read the org again: nothing may be left. The status, and the second plan if there is one."""
    from provisioner import workflow
    from provisioner.org.errors import OrgError

    if ran.interrupted:
        output.say("interrupted", "run the command again to go on from here")
        return PARTLY, None
    try:
        again = workflow.plan(loaded, org)
    except OrgError as error:
        output.say_org(error)
        remedy = "apply again: what is done is not done twice"
        output.say("the org could not be read again", remedy)
        return PARTLY, None
    if again.plan or again.plan.errors:
        _left(again, ran.counts, loaded)
        return PARTLY, again
    write([Line(("In sync", "bold green"), ": a second plan is empty.")], sys.stdout)
    return DONE, again


_LEASE = (
    "wait for it (`--lease-wait 600`); if its machine is gone the lease ends by itself in "
    "{seconds} s, or by `provisioner lease break`"
)
_NO_LEASE = (
    "give the user the permission `Manage Users`, or apply with `--no-lease` where nobody else "
    "applies to this org"
)


def _left(again: Planned, counts: Counter[Outcome], loaded: Loaded) -> None:
    """Say what a second plan still has, and whether that was to be expected."""
    from provisioner.outcome import Outcome
    from provisioner.render import plan as text

    count = len(again.plan.steps)
    if set(counts) - {Outcome.DONE}:
        left = "1 step is" if count == 1 else f"{count} steps are"
        output.say(f"{left} left to do", "mend what failed, and apply again")
    else:
        output.say(
            f"every step was done, and yet a second plan has {count}: the org does not keep "
            "what it was sent",
            "this is a mistake of the spec, or of provisioner: please report it",
        )
    output.tell(text.plan(output.view(again.plan, loaded)))
    output.problems(again.plan.problems, loaded, sys.stderr)


def _urls(planned: Planned) -> None:
    from provisioner import workflow

    for name, url in workflow.login_urls(planned):
        sys.stdout.write(f"Log in to {name}: {url}\n")
