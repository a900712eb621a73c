"""Show a report as GitHub workflow commands: annotations at their lines of a pull request.

`::error file=...,line=...::message`, with percent escapes for reserved characters. (GitHub
Docs, "Workflow commands for GitHub Actions"; actions/toolkit `command.ts` for the escapes)
"""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.render.documents import Document
from provisioner.render.findings import Finding, findings, headline
from provisioner.render.format import visible_lines

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def workflow_commands(view: Document) -> str:
    """One command per finding, errors first, and a summary line.

    GitHub shows ten annotations of each level per step of a job, and the others only in its log.
    """
    lines = [_command(finding) for finding in _by_level(view)]
    return "".join(f"{line}\n" for line in [*lines, _data(f"{view['report']}: {headline(view)}")])


def _by_level(view: Document) -> Iterator[Finding]:
    every = findings(view)
    for level in _COMMANDS:
        yield from (finding for finding in every if finding.level == level)


def _command(finding: Finding) -> str:
    line, end_line = finding.place["line"], finding.place["end_line"]
    places = {
        "file": finding.file,
        "line": line,
        "endLine": end_line,
        # A column is only allowed if the finding begins and ends on one line.
        "col": finding.place["column"] if end_line in (None, line) else None,
        "endColumn": finding.place["end_column"] if end_line == line else None,
        "title": finding.rule,
    }
    properties = ",".join(
        f"{name}={_property(str(v))}" for name, v in places.items() if v is not None
    )
    return f"::{_COMMANDS[finding.level]} {properties}::{_data(finding.message)}"


def _data(text: str) -> str:
    return visible_lines(text).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
