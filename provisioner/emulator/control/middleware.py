"""Every request to a controlled local org: its latency, the fault that strikes it, the log."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from werkzeug.datastructures import EnvironHeaders
from werkzeug.http import parse_cookie

from provisioner.emulator.base import faults
from provisioner.emulator.http import context, refusals

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from flask import Flask

    from provisioner.emulator.store.org import Org

_LONGEST_LOG: Final = 100_000
_SESSION_ELEMENT: Final = re.compile(rb"<(?:\w+:)?sessionId>\s*([^<\s]+)")


@dataclass(frozen=True, slots=True)
class Logged:
    """One request; `query` is what follows `?`, `status` is 0 when it got no answer."""

    seq: int
    method: str
    path: str
    query: str
    status: int
    milliseconds: float


class State:
    """What one server remembers for its door."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.faults = faults.Faults()
        self.latency: dict[str, float] = {}
        self.snapshots: dict[str, tuple[str, sqlite3.Connection]] = {}
        self.log: list[Logged] = []
        self._seq = 0
        self._lock = threading.Lock()

    def note(self, method: str, path: str, query: str, status: int, seconds: float) -> None:
        """Adds a request to the log, which forgets its oldest tenth when it is full."""
        with self._lock:
            self._seq += 1
            taken = round(seconds * 1000, 3)
            self.log.append(Logged(self._seq, method, path, query, status, taken))
            if len(self.log) > _LONGEST_LOG:
                del self.log[: _LONGEST_LOG // 10]

    def clear_log(self) -> None:
        """Empties the log and counts from 1 again."""
        with self._lock:
            self.log.clear()
            self._seq = 0

    def delay(self, path: str) -> float:
        """How many seconds longer a call takes."""
        latency = self.latency
        return latency.get(refusals.surface(path), latency.get("all", 0)) / 1000


class Watched:
    """The app behind its latencies, faults and log."""

    def __init__(self, app: Flask, known: State, inner: WSGIApplication) -> None:
        self._app = app
        self._state = known
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith("/emulator/"):
            return self._inner(environ, start)
        status = 0

        def started(line: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            nonlocal status
            status = int(line.partition(" ")[0])
            return start(line, headers, *more)

        method = environ["REQUEST_METHOD"]
        begun = time.perf_counter()
        try:
            query = environ.get("QUERY_STRING", "")
            fault, longer = self._state.faults.strike(method, path, query)
            delay = self._state.delay(path) + longer
            if delay:
                # what happens meanwhile is seen, and nobody waits for this request's connection
                self._app.extensions[context.EXTENSION].refresh()
                time.sleep(delay)
            with faults.watched(self._state.faults, method, path, query):
                return self._inner(environ, started) if fault is None else self._struck(
                    fault, environ, started
                )  # fmt: skip
        except faults.Dropped:
            status = 0
            raise
        finally:
            query = environ.get("QUERY_STRING", "")
            self._state.note(method, path, query, status, time.perf_counter() - begun)

    def _struck(
        self, fault: faults.Fault, environ: WSGIEnvironment, start: StartResponse
    ) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        match fault.kind:
            case "drop":
                raise faults.Dropped
            case "commit-then-drop":
                _swallow(self._inner(environ, lambda *_: lambda _data: None))
                raise faults.Dropped
            case "cut-answer":
                return _cut(self._inner(environ, start))
            case "unavailable":
                # An HTML page: fact 722 ("down for maintenance") [V]; its text: guess
                return refusals.page(503, "We are down for maintenance.")(environ, start)
            case "expire-session":
                _expire(self._app.extensions[context.EXTENSION], environ)
                return self._inner(environ, start)
            case _:
                return refusals.refusal(path, fault.refusal())(environ, start)


def _swallow(answer: Iterable[bytes]) -> None:
    for _ in answer:
        pass
    if hasattr(answer, "close"):
        answer.close()


def _cut(answer: Iterable[bytes]) -> Iterator[bytes]:
    """The first half of an answer, of one without a body nothing at all."""
    try:
        body = b"".join(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()
    if body:
        yield body[: len(body) // 2]
    raise faults.Dropped


def _expire(org: Org, environ: WSGIEnvironment) -> None:
    """Ends the session that a request carries, wherever its surface has it."""
    headers = EnvironHeaders(environ)
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    found = _SESSION_ELEMENT.search(body)
    for token in (
        headers.get("Authorization", "").partition(" ")[2].strip(),
        headers.get("X-SFDC-Session", ""),
        parse_cookie(headers.get("Cookie", "")).get("sid", ""),
        found[1].decode("latin-1") if found else "",
    ):
        if token:
            org.end_sessions(token=token)
