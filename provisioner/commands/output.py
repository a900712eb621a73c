"""How commands speak: answers to stdout, the talk to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

from provisioner.diagnostics import Diagnostic, Severity
from provisioner.loader import Loaded
from provisioner.render import diagnostics
from provisioner.render.lines import Line, write

if TYPE_CHECKING:
    from provisioner.org.errors import OrgError
    from provisioner.plan import Plan


def view(plan: Plan, loaded: Loaded) -> dict[str, Any]:
    """The plan as plain data, which every format shows."""
    from provisioner.render import view as views

    return views.plan(plan, spec=str(loaded.folder), environment=loaded.environment.name)


def document(title: str, plan: Plan, loaded: Loaded, format_: str) -> dict[str, Any]:
    """Print the plan in a format, titled `Plan` or `Drift`; in text its problems follow it."""
    from provisioner.render import documents
    from provisioner.render import plan as text

    shown = view(plan, loaded)
    match format_:
        case "json":
            sys.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")
        case "markdown":
            sys.stdout.write(documents.markdown(shown, title=title))
        case "html":
            sys.stdout.write(documents.html(shown, title=title))
        case _:
            if plan.steps or not plan.errors:
                write(text.drift(shown) if title == "Drift" else text.plan(shown), sys.stdout)
            if plan.problems:
                sys.stdout.write("\n")
            problems(plan.problems, loaded, sys.stderr)
    return shown


def problems(found: Iterable[Diagnostic], loaded: Loaded, stream: TextIO) -> None:
    """Print problems with their lines, after all that was answered so far."""
    sys.stdout.flush()
    found = tuple(found)
    if found:
        diagnostics.write(found, loaded.texts, stream)


def errors(found: Iterable[Diagnostic]) -> bool:
    """Whether any of the problems is more than a warning."""
    return any(p.severity is Severity.ERROR for p in found)


def say(message: str, remedy: str | None = None) -> None:
    """Say what is wrong, and what to do about it."""
    sys.stdout.flush()
    lines = [Line(("error", "bold red"), f": {message}")]
    if remedy:
        lines.append(Line(f"  = help: {remedy}"))
    write(lines, sys.stderr)


def say_org(error: OrgError) -> None:
    """Say what an org said."""
    say(str(error), error.remedy)


def talk(text: str) -> None:
    """Say how things go."""
    sys.stdout.flush()
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
