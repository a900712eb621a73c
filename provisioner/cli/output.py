"""What a command prints: results to stdout; messages, problems and progress to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from provisioner.cli import event_sinks, suggested_commands
from provisioner.cli.formats import ENDINGS
from provisioner.cli.stop import Stop
from provisioner.cli.version import version
from provisioner.model.diagnostics import Diagnostic, Severity
from provisioner.model.events import Message
from provisioner.model.gc_pause import gc_paused
from provisioner.model.masking import MaskedData, mask, masked_data
from provisioner.plan.document import problem
from provisioner.render import diagnostics, encoding
from provisioner.render.format import also_at, visible_lines
from provisioner.render.terminal import Line, write
from provisioner.spec import files
from provisioner.spec.load import LoadedSpec

if TYPE_CHECKING:
    from provisioner.drift.find import Drift
    from provisioner.model.plan import Plan
    from provisioner.plan.document import PlanDocument
    from provisioner.plan.policy import Refusal
    from provisioner.render.documents import Document


class _Masked:
    """A stream that replaces every value that is registered as masked."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(mask(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self._stream.writelines(map(mask, lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def masked_streams() -> Iterator[None]:
    """Mask everything that is written to stdout and stderr inside the `with` block."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Masked(sys.stdout), _Masked(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def status_of(command: Callable[[], int]) -> int:
    """Run a command, or its part for one environment; its exit status.

    This is the only place that catches `Stop`.
    """
    try:
        return command()
    except Stop as stop:
        for reason in stop.problems:
            if not reason.code:
                error(reason.message, reason.help, details=reason.notes)
        problems([p for p in stop.problems if p.code], stop.texts)
        return stop.status


# ---------------------------------------------------------------- documents


@gc_paused()
def plan_document(
    plan: Plan, spec: LoadedSpec, refusals: Iterable[Refusal] | None = None
) -> MaskedData[PlanDocument]:
    """The document of a plan, which every format shows."""
    from provisioner.plan import document

    return masked_data(
        document.plan_document(
            replace(plan, problems=suggested_commands.diagnostics(plan.problems)),
            spec=str(spec.folder),
            environment=spec.environment.name,
            refusals=refusals,
        )
    )


@gc_paused()
def drift_document(plan: Plan, drift: Drift, spec: LoadedSpec) -> MaskedData[PlanDocument]:
    """The document of a drift report, which every format shows."""
    from provisioner.drift import document

    return masked_data(
        document.drift_document(
            replace(plan, problems=suggested_commands.diagnostics(plan.problems)),
            drift,
            spec=str(spec.folder),
            environment=spec.environment.name,
        )
    )


@gc_paused()
def print_plan(
    shown: MaskedData[PlanDocument],
    plan: Plan,
    spec: LoadedSpec,
    format_: str = "text",
    reports: Iterable[str] = (),
    *,
    verbose: bool = False,
) -> None:
    """Print a plan or a drift report in a format, and write it to the files of `--report`.

    As text, its problems follow on stderr, and `verbose` shows default values. Raises OSError.
    """
    from provisioner.render import text

    write_reports(shown, reports)
    if format_ != "text":
        print_report(shown, format_)
        return
    if plan.steps or not plan.errors:
        document = shown.document
        is_drift = document["report"] == "drift"
        lines = text.drift(document) if is_drift else text.plan(document, verbose=verbose)
        write(suggested_commands.lines(lines), sys.stdout)
    if plan.problems:
        sys.stdout.write("\n")
    problems(plan.problems, spec.texts)


def print_report(shown: MaskedData[Document], format_: Any) -> None:
    """Print a report in a format that is not text."""
    from provisioner.render import report

    write_document(report.pieces(shown.document, format_, version()), format_)


def write_document(pieces: Iterable[str], format_: str) -> None:
    """Print a document exactly, whatever the encoding of stdout."""
    sys.stdout.writelines(encoding.exact(pieces, format_, sys.stdout))


def write_reports(shown: MaskedData[Document], names: Iterable[str]) -> None:
    """Write a report to files, each in the format of its extension. Raises OSError."""
    from provisioner.render import report

    for file in names:
        format_: Any = ENDINGS[Path(file).suffix]
        pieces = report.pieces(shown.document, format_, version())
        files.write_private(file, pieces, parents=True)


# ---------------------------------------------------------------- problems


def problems(
    reported: Iterable[Diagnostic], texts: Mapping[str, str], stream: TextIO | None = None
) -> None:
    """Print problems with their lines in `texts` to stderr, or to another stream."""
    stream = stream or sys.stderr
    sys.stdout.flush()
    masked = tuple(map(_masked, suggested_commands.diagnostics(reported)))
    if stream is sys.stderr:
        for diagnostic in masked:
            event_sinks.emit(_message(diagnostic))
        if event_sinks.as_json_lines():
            return
    if masked:
        diagnostics.write(masked, texts, stream)


def _masked(diagnostic: Diagnostic) -> Diagnostic:
    return replace(
        diagnostic,
        message=mask(diagnostic.message),
        help=diagnostic.help and mask(diagnostic.help),
        notes=tuple(map(mask, diagnostic.notes)),
    )


def _message(diagnostic: Diagnostic) -> Message:
    span = diagnostic.span
    at = (span.file, span.line, span.column) if span else ()
    text = "\n".join(filter(None, (diagnostic.message, also_at(problem(diagnostic)))))
    return Message(diagnostic.severity.value, text, diagnostic.help, *at)


def has_errors(problems: Iterable[Diagnostic]) -> bool:
    """Whether any of the problems is more than a warning."""
    return any(p.severity is Severity.ERROR for p in problems)


# ---------------------------------------------------------------- messages


def error(message: str, help: str | None = None, *, details: Iterable[str] = ()) -> None:  # noqa: A002 - the name it has everywhere
    """Print an error, one detail per line, and what to do about it."""
    sys.stdout.flush()
    message, help_ = mask(message), mask(suggested_commands.complete(help)) if help else None
    details = tuple(map(mask, details))
    event_sinks.emit(Message("error", "\n".join([message, *details]), help_))
    lines = [Line(("error", "bold red"), f": {message}")]
    lines += [Line(f"  - {detail}") for detail in details]
    print_lines([*lines, Line(f"  = help: {help_}")] if help_ else lines)


def warning(message: str, help: str | None = None) -> None:  # noqa: A002 - as above
    """Print a warning, which stops nothing, and what to do about it."""
    message, help_ = mask(message), mask(suggested_commands.complete(help)) if help else None
    event_sinks.emit(Message("warning", message, help_))
    lines = [Line(("warning", "bold yellow"), f": {message}")]
    print_lines([*lines, Line(f"  = help: {help_}")] if help_ else lines)


def info(text: str) -> None:
    """Print what happens."""
    sys.stdout.flush()
    text = visible_lines(mask(suggested_commands.complete(text)))
    if text:
        event_sinks.emit(Message("info", text))
    if not event_sinks.as_json_lines():
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def print_lines(lines: Iterable[Line]) -> None:
    """Print lines to stderr, unless it shows events as JSON, which say the same."""
    if not event_sinks.as_json_lines():
        write(lines, sys.stderr)


def print_quietly(lines: Iterable[Line]) -> None:
    """Print lines to stdout during an apply, which a closed or full stdout must not end."""
    try:
        write(lines, sys.stdout)
    except OSError:
        return
