"""Escape text for Markdown, so that it is no markup, link, mention or emoji. Pure.

An entity or a backslash does not keep GitHub from making `@name` a mention, as it looks for
those in the finished page; only code does. (github/markup and jch/html-pipeline, MentionFilter:
`pre`, `code`, `tt`, `a` and `style` are left alone)
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from provisioner.render.format import visible

_CODE = re.compile(r"`([^`]+)`")
_WORD = re.compile(r"""^([("']*)(.*?)([.,;:!?)"']*)$""")
# Letters and digits of any script, and marks that mean nothing inside a word.
_HARMLESS = re.compile(r"(?!www\.|GH-\d)(?:[^\W_]|[.,'%+=-])*", re.IGNORECASE)


def prose(text: str) -> str:
    """A sentence: what it has in backticks is code, and so is every word that could be markup."""
    shown = ""
    for i, part in enumerate(_CODE.split(visible(text))):
        more = code(part) if i % 2 else _words(part)
        # Where code meets code their backticks would become one run.
        shown += f" {more}" if shown.endswith("`") and more.startswith("`") else more
    return shown


def code(text: str, *, cell: bool = False) -> str:
    """The text as code in a line; in a `cell` of a table its bars are escaped."""
    shown = visible(text) or '""'
    ticks = "`" * (_longest_run(shown) + 1)
    if shown[0] in "` " or shown[-1] in "` ":
        # One space on each side is taken off again. (CommonMark 6.1)
        shown = f" {shown} "
    return f"{ticks}{shown}{ticks}".replace("|", "\\|") if cell else f"{ticks}{shown}{ticks}"


def fenced(lines: Iterable[str], language: str) -> str:
    """Lines as a block of code, which none of them ends."""
    shown = [visible(line) for line in lines]
    ticks = "`" * max(3, max(map(_longest_run, shown), default=0) + 1)
    return "\n".join([f"{ticks}{language}", *shown, ticks])


def _words(text: str) -> str:
    return "".join(
        part if part.isspace() else _word(part) for part in re.split(r"(\s+)", text) if part
    )


def _word(word: str) -> str:
    match = _WORD.match(word)
    assert match, "every word has a middle, if an empty one"
    before, middle, after = match.groups()
    shown = middle if _HARMLESS.fullmatch(middle) else code(middle)
    return f"{before}{shown}{after}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
