"""Send requests to one org: count them, repeat reads, renew ended sessions, note limits."""

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
    """The API calls of the last 24 hours by all users of the org, and the limit."""

    used: int
    total: int

    @property
    def left(self) -> int:
        return max(self.total - self.used, 0)


class Transport:
    """Sends requests to one org, counts them, and repeats reads after transient failures.

    A request is two functions: `send` sends it and returns the response, `parse` reads the body.
    Every exception in `parse` means that the response is not understood, so it must depend only on
    the response.

    `api_calls` counts the requests that Salesforce counts, `requests_sent` all requests, with
    logins and setup pages. `usage` is the org's last report of its daily limit. `observe` is called
    for every request. A session that has ended is renewed if `renew` returns a token for a new one.
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
        """The token of the current session."""
        assert self._token is not None, "a session has a token"
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
        """The result of `parse` for the response to `send`, which is sent once.

        Raises only OrgError: NoAnswer for a response that is not understood, that is larger than
        `largest` bytes, or that is a redirect, unless `redirects` says that `parse` reads those. If
        the session is refused, nothing was done, and the request is sent again in a new session;
        `send` must read `token` each time.
        """

        def once() -> T:
            return self._send(send, parse, counted=counted, largest=largest, redirects=redirects)

        return self.in_session(once)

    def in_session(self, action: Callable[[], T]) -> T:
        """The result of `action`, which is repeated if the session has ended and was renewed."""
        token = self._token
        try:
            return action()
        except AuthenticationFailed as error:
            if not self._renewed(error, token):
                raise
        return action()

    def _renewed(self, error: AuthenticationFailed, token: Secret | None) -> bool:
        # A policy that does not allow sessions to use the API refuses the next one too: this would
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
        """For code that reads an answer later: exceptions become NoAnswer, as in `parse`."""
        return understood(self.host, request)

    def _lost(self, error: OrgError) -> None:
        """Report a request that got no response."""
        cause = error.__cause__
        if not isinstance(cause, requests.RequestException) or cause.response is not None:
            return
        if cause.request is not None:
            path = urlsplit(str(cause.request.url)).path
            name = type(error).__name__
            self.observe(CallEnded(str(cause.request.method), path, 0.0, error=name))

    def _note(self, reply: requests.Response, *_: object, **__: object) -> None:
        """Note the limits and the time in the headers of a response."""
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
        """The current time of the org's clock, computed from its last response."""
        return datetime.now(UTC) + self._ahead

    def read(
        self, send: Send, parse: Parse[T], *, counted: bool = True, largest: int = http.LARGEST
    ) -> T:
        """As `write`, but repeated after increasing pauses while the failure is transient."""
        for attempt in range(_RETRIES):
            try:
                return self.write(send, parse, counted=counted, largest=largest)
            except OrgError as error:
                if not error.transient:
                    raise
                self.sleep(pause(attempt, error.retry_after))
        return self.write(send, parse, counted=counted, largest=largest)


def pause(attempt: int, retry_after: float | None = None) -> float:
    """Seconds to wait before the next attempt: twice as long each time, with jitter.

    `attempt` is 0 after the first failure. A `retry_after` of the server is used, up to a limit.
    Jitter prevents parallel runs from repeating their requests at the same time.
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
    """The request without its query string: `GET /services/data/v62.0/limits`."""
    return f"{reply.request.method} {urlsplit(str(reply.request.url)).path}"
