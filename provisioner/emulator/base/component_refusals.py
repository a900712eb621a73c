"""Refusals that several metadata types share."""

from __future__ import annotations

from provisioner.emulator.base.errors import SalesforceError


def no_such(
    field: str, kind: str, name: str, *, fields: tuple[str, ...] | None = None
) -> SalesforceError:
    """What a reference to a component that is not there is refused with.

    ebikes-lwc issue 61, of siteAdmin, and public deployment logs for other types [V].
    """
    message = f"In field: {field} - no {kind} named {name} found"
    told = (field,) if fields is None else fields
    return SalesforceError("INVALID_CROSS_REFERENCE_KEY", message, told)


def refused(message: str, field: str) -> SalesforceError:
    """The refusal of a value for which no code is known: the code is a guess."""
    return SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, (field,))
