"""A reverse proxy that delays, loses, repeats, reorders and damages the requests of a client.

It is written on plain sockets and shares nothing with the product or its local org, so that it
can send bytes that no HTTP library would send.
"""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from .labels import is_write, label

FORWARD_SECONDS = 120.0
_NOT_FORWARDED = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass(frozen=True)
class Request:
    """One request as the client sent it. `spot` names it in the same way in every run."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    spot: str
    writes: bool


@dataclass(frozen=True)
class Answer:
    """One response of the org."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def encode(self) -> bytes:
        """The bytes to send to the client."""
        head = [f"HTTP/1.1 {self.status} {self.reason}"]
        head += [f"{name}: {value}" for name, value in self.headers]
        head.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + self.body


class Fault(Protocol):
    """What happens to one request."""

    def strike(self, exchange: Exchange) -> None:
        """Answer the client, or not, and deliver the request to the org, or not."""


@dataclass
class Exchange:
    """A request that waits for its answer, and what a fault may do with it."""

    request: Request
    proxy: Proxy
    connection: socket.socket
    open: bool = True

    def forward(self) -> Answer:
        """Deliver the request to the org; its answer."""
        return self.proxy.deliver(self.request)

    def forward_later(self, seconds: float) -> None:
        """Deliver the request after so many unscaled seconds; its answer is discarded."""
        self.proxy.deliver_later(self.request, seconds)

    def send(self, data: bytes) -> bool:
        """Send bytes to the client; whether it still takes them."""
        try:
            self.connection.sendall(data)
        except OSError:
            self.open = False
        return self.open

    def close(self) -> None:
        """Close the client's connection once the bytes so far are sent."""
        self.open = False

    def wait_for_client(self, seconds: float) -> bool:
        """Send nothing until the client closes; whether it did within so many real seconds."""
        self.open = False
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.5))
            if readable:
                with contextlib.suppress(OSError):
                    if self.connection.recv(4096):
                        continue
                return True
        return False


