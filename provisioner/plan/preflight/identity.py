"""Guards over which record a contact is: nobody may exist twice or become someone else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from provisioner.kinds import BY_NAME
from provisioner.kinds.contact import full_name, users_by_contact
from provisioner.kinds.matching import Row, by_age, described, sent_twice
from provisioner.kinds.metadata import NAME
from provisioner.kinds.org_facts import FIRST_PORTAL
from provisioner.kinds.record import RecordKind
from provisioner.kinds.settings import PORTAL_SWITCH
from provisioner.model.diagnostics import Diagnostic, Severity
from provisioner.model.resource import Address, Ref, Resource, Value
from provisioner.plan.preflight.context import PlanContext

REPEATED = "repeated-record"


def similar_contacts(context: PlanContext) -> Iterator[Diagnostic]:
    """A contact that an existing record resembles, which no spec declares.

    A new contact of the same name is an error if the existing one has a portal user, since
    that person would exist twice.
    """
    matched = {r.id for a, r in context.live.items() if a.kind == "contact"}
    contacts = tuple(context.of_kind("contact"))
    kind = BY_NAME["contact"]
    assert isinstance(kind, RecordKind)
    read = kind.rows(context.facts) if contacts else ()
    rows = [row for row in read if row["Id"] not in matched]
    if not rows:
        return
    users = users_by_contact(context.facts)
    by_name: dict[tuple[Value, str], list[Row]] = {}
    by_email: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault((row.get("AccountId"), _plain(row.get("Name"))), []).append(row)
        if email := _plain(row.get("Email")):
            by_email.setdefault(email, []).append(row)
    for contact in contacts:
        same_email = by_email.get(_plain(contact.written.get("Email")), [])
        if context.created(contact):
            account, name = contact.fields.get("AccountId"), _plain(full_name(contact.written))
            namesakes = by_name.get((account, name), [])
            yield from _new(contact, namesakes, same_email, users)
        elif context.changed(contact, "Email"):
            account = context.value(contact, "AccountId")
            for row in same_email:
                if row.get("AccountId") == account:
                    yield Diagnostic(
                        "same-email",
                        f"{_described(row)} of the same account has this email too",
                        contact.span("Email"),
                        help="if they are the same person, merge the two contacts in Salesforce",
                        severity=Severity.WARNING,
                    )


def repeated_contacts(context: PlanContext) -> Iterator[Diagnostic]:
    """A second contact with the name, email and account of one that its user identifies.

    Without the user it would be ambiguous which of the two is meant.
    """
    live = {a: r for a, r in context.live.items() if a.kind == "contact" and r.id}
    kind = BY_NAME["contact"]
    assert isinstance(kind, RecordKind)
    rows = kind.rows(context.facts) if live else ()
    by_id = {row["Id"]: row for row in rows}
    matched = {resource.id for resource in live.values()}
    same: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if row.get("Email"):
            same.setdefault(_who(row), []).append(row)
    for address, found in live.items():
        mine = by_id.get(found.id)
        others = [r for r in same.get(_who(mine), ()) if r["Id"] not in matched] if mine else []
        wanted = context.desired.get(address)
        if not (mine and others and wanted and not wanted.remove):
            continue
        yield Diagnostic(
            REPEATED,
            f"`{address}` exists more than once: {len(others) + 1} contacts of its account have "
            "its name and email",
            wanted.span("Email"),
            help=sent_twice(", ".join(row["Id"] for row in by_age(others))),
            notes=tuple(described(row) for row in by_age((mine, *others))),
            severity=Severity.WARNING,
        )


def _who(row: Row) -> tuple[object, ...]:
    return row.get("AccountId"), _plain(row.get("Name")), _plain(row.get("Email"))


def contacts_of_users(context: PlanContext) -> Iterator[Diagnostic]:
    """A contact that only its user's `Username` identifies, and that looks like another person."""
    for user in context.of_kind("user"):
        to = user.written.get("ContactId")
        contact = context.desired.get(to.to) if isinstance(to, Ref) else None
        live = context.live.get(contact.address) if contact else None
        if contact is None or live is None or contact.remove:
            continue
        if context.facts.linked_contacts.get(contact.address) != live.id:
            continue
        row = live.written
        if not context.changed(contact, "Email") or _same_person(contact, row):
            continue
        moves = context.changed(contact, "AccountId")
        yield Diagnostic(
            "another-person",
            f"`{user.shown('Username')}` is the user of {_described(row)}, "
            f"which shares neither a name nor an email with `{contact.address}`",
            user.span("Username"),
            help=f"choose another `Username`, or, if it is the same person, {_was(contact, row)}",
            severity=Severity.ERROR if moves else Severity.WARNING,
        )


