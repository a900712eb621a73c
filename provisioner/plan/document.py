"""The plan document: a plan as JSON values. Every format shows the same document.

The types describe the format that `schemas/plan.schema.json` publishes. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Literal, NotRequired, TypedDict, cast

from provisioner.model.canonical import canonical
from provisioner.model.change import Action, FieldChange
from provisioner.model.diagnostics import Diagnostic, Severity, Span
from provisioner.model.ignore import Ignored
from provisioner.model.json_value import Json
from provisioner.model.masking import MASK, Masked
from provisioner.model.plan import EmailCause, Note, NoteKind, Plan, Step
from provisioner.model.resource import Value

if TYPE_CHECKING:
    from provisioner.plan.policy import Refusal

FORMAT_VERSION = 1
_NO_PLACE = (None, None, None, None, None)
_MOST_PLACES = 3
"""The places of one problem that are named; further ones are counted."""
_PLAIN = frozenset({type(None), bool, int, float, str})

ActionName = Literal["create", "update", "deactivate", "delete"]
ACTION_NAMES: Mapping[Action, ActionName] = {
    Action.CREATE: "create",
    Action.UPDATE: "update",
    Action.DEACTIVATE: "deactivate",
    Action.DELETE: "delete",
}

# ---------------------------------------------------------------- types


class PlaceDocument(TypedDict):
    """A range of a spec file, or only nulls. Lines and columns count from 1."""

    file: str | None
    line: int | None
    column: int | None
    end_line: int | None
    end_column: int | None


class ProblemDocument(PlaceDocument):
    severity: Annotated[str, Severity]
    code: str
    message: str
    help: str | None
    notes: list[str]
    count: int
    also: list[PlaceDocument]


class FieldDocument(PlaceDocument):
    name: str
    before: Json
    after: Json
    default: bool


class NoteDocument(TypedDict):
    """A note; `subject` identifies it if its text contains a number."""

    kind: Annotated[str, NoteKind]
    text: str
    people: int
    subject: NotRequired[str]


class LastModifiedDocument(TypedDict):
    by: str | None
    at: str | None


class AuthorDocument(TypedDict):
    """Who made a difference that a drift report shows."""

    by: str
    at: str
    source: str
    said: str | None


class StepDocument(PlaceDocument):
    number: int
    address: str
    action: ActionName
    id: str | None
    matched_by: str | None
    irreversible: bool
    fields: list[FieldDocument]
    notes: list[NoteDocument]
    needs: list[str]
    calls: list[str]
    last_modified: LastModifiedDocument | None
    changed: NotRequired[AuthorDocument | None]


class OrgDocument(TypedDict):
    id: str
    name: str
    instance_url: str


class KnownDocument(TypedDict):
    address: str
    id: str | None
    matched_by: str


class LeftOutDocument(TypedDict):
    address: str
    needs: str


class IgnoredDocument(TypedDict):
    address: str
    reason: str
    until: str


class AbsentDocument(PlaceDocument):
    roster: str
    deactivated: bool
    users: int
    usernames: list[str]


class EmailDifferenceDocument(TypedDict):
    cause: Annotated[str, EmailCause]
    text: str
    addresses: list[str]
    difference: int
    waiting: int


class SummaryDocument(TypedDict):
    managed: int
    create: int
    update: int
    deactivate: int
    delete: int
    irreversible: int
    gain_login: int
    lose_login: int
    change_login: int
    emails: int
    api_calls_read: int
    api_calls_to_apply: int


class LicenceDocument(TypedDict):
    name: str
    total: int
    used: int
    after: int
    left: int


class RefusalDocument(TypedDict):
    rule: str
    message: str
    help: str


class UnmanagedDocument(TypedDict):
    kind: str
    name: str
    id: str | None
    detail: str | None


class ShareDocument(TypedDict):
    kind: str
    managed: int
    unmanaged: int


class OrgReport(TypedDict):
    """What the reports about an org have in common."""

    format_version: int
    spec: str
    environment: str
    org: OrgDocument
    known: list[KnownDocument]
    left_out: list[LeftOutDocument]
    ignored: list[IgnoredDocument]
    absent: list[AbsentDocument]
    email_differences: list[EmailDifferenceDocument]
    problems: list[ProblemDocument]
    summary: SummaryDocument
    licences: list[LicenceDocument]
    refusals: NotRequired[list[RefusalDocument]]


class PlanDocument(OrgReport):
    """A plan, or the drift of an org with what only a drift report has."""

    report: Literal["plan", "drift"]
    steps: list[StepDocument]
    unmanaged: NotRequired[list[UnmanagedDocument]]
    shares: NotRequired[list[ShareDocument]]


# ---------------------------------------------------------------- making it


def plan_document(
    plan: Plan,
    *,
    spec: str,
    environment: str,
    report: Literal["plan", "drift"] = "plan",
    refusals: Iterable[Refusal] | None = None,
) -> PlanDocument:
    """The document of a plan, with the `refusals` of the policy if they were checked.

    It contains no secret: a `Secret` is shown as `***`.
    """
    document: PlanDocument = {
        "format_version": FORMAT_VERSION,
        "report": report,
        "spec": spec,
        "environment": environment,
        "org": {
            "id": plan.org.id,
            "name": plan.org.name,
            "instance_url": plan.org.instance_url,
        },
        "steps": [_step(number, step) for number, step in enumerate(plan.steps, 1)],
        "known": [
            {"address": str(k.address), "id": k.id or None, "matched_by": k.matched_by}
            for k in plan.matched
        ],
        "left_out": [
            {"address": str(address), "needs": str(excluded)} for address, excluded in plan.left_out
        ],
        "ignored": [_ignored(i) for i in plan.ignored],
        "absent": [
            {
                "roster": absent.roster,
                "deactivated": absent.deactivates,
                "users": len(absent.usernames),
                "usernames": list(absent.usernames),
                **place(absent.span),
            }
            for absent in plan.absent
        ],
        "email_differences": [
            {
                "cause": difference.cause.value,
                "text": difference.text,
                "addresses": [str(address) for address in difference.addresses],
                "difference": difference.difference,
                "waiting": difference.waiting,
            }
            for difference in plan.emails
        ],
        "problems": [problem(p) for p in plan.problems],
        "summary": summary(plan),
        "licences": [
            {
                "name": s.licence,
                "total": s.total,
                "used": s.used,
                "after": s.after,
                "left": s.total - s.after,
            }
            for s in plan.seats
        ],
    }
    if refusals is not None:
        document["refusals"] = [
            {"rule": r.rule, "message": r.message, "help": r.help} for r in refusals
        ]
    return document


def problem(diagnostic: Diagnostic) -> ProblemDocument:
    """A problem as JSON values."""
    return {
        "severity": diagnostic.severity.value,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "help": diagnostic.help,
        "notes": list(diagnostic.notes),
        **place(diagnostic.span),
        "count": max(1, len(diagnostic.places)),
        "also": [place(span) for span in diagnostic.also[: _MOST_PLACES - 1]],
    }


def place(span: Span | None) -> PlaceDocument:
    """A span as JSON values."""
    file, line, column, end_line, end_column = span or _NO_PLACE
    return {
        "file": file,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


def summary(plan: Plan) -> SummaryDocument:
    """The counts of a plan."""
    notes = [n for step in plan.steps for n in step.notes]
    return {
        "managed": plan.managed,
        "create": plan.count(Action.CREATE),
        "update": plan.count(Action.UPDATE),
        "deactivate": plan.count(Action.DEACTIVATE),
        "delete": plan.count(Action.DELETE),
        "irreversible": sum(n.kind is NoteKind.IRREVERSIBLE for n in notes),
        "gain_login": plan.people(NoteKind.GAINS_LOGIN),
        "lose_login": plan.people(NoteKind.LOSES_LOGIN),
        "change_login": plan.people(NoteKind.CHANGES_LOGIN),
        "emails": plan.people(NoteKind.EMAIL),
        "api_calls_read": plan.reads,
        "api_calls_to_apply": plan.writes,
    }


def shown(value: Value) -> Json:
    """A value as JSON: a reference as the name it has, a secret as `***`."""
    if type(value) in _PLAIN:
        return cast("Json", value)
    if isinstance(value, Masked):
        return MASK
    return list(value) if isinstance(value, tuple) else str(value)


def _step(number: int, step: Step) -> StepDocument:
    before: Mapping[str, Value] = step.change.before.written if step.change.before else {}
    file, line, column, end_line, end_column = step.span or _NO_PLACE
    return {
        "number": number,
        "address": str(step.address),
        "action": ACTION_NAMES[step.action],
        "id": step.change.before.id if step.change.before else None,
        "matched_by": step.matched_by,
        "irreversible": any(n.kind is NoteKind.IRREVERSIBLE for n in step.notes),
        "file": file,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "fields": [_field(f) for f in step.change.fields],
        "notes": [_note(n) for n in step.notes],
        "needs": sorted(str(a) for a in step.needs),
        "calls": [call.operation for call in step.calls],
        "last_modified": {
            "by": _text(before.get("LastModifiedBy.Name")),
            "at": _text(canonical(before.get("LastModifiedDate"), "datetime")),
        }
        if before
        else None,
    }


def _text(value: Value) -> str | None:
    return None if value is None else str(shown(value))


def _field(field: FieldChange) -> FieldDocument:
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


def _note(note: Note) -> NoteDocument:
    document: NoteDocument = {"kind": note.kind.value, "text": note.text, "people": note.people}
    if note.subject is not None:
        document["subject"] = note.subject
    return document


def _ignored(entry: Ignored) -> IgnoredDocument:
    address = f"{entry.address}.{entry.field}" if entry.field else str(entry.address)
    return {"address": address, "reason": entry.by.reason, "until": str(entry.by.until)}
