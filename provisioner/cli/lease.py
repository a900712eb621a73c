"""`lease show` and `lease break`: who applies to an org, and removing the lease of a dead run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.cli import output
from provisioner.cli.exit_status import DONE
from provisioner.cli.options import SpecOptions
from provisioner.cli.session import session
from provisioner.render.format import json_text, visible

if TYPE_CHECKING:
    from provisioner.org.client import Org

_NOBODY = "nobody is applying to this org\n"


@dataclass(frozen=True, kw_only=True)
class LeaseOptions(SpecOptions):
    """The options of `lease show` and `lease break`."""

    format: str = "text"


def run(name: str, options: LeaseOptions) -> int:
    """Run `lease show` or `lease break`."""
    with session(options) as (_, org):
        return _break(org) if name == "break" else _show(options, org)


def _show(options: LeaseOptions, org: Org) -> int:
    from provisioner.apply import lease
    from provisioner.org.timing import timing_for

    timing, state, now = timing_for(org.instance_url), lease.current(org), org.now
    marker = state.marker if state.marker and state.marker.until > now else None
    if options.format == "json":
        rows = [
            {
                "id": held.id,
                "run": held.run,
                "host": held.host,
                "by": held.by,
                "since": held.since.isoformat(),
                "heartbeat": held.beat.isoformat(),
                "stale": held.is_stale(now, timing),
            }
            for held in state.leases
        ]
        output.write_document([json_text(rows[0] if rows else None)], "json")
        return DONE
    if not state.leases:
        sys.stdout.write(_NOBODY)
    for held in state.leases:
        seconds = max((now - held.beat).total_seconds(), 0)
        stale = "; it is stale, and the next apply takes it" if held.is_stale(now, timing) else ""
        sys.stdout.write(f"{visible(str(held))}; last heard of {seconds:.0f} s ago{stale}\n")
    if marker:
        whose = "several runs" if marker.run == lease.SEVERAL else f"run {marker.run}"
        sys.stdout.write(
            f"the org may still act on requests of {whose} until {marker.until:%H:%M:%S} UTC\n"
        )
    return DONE


def _break(org: Org) -> int:
    from provisioner.apply import lease

    leases = lease.current(org).leases
    for held in leases:
        lease.break_(org, held)
        sys.stdout.write(f"removed: {visible(str(held))}\n")
    if not leases:
        sys.stdout.write(_NOBODY)
    return DONE
