"""The command `provisioner`: parse the command line, run the command, exit with its status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from provisioner.cli.exit_status import DONE
from provisioner.cli.parser import build
from provisioner.render import encoding


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its status."""
    encoding.prepare(sys.stdout, sys.stderr)
    parser = build()
    if "_ARGCOMPLETE" in os.environ:
        from provisioner.cli.completion import complete

        complete(parser)
    parsed = parser.parse_args(arguments)
    if parsed.command_path is None:
        parser.print_help()
        raise SystemExit(DONE)
    # `--help` needs none of what the commands import.
    from provisioner.cli import dispatch

    raise SystemExit(dispatch.run(parsed))
