"""Faults on demand: which requests are refused, dropped or slowed down, and how often.

A fault names a kind and the requests it is for; it is armed until it was used up or is cleared:

| kind | what happens to the request |
| --- | --- |
| `refuse` | not done; answered with `status`, `code` and `message` in the form of its surface |
| `unavailable` | not done; answered with status 503 and an HTML page |
| `drop` | not done; the connection is cut with no answer |
| `commit-then-drop` | done and committed; then the connection is cut with no answer |
| `cut-answer` | done and committed; the connection is cut in the middle of the answer's body |
| `slow` | done, but `milliseconds` later; other faults may strike the same request |
| `lock-row` | the records it writes get UNABLE_TO_LOCK_ROW, each by itself |
| `refuse-row` | the records it writes get `code` and `message`, each by itself |
| `expire-session` | its session is ended first, so that it is answered as an expired one is |
| `out-of-calls` | not done; refused with REQUEST_LIMIT_EXCEEDED |

`method`, `path` and `query` are regular expressions: `method` for the whole method in any case,
`path` and `query` for any part of what stands before and behind the `?`. The first `skip` requests
that match are let through; then the fault fires for `times` of them (every one, if not given), each
with `probability`, drawn from `seed`. Of several faults the one armed first fires.

The two kinds for rows count only requests that write a record (of the object `sobject`, if given).
Of those records the first `skip_rows` are let through, then `rows` of them (all, if not given) are
struck, each with `row_probability`. The rows of a Bulk job are written by the request that
uploaded them: `PUT .../jobs/ingest/<id>/batches`, `POST .../job/<id>/batch`. Where no record is
written one by one (SOAP metadata, setup pages, logins), `lock-row` refuses the whole request.
"""

from __future__ import annotations

import random
import re
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KINDS: Final = (
    "refuse", "unavailable", "drop", "commit-then-drop", "cut-answer", "slow", "lock-row",
    "refuse-row", "expire-session", "out-of-calls",
)  # fmt: skip
_OF_ROWS: Final = frozenset({"lock-row", "refuse-row"})
# The surfaces on which records are written one by one, each with a result of its own, and the
# `userinfo` of OAuth, which writes nothing, so that no lock is in its way.
_WITH_ROWS: Final = re.compile(
    r"/services/(data/(?!v[\d.]+/metadata/)|Soap/u/|async/|oauth2/userinfo)"
)


class Dropped(Exception):  # noqa: N818 - what happened to the connection
    """The connection is to be cut without an answer; whoever serves the app does it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, as the module says; `times` and `rows` of None are without end."""

    kind: str
    method: str = ".*"
    path: str = ""
    query: str = ""
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    status: int = 400
    code: str = "UNKNOWN_EXCEPTION"
    message: str = "An unexpected error occurred."
    milliseconds: float = 1000.0
    sobject: str = ""
    rows: int | None = None
    skip_rows: int = 0
    row_probability: float = 1.0

    def refusal(self) -> SalesforceError:
        """What a `refuse`, `out-of-calls` or whole-request `lock-row` fault answers."""
        match self.kind:
            case "out-of-calls":  # fact 708
                return SalesforceError(
                    "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403
                )
            case "lock-row":
                return _locked(None)
            case _:
                return SalesforceError(self.code, self.message, status=self.status)

    def row_refusal(self, id_: str | None) -> SalesforceError:
        """What a record gets that a `lock-row` or `refuse-row` fault strikes."""
        if self.kind == "lock-row":
            return _locked(id_)
        return SalesforceError(self.code, self.message, (), status=self.status)


@dataclass(slots=True)
class Armed:
    """A fault that waits for requests; `matched` and `fired` count them."""

    id: int
    fault: Fault
    matched: int = 0
    fired: int = 0
    _random: random.Random = field(default_factory=random.Random)

    def matches(self, method: str, path: str, query: str) -> bool:
        """Whether the fault is for such a request; counts nothing."""
        fault = self.fault
        if fault.times is not None and self.fired >= fault.times:
            return False
        return bool(
            re.fullmatch(fault.method, method, re.IGNORECASE)
            and re.search(fault.path, path)
            and re.search(fault.query, query)
        )

    def fires(self) -> bool:
        """Counts a request that matches; whether the fault fires for it."""
        fault = self.fault
        self.matched += 1
        if self.matched <= fault.skip or self._random.random() >= fault.probability:
            return False
        self.fired += 1
        return True

    def draws(self) -> bool:
        """Whether the next record of a request is struck, where chance decides."""
        chance = self.fault.row_probability
        return chance >= 1 or self._random.random() < chance


