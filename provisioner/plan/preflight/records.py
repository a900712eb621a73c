"""Guards over the fields and references of records: does the org have them, may they be set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from provisioner.kinds import BY_NAME
from provisioner.kinds.org_facts import FieldInfo
from provisioner.kinds.record import RecordKind
from provisioner.kinds.user import PASSWORD
from provisioner.model.change import Action, Change
from provisioner.model.diagnostics import Diagnostic, Span, closest, did_you_mean
from provisioner.model.resource import Lookup, Resource, Value
from provisioner.plan.preflight.context import (
    PlanContext,
    by_full_name,
    my_profile,
    nearest_user,
    without_seats,
)
from provisioner.spec.roster.templates import comparison

_RECORDS = ("account", "contact", "user")


def unknown_fields(context: PlanContext) -> Iterator[Diagnostic]:
    """A field that the org's describe does not have."""
    for resource in context.of_kind(*_RECORDS):
        sobject = _sobject(resource)
        info = context.facts.describe(sobject)
        if info is None:
            continue
        for name in resource.written:
            if name in info or name in resource.defaults or name == PASSWORD:
                continue
            if context.facts.is_pending_field(sobject, name):
                continue
            yield unknown_field(context, resource, sobject, name, info)


def unknown_field(
    context: PlanContext,
    resource: Resource,
    sobject: str,
    name: str,
    info: Mapping[str, FieldInfo],
) -> Diagnostic:
    """The org has no such field, at the place where the spec names it."""
    near = closest(name, info)
    remedy = (
        f"if the field exists, grant {my_profile(context)} field-level security for it; if it "
        "does not, create it in Setup, since this tool does not create fields"
    )
    return Diagnostic(
        "unknown-field",
        f"the org has no field `{name}` on {sobject}, or does not show it to you",
        resource.span(name),
        help=f"did you mean `{near}`? otherwise, {remedy}" if near else remedy,
    )


def fields_that_can_not_be_set(context: PlanContext) -> Iterator[Diagnostic]:
    """A changed field that Salesforce does not let be written, or not with this value."""
    for resource in context.of_kind(*_RECORDS):
        change = context.changes.get(resource.address)
        info = context.facts.describe(_sobject(resource)) or {}
        if change is None or not _may_write(context, resource, change):
            continue  # reported once, as an object
        for field in change.fields:
            known = info.get(field.name)
            if known is None or field.default:
                continue
            if not _writeable(known, change):
                yield Diagnostic(
                    "field-not-writeable",
                    f"`{known.name}` can not be {_deed(change)}: Salesforce, or your profile, "
                    "does not let you write it",
                    field.span,
                    help=f"leave the field out, or make it editable for {my_profile(context)}",
                )
            else:
                yield from _bad_value(known, field.after, field.span)


def missing_fields(context: PlanContext) -> Iterator[Diagnostic]:
    """A new record without a field that the org requires."""
    for resource in context.of_kind(*_RECORDS):
        if not context.created(resource):
            continue
        info = context.facts.describe(_sobject(resource)) or {}
        missing = sorted(
            f.name
            for f in info.values()
            if f.required and resource.written.get(f.name) is None and f.type != "boolean"
        )
        if missing:
            yield Diagnostic(
                "missing-field",
                f"a new {_sobject(resource)} needs {_listed(missing)}",
                resource.span(),
                help="give the missing fields in the spec",
            )


def references(context: PlanContext) -> Iterator[Diagnostic]:
    """A lookup that finds nothing, or more than one record."""
    nearest: dict[Lookup, str | None] = {}
    for resource in context.of_kind(*_RECORDS):
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
            if shared := _namesakes(context, value, rows):
                yield Diagnostic(
                    "ambiguous-reference",
                    f"`{name}` could be any of {len(shared)} profiles: {value}",
                    resource.span(name),
                    # One that is still to come is looked up in records, which have one name.
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
            elif not rows and not unknown and not _is_pending(context, value):
                if value not in nearest:
                    nearest[value] = _nearest(context, resource, value)
                article = "an" if value.sobject == "Account" else "a"
                yield Diagnostic(
                    "unknown-reference",
                    f"neither the spec nor the org has {article} {value}",
                    resource.span(name),
                    help=nearest[value],
                )


def unidentified(context: PlanContext) -> Iterator[Diagnostic]:
    """A contact that nothing would tell from another, so that it would be made again."""
    external = context.facts.identity.get("Contact")
    for contact in context.of_kind("contact"):
        if not contact.written.get("Email") and not (external and contact.written.get(external)):
            yield Diagnostic(
                "no-identity",
                f"`{contact.address}` has no e-mail, so it could not be found again",
                contact.span(),
                help="give it an `Email`, or an external id field named under `identity:`",
            )


def _sobject(resource: Resource) -> str:
    kind = BY_NAME[resource.address.kind]
    assert isinstance(kind, RecordKind)
    return kind.sobject


def _writeable(info: FieldInfo, change: Change | None) -> bool:
    # A field that can only be updated is set right after the create.
    creating = change is not None and change.action is Action.CREATE
    return info.updateable or (creating and info.createable)


def _may_write(context: PlanContext, resource: Resource, change: Change) -> bool:
    right = "createable" if change.action is Action.CREATE else "updateable"
    return context.facts.may(_sobject(resource), right)


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
        known = {v.casefold(): v for v in info.picklist}
        if value.strip() and value.strip().casefold() not in known:
            listed = ", ".join(sorted(info.picklist)[:12])
            yield Diagnostic(
                "unknown-value",
                f"`{value}` is not a value of `{info.name}`",
                span,
                help=did_you_mean(value, info.picklist, f"values: {listed}"),
            )


def _namesakes(context: PlanContext, lookup: Lookup, rows: Sequence[object]) -> tuple[str, ...]:
    """The profiles that a lookup may mean, if they are several: there, or awaited."""
    if lookup.sobject != "Profile" or len(rows) == 1:
        return ()
    return context.facts.namesakes(str(lookup.where[0][1]))


def _is_pending(context: PlanContext, lookup: Lookup) -> bool:
    name = str(lookup.where[0][1])
    return lookup.sobject == "Profile" and context.facts.pending_profile(name) is not None


def _nearest(context: PlanContext, resource: Resource, lookup: Lookup) -> str | None:
    if lookup.sobject == "User":
        return nearest_user(context, resource.address.kind, str(lookup.where[0][1]))
    if lookup.sobject != "Profile":
        section = {"Account": "accounts", "Contact": "contacts"}.get(lookup.sobject)
        declare = f"declare it under `{section}:`, or " if section else ""
        return f"{declare}find it by other fields: `{{find: {{FIELD: value}}}}`"
    if help_ := without_seats(str(lookup.where[0][1]), context.facts):
        return help_
    names = sorted(p.name for p in context.facts.profiles)
    return did_you_mean(str(lookup.where[0][1]), names, f"profiles: {', '.join(names)}")


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)
