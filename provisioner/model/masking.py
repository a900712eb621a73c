"""Values that no output may show: they are replaced by `***` wherever they appear.

Templates and logins register the values; everything that is printed, saved or logged goes
through `mask`. There is one command in a process, and so one set of values.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 4
"""A shorter value would be found in other words by chance, and is not replaced."""

_variants: tuple[str, ...] = ()
_pattern: re.Pattern[str] | None = None


class Masked(str):
    """A text that contains a value of the process environment that outputs must not show."""

    __slots__ = ()


class MaskedUseError(Exception):
    """A template does more with a masked value than to write it out."""

    def __init__(self) -> None:
        super().__init__("a value that is not listed as plain can only be written as it is")


class Opaque:
    """A masked value as templates have it: it can be written out, and nothing else."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = Masked(text)

    def _refuse(self, *_: object) -> NoReturn:
        raise MaskedUseError

    __str__ = __repr__ = __bool__ = __len__ = __iter__ = __int__ = __float__ = _refuse
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __getitem__ = __html__ = _refuse
    __hash__ = _refuse


def remember(values: Iterable[str]) -> None:
    """Replace these values in every output from now on."""
    global _variants, _pattern  # noqa: PLW0603 - one command, one set of values
    found = set(_variants)
    for value in values:
        found |= _spellings(value)
    if len(found) > len(_variants):
        _variants = tuple(sorted(found, key=lambda text: (-len(text), text)))
        _pattern = re.compile("|".join(map(re.escape, _variants)), re.IGNORECASE)


def forget() -> None:
    """Replace nothing any more."""
    global _variants, _pattern
    _variants, _pattern = (), None


def mask(text: str) -> str:
    """The text with `***` for every value that was registered, in whatever case."""
    # The last of the variants is the shortest: a token is longer than most texts.
    if _pattern is None or len(text) < len(_variants[-1]):
        return text
    # Salesforce stores usernames and e-mail addresses in lower case.
    lower = text.lower()
    if not any(value in lower for value in _variants):
        return text
    return _pattern.sub(MASK, text)


def is_active() -> bool:
    """Whether any value is registered."""
    return _pattern is not None


def is_masked(text: str) -> bool:
    """Whether `mask` would replace a part of the text."""
    return mask(text) != text


def masked(value: Any) -> Any:
    """JSON values with every text masked, the keys of mappings excepted; a `Masked` is `***`."""
    # By the exact type first: a report of many steps has a million values.
    kind = type(value)
    if kind is str:
        return mask(value)
    if kind is dict or isinstance(value, Mapping):
        return {key: masked(item) for key, item in value.items()} if _pattern else value
    if kind is list or kind is tuple:
        return [masked(item) for item in value] if _pattern else value
    if isinstance(value, Masked):
        return MASK
    return mask(value) if isinstance(value, str) else value


def _spellings(value: str) -> set[str]:
    """A value, and each of its lines, as the formats of our outputs spell them; in lower case."""
    found: set[str] = set()
    for part in (value, value.strip(), *value.split("\n")):
        text = part.strip("\r")
        if len(text.strip()) < SHORTEST:
            continue
        found |= {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
        found |= {html.escape(text), html.escape(text, quote=False)}
        found |= {quote(text, safe=""), quote(text), quote_plus(text), repr(text)[1:-1]}
    return {text.lower() for text in found}
