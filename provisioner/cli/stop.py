"""Stop a command early: the one exception for it, with the exit status and what to report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from provisioner.model.diagnostics import Diagnostic


class Stop(Exception):  # noqa: N818 - a command that stops is not always an error
    """Stop the command with the exit status `status`, after `problems` are reported.

    `texts` are the spec files that the problems point to. Without problems, the user has seen the
    reason already, for example in the plan. `output.status_of` catches it, and nothing else does.
    """

    def __init__(
        self, status: int, *problems: Diagnostic, texts: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, *problems)
        self.status = status
        self.problems = problems
        self.texts = texts or {}


def problem(message: str, help: str | None = None, details: Iterable[str] = ()) -> Diagnostic:  # noqa: A002 - the name it has everywhere
    """A problem with the command line or its environment: it has no code and no place in a spec."""
    return Diagnostic("", message, help=help, notes=tuple(details))
