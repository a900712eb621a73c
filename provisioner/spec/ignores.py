"""Differences that somebody decided to leave alone until a day, in a file that is reviewed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from fnmatch import fnmatchcase

from provisioner.model.diagnostics import Diagnostic, Severity, Span, closest
from provisioner.model.ignore import Ignore
from provisioner.model.resource import Address
from provisioner.spec.document import Document

FILE = "drift-ignore.yaml"
"""The file of a spec's folder that holds them."""


def read(
    document: Document, addresses: Iterable[Address], today: date
) -> tuple[tuple[Ignore, ...], tuple[Diagnostic, ...]]:
    """The entries of a file that hold today, and what is wrong with any; its schema was checked.

    One that is over is a warning, and so is one that names nothing of the spec.
    """
    known = {str(a) for a in addresses}
    entries: list[Ignore] = []
    problems: list[Diagnostic] = []
    for number, given in enumerate(document.data.get("ignore") or ()):
        path = ("ignore", number)
        try:
            until = date.fromisoformat(given["until"])
        except ValueError:
            what = f"`{given['until']}` is no day of the calendar"
            problems.append(Diagnostic("wrong-value", what, document.span((*path, "until"))))
            continue
        span = document.span((*path, "address"))
        entry = Ignore(given["address"], given.get("field"), given["reason"], until, span)
        if entry.address not in known and not any(fnmatchcase(a, entry.address) for a in known):
            near = closest(entry.address, known)
            help_ = f"did you mean `{near}`?" if near else "take the entry out"
            what = f"`{entry.address}` is not in the spec"
            problems.append(_warning("unknown-address", what, span, help_))
        elif until < today:
            what = f"`{entry}` is not ignored any more: that ended with {until}"
            help_ = "revert or adopt the difference, or give the entry a later day"
            problems.append(
                _warning("expired-ignore", what, document.span((*path, "until")), help_)
            )
        else:
            entries.append(entry)
    return tuple(entries), tuple(problems)


def resolve(given: str, addresses: Iterable[Address]) -> tuple[str, str | None] | None:
    """`ADDRESS` or `ADDRESS.FIELD` as the two it is; `None` where the spec has no such address.

    Names and fields can have dots in them: the longest address that there is counts.
    """
    known = {str(a) for a in addresses}
    if given in known:
        return given, None
    cuts: Iterator[int] = (i for i in range(len(given) - 1, 0, -1) if given[i] == ".")
    return next(
        ((given[:i], given[i + 1 :]) for i in cuts if given[:i] in known and given[i + 1 :]), None
    )


def as_yaml(entry: Ignore, quoted: Mapping[str, str]) -> str:
    """An entry as lines of the file; `quoted` are its texts as YAML."""
    field = f"    field: {quoted['field']}\n" if entry.field else ""
    return (
        f"  - address: {quoted['address']}\n{field}"
        f"    reason: {quoted['reason']}\n    until: {entry.until}\n"
    )


def _warning(code: str, what: str, span: Span | None, help_: str) -> Diagnostic:
    return Diagnostic(code, what, span, help=help_, severity=Severity.WARNING)
