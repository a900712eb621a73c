"""Salesforce ids: 15 significant characters, and a checksum of their capitals to make 18."""

from __future__ import annotations

import re
from functools import lru_cache

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]
# Which of five characters are capitals, as 0 and 1 -> the checksum character.
_CAPITALS = str.maketrans({char: "1" if char.isupper() else "0" for char in _DIGITS})
_SUMS = {f"{i:05b}"[::-1]: char for i, char in enumerate(_CHECK)}
_FORM = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?\Z")


def make(prefix: str, number: int) -> str:
    """The 18-character id of the `number`-th record behind `prefix`."""
    high, low = divmod(number, len(_PAIRS))
    return checked(f"{prefix}Lo0{_seven(high)}{_PAIRS[low]}")


def checked(id15: str) -> str:
    """The 15 characters with their three checksum characters (fact 728)."""
    capitals = id15.translate(_CAPITALS)
    return id15 + _SUMS[capitals[:5]] + _SUMS[capitals[5:10]] + _SUMS[capitals[10:]]


def normal(text: object) -> str | None:
    """The 18-character form of an id, or None if `text` is not one.

    The checksum says which letters are capitals, so an 18-character id is read in any case.
    """
    return _normal(text) if isinstance(text, str) else None


def after(id15: str, count: int) -> str:
    """The 15-character id that many after this one, of the same kind."""
    number = 0
    for char in id15[3:]:
        number = number * len(_DIGITS) + _DIGITS.index(char)
    digits = ""
    number += count
    for _ in id15[3:]:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return id15[:3] + digits


@lru_cache(maxsize=16)
def _seven(number: int) -> str:
    digits = ""
    for _ in range(7):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


@lru_cache(maxsize=4096)
def _normal(text: str) -> str | None:
    if not _FORM.match(text):
        return None
    whole = checked(text[:15])
    if len(text) == 15 or whole == text:
        return whole
    letters = list(text[:15])
    for block, char in enumerate(text[15:].upper()):
        bits = _CHECK.find(char)
        if bits < 0:
            return None
        for i in range(5):
            at = block * 5 + i
            letters[at] = letters[at].upper() if bits >> i & 1 else letters[at].lower()
    return checked("".join(letters))
