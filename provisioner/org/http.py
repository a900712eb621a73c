"""Sessions to an org: time-outs, plain http only to this machine, failures in our words.

simple-salesforce writes `https://` into every URL, and requests waits for ever by default
(platform reference 8.5); both are mended here, in adapters, so that they hold for every
request of a session.
"""

from __future__ import annotations

import ipaddress
import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.structures import CaseInsensitiveDict
from simple_salesforce.exceptions import SalesforceError
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from provisioner.events import CallEnded
from provisioner.org.errors import (
    AuthenticationFailed,
    NoAnswer,
    NotSent,
    OrgError,
    Refused,
    Unreachable,
    refusal,
)
from provisioner.resource import Secret

CONNECT_SECONDS = 10.0
READ_SECONDS = 120.0
_RETRIES = 3
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
_LONGEST_RETRY_AFTER = 60.0
# `api-usage=18/5000`, perhaps with the app's own after it. (platform reference 8.4)
_USAGE = re.compile(r"\bapi-usage=(\d+)/(\d+)")

T = TypeVar("T")


def session_for(url: str, base: requests.Session | None = None) -> requests.Session:
    """A new session for the host of `url`, with the adapters and settings of `base`.

    It has its own cookies. Raises AuthenticationFailed when `url` is no web address, or is
    plain http to anything but this machine; an adapter that `base` has mounted for the host
    is trusted to know better.
    """
    parts = _checked(url)
    session = requests.Session()
    if base is not None:
        session.headers = CaseInsensitiveDict(base.headers)
        session.auth, session.verify, session.cert = base.auth, base.verify, base.cert
        session.proxies, session.trust_env = dict(base.proxies), base.trust_env
        session.hooks = {name: list(hooks) for name, hooks in base.hooks.items()}
        for prefix, adapter in base.adapters.items():
            session.mount(prefix, adapter)
    for scheme, ours in (("https://", _Patient), ("http://", _LoopbackOnly)):
        if type(session.adapters[scheme]) is HTTPAdapter:
            session.mount(scheme, ours())
    if parts.scheme == "http":
        adapter = session.get_adapter(url)
        if isinstance(adapter, _LoopbackOnly):
            adapter.check(url)
        if session.get_adapter(f"https://{parts.netloc}/") is session.adapters["https://"]:
            session.mount(f"https://{parts.netloc}/", _AsPlainHttp(adapter))
    return session


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
        self.session = session_for(self.instance_url, session)
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

    def write(self, send: Callable[[], T], *, counted: bool = True) -> T:
        """What `send` returns, sent once. Raises OrgError and nothing else of the network.

        Where the session was refused, which did nothing, it is sent again in a new one; `send`
        must take `token` anew each time.
        """
        return self.in_session(lambda: self._send(send, counted=counted))

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
        # never end. (platform reference 2.4)
        if error.code != "INVALID_SESSION_ID" or "not valid for use" in error.message:
            return False
        with self._renewing:
            if self._token is not token:
                return True  # another thread was quicker
            if self._renew is None:
                return False
            self._token = self._renew()
            return True

    def _send(self, send: Callable[[], T], *, counted: bool) -> T:
        with self._lock:
            self.requests_sent += 1
            self.api_calls += counted
        self._last.retry_after = None
        try:
            with translated(self.host):
                return send()
        except OrgError as error:
            error.retry_after = self._last.retry_after
            self._lost(error)
            raise

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
        except (KeyError, ValueError, TypeError):
            return

    @property
    def now(self) -> datetime:
        """The time by the org's clock, as its last answer told it."""
        return datetime.now(UTC) + self._ahead

    def read(self, send: Callable[[], T], *, counted: bool = True) -> T:
        """As `write`, but tried again, later and later, while the failure is a passing one."""
        for attempt in range(_RETRIES):
            try:
                return self.write(send, counted=counted)
            except OrgError as error:
                if not error.transient:
                    raise
                self.sleep(pause(attempt, error.retry_after))
        return self.write(send, counted=counted)


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
    except (ValueError, TypeError):
        return None


@contextmanager
def translated(host: str) -> Iterator[None]:
    """Raise what simple-salesforce and requests raise as an OrgError, `from` the original."""
    try:
        yield
    except SalesforceError as error:
        raise refused(error.status, error.content, host) from error
    except requests.JSONDecodeError as error:
        raise refused(200, error.doc, host) from error
    except requests.RequestException as error:
        raise _unreachable(error, host) from error


def refused(status: int, content: Any, host: str) -> OrgError:
    """The error for an answer that is none: Salesforce's JSON errors, or a web page."""
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, Sequence) or isinstance(content, (str, bytes)) or not content:
        return _web_page(status, host)
    if not all(isinstance(one, Mapping) for one in content):
        # 300: an external id that several records have; the body lists their URLs.
        return refusal(f"HTTP_{status}", ", ".join(map(str, content)), status=status)
    codes = [str(one.get("errorCode") or one.get("statusCode") or "") for one in content]
    messages = dict.fromkeys(str(one.get("message") or "") for one in content)
    fields = dict.fromkeys(str(f) for one in content for f in one.get("fields") or ())
    return refusal(codes[0] or f"HTTP_{status}", "; ".join(messages), fields, status=status)


