"""Checks of the fields and references of records: does the org have them, may they be set."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.kinds import BY_SOBJECT, RECORD_KINDS
from provisioner.kinds.advice import by_full_name, my_profile, unknown_field
from provisioner.kinds.base import Context
from provisioner.kinds.org_facts import FieldInfo
from provisioner.kinds.record import RecordKind
from provisioner.model.change import Action, Change
from provisioner.model.diagnostics import Diagnostic, Span, did_you_mean
from provisioner.model.resource import Lookup, Resource, Value
from provisioner.spec.roster.templates import comparison


def unknown_fields(context: Context) -> Iterator[Diagnostic]:
    """A field that the org's describe does not have."""
    for kind, resource in _records(context):
        sobject = kind.sobject
        info = context.facts.describe(sobject)
        if info is None:
            continue
        for name in resource.written:
            if name in info or name in resource.defaults or not kind.is_api_field(name):
                continue
            if context.facts.is_pending_field(sobject, name):
                continue
            yield unknown_field(context, resource, sobject, name, info)


def fields_that_cannot_be_set(context: Context) -> Iterator[Diagnostic]:
    """A changed field that cannot be written, or not with this value."""
    for kind, resource in _records(context):
        change = context.changes.get(resource.address)
        info = context.facts.describe(kind.sobject) or {}
        if change is None or not _may_write(context, kind, change):
            continue  # reported once, for the object
        for field in change.fields:
            described = info.get(field.name)
            if described is None or field.default:
                continue
            if not _writeable(described, change):
                yield Diagnostic(
                    "field-not-writeable",
                    f"`{described.name}` cannot be {_deed(change)}: Salesforce, or your profile, "
                    "does not let you write it",
                    field.span,
                    help=f"leave the field out, or make it editable for {my_profile(context)}",
                )
            else:
                yield from _bad_value(described, field.after, field.span)


def missing_fields(context: Context) -> Iterator[Diagnostic]:
    """A new record without a field that the org requires."""
    for kind, resource in _records(context):
        if not context.created(resource):
            continue
        info = context.facts.describe(kind.sobject) or {}
        missing = sorted(
            f.name
            for f in info.values()
            if f.required and resource.written.get(f.name) is None and f.type != "boolean"
        )
        if missing:
            yield Diagnostic(
                "missing-field",
                f"a new {kind.sobject} needs {_listed(missing)}",
                resource.span(),
                help="give the missing fields in the spec",
            )


def references(context: Context) -> Iterator[Diagnostic]:
    """A lookup that matches no record, or more than one."""
    nearest: dict[Lookup, str | None] = {}
    for _, resource in _records(context):
        for name, value in resource.written.items():
            if not isinstance(value, Lookup):
                continue
            rows = context.facts.lookups[value] if value.sobject else ()
            unknown = context.facts.unknown_names(value)
            for field in unknown:
                yield Diagnostic(
                    "unknown-field",
                    f"the org has no field `{field}` on {value.sobject} to find a record by",
                    resource.span(name),
                    help=did_you_mean(field, context.facts.describe(value.sobject) or ()),
                )
            target = BY_SOBJECT.get(value.sobject)
            shared = (
                target.ambiguous_names(value, context.facts) if target and len(rows) != 1 else ()
            )
            if shared:
                yield Diagnostic(
                    "ambiguous-reference",
                    f"`{name}` could be any of {len(shared)} profiles: {value}",
                    resource.span(name),
                    # A pending profile is looked up by its `Name` once it exists.
                    help=("" if rows else "apply the portal first; then ") + by_full_name(shared),
                    notes=shared,
                )
            elif len(rows) > 1:
                yield Diagnostic(
                    "ambiguous-reference",
                    f"`{name}` could be any of {len(rows)} records: {value}",
                    resource.span(name),
                    help="use `{find: {...}}` with a field that only one of them has",
                    notes=tuple(sorted(f"{r['Id']}  {r.get('Name') or ''}" for r in rows)),
                )
            elif not rows and not unknown:
                if target and target.is_pending(value, context.facts):
                    continue
                if value not in nearest:
                    nearest[value] = _suggestion(context, resource, value)
                article = "an" if value.sobject[:1] in "AEIO" else "a"
                yield Diagnostic(
                    "unknown-reference",
                    f"neither the spec nor the org has {article} {value}",
                    resource.span(name),
                    help=nearest[value],
                )


def _writeable(info: FieldInfo, change: Change | None) -> bool:
    # A field that can only be updated is set right after the create.
    creating = change is not None and change.action is Action.CREATE
    return info.updateable or (creating and info.createable)


def _may_write(context: Context, kind: RecordKind, change: Change) -> bool:
    right = "createable" if change.action is Action.CREATE else "updateable"
    return context.facts.may(kind.sobject, right)


def _deed(change: Change | None) -> str:
    return "set" if change and change.action is Action.CREATE else "changed"


def _bad_value(info: FieldInfo, value: Value, span: Span | None) -> Iterator[Diagnostic]:
    if not isinstance(value, str):
        return
    length = len(value.strip())
    if info.length and length > info.length and info.type not in ("reference", "id"):
        yield Diagnostic(
            "too-long",
            f"`{info.name}` holds {info.length} characters at most, this has {length}",
            span,
            help="shorten it",
            cause=info.name,
        )
    elif info.type == "boolean" and value.strip():
        yield Diagnostic(
            "wrong-type",
            f"`{info.name}` must be true or false, not `{value}`",
            span,
            help=comparison("row.COLUMN", value),
            cause=info.name,
        )
    elif info.type == "picklist" and info.restricted and info.picklist:
        values = {v.casefold() for v in info.picklist}
        if value.strip() and value.strip().casefold() not in values:
            listed = ", ".join(sorted(info.picklist)[:12])
            yield Diagnostic(
                "unknown-value",
                f"`{value}` is not a value of `{info.name}`",
                span,
                help=did_you_mean(value, info.picklist, f"values: {listed}"),
            )


def _records(context: Context) -> Iterator[tuple[RecordKind, Resource]]:
    return ((kind, r) for kind in RECORD_KINDS for r in context.of_kind(kind.name))


def _suggestion(context: Context, resource: Resource, lookup: Lookup) -> str | None:
    target = BY_SOBJECT.get(lookup.sobject)
    if target is None:
        return "find it by other fields: `{find: {FIELD: value}}`"
    return target.suggestion(context, resource.address.kind, lookup)


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)
