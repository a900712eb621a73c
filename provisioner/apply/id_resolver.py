"""Replace references in a call by Ids, just before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from provisioner.model.operations import Call
from provisioner.model.resource import Address, Lookup, Ref
from provisioner.org.client import Org

_REFERENCES = (Ref, Lookup)


class UnmetError(Exception):
    """A reference of a call has no Id, or matches several records or none."""


class IdResolver:
    """The Ids of records that the org had, and of those that were created since, by address."""

    def __init__(self, ids: Mapping[Address, str], org: Org) -> None:
        self.ids = dict(ids)
        self._org = org
        self._looked_up: dict[Lookup, str] = {}

    def resolve(self, call: Call) -> Call:
        """The same call with every Ref and Lookup replaced by an Id.

        Each lookup is read from the org once. Raises UnmetError or OrgError.
        """
        changes: dict[str, Any] = {}
        for name in call.__match_args__:
            value = getattr(call, name)
            if isinstance(value, _REFERENCES):
                changes[name] = self._id(value)
            elif isinstance(value, Mapping):
                named = {k: v for k, v in value.items() if isinstance(v, _REFERENCES)}
                if named:
                    changes[name] = {**value, **{k: self._id(v) for k, v in named.items()}}
        return replace(call, **changes) if changes else call

    def _id(self, value: Ref | Lookup) -> str:
        if isinstance(value, Ref):
            if value.to not in self.ids:
                raise UnmetError(f"the Id of {value.to} is not known")
            return self.ids[value.to]
        if value not in self._looked_up:
            self._looked_up[value] = self._read(value)
        return self._looked_up[value]

    def _read(self, lookup: Lookup) -> str:
        ids = self._org.find(lookup)
        if len(ids) != 1:
            raise UnmetError(f"the org has {len(ids) or 'no'} {lookup}")
        return ids[0]
