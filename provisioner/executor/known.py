"""The Ids that a run knows: put in the place of references just before a call is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from provisioner.call import Call
from provisioner.org.client import Org
from provisioner.resource import Address, Lookup, Ref, Value


class UnmetError(Exception):
    """A reference of a call stands for nothing, or for several records."""


class Known:
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
        for f in fields(call):
            value = getattr(call, f.name)
            if isinstance(value, Mapping):
                if any(isinstance(v, Ref | Lookup) for v in value.values()):
                    changes[f.name] = {k: self._id(v) for k, v in value.items()}
            elif isinstance(value, Ref | Lookup):
                changes[f.name] = self._id(value)
        return replace(call, **changes) if changes else call

    def _id(self, value: Value) -> Value:
        match value:
            case Ref(to):
                if to not in self.ids:
                    raise UnmetError(f"the Id of {to} is not known")
                return self.ids[to]
            case Lookup():
                if value not in self._found:
                    self._found[value] = self._find(value)
                return self._found[value]
            case _:
                return value

    def _find(self, lookup: Lookup) -> str:
        found = self._org.find(lookup)
        if len(found) != 1:
            raise UnmetError(f"the org has {len(found) or 'no'} {lookup}")
        return found[0]
