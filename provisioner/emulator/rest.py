"""The REST API, `/services/data/`: versions, describe, records, queries, limits."""

from __future__ import annotations

import zlib
from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, json, request

from provisioner.emulator import (
    composite,
    context,
    describe,
    describe_json,
    query,
    records,
    soql_sql,
)
from provisioner.emulator.api import Answer, Call, JsonKindError
from provisioner.emulator.errors import SalesforceError, not_found
from provisioner.emulator.rules import permissions
from provisioner.emulator.store import parse_timestamp

if TYPE_CHECKING:
    from provisioner.emulator.describe import SObject
    from provisioner.emulator.store import Org, Session

blueprint = Blueprint("rest", __name__)

OLDEST: Final = 31  # 7 to 30 are retired (platform reference 6.4 [V])
NEWEST: Final = 63
DAILY_CALLS: Final = 15_000  # of a Developer org (platform reference 8.4 [U])
_LONGEST_URI: Final = 16_384  # platform reference 8.1 [V]
_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


@blueprint.get("/services/data")
def versions() -> Response:
    """Every version, without a login."""
    return _response(
        Answer(
            200,
            [
                {"label": _label(v), "url": f"/services/data/v{v}.0", "version": f"{v}.0"}
                for v in range(OLDEST, NEWEST + 1)
            ],
        )
    )


@blueprint.route("/services/data/<version>", defaults={"path": ""}, methods=_METHODS)
@blueprint.route("/services/data/<version>/<path:path>", methods=_METHODS)
def serve(version: str, path: str) -> Response:
    """One call below a version."""
    if len(request.environ.get("REQUEST_URI", request.full_path)) > _LONGEST_URI:
        # HTML, not JSON, as from the web server in front (platform reference 2.4, 8.1).
        return Response("<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>", 414)
    used = None
    try:
        number = _version(version)
        session = context.require_session()
        used = context.org().api_call()
        answer = _guarded(context.org(), session, used) or answer_to(
            Call(
                context.org(),
                session,
                number,
                request.method,
                tuple(part for part in path.split("/") if part),
                request.args,
                {name.lower(): value for name, value in request.headers},
                _text(),
                context.instance_url(),
            )
        )
    except SalesforceError as error:
        answer = Answer(error.status, error.rest(), _error_headers(error))
    response = _response(answer)
    if used is not None:
        response.headers["Sforce-Limit-Info"] = f"api-usage={used}/{DAILY_CALLS}"
    return response


def answer_to(call: Call) -> Answer:
    """The answer to a call; a refusal becomes an answer here."""
    try:
        return _route(call)
    except JsonKindError as error:
        placed = error.at(call.text)
        return Answer(placed.status, placed.rest())
    except SalesforceError as error:
        return Answer(error.status, error.rest(), _error_headers(error))


def _route(call: Call) -> Answer:
    match call.parts:
        case ():
            call.allow("GET", "HEAD")
            return Answer(200, {name: f"{call.base}/{name}" for name in _RESOURCES})
        case ("sobjects", *names):
            return _sobjects(call, tuple(names))
        case ("query" | "queryAll" as kind,):
            return _query(call, deleted=kind == "queryAll")
        case ("query" | "queryAll", locator):
            call.allow("GET", "HEAD")
            return Answer(200, query.more(_query_context(call), locator))
        case ("tooling", "query"):
            return _query(call, tooling=True)
        case ("limits",):
            call.allow("GET", "HEAD")
            return Answer(200, _limits(call.org))
        case ("limits", "recordCount"):
            call.allow("GET", "HEAD")
            return Answer(200, _record_count(call))
        case ("composite", *rest):
            return composite.answer(call, tuple(rest), answer_to)
        case _:
            raise not_found()


def _sobjects(call: Call, names: tuple[str, ...]) -> Answer:
    match names:
        case ():
            call.allow("GET", "HEAD")
            return _if_modified(call, _describe_global(call))
        case (name, "describe"):
            call.allow("GET", "HEAD")
            known, sobject = describe.catalog(call.org), _sobject(call, name)
            return _if_modified(call, describe_json.whole(known, sobject, call.base, call.instance))
        case (name, id_, "password") if name.lower() == "user":
            return records.password(call, id_)
        case (name,):
            return records.collection(call, _sobject(call, name))
        case (name, id_):
            return records.by_id(call, _sobject(call, name), id_)
        case (name, key, *rest):
            return records.by_key(call, _sobject(call, name), key, "/".join(rest))
    raise AssertionError("every length is matched")


_RESOURCES: Final = ("composite", "limits", "query", "queryAll", "sobjects", "tooling")


def _sobject(call: Call, name: str) -> SObject:
    found = describe.catalog(call.org).get(name)
    if found is None:
        raise not_found()
    return found


def _describe_global(call: Call) -> dict[str, Any]:
    known = describe.catalog(call.org)
    brief = [
        describe_json.brief(sobject, call.base)
        for sobject in sorted(known.sobjects.values(), key=lambda s: s.name)
    ]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": brief}