class Faults:
    """The armed faults of one server, safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Armed] = []
        self._jobs: dict[tuple[str, str], _Watch] = {}
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
            self._jobs.clear()

    def strike(self, method: str, path: str, query: str = "") -> tuple[Fault | None, float]:
        """The fault that fires for a request, or None, and how many seconds it takes longer.

        Counts the request. Faults of rows wait until a record is written: `middleware`.
        """
        seconds = 0.0
        with self._lock:
            for one in self._armed:
                kind = one.fault.kind
                if kind == "refuse-row" or (kind == "lock-row" and _WITH_ROWS.match(path)):
                    continue
                if one.matches(method, path, query) and one.fires():
                    if kind != "slow":
                        return one.fault, seconds
                    seconds += one.fault.milliseconds / 1000
        return None, seconds

    def watch(self, method: str, path: str, query: str = "") -> _Watch | None:
        """What strikes the records that a request writes; None when no fault of rows is armed."""
        with self._lock:
            found = [one for one in self._armed if one.fault.kind in _OF_ROWS]
        return _Watch(self, found, (method, path, query)) if found else None

    def job(self, method: str, path: str) -> _Watch | None:
        """As `watch`, the same one each time, for a job whose rows are written by and by."""
        if (method, path) not in self._jobs:
            made = self.watch(method, path)
            if made is None:
                return None
            self._jobs[method, path] = made
        return self._jobs[method, path]


class _Watch:
    """The faults of rows that may strike what one request writes, and how far they are."""

    def __init__(self, faults: Faults, armed: list[Armed], request: tuple[str, str, str]) -> None:
        self.faults = faults
        self._request = request
        self._waiting = armed
        self._firing: list[tuple[Armed, list[int]]] = []  # with the numbers let through and struck
        self._lock = threading.Lock()

    def check(self, sobject: str, id_: str | None) -> None:
        """Raises the refusal of a record that is struck."""
        with self._lock:
            for one in list(self._waiting):
                if self._is_for(one, sobject):
                    self._waiting.remove(one)
                    if one.matches(*self._request) and one.fires():
                        self._firing.append((one, [0, 0]))
            for one, counts in self._firing:
                fault = one.fault
                if not self._is_for(one, sobject):
                    continue
                if counts[0] < fault.skip_rows:
                    counts[0] += 1
                elif (fault.rows is None or counts[1] < fault.rows) and one.draws():
                    counts[1] += 1
                    raise fault.row_refusal(id_)

    @staticmethod
    def _is_for(one: Armed, sobject: str) -> bool:
        return one.fault.sobject.lower() in {"", sobject.lower()}


def parse(body: Any) -> Fault:
    """The fault that JSON data describes; raises ValueError that says what is wrong with it."""
    if not isinstance(body, dict):
        raise ValueError("a fault is an object")
    types: Mapping[str, Any] = {
        "times": int, "skip": int, "seed": int, "status": int, "rows": int, "skip_rows": int,
        "probability": int | float, "row_probability": int | float, "milliseconds": int | float,
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
    _check(fault)
    return fault


def _check(fault: Fault) -> None:
    for pattern in (fault.method, fault.path, fault.query):
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"`{pattern}` is no regular expression: {error}") from None
    if not 0 <= fault.probability <= 1 or not 0 <= fault.row_probability <= 1:
        raise ValueError("`probability` and `row_probability` are 0 to 1")
    if not 200 <= fault.status <= 599:
        raise ValueError("`status` is 200 to 599")
    if min(fault.milliseconds, fault.skip, fault.skip_rows, fault.times or 0, fault.rows or 0) < 0:
        raise ValueError("no number of a fault is below 0")


# -- rows --------------------------------------------------------------------------------------

_WATCH: ContextVar[_Watch | Faults | None] = ContextVar("watch", default=None)


@contextmanager
def watched(faults: Faults, method: str, path: str, query: str) -> Iterator[None]:
    """Inside the block the records that the request writes are struck by faults of rows."""
    # Without one for this request, the faults are still there for the jobs it lets run.
    token = _WATCH.set(faults.watch(method, path, query) or faults)
    try:
        yield
    finally:
        _WATCH.reset(token)


@contextmanager
def aside(faults: Faults | None) -> Iterator[None]:
    """Inside the block, which answers no request, jobs are run under those faults."""
    token = _WATCH.set(faults)
    try:
        yield
    finally:
        _WATCH.reset(token)


@contextmanager
def on_behalf(method: str, path: str) -> Iterator[None]:
    """Inside the block records are written by the request that uploaded them, an earlier one."""
    held = _WATCH.get()
    faults = held.faults if isinstance(held, _Watch) else held
    token = _WATCH.set(None if faults is None else faults.job(method, path) or faults)
    try:
        yield
    finally:
        _WATCH.reset(token)


def check_row(sobject: str, id_: str | None = None) -> None:
    """Raises the refusal of a record that is to be written, if a fault strikes it.

    `id_` is that of the record, or of one that is locked when it is written (a new one has none).
    """
    watch = _WATCH.get()
    if isinstance(watch, _Watch):
        watch.check(sobject, id_)


def _locked(id_: str | None) -> SalesforceError:
    # fact 717; without the ids where none is known yet: guess
    which = f" or 1 records: {id_}" if id_ else ""
    return SalesforceError(
        "UNABLE_TO_LOCK_ROW", f"unable to obtain exclusive access to this record{which}", ()
    )
