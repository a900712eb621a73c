"""Differences that a reviewed file says to ignore until a date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase

from provisioner.model.diagnostics import Span
from provisioner.model.resource import Address


@dataclass(frozen=True, slots=True)
class Ignore:
    """What is ignored, why and through which day; `address` and `field` can be globs.

    Without a field, the whole resource is ignored.
    """

    address: str
    field: str | None
    reason: str
    until: date
    span: Span | None = None

    def names(self, address: Address) -> bool:
        return self.address == str(address) or fnmatchcase(str(address), self.address)

    def __str__(self) -> str:
        return f"{self.address}.{self.field}" if self.field else self.address


@dataclass(frozen=True, slots=True)
class Ignored:
    """A difference that was ignored, and the entry that lists it."""

    address: Address
    field: str | None
    by: Ignore
