"""Show plans, drift reports and the progress of an apply as lines of styled text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from provisioner.model.outcome import Outcome, Progress, StepResult
from provisioner.plan.document import (
    ACTION_NAMES,
    FieldDocument,
    PlanDocument,
    StepDocument,
    SummaryDocument,
)
from provisioner.render.collapse import Collapsed, collapse
from provisioner.render.format import DRIFTED, SIGNS, author, count, logins, note_label, value
from provisioner.render.sections import sections
from provisioner.render.terminal import Line

_STYLES = {"create": "green", "update": "yellow", "deactivate": "magenta", "delete": "red"}
_NOTES = {
    "irreversible": "bold red",
    "e-mail": "cyan",
    "gains a login": "cyan",
    "changes the login": "magenta",
    "loses the login": "magenta",
    "note": "dim",
}
_OUTCOMES = {
    Outcome.DONE: ("done", "green"),
    Outcome.FAILED: ("FAILED", "bold red"),
    Outcome.SKIPPED: ("skipped", "yellow"),
    Outcome.UNKNOWN: ("UNKNOWN", "bold magenta"),
    Outcome.CONFLICT: ("in CONFLICT", "bold magenta"),
}


def plan(view: PlanDocument, *, verbose: bool = False) -> Iterator[Line]:
    """The steps in order, then the counts. Problems are not part of it.

    Default values are counted; with `verbose` they are shown.
    """
    org = view["org"]
    yield Line(("Plan", "bold"), f" for {org['name']} ({org['id']}) at {org['instance_url']}")
    yield Line()
    if not view["steps"]:
        whole = f"all {view['summary']['managed']} resources as specified"
        yield Line(("In sync", "bold green"), f": the org has {whole}.")
        yield from _sections(view)
        yield Line(_calls(view["summary"], applying=False))
        return
    width = len(str(len(view["steps"])))
    left_out = False
    for step in collapse(view["steps"]):
        if isinstance(step, Collapsed):
            left_out = True
            yield Line(" " * (width + 4), (str(step), "bold"))
        else:
            yield from _step(step, width, verbose=verbose)
    if left_out:
        yield Line()
        yield Line(("`provisioner plan --format json` lists every step.", "dim"))
    yield from _summary(view)


def drift(view: PlanDocument) -> Iterator[Line]:
    """What differs from the spec, and who changed it when."""
    org = view["org"]
    if not view["steps"]:
        yield Line(("No drift", "bold green"), f": {org['name']} ({org['id']}) is as specified.")
        yield from _sections(view)
        yield Line(_calls(view["summary"], applying=False))
        return
    yield Line(("Drift", "bold"), f" in {org['name']} ({org['id']}) at {org['instance_url']}")
    yield Line()
    for step in collapse(view["steps"]):
        if isinstance(step, Collapsed):
            yield Line((str(step), "bold"))
            continue
        yield Line((step["address"], "bold"), f"  {DRIFTED[step['action']]}", (_place(step), "dim"))
        for field in step["fields"] if step["action"] == "update" else ():
            yield Line(f"    {field['name']}", (_line(field, step), "dim"))
            yield Line("        spec has ", (value(field["after"]), "green"))
            yield Line("        org has  ", (value(field["before"]), "red"))
        if changed := author(step):
            yield Line((f"    {changed}", "dim"))
    yield Line()
    different = len(view["steps"])
    yield Line(f"{different} of {view['summary']['managed']} resources differ from the spec.")
    yield from _sections(view)
    yield Line(_calls(view["summary"], applying=False))


def result(result: StepResult, number: int, total: int) -> Iterator[Line]:
    """The outcome of one step; a failure with Salesforce's code and the spec line at fault."""
    word, style = _OUTCOMES[result.outcome]
    sign = SIGNS[ACTION_NAMES[result.step.action]]
    counter = f"[{number:>{len(str(total))}}/{total}]"
    already = ("  already done", "dim") if result.already else ""
    yield Line((counter, "dim"), f" {sign} {result.step.address}  ", (word, style), already)
    if result.outcome is Outcome.DONE:
        return
    reason = f"{result.code}: {result.reason}" if result.code else result.reason or ""
    yield Line(f"      {reason}")
    if result.span and result.outcome is not Outcome.SKIPPED:
        yield Line((f"      at {result.span}", "dim"))


