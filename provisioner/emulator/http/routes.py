"""A table of routes: the function that answers each path and method, and what is refused.

The table serves requests and the requests inside of composite ones, and `org coverage` lists it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from werkzeug.exceptions import NotFound
from werkzeug.routing import AnyConverter, BaseConverter, Map, Rule

from provisioner.emulator.base.errors import method_not_allowed, not_found
from provisioner.emulator.http.call import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioner.emulator.http.call import Call

Handler = Callable[..., Answer]
_SLASH: Final = "\x1f"  # stands for a slash inside of a part of a path


@dataclass(frozen=True, slots=True)
class Route:
    """One path below a version, as werkzeug writes rules, with a function for each method.

    A function takes the call and the variables of the path whose names do not begin with `_`. A
    call of a version before `since` is refused as a path that is not there (guess). A route that is
    not `served` refuses by name what Salesforce has and this org has not.
    """

    path: str
    methods: Mapping[str, Handler]
    since: int = 0
    served: bool = True


EVERY: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def read(handler: Handler) -> dict[str, Handler]:
    """The methods of a path that is only read."""
    return {"GET": handler, "HEAD": handler}


def each(handler: Handler, *methods: str) -> dict[str, Handler]:
    """The same function for several methods."""
    return dict.fromkeys(methods, handler)


class Routes:
    """Routes by path; the most specific path wins."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)
        rules = [Rule(route.path, endpoint=str(n)) for n, route in enumerate(self._routes)]
        self._adapter = Map(
            rules,
            converters={"any": _Any, "word": _Word, "path": _Rest},
            strict_slashes=False,
            merge_slashes=False,
        ).bind("")

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def answer(self, call: Call) -> Answer:
        """The answer of the route of a call; raises NOT_FOUND and METHOD_NOT_ALLOWED."""
        path = "/" + "/".join(part.replace("/", _SLASH) for part in call.parts)
        try:
            number, values = self._adapter.match(path)
        except NotFound:
            raise not_found() from None
        route = self._routes[int(number)]
        if call.version < route.since:
            raise not_found()
        handler = route.methods.get(call.method)
        if handler is None:
            raise method_not_allowed(call.method, route.methods)
        used = {name: value for name, value in values.items() if not name.startswith("_")}
        return handler(call, **{name: _plain(value) for name, value in used.items()})


class _Any(AnyConverter):
    """One of some words; before a variable that would take the same word."""

    weight = 50


class _Word(BaseConverter):
    """One word without regard to case, as in `<word(batches):_part>`."""

    weight = 50

    def __init__(self, map: Map, word: str) -> None:  # noqa: A002 - the name in werkzeug
        super().__init__(map)
        self.regex = f"(?i:{re.escape(word)})"


class _Rest(BaseConverter):
    """All parts that are left, at least one."""

    part_isolating = False
    regex = ".+"
    weight = 200


def _plain(value: Any) -> Any:
    return value.replace(_SLASH, "/") if isinstance(value, str) else value