def _web_page(status: int, host: str) -> OrgError:
    # Maintenance pages, gateways and wrong hosts answer in HTML. (platform reference 2.4)
    message = f"`{host}` answered with a web page or nothing ({status}) instead of data"
    if status == 401:
        return AuthenticationFailed(message, remedy="log in again")
    if 400 <= status < 500:
        transient = status in (400, 406, 420, 429)
        remedy = "check that the address is that of the org"
        return Refused(f"HTTP_{status}", message, remedy=remedy, transient=transient)
    remedy = (
        "the org may be in maintenance; see https://status.salesforce.com"
        if status >= 500
        else "check that the address is that of the org, and that no proxy answers for it"
    )
    return NoAnswer(host, message, remedy=remedy, transient=status >= 500)


def _unreachable(error: requests.RequestException, host: str) -> Unreachable:
    causes = tuple(_causes(error))

    def caused_by(*types: type[BaseException]) -> bool:
        return any(isinstance(cause, types) for cause in causes)

    if caused_by(socket.gaierror, NameResolutionError):
        remedy = "check the spelling of the address, and the network"
        return NotSent(host, f"there is no host `{host}`", remedy=remedy)
    if caused_by(requests.exceptions.ProxyError):
        remedy = "check HTTPS_PROXY and NO_PROXY"
        return NotSent(host, f"the proxy on the way to `{host}` does not work", remedy=remedy)
    # urllib3 has this for a kind of ConnectTimeoutError, so it comes first.
    if caused_by(NewConnectionError, ConnectionRefusedError):
        return NotSent(host, f"`{host}` refused the connection")
    if caused_by(requests.ConnectTimeout, ConnectTimeoutError):
        return NotSent(host, f"`{host}` could not be connected to in {CONNECT_SECONDS:g} seconds")
    if caused_by(ssl.SSLCertVerificationError) or _handshake_failed(causes):
        message = (
            f"no secure connection to `{host}`: its TLS certificate or version is not accepted"
        )
        remedy = "check the address, and any proxy that opens TLS (REQUESTS_CA_BUNDLE)"
        return NotSent(host, message, remedy=remedy, transient=False)
    if caused_by(requests.Timeout):
        message = f"`{host}` did not answer in {READ_SECONDS:g} seconds"
        return NoAnswer(host, message, timed_out=True)
    if isinstance(error, ValueError):
        # requests refuses to send to an address, or with a header, that is none.
        return NotSent(host, f"`{host}` is no address to send to", transient=False)
    return NoAnswer(host, f"`{host}` closed the connection before it answered")


def _handshake_failed(causes: Sequence[BaseException]) -> bool:
    reasons = {c.reason for c in causes if isinstance(c, ssl.SSLError)}
    return bool(
        reasons & {"WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE"}
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and all that is inside it: requests and urllib3 wrap by argument and by cause.

    `__context__` is left out: it may be another request's failure that is being handled.
    """
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = (*one.args, getattr(one, "reason", None), one.__cause__)
        waiting += [e for e in inner if isinstance(e, BaseException)]


class _Patient(HTTPAdapter):
    """Waits, but not for ever."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        kwargs["timeout"] = kwargs.get("timeout") or (CONNECT_SECONDS, READ_SECONDS)
        return super().send(request, *args, **kwargs)


class _LoopbackOnly(_Patient):
    """Plain http, to this machine only: elsewhere it would show the session to the network."""

    def check(self, url: str) -> None:
        """Raises AuthenticationFailed when `url` is not on this machine."""
        host = urlsplit(url).hostname or ""
        if not _is_loopback(host):
            raise AuthenticationFailed(
                f"`{host}` would be talked to in plain http, for all the network to read",
                remedy="write `https://`; plain http is only for an org on this machine",
            )

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        self.check(request.url or "")
        return super().send(request, *args, **kwargs)


class _AsPlainHttp(BaseAdapter):
    """Sends what simple-salesforce addressed to `https://` to the plain http org it is for."""

    def __init__(self, inner: BaseAdapter) -> None:
        super().__init__()
        self._inner = inner

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        assert request.url is not None, "a prepared request has a URL"
        request.url = "http" + request.url.removeprefix("https")
        return self._inner.send(request, *args, **kwargs)

    def close(self) -> None:
        self._inner.close()


def _checked(url: str) -> Any:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AuthenticationFailed(
            f"`{url}` is not the address of an org",
            remedy="write it as `https://name.my.salesforce.com`",
        )
    return parts


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    return _is_loopback(urlsplit(url).hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
