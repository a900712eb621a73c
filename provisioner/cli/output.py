"""How commands speak: answers to stdout, the talk to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from provisioner.cli import event_sinks as observing
from provisioner.cli import suggestions
from provisioner.cli.formats import ENDINGS
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
    from provisioner.org.errors import OrgError
    from provisioner.plan.document import PlanDocument
    from provisioner.plan.policy import Refusal
    from provisioner.render.documents import Document


class _Masked:
    """A stream that shows no value that is registered to be masked."""

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
    """Mask all that is written to stdout and stderr, for as long as this lasts."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Masked(sys.stdout), _Masked(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


@gc_paused()
def plan_document(
    plan: Plan, loaded: LoadedSpec, refusals: Iterable[Refusal] | None = None
) -> MaskedData[PlanDocument]:
    """The document of a plan, which every format shows."""
    from provisioner.plan import document

    return masked_data(
        document.plan_document(
            replace(plan, problems=suggestions.diagnostics(plan.problems)),
            spec=str(loaded.folder),
            environment=loaded.environment.name,
            refusals=refusals,
        )
    )


@gc_paused()
def drift_document(plan: Plan, drift: Drift, loaded: LoadedSpec) -> MaskedData[PlanDocument]:
    """The document of a drift report, which every format shows."""
    from provisioner.drift import document

    return masked_data(
        document.drift_document(
            replace(plan, problems=suggestions.diagnostics(plan.problems)),
            drift,
            spec=str(loaded.folder),
            environment=loaded.environment.name,
        )
    )


@gc_paused()
def print_plan(
    shown: MaskedData[PlanDocument],
    plan: Plan,
    loaded: LoadedSpec,
    format_: str,
    reports: Iterable[str] = (),
) -> None:
    """Print a plan or a drift report in a format, and write it to the files of `--report`.

    As text, its problems follow on stderr. Raises OSError.
    """
    from provisioner.render import text

    write_reports(shown, reports)
    if format_ != "text":
        print_report(shown, format_)
        return
    if plan.steps or not plan.errors:
        document = shown.document
        drifted = document["report"] == "drift"
        lines = text.drift(document) if drifted else text.plan(document, verbose=loaded.verbose)
        write(suggestions.lines(lines), sys.stdout)
    if plan.problems:
        sys.stdout.write("\n")
    problems(plan.problems, loaded, sys.stderr)


def print_report(shown: MaskedData[Document], format_: Any) -> None:
    """Print a report in a format that is not text."""
    from provisioner.render import report

    write_document(report.pieces(shown.document, format_, version()), format_)


def write_document(pieces: Iterable[str], format_: str) -> None:
    """Print a document of a format as it is, whatever the encoding of stdout."""
    sys.stdout.writelines(encoding.exact(pieces, format_, sys.stdout))


def write_reports(shown: MaskedData[Document], names: Iterable[str]) -> None:
    """Write a report to files, each in the format that its ending says. Raises OSError."""
    from provisioner.render import report

    for file in names:
        format_: Any = ENDINGS[Path(file).suffix]
        pieces = report.pieces(shown.document, format_, version())
        files.write_private(file, pieces, parents=True)


def problems(found: Iterable[Diagnostic], loaded: LoadedSpec, stream: TextIO) -> None:
    """Print problems with their lines, after all that was answered so far."""
    sys.stdout.flush()
    found = tuple(
        replace(
            one,
            message=mask(one.message),
            help=one.help and mask(one.help),
            notes=tuple(map(mask, one.notes)),
        )
        for one in suggestions.diagnostics(found)
    )
    if stream is sys.stderr:
        for one in found:
            at = (one.span.file, one.span.line, one.span.column) if one.span else ()
            said = "\n".join(filter(None, (one.message, also_at(problem(one)))))
            observing.emit(Message(one.severity.value, said, one.help, *at))
        if observing.as_json_lines():
            return
    if found:
        diagnostics.write(found, loaded.texts, stream)


def errors(found: Iterable[Diagnostic]) -> bool:
    """Whether any of the problems is more than a warning."""
    return any(p.severity is Severity.ERROR for p in found)


def say(message: str, remedy: str | None = None, *, details: Iterable[str] = ()) -> None:
    """Say what is wrong, one detail a line, and what to do about it."""
    sys.stdout.flush()
    message, remedy = mask(message), mask(suggestions.complete(remedy)) if remedy else None
    details = tuple(map(mask, details))
    observing.emit(Message("error", "\n".join([message, *details]), remedy))
    lines = [Line(("error", "bold red"), f": {message}")]
    lines += [Line(f"  - {detail}") for detail in details]
    if remedy:
        lines.append(Line(f"  = help: {remedy}"))
    tell(lines)


def warn(message: str, remedy: str | None = None) -> None:
    """Say what is amiss and stops nothing."""
    message, remedy = mask(message), mask(suggestions.complete(remedy)) if remedy else None
    observing.emit(Message("warning", message, remedy))
    lines = [Line(("warning", "bold yellow"), f": {message}")]
    tell([*lines, Line(f"  = help: {remedy}")] if remedy else lines)


def say_org(error: OrgError) -> None:
    """Say what an org said."""
    say(str(error), error.remedy)


def talk(text: str) -> None:
    """Say how things go."""
    sys.stdout.flush()
    text = visible_lines(mask(suggestions.complete(text)))
    if text:
        observing.emit(Message("info", text))
    if not observing.as_json_lines():
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def tell(lines: Iterable[Line]) -> None:
    """Show lines to people on stderr, where it is not for events; those say the same."""
    if not observing.as_json_lines():
        write(lines, sys.stderr)
