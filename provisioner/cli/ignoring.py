"""`drift --ignore`: leave a difference alone until a day, in the file that is reviewed."""

from __future__ import annotations

from argparse import Namespace

from provisioner.cli import output
from provisioner.cli import plan_files as saving
from provisioner.cli.exit_status import DONE, WRONG
from provisioner.model.diagnostics import DiagnosticError, closest
from provisioner.model.ignore import Ignore
from provisioner.spec import document as source
from provisioner.spec import edit, ignores
from provisioner.spec.load import LoadedSpec, find, load

_HEAD = """\
# Differences between spec and org that are left alone, each until a day and for a reason.
ignore:
"""


def ignore(options: Namespace) -> int:
    """Add entries to the spec's file; no org is asked."""
    if not (options.reason or "").strip() or options.until is None:
        output.say(
            "a difference is ignored for a reason and until a day",
            "add `--reason TEXT --until YYYY-MM-DD`",
        )
        return WRONG
    if options.until < saving.now().date():
        output.say(f"`--until {options.until}` is over", "name a day that is still to come")
        return WRONG
    loaded = load(find(options.spec), options.env, secrets=False)
    known = [s.address for s in loaded.specs]
    entries: list[Ignore] = []
    for given in options.ignore:
        found = ignores.resolve(given, known)
        if found is None:
            near = closest(given, map(str, known))
            remedy = f"did you mean `{near}`?" if near else "name it as the drift report does"
            output.say(f"the spec has no `{given}`", remedy)
            return WRONG
        entries.append(Ignore(*found, options.reason.strip(), options.until))
    return _write(loaded, entries)


def _write(loaded: LoadedSpec, entries: list[Ignore]) -> int:
    path = loaded.folder / ignores.FILE
    before = source.decode(path.read_bytes(), str(path)) if path.is_file() else ""
    text = before if before.strip() else _HEAD
    if not text.endswith("\n"):
        text += "\n"
    for entry in entries:
        quoted = {n: edit.scalar(getattr(entry, n) or "") for n in ("address", "field", "reason")}
        text += ignores.as_yaml(entry, quoted)
    try:
        listed = source.parse(text, str(path)).mapping["ignore"]
        added = listed[-len(entries) :]
    except (DiagnosticError, KeyError, TypeError):
        added = []
    if [(e["address"], e.get("field")) for e in added] != [(e.address, e.field) for e in entries]:
        output.say(
            f"`{path}` does not end with a list of one entry a line",
            "add the entry by hand, as schemas/drift-ignore.schema.json has it",
        )
        return WRONG
    path.write_text(text, "utf-8")
    for entry in entries:
        output.talk(f"`{entry}` is left alone through {entry.until}: {path} is to be reviewed")
    return DONE
