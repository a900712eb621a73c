"""Limits of what a spec can give: how long a text is, how large a number, which characters."""

from __future__ import annotations

import re
from typing import Any

LONGEST = 131_072
"""The longest text that Salesforce stores in one field. (platform reference 3.1)"""
LARGEST = 10**100
"""No field has numbers of so many digits, and Python can still turn them into floats."""
DEEPEST = 50
"""How deeply lists and mappings can be nested."""

UNWRITABLE = re.compile(
    "[^\\t\\r\\n\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]"
)  # YAML 1.2, c-printable; nearly the same characters are allowed in XML


class LimitError(Exception):
    """A template would take too long, or give too much; the message says what of it."""


class Missing(Exception):  # noqa: N818 - an undefined name, which is reported elsewhere
    """`name` is not in the mapping `inside`, or is no scope at all when that is None."""

    def __init__(self, name: str, inside: Any) -> None:
        super().__init__(name)
        self.name = name
        self.inside = inside


def unwritable(text: str) -> str | None:
    """The first character of a text that cannot be stored, such as `U+0000`."""
    if text.isprintable():
        return None
    found = UNWRITABLE.search(text)
    return f"U+{ord(found[0]):04X}" if found else None