def skipped(results: Iterable[StepResult], named: int = 3) -> Iterator[Line]:
    """The skipped steps of a large run: one line for each reason, with the first names."""
    by_reason: dict[str, list[str]] = {}
    for result in results:
        if result.outcome is Outcome.SKIPPED:
            by_reason.setdefault(result.reason or "", []).append(str(result.step.address))
    for reason, addresses in by_reason.items():
        more = f" and {len(addresses) - named:,} more" if len(addresses) > named else ""
        names = ", ".join(addresses[:named])
        yield Line(f"{len(addresses):,} ", ("skipped", "yellow"), f": {names}{more}: {reason}")


def progress(now: Progress) -> Line:
    """The progress of a group of similar steps, its speed, and the time left."""
    left = f", {_duration(now.left)} left" if now.left and now.done < now.total else ""
    done = f"{now.done:,} of {now.total:,}"
    return Line(("...", "dim"), f" {now.sign} {now.kind}: {done}, {now.rate:,.0f}/s{left}")


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s"


def applied(results: Mapping[Outcome, int]) -> Line:
    """The numbers of steps by outcome, at the end of an apply."""
    parts = [f"{results.get(o, 0)} {word.lower()}" for o, (word, _) in _OUTCOMES.items()]
    style = "bold green" if set(results) <= {Outcome.DONE} else "bold red"
    return Line(("Applied", style), ": " + ", ".join(parts) + ".")


def _step(step: StepDocument, width: int, *, verbose: bool) -> Iterator[Line]:
    action = step["action"]
    matched = f"  matched by {step['matched_by']}" if step["matched_by"] else ""
    yield Line(
        f"{step['number']:>{width + 2}}  ",
        (f"{SIGNS[action]} {step['address']}", _STYLES[action]),
        f"  {action}",
        (f"{matched}{_place(step)}", "dim"),
    )
    indent = " " * (width + 8)
    defaults = sum(field["default"] for field in step["fields"])
    for field in step["fields"]:
        if field["default"] and not verbose:
            continue
        before = "" if action == "create" else f"{value(field['before'])} -> "
        default = "  default" if field["default"] else _line(field, step)
        yield Line(f"{indent}{field['name']}: {before}", value(field["after"]), (default, "dim"))
    if defaults and not verbose:
        yield Line(f"{indent}{count(defaults, 'default value')}", ("  shown by --verbose", "dim"))
    for note in step["notes"]:
        yield Line(indent, (f"{note_label(note)}: {note['text']}", _NOTES[note["kind"]]))


def _summary(view: PlanDocument) -> Iterator[Line]:
    s = view["summary"]
    yield Line()
    yield Line(
        ("Plan", "bold"),
        f": {s['create']} to create, {s['update']} to update, "
        f"{s['deactivate']} to deactivate, {s['delete']} to delete.",
    )
    yield Line(f"{logins(s)} Emails sent: {s['emails']}. Irreversible steps: {s['irreversible']}.")
    yield from _sections(view)
    for licence in view["licences"]:
        left = f"{licence['left']} left"
        yield Line(
            f"Licence {licence['name']}: {licence['used']} -> {licence['after']} "
            f"of {licence['total']} used, {left}."
        )
    if any(p["severity"] == "error" for p in view["problems"]):
        yield Line(("This plan cannot be applied", "bold red"), ": fix the errors first.")
        yield Line(_calls(s, applying=False))
    else:
        yield Line(_calls(s, applying=True))


def _sections(view: PlanDocument) -> Iterator[Line]:
    for section in sections(view):
        # What the policy refuses is reported as an error.
        for item in section.items if section.tone != "error" else ():
            style = "yellow" if section.tone == "warning" else "dim"
            yield Line((f"{section.title}: {item.replace('`', '')}.", style))


def _calls(summary: SummaryDocument, *, applying: bool) -> str:
    calls = f"API calls made: {summary['api_calls_read']}"
    return (
        f"{calls}. To apply: {summary['api_calls_to_apply']} or more." if applying else f"{calls}."
    )


def _place(step: StepDocument) -> str:
    return f"  {step['file']}:{step['line']}" if step["file"] else ""


def _line(field: FieldDocument, step: StepDocument) -> str:
    """The spec line of a field; the fields of a roster's row can be from two files."""
    if not field["line"]:
        return ""
    if field["file"] != step["file"]:
        return f"  {field['file']}:{field['line']}"
    return f"  line {field['line']}"
