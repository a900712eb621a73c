"""SOSL text to what it asks for: `FIND {words} IN ... FIELDS RETURNING ...` (SOSL guide)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from provisioner.emulator.base.errors import SalesforceError, not_served
from provisioner.emulator.soql import parse as soql

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUPS: Final = ("all", "email", "name", "phone", "sidebar")
_LONGEST: Final = 100_000  # as SOQL's: fact 730; of SOSL: guess
_FIND: Final = re.compile(
    r"\s*find\s*\{((?:[^\\{}&|!\[\]^~:'+-]|\\.)*)\}", re.IGNORECASE | re.DOTALL
)
_IN: Final = re.compile(r"\s*in\s+(all|name|email|phone|sidebar)\s+(\w+)", re.IGNORECASE)
# What needs no backslash, between quotation marks neither; `"`, `(`, `*` and `?` say something.
_PLAIN: Final = re.compile(r"(?:\\.|[^\\{}&|!\[\]^~:'+-])*", re.DOTALL)
_RETURNING: Final = re.compile(r"\s*returning\b", re.IGNORECASE)
_NAME: Final = re.compile(r"\s*([a-z]\w*)", re.IGNORECASE)
_LIMIT: Final = re.compile(r"\s*limit\s+(\d{1,9})\b", re.IGNORECASE)
_MORE: Final = re.compile(r"\s*(with|using|update|offset)\b", re.IGNORECASE)
_TOKEN: Final = re.compile(r"'(?:[^'\\]|\\.)*'|\w+|\S|\s+", re.DOTALL)
_UNIT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([()])|((?:[^\s()"\\]|\\.)+)', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_WORD: Final = re.compile(r"[\w*?]+")
_CLAUSES: Final = ("where", "using", "order", "limit", "offset")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand one behind the other in a field; `*` and `?` stand for other letters."""

    words: tuple[re.Pattern[str], ...]
    text: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions joined by `and`, `or` or `and not`."""

    word: str
    parts: tuple[Condition, ...]


Condition = Phrase | Joined


@dataclass(frozen=True, slots=True)
class Returned:
    """One object of RETURNING: what its query selects, its WHERE, and what comes behind."""

    sobject: str
    fields: str = "Id"
    where: str = ""
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """A whole search; nothing returned means the Ids of every object that can be searched."""

    condition: Condition
    group: str = "all"
    returned: tuple[Returned, ...] = ()
    limit: int | None = None


def parse(text: str) -> Search:
    """The search that `text` means; raises MALFORMED_SEARCH.

    Where no source is named, its words are a guess.
    """
    if len(text) > _LONGEST:
        raise malformed(f"SOSL statement cannot be longer than {_LONGEST} characters.")
    found = _FIND.match(text)
    if not found:
        raise _no_words(text)
    at, group, returned = found.end(), "all", []
    within = _IN.match(text, at)
    if within:
        if within[2].lower() != "fields":
            # a log of force-rest-api's tests against a real org [V]
            message = f"Malformed search token: {within[2]}"
            raise soql.refusal("MALFORMED_SEARCH", text, within.start(2) - 1, message)
        at, group = within.end(), within[1].lower()
    opened = _RETURNING.match(text, at)
    if opened:
        at = opened.end()
        while True:
            one, at = _returned(text, at)
            returned.append(one)
            if text[at:].lstrip()[:1] != ",":
                break
            at = text.index(",", at) + 1
    limited = _LIMIT.match(text, at)
    at = limited.end() if limited else at
    more = _MORE.match(text, at)
    if more:
        raise not_served(f"{more[1].upper()} of SOSL")
    if text[at:].strip():
        raise malformed(_unexpected(text, at))
    limit = int(limited[1]) if limited else None
    return Search(condition(found[1]), group, tuple(returned), limit)


def _no_words(text: str) -> SalesforceError:
    """Why there is no `FIND {words}`: texts and place as real orgs answered public clients [V].

    Which letters have to be escaped, and that an error occurs where one is not: SOSL guide [V].
    """
    begun = re.match(r"\s*find\b\s*(\{)?", text, re.IGNORECASE)
    if not begun:
        return malformed(_unexpected(text, 0))
    if not begun[1]:
        return malformed("No search term found. The search term must be enclosed in braces.")
    plain = _PLAIN.match(text, begun.end())
    at = plain.end() if plain else begun.end()
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at) - 1
    letter = text[at : at + 1] or "<EOF>"
    message = f"line {line}:{column} mismatched character '{letter}' expecting '}}'"
    return soql.refusal("MALFORMED_SEARCH", text, at - (column > 0), message)


def condition(text: str) -> Condition:
    """What the words between the braces ask of a record."""
    units = [_unit(found) for found in _UNIT.finditer(text)]
    made, left = _either(units)
    if left:
        raise malformed(f"unexpected token: '{left[0] if isinstance(left[0], str) else ''}'")
    return made


def malformed(message: str) -> SalesforceError:
    """The refusal of a search: its code as in the partner WSDL [V]."""
    return SalesforceError("MALFORMED_SEARCH", message)


def words_of(text: str) -> list[str]:
    """The words of a field, as they are indexed."""
    return re.findall(r"\w+", text.lower())


def _unit(found: re.Match[str]) -> str | Phrase:
    quoted, bracket, word = found.groups()
    if bracket:
        return str(bracket)
    if quoted is None and word.lower() in {"and", "or", "not"}:
        return str(word.lower())
    return _phrase(quoted if quoted is not None else word)


def _phrase(text: str) -> Phrase:
    # An escaped `*` or `?` is no wildcard, and no letter of a word either.
    plain = _ESCAPED.sub(lambda m: " " if m[1] in "*?" else m[1], text)
    words = _WORD.findall(plain.lower())
    if len("".join(words).replace("*", "").replace("?", "")) < 2:
        # a log of SalesforceLabs' Milestones PM [V]
        raise malformed(f"search term must be longer than one character: {text}")
    forms = (re.escape(word).replace(r"\*", r"\w*").replace(r"\?", r"\w") for word in words)
    return Phrase(tuple(re.compile(form) for form in forms), plain.strip())


def _either(units: list[str | Phrase]) -> tuple[Condition, list[str | Phrase]]:
    first, left = _both(units)
    parts = [first]
    while left and left[0] == "or":
        part, left = _both(left[1:])
        parts.append(part)
    return (parts[0] if len(parts) == 1 else Joined("or", tuple(parts))), left


def _both(units: list[str | Phrase]) -> tuple[Condition, list[str | Phrase]]:
    made, left = _one(units)
    while left and left[0] not in ("or", ")"):
        word = "and"
        if left[0] == "and":
            left = left[1:]
        if left and left[0] == "not":
            word, left = "and not", left[1:]
        part, left = _one(left)
        made = Joined(word, (made, part))
    return made, left


def _one(units: list[str | Phrase]) -> tuple[Condition, list[str | Phrase]]:
    match units:
        case [Phrase() as phrase, *left]:
            return phrase, left
        case ["(", *inner]:
            made, left = _either(inner)
            if left[:1] != [")"]:
                raise malformed("unexpected token: '<EOF>'")
            return made, left[1:]
        case [str(word), *_]:
            raise malformed(f"unexpected token: '{word}'")
        case _:
            raise malformed("unexpected token: '<EOF>'")


def _returned(text: str, at: int) -> tuple[Returned, int]:
    found = _NAME.match(text, at)
    if not found:
        raise malformed(_unexpected(text, at))
    name, at = found[1], found.end()
    rest = text[at:]
    if not rest.lstrip().startswith("("):
        return Returned(name), at
    start = at + len(rest) - len(rest.lstrip()) + 1
    depth = 1
    for token in _TOKEN.finditer(text, start):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if not depth:
            return _inside(name, text[start : token.start()]), token.end()
    raise malformed("unexpected token: '<EOF>'")


def _inside(name: str, body: str) -> Returned:
    """What stands in the brackets behind an object: fields, then clauses in their order."""
    starts = dict(_clauses(body))
    if "using" in starts:
        raise not_served("USING of SOSL")
    end = min(starts.values(), default=len(body))
    fields = body[:end].strip()
    if not fields:
        raise malformed(f"unexpected token: '{body.split(maxsplit=1)[0] if body.split() else ')'}'")
    after = min((at for word, at in starts.items() if word != "where"), default=len(body))
    where = body[starts["where"] + len("where") : after].strip() if "where" in starts else ""
    return Returned(name, fields, where, body[after:].strip())


def _clauses(body: str) -> Iterator[tuple[str, int]]:
    """Where each clause begins, outside of brackets and strings; the first of its kind counts."""
    depth, seen = 0, set()
    for token in _TOKEN.finditer(body):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        word = token[0].lower()
        if not depth and word in _CLAUSES and word not in seen:
            seen.add(word)
            yield word, token.start()


def _unexpected(text: str, at: int) -> str:
    found = re.compile(r"\s*(\w+|\S)").match(text, at)
    return f"unexpected token: '{found[1] if found else '<EOF>'}'"
