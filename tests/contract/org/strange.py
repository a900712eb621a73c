"""A local org behind a real socket that answers some requests with bytes of the test's choice."""

from __future__ import annotations

import gzip
import re
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

DEEP = b"[" * 100_000 + b"]" * 100_000
ZEROS = 200 * 1024 * 1024  # more than any answer may have


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def data(body: bytes, status: str = "200 OK") -> bytes:
    return response(body, status, "Content-Type: application/json;charset=UTF-8")


def bomb() -> bytes:
    """200 MB of blanks as 200 kB of gzip."""
    return response(gzip.compress(b" " * ZEROS), "200 OK", "Content-Encoding: gzip")


def drip(send: Callable[[bytes], object]) -> None:
    """One byte a minute, a hundred times as fast."""
    send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(60):
        send(b" ")
        time.sleep(0.6)


def drip_of_headers(send: Callable[[bytes], object]) -> None:
    send(b"HTTP/1.1 200 OK\r\n")
    for letter in b"X-Slow: " + b"x" * 60:
        send(bytes([letter]))
        time.sleep(0.6)


SHAPES: dict[str, bytes] = {
    "an empty 200": data(b""),
    "a 204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "null": data(b"null"),
    "an empty list": data(b"[]"),
    "an empty object": data(b"{}"),
    "a number": data(b"7"),
    "a text": data(b'"done"'),
    "true": data(b"true"),
    "not a number": data(b"NaN"),
    "other keys": data(b'{"a": 1, "records": 5, "id": [], "compositeResponse": {}}'),
    "other types": data(
        b'{"id": {"x": 1}, "success": "yes", "records": [1], "done": 0, "fields": {},'
        b' "communities": [null], "sObjects": 1, "state": 5, "isExpired": "no",'
        b' "compositeResponse": [{"referenceId": [1]}], "access_token": 5, "instance_url": []}'
    ),
    "a list of lists": data(b"[[1], [2]]"),
    "a list of empty objects": data(b"[{}, {}]"),
    "ids that are none": data(
        b'[{"id": 5, "success": true}, {"id": "../x", "success": true}]', "201 Created"
    ),
    "too many results": data(b'[{"id": "001000000000001AAA", "success": true}]' * 1 + b""),
    "an id that is none": data(b'{"id": "../../x", "success": true}', "201 Created"),
    "unknown references": data(
        b'{"compositeResponse": [{"referenceId": "other", "httpStatusCode": 200, "body": {}}]}'
    ),
    "invalid UTF-8": data(b'{"id": "\xff\xfe"}'),
    "deep JSON": data(DEEP),
    "a deep object": data(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "HTML": response(b"<html><body>Welcome</body></html>", "200 OK", "Content-Type: text/html"),
    "deep HTML": response(b"<div>" * 100_000, "200 OK", "Content-Type: text/html"),
    "HTML in no known charset": response(
        b"<html>", "200 OK", "Content-Type: text/html; charset=klingon"
    ),
    "XML cut short": response(b"<?xml version='1.0'?><a><b>", "200 OK", "Content-Type: text/xml"),
    "deep XML": response(b"<a>" * 100_000, "200 OK", "Content-Type: text/xml"),
    "SOAP without a body": response(
        b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body/></Envelope>'
    ),
    "SOAP with another answer": response(
        b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        b'<other xmlns="http://soap.sforce.com/2006/04/metadata"><result/></other>'
        b"</e:Body></e:Envelope>"
    ),
    "headers cut short": b"HTTP/1.1 200 OK\r\nContent-Le",
    "a body cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "chunks cut short": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
    "chunks that are none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a long header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "invalid gzip": response(b"this is not gzip", "200 OK", "Content-Encoding: gzip"),
    "a gzip bomb": bomb(),
    "a redirect elsewhere": response(b"", "302 Found", "Location: https://evil.example/x"),
    "a redirect without a host": response(b"", "301 Moved", "Location: http://[::1"),
    "a redirect of bytes": response(b"", "307 Temporary Redirect", "Location: \xff\xfe"),
    "odd limits": response(
        b"", "200 OK", "Sforce-Limit-Info: api-usage=" + "9" * 5000 + "/1",
        "Date: Mon, 01 Jan 0001 00:00:00 +2300", "Retry-After: 99999999999999999999",
    ),
}  # fmt: skip
Answer = bytes | Callable[[Callable[[bytes], object]], None]


@dataclass
class Strange:
    """The org at `url`; a request whose method and path match `pattern` gets `answer`."""

    url: str = ""
    pattern: str = ""
    answer: Answer = b""
    seen: list[str] = field(default_factory=list)

    @contextmanager
    def answering(self, pattern: str, answer: Answer) -> Iterator[None]:
        self.pattern, self.answer, self.seen = pattern, answer, []
        try:
            yield
            assert self.seen, f"nothing was asked that matches {pattern}"
        finally:
            self.pattern = ""


@contextmanager
def serving(app) -> Iterator[Strange]:
    """`app` is the WSGI app of a local org."""
    strange = Strange()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            line = self.rfile.readline().decode("latin-1")
            headers = {}
            while (header := self.rfile.readline().decode("latin-1").strip()) != "":
                name, _, value = header.partition(":")
                headers[name.strip()] = value.strip()
            body = self.rfile.read(int(headers.get("Content-Length", 0)))
            method, target, _ = line.split(" ", 2)
            if strange.pattern and re.search(strange.pattern, f"{method} {target}"):
                strange.seen.append(f"{method} {target}")
                self.strange_answer()
                return
            reply = app.test_client(use_cookies=False).open(
                target, method=method, data=body, headers=headers, base_url=strange.url
            )
            kept = [f"{n}: {v}" for n, v in reply.headers if n.lower() != "content-length"]
            raw = response(reply.data, reply.status, *kept, "Connection: close")
            if reply.status_code == 204:
                raw = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
            self.wfile.write(raw)

        def strange_answer(self):
            try:
                if callable(strange.answer):
                    strange.answer(self.request.sendall)
                else:
                    self.request.sendall(strange.answer)
            except OSError:
                pass  # the client has had enough

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        strange.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield strange
        finally:
            server.shutdown()
            thread.join()
