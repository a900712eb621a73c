"""The REST API, `/services/data/`: versions, describe, records, queries, limits."""

from __future__ import annotations

from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, request

from provisioner.emulator.access import visible
from provisioner.emulator.base.errors import (
    JsonKindError,
    SalesforceError,
    media_type,
    not_found,
    not_served,
)
from provisioner.emulator.bulk import v2 as bulk2
from provisioner.emulator.http import bodies, context, gate, refusals
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.http.routes import EVERY, Route, Routes, each, read
from provisioner.emulator.metadata import rest as metadata_rest
from provisioner.emulator.rest import (
    composite,
    composite_graph,
    composite_tree,
    connect,
    limits,
    recent,
    search,
    sobjects,
    tooling,
    tooling_entities,
)
from provisioner.emulator.rules import duplicates
from provisioner.emulator.schema import versions
from provisioner.emulator.schema.versions import NEWEST, OLDEST
from provisioner.emulator.sites import jobs
from provisioner.emulator.soql import (
    column_metadata,
    parse,
    run,
    scope,
)

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from werkzeug.datastructures import Headers


blueprint = Blueprint("rest", __name__)

_LONGEST_URI: Final = 16_384  # fact 719
_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_ASKED: Final = (*_METHODS, "OPTIONS")  # which no resource takes


@blueprint.get("/services/data", defaults={"suffix": ""})
@blueprint.get("/services/data.<any(json, xml):suffix>")
def every_version(suffix: str) -> Response:
    """Every version, without a login."""
    _, accept = _accepted(f".{suffix}", request.headers.get("Accept", ""))
    try:
        bodies.require_json(accept)
    except SalesforceError as error:
        return _response(Answer(error.status, error.rest()))
    found = [
        {"label": _label(v), "url": f"/services/data/v{v}.0", "version": f"{v}.0"}
        for v in range(OLDEST, NEWEST + 1)
    ]
    return _response(Answer(200, found))


@blueprint.route("/services/data/<version>", defaults={"path": ""}, methods=_ASKED)
@blueprint.route("/services/data/<version>/<path:path>", methods=_ASKED)
def serve(version: str, path: str) -> Response:
    """One call below a version."""
    refused = _too_long() or refusals.preflight()
    if refused is not None:
        return refused
    path, accept = _accepted(path, request.headers.get("Accept", ""))
    parts = tuple(part for part in path.split("/") if part)
    begun = context.org().now()
    try:
        caller = gate.enter("rest", _token(), version, operation="".join(parts[:1]))
        answer = answer_to(
            Call(
                caller.org,
                caller.session,
                caller.version,
                _method(),
                parts,
                request.args,
                {name.lower(): value for name, value in request.headers} | {"accept": accept},
                _text(path),
                context.instance_url(),
            )
        )
    except SalesforceError as error:
        answer = Answer(error.status, error.rest(), _error_headers(error))
    response = _response(answer)
    usage = gate.usage()
    if usage is not None:
        response.headers["Sforce-Limit-Info"] = f"api-usage={usage.used}/{usage.most}"
    # An answer and the dates in it are of one clock.
    response.headers["Date"] = format_datetime(begun, usegmt=True)
    return response


def answer_to(call: Call) -> Answer:
    """The answer to a call; a refusal becomes an answer here."""
    header = call.headers.get("sforce-duplicate-rule-header", "")
    try:
        with duplicates.saving(header, call.base):
            answer = _route(call)
    except JsonKindError as error:
        placed = error.at(call.text)
        return Answer(placed.status, placed.rest())
    except SalesforceError as error:
        return Answer(error.status, error.rest(), _error_headers(error))
    jobs.looked_at(call)
    return answer


def _route(call: Call) -> Answer:
    if call.version < versions.RESOURCES.get(call.parts[:2], 0):
        raise not_found()  # as one that never was: guess
    if call.parts[:1] not in {("jobs",), ("metadata",)}:
        bodies.require_json(call.headers.get("accept", ""))
    return ROUTES.answer(call)


def _resources(call: Call) -> Answer:
    known = [name for name in _RESOURCES if call.version >= versions.NAMED.get(name, 0)]
    names = {name: f"{call.base}/{name}" for name in known}
    identity = f"{call.instance}/id/{call.org.organization_id()}/{call.by}"
    return Answer(200, {**names, "identity": identity})


def _more(call: Call, locator: str) -> Answer:
    return Answer(200, run.more(visible.context(call.org, call.by, call.version), locator))


def _elsewhere(_call: Call, name: str) -> Answer:
    raise not_served(name)


_RESOURCES: Final = (
    "composite", "connect", "jobs", "limits", "metadata", "parameterizedSearch", "query",
    "queryAll", "recent", "search", "sobjects", "tooling",
)  # fmt: skip

# Resources that a Developer org has and this one has not ("Resources by Version" in the guide).
_ELSEWHERE: Final = (
    ("actions", "analytics", "apexrest", "appMenu", "async-queries", "chatter", "commerce",
     "compactLayouts", "consent", "dedupe", "event", "eventSchema", "folders", "iot",
     "knowledgeManagement", "licensing", "localizedvalue", "match", "process", "quickActions",
     "support", "tabs", "theme", "ui-api", "wave")
)  # fmt: skip


def _query(call: Call, *, deleted: bool = False) -> Answer:
    here, text = visible.context(call.org, call.by, call.version, deleted=deleted), _soql(call)
    if _columns_only(call):
        return Answer(200, column_metadata.columns(here, text))
    return Answer(200, run.run(here, text, page=_size(call)))


