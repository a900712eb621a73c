"""Two ways to reach the local org: a loopback port, or in process through `requests`."""

from __future__ import annotations

from contextlib import suppress
from http.client import HTTPMessage, RemoteDisconnected
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

from requests import ConnectionError as RequestsConnectionError
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import ProtocolError

from provisioner.emulator.app import create_app
from provisioner.emulator.base.faults import Dropped
from provisioner.emulator.bulk.worker import Worker
from provisioner.emulator.control.endpoint import STATE
from provisioner.emulator.http.context import EXTENSION
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.ports import FIRST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from requests import PreparedRequest, Response

    from provisioner.emulator.tls import Front

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_THREADS: Final = 8
_TICK: Final = 1.0  # seconds; the longest it takes to notice a stop


class Server:
    """The app on a loopback port; port 0 takes a free one. `run` serves until `close`.

    With the file of a certificate and its key it speaks https, and plain HTTP otherwise.
    """

    def __init__(
        self,
        app: WSGIApplication,
        host: str = "127.0.0.1",
        port: int = 0,
        certificate: Path | None = None,
    ) -> None:
        import waitress

        if host not in _LOOPBACK:
            raise ValueError(f"the local org is served on a loopback address only, not on {host}")
        self._sockets: dict[int, Any] = {}
        self._server = waitress.create_server(
            _cutting(app),
            map=self._sockets,
            host=host,
            port=0 if certificate else port,
            url_scheme="https" if certificate else "http",
            threads=_THREADS,
            ident="local org",
        )
        behind = self._server.effective_port
        self._front = _front(host, port, certificate, behind) if certificate else None
        self._stopped = False
        self._started = False
        self._worker = _worker(app)
        shown = f"[{host}]" if ":" in host else host
        scheme, number = ("https", self._front.port) if self._front else ("http", behind)
        self.url = f"{scheme}://{shown}:{number}"

    def run(self) -> None:
        """Answers requests until `close` is called or Ctrl-C is pressed."""
        from waitress import wasyncore

        self._started = True
        if self._worker is not None:
            self._worker.start()
        if self._front is not None:
            self._front.start()
        try:
            while not self._stopped:
                wasyncore.loop(timeout=_TICK, map=self._sockets, use_poll=True, count=1)
        finally:
            self._clean_up()

    def close(self) -> None:
        """Stops answering; may be called from another thread than `run`."""
        if self._stopped:
            return
        self._stopped = True
        if self._started:
            # `run` may have seen the flag and closed everything in the meantime.
            with suppress(OSError):
                self._server.pull_trigger()
        else:
            self._clean_up()

    def _clean_up(self) -> None:
        from waitress import wasyncore

        self._stopped = True
        if self._front is not None:
            self._front.close()
        if self._worker is not None:
            self._worker.end()
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._sockets, ignore_all=True)


def _front(host: str, port: int, certificate: Path, behind: int) -> Front:
    from provisioner.emulator.tls import Front

    return Front(host, port, certificate, behind)


def _worker(app: WSGIApplication) -> Worker | None:
    """What works the Bulk jobs of the app's org off; None for an app that is no local org."""
    extensions = getattr(app, "extensions", {})
    org = extensions.get(EXTENSION)
    control = extensions.get(STATE)
    return None if org is None else Worker(org, control.faults if control else None)


def _cutting(app: WSGIApplication) -> WSGIApplication:
    """The app for waitress, which closes the socket unanswered when told the client is gone."""
    from waitress.channel import ClientDisconnected

    def cutting(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        try:
            return _until_cut(app(environ, start))
        except Dropped:
            raise ClientDisconnected from None

    def _until_cut(answer: Iterable[bytes]) -> Iterable[bytes]:
        try:
            yield from answer
        except Dropped:
            raise ClientDisconnected from None
        finally:
            if hasattr(answer, "close"):
                answer.close()

    return cutting


def serve(
    org_path: str | Path,
    host: str = "127.0.0.1",
    port: int = FIRST,
    *,
    control: bool = False,
    control_token: str | None = None,
    certificate: Path | None = None,
    ready: Callable[[str], object] | None = None,
) -> None:
    """Serves the org in a file until Ctrl-C; `ready` is told the URL once it answers."""
    org = open_org(org_path)
    try:
        app = create_app(org, control=control, control_token=control_token)
        server = Server(app, host, port, certificate)
        try:
            if ready is not None:
                ready(server.url)
            server.run()
        finally:
            server.close()
    finally:
        org.close()


class InProcessAdapter(HTTPAdapter):
    """Answers the requests of a `requests.Session` from a WSGI app, with no socket.

    Mount it at the http and the https URL the org is to have: clients that write `https://` into
    every URL are answered alike.
    """

    def __init__(self, app: WSGIApplication) -> None:
        super().__init__()
        self._app = app

    def send(self, request: PreparedRequest, *_args: Any, **_kwargs: Any) -> Response:
        """Runs the app; time-outs, proxies and certificates do not matter here.

        A connection that the app wants cut raises what urllib3 and requests make of that.
        """
        status = ""
        headers: list[tuple[str, str]] = []

        def start(line: str, given: list[tuple[str, str]], *_: Any) -> Callable[[bytes], Any]:
            nonlocal status
            status = line
            headers.extend(given)
            return lambda _data: None

        body = b""
        try:
            chunks: Iterable[bytes] = self._app(_environ(request), start)
            try:
                for chunk in chunks:
                    body += chunk
            finally:
                if hasattr(chunks, "close"):
                    chunks.close()
        except Dropped:
            if not body:
                gone = RemoteDisconnected("Remote end closed connection without response")
                cut = ProtocolError("Connection aborted.", gone)
                raise RequestsConnectionError(cut, request=request) from None
            # Cut in the middle: urllib3 finds it shorter than its Content-Length.
        code, _, reason = status.partition(" ")
        raw = HTTPResponse(
            body=BytesIO(body),
            headers=HTTPHeaderDict(headers),
            status=int(code),
            reason=reason,
            preload_content=False,
            request_method=request.method,
            original_response=_Original(headers),  # type: ignore[arg-type]
        )
        return self.build_response(request, raw)


class _Original:
    """What `requests` reads cookies from."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        self.msg = HTTPMessage()
        for name, value in headers:
            self.msg.add_header(name, value)

    def isclosed(self) -> bool:
        return True

    def close(self) -> None:
        """There is nothing to close."""


def _environ(request: PreparedRequest) -> dict[str, Any]:
    url = urlsplit(request.url or "")
    body = request.body or b""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = body.read() if hasattr(body, "read") else b"".join(body)
    raw = url.path + (f"?{url.query}" if url.query else "")
    port = url.port or (443 if url.scheme == "https" else 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method or "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(url.path).decode("latin-1"),
        "QUERY_STRING": url.query,
        "REQUEST_URI": raw,
        "SERVER_NAME": url.hostname or "",
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": request.headers.get("Host") or url.netloc.rpartition("@")[2],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.errors": BytesIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = text
        elif key not in {"CONTENT_LENGTH", "HOST"}:
            environ[f"HTTP_{key}"] = text
    return environ
