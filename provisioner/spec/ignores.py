"""Read `drift-ignore.yaml`: the differences that are ignored until a date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from fnmatch import fnmatchcase

from provisioner.model.diagnostics import Diagnostic, Severity, Span, closest
from provisioner.model.ignore import Ignore
from provisioner.model.resource import Address
from provisioner.spec.document import Document

FILE = "drift-ignore.yaml"
"""The name of the file in the folder of a spec."""


def read(
    document: Document, addresses: Iterable[Address], today: date
) -> tuple[tuple[Ignore, ...], tuple[Diagnostic, ...]]:
    """The entries of a file that are valid today, and the problems of all; its schema is checked.

    An entry that has expired is a warning, and so is one whose address is not in the spec.
    """
    names = {str(a) for a in addresses}
    entries: list[Ignore] = []
    problems: list[Diagnostic] = []
    for number, fields in enumerate(document.mapping.get("ignore") or ()):
        path = ("ignore", number)
        try:
            until = date.fromisoformat(fields["until"])
        except ValueError:
            what = f"`{fields['until']}` is not a date of the calendar"
            problems.append(Diagnostic("wrong-value", what, document.span((*path, "until"))))
            continue
        span = document.span((*path, "address"))
        entry = Ignore(fields["address"], fields.get("field"), fields["reason"], until, span)
        if entry.address not in names and not any(fnmatchcase(a, entry.address) for a in names):
            near = closest(entry.address, names)
            help_ = f"did you mean `{near}`?" if near else "remove the entry"
            what = f"`{entry.address}` is not in the spec"
            problems.append(_warning("unknown-address", what, span, help_))
        elif until < today:
            what = f"`{entry}` is no longer ignored: the entry expired on {until}"
            help_ = "revert or adopt the difference, or give the entry a later date"
            problems.append(
                _warning("expired-ignore", what, document.span((*path, "until")), help_)
            )
        else:
            entries.append(entry)
    return tuple(entries), tuple(problems)


def resolve(text: str, addresses: Iterable[Address]) -> tuple[str, str | None] | None:
    """Split `ADDRESS` or `ADDRESS.FIELD` in two; `None` if the spec has no such address.

    Names and fields can contain dots: the longest address in the spec counts.
    """
    names = {str(a) for a in addresses}
    if text in names:
        return text, None
    dots: Iterator[int] = (i for i in range(len(text) - 1, 0, -1) if text[i] == ".")
    return next(
        ((text[:i], text[i + 1 :]) for i in dots if text[:i] in names and text[i + 1 :]), None
    )


def as_yaml(entry: Ignore, quoted: Mapping[str, str]) -> str:
    """The lines of an entry in the file; `quoted` are its texts as YAML."""
    field = f"    field: {quoted['field']}\n" if entry.field else ""
    return (
        f"  - address: {quoted['address']}\n{field}"
        f"    reason: {quoted['reason']}\n    until: {entry.until}\n"
    )


def _warning(code: str, what: str, span: Span | None, help_: str) -> Diagnostic:
    return Diagnostic(code, what, span, help=help_, severity=Severity.WARNING)
