"""Several calls in one: `/composite`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from provisioner.emulator import bundles, describe
from provisioner.emulator.api import Answer, Call
from provisioner.emulator.errors import SalesforceError, not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Limits: platform reference 8.2 [V]; codes and texts of their refusals: guess.
_MOST_CALLS: Final = 25
_MOST_QUERIES: Final = 5
# Resources that are no part of a composite call (REST guide, "Composite"); the answer: guess.
ALONE: Final = frozenset({"jobs", "metadata"})
_REFERENCE: Final = re.compile(r"@\{([^}.\[]+)((?:\.|\[)[^}]*)?\}")


def answer(call: Call, rest: tuple[str, ...], answer_to: Callable[[Call], Answer]) -> Answer:
    """The answer to a call below `/composite`; `answer_to` answers the calls inside."""
    match rest:
        case ():
            call.allow("POST")
            return _composite(call, answer_to)
        case ("sobjects", *names):
            return bundles.answer(call, tuple(names))
        case _:
            raise not_found()


# -- calls in a call ---------------------------------------------------------------------------


class _Undo(Exception):  # noqa: N818 - leaves the transaction, never this module
    pass


def _composite(call: Call, answer_to: Callable[[Call], Answer]) -> Answer:
    body = call.json()
    requests = body.get("compositeRequest")
    if not isinstance(requests, list) or not all(isinstance(one, dict) for one in requests):
        raise SalesforceError("JSON_PARSER_ERROR", "compositeRequest is required")  # guess
    if len(requests) > _MOST_CALLS:
        raise SalesforceError("LIMIT_EXCEEDED", f"at most {_MOST_CALLS} subrequests are allowed")
    if sum(map(_is_query, requests)) > _MOST_QUERIES:
        raise SalesforceError(
            "LIMIT_EXCEEDED", f"at most {_MOST_QUERIES} query or collection subrequests are allowed"
        )
    if body.get("allOrNone"):
        done, _ = together(call, requests, answer_to)
    else:
        done = _run(call, requests, answer_to, together=False)
    return Answer(200, {"compositeResponse": done})


def together(
    call: Call, requests: list[dict[str, Any]], answer_to: Callable[[Call], Answer]
) -> tuple[list[dict[str, Any]], bool]:
    """The answers to calls in one transaction, and whether it was kept."""
    done: list[dict[str, Any]] = []
    try:
        with call.org.transaction():
            done = _run(call, requests, answer_to, together=True)
            if any(one["httpStatusCode"] >= 400 for one in done):
                raise _Undo
    except _Undo:
        return [_undone(one) for one in done], False
    return done, True


def _run(
    call: Call,
    requests: list[dict[str, Any]],
    answer_to: Callable[[Call], Answer],
    *,
    together: bool,
) -> list[dict[str, Any]]:
    found: dict[str, Any] = {}
    done = []
    written: dict[bool, str] = {}
    for request in requests:
        name = request.get("referenceId")
        try:
            inner = _inner(call, request, found)
            if together:
                _one_side(inner, written)
            one = answer_to(inner)
        except SalesforceError as error:
            one = Answer(error.status, error.rest())
        found[str(name)] = one
        done.append(
            {
                "body": one.body,
                "httpHeaders": dict(one.headers),
                "httpStatusCode": one.status,
                "referenceId": name,
            }
        )
    return done


def _inner(call: Call, request: Mapping[str, Any], found: Mapping[str, Answer]) -> Call:
    try:
        url = urlsplit(str(_filled(str(request.get("url", "")), found)))
    except ValueError:  # such as an address with half of its brackets
        raise not_found() from None
    version = re.match(r"/services/data/v(\d{1,3})\.0(?:/|$)", url.path)
    if version is None or int(version[1]) != call.version:
        raise not_found()
    path = url.path[version.end() :]
    if path.split("/")[0] in ALONE:
        raise not_found()
    body = _filled(request.get("body"), found)
    given = request.get("httpHeaders") or {}
    if not isinstance(given, dict):
        raise SalesforceError("JSON_PARSER_ERROR", "httpHeaders must be an object")  # guess
    headers = {str(k).lower(): str(v) for k, v in given.items()}
    return replace(
        call,
        method=str(request.get("method", "")).upper(),
        parts=tuple(unquote(part) for part in path.split("/") if part),
        params=dict(parse_qsl(url.query, keep_blank_values=True)),
        headers=headers,
        text="" if body is None else json.dumps(body),
    )


def _filled(value: Any, found: Mapping[str, Answer]) -> Any:
    """The value with every `@{ref.path}` replaced by what that answer held."""
    match value:
        case str():
            whole = _REFERENCE.fullmatch(value)
            if whole:
                return _looked_up(whole, found)
            return _REFERENCE.sub(lambda m: str(_looked_up(m, found)), value)
        case dict():
            return {name: _filled(inner, found) for name, inner in value.items()}
        case list():
            return [_filled(inner, found) for inner in value]
        case _:
            return value


def _looked_up(reference: re.Match[str], found: Mapping[str, Answer]) -> Any:
    name, path = reference[1], (reference[2] or "").lstrip(".")
    value = found[name].body if name in found else None
    for step in re.findall(r"[^.\[\]]+", path):
        match value:
            case dict():
                value = value.get(step)
            case list() if step.isdigit() and int(step) < len(value):
                value = value[int(step)]
            case _:
                value = None
    if value is None:  # recorded: platform reference 8.2 [V]
        raise SalesforceError(
            "PROCESSING_HALTED",
            f"Invalid reference specified. No value for {path} found in {name}",
        )
    return value


def _one_side(inner: Call, written: dict[bool, str]) -> None:
    """Refuses setup and data objects in one transaction (page one, 11 [V])."""
    if inner.method in {"GET", "HEAD"} or inner.parts[:1] != ("sobjects",):
        return
    sobject = describe.catalog(inner.org).get(inner.parts[1]) if inner.parts[1:] else None
    if sobject is None:
        return
    setup = sobject.name in describe.SETUP_OBJECTS
    written.setdefault(setup, sobject.name)
    if len(written) > 1:  # text: platform reference 2.3 [V]
        raise SalesforceError(
            "MIXED_DML_OPERATION",
            "DML operation on setup object is not permitted after you have updated a non-setup"
            f" object (or vice versa): {sobject.name}, original object: {written[not setup]}",
            (),
        )


def _undone(one: dict[str, Any]) -> dict[str, Any]:
    if one["httpStatusCode"] >= 400:
        return one
    error = SalesforceError(  # text as remembered from real orgs: guess
        "PROCESSING_HALTED",
        "The transaction was rolled back since another operation in the same transaction failed.",
    )
    return {**one, "body": error.rest(), "httpHeaders": {}, "httpStatusCode": 400}


def _is_query(request: object) -> bool:
    url = str(request.get("url", "")) if isinstance(request, dict) else ""
    return bool(re.match(r"/services/data/v\d+\.0/(query|queryAll|composite/sobjects)\b", url))
