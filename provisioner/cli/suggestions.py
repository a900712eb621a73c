"""Complete the commands that messages suggest with the spec and the environment of this run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar, cast

from provisioner.model.diagnostics import Diagnostic
from provisioner.render.terminal import Line

_WITH_SPEC = ("plan", "apply", "drift", "url", "lease show", "lease break")
_WITH_OPTION = ("explain login", "verify login", "password reset")
# A command that already names a file, such as `apply FILE`, is complete.
_COMMAND = re.compile(
    rf"`provisioner (?:({'|'.join(_WITH_SPEC)})((?: --[^`]*)?)"
    rf"|({'|'.join(_WITH_OPTION)})((?: [^`]*)?))`"
)
T = TypeVar("T")
_TEXTS = ("help", "remedy")

_spec: str | None = None
_environment: str | None = None


def about(spec: str | None, environment: str | None) -> None:
    """Remember the spec and the environment as the user gave them."""
    global _spec, _environment
    _spec, _environment = spec, environment


def complete(text: str) -> str:
    """The text with every suggested command as the user can paste it."""
    return _COMMAND.sub(_completed, text)


def diagnostics(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The same problems, with the commands in their help completed."""
    return tuple(
        replace(one, help=complete(one.help)) if one.help and "`provisioner " in one.help else one
        for one in found
    )


def lines(found: Iterable[Line]) -> Iterator[Line]:
    """The same lines, with the commands in them completed."""
    for line in found:
        parts = line.parts
        yield Line(*(complete(p) if isinstance(p, str) else (complete(p[0]), p[1]) for p in parts))


def view(document: T) -> T:
    """The same document, with the commands in its remedies completed."""
    return cast("T", _view(document))


def _view(found: object) -> object:
    match found:
        case Mapping():
            return {
                name: complete(value) if name in _TEXTS and isinstance(value, str) else _view(value)
                for name, value in found.items()
            }
        case list():
            return [_view(one) for one in found]
        case _:
            return found


def _completed(match: re.Match[str]) -> str:
    command, rest = match[1] or match[3], match[2] or match[4] or ""
    given = []
    if _spec is not None:
        given += [_spec] if command in _WITH_SPEC else ["--spec", _spec]
    if _environment is not None:
        given += ["--env", _environment]
    return f"`provisioner {command}{rest}{''.join(f' {shlex.quote(one)}' for one in given)}`"
