"""Translate exceptions of other libraries, and refusals in responses, to OrgError."""

from __future__ import annotations

import csv
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException, IncompleteRead

import requests
import urllib3
from lxml import etree
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from provisioner.model.json_value import Json
from provisioner.org import sessions as http
from provisioner.org.errors import (
    AuthenticationFailed,
    NoAnswer,
    NotSent,
    OrgError,
    Refused,
    Unreachable,
    refusal,
)
from provisioner.org.shapes import UnexpectedError
from provisioner.org.timing import Timing

# The exceptions of code that reads an answer that it does not understand. LxmlError: not XML or
# HTML; csv.Error: not CSV; RecursionError: nested too deep.
_NOT_UNDERSTOOD = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    StopIteration,
    TypeError,
    ValueError,
    csv.Error,
    etree.LxmlError,
)


@contextmanager
def translated(host: str, timing: Timing) -> Iterator[None]:
    """Raise what requests and urllib3 raise as an OrgError, `from` the original."""
    try:
        yield
    except requests.RequestException as error:
        raise _unreachable(error, host, timing) from error
    except (urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
        raise NoAnswer(host, f"`{host}` closed the connection before it answered") from error


@contextmanager
def understood(host: str, request: str) -> Iterator[None]:
    """Raise every exception of code that reads an answer as an OrgError, `from` the original.

    The code inside must depend only on the answer, so that an exception means that the answer is
    not what Salesforce documents. `request` names the request.
    """
    try:
        yield
    except _NOT_UNDERSTOOD as error:
        raise unexpected(host, request, error) from error


def unexpected(host: str, request: str, error: Exception) -> NoAnswer:
    """The error for an answer that is not understood."""
    why = "it is malformed"
    if isinstance(error, UnexpectedError):
        why = str(error)
    elif isinstance(error, RecursionError):
        why = "it is nested too deep"
    return NoAnswer(
        host,
        f"unexpected answer from `{host}` to {request}: {why}",
        remedy="check that the address is that of the org, and that no proxy answers for it",
    )


def refused(status: int, content: Json, host: str) -> OrgError:
    """The error for an answer without data: Salesforce's JSON errors, or a web page."""
    items = [content] if isinstance(content, Mapping) else content
    if not isinstance(items, Sequence) or isinstance(items, str) or not items:
        return _web_page(status, host)
    urls = [item for item in items if isinstance(item, str)]
    if status == 300 and len(urls) == len(items):
        # 300: several records have this external id; the body lists their URLs.
        return refusal(f"HTTP_{status}", ", ".join(urls), status=status)
    errors = [item for item in items if isinstance(item, Mapping)]
    if len(errors) < len(items):
        return _web_page(status, host)
    codes = [str(error.get("errorCode") or error.get("statusCode") or "") for error in errors]
    messages = dict.fromkeys(str(error.get("message") or "") for error in errors)
    if not codes[0] and not any(messages):
        return _web_page(status, host)
    named = [error.get("fields") for error in errors]
    fields = dict.fromkeys(str(f) for some in named if isinstance(some, list) for f in some)
    return refusal(codes[0] or f"HTTP_{status}", "; ".join(messages), fields, status=status)


def _web_page(status: int, host: str) -> OrgError:
    # Maintenance pages, gateways and wrong hosts answer in HTML. (fact 722)
    message = f"`{host}` answered with a web page or nothing ({status}) instead of data"
    if status == 401:
        return AuthenticationFailed(message, remedy="log in again")
    # Salesforce says in its body what it refuses. These pages come from the servers in front of it
    # and do not tell whether it carried the request out. (fact 722)
    if status >= 500 or status in (400, 406, 420):
        remedy = "the org may be in maintenance; see https://status.salesforce.com"
    elif status >= 400:
        remedy = "check that the address is that of the org"
        return Refused(f"HTTP_{status}", message, remedy=remedy, transient=status == 429)
    else:
        remedy = "check that the address is that of the org, and that no proxy answers for it"
    return NoAnswer(host, message, remedy=remedy)


def _unreachable(error: requests.RequestException, host: str, timing: Timing) -> Unreachable:
    causes = tuple(_causes(error))

    def caused_by(*types: type[BaseException]) -> bool:
        return any(isinstance(cause, types) for cause in causes)

    return _not_sent(error, host, timing, causes, caused_by) or _no_answer(
        error, host, timing, caused_by
    )


def _not_sent(
    error: requests.RequestException,
    host: str,
    timing: Timing,
    causes: Sequence[BaseException],
    caused_by: Callable[..., bool],
) -> NotSent | None:
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
        message = f"no connection to `{host}` within {timing.connect:g} seconds"
        return NotSent(host, message)
    if caused_by(ssl.SSLCertVerificationError) or _handshake_failed(causes):
        message = (
            f"no secure connection to `{host}`: its TLS certificate or version is not accepted"
        )
        remedy = "check the address, and any proxy that opens TLS (REQUESTS_CA_BUNDLE)"
        return NotSent(host, message, remedy=remedy, transient=False)
    # requests refuses to send to a malformed address, or with a malformed header. A malformed
    # header of the response is urllib3's InvalidHeader.
    if isinstance(error, ValueError) and not caused_by(urllib3.exceptions.InvalidHeader):
        return NotSent(host, f"`{host}` is not a valid address", transient=False)
    return None


def _no_answer(
    error: requests.RequestException, host: str, timing: Timing, caused_by: Callable[..., bool]
) -> NoAnswer:
    if caused_by(http.TooSlowError):
        message = f"`{host}` sent its answer too slowly, so reading it was stopped"
        return NoAnswer(host, message, timed_out=True)
    if caused_by(http.TooLargeError):
        message = f"unexpected answer from `{host}`: it has {error}"
        return NoAnswer(host, message, transient=False)
    if caused_by(requests.Timeout, ReadTimeoutError, TimeoutError):
        message = f"`{host}` did not answer in {timing.read:g} seconds"
        return NoAnswer(host, message, timed_out=True)
    if caused_by(requests.exceptions.ContentDecodingError, DecodeError):
        message = f"unexpected answer from `{host}`: its compression cannot be decoded"
        return NoAnswer(host, message)
    if caused_by(requests.exceptions.ChunkedEncodingError, IncompleteRead):
        return NoAnswer(host, f"`{host}` closed the connection before its answer was complete")
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
        cause = waiting.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = (*cause.args, getattr(cause, "reason", None), cause.__cause__)
        waiting += [e for e in inner if isinstance(e, BaseException)]
