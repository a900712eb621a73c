"""How many API requests run for long at once, of which Salesforce takes only so many."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.settings import editions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from provisioner.emulator.store.org import Org

# Requests of 20 seconds or more count (platform reference 8.4 [V]), by the org's clock, so that
# nobody need wait.
_LONG: Final = timedelta(seconds=20)
_API: Final = re.compile(r"/services/(data/v|async/|Soap/)")
_KEY: Final = "local org.running"


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


def check(org: Org, environ: WSGIEnvironment) -> None:
    """Raises REQUEST_LIMIT_EXCEEDED when as many as may be run for long beside this request."""
    running: dict[int, datetime] = environ.get(_KEY, {})
    if len(running) <= editions.FEWEST_LONG:
        return
    most, since = editions.long_calls(org), org.now() - _LONG
    if sum(begun <= since for begun in list(running.values())) >= most:
        # platform reference 2.4 [V]
        raise SalesforceError(
            "REQUEST_LIMIT_EXCEEDED",
            "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
            status=403,
        )
