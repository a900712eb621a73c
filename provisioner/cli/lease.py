"""`lease show` and `lease break`: who applies to an org, and removing a dead run's lease."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from provisioner.cli import output
from provisioner.cli.exit_status import DONE
from provisioner.cli.session import online
from provisioner.render.format import json_text, visible

if TYPE_CHECKING:
    from provisioner.org.client import Org


def lease(options: Namespace) -> int:
    """Run one of the commands about the lease."""
    use = _break if options.lease_command == "break" else _show
    return online(options.spec, options.env, lambda _, org: use(options, org))


def _show(options: Namespace, org: Org) -> int:
    from provisioner.apply import lease
    from provisioner.org.timing import timing_for

    timing, state, now = timing_for(org.instance_url), lease.current(org), org.now
    marker = state.marker if state.marker and state.marker.until > now else None
    if options.format == "json":
        shown = [
            {
                "id": one.id,
                "run": one.run,
                "host": one.host,
                "by": one.by,
                "since": one.since.isoformat(),
                "heartbeat": one.beat.isoformat(),
                "stale": one.is_stale(now, timing),
            }
            for one in state.leases
        ]
        output.write_document([json_text(shown[0] if shown else None)], "json")
        return DONE
    if not state.leases:
        sys.stdout.write("nobody is applying to this org\n")
    for one in state.leases:
        heard = max((now - one.beat).total_seconds(), 0)
        stale = "; it is stale, and the next apply takes it" if one.is_stale(now, timing) else ""
        sys.stdout.write(f"{visible(str(one))}; last heard of {heard:.0f} s ago{stale}\n")
    if marker:
        whose = "several runs" if marker.run == lease.SEVERAL else f"run {marker.run}"
        sys.stdout.write(
            f"the org may still act on requests of {whose} until {marker.until:%H:%M:%S} UTC\n"
        )
    return DONE


def _break(_: Namespace, org: Org) -> int:
    from provisioner.apply import lease

    held = lease.current(org).leases
    for one in held:
        lease.break_(org, one)
        sys.stdout.write(f"removed: {visible(str(one))}\n")
    if not held:
        sys.stdout.write("nobody is applying to this org\n")
    return DONE
