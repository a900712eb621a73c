"""Lines of styled text: plain where nobody looks at colours, by rich where somebody does."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal, TextIO

from provisioner.model.masking import mask
from provisioner.render.format import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_HANGING = 4
_NARROWEST = 20
_ENDLESS = 1_000_000
_HEIGHT = 25
Part = str | tuple[str, str]


class Line:
    """One line: plain strings, and (text, style) pairs with a style as rich names it.

    Nothing in them is left that a terminal would obey, whoever wrote it, and no masked value.
    """

    __slots__ = ("parts",)

    def __init__(self, *parts: Part) -> None:
        self.parts = tuple(
            visible(mask(p)) if isinstance(p, str) else (visible(mask(p[0])), p[1]) for p in parts
        )

    def __str__(self) -> str:
        return "".join(p if isinstance(p, str) else p[0] for p in self.parts).rstrip()


def write(lines: Iterable[Line], stream: TextIO) -> None:
    """Print the lines: in colour if `has_colour`, and to the width of a terminal.

    Nothing is cut or wrapped in a pipe, so that every line can be searched.
    """
    if not (stream.isatty() or has_colour(stream)):
        stream.writelines(f"{line}\n" for line in lines)
        stream.flush()
        return
    from rich.text import Text

    shown = console(stream)
    for line in lines:
        text = Text.assemble(*line.parts)
        for part in _wrapped(text, shown) if text.cell_len > shown.width else (text,):
            shown.print(part, markup=False, soft_wrap=True)
    stream.flush()


def console(stream: TextIO) -> Console:
    """What prints with rich to the stream: in colour if `has_colour`, as wide as its terminal."""
    from rich.console import Console
    from rich.theme import Theme

    colour = has_colour(stream)
    return Console(
        file=stream,
        highlight=False,
        width=_width(stream) if stream.isatty() else _ENDLESS,
        height=_HEIGHT,  # without it, rich takes no width where `TERM=dumb`
        color_system=_depth() if colour else None,
        force_terminal=colour,
        no_color=not colour,
        legacy_windows=False,
        theme=Theme({"markdown.code": "cyan"}),
    )


def has_colour(stream: TextIO) -> bool:
    """Whether to print colours, as the Python standard library decides it.

    `NO_COLOR` (no-color.org) goes before `FORCE_COLOR` (force-color.org), and that before
    `TERM=dumb`; each counts if it is not empty. Otherwise a terminal has colours.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def _depth() -> Literal["standard", "256", "truecolor"]:
    """How many colours the terminal has, by its name."""
    if os.environ.get("COLORTERM", "").casefold() in ("truecolor", "24bit"):
        return "truecolor"
    return "256" if "256color" in os.environ.get("TERM", "") else "standard"


def _wrapped(text: Text, console: Console) -> Iterator[Text]:
    """The line broken between words, with the next lines indented under the first."""
    first = text.wrap(console, console.width)[0]
    yield first
    indent = " " * (len(text.plain) - len(text.plain.lstrip()) + _HANGING)
    rest = text[len(first.plain) :]
    rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
    for part in rest.wrap(console, max(console.width - len(indent), _NARROWEST)):
        yield type(part)(indent) + part


def _width(stream: TextIO) -> int | None:
    """The columns of the stream's terminal; `None`, where it does not say, leaves it to rich."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None
