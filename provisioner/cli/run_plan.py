"""Run a plan for `apply`: with signals, and with a message if the run cannot start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from provisioner.apply import session
from provisioner.apply.lease import LeaseTaken
from provisioner.apply.session import ApplySettings, RunResult
from provisioner.cli import output
from provisioner.cli.exit_status import REFUSED, WRONG
from provisioner.cli.interrupts import interrupts
from provisioner.cli.options import ApplyOptions
from provisioner.cli.session import journals
from provisioner.cli.stop import Stop, problem
from provisioner.cli.version import version
from provisioner.org.errors import NotAllowed
from provisioner.spec.load import LoadedSpec

if TYPE_CHECKING:
    from provisioner.apply.recovery import EarlierWrite
    from provisioner.apply.session import RunListener
    from provisioner.org.client import Org
    from provisioner.plan.make import Planned
    from provisioner.plan.run_options import RunOptions

_LEASE = (
    "wait for it (`--lease-wait 600`); if its machine has died the lease ends by itself in "
    "{seconds} s, or with `provisioner lease break`"
)
_NO_LEASE = (
    "give the user the permission `Manage Users`, or apply with `--no-lease` if nobody else "
    "applies to this org"
)


def run_plan(
    planned: Planned,
    spec: LoadedSpec,
    run: RunOptions,
    org: Org,
    options: ApplyOptions,
    listener: RunListener,
    earlier: Sequence[EarlierWrite],
) -> RunResult:
    """Run the plan. Raises Stop if the run cannot start: nothing was written then."""
    policy = run.policy or spec.environment.policy
    settings = ApplySettings(
        journals=journals(),
        spec=str(spec.folder),
        environment=spec.environment.name,
        version=version(),
        take_lease=not options.no_lease,
        lease_wait=options.lease_wait,
        settle_wait=options.settle_wait,
        assume_settled=options.assume_settled,
        max_api_percent=policy.max_api_percent,
    )
    output.info("")
    try:
        with interrupts() as requested:
            return session.run(planned, org, settings, listener, requested, earlier)
    except LeaseTaken as taken:
        what = f"{taken}, last heard of {taken.heard:.0f} s ago"
        raise Stop(REFUSED, problem(what, _LEASE.format(seconds=f"{taken.seconds:.0f}"))) from taken
    except NotAllowed as error:
        # A limit is not a missing permission: without a lease, the next request would fail too.
        is_limit = error.code == "REQUEST_LIMIT_EXCEEDED"
        what = f"the lease on the org cannot be taken: {error}"
        raise Stop(REFUSED, problem(what, error.remedy if is_limit else _NO_LEASE)) from error
    except OSError as error:
        reason = f"{error.strerror}: `{error.filename}`" if error.filename else error.strerror
        help_ = (
            "nothing was written to the org; free the disk or repair the folder, and apply again"
        )
        raise Stop(WRONG, problem(f"the journal cannot be written: {reason}", help_)) from error
