"""The findings of a report, each at its spec line: for annotations, SARIF and JUnit. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from provisioner.model.json_value import Json
from provisioner.plan import document
from provisioner.plan.document import (
    FieldDocument,
    PlaceDocument,
    PlanDocument,
    StepDocument,
)
from provisioner.render.documents import Document, StepsDocument
from provisioner.render.format import (
    DRIFTED,
    SIGNS,
    also_at,
    author,
    count,
    note_label,
    shortened,
    value,
)
from provisioner.render.run_document import RunDocument

_LONGEST = 300
_PLANNED = {
    "create": "will be created",
    "update": "will be updated",
    "deactivate": "will be deactivated",
    "delete": "will be deleted",
}
# The description of each rule that is not the code of a diagnostic.
RULES: Mapping[str, str] = {
    "drift-missing": "A resource of the spec is not in the org.",
    "drift-changed": "A field has a different value in the org than in the spec.",
    "drift-still-active": "A user that the spec removes is still active in the org.",
    "drift-still-there": "A record that the spec removes still exists in the org.",
    "drift-unmanaged": "A user, profile, portal or member in the org is not in the specs.",
    "plan-create": "Applying the plan creates a resource.",
    "plan-update": "Applying the plan changes a resource.",
    "plan-deactivate": "Applying the plan deactivates a user.",
    "plan-delete": "Applying the plan deletes a record.",
    "apply-failed": "Salesforce refused a step.",
    "apply-skipped": "A step was not started, because a step that it needs was not done.",
    "apply-unknown": "The response to a step was lost: the next run finds out its outcome.",
    "apply-conflict": "The org changed after the plan was made, so nothing was written.",
    "policy": "The plan exceeds a limit of the environment's policy.",
}
_ENDED = {
    "failed": "was refused",
    "skipped": "was not started",
    "unknown": "has an unknown outcome",
    "conflict": "was not changed, because the org changed after the plan was made",
}
_DRIFT_RULES = {
    "create": "drift-missing",
    "update": "drift-changed",
    "deactivate": "drift-still-active",
    "delete": "drift-still-there",
}


DRIFT = frozenset(_DRIFT_RULES.values())
"""The rules for differences between an org and its spec."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: `level` is `error`, `warning` or `note`; `place` is where it is.

    `address` is the resource it is about, if it is about one; `key` distinguishes it from every
    other finding of the same rule, and is the same in the next run. `also` has further places.
    """

    rule: str
    level: str
    message: str
    key: str
    address: str | None = None
    place: PlaceDocument = dataclasses.field(default_factory=lambda: document.place(None))
    also: tuple[PlaceDocument, ...] = ()

    @property
    def file(self) -> str | None:
        return self.place["file"]

    @property
    def line(self) -> int | None:
        return self.place["line"]


def findings(view: Document) -> tuple[Finding, ...]:
    """Every finding of a report, in its order."""
    match view["report"]:
        case "validate":
            return tuple(_problems(view))
        case "plan":
            remarks = _steps(view)
        case "drift":
            remarks = _drift(view)
        case "apply":
            remarks = _ran(view)
        case _:
            assert_never(view["report"])
    return (*_problems(view), *_refusals(view), *remarks, *_unmanaged(view))


def _problems(view: Document) -> Iterator[Finding]:
    for problem in view["problems"]:
        more = [elsewhere] if (elsewhere := also_at(problem)) else []
        more += [f"note: {note}" for note in problem["notes"]]
        if problem["help"]:
            more.append(f"help: {problem['help']}")
        message = "\n".join([problem["message"], *more])
        key = f"{problem['file']} {problem['message']}"
        also = tuple(problem["also"])
        yield Finding(
            problem["code"], problem["severity"], message, key, place=_place(problem), also=also
        )


def _refusals(view: StepsDocument) -> Iterator[Finding]:
    for refusal in view.get("refusals", ()):
        message = refusal["message"]
        if refusal["help"]:
            message += f"\nhelp: {refusal['help']}"
        yield Finding("policy", "error", message, refusal["rule"])


def _steps(view: PlanDocument) -> Iterator[Finding]:
    for step in view["steps"]:
        lines = [f"{step['address']} {_PLANNED[step['action']]}"]
        lines += [
            f"{field['name']}: {_change(step, field)}"
            for field in step["fields"]
            if not field["default"]
        ]
        lines += [f"{note_label(note)}: {note['text']}" for note in step["notes"]]
        rule, level = f"plan-{step['action']}", "warning" if step["irreversible"] else "note"
        address = step["address"]
        yield Finding(rule, level, "\n".join(lines), address, address, _place(step))


def _drift(view: PlanDocument) -> Iterator[Finding]:
    for step in view["steps"]:
        address, rule = step["address"], _DRIFT_RULES[step["action"]]
        by = f", {changed}" if (changed := author(step)) else ""
        if step["action"] != "update":
            message = f"{address} {DRIFTED[step['action']]} in the org{by}"
            yield Finding(rule, "warning", message, address, address, _place(step))
            continue
        for field in step["fields"]:
            message = (
                f"{address} {field['name']} {DRIFTED['update']} in the org{by}\n"
                f"spec has {_short(field['after'])}\norg has {_short(field['before'])}"
            )
            key = f"{address} {field['name']}"
            at = _place(field if field["line"] else step)
            yield Finding(rule, "warning", message, key, address, at)


def _ran(view: RunDocument) -> Iterator[Finding]:
    for step in view["steps"]:
        result, address = step["result"], step["address"]
        if result["outcome"] == "done":
            continue
        code = f"{result['code']}: " if result["code"] else ""
        message = f"{address} {_ENDED[result['outcome']]}\n{code}{result['reason']}"
        level = "warning" if result["outcome"] == "skipped" else "error"
        at = _place(result if result["line"] else step)
        yield Finding(f"apply-{result['outcome']}", level, message, address, address, at)


def _unmanaged(view: StepsDocument) -> Iterator[Finding]:
    if view["report"] == "apply":
        return
    for item in view.get("unmanaged", ()):
        address = f"{item['kind']}/{item['name']}"
        detail = f" ({item['detail']})" if item["detail"] else ""
        message = f"{address}{detail} is in the org, but not in the specs"
        yield Finding("drift-unmanaged", "note", message, address, address)


def _change(step: StepDocument, field: FieldDocument) -> str:
    if step["action"] == "create":
        return _short(field["after"])
    return f"{_short(field['before'])} -> {_short(field['after'])}"


def _short(field_value: Json) -> str:
    return shortened(value(field_value), _LONGEST)


def _place(of: PlaceDocument) -> PlaceDocument:
    return {
        "file": of["file"],
        "line": of["line"],
        "column": of["column"],
        "end_line": of["end_line"],
        "end_column": of["end_column"],
    }


def headline(view: Document) -> str:
    """A report in one sentence."""
    errors = sum(p["severity"] == "error" for p in view["problems"])
    if view["report"] == "validate":
        summary = view["summary"]
        warnings = len(view["problems"]) - errors
        checked = f"{count(summary['resources'], 'resource')} in {count(summary['files'], 'file')}"
        if not view["problems"]:
            return f"{checked}, ok"
        return f"{count(errors, 'error')} and {count(warnings, 'warning')} in {checked}"
    org = f"{view['org']['name']} ({view['org']['id']})"
    if errors:
        return f"{count(errors, 'error')} for {org}"
    steps = len(view["steps"])
    if view["report"] == "apply":
        outcomes = view["run"]["outcomes"]
        counts = [f"{number:,} {name}" for name, number in outcomes.items() if number]
        return f"{', '.join(counts)} in {org}"
    planned = view["summary"]
    if view["report"] == "drift":
        managed = count(planned["managed"], "resource")
        if not steps:
            return f"no drift: {org} is as specified"
        return f"{steps:,} of {managed} differ in {org}"
    if not steps:
        return f"in sync: {org} has all {count(planned['managed'], 'resource')}"
    counts = [f"{planned[name]:,} to {name}" for name in SIGNS if planned[name]]
    return f"{', '.join(counts)} in {org}"
