"""Name a request in the same way in every run, whatever Ids and values it carries."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

_VERSIONED = re.compile(r"^/services/data/v\d+\.\d+")
_ID = re.compile(r"\b[a-zA-Z0-9]{3}Lo[a-zA-Z0-9]{10}(?:[A-Z0-5]{3})?\b")
_FROM = re.compile(r"\bFROM\s+(\w+)", re.IGNORECASE)
_OPERATION = re.compile(rb"<(?:\w+:)?Body>\s*<(?:\w+:)?(\w+)")
_TYPE = re.compile(rb"<(?:\w+:)?(?:type|metadataType|typeName)>(\w+)<|type=\"(?:\w+:)?(\w+)\"")
_SOAP_READS = frozenset(
    {"readMetadata", "listMetadata", "describeMetadata", "getServerTimestamp", "getUserInfo"}
)


def label(method: str, target: str, body: bytes) -> str:
    """The name of a request: its method, its path without Ids, and what it is about."""
    parts = urlsplit(target)
    path = _VERSIONED.sub("", parts.path)
    named = _ID.sub("{id}", path)
    about = _about(method, path, parts.query, body)
    return f"{method} {named}" + (f" [{about}]" if about else "")


def is_write(method: str, target: str, body: bytes) -> bool:
    """Whether a request is sent to change something in the org, other than the lease."""
    path = urlsplit(target).path
    if method in ("GET", "HEAD", "OPTIONS") or "/sobjects/Group" in path:
        return False
    if path.endswith("/composite"):
        return any(part.get("method") != "GET" for part in _parts(body))
    if "/Soap/" in path:
        return _operation(body) not in _SOAP_READS
    return path not in ("/services/oauth2/token", "/secur/frontdoor.jsp")


def _about(method: str, path: str, query: str, body: bytes) -> str:
    if path.endswith("/composite"):
        parts = _parts(body)
        return " ".join(dict.fromkeys(_part(part) for part in parts))
    if "/Soap/" in path:
        types = dict.fromkeys((a or b).decode() for a, b in _TYPE.findall(body))
        return " ".join((_operation(body), *types))
    if path.endswith(("/query", "/queryAll")):
        return _FROM.search(parse_qs(query).get("q", [""])[0])[1]
    data = _json(body)
    match data:
        case {"records": [{"attributes": {"type": str(sobject)}}, *_]}:
            return sobject
        case {"state": str(state)}:
            return state
        case {"object": str(sobject), "operation": str(operation)}:
            return f"{operation} {sobject}"
        case _:
            return ""


def _part(part: dict[str, Any]) -> str:
    url = urlsplit(str(part.get("url")))
    path = _ID.sub("{id}", _VERSIONED.sub("", url.path))
    found = _FROM.search(parse_qs(url.query).get("q", [""])[0])
    return f"{part.get('method')} {found[1] if found else path}"


def _parts(body: bytes) -> list[dict[str, Any]]:
    data = _json(body)
    return data.get("compositeRequest", []) if isinstance(data, dict) else []


def _operation(body: bytes) -> str:
    found = _OPERATION.search(body)
    return found[1].decode() if found else ""


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
