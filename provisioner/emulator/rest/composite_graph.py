"""`/composite/graph` and `/composite/batch`: many calls in one, graph by graph or one by one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from provisioner.emulator.base.errors import SalesforceError, not_found
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.http.routes import Route
from provisioner.emulator.rest import composite

if TYPE_CHECKING:
    from collections.abc import Callable

# Limits: fact 739; codes and texts of their refusals: guess.
_OLDEST: Final = 31  # versions; fact 613
_MOST_GRAPHS: Final = 75
_MOST_NODES: Final = 500
_DEEPEST: Final = 15
_MOST_KINDS: Final = 15
_MOST_FAILURES: Final = 14
_MOST_IN_BATCH: Final = 25  # REST guide, "Composite Batch"
_NODE: Final = re.compile(r"/services/data/v\d+\.0/sobjects/(\w+)")
_BATCHED: Final = re.compile(r"(?:/services/data/)?v(\d{1,3})\.0(?:/|$)")
_REFERENCE: Final = re.compile(r"@\{([^}.\[]+)")


def routes(answer_to: Callable[[Call], Answer]) -> tuple[Route, ...]:
    """The routes of graphs and batches; `answer_to` answers the calls inside."""
    return (
        Route("/composite/graph", {"POST": partial(_graph, answer_to=answer_to)}),
        Route("/composite/batch", {"POST": partial(_batch, answer_to=answer_to)}),
    )


def _graph(call: Call, answer_to: Callable[[Call], Answer]) -> Answer:
    """Each graph is done whole or not at all; the others do not mind."""
    graphs = call.json().get("graphs")
    if not isinstance(graphs, list) or not all(isinstance(one, dict) for one in graphs):
        raise SalesforceError("JSON_PARSER_ERROR", "graphs is required")  # guess
    named = [(str(one.get("graphId", "")), _requests(one)) for one in graphs]
    _check(named)
    for _, requests in named:
        composite.check(call, requests)
    done = []
    failures = 0
    for name, requests in named:
        if failures > _MOST_FAILURES:
            responses, well = [_halted(one) for one in requests], False
        else:
            responses, well = composite.together(call, requests, answer_to)
            failures += not well
        done.append(
            {
                "graphId": name,
                "graphResponse": {"compositeResponse": responses},
                "isSuccessful": well,
            }
        )
    return Answer(200, {"graphs": done})


def _batch(call: Call, answer_to: Callable[[Call], Answer]) -> Answer:
    """Calls that know nothing of each other; with `haltOnError` the first failure is the last."""
    body = call.json()
    requests = body.get("batchRequests")
    if not isinstance(requests, list) or not all(isinstance(one, dict) for one in requests):
        raise SalesforceError("JSON_PARSER_ERROR", "batchRequests is required")  # guess
    if len(requests) > _MOST_IN_BATCH:
        raise composite.too_many(_MOST_IN_BATCH)  # the words of a composite call; here [I]
    results: list[dict[str, Any]] = []
    failed = False
    for request in requests:
        if failed and body.get("haltOnError"):
            halted = SalesforceError(  # REST guide, "Composite Batch" [U]
                "BATCH_PROCESSING_HALTED", "Batch processing halted per request", status=412
            )
            results.append({"statusCode": 412, "result": halted.rest()})
            continue
        one = _batched(call, request, answer_to)
        failed = failed or one.status >= 400
        results.append({"statusCode": one.status, "result": one.body})
    return Answer(200, {"hasErrors": failed, "results": results})


def _batched(call: Call, request: dict[str, Any], answer_to: Callable[[Call], Answer]) -> Answer:
    try:
        url = urlsplit(str(request.get("url", "")))
    except ValueError:  # such as an address with half of its brackets
        return _nothing()
    version = _BATCHED.match(url.path)
    # a version of its own is allowed as long as it is not above the call's (REST guide)
    if version is None or not _OLDEST <= int(version[1]) <= call.version:
        return _nothing()
    parts = tuple(unquote(part) for part in url.path[version.end() :].split("/") if part)
    if parts[:1] == ("composite",) or not composite.ALONE.isdisjoint(parts[:1]):
        return _nothing()
    given = request.get("richInput")
    return answer_to(
        replace(
            call,
            version=int(version[1]),
            method=str(request.get("method", "")).upper(),
            parts=parts,
            params=dict(parse_qsl(url.query, keep_blank_values=True)),
            text="" if given is None else json.dumps(given),
        )
    )


def _nothing() -> Answer:
    error = not_found()
    return Answer(error.status, error.rest())


def _requests(graph: dict[str, Any]) -> list[dict[str, Any]]:
    found = graph.get("compositeRequest")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise SalesforceError("JSON_PARSER_ERROR", "compositeRequest is required")  # guess
    return found


def _check(named: list[tuple[str, list[dict[str, Any]]]]) -> None:
    # limits: fact 739; codes and texts: guess
    if len({name for name, _ in named}) < len(named) or any(not name for name, _ in named):
        raise SalesforceError("INVALID_INPUT", "each graph needs a graphId of its own")
    if len(named) > _MOST_GRAPHS:
        raise SalesforceError("LIMIT_EXCEEDED", f"at most {_MOST_GRAPHS} graphs are allowed")
    if sum(len(requests) for _, requests in named) > _MOST_NODES:
        raise SalesforceError("LIMIT_EXCEEDED", f"at most {_MOST_NODES} nodes are allowed")
    for name, requests in named:
        kinds = {_kind(name, one) for one in requests}
        if len(kinds) > _MOST_KINDS:
            raise SalesforceError(
                "LIMIT_EXCEEDED", f"graph {name} has more than {_MOST_KINDS} kinds of nodes"
            )
        depths: dict[str, int] = {}
        for one in requests:
            used = _REFERENCE.findall(json.dumps([one.get("url"), one.get("body")]))
            depth = 1 + max((depths.get(reference, 0) for reference in used), default=0)
            depths[str(one.get("referenceId"))] = depth
            if depth > _DEEPEST:
                raise SalesforceError(
                    "LIMIT_EXCEEDED", f"graph {name} is deeper than {_DEEPEST} nodes"
                )


def _kind(name: str, request: dict[str, Any]) -> str:
    found = _NODE.match(str(request.get("url", "")))
    if found is None:  # guess
        raise SalesforceError("INVALID_INPUT", f"graph {name}: only records can be nodes")
    return found[1].lower()


def _halted(request: dict[str, Any]) -> dict[str, Any]:
    error = SalesforceError(  # more than 14: fact 739; text: guess
        "PROCESSING_HALTED", f"more than {_MOST_FAILURES} graphs failed before this one"
    )
    return {
        "body": error.rest(),
        "httpHeaders": {},
        "httpStatusCode": 400,
        "referenceId": request.get("referenceId"),
    }