def unneeded_former_names(context: PlanContext) -> Iterator[Diagnostic]:
    """A `was:` whose rename has been applied."""
    for address, wanted in context.desired.items():
        if wanted.was is None or wanted.remove or address not in context.live:
            continue
        kind = BY_NAME[address.kind]
        keys = (kind.natural[-1], "AccountId") if isinstance(kind, RecordKind) else (NAME,)
        if context.changed(wanted, *keys) or _brought_by_enabling(context, wanted):
            continue
        yield Diagnostic(
            "unneeded-was",
            f"`was: {wanted.was}` is no longer needed: this org has `{address}` under its new name",
            wanted.span("was" if isinstance(kind, RecordKind) else NAME),
            help="remove `was:` once it has been applied in every environment",
            cause=address.kind,
            severity=Severity.WARNING,
        )


def _brought_by_enabling(context: PlanContext, wanted: Resource) -> bool:
    """Whether every new org will have the former name, since the spec enables the portal."""
    settings = context.desired.get(Address("settings", "OrgSettings"))
    enables = settings is not None and settings.fields.get(PORTAL_SWITCH) is True
    return enables and wanted.address.kind == "portal" and wanted.was == FIRST_PORTAL


def _new(
    contact: Resource,
    namesakes: Sequence[Row],
    same_email: Sequence[Row],
    users: Mapping[str, Row],
) -> Iterator[Diagnostic]:
    name = _plain(full_name(contact.written))
    for row in namesakes:
        user = users.get(row["Id"])
        if user:
            yield Diagnostic(
                "same-person",
                f"`{contact.address}` would be a second contact of the same person: "
                f"{_described(row)} of the same account has the user `{user['Username']}`",
                contact.span("Email"),
                help=_remedy(contact, row),
            )
        else:
            yield Diagnostic(
                "same-name",
                f"`{contact.address}` is missing; a contact of that name exists in its account: "
                f"{_described(row)}",
                contact.span("Email"),
                help=_remedy(contact, row),
                severity=Severity.WARNING,
            )
    for row in same_email:
        if row in namesakes:
            continue
        user = users.get(row["Id"]) if _plain(row.get("Name")) == name else None
        has_user = f", has the user `{user['Username']}`" if user else ""
        yield Diagnostic(
            "same-person" if user else "same-email-elsewhere",
            f"{_described(row)} of another account has this email{has_user}, and is not changed",
            contact.span("Email"),
            help=_remedy(contact, row),
            severity=Severity.ERROR if user else Severity.WARNING,
        )


def _remedy(contact: Resource, row: Row) -> str:
    return f"if it is the same person, {_was(contact, row)}; otherwise declare that contact too"


def _was(contact: Resource, row: Row) -> str:
    """What makes the next plan match the row."""
    email = row.get("Email")
    if not email:
        return f"set the Email of {row['Id']} to `{contact.shown('Email')}` in Salesforce"
    if ":" in contact.address.name:
        # The contact of a roster's row.
        return (
            f"write `{email}` in the row, in a column that the roster's contact names as its `was:`"
        )
    return f"add `was: {email}` to `{contact.address}`"


def _same_person(contact: Resource, row: Row) -> bool:
    """Whether a contact says so, or has a name in common with a row."""
    if contact.was is not None and _plain(contact.was) == _plain(row.get("Email")):
        return True
    names = ("FirstName", "LastName")
    wanted = {n: _plain(contact.written.get(n)) for n in names}
    return any(wanted[n] and wanted[n] == _plain(row.get(n)) for n in names)


def _described(row: Row) -> str:
    """`Jane Doe <jane@acme.example> (003...)`."""
    email = f" <{row['Email']}>" if row.get("Email") else ""
    return f"{row.get('Name')}{email} ({row['Id']})"


def _plain(value: object) -> str:
    return str(value or "").strip().casefold()
