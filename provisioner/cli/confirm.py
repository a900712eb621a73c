"""Ask for confirmation on the terminal."""

from __future__ import annotations

import sys

from provisioner.cli import output
from provisioner.cli.exit_status import REFUSED, WRONG
from provisioner.cli.stop import Stop, problem


def confirm(question: str, *, without_terminal: str, declined: str) -> None:
    """Raise Stop unless the user answers `yes`.

    `without_terminal` is the help if nobody can answer, `declined` is printed for another answer.
    """
    if not sys.stdin.isatty():
        raise Stop(WRONG, problem("there is no terminal to ask on", without_terminal))
    sys.stderr.write(f"\n{question} Enter `yes` to continue: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "yes":
        output.info(declined)
        raise Stop(REFUSED)
