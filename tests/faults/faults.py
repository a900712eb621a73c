"""The faults of the proxy: late, repeated and overtaken requests, and damaged responses."""

from __future__ import annotations

import gzip
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from .proxy import Answer, Exchange, Request

READ_TIMEOUT = 120.0
"""For so many unscaled seconds the client waits for a byte of the response."""
PATIENCE = 1500.0
"""After so many unscaled seconds a client that still reads a dripping response has failed."""

_PAGE = (
    b"<html><head><title>%d</title></head><body>The server is temporarily unable to service your"
    b" request.</body></html>"
)


@dataclass(frozen=True)
class Late:
    """The client gets `cut`, and the request reaches the org `delay` unscaled seconds after that.

    With no delay the request takes effect, and only the response is lost.
    """

    cut: str
    delay: float

    def strike(self, exchange: Exchange) -> None:
        if not self.delay:
            exchange.forward()
        proxy = exchange.proxy
        match self.cut:
            case "502" | "504":
                proxy.cut()
                exchange.send(page(int(self.cut)))
            case "close":
                proxy.cut()
                exchange.close()
            case "timeout":
                waited = (READ_TIMEOUT + 60) * proxy.scale + 30
                if not exchange.wait_for_client(waited):
                    proxy.notes.append("the client did not time out")
                proxy.cut()
            case "kill":
                proxy.kill()
                proxy.cut()
                exchange.close()
            case _:
                raise AssertionError(self.cut)
        if self.delay:
            exchange.forward_later(self.delay)


@dataclass(frozen=True)
class Outage:
    """As `Late` with a 502, and for so many unscaled seconds more every request gets a 502."""

    delay: float
    seconds: float

    def strike(self, exchange: Exchange) -> None:
        proxy = exchange.proxy
        proxy.down = page(502)
        proxy.down_until = time.monotonic() + self.seconds * proxy.scale
        Late("502", self.delay).strike(exchange)


@dataclass(frozen=True)
class Storm:
    """Several requests are struck by `Late`, and now and then the client is killed.

    With an odd seed it is one request in eight, with an even one every third write.
    """

    seed: int

    def choose(self) -> Callable[[Request], Late | None]:
        """What strikes each request of one run."""
        chance = random.Random(self.seed)

        def chosen(request: Request) -> Late | None:
            share = 1 / 8 if self.seed % 2 else request.writes / 3
            if chance.random() >= share:
                return None
            (cut,) = chance.choices(("502", "504", "close", "timeout", "kill"), (4, 4, 4, 1, 1))
            return Late(cut, chance.choice((0, 0, 1, 20, 60, 200, 540)))

        return chosen

    def strike(self, exchange: Exchange) -> None:
        raise AssertionError("a storm chooses a fault for each request")


@dataclass(frozen=True)
class Repeat:
    """The org gets the request twice. The client gets the `answer` first or second, or both are
    sent at once; after a `delay` the second one comes so many unscaled seconds later.
    """

    answer: str
    delay: float = 0.0

    def strike(self, exchange: Exchange) -> None:
        proxy = exchange.proxy
        proxy.cut()
        if self.delay:
            answer = exchange.forward()
            exchange.forward_later(self.delay)
        elif self.answer == "together":
            other = threading.Thread(target=exchange.forward)
            other.start()
            answer = exchange.forward()
            other.join()
        else:
            both = [exchange.forward(), exchange.forward()]
            answer = both[self.answer == "second"]
        exchange.send(answer.encode())


@dataclass(frozen=True)
class Overtaken:
    """The request is held until another one arrived and was answered, or for `most` seconds."""

    most: float

    def strike(self, exchange: Exchange) -> None:
        proxy = exchange.proxy
        if proxy.wait_for_more(self.most * proxy.scale):
            proxy.sleep(self.most / 4)
        proxy.cut()
        exchange.send(exchange.forward().encode())


