"""Values that no output may show: they are replaced by `***` wherever they appear.

Templates and logins register the values; everything that is printed, saved or logged goes
through `mask`. There is one command in a process, and so one set of values.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar, cast
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 4
"""A shorter value would be found in other words by chance, and is not replaced."""

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MaskedData(Generic[T_co]):
    """A document in which no registered value is left. Only `masked_data` creates it."""

    document: T_co


_PART = 100
"""So many items of a list are searched at once: a report of many steps has a million values."""

_variants: tuple[str, ...] = ()
_pattern: re.Pattern[str] | None = None
# The variants as JSON spells them, case folded; `None` while a value is too short to be found.
_in_json: tuple[str, ...] | None = ()


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
    global _variants, _pattern, _in_json  # noqa: PLW0603 - one command, one set of values
    variants = set(_variants)
    for value in values:
        spellings = _spellings(value)
        variants |= spellings
        if not spellings:
            _in_json = None
    if len(variants) > len(_variants):
        _variants = tuple(sorted(variants, key=lambda text: (-len(text), text)))
        _pattern = re.compile("|".join(map(re.escape, _variants)), re.IGNORECASE)
        if _in_json is not None:
            _in_json = tuple({_json(text)[1:-1].casefold() for text in _variants})


def forget() -> None:
    """Replace nothing any more."""
    global _variants, _pattern, _in_json
    _variants, _pattern, _in_json = (), None, ()


def mask(text: str) -> str:
    """The text with `***` for every value that was registered, in whatever case."""
    # The last of the variants is the shortest: a token is longer than most texts.
    if _pattern is None or len(text) < len(_variants[-1]):
        return text
    # Salesforce stores usernames and email addresses in lower case.
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


def masked_data(document: T) -> MaskedData[T]:
    """As `masked`, for a whole document."""
    return MaskedData(masked(document))


def masked(value: T) -> T:
    """JSON values with every text masked, the keys of mappings excepted; a `Masked` is `***`.

    The parts of a long list that hold no registered value are not copied.
    """
    return cast("T", _masked(value))


def _masked(value: object) -> object:
    match value:
        case Masked():
            return MASK
        case str():
            return mask(value)
        case Mapping() | list() | tuple() if _pattern is None:
            return value
        case Mapping():
            return {key: _masked(item) for key, item in value.items()}
        case list() | tuple():
            parts = (value[at : at + _PART] for at in range(0, len(value), _PART))
            return [
                item for part in parts for item in (part if _is_clean(part) else map(_masked, part))
            ]
        case _:
            return value


def _is_clean(values: object) -> bool:
    """Whether it is certain, without a look at each text, that `masked` would change nothing.

    JSON spells each character by itself, so a value in a text is also in the text's JSON. Case
    folding finds whatever lower case finds.
    """
    if _in_json is None:
        return False  # there may be a `Masked` that cannot be found
    text = _json(values).casefold()
    return not any(value in text for value in _in_json)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, check_circular=False, default=_mapping)


def _mapping(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _spellings(value: str) -> set[str]:
    """A value, and each of its lines, as the formats of our outputs spell them; in lower case."""
    spellings: set[str] = set()
    for part in (value, value.strip(), *value.split("\n")):
        text = part.strip("\r")
        if len(text.strip()) < SHORTEST:
            continue
        spellings |= {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
        spellings |= {html.escape(text), html.escape(text, quote=False)}
        spellings |= {quote(text, safe=""), quote(text), quote_plus(text), repr(text)[1:-1]}
    return {text.lower() for text in spellings}
