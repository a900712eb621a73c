"""The way to one org: requests counted, reads repeated, ended sessions renewed, limits noted."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

import requests

from provisioner.model.events import CallEnded
from provisioner.model.resource import Secret
from provisioner.org import sessions as http
from provisioner.org.error_mapping import translated, understood
from provisioner.org.errors import AuthenticationFailed, OrgError
from provisioner.org.timing import timing_for

_RETRIES = 3
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
_LONGEST_RETRY_AFTER = 60.0
# `api-usage=18/5000`, perhaps with the app's own after it. (fact 727)
_USAGE = re.compile(r"\bapi-usage=(\d{1,12})/(\d{1,12})\b")

T = TypeVar("T")
Send = Callable[[], requests.Response]
Parse = Callable[[requests.Response], T]


@dataclass(frozen=True, slots=True)
class Usage:
    """API calls of the last 24 hours, of all that use the org, and how many it may have."""

    used: int
    total: int

    @property
    def left(self) -> int:
        return max(self.total - self.used, 0)


class Wire:
    """The way to one org: sends requests, counts them, and repeats reads that may work yet.

    A request is two functions: `send` sends it and returns the response, `parse` returns what the
    body says. Whatever `parse` raises is an answer that is not understood, so it must depend on the
    response only.

    `api_calls` are those that Salesforce counts; `requests_sent` is every request, a login
    and a setup page too. `usage` is what the org last said of its daily limit. `observe` is
    told of every request. A session that
    has ended is renewed where `renew` gives a new token for it.
    """

    def __init__(
        self,
        instance_url: str,
        session: requests.Session | None = None,
        *,
        sleep: Callable[[float], object] = time.sleep,
        token: Secret | None = None,
        renew: Callable[[], Secret] | None = None,
    ) -> None:
        self.instance_url = instance_url.rstrip("/")
        self.host = urlsplit(self.instance_url).netloc
        self.session = http.session_for(self.instance_url, session)
        self._timing = timing_for(self.instance_url)
        self.session.hooks["response"].append(self._note)
        self.api_calls = 0
        self.requests_sent = 0
        self.usage: Usage | None = None
        self.observe: Callable[[CallEnded], None] = lambda _: None
        self._ahead = timedelta()
        self._token = token
        self._renew = renew
        self.sleep = sleep
        self._lock = threading.Lock()
        self._renewing = threading.Lock()
        self._last = threading.local()

    @property
    def token(self) -> Secret:
        """The session that requests are to be sent with now."""
        assert self._token is not None, "an org is talked to in a session"
        return self._token

    def write(
        self,
        send: Send,
        parse: Parse[T],
        *,
        counted: bool = True,
        largest: int = http.LARGEST,
        redirects: bool = False,
    ) -> T:
        """What `parse` returns for the response to `send`, which is sent once.

        Raises OrgError and nothing else: NoAnswer for a response that is not understood, that is
        larger than `largest` bytes, or that is a redirect, unless `redirects` says that `parse`
        reads those. Where the session was refused, which did nothing, it is sent again in a new
        one; `send` must take `token` anew each time.
        """

        def once() -> T:
            return self._send(send, parse, counted=counted, largest=largest, redirects=redirects)

        return self.in_session(once)

    def in_session(self, action: Callable[[], T]) -> T:
        """What `action` returns; it is done over when the session has ended and is renewed."""
        token = self._token
        try:
            return action()
        except AuthenticationFailed as error:
            if not self._renewed(error, token):
                raise
        return action()

    def _renewed(self, error: AuthenticationFailed, token: Secret | None) -> bool:
        # A policy that keeps the session from the API refuses the next one too: that would
        # never end. (fact 704)
        if error.code != "INVALID_SESSION_ID" or "not valid for use" in error.message:
            return False
        with self._renewing:
            if self._token is not token:
                return True  # another thread was quicker
            if self._renew is None:
                return False
            self._token = self._renew()
            return True

    def _send(
        self, send: Send, parse: Parse[T], *, counted: bool, largest: int, redirects: bool
    ) -> T:
        with self._lock:
            self.requests_sent += 1
            self.api_calls += counted
        self._last.retry_after = None
        try:
            with translated(self.host, self._timing):
                reply = send()
                http.read_body(reply, largest)
            if http.target(reply) and not redirects:
                raise http.redirected(reply)
            with self.understanding(_request(reply)):
                return parse(reply)
        except OrgError as error:
            error.retry_after = self._last.retry_after
            self._lost(error)
            raise

    def understanding(self, request: str) -> AbstractContextManager[None]:
        """For what is done with an answer after `parse`: raises NoAnswer as `parse` does."""
        return understood(self.host, request)

    def _lost(self, error: OrgError) -> None:
        """Tell of a request that no answer came to."""
        cause = error.__cause__
        if not isinstance(cause, requests.RequestException) or cause.response is not None:
            return
        if cause.request is not None:
            path = urlsplit(str(cause.request.url)).path
            name = type(error).__name__
            self.observe(CallEnded(str(cause.request.method), path, 0.0, error=name))

    def _note(self, reply: requests.Response, *_: object, **__: object) -> None:
        """What the headers of an answer say of limits."""
        method, path = str(reply.request.method), urlsplit(str(reply.request.url)).path
        self.observe(CallEnded(method, path, reply.elapsed.total_seconds(), reply.status_code))
        usage = _USAGE.search(reply.headers.get("Sforce-Limit-Info", ""))
        if usage:
            self.usage = Usage(int(usage[1]), int(usage[2]))
        self._last.retry_after = _seconds(reply.headers.get("Retry-After"))
        try:
            server = parsedate_to_datetime(reply.headers["Date"])
            self._ahead = server.astimezone(UTC) - datetime.now(UTC)
        except (ArithmeticError, LookupError, ValueError, TypeError):
            return

    @property
    def now(self) -> datetime:
        """The time by the org's clock, as its last answer told it."""
        return datetime.now(UTC) + self._ahead

    def read(
        self, send: Send, parse: Parse[T], *, counted: bool = True, largest: int = http.LARGEST
    ) -> T:
        """As `write`, but tried again, later and later, while the failure is a passing one."""
        for attempt in range(_RETRIES):
            try:
                return self.write(send, parse, counted=counted, largest=largest)
            except OrgError as error:
                if not error.transient:
                    raise
                self.sleep(pause(attempt, error.retry_after))
        return self.write(send, parse, counted=counted, largest=largest)


def pause(attempt: int, retry_after: float | None = None) -> float:
    """Seconds to wait before the next try, the first being 0: twice as long each time.

    What the server asked for counts, within reason. Jitter keeps parallel runs from coming
    back all at once.
    """
    if retry_after is not None:
        return min(retry_after, _LONGEST_RETRY_AFTER)
    longest: float = min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT)
    return longest * random.uniform(0.5, 1)  # noqa: S311 - no secret depends on it


def _seconds(retry_after: str | None) -> float | None:
    """The seconds of a `Retry-After` header, which is a number or a date (RFC 9110, 10.2.3)."""
    if not retry_after:
        return None
    try:
        if retry_after.strip().isdecimal():
            return float(retry_after)
        then = parsedate_to_datetime(retry_after)
        return max((then - datetime.now(UTC)).total_seconds(), 0.0)
    except (ArithmeticError, LookupError, ValueError, TypeError):
        return None


def _request(reply: requests.Response) -> str:
    """What was asked, without its query: `GET /services/data/v62.0/limits`."""
    return f"{reply.request.method} {urlsplit(str(reply.request.url)).path}"
