"""What a report found, one remark per line of a spec: for annotations, SARIF and JUnit. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from provisioner.render.format import DRIFTED, SIGNS, also_at, author, count, shortened, value

_LONGEST = 300
_PLANNED = {
    "create": "is to be created",
    "update": "is to be updated",
    "deactivate": "is to be deactivated",
    "delete": "is to be deleted",
}
# What each rule that is not a diagnostic's own code says, for those who read a report only.
RULES: Mapping[str, str] = {
    "drift-missing": "A resource of the spec is not in the org.",
    "drift-changed": "A field has another value in the org than in the spec.",
    "drift-still-active": "A user that the spec removes is still active in the org.",
    "drift-still-there": "A record that the spec removes is still in the org.",
    "drift-unmanaged": "The org has something in the portal's reach that no spec names.",
    "plan-create": "Applying the plan creates a resource.",
    "plan-update": "Applying the plan changes a resource.",
    "plan-deactivate": "Applying the plan deactivates a user.",
    "plan-delete": "Applying the plan deletes a record.",
    "apply-failed": "Salesforce refused a step.",
    "apply-skipped": "A step was not tried, for what it needs was not done.",
    "apply-unknown": "The answer to a step was lost: the next run finds out what became of it.",
    "apply-conflict": "The org had moved since the plan was made, so nothing was written.",
    "policy": "The plan goes over a bound of the environment's policy.",
}
_ENDED = {
    "failed": "was refused",
    "skipped": "was not tried",
    "unknown": "may have been written or not",
    "conflict": "was left alone, as the org had moved",
}
_DRIFT_RULES = {
    "create": "drift-missing",
    "update": "drift-changed",
    "deactivate": "drift-still-active",
    "delete": "drift-still-there",
}


DRIFT = frozenset(_DRIFT_RULES.values())
"""The rules by which an org differs from its spec."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark: `level` is `error`, `warning` or `note`; the place counts from 1, or is None.

    `address` is the resource it is about, where it is about one; `key` tells it from every
    other of the same rule, and is the same in the next run. `also` are further places.
    """

    rule: str
    level: str
    message: str
    key: str
    address: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    also: tuple[Mapping[str, Any], ...] = ()


def findings(view: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Everything in a report that a line of a spec is to be blamed for, in its order."""
    return (
        *_problems(view),
        *_refusals(view),
        *_REMARKS.get(view["report"], _steps)(view),
        *_unmanaged(view),
    )


def _problems(view: Mapping[str, Any]) -> Iterator[Finding]:
    for found in view["problems"]:
        more = [elsewhere] if (elsewhere := also_at(found)) else []
        more += [f"note: {note}" for note in found["notes"]]
        if found["help"]:
            more.append(f"help: {found['help']}")
        message = "\n".join([found["message"], *more])
        key = f"{found['file']} {found['message']}"
        also = tuple(_place(place) for place in found["also"])
        yield Finding(found["code"], found["severity"], message, key, also=also, **_place(found))


def _refusals(view: Mapping[str, Any]) -> Iterator[Finding]:
    for refusal in view.get("refusals", ()):
        message = refusal["message"]
        if refusal.get("help"):
            message += f"\nhelp: {refusal['help']}"
        yield Finding("policy", "error", message, str(refusal.get("rule", message)))


def _steps(view: Mapping[str, Any]) -> Iterator[Finding]:
    for step in view.get("steps", ()):
        lines = [f"{step['address']} {_PLANNED[step['action']]}"]
        lines += [
            f"{field['name']}: {_change(step, field)}"
            for field in step["fields"]
            if not field["default"]
        ]
        lines += [f"{note['kind']}: {note['text']}" for note in step["notes"]]
        rule, level = f"plan-{step['action']}", "warning" if step["irreversible"] else "note"
        address = step["address"]
        yield Finding(rule, level, "\n".join(lines), address, address, **_place(step))


def _drift(view: Mapping[str, Any]) -> Iterator[Finding]:
    for step in view["steps"]:
        address, rule = step["address"], _DRIFT_RULES[step["action"]]
        by = f", {said}" if (said := author(step)) else ""
        if step["action"] != "update":
            message = f"{address} {DRIFTED[step['action']]} in the org{by}"
            yield Finding(rule, "warning", message, address, address, **_place(step))
            continue
        for field in step["fields"]:
            place = _place(field if field["line"] else step)
            message = (
                f"{address} {field['name']} {DRIFTED['update']} in the org{by}\n"
                f"spec has {_short(field['after'])}\norg has {_short(field['before'])}"
            )
            key = f"{address} {field['name']}"
            yield Finding(rule, "warning", message, key, address, **place)


def _ran(view: Mapping[str, Any]) -> Iterator[Finding]:
    for step in view["steps"]:
        result, address = step["result"], step["address"]
        if result["outcome"] == "done":
            continue
        code = f"{result['code']}: " if result["code"] else ""
        message = f"{address} {_ENDED[result['outcome']]}\n{code}{result['reason']}"
        level = "warning" if result["outcome"] == "skipped" else "error"
        place = _place(result if result["line"] else step)
        yield Finding(f"apply-{result['outcome']}", level, message, address, address, **place)


_REMARKS = {"drift": _drift, "apply": _ran}


def _unmanaged(view: Mapping[str, Any]) -> Iterator[Finding]:
    for found in view.get("unmanaged", ()):
        address = f"{found['kind']}/{found['name']}"
        detail = f" ({found['detail']})" if found["detail"] else ""
        message = f"{address}{detail} is in the org, and no spec names it"
        yield Finding("drift-unmanaged", "note", message, address, address)


def _change(step: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    if step["action"] == "create":
        return _short(field["after"])
    return f"{_short(field['before'])} -> {_short(field['after'])}"


def _short(given: Any) -> str:
    return shortened(value(given), _LONGEST)


def _place(found: Mapping[str, Any]) -> dict[str, Any]:
    names = ("file", "line", "column", "end_line", "end_column")
    return {name: found.get(name) for name in names}


def headline(view: Mapping[str, Any]) -> str:
    """A report in one sentence."""
    summary = view["summary"]
    errors = sum(p["severity"] == "error" for p in view["problems"])
    if view["report"] == "validate":
        warnings = len(view["problems"]) - errors
        said = f"{count(summary['resources'], 'resource')} in {count(summary['files'], 'file')}"
        if not view["problems"]:
            return f"{said}, ok"
        return f"{count(errors, 'error')} and {count(warnings, 'warning')} in {said}"
    org = f"{view['org']['name']} ({view['org']['id']})"
    if errors:
        return f"{count(errors, 'error')} for {org}"
    steps = len(view["steps"])
    if view["report"] == "apply":
        outcomes = view["run"]["outcomes"]
        counts = [f"{number:,} {name}" for name, number in outcomes.items() if number]
        return f"{', '.join(counts)} in {org}"
    if view["report"] == "drift":
        managed = count(summary["managed"], "resource")
        if not steps:
            return f"no drift: {org} is as specified"
        return f"{steps:,} of {managed} differ in {org}"
    if not steps:
        return f"in sync: {org} has all {count(summary['managed'], 'resource')}"
    counts = [f"{summary[name]:,} to {name}" for name in SIGNS if summary[name]]
    return f"{', '.join(counts)} in {org}"
