"""What wraps the whole app: the count of requests that run for long, and status lines."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.settings import editions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from provisioner.emulator.store.org import Org

# Requests of 20 seconds or more count (fact 725), by the org's clock, so that
# nobody need wait.
_LONG: Final = timedelta(seconds=20)
_API: Final = re.compile(r"/services/(data/v|async/|Soap/)")
_KEY: Final = "local org.running"


class Snapshot:
    """The app with each request in one snapshot of the org, but for the interface for tests."""

    def __init__(self, org: Org, inner: WSGIApplication) -> None:
        self._org = org
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith("/emulator/"):
            return self._inner(environ, start)
        with self._org.snapshot():
            return self._inner(environ, start)


class Counted:
    """The app with its API requests counted while they run, their delays among them."""

    def __init__(self, org: Org, inner: WSGIApplication) -> None:
        self._org = org
        self._inner = inner
        self._running: dict[int, datetime] = {}

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if not _API.match(environ.get("PATH_INFO", "")):
            return self._inner(environ, start)
        environ[_KEY] = self._running
        self._running[id(environ)] = self._org.now()
        try:
            return self._inner(environ, start)
        finally:
            del self._running[id(environ)]


def is_crowded(org: Org, environ: WSGIEnvironment) -> bool:
    """Whether as many requests as may run for long do so beside this request."""
    running: dict[int, datetime] = environ.get(_KEY, {})
    if len(running) <= editions.FEWEST_LONG:
        return False
    most, since = editions.long_calls(org), org.now() - _LONG
    return sum(begun <= since for begun in list(running.values())) >= most


# "Server Error": fact 720, as Jetty words it, whose pages real orgs send (fact
# 722); the others are Jetty's, too [I].
_LINES: Final = {str(one.value): f"{one.value} {one.phrase}" for one in HTTPStatus} | {
    "414": "414 URI Too Long",
    "500": "500 Server Error",
}


class Worded:
    """The app with those reasons in place of Flask's, which are in capitals."""

    def __init__(self, inner: WSGIApplication) -> None:
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        def started(line: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start(_LINES.get(line[:3], line), headers, *more)

        return self._inner(environ, started)
