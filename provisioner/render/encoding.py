"""Output for terminals and pipes that cannot hold every character: readable, and never an error."""

# ruff: noqa: RUF001 - characters that look alike are what this module is about
from __future__ import annotations

import codecs
import io
import unicodedata
from collections.abc import Iterable, Iterator
from typing import TextIO

_HANDLER = "provisioner.readable"
_LIKE = {
    "‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-", "‘": "'", "’": "'", "‚": "'", "“": '"',
    "”": '"', "„": '"', "«": '"', "»": '"', "…": "...", "•": "*", "·": "-", "→": "->", "←": "<-",
    "↳": "->", "✓": "ok", "✗": "x", "×": "x", "€": "EUR", "ß": "ss", "ẞ": "SS", "æ": "ae",
    "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
    "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "\N{NO-BREAK SPACE}": " ",
    "│": "|", "─": "-", "┌": "+", "└": "+", "├": "+", "╭": "+", "╰": "+",
}  # fmt: skip


def prepare(*streams: TextIO) -> None:
    """Let each stream replace what its encoding lacks: by a letter like it, or by its escape."""
    codecs.register_error(_HANDLER, _replaced)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def is_unicode(stream: TextIO) -> bool:
    """Whether the stream can hold every character."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return codecs.lookup(encoding).name.startswith("utf")


def exact(pieces: Iterable[str], format_: str, stream: TextIO) -> Iterator[str]:
    """The pieces of a document as the stream can hold them without a loss.

    JSON, HTML and XML have escapes of their own; in other formats the stream replaces what it
    cannot hold.
    """
    if is_unicode(stream) or format_ not in ("json", "sarif", "html", "junit", "svg"):
        return iter(pieces)
    escape = _in_json if format_ in ("json", "sarif") else _in_markup
    return (piece if piece.isascii() else escape(piece) for piece in pieces)


def readable(text: str) -> str:
    """The text in ASCII."""
    return "".join(c if c.isascii() else _like(c) for c in text)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return readable(error.object[error.start : error.end]), error.end


def _like(character: str) -> str:
    if character in _LIKE:
        return _LIKE[character]
    plain = unicodedata.normalize("NFKD", character)
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    if letters and letters.isascii():
        return letters
    return character.encode("ascii", "backslashreplace").decode()


def _in_json(text: str) -> str:
    """JSON has characters beyond ASCII only inside strings."""
    data = text.encode("utf-16-be", "surrogatepass")
    units = (int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    return "".join(chr(unit) if unit < 0x80 else f"\\u{unit:04x}" for unit in units)


def _in_markup(text: str) -> str:
    return text.encode("ascii", "xmlcharrefreplace").decode()