@dataclass
class Proxy:
    """A proxy in front of the org at `upstream`. `scale` multiplies every delay of a fault."""

    upstream: str
    scale: float
    url: str = ""
    log: list[Request] = field(default_factory=list)
    kill: Callable[[], None] = lambda: None
    """Kill the client and return after it is dead."""
    down_until: float = 0.0
    """Until then, by `time.monotonic()`, every request gets `down` and does not reach the org."""
    down: bytes = b""
    cut_at: float | None = None
    """When the client got the failure, by `time.monotonic()`."""
    notes: list[str] = field(default_factory=list)
    """What the client did that it should not have done."""
    elsewhere: str = ""
    """A server on another host, to which a redirect may lead."""
    _armed: tuple[str, Fault] | None = None
    _choose: Callable[[Request], Fault | None] | None = None
    _counts: Counter[str] = field(default_factory=Counter)
    _held: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def arm(self, spot: str, fault: Fault) -> None:
        """Let `fault` strike the request of that name, once."""
        with self._changed:
            self._armed = (spot, fault)

    def arm_all(self, choose: Callable[[Request], Fault | None]) -> None:
        """Let any number of requests be struck, each by the fault that is chosen for it."""
        with self._changed:
            self._choose = choose

    def disarm(self) -> bool:
        """Let no fault strike any more; whether one was still waiting for its request."""
        with self._changed:
            waiting = self._armed is not None
            self._armed = self._choose = None
            return waiting

    def reset(self) -> None:
        """Forget all requests so far; none may be held."""
        with self._changed:
            assert not self._held, "requests of the last case are still on their way"
            self._armed = self._choose = None
            self.cut_at, self.down_until = None, 0.0
            self.log.clear()
            self.notes.clear()
            self._counts.clear()

    def settle(self, seconds: float) -> bool:
        """Wait until no request is held back; whether that was within so many real seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._held, timeout=seconds)

    def writes(self) -> int:
        """How many requests so far were sent to change something."""
        return sum(request.writes for request in self.log)

    def sleep(self, seconds: float) -> None:
        """Wait so many unscaled seconds."""
        time.sleep(seconds * self.scale)

    def cut(self) -> None:
        """Note that the client gets its failure now."""
        self.cut_at = time.monotonic()

    def wait_for_more(self, seconds: float) -> bool:
        """Wait until another request arrived; whether one did within so many real seconds."""
        with self._changed:
            seen = len(self.log)
            return self._changed.wait_for(lambda: len(self.log) > seen, timeout=seconds)

    def deliver(self, request: Request) -> Answer:
        """Send a request to the org; its answer."""
        onward = http.client.HTTPConnection(urlsplit(self.upstream).netloc, timeout=FORWARD_SECONDS)
        try:
            onward.putrequest(
                request.method, request.target, skip_host=True, skip_accept_encoding=True
            )
            for name, value in request.headers:
                if name.lower() not in _NOT_FORWARDED:
                    onward.putheader(name, value)
            onward.putheader("Content-Length", str(len(request.body)))
            onward.putheader("Connection", "close")
            onward.endheaders(request.body)
            reply = onward.getresponse()
            body = reply.read()
        finally:
            onward.close()
        headers = tuple(
            (name, value)
            for name, value in reply.getheaders()
            if name.lower() not in _NOT_FORWARDED
        )
        return Answer(reply.status, reply.reason, headers, body)

    def deliver_later(self, request: Request, seconds: float) -> None:
        """Deliver a request after so many unscaled seconds, in a thread of its own."""
        with self._changed:
            self._held += 1

        def work() -> None:
            try:
                self.sleep(seconds)
                self.deliver(request)
            except (OSError, http.client.HTTPException) as error:
                self.notes.append(f"a late request was not delivered: {error}")
            finally:
                with self._changed:
                    self._held -= 1
                    self._changed.notify_all()

        threading.Thread(target=work, daemon=True).start()

    def handle(self, connection: socket.socket, request: Request) -> bool:
        """Answer one request; whether the connection stays open."""
        with self._changed:
            self._counts[request.spot] += 1
            request = Request(
                request.method,
                request.target,
                request.headers,
                request.body,
                f"{request.spot} #{self._counts[request.spot]}",
                request.writes,
            )
            self.log.append(request)
            fault = None
            if self._armed and self._armed[0] == request.spot:
                fault, self._armed = self._armed[1], None
            elif self._choose:
                fault = self._choose(request)
            self._held += fault is not None
            self._changed.notify_all()
        exchange = Exchange(request, self, connection)
        if time.monotonic() < self.down_until:
            exchange.send(self.down)
            return exchange.open
        if fault is None:
            exchange.send(exchange.forward().encode())
            return exchange.open
        try:
            fault.strike(exchange)
        finally:
            with self._changed:
                self._held -= 1
                self._changed.notify_all()
        return exchange.open


@contextlib.contextmanager
def proxying(upstream: str, scale: float) -> Iterator[Proxy]:
    """A proxy on a free loopback port, for as long as this lasts."""
    proxy = Proxy(upstream, scale)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with (
                contextlib.suppress(OSError, http.client.HTTPException),
                self.request.makefile("rb") as stream,
            ):
                while (request := _read(stream)) and proxy.handle(self.request, request):
                    pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


def _read(stream: object) -> Request | None:
    """The next request on a connection; `None` at its end."""
    line = stream.readline(65537).decode("latin-1").strip()
    if not line:
        return None
    method, target, _ = line.split(" ", 2)
    parsed = http.client.parse_headers(stream)
    if parsed.get("Transfer-Encoding", "").lower() == "chunked":
        body = b"".join(_chunks(stream))
    else:
        body = stream.read(int(parsed.get("Content-Length", 0)))
    headers = tuple((name, value) for name, value in parsed.items())
    return Request(
        method, target, headers, body, label(method, target, body), is_write(method, target, body)
    )


def _chunks(stream: object) -> Iterator[bytes]:
    while size := int(stream.readline().split(b";")[0], 16):
        yield stream.read(size)
        stream.readline()
    stream.readline()
