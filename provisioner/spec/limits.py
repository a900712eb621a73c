"""Limits of the values in a spec: the length of a text, the size of a number, the characters."""

from __future__ import annotations

import re

LONGEST = 131_072
"""The longest text that Salesforce stores in one field. (fact 404)"""
LARGEST = 10**100
"""No field has numbers of this size, and Python can still convert them to floats."""
DEEPEST = 50
"""How deeply lists and mappings can be nested."""

UNWRITABLE = re.compile(
    "[^\\t\\r\\n\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]"
)  # YAML 1.2, c-printable; nearly the same characters are allowed in XML


class LimitError(Exception):
    """A template would take too long or give too much; the message says which limit it exceeds."""


class MissingNameError(Exception):
    """`name` is not in the mapping `inside`; it is not a scope if that is `None`."""

    def __init__(self, name: str, inside: object) -> None:
        super().__init__(name)
        self.name = name
        self.inside = inside


def unwritable(text: str) -> str | None:
    """The first character of a text that cannot be stored, such as `U+0000`."""
    if text.isprintable():
        return None
    match = UNWRITABLE.search(text)
    return f"U+{ord(match[0]):04X}" if match else None
