"""Several calls in one: `/composite`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from provisioner.emulator.base.errors import SalesforceError, not_found
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.http.routes import Route, read
from provisioner.emulator.rest import collections
from provisioner.emulator.schema import objects
from provisioner.emulator.schema.versions import NEWEST, OLDEST
from provisioner.emulator.store.database import Rollback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Limits: fact 734; codes and texts of their refusals: guess.
_MOST_CALLS: Final = 25
_MOST_QUERIES: Final = 5
# Resources that are no part of a composite call (REST guide, "Composite"); the answer: guess.
ALONE: Final = frozenset({"jobs", "metadata"})
# Headers that a call inside takes from the whole (REST guide, "Composite Subrequest").
_INHERITED: Final = frozenset({"accept", "authorization", "content-type"})
_RESOURCES: Final = ("tree", "batch", "sobjects", "graph")  # in the guide's order
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
# Since when an ill-formed referenceId refuses the whole, and a null field may be referred to
# (REST guide, "Composite Subrequest Result")
_STRICT_SINCE: Final = 52
_REFERENCE: Final = re.compile(r"@\{([^}.\[]+)((?:\.|\[)[^}]*)?\}")


def routes(answer_to: Callable[[Call], Answer]) -> tuple[Route, ...]:
    """The routes below `/composite`; `answer_to` answers the calls inside."""
    return (
        Route("/composite", read(_resources) | {"POST": partial(_composite, answer_to=answer_to)}),
        *collections.ROUTES,
    )


def _resources(call: Call) -> Answer:
    return Answer(200, {name: f"{call.base}/composite/{name}" for name in _RESOURCES})


# -- calls in a call ---------------------------------------------------------------------------


def _composite(call: Call, answer_to: Callable[[Call], Answer]) -> Answer:
    body = call.json()
    requests = body.get("compositeRequest")
    if not isinstance(requests, list) or not all(isinstance(one, dict) for one in requests):
        raise SalesforceError("JSON_PARSER_ERROR", "compositeRequest is required")  # guess
    if len(requests) > _MOST_CALLS:
        return Answer(200, {"compositeResponse": [_over(too_many(_MOST_CALLS))]})
    if sum(map(_is_query, requests)) > _MOST_QUERIES:
        error = SalesforceError(  # text: guess
            "LIMIT_EXCEEDED", f"at most {_MOST_QUERIES} query or collection subrequests are allowed"
        )
        return Answer(200, {"compositeResponse": [_over(error)]})
    check(call, requests)
    if body.get("allOrNone"):
        done, _ = together(call, requests, answer_to)
    else:
        done = _run(call, requests, answer_to, together=False)
    return Answer(200, {"compositeResponse": done})


def too_many(most: int) -> SalesforceError:
    """The refusal of more calls than one may hold: guardian/support-service-lambdas 766 [V]."""
    message = (
        f"The request can\N{RIGHT SINGLE QUOTATION MARK}t contain more than {most} operations."
    )
    return SalesforceError("LIMIT_EXCEEDED", message)


def _over(error: SalesforceError) -> dict[str, Any]:
    """The one answer to a whole that is over a limit: the form is that of the same log [V].

    That the whole is answered with 200 then, as others in that form are: [I].
    """
    return {"body": error.rest(), "httpHeaders": {}, "httpStatusCode": 400, "referenceId": None}


def check(call: Call, requests: list[dict[str, Any]]) -> None:
    """Refuses the whole for what no call inside may have (REST guide); the codes: guess."""
    seen = set()
    for request in requests:
        name = request.get("referenceId")
        headers = request.get("httpHeaders")
        if isinstance(headers, dict) and _INHERITED.intersection(map(str.lower, headers)):
            raise SalesforceError(  # text: guess
                "INVALID_INPUT",
                f"The subrequest '{name}' may not have Accept, Authorization or Content-Type",
            )
        if call.version < _STRICT_SINCE:
            continue
        if not isinstance(name, str) or not _WELL_FORMED.fullmatch(name):
            raise SalesforceError("JSON_PARSER_ERROR", _ill_formed(name))
        if name in seen:  # text: guess
            raise SalesforceError("INVALID_INPUT", f"Duplicate referenceId: {name}")
        seen.add(name)


def _ill_formed(name: object) -> str:
    # the words: REST guide, "Composite Subrequest Result"
    return (
        f"Provided referenceId ('{name}') must start with a letter or a number, and it can"
        " contain only letters, numbers and underscores ('_')."
    )


def together(
    call: Call, requests: list[dict[str, Any]], answer_to: Callable[[Call], Answer]
) -> tuple[list[dict[str, Any]], bool]:
    """The answers to calls in one transaction, and whether it was kept."""
    done: list[dict[str, Any]] = []
    try:
        with call.org.transaction():
            done = _run(call, requests, answer_to, together=True)
            if any(map(_failed, done)):
                raise Rollback
    except Rollback:
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
            inner = replace(_inner(call, request, found), together=together)
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
        nulls = call.version >= _STRICT_SINCE
        url = urlsplit(str(_filled(str(request.get("url", "")), found, nulls=False)))
    except ValueError:  # such as an address with half of its brackets
        raise not_found() from None
    version = re.match(r"/services/data/v(\d{1,3})\.0(?:/|$)", url.path)
    # A call inside may name another version than the whole (REST guide).
    if version is None or not OLDEST <= int(version[1]) <= NEWEST:
        raise not_found()
    path = url.path[version.end() :]
    if path.split("/")[0] in ALONE:
        raise not_found()
    body = _filled(request.get("body"), found, nulls=nulls)
    given = request.get("httpHeaders") or {}
    if not isinstance(given, dict):
        raise SalesforceError("JSON_PARSER_ERROR", "httpHeaders must be an object")  # guess
    headers = {str(k).lower(): str(v) for k, v in given.items()}
    return replace(
        call,
        version=int(version[1]),
        method=str(request.get("method", "")),  # its case matters (REST guide)
        parts=tuple(unquote(part) for part in path.split("/") if part),
        params=dict(parse_qsl(url.query, keep_blank_values=True)),
        headers=headers,
        text="" if body is None else json.dumps(body),
    )


def _filled(value: Any, found: Mapping[str, Answer], *, nulls: bool) -> Any:
    """The value with every `@{ref.path}` replaced by what that answer held.

    With `nulls`, a value that is one reference may be a null of that answer.
    """
    match value:
        case str():
            whole = _REFERENCE.fullmatch(value)
            if whole:
                return _looked_up(whole, found, null=nulls)
            return _REFERENCE.sub(lambda m: str(_looked_up(m, found, null=False)), value)
        case dict():
            return {name: _filled(inner, found, nulls=nulls) for name, inner in value.items()}
        case list():
            return [_filled(inner, found, nulls=nulls) for inner in value]
        case _:
            return value


def _looked_up(reference: re.Match[str], found: Mapping[str, Answer], *, null: bool) -> Any:
    name, path = reference[1], (reference[2] or "").lstrip(".")
    value = found[name].body if name in found else None
    there = name in found
    for step in re.findall(r"[^.\[\]]+", path):
        match value:
            case dict():
                there = step in value
                value = value.get(step)
            case list() if step.isdigit() and int(step) < len(value):
                value = value[int(step)]
            case _:
                value, there = None, False
    if value is None and not (null and there):  # recorded: fact 735
        # The text names the whole reference: CumulusCI's test of composite.py, REST guide [V]
        whole = reference[0][2:-1]
        raise SalesforceError(
            "PROCESSING_HALTED",
            f"Invalid reference specified. No value for {whole} found in {name}",
        )
    return value


def _one_side(inner: Call, written: dict[bool, str]) -> None:
    """Refuses setup and data objects in one transaction (fact 331)."""
    if inner.method in {"GET", "HEAD"} or inner.parts[:1] != ("sobjects",):
        return
    sobject = inner.org.catalog().get(inner.parts[1]) if inner.parts[1:] else None
    if sobject is None:
        return
    setup = sobject.name in objects.SETUP_OBJECTS
    written.setdefault(setup, sobject.name)
    if len(written) > 1:  # text: fact 332
        raise SalesforceError(
            "MIXED_DML_OPERATION",
            "DML operation on setup object is not permitted after you have updated a non-setup"
            f" object (or vice versa): {sobject.name}, original object: {written[not setup]}",
            (),
        )


def _failed(one: dict[str, Any]) -> bool:
    """Whether a call inside was refused, or a record of its collection was."""
    return one["httpStatusCode"] >= 400 or (
        isinstance(one["body"], list)
        and any(isinstance(row, dict) and row.get("success") is False for row in one["body"])
    )


def _undone(one: dict[str, Any]) -> dict[str, Any]:
    if _failed(one):
        return one
    error = SalesforceError(  # text: CumulusCI, tasks/composite.py, and recorded answers [V]
        "PROCESSING_HALTED",
        "The transaction was rolled back since another operation in the same transaction failed.",
    )
    return {**one, "body": error.rest(), "httpHeaders": {}, "httpStatusCode": 400}


def _is_query(request: object) -> bool:
    url = str(request.get("url", "")) if isinstance(request, dict) else ""
    return bool(re.match(r"/services/data/v\d+\.0/(query|queryAll|composite/sobjects)\b", url))
