"""A report as GitHub's workflow commands, which put each remark on its line of the pull request.

`::error file=...,line=...::message`, with what has a meaning there in percent escapes. (GitHub
Docs, "Workflow commands for GitHub Actions"; actions/toolkit `command.ts` for the escapes)
"""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.render.documents import Document
from provisioner.render.findings import Finding, findings, headline
from provisioner.render.format import visible_lines

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def workflow_commands(view: Document) -> str:
    """One command per remark, errors first, and a line that sums the report up.

    GitHub shows ten annotations of a kind per step of a job, the others only in its log.
    """
    lines = [_command(found) for found in _by_weight(view)]
    return "".join(f"{line}\n" for line in [*lines, _data(f"{view['report']}: {headline(view)}")])


def _by_weight(view: Document) -> Iterator[Finding]:
    found = findings(view)
    for level in _COMMANDS:
        yield from (f for f in found if f.level == level)


def _command(found: Finding) -> str:
    line, end_line = found.place["line"], found.place["end_line"]
    places = {
        "file": found.file,
        "line": line,
        "endLine": end_line,
        # A column is only allowed where a remark begins and ends on one line.
        "col": found.place["column"] if end_line in (None, line) else None,
        "endColumn": found.place["end_column"] if end_line == line else None,
        "title": found.rule,
    }
    given = ",".join(f"{name}={_property(str(v))}" for name, v in places.items() if v is not None)
    return f"::{_COMMANDS[found.level]} {given}::{_data(found.message)}"


def _data(text: str) -> str:
    return visible_lines(text).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
