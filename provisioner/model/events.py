"""What happens during a command, as data: for logs, traces and reports. Pure.

An event contains names, Ids, times and outcomes; no field values, no bodies of requests or
responses, no secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class CommandStarted:
    event: ClassVar[str] = "command_started"
    command: str
    version: str


@dataclass(frozen=True, slots=True)
class CommandEnded:
    event: ClassVar[str] = "command_ended"
    command: str
    status: int
    seconds: float


@dataclass(frozen=True, slots=True)
class OrgOpened:
    """Logged in to an org, for a spec and an environment."""

    event: ClassVar[str] = "org_opened"
    spec: str
    environment: str
    url: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message for people; `level` is `info`, `warning` or `error`."""

    event: ClassVar[str] = "message"
    level: str
    text: str
    help: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class CallEnded:
    """One HTTP request, and its status or error.

    The path has no query, because a query may contain names of people.
    """

    event: ClassVar[str] = "call_ended"
    method: str
    path: str
    seconds: float
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RunStarted:
    """An apply begins to write."""

    event: ClassVar[str] = "run_started"
    run: str
    org: str
    url: str
    steps: int


@dataclass(frozen=True, slots=True)
class StepBegun:
    """The first request of a step is about to be sent."""

    event: ClassVar[str] = "step_begun"
    step: str
    call: str


@dataclass(frozen=True, slots=True)
class StepEnded:
    """The end of a step; `number` is its number in the plan, which has `total` steps."""

    event: ClassVar[str] = "step_ended"
    step: str
    action: str
    outcome: str
    number: int
    total: int
    id: str | None = None
    code: str | None = None
    reason: str | None = None
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The run is still working: `done` of its `total` steps have ended."""

    event: ClassVar[str] = "heartbeat"
    done: int
    total: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RunEnded:
    """`outcomes` counts the steps by how they ended."""

    event: ClassVar[str] = "run_ended"
    run: str
    seconds: float
    api_calls: int
    outcomes: Mapping[str, int] = field(default_factory=dict)


Event = (
    CommandStarted
    | CommandEnded
    | OrgOpened
    | Message
    | CallEnded
    | RunStarted
    | StepBegun
    | StepEnded
    | Heartbeat
    | RunEnded
)
Listener = Callable[[Event], None]


def as_json(event: Event) -> dict[str, object]:
    """The event as JSON values: its name, then its fields without nulls."""
    values = {f.name: getattr(event, f.name) for f in fields(event)}
    shown = {name: _plain(value) for name, value in values.items() if value is not None}
    return {"event": event.event, **shown}


def _plain(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    return dict(value) if isinstance(value, Mapping) else value
