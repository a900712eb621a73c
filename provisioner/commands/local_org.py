"""`org serve`, `show`, `reset`: the local org for other clients."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import asdict

from provisioner.commands import output
from provisioner.commands.online import home
from provisioner.emulator.local import LocalOrg
from provisioner.status import DONE, WRONG

DEFAULT_PORT = 8787


def org(options: Namespace) -> int:
    """Run one of the commands about the local org."""
    local = LocalOrg(home())
    match options.org_command:
        case "serve":
            return _serve(local, options.port)
        case "show":
            return _show(local, options.format)
        case _:
            local.reset()
            output.talk("the local org is as new")
            return DONE


def _serve(local: LocalOrg, port: int | None) -> int:
    port = DEFAULT_PORT if port is None else port
    output.talk(f"the local org answers at http://127.0.0.1:{port} until you press Ctrl-C")
    output.talk("`provisioner org show` prints how to log in")
    try:
        local.serve(port)
    except OSError as error:
        output.say(f"port {port} can not be served: {error.strerror}", "choose another: `--port`")
        return WRONG
    except KeyboardInterrupt:
        output.talk("stopped")
    return DONE


def _show(local: LocalOrg, format_: str) -> int:
    shown = {name: str(value) for name, value in asdict(local.credentials()).items()}
    if format_ == "json":
        sys.stdout.write(json.dumps(shown, indent=2) + "\n")
    else:
        width = max(map(len, shown))
        sys.stdout.writelines(f"{name:<{width}}  {value}\n" for name, value in shown.items())
    return DONE
