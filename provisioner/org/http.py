"""Sessions to an org: time-outs on every request, and plain http only to this machine.

simple-salesforce writes `https://` into every URL, and requests waits for ever by default
(platform reference 8.5); both are mended here, in adapters, so that they hold for every
request of a session.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.structures import CaseInsensitiveDict

from provisioner.org.errors import AuthenticationFailed
from provisioner.org.timing import is_loopback

CONNECT_SECONDS = 10.0
READ_SECONDS = 120.0


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


class _Patient(HTTPAdapter):
    """Waits, but not for ever."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        kwargs["timeout"] = kwargs.get("timeout") or (CONNECT_SECONDS, READ_SECONDS)
        return super().send(request, *args, **kwargs)


class _LoopbackOnly(_Patient):
    """Plain http, to this machine only: elsewhere it would show the session to the network."""

    def check(self, url: str) -> None:
        """Raises AuthenticationFailed when `url` is not on this machine."""
        if not is_loopback(url):
            host = urlsplit(url).hostname or ""
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
