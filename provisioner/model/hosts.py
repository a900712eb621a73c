"""Which hosts belong to an org, and which hosts credentials may be sent to. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from urllib.parse import SplitResult, urlsplit

LOGIN_HOSTS = "PROVISIONER_LOGIN_HOSTS"
"""The environment variable that allows more hosts for credentials: `host` or `host:port`,
separated by commas. It is set outside the repository, so a pull request cannot change it."""

_SALESFORCE = (".salesforce.com", ".salesforce.mil", ".cloudforce.com")
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# `acme`, `acme--uat.sandbox`, `acme.develop`: the part that all hosts of one My Domain share.
# (Salesforce Help, "My Domain URL Formats")
_MY_DOMAIN = re.compile(rf"({_LABEL})((?:\.{_LABEL})?)\.my\.salesforce\.(com|mil)")


def allowed_hosts(environ: Mapping[str, str]) -> frozenset[str]:
    """The hosts that `PROVISIONER_LOGIN_HOSTS` allows, in lower case."""
    names = environ.get(LOGIN_HOSTS, "").split(",")
    return frozenset(name.strip().lower() for name in names if name.strip())


def not_trusted(url: str, allowed: Collection[str] = ()) -> str | None:
    """Why credentials must not be sent to `url`; `None` if they can be sent.

    They can be sent to this machine, and over https to the hosts of Salesforce and of `allowed`.
    The address must consist of a host only.
    """
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https"):
        return f"`{url}` is not the address of an org"
    host, port = parts.hostname or "", _port(parts)
    if is_loopback(url):
        return None if _is_bare(parts) else f"`{url}` has more than a host and a port"
    if parts.scheme == "http":
        return f"credentials would be sent to `{host}` in plain http, which the network can read"
    if not _is_bare(parts):
        return f"`{url}` has more than a host"
    if f"{host}:{port}" in allowed or (port == 443 and host in allowed):
        return None
    if host.endswith(_SALESFORCE) and port == 443:
        return None
    shown = host if port == 443 else f"{host}:{port}"
    return f"credentials are not sent to `{shown}`, which is not a host of Salesforce"


def remedy(url: str) -> str:
    """What to do about an address that `not_trusted` refuses."""
    parts = _split(url)
    if parts is None or not parts.hostname or parts.scheme != "https":
        return "write it as `https://name.my.salesforce.com`; plain http is only for this machine"
    host = parts.hostname if _port(parts) == 443 else f"{parts.hostname}:{_port(parts)}"
    if not_trusted(f"https://{host}", (host,)) is None and not _is_bare(parts):
        return f"write it as `https://{host}`"
    return (
        f"write it as `https://name.my.salesforce.com`, or, if `{host}` is yours, allow it where"
        f" the command runs: {LOGIN_HOSTS}={host}"
    )


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    parts = _split(url)
    host = (parts.hostname or "") if parts else ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_of_org(org: str, url: str) -> bool:
    """Whether `url` is on the same host as `org`, or on another host of its My Domain.

    Those are the hosts of Setup, Lightning and Visualforce. (Salesforce Help, "My Domain URL
    Formats")
    """
    here, there = _split(org), _split(url)
    if here is None or there is None or here.scheme != there.scheme or "@" in there.netloc:
        return False
    if (here.hostname, _port(here)) == (there.hostname, _port(there)):
        return True
    named = _MY_DOMAIN.fullmatch(here.hostname or "")
    if named is None or _port(there) != 443:
        return False
    name, partition, end = named.groups()
    host = there.hostname or ""
    if host in (
        f"{name}{partition}.my.salesforce-setup.{end}",
        f"{name}{partition}.lightning.force.{end}",
    ):
        return True
    visualforce = rf"{re.escape(name)}--{_LABEL}{re.escape(partition)}\.vf\.force\.{end}"
    return re.fullmatch(visualforce, host) is not None


def same_host(url: str, other: str) -> bool:
    """Whether two addresses have the same scheme, host and port."""
    a, b = _split(url), _split(other)
    if a is None or b is None or "@" in b.netloc:
        return False
    return (a.scheme, a.hostname, _port(a)) == (b.scheme, b.hostname, _port(b))


def audiences(login_url: str) -> tuple[str, ...]:
    """The audiences that a JWT for this token endpoint can have, the usual one first.

    A My Domain takes its own address, and that of `login.salesforce.com`, or of
    `test.salesforce.com` for sandboxes and scratch orgs. (Salesforce Help, "OAuth 2.0 JWT Bearer
    Flow for Server-to-Server Integration"; Salesforce DX Developer Guide, "Authorize a Scratch
    Org")
    """
    url = login_url.rstrip("/")
    parts = _split(url)
    named = _MY_DOMAIN.fullmatch(parts.hostname or "") if parts else None
    if named is None:
        return (url,)
    name, partition, end = named.groups()
    tested = partition in (".sandbox", ".scratch") or "--" in name
    return (url, f"https://{'test' if tested else 'login'}.salesforce.{end}")


def is_audience(audience: str, login_url: str) -> bool:
    """Whether a JWT with this audience may be sent to the token endpoint of `login_url`."""
    return audience.rstrip("/") in audiences(login_url)


def _split(url: str) -> SplitResult | None:
    """The parts of an address; `None` if programs could read it in different ways."""
    if not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        _port(parts)
    except ValueError:
        return None
    host = parts.hostname or ""
    return parts if _NAME.fullmatch(host) or _is_ipv6(host) else None


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _port(parts: SplitResult) -> int:
    return parts.port or (80 if parts.scheme == "http" else 443)


def _is_bare(parts: SplitResult) -> bool:
    return (
        parts.path in ("", "/")
        and not parts.query
        and not parts.fragment
        and "@" not in parts.netloc
    )
