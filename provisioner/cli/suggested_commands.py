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


def diagnostics(problems: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The same problems, with the commands in their help completed."""
    return tuple(
        replace(p, help=complete(p.help)) if p.help and "`provisioner " in p.help else p
        for p in problems
    )


def lines(lines: Iterable[Line]) -> Iterator[Line]:
    """The same lines, with the commands in them completed."""
    for line in lines:
        parts = line.parts
        yield Line(*(complete(p) if isinstance(p, str) else (complete(p[0]), p[1]) for p in parts))


def view(document: T) -> T:
    """The same document, with the commands in its remedies completed."""
    return cast("T", _view(document))


def _view(value: object) -> object:
    match value:
        case Mapping():
            return {
                name: complete(item) if name in _TEXTS and isinstance(item, str) else _view(item)
                for name, item in value.items()
            }
        case list():
            return [_view(item) for item in value]
        case _:
            return value


def _completed(match: re.Match[str]) -> str:
    command, rest = match[1] or match[3], match[2] or match[4] or ""
    arguments = []
    if _spec is not None:
        arguments += [_spec] if command in _WITH_SPEC else ["--spec", _spec]
    if _environment is not None:
        arguments += ["--env", _environment]
    return f"`provisioner {command}{rest}{''.join(f' {shlex.quote(a)}' for a in arguments)}`"
