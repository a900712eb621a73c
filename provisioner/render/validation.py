"""What `validate` found as plain data, which every format shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from provisioner.model.diagnostics import Diagnostic
from provisioner.plan.document import problem

FORMAT_VERSION = 1


def validation(
    found: Iterable[Diagnostic],
    *,
    spec: str,
    environment: str,
    files: Iterable[str],
    resources: int,
) -> dict[str, Any]:
    """The problems as JSON values, and how much was looked at."""
    problems = [problem(d) for d in found]
    names = sorted(files)
    severities = [p["severity"] for p in problems]
    return {
        "format_version": FORMAT_VERSION,
        "report": "validate",
        "spec": spec,
        "environment": environment,
        "files": names,
        "problems": problems,
        "summary": {
            "resources": resources,
            "files": len(names),
            "errors": severities.count("error"),
            "warnings": severities.count("warning"),
        },
    }
