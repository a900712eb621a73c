"""Compare the desired with the live state. Pure: the same states always give the same changes."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.model.change import Action, Change, FieldChange
from provisioner.model.resource import DesiredState, LiveState, Resource


def diff(desired: DesiredState, live: LiveState) -> tuple[Change, ...]:
    """The changes that turn `live` into `desired`, in address order.

    A field that a spec leaves out is not managed and never differs. A live resource
    without a spec is not changed; one that the spec asks to remove is a DELETE, which its kind may
    turn into a deactivation.
    """
    changes = (compare(want, live.get(address)) for address, want in desired.items())
    return tuple(c for c in changes if c is not None)


def compare(want: Resource, have: Resource | None) -> Change | None:
    """The change that turns `have` into `want`; `None` if they are equal."""
    if want.remove:
        return Change(Action.DELETE, want.address, have, want) if have else None
    if have is None:
        return Change(Action.CREATE, want.address, None, want, tuple(_initial_fields(want)))
    fields = tuple(
        FieldChange(name, have.shown(name), want.shown(name), want.span(name))
        for name, value in want.fields.items()
        if name not in want.defaults and have.fields.get(name) != value
    )
    return Change(Action.UPDATE, want.address, have, want, fields) if fields else None


def _initial_fields(want: Resource) -> Iterator[FieldChange]:
    """The fields of a new resource."""
    whole = want.span()
    for name in want.fields:
        value = want.shown(name)
        # A cleared field of a new resource is like one that is left out, except in a copy.
        if value is not None or want.copied:
            span = want.spans.get(name)
            default = span is None and name in want.defaults
            yield FieldChange(name, None, value, span or whole, default)
