"""The number of API calls that an org may make in a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioner.emulator.settings import editions

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org


class Usage(NamedTuple):
    """How many API calls of a day were used, this one among them, and how many there are."""

    used: int
    most: int


def count(org: Org) -> Usage:
    """Counts an API call."""
    return Usage(org.api_call(), editions.daily_calls(org))