@dataclass(frozen=True)
class Damaged:
    """The client gets a response of another shape; `done` says whether the org did the request."""

    shape: str
    done: bool

    def strike(self, exchange: Exchange) -> None:
        proxy = exchange.proxy
        answer = exchange.forward() if self.done else None
        proxy.cut()
        if self.shape in ("drip", "drip-headers"):
            self._drip(exchange)
            return
        for piece in damaged(self.shape, answer, exchange):
            if not exchange.send(piece):
                break
        if self.shape in _CUT:
            exchange.close()

    def _drip(self, exchange: Exchange) -> None:
        """Send one byte a minute for as long as the client listens."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
        if self.shape == "drip":
            exchange.send(head)
            head = b""
        passed = 0.0
        for byte in head + b" " * 5000:
            if not exchange.send(bytes([byte])):
                break
            if exchange.wait_for_client(60 * exchange.proxy.scale):
                break
            exchange.open = True
            passed += 60
            if passed > PATIENCE:
                exchange.proxy.notes.append("the client still read a dripping response")
                break
        exchange.close()


def page(status: int) -> bytes:
    """The error page of a gateway."""
    reason = {502: "Bad Gateway", 504: "Gateway Time-out"}[status]
    return _response(f"{status} {reason}", _PAGE % status, "text/html")


def _response(status: str, body: bytes, content_type: str, more: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{more}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body


_BODIES = {
    "empty": b"",
    "null": b"null",
    "list": b"[]",
    "object": b"{}",
    "number": b"7",
    "text": b'"OK"',
    "true": b"true",
    "list-of-null": b"[null]",
    "list-of-object": b"[{}]",
    "success-without-id": b'{"success": true, "errors": []}',
    "id-null": b'{"id": null, "success": true, "errors": []}',
    "records-null": b'{"totalSize": 1, "done": true, "records": null}',
    "error-null": b'[{"errorCode": null, "message": null}]',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep-object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "not-utf8": b'{"id": "\xff\xfe\xc3"}',
    "half-json": b'{"id": "001',
}
_XML = {
    "xml": b'<?xml version="1.0"?><a/>',
    "empty-envelope": b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    b"<soapenv:Body/></soapenv:Envelope>",
    "deep-xml": b"<a>" * 100_000 + b"</a>" * 100_000,
}
_STATUS = {
    "error-object": ("400 Bad Request", b"{}"),
    "error-empty": ("400 Bad Request", b""),
    "error-number": ("500 Internal Server Error", b"7"),
    "error-deep": ("500 Internal Server Error", b"[" * 100_000 + b"]" * 100_000),
    "forbidden-page": ("403 Forbidden", b"<html>blocked by a gateway</html>"),
}
_RAW = {
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "login-page": _response("200 OK", b"<html><body>Log in</body></html>", "text/html"),
    "truncated-headers": b"HTTP/1.1 200 OK\r\nContent-Type: applic",
    "bad-status-line": b"HTTP/1.1 OK\r\n\r\n{}",
    "long-header": _response("200 OK", b"{}", "application/json", f"X: {'x' * 200_000}\r\n"),
    "bad-gzip": _response("200 OK", b"{}", "application/json", "Content-Encoding: gzip\r\n"),
}
_OTHERS = (
    "truncated-body",
    "half-answer",
    "gzip-bomb",
    "redirect-here",
    "redirect-loop",
    "redirect-elsewhere",
    "redirect-nowhere",
    "drip",
    "drip-headers",
)
_CUT = ("truncated-headers", "truncated-body", "bad-status-line")
"""After these the connection is closed, as nothing else would end them."""
SHAPES = (*_BODIES, *_XML, *_STATUS, *_RAW, *_OTHERS)


def damaged(shape: str, answer: Answer | None, exchange: Exchange) -> Iterator[bytes]:
    """The bytes of a response of that shape."""
    if shape in _BODIES:
        yield _response("200 OK", _BODIES[shape], "application/json;charset=UTF-8")
    elif shape in _XML:
        yield _response("200 OK", _XML[shape], "text/xml;charset=UTF-8")
    elif shape in _STATUS:
        status, body = _STATUS[shape]
        kind = "text/html" if body.startswith(b"<") else "application/json;charset=UTF-8"
        yield _response(status, body, kind)
    elif shape.startswith("redirect"):
        target = exchange.request.target
        location = {
            "redirect-here": "/services/elsewhere",
            "redirect-loop": target,
            "redirect-elsewhere": f"{exchange.proxy.elsewhere}{target}",
            "redirect-nowhere": "http://[::bad",
        }[shape]
        yield _response("307 Temporary Redirect", b"", "text/html", f"Location: {location}\r\n")
    elif shape in _RAW:
        yield _RAW[shape]
    elif shape == "gzip-bomb":
        yield from _gzip_bomb()
    else:
        yield from _of_answer(shape, answer)


def _of_answer(shape: str, answer: Answer | None) -> Iterator[bytes]:
    """Bytes that depend on the org's own response, if it was asked."""
    real = answer.encode() if answer else _response("200 OK", b'{"id": "0"}', "application/json")
    if shape == "truncated-body":
        yield real[: len(real) - max(1, len(real.partition(b"\r\n\r\n")[2]) // 2)]
        return
    # A gateway lost the rest, and computed the length of what it had.
    body = answer.body if answer else b'{"id": "0"}'
    packed = dict(answer.headers).get("Content-Encoding") if answer else None
    body = gzip.decompress(body) if packed == "gzip" else body
    yield _response("200 OK", body[: len(body) // 2], "application/json;charset=UTF-8")


def _gzip_bomb() -> Iterator[bytes]:
    """4 GiB of spaces, packed."""
    members = 64
    yield (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
        f"Content-Length: {len(_bomb()) * members}\r\n\r\n"
    ).encode()
    for _ in range(members):
        yield _bomb()


@cache
def _bomb() -> bytes:
    """64 MiB of spaces, packed."""
    return gzip.compress(b" " * (64 << 20), 9)
