"""What sends mail, held back: a user is made, and gets no password yet. Pure."""

from __future__ import annotations

from dataclasses import replace

from provisioner.diagnostics import Diagnostic, Severity
from provisioner.kinds.user import MAILED, PASSWORD
from provisioner.resource import DesiredState, LiveState, Resource

# In the place of the password that is not mailed: it is no field, and so never differs.
_HELD = "password held back"


def without_mail(resource: Resource) -> Resource:
    """The same resource without what would send mail; where that was is kept as a span."""
    if resource.written.get(PASSWORD) != MAILED:
        return resource
    spans = dict(resource.spans)
    spans[_HELD] = spans.pop(PASSWORD)
    fields = {n: v for n, v in resource.fields.items() if n != PASSWORD}
    written = {n: v for n, v in resource.written.items() if n != PASSWORD}
    return replace(resource, fields=fields, written=written, spans=spans)


def held_back(desired: DesiredState, live: LiveState) -> Diagnostic | None:
    """The mails that are due and not sent, as a warning; they stay due for the next run."""
    people = [r for a, r in desired.items() if _HELD in r.spans and not _has(live.get(a))]
    if not people:
        return None
    count = len(people)
    it = "it" if count == 1 else "them"
    sent = "1 e-mail is" if count == 1 else f"{count} e-mails are"
    whom = f"`{people[0].address}`" + (f" and {count - 1} more" if count > 1 else "")
    return Diagnostic(
        "no-email",
        f"{sent} held back by `--no-email`: {whom} gets no password yet",
        people[0].spans[_HELD],
        help=f"to send {it}, apply again without `--no-email`",
        severity=Severity.WARNING,
    )


def _has(live: Resource | None) -> bool:
    return live is not None and live.fields.get(PASSWORD) is True
