"""What went wrong on the way to an org, or in its answer, in our words."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import requests
from simple_salesforce.exceptions import SalesforceError
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from provisioner.org import http
from provisioner.org.errors import (
    AuthenticationFailed,
    NoAnswer,
    NotSent,
    OrgError,
    Refused,
    Unreachable,
    refusal,
)


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
        message = f"`{host}` could not be connected to in {http.CONNECT_SECONDS:g} seconds"
        return NotSent(host, message)
    if caused_by(ssl.SSLCertVerificationError) or _handshake_failed(causes):
        message = (
            f"no secure connection to `{host}`: its TLS certificate or version is not accepted"
        )
        remedy = "check the address, and any proxy that opens TLS (REQUESTS_CA_BUNDLE)"
        return NotSent(host, message, remedy=remedy, transient=False)
    if caused_by(requests.Timeout):
        message = f"`{host}` did not answer in {http.READ_SECONDS:g} seconds"
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
