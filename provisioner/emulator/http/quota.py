"""The number of API calls that an org may make in a day, and at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.http import middleware
from provisioner.emulator.settings import editions

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from provisioner.emulator.store.org import Org


def exceeded() -> SalesforceError:
    """The day's calls are used up (fact 708)."""
    return SalesforceError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)


class Usage(NamedTuple):
    """How many API calls of a day were used, this one among them, and how many there are."""

    used: int
    most: int


def count(org: Org) -> Usage:
    """Counts an API call."""
    return Usage(org.api_call(), editions.daily_calls(org))


def check(org: Org, usage: Usage, environ: WSGIEnvironment) -> None:
    """Refuses one API call in excess: of those of the day, or of those that run now."""
    if usage.used > usage.most:
        raise exceeded()
    middleware.check(org, environ)