def _tooling_query(call: Call) -> Answer:
    known, text = tooling.catalog(call), _soql(call)
    base = f"{call.base}/tooling"
    # The first look at the layouts makes those of a new org: not so when the query is refused.
    with call.org.transaction():
        made = tooling_entities.sources(call.org, call.by, call.version)
        sources = {**made, **visible.sources(call.org, call.by)}
        here = scope.Context(call.org, known, base, call.by, sources=sources)
        if _columns_only(call):
            return Answer(200, column_metadata.columns(here, text))
        body = run.run(here, text, page=_size(call))
        tooling.one_full_name(text, body)
    source = known.get(parse.parse(text).source)
    shape = {"size": len(body["records"]), "queryLocator": None}
    return Answer(200, {**shape, "entityTypeName": source.name if source else None, **body})


def _columns_only(call: Call) -> bool:
    return call.params.get("columns", "").lower() == "true"


def _soql(call: Call) -> str:
    text = call.params.get("q")
    if "explain" in call.params and not text:
        raise not_served("query plans")
    if text is None:  # as a comment quotes a real org: pub [Q]
        raise SalesforceError("MALFORMED_QUERY", "A query string has to be specified")
    if not text.strip():  # the same comment [Q]
        raise SalesforceError("MALFORMED_QUERY", "SOQL statements cannot be empty or null")
    return text


def _size(call: Call) -> int:
    """The page size of `Sforce-Query-Options` (fact 731)."""
    for option in call.headers.get("sforce-query-options", "").split(","):
        name, _, size = option.partition("=")
        if name.strip().lower() == "batchsize" and size.strip().isdecimal():
            return max(200, min(run.PAGE, int(size.strip()[:9])))
    return run.PAGE


_NOT_SERVED: Final = f"/<any({', '.join(map(repr, _ELSEWHERE))}):name>"
ROUTES: Final = Routes(
    (
        Route("/", read(_resources)),
        Route("/query", read(_query)),
        Route("/query/<locator>", read(_more)),
        Route("/queryAll", read(partial(_query, deleted=True))),
        Route("/queryAll/<locator>", read(_more)),
        *sobjects.ROUTES,
        *recent.ROUTES,
        *search.ROUTES,
        *limits.ROUTES,
        *connect.ROUTES,
        *composite.routes(answer_to),
        *composite_graph.routes(answer_to),
        *composite_tree.ROUTES,
        *tooling.routes(_tooling_query),
        *bulk2.ROUTES,
        *metadata_rest.ROUTES,
        Route(_NOT_SERVED, each(_elsewhere, *EVERY), served=False),
        Route(f"{_NOT_SERVED}/<path:_rest>", each(_elsewhere, *EVERY), served=False),
    )
)


# -- HTTP --------------------------------------------------------------------------------------


def _too_long() -> Response | None:
    """What refuses a URI, or a URI and headers, that are too long (fact 719).

    HTML, not JSON, as from the web server in front (fact 719); the text for headers is a guess.
    """
    uri = len(request.environ.get("REQUEST_URI", request.full_path))
    if uri > _LONGEST_URI:
        return Response("<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>", 414)
    if uri + sum(len(name) + len(value) for name, value in request.headers) > _LONGEST_URI:
        text = "<h1>Bad Message 431</h1><pre>reason: Request Header Fields Too Large</pre>"
        return Response(text, 431)
    return None


def _token() -> str | None:
    """The token of the request, empty without credentials, None for those of another kind."""
    given = request.headers.get("Authorization")
    return context.bearer_token() if given else ""


def _accepted(path: str, accept: str) -> tuple[str, str]:
    """A path without its `.json` or `.xml`, and the media types that the client accepts by it.

    "Append .json or .xml to the URI" (REST guide, "Response Format" [V]); the Bulk API has no XML.
    """
    if path.endswith((".json", ".xml")) and not path.startswith(("jobs/", "metadata/")):
        path, _, kind = path.rpartition(".")
        return path, f"application/{kind}"
    return path, accept


def _text(path: str) -> str:
    kind = request.mimetype
    takes_text = bulk2.takes_text(path) or metadata_rest.takes_parts(path)
    if request.content_length and kind == "application/xml" and path.startswith("sobjects/"):
        raise not_served("REST in XML")
    if request.content_length and kind != "application/json" and not takes_text:
        raise media_type(kind)
    return bodies.body()


def _method() -> str:
    """The method; `?_HttpMethod=PATCH` stands for one that a client can not send (REST guide)."""
    given = request.args.get("_HttpMethod", "").upper()
    return given if request.method == "POST" and given in _METHODS else request.method


def _error_headers(error: SalesforceError) -> dict[str, str]:
    if error.allowed:
        return {"Allow": error.allowed}
    if error.status != 401:
        return {}
    caching = "no-cache,must-revalidate,max-age=0,no-store,private"
    return {"WWW-Authenticate": "Token", "Cache-Control": caching}  # recorded: fact 703


def _response(answer: Answer) -> Response:
    if isinstance(answer.body, bytes):  # CSV; the answer names its type
        return Response(answer.body, answer.status, headers=dict(answer.headers))
    body = (
        b""
        if answer.body is None
        else refusals.as_json(answer.body, pretty=request.headers.get("X-PrettyPrint") == "1")
    )
    kind = _Unchanged if answer.status == 304 else Response
    response = kind(body, answer.status, content_type="application/json;charset=UTF-8")
    if answer.body is None:
        del response.headers["Content-Type"]
    response.headers.extend(answer.headers)
    return response


class _Unchanged(Response):
    """A 304 with its `Last-Modified`, as in the REST guide's example [V]: Flask takes it away."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        headers = super().get_wsgi_headers(environ)
        headers["Last-Modified"] = self.headers["Last-Modified"]
        return headers


def _label(version: int) -> str:
    season = ("Summer", "Winter", "Spring")[(version - OLDEST) % 3]
    year = 14 + (version - OLDEST + 2) // 3
    return f"{season} '{year}"
