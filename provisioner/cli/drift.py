"""`drift`: show where the org differs from the spec; adopt, revert or ignore the differences."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import output, plan_files, policy_gate
from provisioner.cli.exit_status import CHANGES, DONE, WRONG
from provisioner.cli.options import PlanningOptions, ReportOptions
from provisioner.cli.session import planning_session
from provisioner.cli.stop import Stop, problem
from provisioner.model.diagnostics import DiagnosticError, closest
from provisioner.model.ignore import Ignore
from provisioner.spec import document, edit, ignores, template
from provisioner.spec.files import write_private
from provisioner.spec.load import LoadedSpec, find, load

if TYPE_CHECKING:
    from provisioner.model.plan import Plan

_HEAD = """\
# Differences between spec and org that are ignored, each until a day and for a reason.
ignore:
"""


@dataclass(frozen=True, kw_only=True)
class DriftOptions(PlanningOptions, ReportOptions):
    """The options of `drift`."""

    ignore: tuple[str, ...] = ()
    reason: str | None = None
    until: date | None = None
    adopt: str | None = None
    revert: str | None = None
    valid_for: timedelta = timedelta(days=7)


def drift(options: DriftOptions) -> int:
    """Show where the org differs from the spec, or ignore differences."""
    return _ignore(options) if options.ignore else _show(options)


def _show(options: DriftOptions) -> int:
    with planning_session(options) as (spec, run, org):
        from provisioner.drift.find import find_drift

        planned, differences = find_drift(spec, org, run)
        plan = planned.plan
        policy_gate.check_org(planned, spec, options)
        for unread in differences.unread:
            output.info(f"not read: {unread}")
        shown = output.drift_document(plan, differences, spec)
        if options.adopt == "-":
            output.problems(plan.problems, spec.texts)
        else:
            output.print_plan(shown, plan, spec, options.format, options.report)
        if options.adopt:
            _adopt(plan, spec, options.adopt)
        if plan.errors:
            raise Stop(WRONG)
        if options.revert:
            plan_files.save(options.revert, shown.document, spec, run, options.valid_for)
        return CHANGES if plan else DONE


# ---------------------------------------------------------------- adopt


def _adopt(plan: Plan, spec: LoadedSpec, file: str) -> None:
    """Write the patch that changes the spec to match the org, to a file or, for `-`, to stdout."""
    from provisioner.drift import adopt

    names = template.scopes(spec.environment.vars, spec.environment.env)
    adopted = adopt.adopt(plan.steps, spec.texts, names, {e.span for e in plan.errors})
    here = Path.cwd()
    patch = "".join(
        adopt.patch(_raw(name, spec.texts[name]), _raw(name, text), _path(name, here))
        for name, text in sorted(adopted.texts.items())
    )
    for left in adopted.not_adopted:
        what = f"{left.address}.{left.field}" if left.field else str(left.address)
        output.info(f"not adopted: {what}: {left.reason}")
    for remark in adopted.remarks:
        output.info(f"check {remark}")
    if file == "-":
        # A patch is applied to the bytes of the files.
        sys.stdout.flush()
        sys.stdout.buffer.write(patch.encode())
        return
    try:
        write_private(file, [patch])
    except OSError as error:
        what = f"the patch cannot be saved to `{file}`: {error.strerror}"
        raise Stop(WRONG, problem(what)) from error
    count = len(adopted.texts)
    files = "1 file" if count == 1 else f"{count} files"
    if count:
        output.info(f"saved to {file}, for {files}: run `git apply {file}`, and have it reviewed")
    else:
        why = "no difference can be adopted" if adopted.not_adopted else "there is nothing to adopt"
        output.info(f"{file} is empty: {why}")


def _raw(name: str, text: str) -> str:
    """The text as in the file, with its byte order mark if it has one."""
    return f"\ufeff{text}" if Path(name).read_bytes().startswith(b"\xef\xbb\xbf") else text


def _path(name: str, here: Path) -> str:
    """The path of a file from the current folder, where the patch is applied."""
    return Path(os.path.relpath(name, here)).as_posix()


# ---------------------------------------------------------------- ignore


def _ignore(options: DriftOptions) -> int:
    """Add entries to drift-ignore.yaml of the spec, without an org."""
    reason, until = (options.reason or "").strip(), options.until
    if not reason or until is None:
        what = "a difference is ignored for a reason and until a day"
        raise Stop(WRONG, problem(what, "add `--reason TEXT --until YYYY-MM-DD`"))
    if until < plan_files.now().date():
        raise Stop(WRONG, problem(f"`--until {until}` is in the past", "name a day in the future"))
    spec = load(find(options.spec), options.env, secrets=False)
    addresses = [s.address for s in spec.specs]
    entries: list[Ignore] = []
    for name in options.ignore:
        resolved = ignores.resolve(name, addresses)
        if resolved is None:
            near = closest(name, map(str, addresses))
            help_ = f"did you mean `{near}`?" if near else "name it as the drift report does"
            raise Stop(WRONG, problem(f"the spec has no `{name}`", help_))
        entries.append(Ignore(*resolved, reason, until))
    _add_to_file(spec.folder / ignores.FILE, entries)
    return DONE


def _add_to_file(path: Path, entries: list[Ignore]) -> None:
    before = document.decode(path.read_bytes(), str(path)) if path.is_file() else ""
    text = before if before.strip() else _HEAD
    if not text.endswith("\n"):
        text += "\n"
    for entry in entries:
        quoted = {n: edit.scalar(getattr(entry, n) or "") for n in ("address", "field", "reason")}
        text += ignores.as_yaml(entry, quoted)
    try:
        listed = document.parse(text, str(path)).mapping["ignore"]
        added = listed[-len(entries) :]
    except (DiagnosticError, KeyError, TypeError):
        added = []
    if [(e["address"], e.get("field")) for e in added] != [(e.address, e.field) for e in entries]:
        raise Stop(
            WRONG,
            problem(
                f"`{path}` does not end with a list of one entry per line",
                "add the entry by hand, as schemas/drift-ignore.schema.json describes it",
            ),
        )
    path.write_text(text, "utf-8")
    for entry in entries:
        output.info(f"`{entry}` is ignored through {entry.until}: have {path} reviewed")
