"""The Ids that a run knows: put in the place of references just before a call is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from provisioner.model.operations import Call
from provisioner.model.resource import Address, Lookup, Ref
from provisioner.org.client import Org

_STANDS_FOR_AN_ID = (Ref, Lookup)


class UnmetError(Exception):
    """A reference of a call stands for nothing, or for several records."""


class IdResolver:
    """Ids by address: of what the org had, and of what was made since."""

    def __init__(self, ids: Mapping[Address, str], org: Org) -> None:
        self.ids = dict(ids)
        self._org = org
        self._found: dict[Lookup, str] = {}

    def resolve(self, call: Call) -> Call:
        """The same call with every Ref and Lookup replaced by the Id it stands for.

        A lookup is asked of the org once. Raises UnmetError, or OrgError.
        """
        changes: dict[str, Any] = {}
        for name in call.__match_args__:
            value = getattr(call, name)
            if isinstance(value, _STANDS_FOR_AN_ID):
                changes[name] = self._id(value)
            elif isinstance(value, Mapping):
                named = {k: v for k, v in value.items() if isinstance(v, _STANDS_FOR_AN_ID)}
                if named:
                    changes[name] = {**value, **{k: self._id(v) for k, v in named.items()}}
        return replace(call, **changes) if changes else call

    def _id(self, value: Ref | Lookup) -> str:
        if isinstance(value, Ref):
            if value.to not in self.ids:
                raise UnmetError(f"the Id of {value.to} is not known")
            return self.ids[value.to]
        if value not in self._found:
            self._found[value] = self._find(value)
        return self._found[value]

    def _find(self, lookup: Lookup) -> str:
        found = self._org.find(lookup)
        if len(found) != 1:
            raise UnmetError(f"the org has {len(found) or 'no'} {lookup}")
        return found[0]
