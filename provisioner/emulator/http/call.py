"""A REST call and its answer, apart from HTTP, so that composite calls can make them too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from provisioner.emulator.base import json_input
from provisioner.emulator.base.errors import SalesforceError, method_not_allowed, not_found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store.org import Org
    from provisioner.emulator.store.state import Session

_MISSING_BODY = "The HTTP entity body is required, but this request has no entity body."


@dataclass(frozen=True, slots=True)
class Call:
    """One call below `/services/data/vXX.0/`; `instance` is the URL it came to, without a path."""

    org: Org
    session: Session
    version: int
    method: str
    parts: tuple[str, ...]
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    instance: str = ""
    together: bool = False  # part of a composite call that is all or none

    @property
    def base(self) -> str:
        """What the paths of this version begin with."""
        return f"/services/data/v{self.version}.0"

    @property
    def by(self) -> str:
        """The user who calls."""
        return self.session.user_id

    def json(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        if not self.text.strip():
            # as public tests against real orgs expect it, Salesforce's documentation has it [V]
            raise SalesforceError("JSON_PARSER_ERROR", _MISSING_BODY)
        return json_input.read(self.text)

    def allow(self, *methods: str) -> None:
        """Raises METHOD_NOT_ALLOWED (405) for any other method."""
        if self.method not in methods:
            raise method_not_allowed(self.method, methods)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered with; `body` is JSON data, bytes as they are, None for no body."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def unknown_key(name: str) -> SalesforceError:
    """A field that cannot identify a record (fact 742)."""
    error = not_found()
    error.message = f"Provided external ID field does not exist or is not accessible: {name}"
    return error
