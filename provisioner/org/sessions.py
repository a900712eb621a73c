"""Sessions to an org: where credentials go, how long a response may take, how large it may be.

All of it holds for every request of a session: API calls, logins and pages.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPResponse
from socket import socket
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import (
    BaseHTTPResponse,
    HTTPConnectionPool,
    HTTPSConnectionPool,
    PoolManager,
    ProxyManager,
)
from urllib3.connection import HTTPConnection, HTTPSConnection

from provisioner.model import hosts
from provisioner.org.errors import AuthenticationFailed, NoAnswer
from provisioner.org.timing import Timing, timing_for

SLOWEST = 1_000
"""Bytes per second that a response must bring after its first minute."""
LARGEST = 128 * 1024 * 1024
"""Bytes of a response after decompression. Query pages, describes and metadata stay far below."""
LARGEST_OF_BULK = 1024 * 1024 * 1024
"""The same for Bulk results, which have as many rows as a job."""
_FIRST_MINUTE = 60.0
_BLOCK = 64 * 1024
_MOST_REDIRECTS = 10
_MOVED = frozenset({301, 302, 303, 307, 308})


class TooSlowError(TimeoutError):
    """A response has started but comes too slowly."""


class TooLargeError(requests.RequestException):
    """A response is larger than any that is expected."""


def session_for(url: str, base: requests.Session | None = None) -> requests.Session:
    """A new session for the host of `url`, with the adapters and settings of `base`.

    It has its own cookies, follows no redirects (see `follow`) and never reads `~/.netrc`, which
    would replace the token. Raises AuthenticationFailed when `url` is not an address that
    credentials may be sent to; a host for which `base` has mounted an adapter is trusted.
    """
    session = _Session()
    if base is not None:
        session.headers = CaseInsensitiveDict(base.headers)
        session.auth = base.auth or session.auth
        session.verify, session.cert = base.verify, base.cert
        session.proxies, session.trust_env = dict(base.proxies), base.trust_env
        session.hooks = {name: list(hooks) for name, hooks in base.hooks.items()}
        for prefix, adapter in base.adapters.items():
            session.mount(prefix, adapter)
    for scheme in ("https://", "http://"):
        if type(session.adapters[scheme]) is HTTPAdapter:
            session.mount(scheme, _Adapter(timing_for(url)))
    allowed = hosts.allowed_hosts(os.environ)
    problem = hosts.not_trusted(url, allowed)
    if problem and not (_host(url) and _is_mounted(session, url)):
        raise AuthenticationFailed(problem, remedy=hosts.remedy(url))
    return session


def read_body(reply: requests.Response, largest: int = LARGEST) -> None:
    """Read the body of a response into `reply.content`. Raises RequestException."""
    reply.raw = _Bounded(reply.raw, largest)
    try:
        _ = reply.content
    except BaseException:
        reply.close()
        raise


def target(reply: requests.Response) -> str | None:
    """Where a response redirects to, as an absolute address; `None` if it does not."""
    location = reply.headers.get("Location")
    if reply.status_code not in _MOVED or not location:
        return None
    try:
        return urljoin(reply.url, location)
    except ValueError:
        return location


def follow(
    session: requests.Session, reply: requests.Response, may_follow: Callable[[str], bool]
) -> requests.Response:
    """The page that `reply` leads to, if it is a redirect.

    Each further request is a plain GET with the cookies of the session for its host: what was
    posted is not sent again. Raises NoAnswer for a redirect to where `may_follow` is false.
    """
    for _ in range(_MOST_REDIRECTS):
        url = target(reply)
        if url is None:
            return reply
        reply.close()
        posts_again = reply.status_code in (307, 308) and _method(reply) != "GET"
        if posts_again or not may_follow(url):
            raise redirected(reply)
        reply = session.get(url)
    reply.close()
    raise redirected(reply)


def redirected(reply: requests.Response) -> NoAnswer:
    """The error for a redirect that is not followed."""
    here = urlsplit(str(reply.url)).netloc
    there = _host(target(reply) or "") or "an address without a host"
    return NoAnswer(
        here,
        f"unexpected answer: `{here}` redirected the request to `{there}`",
        remedy="check that the address is that of the org, as My Domain in Setup shows it, and"
        " that no proxy answers for it",
        transient=False,
    )


class _Session(requests.Session):
    def __init__(self) -> None:
        super().__init__()
        # Any other value lets requests look into `~/.netrc`.
        self.auth = _unchanged
        # The body is read by `read_body`.
        self.stream = True

    def get_redirect_target(self, resp: requests.Response) -> None:
        """No redirect is followed, whatever the caller asks for."""


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _Adapter(HTTPAdapter):
    """Sends to hosts that may have credentials, and ends a response that is too slow."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._pools = _paced_pools(timing)
        super().__init__()

    def init_poolmanager(
        self,
        connections: int,
        maxsize: int,
        block: bool = False,  # noqa: FBT001, FBT002 - as requests has it
        **pool_options: object,
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, **pool_options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **proxy_options: object) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(proxy, **proxy_options)
        if type(manager) is ProxyManager:  # a SOCKS proxy has connections of its own
            manager.pool_classes_by_scheme = self._pools
        return manager

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - as requests has it
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        url = request.url or ""
        if urlsplit(url).scheme == "http" and not hosts.is_loopback(url):
            raise AuthenticationFailed(
                hosts.not_trusted(f"http://{_host(url)}") or "", remedy=hosts.remedy(url)
            )
        timeout = timeout or (self._timing.connect, self._timing.read)
        return super().send(
            request, stream=stream, timeout=timeout, verify=verify, cert=cert, proxies=proxies
        )


