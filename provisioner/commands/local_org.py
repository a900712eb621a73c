"""`org serve`, `show`, `reset`: the local org for other clients."""

from __future__ import annotations

import json
import signal
import sys
from argparse import Namespace
from dataclasses import asdict

from provisioner.commands import output
from provisioner.commands.online import home
from provisioner.emulator.local import LocalOrg, LocalOrgError
from provisioner.status import DONE, WRONG


def org(options: Namespace) -> int:
    """Run one of the commands about the local org."""
    local = LocalOrg(home())
    try:
        return _run(local, options)
    except LocalOrgError as error:
        output.say(str(error), error.remedy)
        return WRONG
    finally:
        local.close()


def _run(local: LocalOrg, options: Namespace) -> int:
    match options.org_command:
        case "serve":
            return _serve(local, options)
        case "show":
            return _show(local, options.format)
        case "coverage":
            return _coverage(local, options.format)
        case _:
            local.reset()
            output.talk("the local org is as new")
            return DONE


def _serve(local: LocalOrg, options: Namespace) -> int:
    def ready(url: str) -> None:
        output.talk(f"the local org answers at {url} until you press Ctrl-C")
        output.talk("`provisioner org show` prints how to log in")

    # A service manager stops what it started by SIGTERM, and that is no failure. What a script
    # starts in the background ignores SIGINT, unless it says otherwise.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    local.open()
    try:
        local.serve(options.port, control=options.control, https=options.https, ready=ready)
    except OSError as error:
        remedy = "choose another with `--port`"
        output.say(f"port {options.port} can not be served: {error.strerror}", remedy)
        return WRONG
    output.talk("stopped")
    return DONE


def _coverage(local: LocalOrg, format_: str) -> int:
    from provisioner.emulator import coverage

    found = coverage.report(local.app(control=True))
    text = coverage.as_json(found) if format_ == "json" else coverage.as_text(found)
    sys.stdout.write(text.rstrip() + "\n")
    return DONE


def _show(local: LocalOrg, format_: str) -> int:
    held = asdict(local.credentials())
    shown = {name: str(value) for name, value in held.items() if value is not None}
    if format_ == "json":
        sys.stdout.write(json.dumps(shown, indent=2) + "\n")
    else:
        width = max(map(len, shown))
        sys.stdout.writelines(f"{name:<{width}}  {value}\n" for name, value in shown.items())
    return DONE
