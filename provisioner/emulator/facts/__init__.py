"""What is known about Salesforce: a change to a fact that the code cites, or a new one, goes here.

Each JSON file holds the facts of one area, in the form that `facts.schema.json` describes. A fact
has a number that never changes, one sentence in our own words, the title and the public address
of its source, and how certain it is. Code cites it by number, as `fact 101` or `facts 101 and
102` in a comment or docstring.

Where a comment names its source itself, META is the Metadata API Developer Guide, "object
reference" the Object Reference for the Salesforce Platform, WSDL the metadata WSDL of
simple-salesforce or the partner WSDL, BF the plugin sfdx-browserforce-plugin, and KB an article of
help.salesforce.com. The marks [V], [Q], [I] and [U] stand for verified, quoted, inferred and
unverified.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA: Final = "facts.schema.json"
# How certain a fact is, strongest first, and what a rule that rests on it is called. Facts that
# Salesforce documents, that recordings of real orgs show, and that public code or logs of real
# orgs show are all verified.
LEVELS: Final[Mapping[str, str]] = {
    "documented": "verified", "recorded": "verified", "observed": "verified",
    "quoted": "quoted", "inferred": "inferred", "unverified": "unverified", "guess": "guess",
}  # fmt: skip
_CITATION: Final = re.compile(
    r"\b[Ff]acts?\s+(?:#\s+)?\d{3,4}\b(?:(?:,|\s+and)\s+(?:#\s+)?\d{3,4}\b)*"
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of the register; `area` is the name of its file."""

    number: int
    text: str
    source: str
    url: str
    certainty: str
    area: str

    @property
    def level(self) -> str:
        """What a rule is called that rests on this fact alone."""
        return LEVELS[self.certainty]


@lru_cache(maxsize=1)
def register() -> Mapping[int, Fact]:
    """Every fact by its number, in the order of the numbers."""
    facts: dict[int, Fact] = {}
    for area, document in documents().items():
        for entry in document["facts"]:
            if entry["number"] in facts:
                raise ValueError(f"two facts have the number {entry['number']}")
            facts[entry["number"]] = Fact(**entry, area=area)
    return MappingProxyType(dict(sorted(facts.items())))


def documents() -> dict[str, dict[str, Any]]:
    """The documents of all areas as they are stored, by the name of their area."""
    return {
        path.name.removesuffix(".json"): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(files(__name__).iterdir(), key=lambda path: path.name)
        if path.name.endswith(".json") and path.name != SCHEMA
    }


def cited(text: str) -> list[int]:
    """The numbers that a text cites, in order."""
    return [
        int(number)
        for citation in _CITATION.finditer(text)
        for number in re.findall(r"\d+", citation[0])
    ]
