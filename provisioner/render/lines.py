"""Lines of styled text: plain where nobody looks at colours, by rich where somebody does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from provisioner.render.words import visible

_HANGING = 4
Part = str | tuple[str, str]


class Line:
    """One line: plain strings, and (text, style) pairs with a style as rich names it.

    Nothing in them is left that a terminal would obey, whoever wrote it.
    """

    __slots__ = ("parts",)

    def __init__(self, *parts: Part) -> None:
        self.parts = tuple(
            visible(p) if isinstance(p, str) else (visible(p[0]), p[1]) for p in parts
        )

    def __str__(self) -> str:
        return "".join(p if isinstance(p, str) else p[0] for p in self.parts).rstrip()


def write(lines: Iterable[Line], stream: TextIO) -> None:
    """Print the lines, with colours on a terminal and without anywhere else.

    `NO_COLOR` and `TERM=dumb` are respected (rich does). Nothing is cut or wrapped in a
    pipe, so that every line can be searched.
    """
    if not stream.isatty():
        stream.writelines(f"{line}\n" for line in lines)
        stream.flush()
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False)
    for line in lines:
        text = Text.assemble(*line.parts)
        if text.cell_len <= console.width:
            console.print(text, markup=False, soft_wrap=True)
            continue
        # Broken between words, and what goes on stands under what began.
        indent = " " * (len(text.plain) - len(text.plain.lstrip()) + _HANGING)
        for number, part in enumerate(text.wrap(console, max(console.width - len(indent), 20))):
            console.print(Text(indent if number else "") + part, markup=False, soft_wrap=True)
