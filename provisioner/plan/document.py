"""A plan as plain data, which every format shows: text, JSON, Markdown and HTML agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.model.canonical import canonical
from provisioner.model.change import Action, FieldChange
from provisioner.model.diagnostics import Diagnostic, Span
from provisioner.model.ignore import plain
from provisioner.model.masking import MASK, Masked
from provisioner.model.plan import Note, NoteKind, Plan, Step
from provisioner.model.resource import Value

FORMAT_VERSION = 1
_NOWHERE = (None, None, None, None, None)
_PLACES = 3
"""The places of one problem that are named; further ones are counted."""
_PLAIN = frozenset({type(None), bool, int, float, str})


def plan(todo: Plan, *, spec: str, environment: str, report: str = "plan") -> dict[str, Any]:
    """The plan as JSON values; `report` is `plan` or `drift`, by what it is to say.

    Holds no secret: a `Secret` is shown as `***`.
    """
    return {
        "format_version": FORMAT_VERSION,
        "report": report,
        "spec": spec,
        "environment": environment,
        "org": {
            "id": todo.org.id,
            "name": todo.org.name,
            "instance_url": todo.org.instance_url,
        },
        "steps": [_step(number, step) for number, step in enumerate(todo.steps, 1)],
        "known": [
            {"address": str(k.address), "id": k.id or None, "matched_by": k.matched_by}
            for k in todo.known
        ],
        "left_out": [
            {"address": str(address), "needs": str(excluded)} for address, excluded in todo.left_out
        ],
        "ignored": [plain(i) for i in todo.ignored],
        "absent": [
            {
                "roster": found.roster,
                "deactivated": found.deactivates,
                "users": len(found.usernames),
                "usernames": list(found.usernames),
                **place(found.span),
            }
            for found in todo.absent
        ],
        "email_differences": [
            {
                "cause": found.cause.value,
                "text": found.text,
                "addresses": [str(address) for address in found.addresses],
                "difference": found.difference,
                "waiting": found.waiting,
            }
            for found in todo.emails
        ],
        "problems": [problem(p) for p in todo.problems],
        "summary": summary(todo),
        "licences": [
            {
                "name": s.licence,
                "total": s.total,
                "used": s.used,
                "after": s.after,
                "left": s.total - s.after,
            }
            for s in todo.seats
        ],
    }


def problem(found: Diagnostic) -> dict[str, Any]:
    """A problem as JSON values, all keys always there."""
    return {
        "severity": found.severity.value,
        "code": found.code,
        "message": found.message,
        "help": found.help,
        "notes": list(found.notes),
        **place(found.span),
        "count": max(1, len(found.places)),
        "also": [place(span) for span in found.also[: _PLACES - 1]],
    }


def place(span: Span | None) -> dict[str, Any]:
    """Where in the specs: file, line and column of its begin and end, or nulls."""
    file, line, column, end_line, end_column = span or _NOWHERE
    return {
        "file": file,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


def summary(todo: Plan) -> dict[str, int]:
    """The counts under a plan."""
    notes = [n for step in todo.steps for n in step.notes]
    return {
        "managed": todo.managed,
        "create": todo.count(Action.CREATE),
        "update": todo.count(Action.UPDATE),
        "deactivate": todo.count(Action.DEACTIVATE),
        "delete": todo.count(Action.DELETE),
        "irreversible": sum(n.kind is NoteKind.IRREVERSIBLE for n in notes),
        "gain_login": todo.people(NoteKind.GAINS_LOGIN),
        "lose_login": todo.people(NoteKind.LOSES_LOGIN),
        "change_login": todo.people(NoteKind.CHANGES_LOGIN),
        "emails": todo.people(NoteKind.EMAIL),
        "api_calls_read": todo.reads,
        "api_calls_to_apply": todo.writes,
    }


def shown(value: Value) -> Any:
    """A value as JSON: a reference as the name it has, a secret as `***`."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Masked):
        return MASK
    return [shown(one) for one in value] if isinstance(value, tuple) else str(value)


def _step(number: int, step: Step) -> dict[str, Any]:
    before: Mapping[str, Value] = step.change.before.written if step.change.before else {}
    return {
        "number": number,
        "address": str(step.address),
        "action": step.action.name.lower(),
        "id": step.change.before.id if step.change.before else None,
        "matched_by": step.matched_by,
        "irreversible": any(n.kind is NoteKind.IRREVERSIBLE for n in step.notes),
        **place(step.span),
        "fields": [_field(f) for f in step.change.fields],
        "notes": [_note(n) for n in step.notes],
        "needs": sorted(str(a) for a in step.needs),
        "calls": [call.operation for call in step.calls],
        "last_modified": {
            "by": shown(before.get("LastModifiedBy.Name")),
            "at": canonical(before.get("LastModifiedDate"), "datetime"),
        }
        if before
        else None,
    }


def _field(field: FieldChange) -> dict[str, Any]:
    return {
        "name": field.name,
        # The former value may be the former value of the same variable.
        "before": MASK
        if isinstance(field.after, Masked) and field.before is not None
        else shown(field.before),
        "after": shown(field.after),
        "default": field.default,
        **place(field.span),
    }


def _note(note: Note) -> dict[str, Any]:
    return {"kind": note.kind.value, "text": note.text, "people": note.people}
