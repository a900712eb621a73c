"""A refusal of a whole request, worded as the Salesforce surface that its path belongs to.

For refusals that no surface makes itself: faults that were asked for, and paths or methods that no
route takes.
"""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape as escape_xml

from flask import Response, request

from provisioner.emulator.base.errors import (
    SalesforceError,
    method_not_allowed,
    not_found,
    not_served,
)
from provisioner.emulator.http import soap_metadata, soap_partner

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue
    from werkzeug.exceptions import HTTPException

# The first that matches is the surface of a path; what matches none is a page.
_SURFACES: Final = (
    ("oauth", re.compile(r"/services/oauth2/|/id/|/\.well-known/openid-configuration")),
    ("bulk1", re.compile(r"/services/async/")),
    ("bulk", re.compile(r"/services/data/[^/]+/jobs(/|$)")),
    ("metadata", re.compile(r"/services/Soap/m/|/services/data/[^/]+/metadata(/|$)")),
    ("soap", re.compile(r"/services/Soap/")),
    ("tooling", re.compile(r"/services/data/[^/]+/tooling(/|$)")),
    ("composite", re.compile(r"/services/data/[^/]+/composite(/|$)")),
    ("query", re.compile(r"/services/data/[^/]+/query(All)?(/|$)")),
    ("rest", re.compile(r"/services/")),
)
SURFACES: Final = (*(name for name, _ in _SURFACES), "pages")
# Surfaces that Salesforce has and the local org does not serve.
_NOT_SERVED: Final = (
    ("/services/scim/", "SCIM"),
    ("/services/Soap/c/", "the enterprise SOAP API"),
)
_BULK1: Final = "http://www.force.com/2009/06/asyncapi/dataload"  # Bulk API 1.0 guide, "Errors"


def surface(path: str) -> str:
    """The name of the surface that a path belongs to, one of SURFACES."""
    return next((name for name, form in _SURFACES if form.match(path)), "pages")


def refusal(path: str, error: SalesforceError) -> Response:
    """The refusal in the form of the path's surface.

    JSON of one error from REST and from the token endpoint (fact 701, where an
    OAuth code, which is in lower case, comes in OAuth's own form), a fault with HTTP 500 from
    SOAP, an `error` element from Bulk 1.0, a page from everything else.
    """
    kind = surface(path)
    if kind == "soap":
        return soap_partner.fault(error.code, error.message)
    if path.startswith("/services/Soap/"):
        return soap_metadata.fault(f"sf:{error.code}", f"{error.code}: {error.message}")
    match kind:
        case "oauth" if error.code.islower():
            body = {"error": error.code, "error_description": error.message}
            return _json(error.status, body)
        case "bulk1":
            text = (
                f'<?xml version="1.0" encoding="UTF-8"?><error xmlns="{_BULK1}">'
                f"<exceptionCode>{escape_xml(error.code)}</exceptionCode>"
                f"<exceptionMessage>{escape_xml(error.message)}</exceptionMessage></error>"
            )
            return Response(text, error.status, content_type="application/xml;charset=UTF-8")
        case "pages":
            return page(error.status, error.message)
        case _:
            return _json(error.status, error.rest())


def unrouted(error: HTTPException) -> ResponseReturnValue:
    """What a request gets that no route takes, or that made the local org itself fail.

    Below `/services/` in the form of the surface, with the codes of REST (fact 710
    [V]; those of the other surfaces are a guess); elsewhere a page.
    """
    path = request.path
    if not path.startswith(("/services/", "/id/")) or (error.code or 0) < 400:
        return error
    refused = preflight()
    if refused is not None:
        return refused
    match error.code:
        case 404:
            absent = next((name for base, name in _NOT_SERVED if path.startswith(base)), None)
            found = not_served(absent) if absent else not_found()
        case 405 if path.startswith("/services/Soap/"):
            return _only_post(path)
        case 405:
            allowed = set(getattr(error, "valid_methods", None) or ()) - {"OPTIONS"}
            found = method_not_allowed(request.method, allowed)
            response = refusal(path, found)
            response.headers["Allow"] = found.allowed
            return response
        case 500:
            text = "An unexpected error occurred."
            found = SalesforceError("UNKNOWN_EXCEPTION", text, status=500)
        case status:
            found = SalesforceError("UNKNOWN_EXCEPTION", error.name, status=status or 500)
    return refusal(path, found)


def preflight() -> Response | None:
    """What a browser's question is answered with, whether a page of another origin may call here.

    No origin is in this org's allowlist, so 403 (help, "Configure Salesforce CORS Allowlist" [V];
    without a body: guess). A request that is no such question is None.
    """
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    return Response(b"", 403)


def _only_post(path: str) -> Response:
    """How SOAP refuses other methods, as seen in real orgs (sfdx-waw-plugin#29 [V])."""
    body = (
        '<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>\n'
        "<title>Error 405 Only POST allowed</title>\n</head>\n<body><h2>HTTP ERROR 405</h2>\n"
        f"<p>Problem accessing {escape(path)}. Reason:\n<pre>    Only POST allowed</pre></p>"
        "<hr /><br/>\n</body>\n</html>\n"
    )
    return Response(body, 405, {"Allow": "POST"}, content_type="text/html;charset=UTF-8")


def page(status: int, text: str) -> Response:
    """A bare HTML page that says `text`, as servers in front of Salesforce send them."""
    shown = escape(text)
    body = f"<html><head><title>{shown}</title></head><body><h1>{shown}</h1></body></html>"
    return Response(body, status, content_type="text/html;charset=UTF-8")


def as_json(body: object, *, pretty: bool = False) -> bytes:
    """JSON as Salesforce prints it: with no spaces, and every character in UTF-8.

    `pretty` is how it is printed for people (REST guide, `X-PrettyPrint: 1`).
    """
    separators = (",", " : ") if pretty else (",", ":")
    indent = 2 if pretty else None
    text = json.dumps(body, ensure_ascii=False, separators=separators, indent=indent)
    return text.encode("utf-8", "replace")  # half a character is none


def _json(status: int, body: object) -> Response:
    return Response(as_json(body), status, content_type="application/json;charset=UTF-8")