def _paced_pools(timing: Timing) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools whose responses must come fast enough."""

    class Response(HTTPResponse):
        def __init__(
            self,
            sock: socket,
            debuglevel: int = 0,
            method: str | None = None,
            url: str | None = None,
        ) -> None:
            super().__init__(sock, debuglevel, method, url)
            self.fp.close()
            self._paced = _PacedReader(sock, timing)
            self.fp = io.BufferedReader(self._paced, _BLOCK)

        def begin(self) -> None:
            super().begin()
            self._paced.headers_read = True

    class Paced:
        sock: socket | None

        def send(self, data: object) -> None:
            # Without this, a whole upload has the time that is meant for connecting.
            if self.sock is not None:
                self.sock.settimeout(timing.read)
            blocks = _blocks(data) if isinstance(data, bytes) else (data,)
            for block in blocks:
                super().send(block)  # type: ignore[misc]

    class Plain(Paced, HTTPConnection):
        response_class = Response

    class Secure(Paced, HTTPSConnection):
        response_class = Response

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _blocks(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    for start in range(0, max(len(view), 1), _BLOCK):
        yield view[start : start + _BLOCK]


class _PacedReader(io.RawIOBase):
    """The bytes of one response from a socket, as long as they come fast enough.

    The first byte may take `timing.read` seconds. From then on the headers have a minute in all.
    The body has a minute too, and every `SLOWEST` bytes extend it by a second, but never beyond
    `timing.read` seconds without a byte.
    """

    def __init__(self, sock: socket, timing: Timing) -> None:
        self.headers_read = False
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)
        self._timing = timing
        self._until: float | None = None

    def readable(self) -> bool:
        return True

    def readinto(  # type: ignore[override]  # `io.BufferedReader` passes a memoryview
        self, buffer: memoryview
    ) -> int | None:
        started = self._until is not None
        left = self._until - time.monotonic() if self._until is not None else self._timing.read
        if left <= 0:
            raise TooSlowError
        self._sock.settimeout(min(left, self._timing.read))
        try:
            count = self._file.readinto(buffer)
        except TimeoutError as error:
            raise TooSlowError if started else error from error
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._timing.times(_FIRST_MINUTE)
        elif self.headers_read:
            earned = self._timing.times((count or 0) / SLOWEST)
            self._until = min(self._until + earned, max(self._until, now + self._timing.read))
        return count

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _Bounded:
    """The body of a response, read up to a size. Everything else is that of `raw`."""

    def __init__(self, raw: BaseHTTPResponse, largest: int) -> None:
        self._raw = raw
        self._largest = largest

    def __getattr__(self, name: str) -> object:
        return getattr(self._raw, name)

    def stream(self, amount: int, decode_content: bool) -> Iterator[bytes]:  # noqa: FBT001
        """As urllib3's. Raises TooLargeError."""
        size = 0
        chunks = (
            self._raw.stream(_BLOCK, decode_content=decode_content)
            if hasattr(self._raw, "stream")
            else iter(lambda: self._raw.read(amount), b"")
        )
        for chunk in chunks:
            size += len(chunk)
            if size > self._largest:
                raise TooLargeError(f"more than {self._largest} bytes")
            yield chunk


def _is_mounted(session: requests.Session, url: str) -> bool:
    """Whether an adapter that is not ours sends to this address."""
    try:
        return not isinstance(session.get_adapter(url), _Adapter)
    except requests.exceptions.InvalidSchema:
        return False


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _method(reply: requests.Response) -> str:
    return str(reply.request.method)
