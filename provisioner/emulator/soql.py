"""SOQL text to a syntax tree, with Salesforce's own words for what is wrong in it."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.errors import SalesforceError
from provisioner.emulator.soql_tree import (
    Among,
    Call,
    Compare,
    Condition,
    Fields,
    Join,
    Not,
    Query,
    Ref,
    Selected,
    Sort,
    Value,
)

if TYPE_CHECKING:
    from lark import Lark

    from provisioner.emulator.soql_tree import Kind


_LONGEST: Final = 100_000  # platform reference 8.1 [V]
_ELEMENT: Final = re.compile(r"'(?:[^'\\]|\\.)*'|[\w.:+-]+", re.DOTALL)
_TOKEN: Final = re.compile(r"'(?:[^'\\]|\\.)*'|\w+|.", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ELEMENT_FORMS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("number", re.compile(r"[+-]?\d+(\.\d+)?")),
    ("date", re.compile(r"\d{4}-\d\d-\d\d")),
    ("datetime", re.compile(r"\d{4}-\d\d-\d\d[Tt].+")),
)
_WINDOW: Final = 40  # how much of the query a refusal shows on each side, to whole words


def parse(text: str) -> Query:
    """The query that `text` means; raises MALFORMED_QUERY as Salesforce words it."""
    from lark.exceptions import UnexpectedInput

    if len(text) > _LONGEST:
        raise SalesforceError(
            "MALFORMED_QUERY", f"SOQL statement cannot be longer than {_LONGEST} characters."
        )
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise _unexpected(text, error) from None
    return _query(tree.children[0])


def refusal(code: str, text: str, at: int, message: str) -> SalesforceError:
    """An error that points into the query: snippet, caret, row and column (2.4 [V]).

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
    message = f"unexpected token: '{word}'"
    if not text[:at].strip():  # recorded without a position: platform reference 2.4 [V]
        return SalesforceError("MALFORMED_QUERY", message)
    return refusal("MALFORMED_QUERY", text, at, message)


def _query(tree: Any) -> Query:
    _select, what, _from, source, alias, *clauses = tree.children
    found = {clause.data: clause.children for clause in clauses if clause is not None}
    where, having = found.get("where"), found.get("having")
    return Query(
        selected=tuple(_selected(item) for item in what.children if what.data == "select_list"),
        counted=what.data == "count_all",
        source=str(source),
        source_at=source.start_pos,
        alias=str(alias) if alias else None,
        where=_condition(where[1]) if where else None,
        group=tuple(_ref(name) for name in found.get("group", ())[2:]),
        having=_condition(having[1]) if having else None,
        order=tuple(_sort(item) for item in found.get("order", ())[2:]),
        limit=int(found["limit"][1]) if "limit" in found else None,
        offset=int(found["offset"][1]) if "offset" in found else 0,
    )


def _selected(tree: Any) -> Selected | Fields:
    first = tree.children[0]
    alias = tree.children[1] if len(tree.children) > 1 else None
    match tree.data:
        case "select_fields":
            return Fields(re.split(r"[()]", first)[1].strip().lower(), first.start_pos)
        case "select_children":
            return Selected(_query(first))
        case "select_call":
            return Selected(_call(first), str(alias) if alias else None)
        case _:
            return Selected(_ref(first), str(alias) if alias else None)


def _condition(tree: Any) -> Condition:
    children = tree.children
    match tree.data:
        case "all_of":
            return Join("AND", tuple(_condition(child) for child in _trees(children)))
        case "any_of":
            return Join("OR", tuple(_condition(child) for child in _trees(children)))
        case "negated":
            return Not(_condition(children[1]))
        case "compared":
            operator = "!=" if children[1] == "<>" else str(children[1])
            return Compare(_operand(children[0]), operator, _value(children[2]))
        case "liked":
            return Compare(_operand(children[0]), "like", Value("string", _like(children[2])))
        case "listed" | "not_listed":
            values = tuple(_element(text) for text in _ELEMENT.findall(children[-1]))
            return Among(_operand(children[0]), values, tree.data == "not_listed")
        case _:
            return Among(_operand(children[0]), _query(children[-1]), tree.data == "not_joined")


def _trees(children: list[Any]) -> list[Any]:
    return [child for child in children if hasattr(child, "data")]


def _operand(tree: Any) -> Ref | Call:
    return _call(tree) if tree.data == "call" else _ref(tree.children[0])


def _call(tree: Any) -> Call:
    function, name = tree.children
    return Call(function.lower(), _ref(name), function.start_pos)


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
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), literal[1:-1], flags=re.DOTALL)


def _like(literal: str) -> str:
    """The pattern of LIKE, in which `\\%` and `\\_` stay escaped."""
    return re.sub(
        r"\\(.)",
        lambda m: m[0] if m[1] in "%_\\" else _ESCAPES.get(m[1], m[1]),
        literal[1:-1],
        flags=re.DOTALL,
    )


@lru_cache(maxsize=1)
def _parser() -> Lark:
    from lark import Lark

    grammar = (files("provisioner.emulator") / "soql.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", maybe_placeholders=True)
