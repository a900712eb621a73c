"""The validation document: what `validate` reports. Pure.

`schemas/validation.schema.json` publishes the format.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypedDict

from provisioner.model.diagnostics import Diagnostic
from provisioner.plan.document import FORMAT_VERSION, ProblemDocument, problem


class ValidationSummaryDocument(TypedDict):
    resources: int
    files: int
    errors: int
    warnings: int


class ValidationDocument(TypedDict):
    format_version: int
    report: Literal["validate"]
    spec: str
    environment: str
    files: list[str]
    problems: list[ProblemDocument]
    summary: ValidationSummaryDocument


def validation_document(
    diagnostics: Iterable[Diagnostic],
    *,
    spec: str,
    environment: str,
    files: Iterable[str],
    resources: int,
) -> ValidationDocument:
    """The problems of a spec, and the numbers of files and resources that were checked."""
    problems = [problem(d) for d in diagnostics]
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
