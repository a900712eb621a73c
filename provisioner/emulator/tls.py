"""https for the local org: TLS ends here, and what is inside goes to the port behind."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from pathlib import Path

_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_LASTS: Final = timedelta(days=397)  # the longest that browsers take
_LEFT: Final = timedelta(days=30)  # a certificate that ends before is made anew
_OWNER_ONLY: Final = 0o600
_CHUNK: Final = 1 << 16


def ensure(certificate: Path, authority: Path) -> None:
    """Makes the file of a certificate with its key, unless there is one that lasts.

    `authority` is the file of the certificate that clients are to trust. Its key is kept nowhere,
    so that it can not sign anything else.
    """
    if authority.exists() and _lasts(certificate):
        return
    import trustme

    signing = trustme.CA(organization_name="provisioner local org")
    issued = signing.issue_cert(*_NAMES, not_after=datetime.now(UTC) + _LASTS)
    certificate.touch(mode=_OWNER_ONLY)
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    signing.cert_pem.write_to_path(str(authority))


def _lasts(file: Path) -> bool:
    from cryptography import x509

    try:
        (found, *_) = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        return False
    return found.not_valid_after_utc - datetime.now(UTC) > _LEFT


class Front:
    """A loopback port that speaks TLS and passes what it hears on to another port.

    Raises OSError for a port that is taken.
    """

    def __init__(self, host: str, port: int, certificate: Path, behind: int) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate)
        self._socket = socket.create_server((host, port))
        self._behind = (host, behind)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port: int = self._socket.getsockname()[1]

    def start(self) -> None:
        """Answers from now on, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stops answering."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()
        self._socket.close()

    def _run(self) -> None:
        serving = asyncio.start_server(self._pass, sock=self._socket, ssl=self._context)
        self._loop.run_until_complete(serving)
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    async def _pass(self, reader: StreamReader, writer: StreamWriter) -> None:
        # Cancelled by `close`: asyncio would print a traceback of that.
        with suppress(OSError, asyncio.CancelledError):
            answers, onward = await asyncio.open_connection(*self._behind)
            ways = (_copy(reader, onward), _copy(answers, writer))
            # Whichever side ends first ends the connection, as TLS knows no half-closed one.
            _, waiting = await asyncio.wait(
                [asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED
            )
            for task in waiting:
                task.cancel()
            onward.close()
        writer.close()


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
