"""Every route and operation of the local org, read from the tables that serve them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from provisioner.emulator.http import refusals
from provisioner.emulator.metadata import endpoint as metadata
from provisioner.emulator.partner import endpoint as partner
from provisioner.emulator.rest import router

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flask import Flask

_BASE: Final = "/services/data/<version>"
# a variable of a rule: a word as it is, others by their names
_CONVERTED: Final = re.compile(r"<(?:word\((?P<word>\w+)\):\w+|(?:path:)?(?P<name>\w+?)_?)>")
_QUIET: Final = frozenset({"HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Route:
    """One address with the methods it takes; an operation of SOAP has its name behind `#`."""

    surface: str
    methods: tuple[str, ...]
    path: str


def routes(app: Flask) -> tuple[Route, ...]:
    """The routes of Flask's map, those of the REST API, then SOAP's operations."""
    found = {_route(rule.rule, rule.methods or ()) for rule in app.url_map.iter_rules()}
    found |= set(_below())
    for letter, operations in (("m", metadata.OPERATIONS), ("u", partner.OPERATIONS)):
        path = f"/services/Soap/{letter}/<version>"
        found |= {_route(f"{path}#{name}", ("POST",)) for name in operations}
    order = [*refusals.SURFACES, "control"]
    return tuple(sorted(found, key=lambda one: (order.index(one.surface), one.path, one.methods)))


def _below() -> Iterator[Route]:
    for route in router.ROUTES:
        if route.served:
            path = _CONVERTED.sub(lambda match: match["word"] or f"<{match['name']}>", route.path)
            yield _route(f"{_BASE}{path}".rstrip("/"), route.methods)


def _route(path: str, methods: Iterable[str]) -> Route:
    surface = "control" if path.startswith("/emulator/") else refusals.surface(path)
    return Route(surface, tuple(sorted(set(methods) - _QUIET)), path)
