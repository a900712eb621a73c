"""`validate`: check the files of a spec without an org."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from provisioner.cli import output
from provisioner.cli.exit_status import DONE, WRONG
from provisioner.cli.options import ReportOptions, SpecOptions
from provisioner.model.masking import masked_data
from provisioner.render.validation import validation_document
from provisioner.spec.load import find, load


@dataclass(frozen=True, kw_only=True)
class ValidateOptions(SpecOptions, ReportOptions):
    """The options of `validate`."""


def validate(options: ValidateOptions) -> int:
    """Report every problem of every file."""
    spec = load(find(options.spec), options.env, secrets=False)
    report = validation_document(
        spec.problems,
        spec=str(spec.folder),
        environment=spec.environment.name,
        files=spec.texts,
        resources=len(spec.specs),
    )
    shown = masked_data(report)
    output.write_reports(shown, options.report)
    if options.format != "text":
        output.print_report(shown, options.format)
    elif spec.problems:
        output.problems(spec.problems, spec.texts, sys.stdout)
    else:
        count = len(spec.specs)
        sys.stdout.write(f"{spec.folder}: {count} resources in {len(spec.texts)} files, ok\n")
    return WRONG if output.has_errors(spec.problems) else DONE
