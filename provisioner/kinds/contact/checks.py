"""What is wrong with contacts: nobody may exist twice, or become another person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from provisioner.kinds.base import Context
from provisioner.kinds.contact.fields import (
    ACCOUNT,
    EMAIL,
    NAME,
    SOBJECT,
    full_name,
    rows,
    users_by_contact,
)
from provisioner.kinds.matching import Row, by_age, described, sent_twice
from provisioner.model.change import Action
from provisioner.model.diagnostics import Diagnostic, Severity
from provisioner.model.resource import Ref, Resource, Value

REPEATED = "repeated-record"


def problems(context: Context) -> Iterator[Diagnostic]:
    """What is wrong with the contacts of a plan."""
    yield from unidentified(context)
    yield from contacts_with_users(context)
    yield from similar_contacts(context)
    yield from repeated_contacts(context)
    yield from contacts_of_users(context)


def unidentified(context: Context) -> Iterator[Diagnostic]:
    """A contact without a key, which every run would create again."""
    external = context.facts.identity.get(SOBJECT)
    for contact in context.of_kind(NAME):
        if not contact.written.get(EMAIL) and not (external and contact.written.get(external)):
            yield Diagnostic(
                "no-identity",
                f"`{contact.address}` has no email, so it could not be found again",
                contact.span(),
                help="give it an `Email`, or an external id field named under `identity:`",
            )


def contacts_with_users(context: Context) -> Iterator[Diagnostic]:
    """A contact that has a portal user, active or not, cannot be deleted. (DELETE_FAILED)"""
    deleted = [
        change.after
        for address, change in context.changes.items()
        if address.kind == NAME and change.action is Action.DELETE
    ]
    holders = users_by_contact(context.facts) if deleted else {}
    for contact in deleted:
        user = holders.get(str(context.live[contact.address].id))
        if user:
            yield Diagnostic(
                "contact-has-a-user",
                f"the contact cannot be deleted: `{user['Username']}` is its user, "
                "and a user is never deleted",
                contact.span(),
                help="leave the contact, and deactivate the user",
            )


def similar_contacts(context: Context) -> Iterator[Diagnostic]:
    """A contact that is similar to an existing record that no spec declares.

    A new contact with the same name is an error if the existing one has a portal user: the person
    would exist twice.
    """
    matched = {r.id for a, r in context.live.items() if a.kind == NAME}
    contacts = tuple(context.of_kind(NAME))
    read = rows(context.facts) if contacts else ()
    others = [row for row in read if row["Id"] not in matched]
    if not others:
        return
    users = users_by_contact(context.facts)
    by_name: dict[tuple[Value, str], list[Row]] = {}
    by_email: dict[str, list[Row]] = {}
    for row in others:
        by_name.setdefault((row.get(ACCOUNT), _plain(row.get("Name"))), []).append(row)
        if email := _plain(row.get(EMAIL)):
            by_email.setdefault(email, []).append(row)
    for contact in contacts:
        same_email = by_email.get(_plain(contact.written.get(EMAIL)), [])
        if context.created(contact):
            account, name = contact.fields.get(ACCOUNT), _plain(full_name(contact.written))
            namesakes = by_name.get((account, name), [])
            yield from _new(contact, namesakes, same_email, users)
        elif context.changed(contact, EMAIL):
            account = context.value(contact, ACCOUNT)
            for row in same_email:
                if row.get(ACCOUNT) == account:
                    yield Diagnostic(
                        "same-email",
                        f"{_described(row)} of the same account has this email too",
                        contact.span(EMAIL),
                        help="if they are the same person, merge the two contacts in Salesforce",
                        severity=Severity.WARNING,
                    )


def repeated_contacts(context: Context) -> Iterator[Diagnostic]:
    """A second contact with the name, email and account of one that is matched by its user.

    Without the user, both would match.
    """
    live = {a: r for a, r in context.live.items() if a.kind == NAME and r.id}
    read = rows(context.facts) if live else ()
    by_id = {row["Id"]: row for row in read}
    matched = {resource.id for resource in live.values()}
    same: dict[tuple[object, ...], list[Row]] = {}
    for row in read:
        if row.get(EMAIL):
            same.setdefault(_identity_of(row), []).append(row)
    for address, contact in live.items():
        mine = by_id.get(contact.id)
        others = (
            [r for r in same.get(_identity_of(mine), ()) if r["Id"] not in matched] if mine else []
        )
        declared = context.desired.get(address)
        if not (mine and others and declared and not declared.remove):
            continue
        yield Diagnostic(
            REPEATED,
            f"`{address}` exists more than once: {len(others) + 1} contacts of its account have "
            "its name and email",
            declared.span(EMAIL),
            help=sent_twice(", ".join(row["Id"] for row in by_age(others))),
            notes=tuple(described(row) for row in by_age((mine, *others))),
            severity=Severity.WARNING,
        )


def _identity_of(row: Row) -> tuple[object, ...]:
    return row.get(ACCOUNT), _plain(row.get("Name")), _plain(row.get(EMAIL))


def contacts_of_users(context: Context) -> Iterator[Diagnostic]:
    """A contact that is matched only by its user, and that seems to be another person."""
    for user in context.of_kind("user"):
        to = user.written.get("ContactId")
        contact = context.desired.get(to.to) if isinstance(to, Ref) else None
        live = context.live.get(contact.address) if contact else None
        if contact is None or live is None or contact.remove:
            continue
        if context.facts.linked_contacts.get(contact.address) != live.id:
            continue
        row = live.written
        if not context.changed(contact, EMAIL) or _same_person(contact, row):
            continue
        moves = context.changed(contact, ACCOUNT)
        yield Diagnostic(
            "another-person",
            f"`{user.shown('Username')}` is the user of {_described(row)}, "
            f"which shares neither a name nor an email with `{contact.address}`",
            user.span("Username"),
            help=f"choose another `Username`, or, if it is the same person, {_was(contact, row)}",
            severity=Severity.ERROR if moves else Severity.WARNING,
        )


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
                contact.span(EMAIL),
                help=_remedy(contact, row),
            )
        else:
            yield Diagnostic(
                "same-name",
                f"`{contact.address}` is missing; a contact of that name exists in its account: "
                f"{_described(row)}",
                contact.span(EMAIL),
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
            contact.span(EMAIL),
            help=_remedy(contact, row),
            severity=Severity.ERROR if user else Severity.WARNING,
        )


def _remedy(contact: Resource, row: Row) -> str:
    return f"if it is the same person, {_was(contact, row)}; otherwise declare that contact too"


def _was(contact: Resource, row: Row) -> str:
    """What to do so that the next plan matches the row."""
    email = row.get(EMAIL)
    if not email:
        return f"set the Email of {row['Id']} to `{contact.shown(EMAIL)}` in Salesforce"
    if ":" in contact.address.name:
        # The contact of a roster's row.
        return (
            f"write `{email}` in the row, in a column that the roster's contact names as its `was:`"
        )
    return f"add `was: {email}` to `{contact.address}`"


def _same_person(contact: Resource, row: Row) -> bool:
    """Whether a contact has the row's email as its former one, or a name in common with it."""
    if contact.was is not None and _plain(contact.was) == _plain(row.get(EMAIL)):
        return True
    names = ("FirstName", "LastName")
    own = {n: _plain(contact.written.get(n)) for n in names}
    return any(own[n] and own[n] == _plain(row.get(n)) for n in names)


def _described(row: Row) -> str:
    """`Jane Doe <jane@acme.example> (003...)`."""
    email = f" <{row[EMAIL]}>" if row.get(EMAIL) else ""
    return f"{row.get('Name')}{email} ({row['Id']})"


def _plain(value: object) -> str:
    return str(value or "").strip().casefold()
