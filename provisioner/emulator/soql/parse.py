"""SOQL text to a syntax tree, with Salesforce's own words for what is wrong in it."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NoReturn

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.soql.tree import (
    Among,
    Call,
    Compare,
    Condition,
    Fields,
    Includes,
    Join,
    Not,
    Query,
    Ref,
    Selected,
    Sort,
    TypeOf,
    Value,
)

if TYPE_CHECKING:
    from lark import Lark

    from provisioner.emulator.soql.tree import Kind


_LONGEST: Final = 100_000  # fact 730
_ELEMENT: Final = re.compile(r"'(?:[^'\\]|\\.)*'|[\w.:+-]+", re.DOTALL)
# What Salesforce has and the local org has not, just before the bracket of its arguments.
_CALLED: Final = re.compile(r"\b(distance|geolocation|rollup|cube)\s*$", re.IGNORECASE)
_TOKEN: Final = re.compile(r"'(?:[^'\\]|\\.)*'|\w+|.", re.DOTALL)
_BRANCH: Final = re.compile(r"[\w.]+|\S")
_BRANCH_WORDS: Final = frozenset({"when", "then", "else", "end"})
_PATH: Final = re.compile(r"[a-z_]\w*(\.[a-z_]\w*)*", re.IGNORECASE)
_ESCAPED: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPABLE: Final = frozenset("'\"\\_%")  # SOQL guide, "Quoted String Escape Sequences"
_DIGITS: Final = 9  # of a number after LIMIT or OFFSET that still makes a difference
_ESCAPES: Final = {
    "n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f",
    "N": "\n", "R": "\r", "T": "\t", "B": "\b", "F": "\f",
}  # fmt: skip
_ELEMENT_FORMS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("number", re.compile(r"[+-]?\d+(\.\d+)?")),
    ("date", re.compile(r"\d{4}-\d\d-\d\d")),
    ("datetime", re.compile(r"\d{4}-\d\d-\d\d[Tt].+")),
)
_WINDOW: Final = 40  # how much of the query a refusal shows on each side, to whole words


def parse(text: str) -> Query:
    """The query that `text` means; raises MALFORMED_QUERY as Salesforce words it."""
    if len(text) > _LONGEST:  # text: guess
        raise SalesforceError(
            "MALFORMED_QUERY", f"SOQL statement cannot be longer than {_LONGEST} characters."
        )
    return _cached(text) if len(text) <= _LONGEST_CACHED else _parsed(text)


def _parsed(text: str) -> Query:
    from lark.exceptions import UnexpectedInput

    try:
        text.encode()
        tree = _parser().parse(text)
        return _query(tree.children[0], text)
    except UnexpectedInput as error:
        raise _unexpected(text, error) from None
    except UnicodeEncodeError:
        raise SalesforceError(
            "MALFORMED_QUERY", "invalid character in the query"
        ) from None  # guess
    except RecursionError:
        raise too_complicated() from None


# Every page of a query parses it again, and its tree is frozen. The trees of long lists are large.
_LONGEST_CACHED: Final = 4_000
_cached = lru_cache(maxsize=256)(_parsed)


def too_complicated() -> SalesforceError:
    """The refusal of a query that is nested too deep: documentation of connectors quotes it [V]."""
    return SalesforceError(
        "QUERY_TOO_COMPLICATED",
        "Query is either selecting too many fields or the filter conditions are too complicated.",
    )


def refusal(code: str, text: str, at: int, message: str) -> SalesforceError:
    """An error that points into the query: snippet, caret, row and column (fact 714).

    A long query is shown from a whole word at most 40 characters before to the end of the word
    40 characters after, as in the few long examples found in public.
    """
    row = text.count("\n", 0, at) + 1
    line_start = text.rfind("\n", 0, at) + 1
    line_end = text.find("\n", at)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    column = at - line_start
    start = column - _WINDOW
    if start > 0:
        boundary = re.search(r"[\s,]", line[start - 1 : column])
        start = start + boundary.end() - 1 if boundary else column
        start += len(line[start:column]) - len(line[start:column].lstrip(" ,"))
    start = max(start, 0)
    rest = re.match(r"[^\s,]*", line[column + _WINDOW :])
    snippet = line[start : column + _WINDOW + (rest.end() if rest else 0)]
    caret = " " * (column - start) + "^"
    where = f"\n{snippet}\n{caret}\nERROR at Row:{row}:Column:{column + 1}\n"
    return SalesforceError(code, where + message)


def _unexpected(text: str, error: Any) -> SalesforceError:
    at = error.pos_in_stream
    if at >= len(text) or getattr(getattr(error, "token", None), "type", None) == "$END":
        return SalesforceError("MALFORMED_QUERY", "unexpected token: '<EOF>'")
    found = _TOKEN.match(text, at)
    assert found, "the position is inside the text"
    word = found.group()
    if word == "'":
        message = f"line 1:{len(text)} mismatched character '<EOF>' expecting '''"
        return SalesforceError("MALFORMED_QUERY", message)
    called = _CALLED.search(text, 0, at) if word == "(" else None
    if called:
        message = f"{called[1].upper()} is not served by the local org"
        return refusal("MALFORMED_QUERY", text, called.start(1), message)
    message = f"unexpected token: '{word}'"
    if not text[:at].strip():  # recorded without a position: fact 714
        return SalesforceError("MALFORMED_QUERY", message)
    return refusal("MALFORMED_QUERY", text, at, message)


def _query(tree: Any, text: str) -> Query:
    _select, what, _from, source, alias, *clauses, all_rows = tree.children
    found = {clause.data: clause.children for clause in clauses if clause is not None}
    where, having = found.get("where"), found.get("having")
    if all_rows is not None:
        # words as remembered of the REST API [U]
        message = "ALL ROWS not allowed in this context"
        raise refusal("MALFORMED_QUERY", text, all_rows.start_pos, message)
    if "update" in found:
        _not_served(text, found["update"][0])
    return Query(
        selected=tuple(
            _selected(item, text) for item in what.children if what.data == "select_list"
        ),
        counted=what.data == "count_all",
        source=str(source),
        source_at=source.start_pos,
        alias=str(alias) if alias else None,
        where=_condition(where[1], text) if where else None,
        group=tuple(_operand(item) for item in found.get("group", ())[2:]),
        having=_condition(having[1], text) if having else None,
        order=tuple(_sort(item) for item in found.get("order", ())[2:]),
        limit=_whole(found["limit"][1]) if "limit" in found else None,
        offset=_whole(found["offset"][1]) if "offset" in found else 0,
        using=str(found["using"][2]).lower() if "using" in found else None,
        purposes=frozenset(word.lower() for word in found.get("purpose", ())[1::2]),
    )


def _not_served(text: str, token: Any) -> NoReturn:
    """Refuses what Salesforce has and the local org has not, and says so."""
    name = token.split()[0].upper()
    message = f"{name} is not served by the local org"
    raise refusal("MALFORMED_QUERY", text, token.start_pos, message)


def _whole(token: Any) -> int:
    digits = token.lstrip("0") or "0"
    return int(digits) if len(digits) <= _DIGITS else 10**_DIGITS


def _selected(tree: Any, text: str) -> Selected | Fields | TypeOf:
    first = tree.children[0]
    alias = tree.children[1] if len(tree.children) > 1 else None
    match tree.data:
        case "select_fields":
            return Fields(re.split(r"[()]", first)[1].strip().lower(), first.start_pos)
        case "select_typeof":
            return _typeof(first, text)
        case "select_children":
            return Selected(_query(first, text))
        case "select_call":
            return Selected(_call(first), str(alias) if alias else None)
        case _:
            return Selected(_ref(first), str(alias) if alias else None)


def _typeof(token: Any, text: str) -> TypeOf:
    """What the one token of a TYPEOF says (SOQL guide, "TYPEOF" [V])."""
    words = [(found[0], token.start_pos + found.start()) for found in _BRANCH.finditer(token)]
    relationship = words[1][0]
    cases: list[tuple[str, tuple[Ref, ...]]] = []
    default: tuple[Ref, ...] = ()
    at = 2
    while words[at][0].lower() == "when":
        fields, end = _fields_of(words, at + 3, text)
        if words[at + 2][0].lower() != "then":
            raise _misplaced(text, words[at + 2])
        cases.append((words[at + 1][0], fields))
        at = end
    if words[at][0].lower() == "else":
        default, at = _fields_of(words, at + 1, text)
    if at != len(words) - 1 or words[at][0].lower() != "end":
        raise _misplaced(text, words[at])
    return TypeOf(relationship, tuple(cases), default, words[1][1])


def _fields_of(words: list[tuple[str, int]], at: int, text: str) -> tuple[tuple[Ref, ...], int]:
    """The fields from a word on, joined by commas, and where they end."""
    fields = []
    while at < len(words) - 1:
        word, place = words[at]
        if not _PATH.fullmatch(word) or word.lower() in _BRANCH_WORDS:
            raise _misplaced(text, words[at])
        fields.append(Ref(tuple(word.split(".")), place))
        if words[at + 1][0] != ",":
            return tuple(fields), at + 1
        at += 2
    raise _misplaced(text, words[-1])


def _misplaced(text: str, word: tuple[str, int]) -> SalesforceError:
    return refusal("MALFORMED_QUERY", text, word[1], f"unexpected token: '{word[0]}'")


def _condition(tree: Any, text: str) -> Condition:
    children = tree.children
    match tree.data:
        case "all_of":
            return Join("AND", tuple(_condition(child, text) for child in _trees(children)))
        case "any_of":
            return Join("OR", tuple(_condition(child, text) for child in _trees(children)))
        case "negated":
            return Not(_condition(children[1], text))
        case "compared":
            operator = "!=" if children[1] == "<>" else str(children[1])
            return Compare(_operand(children[0]), operator, _value(children[2]))
        case "liked":
            return Compare(_operand(children[0]), "like", Value("string", _like(children[2])))
        case "listed" | "not_listed":
            values = tuple(_element(part) for part in _ELEMENT.findall(children[-1]))
            return Among(_operand(children[0]), values, tree.data == "not_listed")
        case "included" | "excluded":
            values = tuple(_element(part) for part in _ELEMENT.findall(children[-1]))
            return Includes(_operand(children[0]), values, tree.data == "excluded")
        case _:
            inner = _query(children[-1], text)
            return Among(_operand(children[0]), inner, tree.data == "not_joined")


def _trees(children: list[Any]) -> list[Any]:
    return [child for child in children if hasattr(child, "data")]


def _operand(tree: Any) -> Ref | Call:
    return _call(tree) if tree.data == "call" else _ref(tree.children[0])


def _call(tree: Any) -> Call:
    function, of = tree.children
    inner = _call(of) if hasattr(of, "data") else _ref(of)
    return Call(function.lower(), inner, function.start_pos)


def _ref(token: Any) -> Ref:
    return Ref(tuple(part.strip() for part in token.split(".")), token.start_pos)


def _sort(tree: Any) -> Sort:
    operand, direction, nulls = tree.children
    return Sort(
        _operand(operand),
        descending=direction is not None and direction.lower() == "desc",
        nulls_last=nulls is not None and nulls.lower().endswith("last"),
    )


def _value(token: Any) -> Value:
    match token.type:
        case "STRING":
            return Value("string", _unescape(token))
        case "TRUE" | "FALSE":
            return Value("boolean", token.lower())
        case kind:
            return Value(kind.lower(), str(token))


def _element(text: str) -> Value:
    """One literal of a list, which the lexer took whole."""
    if text.startswith("'"):
        return Value("string", _unescape(text))
    lower = text.lower()
    if lower in {"true", "false"}:
        return Value("boolean", lower)
    if lower == "null":
        return Value("null", text)
    for kind, form in _ELEMENT_FORMS:
        if form.fullmatch(text):
            return Value(kind, text)
    return Value("relative", text)


def _unescape(literal: str) -> str:
    return _ESCAPED.sub(_unescaped, literal[1:-1])


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    letter = found[2]
    if letter not in _ESCAPES and letter not in _ESCAPABLE:
        # the Apex compiler's messages [V], which reads the same literals: [I]
        raise SalesforceError(
            "MALFORMED_QUERY",
            f"Invalid string literal '{found.string}'."
            f" Illegal character sequence '\\{letter}' in string literal.",
        )
    return _ESCAPES.get(letter, letter)


def _like(literal: str) -> str:
    """The pattern of LIKE, in which `\\%` and `\\_` stay escaped."""
    return _ESCAPED.sub(lambda m: m[0] if m[2] and m[2] in "%_\\" else _unescaped(m), literal[1:-1])


@lru_cache(maxsize=1)
def _parser() -> Lark:
    from lark import Lark

    grammar = (files("provisioner.emulator.soql") / "grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", maybe_placeholders=True)
