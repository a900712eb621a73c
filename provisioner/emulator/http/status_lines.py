"""The reason in the status line of an answer, as the web server in front of Salesforce words it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# "Server Error": platform reference 2.4 [V], as Jetty words it, whose pages real orgs send (2.4
# [V]); the others are Jetty's, too [I].
_LINES: Final = {str(one.value): f"{one.value} {one.phrase}" for one in HTTPStatus} | {
    "414": "414 URI Too Long",
    "500": "500 Server Error",
}


class Worded:
    """The app with those reasons in place of Flask's, which are in capitals."""

    def __init__(self, inner: WSGIApplication) -> None:
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        def started(line: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start(_LINES.get(line[:3], line), headers, *more)

        return self._inner(environ, started)
