"""`lease show` and `lease break`: who is applying to an org, and how to go on without them."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from provisioner.commands.online import online
from provisioner.status import DONE

if TYPE_CHECKING:
    from provisioner.org.client import Org


def lease(options: Namespace) -> int:
    """Run one of the commands about the lease."""
    use = _break if options.lease_command == "break" else _show
    return online(options.spec, options.env, lambda _, org: use(options, org))


def _show(options: Namespace, org: Org) -> int:
    from provisioner import lease

    now, held = org.now, lease.current(org)
    if options.format == "json":
        shown = [
            {
                "id": one.id,
                "run": one.run,
                "host": one.host,
                "by": one.by,
                "since": one.since.isoformat(),
                "heartbeat": one.beat.isoformat(),
                "stale": one.is_stale(now),
            }
            for one in held
        ]
        sys.stdout.write(json.dumps(shown[0] if shown else None, indent=2) + "\n")
        return DONE
    if not held:
        sys.stdout.write("nobody is applying to this org\n")
    for one in held:
        heard = max((now - one.beat).total_seconds(), 0)
        stale = "; it is stale, and the next apply takes it" if one.is_stale(now) else ""
        sys.stdout.write(f"{one}; last heard of {heard:.0f} s ago{stale}\n")
    return DONE


def _break(_: Namespace, org: Org) -> int:
    from provisioner import lease

    held = lease.current(org)
    for one in held:
        org.call(lease.removal(one))
        sys.stdout.write(f"taken away: {one}\n")
    if not held:
        sys.stdout.write("nobody is applying to this org\n")
    return DONE
