"""Faults on demand: which requests are refused, dropped or slowed down, and how often.

A fault names a kind and the requests it is for; it is armed until it was used up or is cleared:

| kind | what happens to the request |
| --- | --- |
| `refuse` | not done; answered with `status`, `code` and `message` in the form of its surface |
| `unavailable` | not done; answered with status 503 and an HTML page |
| `drop` | not done; the connection is cut with no answer |
| `commit-then-drop` | done and committed; then the connection is cut with no answer |
| `lock-row` | the first `rows` records it writes (all, if not given) get UNABLE_TO_LOCK_ROW |
| `expire-session` | its session is ended first, so that it is answered as an expired one is |
| `out-of-calls` | not done; refused with REQUEST_LIMIT_EXCEEDED |

`method` and `path` are regular expressions: `method` for the whole method in any case, `path` for
any part of the path. The first `skip` requests that match are let through; then the fault fires
for `times` of them (every one, if not given), each with `probability`, drawn from `seed`. Of
several faults the one armed first fires.
"""

from __future__ import annotations

import random
import re
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KINDS: Final = (
    "refuse", "unavailable", "drop", "commit-then-drop", "lock-row", "expire-session",
    "out-of-calls",
)  # fmt: skip


class Dropped(Exception):  # noqa: N818 - what happened to the connection
    """The connection is to be cut without an answer; whoever serves the app does it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, as the module says; `times` and `rows` of None are without end."""

    kind: str
    method: str = ".*"
    path: str = ""
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    status: int = 400
    code: str = "UNKNOWN_EXCEPTION"
    message: str = "An unexpected error occurred."
    rows: int | None = None

    def refusal(self) -> SalesforceError:
        """What a `refuse`, `out-of-calls` or whole-request `lock-row` fault answers."""
        match self.kind:
            case "out-of-calls":  # platform reference 2.4 [V]
                return SalesforceError(
                    "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403
                )
            case "lock-row":
                return _locked(None)
            case _:
                return SalesforceError(self.code, self.message, status=self.status)


@dataclass(slots=True)
class Armed:
    """A fault that waits for requests; `matched` and `fired` count them."""

    id: int
    fault: Fault
    matched: int = 0
    fired: int = 0
    _random: random.Random = field(default_factory=random.Random)

    def meets(self, method: str, path: str) -> bool:
        """Counts the request if it matches; whether the fault fires for it."""
        fault = self.fault
        if fault.times is not None and self.fired >= fault.times:
            return False
        if not re.fullmatch(fault.method, method, re.IGNORECASE) or not re.search(fault.path, path):
            return False
        self.matched += 1
        if self.matched <= fault.skip or self._random.random() >= fault.probability:
            return False
        self.fired += 1
        return True


class Faults:
    """The armed faults of one server, safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Armed] = []
        self._last = 0

    def arm(self, fault: Fault) -> Armed:
        """Adds a fault behind the others."""
        with self._lock:
            self._last += 1
            # A seed must give the same faults each time; nothing secret depends on it.
            armed = Armed(self._last, fault, _random=random.Random(fault.seed))  # noqa: S311
            self._armed.append(armed)
            return armed

    def all(self) -> list[Armed]:
        """The armed faults, the first armed first."""
        with self._lock:
            return list(self._armed)

    def clear(self, id_: int | None = None) -> None:
        """Disarms one fault, or all."""
        with self._lock:
            self._armed = [one for one in self._armed if id_ not in {None, one.id}]

    def strike(self, method: str, path: str) -> Fault | None:
        """The fault that fires for a request, or None; counts the request."""
        with self._lock:
            return next((one.fault for one in self._armed if one.meets(method, path)), None)


def parse(body: Any) -> Fault:
    """The fault that JSON data describes; raises ValueError that says what is wrong with it."""
    if not isinstance(body, dict):
        raise ValueError("a fault is an object")
    types: Mapping[str, Any] = {
        "times": int, "skip": int, "seed": int, "status": int, "rows": int,
        "probability": int | float,
    }  # fmt: skip
    known = [one.name for one in fields(Fault)]
    for name, value in body.items():
        if name not in known:
            raise ValueError(f"a fault has no `{name}`; it has {', '.join(known)}")
        if isinstance(value, bool) or not isinstance(value, types.get(name, str)):
            raise ValueError(f"`{name}` can not be {value!r}")
    if body.get("kind") not in KINDS:
        raise ValueError(f"`kind` is one of {', '.join(KINDS)}")
    fault = Fault(**body)
    for pattern in (fault.method, fault.path):
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"`{pattern}` is no regular expression: {error}") from None
    if not 0 <= fault.probability <= 1 or not 200 <= fault.status <= 599:
        raise ValueError("`probability` is 0 to 1, `status` is 200 to 599")
    return fault


# -- locked rows -------------------------------------------------------------------------------

_LOCKS: ContextVar[list[float] | None] = ContextVar("locks", default=None)


@contextmanager
def locked_rows(count: int | None) -> Iterator[None]:
    """Inside the block the next `count` records written are refused, or all of them."""
    token = _LOCKS.set([float("inf") if count is None else count])
    try:
        yield
    finally:
        _LOCKS.reset(token)


def check_lock(id_: str | None = None) -> None:
    """Raises UNABLE_TO_LOCK_ROW for a record that is to be written while rows are locked."""
    left = _LOCKS.get()
    if left is not None and left[0] > 0:
        left[0] -= 1
        raise _locked(id_)


def _locked(id_: str | None) -> SalesforceError:
    # platform reference 2.4 [V]; without the ids where none is known yet: guess
    which = f" or 1 records: {id_}" if id_ else ""
    return SalesforceError(
        "UNABLE_TO_LOCK_ROW", f"unable to obtain exclusive access to this record{which}", ()
    )