def _if_modified(call: Call, body: dict[str, Any]) -> Answer:
    """304 when the schema is as old as `If-Modified-Since` (platform reference 8.4 [V])."""
    changed = parse_timestamp(call.org.setting("schema changed") or "1970-01-01T00:00:00.000+0000")
    headers = {
        "Last-Modified": format_datetime(changed, usegmt=True),
        "ETag": f'"{zlib.crc32(f"{changed}{call.parts}".encode()):08x}"',
    }
    since = call.headers.get("if-modified-since")
    if since is not None:
        try:
            moment = parsedate_to_datetime(since)
        except ValueError:
            raise SalesforceError("MALFORMED_DATE", f"malformed date: {since}") from None  # guess
        if changed <= (moment if moment.tzinfo else moment.replace(tzinfo=UTC)):
            return Answer(304, None, headers)
    return Answer(200, body, headers)


def _query(call: Call, *, deleted: bool = False, tooling: bool = False) -> Answer:
    call.allow("GET", "HEAD")
    text = call.params.get("q")
    if text is None:
        raise SalesforceError("MALFORMED_QUERY", "SOQL statements cannot be empty or null")  # guess
    page = query.PAGE
    for option in call.headers.get("sforce-query-options", "").split(","):
        name, _, size = option.partition("=")
        if name.strip().lower() == "batchsize" and size.strip().isdigit():
            page = max(200, min(query.PAGE, int(size)))
    here = _query_context(call, deleted=deleted, tooling=tooling)
    body = query.run(here, text, page=page)
    if tooling:
        _one_full_name(text, body)
    return Answer(200, body)


def _query_context(call: Call, *, deleted: bool = False, tooling: bool = False) -> soql_sql.Context:
    known = describe.catalog(call.org, tooling=tooling)
    return soql_sql.Context(call.org, known, call.base, call.by, deleted)


def _one_full_name(text: str, body: dict[str, Any]) -> None:
    if body["totalSize"] > 1 and "fullname" in text.lower():  # platform reference 4.2 [V]
        raise SalesforceError(
            "MALFORMED_QUERY",
            "When retrieving results with Metadata or FullName fields, the query qualifications"
            f" must specify no more than one row for retrieval. Result size: {body['totalSize']}",
        )


def _limits(org: Org) -> dict[str, Any]:
    used = int(org.setting(f"api calls {org.now():%Y-%m-%d}") or 0)
    return {
        "DailyApiRequests": {"Max": DAILY_CALLS, "Remaining": DAILY_CALLS - used},
        "DataStorageMB": {"Max": 5, "Remaining": 5},
        "FileStorageMB": {"Max": 20, "Remaining": 20},
        "SingleEmail": {"Max": 15, "Remaining": 15},
    }


def _record_count(call: Call) -> dict[str, Any]:
    known = describe.catalog(call.org)
    wanted = [name for name in call.params.get("sObjects", "").split(",") if name]
    found = [known.get(name) for name in wanted] if wanted else list(known.sobjects.values())
    return {
        "sObjects": [
            {"count": _count(call.org, sobject), "name": sobject.name}
            for sobject in found
            if sobject is not None
        ]
    }


def _count(org: Org, sobject: SObject) -> int:
    live = ' WHERE "IsDeleted" = 0' if sobject.soft_delete else ""
    rows = org.execute(f'SELECT COUNT(*) FROM "{sobject.name}"{live}')  # noqa: S608 - our names
    return int(rows[0][0])


# -- HTTP --------------------------------------------------------------------------------------


def _version(text: str) -> int:
    number = text.removeprefix("v").removesuffix(".0")
    if text != f"v{number}.0" or not number.isdigit() or int(number) > NEWEST:
        raise not_found()
    if int(number) < OLDEST:  # 410 [V], platform reference 6.4; text: guess
        raise SalesforceError("GONE", f"API version {number}.0 is retired", status=410)
    return int(number)


def _guarded(org: Org, session: Session, used: int) -> Answer | None:
    """What refuses every call alike: the day's calls are used up, or the user has no API access."""
    if used > DAILY_CALLS:  # platform reference 2.4 [V]
        raise SalesforceError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
    if not permissions.has(org, session.user_id, "ApiEnabled"):  # platform reference 2.4 [U]
        raise SalesforceError("API_CURRENTLY_DISABLED", "API is disabled for this User", status=403)
    return None


def _text() -> str:
    kind = request.mimetype
    if request.content_length and kind != "application/json":
        raise SalesforceError(  # 415 [V], platform reference 2.4; text: guess
            "UNSUPPORTED_MEDIA_TYPE", f"Content type '{kind}' is not supported.", status=415
        )
    return request.get_data(as_text=True)


def _error_headers(error: SalesforceError) -> dict[str, str]:
    if error.status != 401:
        return {}
    caching = "no-cache,must-revalidate,max-age=0,no-store,private"
    return {"WWW-Authenticate": "Token", "Cache-Control": caching}  # recorded: 2.4 [V]


def _response(answer: Answer) -> Response:
    body = b"" if answer.body is None else json.dumps(answer.body).encode()
    response = Response(body, answer.status, content_type="application/json;charset=UTF-8")
    if answer.body is None:
        del response.headers["Content-Type"]
    response.headers.extend(answer.headers)
    return response


def _label(version: int) -> str:
    season = ("Summer", "Winter", "Spring")[(version - OLDEST) % 3]
    year = 14 + (version - OLDEST + 2) // 3
    return f"{season} '{year}"
